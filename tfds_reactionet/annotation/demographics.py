"""Age and ethnicity as DeepFace.analyze estimates them, in the bins of Table 1 (supplement 1.4)."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax import json_text
from drr_jax.errors import InputError, nearest
from tfds_reactionet.reading import inner_path, read_table, read_text

# DeepFace's names -> Table 1's
ETHNICITIES = {
    "asian": "Asian",
    "black": "Black",
    "latino hispanic": "Hispanic/Latino",
    "indian": "Indian",
    "middle eastern": "Middle-Eastern",
    "white": "White",
}
UNKNOWN = "Unknown"
AGES: tuple[str, ...] = ("20-24", "25-29", "30-34", "35-39", "40-44", "45-49", "50+")
YOUNGER = "under 20"  # not in Table 1: shown only where somebody is
PAPER_ETHNICITY = dict(
    zip((*ETHNICITIES.values(), UNKNOWN), (128, 206, 80, 21, 95, 434, 602), strict=True)
)
PAPER_AGE: dict[str, int] = dict(
    zip((*AGES, UNKNOWN), (115, 352, 320, 126, 39, 9, 3, 602), strict=True)
)
_RESULT_KEYS = {"age", "dominant_race", "race", "region", "face_confidence", "error"}
_OLDEST = 120


@dataclass(frozen=True)
class Person:
    """One subject; None where there was no valid estimate."""

    subject: str
    age: float | None = None  # years
    race: str | None = None  # a key of ETHNICITIES


def read_deepface(path: Path) -> list[Person]:
    """Subjects from a JSON file of DeepFace.analyze results.

    An object with age or dominant_race is one subject (DeepFace before 0.0.76 gave that for one
    face); a list has one subject an entry; an object of names, one subject a name. An entry that
    is a list holds the faces of one image, of which the largest counts. No face (an empty list,
    null, {"error": ...}, face_confidence 0, or, where that is not given, a region that starts at
    0, 0 with no eyes in it) is a subject whose age and ethnicity are unknown, since
    enforce_detection=False analyses the whole picture then.
    Raises InputError naming the entry for anything else.
    """
    try:
        value = json_text.parse(read_text(path), dict)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected JSON of DeepFace.analyze results") from error
    if isinstance(value, dict) and not _RESULT_KEYS & value.keys():
        return [_person(name, entry, f"{path}: {name!r}") for name, entry in value.items()]
    if isinstance(value, dict):
        return [_person(path.stem, value, str(path))]
    if isinstance(value, list):
        width = len(str(len(value)))
        names = [f"{path.stem}-{n:0{width}d}" for n in range(1, len(value) + 1)]
        pairs = zip(names, value, strict=True)
        return [_person(name, entry, f"{path}: entry {name}") for name, entry in pairs]
    raise InputError(f"{path}: expected a list or an object of DeepFace.analyze results")


def _person(subject: str, entry: Any, where: str) -> Person:
    faces = entry if isinstance(entry, list) else [entry]
    found = []
    for face in faces:
        if face is None:
            continue
        if not isinstance(face, dict):
            raise InputError(f"{where}: {str(face)[:40]!r}; expected a DeepFace.analyze result")
        if _has_face(face, where):
            found.append(face)
    if not found:
        return Person(subject)
    face = max(found, key=_area)
    return Person(subject, _age(face.get("age"), where), _race(face, where))


def _has_face(face: dict[str, Any], where: str) -> bool:
    if "error" in face:
        return False
    if not _RESULT_KEYS & face.keys():
        raise InputError(
            f"{where}: no age and no dominant_race; expected a DeepFace.analyze result"
        )
    confidence = face.get("face_confidence")
    if confidence is not None:
        if not _is_number(confidence):
            raise InputError(f"{where}: face_confidence is {str(confidence)[:40]!r}, not a number")
        return confidence > 0
    region = face.get("region")
    if not isinstance(region, dict) or not region:
        return True
    return any((region.get("x"), region.get("y"), region.get("left_eye"), region.get("right_eye")))


def _area(face: dict[str, Any]) -> float:
    region = face.get("region")
    sides: list[Any] = [region.get("w"), region.get("h")] if isinstance(region, dict) else []
    return math.prod(sides) if sides and all(map(_is_number, sides)) else 0.0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _age(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= _OLDEST:
        raise InputError(f"{where}: age is {str(value)[:40]!r}, expected 0 to {_OLDEST} years")
    return float(value)


def _race(face: dict[str, Any], where: str) -> str | None:
    name, shares = face.get("dominant_race"), face.get("race")
    if name is None and isinstance(shares, dict) and shares:
        if not all(map(_is_number, shares.values())):
            raise InputError(f"{where}: race holds something that is no number")
        name = max(shares, key=lambda key: shares[key])
    return None if name is None else race_name(name, where)


def race_name(name: Any, where: str) -> str | None:
    """DeepFace's name for an ethnicity, or None for "", "unknown". Raises InputError for others."""
    plain = str(name).lower().replace("_", " ").replace("-", " ").strip()
    if plain in ("", "unknown", "none"):
        return None
    if plain not in ETHNICITIES:
        known = nearest(plain, tuple(ETHNICITIES))
        raise InputError(f"{where}: unknown ethnicity {str(name)[:40]!r}; {known}")
    return plain


def read_people(path: Path) -> list[Person]:
    """Subjects of a release's labels/demographics.csv; who is in several sequences counts once.

    The median of a subject's known ages and the most frequent known ethnicity are taken.
    Raises InputError for a defect, naming the line.
    """
    known: dict[str, tuple[list[float], Counter[str]]] = {}
    for line, row in read_table(path, ("sequence", "subject", "age", "dominant_race")):
        inner_path(row["sequence"], 4, path, line)
        subject, where = row["subject"], f"{path}: line {line}"
        if not subject:
            raise InputError(f"{where}: the subject is empty")
        ages, races = known.setdefault(subject, ([], Counter()))
        if row["age"].lower() not in ("", "unknown"):
            ages.append(_years(row["age"], where))
        race = race_name(row["dominant_race"], where)
        if race is not None:
            races[race] += 1
    people = []
    for subject, (ages, races) in known.items():
        age = float(np.median(ages)) if ages else None
        people.append(Person(subject, age, max(races, key=races.__getitem__, default=None)))
    return people


def _years(text: str, where: str) -> float:
    try:
        years = float(text)
    except ValueError as error:
        raise InputError(f"{where}: age is {text[:40]!r}, expected years") from error
    return _age(years, where) or 0.0


def age_bin(age: float | None) -> str:
    """Table 1's bin of an age in years."""
    if age is None:
        return UNKNOWN
    if age < 20:
        return YOUNGER
    return AGES[min(int(age - 20) // 5, len(AGES) - 1)]


def table_1(people: Iterable[Person]) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers of subjects by ethnicity and by age, in Table 1's order."""
    people = list(people)
    ethnicity = Counter(ETHNICITIES.get(person.race or "", UNKNOWN) for person in people)
    age = Counter(age_bin(person.age) for person in people)
    bins = (*((YOUNGER,) if age[YOUNGER] else ()), *AGES, UNKNOWN)
    names = (*ETHNICITIES.values(), UNKNOWN)
    return {name: ethnicity[name] for name in names}, {name: age[name] for name in bins}


def table_rows(people: Sequence[Person]) -> list[list[Any]]:
    """Rows of attribute, group, number and the paper's number (Table 1)."""
    ethnicity, age = table_1(people)
    rows = [["ethnicity", name, n, PAPER_ETHNICITY[name]] for name, n in ethnicity.items()]
    return rows + [["age", name, n, PAPER_AGE.get(name, "")] for name, n in age.items()]
