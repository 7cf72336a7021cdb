"""Sounds of the demo release: music of the sub-scene, and from the event on what is heard of it.

An event sounds as its viewers mostly feel: laughter, a crash, low tones that fall, a buzz, a
tremolo, wet noise; in pitch and pace as no other event. It goes on, ever more quietly, for a face
answers late, and what is heard then is no longer the beginning. All of it is invented.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16
from scipy.io import wavfile
from scipy.signal import butter, sosfilt

from tfds_reactionet.demo.affect import Course, leading
from tfds_reactionet.demo.content import SUB_SCENES

RATE = 16_000  # samples a second
MUSIC, EVENT, HISS = 0.05, 0.5, 0.002  # loudness, of 1
FADES, STAYS = 1.5, 0.35  # seconds in which an event grows quiet, and what is left of it
MINOR, MAJOR = (1, 1.189, 1.498), (1, 1.26, 1.498)  # a chord's frequencies over its root
SEMITONE = 2 ** (1 / 12)

Wave = Float[np.ndarray, "samples"]


def write_sound(
    folder: Path, rng: np.random.Generator, place: str, course: Course, fps: float, more: int
) -> None:
    """Writes audio.wav of a sequence at scene/sub_scene/..., whose last frame lasts `more` more."""
    scene, sub_scene, *_ = place.split("/")
    seconds, onset = (len(course.intensity) + more) / fps, course.event_frame / fps
    heard = render_sound(rng, scene, sub_scene, course.event, seconds, onset)
    wavfile.write(folder / "audio.wav", RATE, heard)


def render_sound(
    rng: np.random.Generator, scene: str, sub_scene: str, event: str, seconds: float, onset: float
) -> Int16[np.ndarray, "samples"]:
    """The sound of a sequence of so many seconds whose event begins after `onset`, at RATE."""
    count = max(1, round(seconds * RATE))
    time = np.arange(count) / RATE
    number = list(SUB_SCENES).index((scene, sub_scene))
    root, phase = 196 * SEMITONE ** (number % 12), rng.uniform(0, 2 * np.pi, 3)
    chord = MAJOR if number < len(SUB_SCENES) // 2 else MINOR
    tones = (_tone(root * step, time, at) for step, at in zip(chord, phase, strict=True))
    wave = MUSIC * sum(tones, np.zeros(count)) / 3 + HISS * rng.standard_normal(count)
    start = min(count, round(onset * RATE))
    since = time[: count - start]
    if len(since):
        # One for all releases: what an event sounds like must be there to be learnt.
        own = np.random.default_rng(list(f"{scene} {sub_scene} {event}".encode()))
        made = KINDS[leading(scene, sub_scene, event)](since, own, rng)
        fading = STAYS + (1 - STAYS) * np.exp(-since / FADES)
        risen = np.minimum(since / 0.02, 1)
        wave[start:] += EVENT * rng.uniform(0.7, 1) * fading * risen * made
    return np.rint(np.clip(wave, -1, 1) * 32767).astype(np.int16)


def _tone(hertz: Float[np.ndarray, "samples"] | float, time: Wave, phase: float = 0.0) -> Wave:
    """A sine, of a frequency that may change."""
    turned = np.cumsum(np.broadcast_to(hertz, time.shape)) / RATE
    return np.sin(2 * np.pi * turned + phase)


def _noise(rng: np.random.Generator, count: int, low: float, high: float) -> Wave:
    """Noise between two frequencies, of deviation 0.4."""
    band = butter(2, (low, high), "bandpass", fs=RATE, output="sos")
    made = np.asarray(sosfilt(band, rng.normal(size=count)))
    return 0.4 * made / max(float(np.std(made)), 1e-9)


def _pulses(time: Wave, pace: float, length: float) -> Wave:
    """1 at the beginning of every beat, `pace` a second, and gone after some `length` seconds."""
    return np.exp(-(time * pace % 1) / pace / length)


def _laughter(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    pitch, pace = own.uniform(220, 480), own.uniform(4, 7)
    hertz = pitch * (1 + 0.25 * _pulses(time, pace, 0.1))
    voice = sum((_tone(k * hertz, time) / k for k in range(1, 6)), np.zeros(len(time))) / 2
    breath = _noise(rng, len(time), 800, 3000)
    return _pulses(time, pace, 0.08) * (0.8 * voice + 0.4 * breath)


def _crash(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    low, rings = own.uniform(300, 1500), own.uniform(600, 3000, 4)
    noise = _noise(rng, len(time), low, 4 * low)
    bell = sum((_tone(hertz, time) for hertz in rings), np.zeros(len(time))) / 4
    return (noise + 0.5 * bell) * (0.3 + 0.7 * _pulses(time, own.uniform(0.6, 1.2), 0.3))


def _sinking(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    root, pace = own.uniform(82, 165), own.uniform(0.5, 1)
    hertz = root * (1 - 0.25 * (time * pace % 1))
    tones = (_tone(step * hertz, time, rng.uniform(0, 1)) for step in MINOR)
    return sum(tones, np.zeros(len(time))) / 3


def _buzz(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    pitch, pace, low = own.uniform(110, 330), own.uniform(18, 40), own.uniform(200, 1200)
    saw = 2 * (time * pitch % 1) - 1
    rough = 0.6 * saw * (0.6 + 0.4 * np.sign(_tone(pace, time)))
    return rough + _noise(rng, len(time), low, 2 * low) / 2


def _tremolo(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    pitch, pace = own.uniform(700, 1400), own.uniform(7, 13)
    cluster = sum((_tone(pitch * SEMITONE**k, time) for k in range(3)), np.zeros(len(time))) / 3
    return cluster * (0.6 + 0.4 * _tone(pace, time)) + 0.6 * _noise(rng, len(time), 40, 120)


def _wet(time: Wave, own: np.random.Generator, rng: np.random.Generator) -> Wave:
    low, pace = own.uniform(250, 700), own.uniform(2.5, 4.5)
    splash = _noise(rng, len(time), low, 2 * low) * _pulses(time, pace, 0.12)
    return splash + 0.4 * _tone(low / 3 * (1 + _pulses(time, pace, 0.05)), time)


# Leading emotion -> what its events sound like
KINDS = {
    "happy": _laughter,
    "surprise": _crash,
    "sad": _sinking,
    "anger": _buzz,
    "fear": _tremolo,
    "disgust": _wet,
}
