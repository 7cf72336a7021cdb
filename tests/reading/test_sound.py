"""Sound: files of every kind as samples, spectrograms against NumPy, and what is before a frame."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from drr_jax import limits
from drr_jax.errors import InputError
from tfds_reactionet.reading import sound, spectrogram

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")


def tone(hertz: float, seconds: float = 1.0, rate: int = sound.RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def reference(samples: np.ndarray) -> np.ndarray:
    """Log-mel values step by step and band by band, by sums over samples; mel by log10."""

    def mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)

    edges = mel(125) + np.arange(66) * (mel(7500) - mel(125)) / 65
    hertz = np.arange(257) * 16_000 / 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    rows = []
    for start in range(0, len(samples) - 399, 160):
        size = abs(waves @ (samples[start : start + 400] * hann))
        row = []
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            total = 0.0
            for at, value in zip(mel(hertz[1:]), size[1:], strict=True):
                if low < at <= middle:
                    total += value * (at - low) / (middle - low)
                elif middle < at < high:
                    total += value * (high - at) / (high - middle)
            row.append(np.log(total + 0.01))
        rows.append(row)
    return np.array(rows)


def test_log_mel_equals_sums_over_samples() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 400 + 3 * 160 + 7)
    samples[:500] += tone(440)[:500] / 2
    found = spectrogram.log_mel(samples)
    assert found.shape == (4, 64)
    np.testing.assert_allclose(found, reference(samples), atol=2e-3)
    assert spectrogram.log_mel(samples[:399]).shape == (0, 64)
    assert spectrogram.log_mel(samples[:400]).shape == (1, 64)


def test_blocks_of_steps_are_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, 16_000)
    whole = spectrogram.log_mel(samples)
    monkeypatch.setattr(spectrogram, "BLOCK", 7)
    np.testing.assert_array_equal(spectrogram.log_mel(samples), whole)


def test_levels_keep_the_range_of_sounds() -> None:
    low, high = spectrogram.LEVEL_RANGE
    assert spectrogram.to_levels(np.array([[low - 1, low, high, 99]], np.float32)).tolist() == [
        [1, 1, 255, 255]
    ]
    for samples in (tone(1000), np.random.default_rng(0).uniform(-1, 1, 16_000), np.ones(16_000)):
        levels = spectrogram.to_levels(spectrogram.log_mel(samples))
        assert levels.min() >= 1 and levels.max() < 255
    logarithms = np.linspace(low, high, 999, dtype=np.float32)[None]
    back = low + (spectrogram.to_levels(logarithms) - 1.0) / 254 * (high - low)
    assert abs(back - logarithms).max() <= (high - low) / 254 / 2 + 1e-5


@pytest.mark.parametrize("fps", [25, 30, 5, 29.97])
def test_a_window_ends_with_its_frame_and_knows_nothing_later(fps: float) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 5 * sound.RATE)
    for frame in (round(1.5 * fps), round(3 * fps)):
        end = frame / fps
        found = spectrogram.window_before(levels_of(samples), end)
        after, just_before = samples.copy(), samples.copy()
        after[int(np.floor(end * sound.RATE)) :] = 0.9
        just_before[int(end * sound.RATE) - 200 : int(end * sound.RATE) - 160] = 0.9
        assert found.all()
        np.testing.assert_array_equal(spectrogram.window_before(levels_of(after), end), found)
        moved = spectrogram.window_before(levels_of(just_before), end)
        assert (moved[-1] != found[-1]).any() and (moved[:-3] == found[:-3]).all()


def levels_of(samples: np.ndarray) -> np.ndarray:
    return spectrogram.to_levels(spectrogram.log_mel(samples))


def test_steps_that_a_sound_does_not_have_are_0() -> None:
    levels = levels_of(tone(500, 2.0))
    assert len(levels) == 198
    for seconds, first, count in ((0.024, 96, 0), (0.025, 95, 1), (0.5, 48, 48), (2.5, 0, 46)):
        found = spectrogram.window_before(levels, seconds)
        known = np.flatnonzero(found.any(1))
        assert found.shape == (96, 64) and len(known) == count
        assert count == 0 or (known[0] == first and known[-1] == first + count - 1)
    for seconds in (-1.0, 0.0, 3.0, 1e9):
        assert not spectrogram.window_before(levels, seconds).any()


FORMS = {
    "8 bits": lambda x: np.rint(x * 127 + 128).astype(np.uint8),
    "16 bits": lambda x: np.rint(x * 32767).astype(np.int16),
    "32 bits": lambda x: np.rint(x * (2**31 - 1)).astype(np.int32),
    "floats": lambda x: x.astype(np.float32),
    "stereo": lambda x: np.rint(np.stack([x, 0 * x], 1) * 2 * 32767 / 2).astype(np.int16),
}


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("form", FORMS)
def test_wav_of_every_form_is_the_same_sound(tmp_path: Path, form: str, rate: int) -> None:
    wavfile.write(tmp_path / "a.wav", rate, FORMS[form](0.5 * tone(440, 0.5, rate)))
    found = sound.read_sound(tmp_path / "a.wav")
    expected = 0.5 * tone(440, 0.5) / (2 if form == "stereo" else 1)
    assert found.dtype == np.float32 and abs(len(found) - 8000) <= 1
    np.testing.assert_allclose(found[400:7600], expected[400:7600], atol=0.012)


def damage(path: Path) -> dict[str, bytes]:
    wavfile.write(path, sound.RATE, np.zeros(4000, np.int16))
    whole = path.read_bytes()
    wavfile.write(path, 100, np.zeros(4000, np.int16))
    slow = path.read_bytes()
    wavfile.write(path, sound.RATE, np.full(4000, np.nan, np.float32))
    return {
        "half": whole[:3000],
        "empty": b"",
        "text": b"no sound at all, " * 9,
        "header alone": whole[:20],
        "no channels": whole[:22] + b"\0\0" + whole[24:],
        "slow": slow,
        "no number": path.read_bytes(),
    }


def test_damaged_wav_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    for content in damage(path).values():
        path.write_bytes(content)
        with pytest.raises(sound.BadSoundError):
            sound.read_sound(path)
    with pytest.raises(sound.BadSoundError):
        sound.read_sound(tmp_path / "absent.wav")
    wavfile.write(path, sound.RATE, np.zeros(4000, np.int16))
    assert len(sound.read_sound(path)) == 4000
    wavfile.write(tmp_path / "none.wav", sound.RATE, np.zeros(0, np.int16))
    assert len(sound.read_sound(tmp_path / "none.wav")) == 0
    monkeypatch.setattr(limits, "SOUND_SECONDS", 0.2)
    with pytest.raises(sound.BadSoundError, match=r"longer than 0.2 seconds"):
        sound.read_sound(path)
    monkeypatch.setattr(limits, "SOUND_BYTES", 8000)
    with pytest.raises(sound.BadSoundError, match=r"more than 8000 bytes"):
        sound.read_sound(path)


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000])  # ffmpeg's and SoX's
@pytest.mark.parametrize("form", FORMS)
def test_wav_written_into_a_pipe_is_read_to_its_end(tmp_path: Path, form: str, length: int) -> None:
    path = tmp_path / "a.wav"
    wavfile.write(path, 16_000, FORMS[form](0.5 * tone(440, 0.5)))
    whole, content = sound.read_sound(path), path.read_bytes()
    start = content.index(b"data")
    content = content[:start] + b"LIST\x05\0\0\0ISFT.\0" + content[start:]  # of an odd length
    at = content.index(b"data") + 4
    length_of = {4: length + at if length < 2**31 else length, at: length}
    for place, value in length_of.items():
        content = content[:place] + value.to_bytes(4, "little") + content[place + 4 :]
    path.write_bytes(content)
    np.testing.assert_array_equal(sound.read_sound(path), whole)


def run_ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True)


@needs_ffmpeg
def test_m4a_and_a_video_are_read_by_ffmpeg(tmp_path: Path) -> None:
    wave, picture = tmp_path / "a.wav", ("-f", "lavfi", "-i", "color=s=32x32:d=1")
    wavfile.write(wave, 44_100, FORMS["16 bits"](0.5 * tone(440, 1.0, 44_100)))
    run_ffmpeg("-i", str(wave), str(tmp_path / "a.m4a"))
    run_ffmpeg(*picture, "-i", str(wave), "-shortest", str(tmp_path / "heard.mp4"))
    run_ffmpeg(*picture, str(tmp_path / "mute.mp4"))
    expected = levels_of(sound.read_sound(wave)).astype(int)
    for name in ("a.m4a", "heard.mp4"):
        found = levels_of(sound.read_sound(tmp_path / name)).astype(int)
        length = min(len(found), len(expected), 90)
        peaks = found[5:length].argmax(1)
        assert length >= 80 and abs(peaks - expected[5:length].argmax(1)).max() <= 1
        assert abs(found[5:length].max(1) - expected[5:length].max(1)).max() <= 5
    assert len(sound.read_sound(tmp_path / "mute.mp4")) == 0
    (tmp_path / "b.m4a").write_bytes((tmp_path / "a.m4a").read_bytes()[:200])
    with pytest.raises(sound.BadSoundError, match="ffmpeg: "):
        sound.read_sound(tmp_path / "b.m4a")


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["mp4", "mkv", "mov"])
def test_a_track_that_begins_later_is_heard_later(tmp_path: Path, kind: str) -> None:
    """Else each frame would have a sound of its future."""
    wave, video = tmp_path / "a.wav", tmp_path / f"late.{kind}"
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=2")
    late = ("-itsoffset", "0.6", "-i", str(wave), "-map", "0:v", "-map", "1:a")
    wavfile.write(wave, 16000, (9000 * np.sin(np.arange(16000) / 6)).astype(np.int16))
    run_ffmpeg(*picture, *late, str(video))
    onset = np.argmax(np.abs(sound.read_sound(video)) > 0.1) / sound.RATE
    assert onset == pytest.approx(0.6, abs=0.03)


@needs_ffmpeg
def test_what_ffmpeg_may_take_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wavfile.write(tmp_path / "a.wav", sound.RATE, np.zeros(3 * sound.RATE, np.int16))
    run_ffmpeg("-i", str(tmp_path / "a.wav"), str(tmp_path / "a.flac"))
    monkeypatch.setattr(limits, "SOUND_SECONDS", 1)
    with pytest.raises(sound.BadSoundError, match="longer than 1 seconds"):
        sound.read_sound(tmp_path / "a.flac")
    monkeypatch.setattr(limits, "SOUND_DECODE_SECONDS", 1e-4)
    with pytest.raises(sound.BadSoundError, match="took more than"):
        sound.read_sound(tmp_path / "a.flac")


def test_without_ffmpeg_only_wav_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(b"")
    with pytest.raises(InputError, match=r"a.m4a: its sound is read by the program ffmpeg, which"):
        sound.read_sound(tmp_path / "a.m4a")
    wavfile.write(tmp_path / "a.wav", sound.RATE, np.zeros(40, np.int16))
    assert len(sound.read_sound(tmp_path / "a.wav")) == 40
