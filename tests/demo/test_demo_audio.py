"""Sounds of the demo release: beside all else, of their events, the same from the same seed."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from tfds_reactionet import reading
from tfds_reactionet.demo import sound
from tfds_reactionet.demo import write as demo
from tfds_reactionet.demo.affect import leading
from tfds_reactionet.demo.content import SUB_SCENES
from tfds_reactionet.demo.sequence import write_script, write_sequence

EVENTS = [(*place, event) for place, sub in SUB_SCENES.items() for event in sub.events]


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_release_is_the_plain_one_with_sounds_more(tmp_path: Path) -> None:
    sizes = {"tuples": 24, "size": 32, "jobs": 1, "progress": False}
    plain = contents(demo.write_release(tmp_path / "a", **sizes))
    release = demo.write_release(tmp_path / "b", **sizes, audio=True)
    heard = contents(release)
    about = {demo.MARKER, "README.txt"}
    assert all(heard[name] == data for name, data in plain.items() if name not in about)
    sequences = {str(Path(name).parent) for name in plain if name.endswith("openface.csv")}
    assert heard.keys() - plain.keys() == {f"{folder}/audio.wav" for folder in sequences}
    made = demo.make_release(24, 32, 0, False, "demo", {}, True)
    write_sequence(tmp_path / "c", made, 0)  # the same bytes again
    assert heard.items() >= contents(tmp_path / "c").items()
    for index in range(made.sequences):
        script = write_script(made, index)
        rate, wave = wavfile.read(release / script.place.path / "audio.wav")
        course = script.course
        assert rate == 16_000 and len(wave) == len(course.intensity) * rate // 5
        begins = course.event_frame * rate // 5
        after = np.abs(wave[begins : begins + rate // 2].astype(int)).mean()
        assert begins == 0 or after > 3 * np.abs(wave[:begins].astype(int)).mean()


@pytest.mark.parametrize("name", ["happy", "surprise", "sad", "anger", "fear", "disgust"])
def test_every_event_sounds_otherwise_and_as_itself(name: str) -> None:
    """The mean spectrum over time of two renderings of an event is nearer than those of others."""
    events = [event for event in EVENTS if leading(*event) == name]
    spectra = []
    for seed in (0, 1):
        rows = []
        for event in events:
            wave = sound.render_sound(np.random.default_rng(seed), *event, 1.0, 0.0) / 2**15
            assert np.abs(wave).max() > 0.1
            rows.append(reading.log_mel(wave).mean(0))
        spectra.append(np.array(rows))
    distance = np.linalg.norm(spectra[0][:, None] - spectra[1][None], axis=-1)
    assert len(events) >= 3 and (distance.argmin(1) == np.arange(len(events))).all()
