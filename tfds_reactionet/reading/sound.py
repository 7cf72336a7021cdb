"""Sound of a release, of a file or of a video, as samples of one kind (docs/method.md 9.10).

WAV files are read by SciPy. All else, and the track of a video, is read by the program ffmpeg,
which knows every format and is no dependency: a release of WAV files does without it.
"""

import io
import math
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from scipy.io import wavfile
from scipy.signal import resample_poly

from drr_jax import limits
from drr_jax.errors import InputError

RATE = 16_000  # samples a second
WAV = ".wav"
SOUND_SUFFIXES = (WAV, ".m4a", ".aac", ".mp3", ".flac", ".ogg", ".opus")
PROGRAM = "ffmpeg"
_LOUDEST = 1e6  # of floating-point samples, whose full scale is 1
_FROM_START = "aresample=async=1:first_pts=0"  # silence until a track that begins later
_NO_TRACK = b"matches no streams"  # ffmpeg's words of a video without sound

Samples = Float32[np.ndarray, "samples"]  # of one channel, full scale is 1


class BadSoundError(ValueError):
    """A sound that does not decode, or has more than drr_jax/limits.py allows."""


def check_program(path: Path) -> None:
    """Raises InputError if `path` is a file that takes ffmpeg, and ffmpeg is not on the PATH."""
    if path.suffix.lower() != WAV and shutil.which(PROGRAM) is None:
        raise InputError(
            f"{path}: its sound is read by the program {PROGRAM}, which is not on the PATH; "
            f"install it, or put a {WAV} file beside the frames"
        )


def read_sound(path: Path) -> Samples:
    """The mean of a file's channels, RATE samples a second; nothing of a video without sound.

    Raises BadSoundError for a file that does not decode, InputError as `check_program`.
    """
    check_program(path)
    return _read_wav(path) if path.suffix.lower() == WAV else _read_by_program(path)


def _read_wav(path: Path) -> Samples:
    try:
        if path.stat().st_size > limits.SOUND_BYTES:
            raise BadSoundError(f"more than {limits.SOUND_BYTES} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks beside the sound
            cut_short = "Reached EOF prematurely"
            warnings.filterwarnings("error", cut_short, wavfile.WavFileWarning)
            rate, values = wavfile.read(io.BytesIO(_with_length(path.read_bytes())))
    except BadSoundError:
        raise
    except Exception as error:  # SciPy leaves a damaged header to struct and NumPy
        raise BadSoundError(f"no WAV file ({type(error).__name__}: {error})") from error
    low, high = limits.SOUND_RATES
    if not low <= rate <= high:
        raise BadSoundError(f"{rate} samples a second; expected {low} to {high}")
    if len(values) > limits.SOUND_SECONDS * rate:
        raise BadSoundError(f"longer than {limits.SOUND_SECONDS} seconds")
    if not len(values):
        return np.zeros(0, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        samples = values.astype(np.float32)
    if values.dtype.kind == "u":  # 8 bits
        samples -= 128
    if values.dtype.kind in "iu":
        samples /= 2 ** (8 * values.dtype.itemsize - 1)
    samples = samples if samples.ndim == 1 else samples.mean(1)
    if not (abs(samples) <= _LOUDEST).all():
        raise BadSoundError("a sample is no number, or far out of range")
    common = math.gcd(RATE, rate)
    return resample_poly(samples, RATE // common, rate // common).astype(np.float32)


def _with_length(content: bytes) -> bytes:
    """A WAV file whose header gives its length. A program that writes it into a pipe does not know
    it, and gives one that no file has (ffmpeg, SoX): then all that follows is sound."""
    at = 12
    while content[:4] == b"RIFF" and at + 8 < len(content):
        kind, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if kind == b"data" and size > limits.SOUND_BYTES:
            whole, left = ((len(content) - gone).to_bytes(4, "little") for gone in (8, at + 8))
            return b"RIFF" + whole + content[8 : at + 4] + left + content[at + 8 :]
        at += 8 + size + size % 2  # chunks begin at even places
    return content


def _read_by_program(path: Path) -> Samples:
    most = limits.SOUND_SECONDS
    command = [
        *(PROGRAM, "-nostdin", "-v", "error"),
        *("-protocol_whitelist", "file", "-i", f"file:{path}"),  # a list of addresses opens none
        *("-map", "0:a:0", "-af", _FROM_START, "-ac", "1", "-ar", str(RATE)),
        *("-t", str(most + 1), "-f", "s16le", "-"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limits.SOUND_DECODE_SECONDS)
    except subprocess.TimeoutExpired:
        slow = limits.SOUND_DECODE_SECONDS
        raise BadSoundError(f"{PROGRAM} took more than {slow} seconds") from None
    if done.returncode and _NO_TRACK in done.stderr:
        return np.zeros(0, np.float32)
    if done.returncode:
        said = done.stderr.decode(errors="replace").split("\n")[0][:200]
        raise BadSoundError(f"{PROGRAM}: {said or f'exit status {done.returncode}'}")
    samples = np.frombuffer(done.stdout[: len(done.stdout) // 2 * 2], "<i2")
    if len(samples) > most * RATE:
        raise BadSoundError(f"longer than {most} seconds")
    return samples.astype(np.float32) / 2**15
