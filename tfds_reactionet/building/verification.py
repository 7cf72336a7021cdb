"""Reads a prepared data set back, record by record, and compares it with its metadata."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from drr_jax.errors import InputError
from drr_jax.machine import cores
from tfds_reactionet.building.common import (
    LATER,
    Tally,
    file_digests,
    fingerprint,
    images_of,
    with_texts,
)
from tfds_reactionet.building.parallel import ordered_map
from tfds_reactionet.building.summary import damaged, read_metadata
from tfds_reactionet.reading import BadImageError, decode

_RANGE = 512  # records a process reads at a time
_REMEDY = "build the set again with --overwrite"


def verify(prepared: Path, *, jobs: int | None = None, progress: bool = True) -> str:
    """Checks counts, images, contents and files of a prepared set; returns a line that says so.

    Metadata, features and names of classes are held against their digests (`read_metadata`), every
    record is read and all its images are decoded. Raises InputError naming the first bad
    record, or the file or number that differs from the metadata.
    """
    metadata = read_metadata(prepared)
    parts = metadata["parts"]
    with damaged(prepared):
        empty = functools.partial(
            Tally.of, len(metadata["au_names"]), len(metadata["expression_names"])
        )
        ranges = [
            (part, start, min(start + _RANGE, _length(prepared, part, entry)))
            for part, entry in parts.items()
            for start in range(0, entry["records"], _RANGE)
        ]
    tallies = {part: empty() for part in parts}
    total = sum(entry["records"] for entry in parts.values())
    with tqdm(total=total, desc="verifying", unit=" records", disable=not progress) as bar:
        results = ordered_map(
            functools.partial(_read_range, prepared, empty), ranges, jobs or cores()
        )
        for (part, start, stop), (tally, bad) in zip(ranges, results, strict=True):
            if bad is not None:
                number, defect = bad
                sequence = _sequence_of(parts[part], number)
                raise InputError(
                    f"{prepared}: {part} record {number} ({sequence}): {defect}; {_REMEDY}"
                )
            tallies[part].add(tally)
            bar.update(stop - start)
    with damaged(prepared):
        _compare(prepared, metadata, tallies)
    return f"verified: {total} records in {prepared}, fingerprint {metadata['fingerprint']}"


def _compare(prepared: Path, metadata: dict[str, Any], tallies: dict[str, Tally]) -> None:
    for part, tally in tallies.items():
        written, found = metadata["parts"][part], tally.to_json()
        digests = zip(
            found["sequences"], found["sequence_digests"], written["sequence_digests"], strict=False
        )
        for (key, _, first, _), ours, theirs in digests:
            if ours != theirs:
                raise InputError(
                    f"{prepared}: {part} record {first} or a later one of {key} is not what was "
                    f"written; {_REMEDY}"
                )
        for name, value in found.items():
            if name in LATER and name not in written:
                continue
            if value != written.get(name):
                raise InputError(f"{prepared}: {part}: {name} differs from metadata; {_REMEDY}")
    if fingerprint(tallies) != metadata["fingerprint"]:
        raise InputError(f"{prepared}: the fingerprint differs from metadata; {_REMEDY}")
    digests = file_digests(prepared)
    for name in sorted(digests.keys() | metadata["files"].keys()):
        if digests.get(name) != metadata["files"].get(name):
            raise InputError(f"{prepared / name}: bytes differ from what was written; {_REMEDY}")


def _length(prepared: Path, part: str, entry: dict[str, Any]) -> int:
    """Number of records a part's files hold; raises InputError if metadata names another."""
    try:
        length = len(_source(prepared, part))
    except Exception as error:  # the file library raises many kinds
        raise InputError(f"{prepared}: {part} cannot be opened: {error}; {_REMEDY}") from error
    if length != entry["records"]:
        raise InputError(
            f"{prepared}: {part} holds {length} records, metadata says {entry['records']}; "
            f"{_REMEDY}"
        )
    return length


@functools.lru_cache(maxsize=4)
def _source(prepared: Path, part: str) -> Any:
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.read_only_builder import ReadOnlyBuilder

    builder: Any = ReadOnlyBuilder(builder_dir=str(prepared))
    decoders = {
        name: {"image": tfds.decode.SkipDecoding()}
        for name in images_of(builder.info.features.keys())
    }
    return builder.as_data_source(part, decoders=decoders)


def _read_range(
    prepared: Path, empty: Callable[[], Tally], piece: tuple[str, int, int]
) -> tuple[Tally, tuple[int, str] | None]:
    """The tally of a part's records start to stop, and the first bad one's number and defect."""
    part, start, stop = piece
    source, tally = _source(prepared, part), empty()
    for number in range(start, stop):
        try:
            record = with_texts(source[number])
            for name in images_of(record):
                decode(record[name]["image"])
            tally.add_record(record)
        except BadImageError as error:
            return tally, (number, f"an image does not decode: {error}")
        except Exception as error:  # damaged files surface as many kinds of exception
            return tally, (number, f"cannot be read: {error}")
    return tally, None


def _sequence_of(entry: dict[str, Any], number: int) -> str:
    for key, _, first, count in entry["sequences"]:
        if first <= number < first + count:
            return key
    return "no sequence"
