"""What facts of a compiled step mean on a chip: the shortest time, and what holds it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from drr_jax.plan.chips import Chip
from drr_jax.plan.collectives import Collective

COMPUTE, MEMORY, NETWORK = "arithmetic", "memory", "network"


def roofline(chip: Chip, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a step by each of the three bounds at datasheet peaks, and which one holds.

    FLOPs and bytes are XLA's where it counts them, else ours. Nothing comes of a chip without
    peaks, or of a program that could not be read. No run is as fast: peaks are never reached, and
    one bound's work is assumed to hide all of the others'.
    """
    flops, moved = counted(facts, "flops"), counted(facts, "bytes")
    peak, program = chip.peak(facts["precision"]), facts.get("program", {})
    if not (peak and chip.bandwidth and flops and moved):
        return {}
    bounds = {COMPUTE: flops["value"] / peak, MEMORY: moved["value"] / chip.bandwidth}
    if "collectives" in program and chip.link:
        every = [Collective(**one) for one in program["collectives"]]
        bounds[NETWORK] = sum(one.seconds(chip.link, chip.network or chip.link) for one in every)
    holds = max(bounds, key=lambda bound: bounds[bound])
    parts = program.get("parts", {}).values()
    alone = sum(part["seconds"] for part in parts)
    return {"seconds": bounds, "holds": holds, "step": bounds[holds], "one_by_one": alone or None}


def counted(facts: Mapping[str, Any], what: str) -> dict[str, Any] | None:
    """FLOPs or bytes of a device's step, and who counted them; None if nobody could.

    XLA counts bytes that stay in a TPU's fast memory, too, and the text does not. So the lower of
    the two bounds a step, unless what XLA has beyond is the price of gathers (`price_gathers`).
    """
    by_xla, program = facts.get("xla", {}).get(what), facts.get("program", {})
    text = program.get(what)
    if by_xla and text and what == "bytes" and not program.get("priced"):
        by_xla = by_xla if by_xla <= text else None
    if by_xla:
        return {"value": by_xla, "counted": "by XLA in the compiled program"}
    if text is not None:
        return {"value": text, "counted": "here, from the compiled program's text"}
    return None


def exchanged(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Collectives by kind, group and hosts: how many, bytes in all, bytes a device sends."""
    rows: dict[tuple[str, int, int], dict[str, float]] = defaultdict(
        lambda: {"count": 0, "bytes": 0, "sent": 0.0}
    )
    for one in (Collective(**fields) for fields in found):
        row = rows[one.kind, one.size, one.hosts]
        row["count"] += one.times
        row["bytes"] += one.times * one.bytes
        row["sent"] += one.times * one.sent()
    named = [
        {"kind": kind, "devices": size, "hosts": hosts, **row}
        for (kind, size, hosts), row in rows.items()
    ]
    return sorted(named, key=lambda row: -row["bytes"])


def shares(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every part's share of FLOPs, bytes and time of the compiled program, the largest first.

    FLOPs of the traced program are beside: a compiler may count some twice, or not at all.
    """
    program, traced = facts.get("program", {}), facts["traced_flops_global"]
    parts: Mapping[str, Mapping[str, float]] = program.get("parts", {})
    names = dict.fromkeys((*parts, *traced))

    def share(part: str, key: str) -> float | None:
        whole = sum(one.get(key, 0.0) for one in parts.values())
        return parts.get(part, {}).get(key, 0.0) / whole if whole else None

    every = sum(traced.values())
    rows = [
        {
            "part": part or "not attributed",
            **{key: share(part, key) for key in ("flops", "bytes", "seconds")},
            "traced_flops": traced.get(part, 0.0) / every if every else None,
        }
        for part in names
    ]
    return sorted(
        rows, key=lambda row: -(row["seconds"] or row["bytes"] or row["traced_flops"] or 0)
    )


def fits(chip: Chip, facts: Mapping[str, Any]) -> bool | None:
    """Whether a device's memory holds the step; None for devices without a figure."""
    if "too_large" in facts:
        return False
    return facts["memory"]["total"] <= chip.memory if chip.memory and facts["memory"] else None
