"""What a prepared data set holds, for people to read."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drr_jax import files
from drr_jax.errors import InputError

_NEEDED = (
    *("parts", "fingerprint", "files", "built_from", "size", "options", "protocol", "skipped"),
    *("au_names", "expression_names", "rendered"),
)
_NEEDED_OF_PART = (
    *("records", "sequences", "sequence_digests", "subjects", "tasks", "label_source_counts"),
    *("au_known", "au_pairs", "au_given", "expression_counts"),
)
REMEDY = "pass --overwrite to build it again, or another --data_dir"


def read_metadata(prepared: Path) -> dict[str, Any]:
    """A prepared data set's metadata.

    Raises InputError if it is damaged, or it, the features or the names of classes are not what
    was written; sets from before there was a digest cannot tell.
    """
    path = prepared / "metadata.json"
    try:
        metadata = files.read_json(path)
        files.check_description(prepared, metadata)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}); build again with --overwrite") from error
    with damaged(prepared):
        missing = [key for key in _NEEDED if key not in metadata]
        missing += [
            f"{key} of {name}"
            for name, part in metadata.get("parts", {}).items()
            for key in _NEEDED_OF_PART
            if key not in part
        ]
    if missing:
        raise InputError(f"{path}: no {missing[0]} in it; build again with --overwrite")
    return metadata


def check_options(
    prepared: Path, chosen: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The options that a prepared set was built with; those it is too old to name by default.

    Raises InputError if one that was `chosen` is another.
    """
    with damaged(prepared):
        built_with = {**defaults, **read_metadata(prepared)["options"]}
    for key, value in chosen.items():
        if value != built_with[key]:
            raise InputError(
                f"{prepared} was built with {key}={built_with[key]}, not {value}; {REMEDY}"
            )
    return built_with


@contextlib.contextmanager
def damaged(prepared: Path) -> Iterator[None]:
    """Turns what metadata of another shape raise into one line; a digest finds it sooner."""
    try:
        yield
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{prepared / 'metadata.json'}: damaged ({type(error).__name__}: {error}); build again "
            "with --overwrite"
        ) from error


def summarise(prepared: Path) -> str:
    """What a prepared set holds and what was skipped, as text."""
    metadata = read_metadata(prepared)
    with damaged(prepared):
        return _summary(prepared, metadata)


def _summary(prepared: Path, metadata: dict[str, Any]) -> str:
    lines = [f"{prepared}" + ("  (RENDERED demo, no recordings)" if metadata["rendered"] else "")]
    parts = metadata["parts"]
    total = sum(part["records"] for part in parts.values())
    lines.append(f"{total} records, {_fold_source(metadata)}, size {metadata['size']}")
    for name, part in parts.items():
        manual = part["label_source_counts"]["manual"]
        lines.append(
            f"  {name}: {part['records']} records ({manual} labelled by hand), "
            f"{len(part['sequences'])} sequences, {len(part['tasks'])} tasks, "
            f"{len(part['subjects'])} subjects"
        )
    seen = [set(part["subjects"]) for part in parts.values()]
    shared = {s for i, ours in enumerate(seen) for theirs in seen[i + 1 :] for s in ours & theirs}
    if shared:
        lines.append(f"  WARNING: {len(shared)} subject(s) are in more than one part")
    if metadata["protocol"]["kind"] == "folds" and total:
        shares = [100 * part["records"] / total for part in parts.values()]
        lines.append(f"  parts hold {min(shares):.1f} to {max(shares):.1f} % of the records")
    heard = sum((Counter(part.get("sound_counts", {})) for part in parts.values()), Counter())
    if heard:
        lines.append(f"  sound before {heard['with']} records, {heard['without']} have none")
    lines += [f"  {note}" for note in metadata.get("notes", [])]
    if metadata["au_names"]:
        lines.append("base rates (share of records where the AU is known)")
    for start in range(0, len(metadata["au_names"]), 6):
        cells = []
        for au in range(start, min(start + 6, len(metadata["au_names"]))):
            positive = sum(part["au_pairs"][au][au] for part in parts.values())
            known = sum(part["au_known"][au] for part in parts.values())
            rate = f"{positive / known:.3f}" if known else "unknown"
            cells.append(f"{metadata['au_names'][au]} {rate}")
        lines.append("  " + "  ".join(cells))
    counts = [sum(c) for c in zip(*(p["expression_counts"] for p in parts.values()), strict=True)]
    if any(counts):
        named = zip(metadata["expression_names"], counts, strict=True)
        lines.append("expressions: " + "  ".join(f"{name} {count}" for name, count in named))
    if metadata.get("noted"):
        lines.append("noted, by number of sequences")
        lines += [f"  {count}  {note}" for note, count in metadata["noted"].items()]
    if metadata["skipped"]:
        listed = prepared.parents[1] / f"skipped-{prepared.parent.name}.csv"
        lines.append(f"skipped frames, listed in {listed}")
        lines += [f"  {count}  {reason}" for reason, count in metadata["skipped"].items()]
    else:
        lines.append("no frame was skipped")
    lines.append(f"fingerprint {metadata['fingerprint']}")
    if files.SEAL not in metadata:
        lines.append(
            "WARNING: made before metadata had a digest, so that a change in it would not be "
            "noticed; build again with --overwrite to have one"
        )
    return "\n".join(lines)


def _fold_source(metadata: dict[str, Any]) -> str:
    source = metadata.get("fold_source")
    if source == "file":
        return f"folds of {metadata['options']['folds']}"
    if source:
        made = source == "components"
        return "folds from the " + ("subject-video graph" if made else "release's own lists")
    kind = metadata["protocol"]["kind"]
    return f"{kind} of the protocol, images {metadata['options']['crop']}"
