"""Statistics of a data set: counts against a plain reading, the page and its files."""

import csv
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from raw_bp4d import write_bp4d
from raw_reactionet import write_raw

from drr_jax import pages
from drr_jax.errors import InputError, run
from drr_jax.facs.labels import (
    REACTIONET_AUS,
    REACTIONET_AUS_12,
    conditional_half_sums,
    count_pairs,
)
from tfds_reactionet.build import prepare
from tfds_reactionet.reactionet import DATA_SET
from tfds_reactionet.statistics import command as statistics
from tfds_reactionet.statistics import sections
from tfds_reactionet.statistics.counts import BINS, Counts, count_records
from tfds_reactionet.statistics.reaction_delay import Series
from tfds_reactionet.statistics.study import Study, au_shares, read_set
from tfds_reactionet.statistics.words import au_words, stop_words, vocabulary

PARTS = ("part1", "part2", "part3")
FRAMES = 12


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ReactioNet of 6 sequences of 12 frames and BP4D of 24 frames, prepared; tests only read."""
    root = tmp_path_factory.mktemp("statistics")
    write_raw(root / "raw", frames=FRAMES, sequences=1)
    write_bp4d(root / "bp4d", meshes=False)
    options: dict[str, Any] = {"size": 32, "jobs": 1, "progress": False}
    prepare("reactionet", root, root / "raw", **options)
    prepare("bp4d", root, root / "bp4d", **options)
    return root


@pytest.fixture(scope="module")
def prepared(data_dir: Path) -> Path:
    return data_dir / "reactionet" / "full" / DATA_SET.version


@pytest.fixture(scope="module")
def counts(prepared: Path) -> Counts:
    return count_records(prepared, read_set(prepared), jobs=1, progress=False)


@pytest.fixture(scope="module")
def records(prepared: Path) -> list[dict[str, Any]]:
    """Every record, as TFDS decodes it."""
    builder: Any = tfds.builder_from_directory(str(prepared))
    sources = [builder.as_data_source(part) for part in PARTS]
    return [source[n] for source in sources for n in range(len(source))]


def test_au_counts_against_a_plain_reading(counts: Counts, records: list[dict[str, Any]]) -> None:
    occurrence = np.array([record["au"]["occurrence"] for record in records])
    manual = np.array([record["label_source"] for record in records]) == 1
    np.testing.assert_array_equal(counts.positives, (occurrence == 1).sum(axis=0))
    np.testing.assert_array_equal(counts.known, (occurrence >= 0).sum(axis=0))
    np.testing.assert_array_equal(counts.manual_positives, (occurrence[manual] == 1).sum(axis=0))
    np.testing.assert_array_equal(counts.manual_known, (occurrence[manual] >= 0).sum(axis=0))
    assert counts.manual_records == manual.sum() == 6
    intensity = np.array([record["au"]["intensity"] for record in records], np.float64)
    for au in range(17):
        # written with two decimals: whole hundredths make the bins' edges exact
        hundredths = np.round(100 * intensity[:, au])
        expected, _ = np.histogram(hundredths, bins=np.arange(0, 501, 25))
        assert len(expected) == BINS
        np.testing.assert_array_equal(counts.intensity[au], expected)


def test_words_against_a_plain_reading(counts: Counts, records: list[dict[str, Any]]) -> None:
    overall: Counter[str] = Counter()
    with_au: Counter[str] = Counter()
    au = REACTIONET_AUS.index("AU12")
    present = 0
    for record in records:  # e.g. "A person sees colour [1, 2, 3], twice"
        text = record["caption"].decode().lower()
        words = {w for w in text.translate(str.maketrans("[],", "   ")).split() if w}
        overall.update(words)
        if record["au"]["occurrence"][au] == 1:
            present += 1
            with_au.update(words)
    assert counts.words == overall and counts.au_words[au] == with_au
    assert counts.captions == len(records) and counts.au_captions[au] == present
    found = {word.word: word for word in au_words(counts, au)}
    assert "a" not in found and "a" in stop_words()
    person = found["person"]
    assert (person.captions, person.share) == (present, 1.0) and person.lift == pytest.approx(1.0)
    rare = min(found, key=lambda word: overall[word])
    lift = (with_au[rare] / present) / (overall[rare] / len(records))
    assert found[rare].lift == pytest.approx(lift)
    everything, meaningful = vocabulary(counts.words)
    assert everything == len(overall) and meaningful == everything - 1  # "a"


def test_stop_words_are_cut_as_captions_are() -> None:
    assert {"the", "in", "an", "don", "t"} <= stop_words()
    assert not {"man", "ball", "street", "fighting"} & stop_words()  # words of Figure 6


def test_shares_of_other_sets_and_of_uncoded_aus(
    data_dir: Path, prepared: Path, records: list[dict[str, Any]]
) -> None:
    occurrence = np.array([record["au"]["occurrence"] for record in records])
    expected = [(occurrence[:, au] == 1).sum() / (occurrence[:, au] >= 0).sum() for au in (0, 16)]
    shares = au_shares(read_set(prepared), ("AU01", "AU45", "AU99"))
    np.testing.assert_allclose(shares, [*expected, np.nan])
    assert np.isnan(au_shares(read_set(next(data_dir.glob("bp4d/*/1.1.0"))), ["AU45"])).all()


def test_pieces_and_processes_give_the_same_counts(
    prepared: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfds_reactionet.statistics.counts._PIECE", 1)
    many = count_records(prepared, read_set(prepared), jobs=2, progress=False)
    for name in ("positives", "known", "manual_positives", "intensity", "au_captions"):
        np.testing.assert_array_equal(getattr(many, name), getattr(counts, name))
    assert many.words == counts.words and many.au_words == counts.au_words
    assert [s.sequence for s in many.series] == [s.sequence for s in counts.series]
    np.testing.assert_array_equal(many.series[0].change, counts.series[0].change)


def test_series_of_a_record_sequence(counts: Counts, records: list[dict[str, Any]]) -> None:
    series = counts.series[0]
    mine = [r for r in records if r["sequence"].decode() == series.sequence]
    assert np.isnan(series.change[0]) and len(series.change) == FRAMES
    for at in range(1, FRAMES):
        small = [
            cv2.cvtColor(mine[n]["stimulus"]["image"], cv2.COLOR_RGB2GRAY).astype(float)
            for n in (at - 1, at)
        ]
        assert series.change[at] == pytest.approx(np.abs(small[1] - small[0]).mean(), abs=1.0)
        rise = np.maximum(mine[at]["au"]["intensity"] - mine[at - 1]["au"]["intensity"], 0)
        assert series.onset[at] == pytest.approx(rise.sum(), abs=1e-4)


def command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, main: Callable[[], int] = statistics.main
) -> None:
    monkeypatch.setattr(sys, "argv", ["statistics", *arguments])
    assert main() == 0


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_has_a_picture_and_numbers_for_every_section(
    data_dir: Path, tmp_path: Path, records: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    coder = data_dir / "raw" / "labels" / "keyframes.csv"
    second = tmp_path / "second.csv"
    shutil.copy(coder, second)
    out = tmp_path / "out"
    arguments = ["reactionet", f"--data_dir={data_dir}", f"--out={out}", "--jobs=1", "--max_lag=4"]
    command([*arguments, "--beside", "bp4d", "--coders", str(coder), str(second)], monkeypatch)
    names = {path.stem for path in out.glob("*.png")}
    assert names == {
        *("scenes", "demographics", "less_frequent_aus", "occurrence", "kappa", "words"),
        *("co_occurrence", "intensity", "delay"),
    }
    assert names <= {path.stem for path in out.glob("*.csv")}
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(names) and "Not shown" not in page
    assert all(f'href="{name}.csv"' in page for name in names)
    for name in names:
        image = cv2.imread(str(out / f"{name}.png"))
        assert image is not None and image.shape[1] > 1000 and image.std() > 5
    scenes = {row["scene"]: row for row in table(out / "scenes.csv")}
    assert [scenes["film"][key] for key in ("sub_scenes", "tasks", "sequences", "frames")] == [
        *("1", "2", "2", str(2 * FRAMES))
    ]
    assert scenes["show"]["frames"] == "0" and scenes["show"]["paper_frames"] == "240949"
    columns = [REACTIONET_AUS.index(name) for name in REACTIONET_AUS_12]
    labels = np.array([record["au"]["occurrence"] for record in records])[:, columns]
    half = conditional_half_sums(*count_pairs(labels))
    pairs = {(row["au_i"], row["au_j"]): row for row in table(out / "co_occurrence.csv")}
    assert float(pairs["AU01", "AU02"]["half_sum"]) == pytest.approx(half[0, 1], abs=1e-5)
    assert (pairs["AU01", "AU02"]["prior"], pairs["AU01", "AU23"]["prior"]) == ("1", "0")
    ethnicity = {row["group"]: row["number"] for row in table(out / "demographics.csv")}
    assert ethnicity["Asian"] == "6" and ethnicity["20-24"] == "5" and ethnicity["25-29"] == "1"
    assert {row["data_set"] for row in table(out / "less_frequent_aus.csv")} == {
        *("reactionet/full", "bp4d/rgb")
    }
    kappa = {row["task"]: row["cohen_kappa"] for row in table(out / "kappa.csv")}
    assert kappa["AU1"] == "" and kappa["AU45"] == ""  # always 1, and never codable
    assert kappa["Anger"] == "1.0000"


def test_a_set_without_scenes_and_captions_says_so(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command(["bp4d", f"--data_dir={data_dir}", f"--out={out}", "--jobs=1"], monkeypatch)
    names = {path.stem for path in out.glob("*.png")}
    assert names == {"less_frequent_aus", "occurrence", "co_occurrence", "intensity"}
    page = (out / "index.html").read_text()
    for words in ("has no scenes", "has no captions", "no sequence has a stimulus"):
        assert words in page
    assert page.count("Not shown") == 5
    rows = table(out / "intensity.csv")
    assert {r["au"] for r in rows if sum(int(r[key]) for key in list(r)[1:])} == {
        *("AU06", "AU10", "AU12", "AU14", "AU17")
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reactionet/keyframes"], "reactionet/keyframes is not prepared in"),
        (["reactionett"], "did you mean reactionet"),
        (["reactionet", "--beside", "reactionet/demo"], "reactionet/demo is not prepared in"),
        (["reactionet", "--coders", "none.csv"], "1 coder file, expected at least 2"),
        (["reactionet", "--manual_dir=none"], "manual_dir none does not exist"),
        (["reactionet", "--max_lag=0"], "max_lag=0, expected 1 to 10000 frames"),
    ],
)
def test_wrong_arguments_are_one_line_and_write_nothing(
    arguments: list[str],
    message: str,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    options = [f"--data_dir={data_dir}", f"--out={out}", "--jobs=1"]
    monkeypatch.setattr(sys, "argv", ["statistics", *options, *arguments])
    with pytest.raises(SystemExit) as caught:
        run(statistics.main)
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error and error.count("\n") == 1
    assert not out.exists()


def test_damaged_sets_are_named(prepared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(prepared, copy)
    metadata = {k: v for k, v in read_set(copy).items() if k not in ("digest", "described")}
    for file in copy.glob("*part2*"):
        file.write_bytes(b"\0" * 2000)
    with pytest.raises(InputError, match=r"copy.*build it again"):
        count_records(copy, metadata, jobs=1, progress=False)
    (copy / "metadata.json").write_text(json.dumps({**metadata, "built_from": 3}))
    with pytest.raises(InputError, match="no list au_names, no parts or no built_from"):
        read_set(copy)
    metadata["parts"]["part1"]["au_pairs"] = [[1]]
    (copy / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="counts of part1 are damaged"):
        read_set(copy)


def test_the_headroom_of_a_rendered_set() -> None:
    f1 = {"always_yes": 0.35, "reader": 0.5, "reader_seen": 0.625}
    rows = [{"predictor": name, "meaning": name, "f1": str(value)} for name, value in f1.items()]
    metadata = {"headroom": rows, "rendering": {"dials": {"dominance": 0.95}}}
    study = cast(Study, SimpleNamespace(metadata=metadata, files={}))
    shown = sections.headroom(study)
    assert isinstance(shown, dict) and shown["gain"] == pytest.approx(12.5)
    assert shown["table"][1] == ["reader", "50.0"] and shown["dials"] == [["dominance", "0.95"]]
    assert set(study.files) == {"headroom.png", "headroom.csv"}
    metadata["headroom"] = []
    assert sections.headroom(study) == "too few people for three folds."


@pytest.mark.parametrize(
    ("lag", "metadata", "words"),
    [
        (3, {"rendering": {"dials": {"fps": 5.0}}}, "3 frames later (0.60 s at 5 frames/s)"),
        (-2, {"options": {"fps": 30.0}}, "2 frames earlier (0.07 s at 30 frames/s)"),
        (-1, {}, "1 frame earlier"),
        (0, {}, "in the same frame"),
    ],
)
def test_the_page_says_when_reactions_come(lag: int, metadata: dict[str, Any], words: str) -> None:
    rng = np.random.default_rng(0)
    change = rng.gamma(1.0, size=400)
    counts = SimpleNamespace(series=[Series("s", change, np.roll(change, lag))])
    said = {"fingerprint": "", "options": {}, **metadata}
    study = Study("demo", Path(), said, cast(Counts, counts), {}, None, Path(), [], max_lag=9)
    shown = sections.delay(study)
    assert isinstance(shown, dict) and shown["when"] == words and shown["found"].stands_out
    assert f"is highest, 1.000, where reactions come {words}. The" in delay_page(study)
    study.counts.series[0] = Series("s", change[:8], -change[:8])
    page = delay_page(study)
    assert "no lag stands out: the highest mean correlation is -1.000, where reactions" in page
    assert "Noise reaches 0.707 there: 2/√n of n = 8 pairs of frames" in page


def delay_page(study: Study) -> str:
    """The page with the delay alone, in one line."""
    shown = {"delay": ("Reaction delay", sections.delay(study))}
    page = pages.render("statistics.html", title="", study=study, numbers=[], sections=shown)
    return " ".join(page.split())
