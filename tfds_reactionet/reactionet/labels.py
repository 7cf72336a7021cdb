"""ReactioNet's hand-made labels: key frames, captions and demographics (docs/datasets.md 11)."""

import math
import statistics
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int64

from drr_jax import json_text
from drr_jax.errors import InputError, nearest
from drr_jax.facs import EXPRESSIONS, REACTIONET_AUS, SCENES
from tfds_reactionet.reading import frame_number, inner_path, read_table, read_text

_PATH_COLUMNS = ("scene", "sub_scene", "task", "sequence")
AU_COLUMNS = tuple(f"AU{int(name[2:])}" for name in REACTIONET_AUS)  # AU1 ... AU45
_CODES = {"0": 0, "1": 1, "9": -1}  # 9: not codable
_OLDEST = 120
_NO_EXPRESSION = ("", "9", "unknown")


@dataclass(frozen=True)
class KeyFrames:
    """Hand-labelled frames of one sequence, by rising frame number."""

    frames: Int64[np.ndarray, " frames"]
    occurrence: Int8[np.ndarray, "frames 17"]  # 0, 1; -1 unknown
    expression: Int64[np.ndarray, " frames"]  # index in EXPRESSIONS; -1 unknown


def read_keyframes(path: Path) -> dict[str, KeyFrames]:
    """Key-frame labels by sequence key; empty if the release has no such file.

    Raises InputError for a defect: a missing column, an unknown scene or expression, a code that
    is not 0, 1 or 9, a (sequence, frame) that occurs twice, a path that leaves the release.
    """
    if not path.is_file():
        return {}
    found: dict[str, dict[int, tuple[list[int], int]]] = {}
    for line, row in read_table(path, (*_PATH_COLUMNS, "frame", "expression", *AU_COLUMNS)):
        for column in _PATH_COLUMNS:
            inner_path(row[column], 1, path, line)
        if row["scene"] not in SCENES:
            raise InputError(
                f"{path}: line {line}: unknown scene {row['scene']!r}; "
                f"{nearest(row['scene'], SCENES)}"
            )
        key = "/".join(row[column] for column in _PATH_COLUMNS)
        frame = frame_number(row["frame"], path, line)
        frames = found.setdefault(key, {})
        if frame in frames:
            raise InputError(f"{path}: line {line}: {key} frame {frame} is labelled twice")
        for column in AU_COLUMNS:
            if row[column] not in _CODES:
                raise InputError(
                    f"{path}: line {line}: {column} is {row[column][:40]!r}, expected 0, 1 or 9"
                )
        codes = [_CODES[row[column]] for column in AU_COLUMNS]
        frames[frame] = (codes, _expression(row["expression"], path, line))
    keyframes = {}
    for key, frames in found.items():
        numbers = sorted(frames)
        occurrence = np.array([frames[number][0] for number in numbers], np.int8)
        expression = np.array([frames[number][1] for number in numbers], np.int64)
        keyframes[key] = KeyFrames(np.array(numbers, np.int64), occurrence, expression)
    return keyframes


def _expression(text: str, path: Path, line: int) -> int:
    if text in _NO_EXPRESSION:
        return -1
    if text not in EXPRESSIONS:
        raise InputError(
            f"{path}: line {line}: unknown expression {text[:40]!r}; {nearest(text, EXPRESSIONS)}"
        )
    return EXPRESSIONS.index(text)


def read_demographics(path: Path) -> dict[str, tuple[str, ...]]:
    """Subjects by sequence key, in the file's order; empty if the release has no such file."""
    if not path.is_file():
        return {}
    subjects: dict[str, list[str]] = {}
    for line, row in read_table(path, ("sequence", "subject")):
        key = inner_path(row["sequence"], 4, path, line)
        if not row["subject"]:
            raise InputError(f"{path}: line {line}: the subject of {key} is empty")
        if row["subject"] in subjects.setdefault(key, []):
            raise InputError(f"{path}: line {line}: {key} names {row['subject'][:40]!r} twice")
        subjects[key].append(row["subject"])
    return {key: tuple(names) for key, names in subjects.items()}


def spellings(names: Iterable[str]) -> list[list[str]]:
    """Names that differ only in case, width, accents' encoding or characters that nobody sees.

    They are the same after Unicode's NFKC, case folding and without format characters.
    """
    found: dict[str, set[str]] = {}
    for name in names:
        seen = "".join(c for c in name if unicodedata.category(c) != "Cf")
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
        found.setdefault(" ".join(plain.split()), set()).add(name)
    return [sorted(several) for several in found.values() if len(several) > 1]


def read_people(path: Path) -> dict[str, dict[str, str]]:
    """Age group and ethnicity by subject, as far as the file has columns `age` and `dominant_race`.

    Of several rows the commonest ethnicity and the median age count: DeepFace judges each video.
    Age groups are decades, "20-29", as scores by group need some people in each. Raises InputError
    naming the line of an age that is no number.
    """
    if not path.is_file():
        return {}
    ages: dict[str, list[float]] = {}
    races: dict[str, list[str]] = {}
    for line, row in read_table(path, ("sequence", "subject")):
        age, race = row.get("age", ""), row.get("dominant_race", "").lower()
        if age and age.lower() != "unknown":
            try:
                years = float(age)
            except ValueError:
                years = math.nan
            if not 0 <= years <= _OLDEST:
                raise InputError(f"{path}: line {line}: age {age[:20]!r}, expected 0 to {_OLDEST}")
            ages.setdefault(row["subject"], []).append(years)
        if race and race != "unknown":
            races.setdefault(row["subject"], []).append(race)
    people: dict[str, dict[str, str]] = {}
    for subject, years in ages.items():
        decade = int(statistics.median(years)) // 10 * 10
        people.setdefault(subject, {})["age"] = f"{decade}-{decade + 9}"
    for subject, named in races.items():
        # Ties by alphabet, so that the order of the rows does not matter.
        commonest = min(set(named), key=lambda race: (-named.count(race), race))
        people.setdefault(subject, {})["race"] = commonest
    return dict(sorted(people.items()))


class Captions:
    """Captions of a sequence's stimulus images; one caption may cover a range of frames."""

    def __init__(self, spans: Iterable[tuple[int, int, str, int | str]], path: Path):
        """`spans` are (first frame, last frame, text, line). Raises InputError if two overlap."""
        ordered = sorted(spans, key=lambda span: span[:2])
        for before, after in pairwise(ordered):
            if after[0] <= before[1]:
                raise InputError(
                    f"{path}: line {after[3]}: frame {after[0]} has a caption already "
                    f"(line {before[3]}); expected one"
                )
        self._spans = ordered
        self._starts = [span[0] for span in ordered]

    @property
    def frames(self) -> range:
        """From the first frame that has a caption to the last."""
        if not self._spans:
            return range(0)
        return range(self._spans[0][0], max(span[1] for span in self._spans) + 1)

    def get(self, frame: int) -> str | None:
        """The caption of a stimulus frame, or None."""
        at = bisect_right(self._starts, frame) - 1
        if at < 0 or frame > self._spans[at][1]:
            return None
        return self._spans[at][2]


def read_captions(csv_path: Path, json_path: Path) -> Captions:
    """Captions from captions.csv (frame,caption) or captions.json; none if there is no file.

    A frame is a number or a range such as 1-12 (both ends included). Raises InputError for a file
    that is not UTF-8 (with the byte), a bad frame, a frame with two captions, or both files.
    """
    if csv_path.is_file() and json_path.is_file():
        raise InputError(f"{json_path}: {csv_path.name} is there too; keep one of them")
    if csv_path.is_file():
        table = read_table(csv_path, ("frame", "caption"))
        rows = [(row["frame"], row["caption"], line) for line, row in table]
        return Captions(_spans(rows, csv_path), csv_path)
    if json_path.is_file():
        pairs = [(key, text, f"with key {key[:40]!r}") for key, text in _json_pairs(json_path)]
        return Captions(_spans(pairs, json_path), json_path)
    return Captions([], csv_path)


def _json_pairs(path: Path) -> list[tuple[str, str]]:
    text = read_text(path)
    try:
        pairs = json_text.parse(text, list)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected JSON") from error
    shaped = isinstance(pairs, list) and all(
        isinstance(pair, tuple) and isinstance(pair[1], str) for pair in pairs
    )
    if not shaped or not text.lstrip().startswith("{"):
        raise InputError(f'{path}: expected an object {{"000001": "caption", ...}} of texts')
    return pairs


def _spans(
    rows: Iterable[tuple[str, str, int | str]], path: Path
) -> Iterable[tuple[int, int, str, int | str]]:
    for frames, caption, line in rows:
        first, dash, last = frames.partition("-")
        start = frame_number(first.strip(), path, line)
        end = frame_number(last.strip(), path, line) if dash else start
        if end < start:
            raise InputError(f"{path}: line {line}: range {frames[:40]!r} ends before it starts")
        text = " ".join(caption.split())
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{path}: line {line}: half a surrogate pair in a caption") from error
        if text:
            yield start, end, text, line
