"""The headroom table: what stimulus and caption can add to a face, on a release's labels."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from drr_jax.facs.labels import REACTIONET_AUS, REACTIONET_AUS_12
from tfds_reactionet import reading
from tfds_reactionet.demo import headroom, sequence, write

COLUMNS = [REACTIONET_AUS.index(name) for name in REACTIONET_AUS_12]


def evidence(release: sequence.Release) -> list[headroom.Evidence]:
    found = []
    for index in range(release.sequences):
        script = sequence.write_script(release, index)
        coded = sequence.draw_codes(release, index, script)
        found.append(sequence.gather(release, index, script, coded))
    return found


def measured(preset: str) -> dict[str, float]:
    release = write.make_release(None, None, 0, False, preset, {})
    scores = headroom.measure(evidence(release))
    assert scores is not None
    return {name: float(by_fold.mean()) for name, by_fold in scores.items()}


@pytest.mark.parametrize("preset", ["world", "demo"])
def test_a_stimulus_has_ten_points_beside_a_degraded_face(preset: str) -> None:
    scores = measured(preset)
    assert scores["reader_seen"] - scores["reader"] >= 0.1
    assert scores["reader_time"] - scores["reader"] >= 0.1
    assert scores["perfect"] > 0.9 and scores["perfect"] > scores["reader_time"] + 0.1
    if preset == "demo":  # a face alone can pass its floor by far
        assert scores["reader"] > scores["always_yes"] + 0.25
    assert scores["always_yes"] < scores["sub_scene"] < scores["seen"] < scores["time"]


def test_the_numbers_follow_from_the_labels(tmp_path: Path) -> None:
    """Three rows of the table, counted again from the files of a release, sequence by sequence."""
    few = {"sequences": 24, "frames": 6, "fps": 5, "delay": 0.4}
    root = write.write_release(
        tmp_path / "out", 144, 32, jobs=1, progress=False, preset="world", dials=few
    )
    with (root / headroom.FILE).open(newline="") as file:
        told = {row["predictor"]: row for row in csv.DictReader(file)}
    assert list(told) == list(headroom.PREDICTORS)
    by_hand, labels = {}, {}
    with (root / "labels" / "keyframes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            key = "/".join(row[name] for name in ("scene", "sub_scene", "task", "sequence"))
            by_hand[key, row["frame"]] = [int(row[f"AU{int(au[2:])}"]) for au in REACTIONET_AUS_12]
    for path in root.rglob("openface.csv"):
        key = str(path.parent.relative_to(root))
        with path.open(newline="") as file:
            codes = [
                by_hand.get(
                    (key, row["frame"]), [int(float(row[f"{au}_c"])) for au in REACTIONET_AUS_12]
                )
                for row in csv.DictReader(file)
            ]
        labels[key] = np.array(codes)
    people = {}
    with (root / "labels" / "demographics.csv").open(newline="") as file:
        people = {row["sequence"]: row["subject"] for row in csv.DictReader(file)}
    parts = reading.balanced_parts(
        [
            reading.FoldUnit(key, (people[key],), len(rows), tuple((rows == 1).sum(0).tolist()))
            for key, rows in labels.items()
        ]
    )
    release = write.make_release(144, 32, 0, False, "world", few)
    truth = {
        script.place.path: script.course.intensity[:, COLUMNS] >= 1
        for script in (sequence.write_script(release, index) for index in range(24))
    }

    def scene(key: str) -> str:
        return "/".join(key.split("/")[:2])

    def score(keys: list[str], said: dict[str, np.ndarray]) -> float:
        rows = np.concatenate([labels[key] for key in keys])
        yes = np.concatenate([said[key] for key in keys])
        known = rows != 9
        by_au = [
            f1_score(rows[known[:, au], au], yes[known[:, au], au], zero_division=0)
            for au in range(12)
        ]
        return float(np.mean(by_au))

    for fold in range(3):
        tested = [key for key in labels if parts[key] == fold]
        trained = [key for key in labels if parts[key] != fold]
        always = {key: np.ones_like(labels[key]) for key in tested}
        assert score(tested, always) == pytest.approx(
            float(told["always_yes"][f"fold{fold}"]), abs=1e-4
        )
        assert score(tested, truth) == pytest.approx(
            float(told["perfect"][f"fold{fold}"]), abs=1e-4
        )
        means = {key: np.ma.array(labels[key], mask=labels[key] == 9).mean(0) for key in labels}
        whole = np.concatenate([labels[key] for key in trained])
        base = np.ma.array(whole, mask=whole == 9).mean(0)
        chance = {}
        for key in labels:
            others = [k for k in trained if k != key and scene(k) == scene(key)]
            total = base + sum(means[k] for k in others)
            chance[key] = np.asarray(total / (1 + len(others)))
        best = np.zeros(12)
        for au in range(12):
            rows = np.concatenate([labels[key][:, au] for key in trained])
            level = np.concatenate([np.full(len(labels[key]), chance[key][au]) for key in trained])
            steps = np.linspace(0.02, 0.9, 45)
            scores = []
            for step in steps:
                yes = level >= step
                right = int((yes & (rows == 1)).sum())
                wrong = int((yes & (rows == 0)).sum() + (~yes & (rows == 1)).sum())
                scores.append(2 * right / max(2 * right + wrong, 1))
            best[au] = steps[int(np.argmax(scores))]
        rule = {key: np.tile(chance[key] >= best, (len(labels[key]), 1)) for key in tested}
        assert score(tested, rule) == pytest.approx(
            float(told["sub_scene"][f"fold{fold}"]), abs=1e-3
        )


def test_a_reader_without_error_is_nearly_perfect_and_needs_no_stimulus() -> None:
    release = write.make_release(72 * 8, 48, 0, False, "world", {"sequences": 72, "frames": 8})
    sharp = []
    for one in evidence(release):
        sharp.append(headroom.replace(one, measured=one.truth, error=np.full(17, 0.05)))
    scores = headroom.measure(sharp)
    assert scores is not None
    assert scores["reader"].mean() > scores["perfect"].mean() - 0.05
    assert abs(scores["reader_seen"].mean() - scores["reader"].mean()) < 0.02


def test_too_few_people_make_no_table() -> None:
    release = write.make_release(2, 32, 0, False, "demo", {})
    assert headroom.measure(evidence(release)) is None
