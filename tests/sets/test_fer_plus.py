"""FER+ from tiny releases in the official formats: every value and rule, and both layouts."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prepared_faces import build, pixels, read
from raw_fer_plus import HEADER, NEW, ROWS, write_pair, write_tree

from drr_jax import files
from drr_jax.errors import InputError
from tfds_reactionet.building import stills
from tfds_reactionet.building.face_records import BAD_IMAGE
from tfds_reactionet.building.summary import read_metadata, summarise
from tfds_reactionet.building.verification import verify
from tfds_reactionet.fer_plus.reader import NO_IMAGE, NO_LABEL, NO_NAME, TWO_ROWS
from tfds_reactionet.fer_plus.votes import RULES, label

CONFIGS = ("majority", "argmax8", "votes", "probability", "multi_target")
SPLITS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
# By hand from the rules: the leading expression of each of ROWS, -1 where it is left out.
LEADING = {
    "majority": [-1, 0, 1, 2, -1, -1, 6, -1, -1, 4, -1],
    "argmax8": [0, 0, 1, 2, -1, 3, 6, -1, 0, 4, -1],
    "probability": [0, 0, 1, 2, -1, 3, 6, -1, -1, 4, -1],
    "multi_target": [0, 0, 1, 2, -1, 3, 6, -1, -1, 4, -1],
}


def reference(rule: str, votes: np.ndarray) -> tuple[int, np.ndarray]:
    """FER+'s rules in the words of the paper's code: winners are taken out one after the other.

    Returns the leading expression, or -1, and the target.
    """
    if rule == "argmax8":
        best = int(np.argmax(votes))
        return (best, np.eye(10)[best, :8]) if best < 8 else (-1, np.zeros(8))
    left = np.where(votes <= 1, 0, votes).astype(float)
    total, used = left.sum(), np.zeros(10)
    if rule in ("majority", "votes"):
        if left.max() > 0.5 * total:
            used[np.argmax(left)] = left.max()
    elif rule == "multi_target":
        used = np.where(left >= 0.3 * total, left, 0)
        if used.sum() <= 0.5 * total:
            used[:] = 0
    else:
        mass, taken, going = 0.0, 0, True
        while mass < 0.75 * total and taken < 3 and going:
            top = left.max()
            for column in np.flatnonzero(left == top):
                left[column], mass, taken = 0, mass + top, taken + 1
                used[column] = top
                if column >= 8:
                    going = False
                    if used.sum() > top:
                        used[column], taken = 0, taken - 1
                    break
        if used.sum() <= 0.5 * total or taken > 3:
            used[:] = 0
    best = int(np.argmax(used))
    if used[best] == 0 or best >= 8:
        return -1, np.zeros(8)
    target = used[:8] / used[:8].sum()
    return best, (target > 0).astype(float) if rule == "multi_target" else target


def random_votes(count: int) -> np.ndarray:
    """Votes [count, 10] that sum to 9 or 10, over few or many columns."""
    rng = np.random.default_rng(5)
    shares = [rng.dirichlet(np.full(10, 10 ** rng.uniform(-1.5, 0.5))) for _ in range(count)]
    return np.array([rng.multinomial(10 - (n % 50 == 0), p) for n, p in enumerate(shares)])


@pytest.mark.parametrize("rule", RULES)
def test_rules_are_those_of_an_independent_reference(rule: str) -> None:
    labelled = 0
    for votes in random_votes(4000):
        expected, target = reference(rule, votes)
        leading, found = label(rule, votes.tolist())
        assert leading == expected, votes
        np.testing.assert_allclose(found, target, rtol=1e-6, err_msg=str(votes))
        labelled += leading >= 0
    assert 1000 < labelled < 4000  # both outcomes were tested


@pytest.mark.parametrize(
    ("rule", "votes", "target"),
    [
        ("probability", (4, 0, 0, 1, 3, 2, 0, 0, 0, 0), {0: 4 / 7, 4: 3 / 7}),  # 7 of 9
        ("probability", (5, 2, 2, 1, 0, 0, 0, 0, 0, 0), {0: 5 / 9, 1: 2 / 9, 2: 2 / 9}),
        ("probability", (5, 3, 0, 0, 0, 0, 0, 0, 2, 0), {0: 5 / 8, 1: 3 / 8}),
        ("probability", (4, 0, 0, 0, 0, 0, 0, 0, 4, 2), {}),
        ("probability", (4, 2, 2, 2, 0, 0, 0, 0, 0, 0), {}),  # four classes
        ("probability", (6, 0, 0, 0, 0, 0, 0, 0, 4, 0), {0: 1}),
        ("multi_target", (4, 3, 3, 0, 0, 0, 0, 0, 0, 0), {0: 1, 1: 1, 2: 1}),
        ("multi_target", (4, 2, 2, 2, 0, 0, 0, 0, 0, 0), {}),  # 40 % in all
        ("multi_target", (3, 0, 0, 0, 0, 0, 0, 0, 7, 0), {}),
        ("majority", (5, 5, 0, 0, 0, 0, 0, 0, 0, 0), {}),
        ("majority", (4, 3, 1, 1, 1, 0, 0, 0, 0, 0), {0: 1}),  # 4 of 7 that remain
        ("argmax8", (2, 2, 2, 2, 2, 0, 0, 0, 0, 0), {0: 1}),
        ("argmax8", (2, 0, 0, 0, 0, 0, 0, 0, 5, 3), {}),
    ],
)
def test_rules_by_hand(rule: str, votes: tuple[int, ...], target: dict[int, float]) -> None:
    expected = [target.get(column, 0) for column in range(8)]
    np.testing.assert_allclose(label(rule, votes)[1], expected, rtol=1e-6)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("raw")
    return root, write_pair(root / "FER+")


@pytest.fixture
def raw(release: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(release[0] / "FER+", tmp_path / "raw"))


@pytest.mark.parametrize("config", CONFIGS)
def test_every_value_of_every_record(
    release: tuple[Path, Any], tmp_path: Path, config: str
) -> None:
    prepared = build(f"fer_plus/{config}", release[0], tmp_path, size=48)
    found = read(prepared)
    leading = LEADING["majority" if config == "votes" else config]
    for number, ((usage, name, votes), expression) in enumerate(zip(ROWS, leading, strict=True)):
        record = found.pop((SPLITS[usage], number), None)
        if expression < 0 and config != "votes":
            assert record is None
            continue
        assert record is not None and record["part"] == SPLITS[usage]
        assert record["expression"] == expression
        assert record["votes"].tolist() == list(votes) and record["name"] == (name or "")
        np.testing.assert_allclose(record["target"], label(config, votes)[1])
        image = pixels(record["reaction"]["image"])
        assert image.shape == (48, 48, 3)
        assert (image == release[1]["images"][number][..., None]).all()
        assert record["fer2013"] == release[1]["codes"][number]
    assert not found
    metadata = read_metadata(prepared)
    lost = sum(expression < 0 for expression in leading)
    assert metadata["skipped"] == ({} if config == "votes" else {NO_LABEL: lost})
    assert metadata["expression_names"][3] == "sad" and len(metadata["expression_names"]) == 8
    assert metadata["protocol"] == {
        "kind": "official",
        "train": [["train"]],
        "validation": [["validation"]],
        "test": [["test"]],
    }
    assert "verified" in verify(prepared, jobs=1, progress=False)


def test_the_own_labels_of_fer2013_need_its_table_alone(raw: Path, release: Any) -> None:
    (raw / NEW).unlink()
    prepared = build("fer_plus/fer2013", raw, raw.parent / "data", size=48)
    found, metadata = read(prepared), read_metadata(prepared)
    named = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # by code
    assert metadata["expression_names"] == list(named) and metadata["skipped"] == {}
    for number, (usage, _, _) in enumerate(ROWS):
        record = found.pop((SPLITS[usage], number))
        assert record["expression"] == release[1]["codes"][number]
        image = pixels(record["reaction"]["image"])
        assert (image == release[1]["images"][number][..., None]).all()
        assert "votes" not in record
    assert not found and "labels and images of fer2013.csv" in summarise(prepared)
    listed = raw.parent / "folds.txt"
    listed.write_text("".join(f"row{n} {n % 2 + 1}\n" for n in range(len(ROWS))))
    folds = build("fer_plus/fer2013", raw, raw.parent / "folds", size=48, folds=listed)
    assert {r["part"] for (_, n), r in read(folds).items() if n % 2} == {"part2"}


def test_own_labels_are_not_in_a_tree_of_images(tmp_path: Path) -> None:
    write_tree(tmp_path / "raw")
    with pytest.raises(InputError, match=r"raw: no fer2013\.csv; expected it, with FER2013's"):
        build("fer_plus/fer2013", tmp_path / "raw", tmp_path / "data")


def test_same_set_from_two_processes_in_small_blocks(
    release: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None: the data set's own defaults
    one = build("fer_plus/votes", release[0], tmp_path / "1", size=None)
    options = read_metadata(one)["options"]
    assert (options["size"], options["image_format"], options["crop"]) == (48, "png", "full")
    monkeypatch.setattr(stills, "BLOCK_ROWS", 2)
    two = build("fer_plus/votes", release[0], tmp_path / "2", size=None, jobs=2)
    assert read_metadata(one)["fingerprint"] == read_metadata(two)["fingerprint"]
    assert list(read(one)) == list(read(two))


def test_a_set_of_before_an_option_came_is_taken_as_it_is(raw: Path) -> None:
    prepared = build("fer_plus", raw, raw.parent / "data", size=48)
    metadata = files.unsealed(json.loads((prepared / "metadata.json").read_text()))
    del metadata["options"]["fit"]
    (prepared / "metadata.json").write_text(json.dumps(files.sealed(metadata)))
    assert build("fer_plus", raw, raw.parent / "data", size=48) == prepared
    with pytest.raises(InputError, match="was built with fit=letterbox, not centre"):
        build("fer_plus", raw, raw.parent / "data", size=48, fit="centre")


def test_tree_of_images(tmp_path: Path) -> None:
    images = write_tree(tmp_path / "raw")
    found = read(build("fer_plus/argmax8", tmp_path / "raw", tmp_path / "data", size=48))
    for usage, split in SPLITS.items():
        rows = [row for row in ROWS if row[0] == usage and row[1]]
        for number, (_, name, votes) in enumerate(rows):
            record = found.pop((split, number), None)
            expression, _ = reference("argmax8", np.array(votes))
            assert (record is None) == (expression < 0)
            if record is not None:
                assert record["expression"] == expression and record["fer2013"] == -1
                assert (pixels(record["reaction"]["image"]) == images[str(name)][..., None]).all()
    assert not found


def test_images_by_name_have_the_votes_of_the_table(tmp_path: Path) -> None:
    """label.csv has other votes for 1,601 images; what was read is said, and ambiguity is not."""
    images = write_tree(tmp_path / "raw")
    votes = [",".join([row[0], row[1] or "", *map(str, row[2])]) for row in ROWS]
    for path in (tmp_path / "raw").rglob("label.csv"):
        text = path.read_text().replace("6,0,1,1,0,0,0,0,1,1", "0,0,0,9,1,0,0,0,0,0")
        path.write_text(text)
    before = build("fer_plus/argmax8", tmp_path / "raw", tmp_path / "label", size=48)
    assert read(before)["train", 1]["expression"] == 3
    assert read_metadata(before)["votes"] == "label.csv"
    assert "votes of label.csv, images of PNG files; label.csv has other" in summarise(before)
    (tmp_path / "raw" / "fer2013new.csv").write_text("\n".join([HEADER, *votes]) + "\n")
    prepared = build("fer_plus/votes", tmp_path / "raw", tmp_path / "data", size=48)
    found = read(prepared)
    metadata = read_metadata(prepared)
    assert metadata["votes"] == "fer2013new.csv"
    assert metadata["skipped"] == {NO_NAME: 1, TWO_ROWS: 4}
    assert "votes of fer2013new.csv, images of PNG files" in summarise(prepared)
    once = [n for n, row in enumerate(ROWS) if row[1] and [r[1] for r in ROWS].count(row[1]) == 1]
    assert sorted(number for _, number in found) == once
    for number in once:
        usage, name, row = ROWS[number]
        record = found[SPLITS[usage], number]
        assert tuple(record["votes"]) == row
        assert (pixels(record["reaction"]["image"]) == images[str(name)][..., None]).all()


def test_folds_of_a_file_of_images(raw: Path) -> None:
    listed = raw.parent / "folds.txt"
    names = dict.fromkeys(row[1] or f"row{number}" for number, row in enumerate(ROWS))
    listed.write_text("".join(f"{name} {n % 2 + 1}\n" for n, name in enumerate(names)))
    prepared = build("fer_plus/votes", raw, raw.parent / "data", folds=listed)
    assert read_metadata(prepared)["protocol"]["test"] == [["part1"], ["part2"]]
    parts = {record["name"]: record["part"] for record in read(prepared).values()}
    expected = {name: f"part{n % 2 + 1}" for n, name in enumerate(names)}
    assert all(part == expected[name] for name, part in parts.items() if name)


def test_other_order_of_columns_and_a_byte_order_mark(raw: Path, release: Any) -> None:
    """As in the file that the Kaggle page also offers."""
    lines = [line.split(",") for line in (raw / "fer2013.csv").read_text().splitlines()]
    text = "\ufeff" + "".join(f'{a}, {c}, "{b}"\r\n' for a, b, c in lines).replace(
        '"pixels"', "pixels"
    )
    (raw / "fer2013.csv").unlink()
    (raw / "icml_face_data.csv").write_bytes(text.encode())
    found = read(build("fer_plus/votes", raw, raw.parent / "data", size=48))
    for number, (usage, _, _) in enumerate(ROWS):
        image = pixels(found[SPLITS[usage], number]["reaction"]["image"])
        assert (image[..., 0] == release[1]["images"][number]).all()


def test_missing_and_damaged_images_are_counted(tmp_path: Path) -> None:
    write_tree(tmp_path / "raw")
    (tmp_path / "raw/data/FER2013Train/fer0000000.png").unlink()
    (tmp_path / "raw/data/FER2013Train/fer0000001.png").write_bytes(b"\x89PNG")
    prepared = build("fer_plus/votes", tmp_path / "raw", tmp_path / "data", max_skipped=0.5)
    assert read_metadata(prepared)["skipped"] == {NO_IMAGE: 1, BAD_IMAGE: 1}
