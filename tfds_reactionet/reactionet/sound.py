"""The sound of a ReactioNet sequence: which file has it, and when in it a frame is shown."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.facs import SPECTROGRAM
from tfds_reactionet import reading
from tfds_reactionet.building import Options
from tfds_reactionet.reactionet import layout

FPS = 25.0  # docs/method.md 2.2
NO_TRACK = "sequence without a sound (it is masked where audio is learnt)"


@dataclass(frozen=True)
class Track:
    """The sound of a sequence; read at the first frame, and kept as levels."""

    files: tuple[Path, ...]  # the first that has sound counts; (): there is none
    fps: float
    start: int  # number of the frame at which it begins

    @property
    def file(self) -> str:
        return str(self.files[0]) if self.files else ""

    def before(self, frame: int) -> np.ndarray:
        """Levels [steps, bands] of what was heard until the frame is gone: nothing after it, which
        the face could not have heard. Raises BadSoundError."""
        levels, damage = self._read
        if damage:
            raise reading.BadSoundError(damage)
        return reading.window_before(levels, (frame - self.start + 1) / self.fps)

    @functools.cached_property
    def _read(self) -> tuple[np.ndarray, str]:
        """Levels of all of it, and what is wrong with it, so that either is found out once."""
        nothing = np.zeros((0, SPECTROGRAM[1]), np.uint8)
        for path in self.files:
            try:
                samples = reading.read_sound(path)
            except reading.BadSoundError as error:
                return nothing, str(error)
            if len(samples):
                return reading.to_levels(reading.log_mel(samples)), ""
        return nothing, ""


def find_track(
    sequence: layout.Sequence, options: Options, numbers: Sequence[int], rendered: float
) -> Track:
    """The sound of a sequence whose reaction images have these `numbers`.

    `rendered` is the rate of a rendered release, 0 of others. Raises InputError for a video whose
    rate is not known.
    """
    fps, video = options["fps"] or rendered, layout.find_video(sequence, "reaction")
    if not fps:
        fps = FPS if video is None else reading.frame_rate(video, "fps")
    start = options["audio_start"]
    if start is None:
        start = min([1, *numbers])
    return Track(layout.find_sound(sequence, options["audio"]), fps, start)


def check(root: Path, sequences: Sequence[layout.Sequence], name: str) -> None:
    """Raises InputError if no sequence has a sound, or one's takes a program that is not there."""
    if not files.is_name(name):
        raise InputError(f"audio={name!r}: expected the name of a file, without its ending")
    found = [layout.find_sound(sequence, name) for sequence in sequences]
    if not any(found):
        raise InputError(
            f"{root}: no sequence has a sound; expected {name}.wav or {name}.m4a beside its "
            "images, or a video of a side; --audio gives another name"
        )
    for path in {path.suffix.lower(): path for paths in found for path in paths}.values():
        reading.check_program(path)


def rendered_rate(root: Path) -> float:
    """Frames a second of a rendered release, 0 of another one."""
    path = root / layout.RENDERED
    try:
        return float(files.read_json(path)["dials"]["fps"]) if path.is_file() else 0.0
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error})") from None
