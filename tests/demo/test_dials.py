"""The dials of a rendered release: ranges, the command, and what each of them changes."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from drr_jax.errors import InputError, run
from drr_jax.facs.labels import REACTIONET_AUS
from tfds_reactionet import build, building
from tfds_reactionet.demo import affect, headroom, reaction, sequence, write
from tfds_reactionet.demo.dials import DEMO, WORLD, Dials
from tfds_reactionet.demo.reader import reading_error
from tfds_reactionet.demo.sequence import Release


def release(sequences: int = 24, frames: int = 80, **dials: float) -> Release:
    """The world's release of so many sequences, with some dials changed."""
    changed = dataclasses.replace(WORLD, sequences=sequences, frames=frames, **dials)
    return Release(sequences * frames, 48, 0, dials=changed)


def scripts(world: Release) -> list[sequence.Script]:
    return [sequence.write_script(world, index) for index in range(world.sequences)]


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--dominance=1.2", "--dominance=1.2: expected 0 to 1"),
        ("--events=7", "--events=7: expected an even number"),
        ("--fps=fast", "--fps=fast: expected a number"),
        ("--frames=2.5", "--frames=2.5: expected a whole number"),
        ("--label_noise=nan", "--label_noise=nan: expected 0 to 1"),
        ("--sequences=90", "--tuples=80: expected at least 90, one a sequence"),
    ],
)
def test_a_wrong_dial_is_one_line(
    argument: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["demo", f"--out={tmp_path / 'out'}", "--tuples=80", "--preset=world", argument]
    monkeypatch.setattr("sys.argv", given)
    with pytest.raises(SystemExit) as stop:
        run(write.main)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith(f"error: {said}") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_dials_are_told_and_make_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def written(name: str, *more: str) -> Path:
        out = tmp_path / name
        few = ("--sequences=3", "--subjects=3", "--frames=2", "--size=32", "--jobs=1")
        monkeypatch.setattr("sys.argv", ["demo", f"--out={out}", "--preset=world", *few, *more])
        assert write.main() == 0
        return out

    def faces(out: Path) -> list[bytes]:
        return [path.read_bytes() for path in sorted(out.rglob("reaction/*.jpg"))]

    first, again, other = written("a"), written("b"), written("c", "--face_quality=0.9")
    assert "6 rendered tuples of 32x32 pixels" in capsys.readouterr().out
    told = [json.loads((out / write.MARKER).read_text())["dials"] for out in (first, other)]
    assert told[0] == WORLD.changed({"sequences": 3, "subjects": 3, "frames": 2}).told()
    assert told[1] == {**told[0], "face_quality": 0.9}
    assert faces(first) == faces(again) and len(faces(first)) == 6
    assert all(ours != theirs for ours, theirs in zip(faces(first), faces(other), strict=True))
    with pytest.raises(InputError, match="no dial 'blur'"):
        WORLD.changed({"blur": 1})


def test_dominance_is_the_share_of_the_leading_emotion() -> None:
    assert DEMO.dominance >= 0.9 and WORLD.dominance >= 0.9
    for dominance in (0.5, 0.95):
        rng, hits = np.random.default_rng(0), []
        for key in list(affect.SUB_SCENES) * 20:
            for event in affect.SUB_SCENES[key].events:
                felt = affect.draw_emotion(rng, *key, event, dominance)
                hits.append(felt == affect.leading(*key, event))
        assert np.mean(hits) == pytest.approx(dominance, abs=0.03)


def test_events_people_and_sequences_are_as_many_as_asked_for() -> None:
    world = release(360, 1, subjects=96, events=12)
    places = [world.place(index) for index in range(world.sequences)]
    assert len({(place.scene, place.sub_scene) for place in places}) == 6
    assert len({place.person for place in places}) == 96
    assert len({place.path for place in places}) == 360
    videos = {place.path.rsplit("/", 1)[0]: place.video for place in places}
    assert len(videos) == len(set(videos.values()))  # one folder, one video
    assert (
        len({place.person for place in map(release(180, 1, subjects=120).place, range(180))}) == 120
    )


def test_the_delay_is_a_persons_own_and_shows() -> None:
    late = scripts(release(48))
    by_person: dict[int, set[float]] = {}
    for script in late:
        by_person.setdefault(script.place.subject, set()).add(round(script.course.delay, 6))
    assert all(len(delays) == 1 for delays in by_person.values())
    delays = np.array([script.course.delay for script in late]) / WORLD.fps
    assert delays.min() >= 0.2 and delays.max() <= 1.5 and np.ptp(delays) > 0.8
    for script in late:  # whole before the sequence ends
        assert script.course.event_frame + script.course.delay + 0.4 * WORLD.fps < 80
    strong = [s for s in late if s.course.intensity[-1].sum() > s.course.intensity[0].sum() + 6]
    assert len(strong) > 12
    for script in strong:
        course, total = script.course, script.course.intensity[:, affect.FACE].sum(1)
        begin = course.event_frame + int(course.delay)
        rise = np.flatnonzero(total > (total[begin] + total[-1]) / 2)
        assert rise[rise >= begin][0] <= begin + 20 and total[begin] < total[-1]


def test_the_coders_noise_is_smooth() -> None:
    world, flagged, frames, wrong = release(24), 0, 0, []
    for index, script in enumerate(scripts(world)):
        coded = sequence.draw_codes(world, index, script)
        step = np.abs(np.diff(coded.intensity, axis=0)).sum(1)
        change = np.abs(np.diff(coded.occurrence.sum(1)))
        bad = np.flatnonzero((step >= 2) | (change >= 5))  # equation 1 of the supplement
        flagged += len(np.union1d(bad, bad + 1))
        frames += len(coded.intensity)
        wrong.append((coded.occurrence[:, sequence._OURS] != (script.course.intensity >= 1)).mean())
    assert 0.01 < flagged / frames < 0.15
    assert 0.005 < np.mean(wrong) < 0.05
    exact = sequence.draw_codes(release(24, label_noise=0), 0, scripts(world)[0])
    truth = scripts(world)[0].course.intensity
    np.testing.assert_array_equal(exact.occurrence[:, sequence._OURS], truth >= 1)
    np.testing.assert_allclose(exact.intensity, truth)


def test_a_worse_camera_shows_less_of_the_face() -> None:
    worse = [reaction.sample_studio(np.random.default_rng(k), 0.0) for k in range(40)]
    best = [reaction.sample_studio(np.random.default_rng(k)) for k in range(40)]

    def mean(studios: list[reaction.Studio], value) -> float:
        return float(np.mean([value(studio) for studio in studios]))

    for value in (
        lambda studio: studio.blur,
        lambda studio: -studio.zoom,
        lambda studio: studio.occlusion != "none",
        lambda studio: abs(studio.pose[1]),
        lambda studio: -np.mean(studio.light.tint),
    ):
        assert mean(worse, value) > mean(best, value)
    errors = [np.mean([reading_error(s, 48) for s in studios], 0) for studios in (worse, best)]
    assert (errors[0] > 2 * errors[1]).all()
    larger = np.mean([reading_error(studio, 64) for studio in best], 0)
    assert (larger < errors[1]).all()


def test_asymmetry_is_the_share_of_leaning_reactions() -> None:
    leans = [script.course.lean for script in scripts(release(180, 2, asymmetry=0.4))]
    assert 0.3 < np.mean(np.abs(leans) > 0) < 0.5
    assert min(leans) < -0.6 and max(leans) > 0.6
    assert not any(script.course.lean for script in scripts(release(24, 2, asymmetry=0.0)))


def test_the_expression_follows_the_face() -> None:
    courses = [script.course for script in scripts(release(72, 40))]
    truth = np.concatenate([course.intensity for course in courses])
    said = np.concatenate([course.expression for course in courses])
    np.testing.assert_array_equal(affect.expression_of(truth), said)
    quiet = (truth[:, affect.FACE] < 1).all(1)
    neutral = affect.EXPRESSIONS.index("neutral")
    assert quiet.any() and ((said == neutral) == quiet).all()
    vector = np.zeros((1, 17))
    vector[0, [REACTIONET_AUS.index("AU06"), REACTIONET_AUS.index("AU12")]] = 3
    assert affect.EXPRESSIONS[affect.expression_of(vector)[0]] == "happy"


def test_every_dial_has_its_range_and_help() -> None:
    for dial in dataclasses.fields(Dials):
        low, high = dial.metadata["range"]
        assert low < high and dial.metadata["help"]
        with pytest.raises(InputError, match=f"--{dial.name}="):
            dataclasses.replace(WORLD, **{dial.name: type(dial.default)(high * 2)})


def test_the_prepared_world_tells_its_dials_and_headroom(tmp_path: Path) -> None:
    few = {"sequences": 24, "subjects": 24, "frames": 2, "fps": 1}
    raw = write.write_release(
        tmp_path / "raw", size=32, jobs=1, progress=False, preset="world", dials=few
    )
    options = {"size": 32, "jobs": 1, "progress": False}
    prepared = build.prepare("reactionet/world", tmp_path / "data", raw, **options)
    metadata = building.read_metadata(prepared)
    assert metadata["rendered"] and metadata["rendering"] == json.loads(
        (raw / write.MARKER).read_text()
    )
    assert metadata["rendering"]["dials"] == WORLD.changed(few).told()
    assert [row["predictor"] for row in metadata["headroom"]] == list(headroom.PREDICTORS)
    with (raw / "truth.csv").open(newline="") as file:
        told = {row["sequence"]: row for row in csv.DictReader(file)}
    release = write.make_release(None, 32, 0, False, "world", few)
    for script in scripts(release):
        row, course = told[script.place.path], script.course
        assert (row["event"], row["emotion"]) == (course.event, course.emotion)
        assert float(row["delay_frames"]) == pytest.approx(course.delay, abs=1e-3)
    (raw / write.MARKER).write_text("{")
    with pytest.raises(InputError, match=r"demo_release\.json: damaged"):
        build.prepare("reactionet/world", tmp_path / "data", raw, overwrite=True, **options)
