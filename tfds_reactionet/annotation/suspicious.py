"""Automatic AU labels that jump between neighbouring frames (supplement 1.5, equation 1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Int64

from drr_jax.errors import InputError
from drr_jax.facs import SCENES
from tfds_reactionet.reading import OpenFaceFile, Track

INTENSITY = 2.0  # D at or above it is suspicious
COUNT = 5  # T at or above it is suspicious
LEVELS = ("all", "scene", "sub_scene", "task", "sequence")
COUNTS = (  # what was looked at and what was found
    *("faces", "frames", "pairs", "gaps"),
    *("by_difference", "by_change", "suspicious_pairs", "suspicious_frames"),
)

Key = tuple[str, str, str, str]  # scene, sub_scene, task, sequence; "" where not in a release


@dataclass(frozen=True)
class Pairs:
    """Neighbouring frames i, j = i + 1 of one face, both with a face found."""

    first: Int64[np.ndarray, " pairs"]  # position of i in the track; j is the next position
    difference: Float[np.ndarray, " pairs"]  # D: sum over 17 AUs of |y_i - y_j|
    change: Int[np.ndarray, " pairs"]  # T: |C_i - C_j|, C = number of occurring AUs
    gaps: int  # successive rows that are no neighbours: a jump in numbers, or a face not found


@dataclass(frozen=True)
class Flagged:
    """One face of one sequence with its suspicious pairs."""

    path: Path
    key: Key
    face: int
    track: Track
    pairs: Pairs
    by_difference: Bool[np.ndarray, " pairs"]
    by_change: Bool[np.ndarray, " pairs"]

    @property
    def suspicious(self) -> Bool[np.ndarray, " pairs"]:
        """Pairs suspicious by either rule."""
        return self.by_difference | self.by_change

    def rows(self) -> list[int]:
        """Positions in the track of all frames of suspicious pairs, rising."""
        first = self.pairs.first[self.suspicious]
        return np.union1d(first, first + 1).tolist()


def neighbour_pairs(track: Track) -> Pairs:
    """D and T of every pair of neighbours of a face.

    A jump in the frame numbers makes no pair, nor does a frame in which OpenFace found no face.
    An intensity that is NaN on either side adds nothing to D; an unknown occurrence does not occur.
    Source: supplement 1.5, equation 1.
    """
    near = (np.diff(track.frames) == 1) & track.found[1:] & track.found[:-1]
    first = np.flatnonzero(near)
    steps = np.abs(np.diff(track.intensity.astype(np.float64), axis=0))[first]
    count = (track.occurrence == 1).sum(axis=1)
    # OpenFace writes two decimals: rounding keeps a D of exactly 2.00 at the threshold.
    difference = np.round(np.nansum(steps, axis=1), 4)
    return Pairs(first, difference, np.abs(np.diff(count))[first], int((~near).sum()))


def check(path: Path, intensity: float = INTENSITY, count: int = COUNT) -> list[Flagged]:
    """Every face of an OpenFace file with its suspicious pairs, if it has any or none.

    Raises InputError for a file without AU columns, and for its defects.
    """
    file = OpenFaceFile(path)
    if not file.has_intensity or not file.has_occurrence:
        lacks = "AU01_c, ..." if file.has_intensity else "AU01_r, ..."
        raise InputError(f"{path}: no columns {lacks}; run FeatureExtraction with -aus")
    found = []
    for face, track in sorted(file.tracks().items()):
        pairs = neighbour_pairs(track)
        by_difference, by_change = pairs.difference >= intensity, pairs.change >= count
        found.append(Flagged(path, key_of(path), face, track, pairs, by_difference, by_change))
    return found


def key_of(path: Path) -> Key:
    """(scene, sub_scene, task, sequence) of a release's CSV; else ("", "", "", file name)."""
    folders = path.resolve().parts[-5:-1]
    if len(folders) == 4 and folders[0] in SCENES:
        return folders[0], folders[1], folders[2], folders[3]
    return "", "", "", path.stem


def find_files(folder: Path) -> list[Path]:
    """The openface.csv files below a folder, or all its .csv files if none has that name.

    Raises InputError if there is none.
    """
    if not folder.is_dir():
        raise InputError(f"folder {folder} does not exist")
    files = sorted(folder.rglob("openface.csv")) or sorted(folder.rglob("*.csv"))
    if not files:
        raise InputError(f"folder {folder}: no openface.csv and no other .csv in it")
    return files


def counts(flagged: Flagged) -> tuple[int, ...]:
    """COUNTS of one face."""
    pairs, found = flagged.pairs, (flagged.by_difference, flagged.by_change, flagged.suspicious)
    seen = (1, len(flagged.track.frames), len(pairs.first), pairs.gaps)
    return (*seen, *(int(some.sum()) for some in found), len(flagged.rows()))


def by_folder(faces: Iterable[tuple[Key, tuple[int, ...]]]) -> pd.DataFrame:
    """Sums of faces' COUNTS by level and folder, from "all" and "" down to every sequence."""
    rows = []
    for key, numbers in faces:
        parts = [part for part in key if part]
        for level in LEVELS if len(parts) == 4 else (LEVELS[0], LEVELS[-1]):
            rows.append((level, "/".join(parts[: LEVELS.index(level)]), *numbers))
    table = pd.DataFrame(rows, columns=["level", "folder", *COUNTS])
    table["level"] = pd.Categorical(table["level"], LEVELS, ordered=True)
    return pd.DataFrame(table.groupby(["level", "folder"], observed=True, as_index=False).sum())
