"""The list an expert goes through, and the merge of the corrections with automatic labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError, nearest
from drr_jax.facs import EXPRESSIONS, SCENES
from tfds_reactionet.annotation.suspicious import Flagged
from tfds_reactionet.building import csv_text
from tfds_reactionet.reactionet import AU_COLUMNS, read_keyframes
from tfds_reactionet.reading import frame_number, inner_path, read_table

PATH_COLUMNS = ("scene", "sub_scene", "task", "sequence")
AUTOMATIC_COLUMNS = tuple(f"automatic_{name}" for name in AU_COLUMNS)
REVIEW_COLUMNS = (
    *PATH_COLUMNS,
    *("frame", "face_id", "D_before", "D_after", "T_before", "T_after"),
    *("reviewer", "expression"),
    *AU_COLUMNS,
    *AUTOMATIC_COLUMNS,
)
# keyframes.csv, as the builder reads it; the columns after AU45 are for people.
MERGED_COLUMNS = (
    *PATH_COLUMNS,
    *("frame", "expression"),
    *AU_COLUMNS,
    *("label_source", "reviewer"),
    *AUTOMATIC_COLUMNS,
)
_CODES = {0: "0", 1: "1", -1: "9"}


def review_rows(flagged: Flagged) -> list[list[Any]]:
    """One row for every frame of a suspicious pair, with empty cells for the expert."""
    pairs, track = flagged.pairs, flagged.track
    pair_of = {int(first): row for row, first in enumerate(pairs.first)}
    rows = []
    for at in flagged.rows():
        before, after = pair_of.get(at - 1), pair_of.get(at)
        differences = ["" if p is None else f"{pairs.difference[p]:.2f}" for p in (before, after)]
        changes = ["" if p is None else int(pairs.change[p]) for p in (before, after)]
        automatic = [_CODES[int(value)] for value in track.occurrence[at]]
        rows.append(
            [*flagged.key, int(track.frames[at]), flagged.face, *differences, *changes]
            + [""] * (2 + len(AU_COLUMNS))
            + automatic
        )
    return rows


@dataclass(frozen=True)
class Merged:
    """A merged label file and what went into it."""

    text: str
    key_frames: int
    reviewed: int
    changed_labels: int  # AU labels in which the expert differs from OpenFace
    open: int  # rows of the review list without a reviewer
    kept: int  # reviewed frames that are key frames already: the key frame's labels stay


def merge(review: Path, keyframes: Path | None = None) -> Merged:
    """Merges a filled review list into key-frame labels; automatic labels stay beside them.

    A row counts as reviewed when `reviewer` is filled; an empty AU cell then confirms the
    automatic label, a filled one (0, 1, or 9 for not codable) replaces it. Frames that are in
    `keyframes` keep those labels. Raises InputError naming the line for a cell filled without a
    reviewer, a wrong code, expression, path or frame, and a frame that is reviewed twice.
    """
    rows: dict[tuple[str, int], list[str]] = {}
    if keyframes is not None:
        if not keyframes.is_file():
            raise InputError(f"{keyframes}: no such file; expected labels/keyframes.csv")
        rows = _key_frames(keyframes)
    coded = set(rows)
    done: dict[tuple[str, int], int] = {}
    counts = {"reviewed": 0, "changed_labels": 0, "open": 0, "kept": 0}
    for line, row in read_table(review, REVIEW_COLUMNS):
        key = _key(row, review, line)
        if not row["reviewer"]:
            filled = next((name for name in ("expression", *AU_COLUMNS) if row[name]), None)
            if filled:
                raise InputError(
                    f"{review}: line {line}: {filled} is filled, but reviewer is empty; "
                    "write the reviewer's name, or clear the row"
                )
            counts["open"] += 1
            continue
        if key in done:
            raise InputError(
                f"{review}: line {line}: {key[0]} frame {key[1]} is reviewed on line {done[key]} "
                "too (another face?); expected one reviewed row for each frame"
            )
        done[key] = line
        merged, changed = _reviewed(row, review, line)
        if key in coded:
            counts["kept"] += 1
            continue
        counts["reviewed"] += 1
        counts["changed_labels"] += changed
        rows[key] = merged
    ordered = [rows[key] for key in sorted(rows)]
    return Merged(csv_text(MERGED_COLUMNS, ordered), len(coded), **counts)


def _key(row: Mapping[str, str], review: Path, line: int) -> tuple[str, int]:
    if not row["scene"]:
        raise InputError(
            f"{review}: line {line}: no scene; expected a list made from files that lie as "
            "<scene>/<sub_scene>/<task>/<sequence>/openface.csv"
        )
    for column in PATH_COLUMNS:
        inner_path(row[column], 1, review, line)
    if row["scene"] not in SCENES:
        known = nearest(row["scene"], SCENES)
        raise InputError(f"{review}: line {line}: unknown scene {row['scene'][:40]!r}; {known}")
    path = "/".join(row[column] for column in PATH_COLUMNS)
    return path, frame_number(row["frame"], review, line)


def _reviewed(row: Mapping[str, str], review: Path, line: int) -> tuple[list[str], int]:
    """A row of the merged file, and how many labels the expert changed."""
    if row["expression"] not in ("", *EXPRESSIONS):
        known = nearest(row["expression"], EXPRESSIONS)
        raise InputError(
            f"{review}: line {line}: unknown expression {row['expression'][:40]!r}; {known}"
        )
    for name in AU_COLUMNS:
        allowed = (name, ("", *_CODES.values())), (f"automatic_{name}", tuple(_CODES.values()))
        for column, codes in allowed:
            if row[column] not in codes:
                raise InputError(
                    f"{review}: line {line}: {column} is {row[column][:40]!r}, expected 0, 1 or 9"
                )
    automatic = [row[name] for name in AUTOMATIC_COLUMNS]
    labels = [row[name] or row[f"automatic_{name}"] for name in AU_COLUMNS]
    changed = sum(a != b for a, b in zip(labels, automatic, strict=True))
    place = [row[column] for column in PATH_COLUMNS]
    frame = str(int(row["frame"]))
    merged = [*place, frame, row["expression"], *labels, "review", row["reviewer"], *automatic]
    return merged, changed


def _key_frames(path: Path) -> dict[tuple[str, int], list[str]]:
    rows = {}
    for key, labels in read_keyframes(path).items():
        found = zip(labels.frames.tolist(), labels.expression, labels.occurrence, strict=True)
        for frame, expression, occurrence in found:
            codes = [_CODES[int(code)] for code in occurrence]
            name = EXPRESSIONS[expression] if expression >= 0 else ""
            tail = ["keyframe", "", *[""] * len(AUTOMATIC_COLUMNS)]
            rows[key, frame] = [*key.split("/"), str(frame), name, *codes, *tail]
    return rows
