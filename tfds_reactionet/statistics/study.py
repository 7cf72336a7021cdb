"""What the statistics of one data set are made from, and the files they end in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drr_jax.errors import InputError
from tfds_reactionet.annotation import Agreement, Person
from tfds_reactionet.building import read_metadata
from tfds_reactionet.statistics.counts import Counts


@dataclass
class Study:
    """A prepared data set with everything counted; sections add their files to `files`."""

    name: str  # "reactionet/demo"
    prepared: Path
    metadata: Mapping[str, Any]
    counts: Counts
    others: Mapping[str, Mapping[str, Any]]  # metadata of data sets shown beside, by name
    coders: Agreement | None
    demographics: Path  # labels/demographics.csv of the raw release, which need not be there
    people: Sequence[Person]  # its subjects
    max_lag: int
    files: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def au_names(self) -> tuple[str, ...]:
        return tuple(self.metadata["au_names"])

    @property
    def records(self) -> int:
        return sum(part["records"] for part in self.metadata["parts"].values())

    @property
    def rate(self) -> float:
        """Frames a second: a rendered release's dial, else the builder's option; 0 if not known."""
        dials = self.metadata.get("rendering", {}).get("dials", {})
        return float(dials.get("fps") or self.metadata["options"].get("fps") or 0.0)

    @property
    def sequences(self) -> list[tuple[str, int]]:
        """(name, records) of every sequence."""
        parts = self.metadata["parts"].values()
        return [(name, count) for part in parts for name, _, _, count in part["sequences"]]


def read_set(prepared: Path) -> dict[str, Any]:
    """Metadata of a prepared set of any kind. Raises InputError if it is damaged."""
    metadata = read_metadata(prepared)
    names, source = metadata.get("au_names"), metadata["built_from"]
    whole = isinstance(source, dict) and isinstance(source.get("manual_dir"), str)
    if not whole or not isinstance(names, list) or not isinstance(metadata["parts"], dict):
        raise InputError(
            f"{prepared / 'metadata.json'}: no list au_names, no parts or no built_from; "
            "build it again"
        )
    for part, entry in metadata["parts"].items():
        try:
            shapes = {np.shape(entry[key]) for key in ("au_pairs", "au_given")}
            rows = entry["sequences"]
            good = not names or shapes == {(len(names),) * 2}
            good = good and all(len(row) == 4 and row[3] > 0 for row in rows)
            good = good and sum(row[3] for row in rows) == int(entry["records"])
        except (KeyError, TypeError, ValueError):
            good = False
        if not good:
            raise InputError(
                f"{prepared / 'metadata.json'}: counts of {part} are damaged; build it again"
            )
    return metadata


def au_shares(metadata: Mapping[str, Any], names: Sequence[str]) -> list[float]:
    """Share of frames in which each AU occurs, of those where it is known; NaN if it never is."""
    parts, shares = metadata["parts"].values(), {}
    for at, name in enumerate(metadata["au_names"]):
        known = sum(part["au_known"][at] for part in parts)
        if known:
            shares[name] = sum(part["au_pairs"][at][at] for part in parts) / known
    return [shares.get(name, float("nan")) for name in names]
