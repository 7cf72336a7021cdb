"""A plan in words: lines for a terminal, and a page."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from drr_jax import pages
from drr_jax.pages import GREY, PALETTE, RED, WIDTH

Plan = Mapping[str, Any]
NOT_MEASURED = (
    "Nothing was measured on these chips: memory is what their compiler says, times are lower "
    "bounds from datasheets, which no run reaches."
)
_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def amount(value: float | None, unit: str) -> str:
    """2.65e9, "B" -> "2.65 GB"."""
    if value is None:
        return "?"
    factor, letter = next((one for one in _UNITS if abs(value) >= one[0]), (1, ""))
    return f"{value / factor:.3g} {letter}{unit}"


def milliseconds(seconds: float | None) -> str:
    """0.0059 -> "5.9 ms"."""
    return "?" if seconds is None else f"{1000 * seconds:.3g} ms"


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def heading(plan: Plan) -> str:
    """What was planned, in one line."""
    facts = plan["facts"]
    each = facts["batch"] // facts["devices"]
    return (
        f"{plan['system']} on {plan['topology']}: {facts['devices']} x {facts['device']} on "
        f"{facts['hosts']} host{'s' * (facts['hosts'] > 1)}, batch {facts['batch']:,} ({each:,} a "
        f"device), {facts['precision']}, augmented on the {facts['augment_on']}"
    )


def rows(plan: Plan) -> list[tuple[str, str, str]]:
    """What, figure, and how it is known."""
    facts, chip, found = plan["facts"], plan["chip"], []
    if "too_large" in facts:
        return [("compiles", f"no, it does not fit: {facts['too_large']}", "compiled")]
    seconds = facts["seconds"]
    took = f"yes, in {seconds['compile']:.0f} s after {seconds['trace']:.0f} s of tracing"
    found.append(("compiles", took, "compiled"))
    found.append(("memory of a device", _memory(plan), "compiled"))
    flops, moved = plan["flops"], plan["bytes"]
    traced = sum(facts["traced_flops_global"].values()) / facts["devices"]
    if flops:
        said = f"{amount(flops['value'], 'FLOP')} a device and step ({flops['counted']})"
        found.append(("arithmetic", said, "compiled"))
    found.append(("", f"{amount(traced, 'FLOP')} by the traced program's shapes", "computed"))
    if moved:
        said = f"{amount(moved['value'], 'B')} a device and step ({moved['counted']})"
        found.append(("memory traffic", said, "compiled"))
    if priced := facts["program"].get("priced"):
        said = f"{amount(priced, 'B')} of these are what XLA counts for pixels picked one by one"
        found.append(("", said, "compiled"))
    found += _collectives(plan)
    if roof := plan["roofline"]:
        bounds = ", ".join(f"{name} {milliseconds(s)}" for name, s in roof["seconds"].items())
        said = f"at least {milliseconds(roof['step'])}, held by {roof['holds']} ({bounds})"
        found.append(("a step", said, "computed"))
        if roof["one_by_one"]:
            said = f"{milliseconds(roof['one_by_one'])} if operations follow one another"
            found.append(("", said, "computed"))
    elif not chip["bandwidth"]:
        found.append(("a step", "no datasheet has peaks of these devices", "computed"))
    return found + _feeding(plan) + _search(plan)


def _memory(plan: Plan) -> str:
    memory, chip = plan["facts"]["memory"], plan["chip"]
    pieces = ", ".join(
        f"{name} {amount(memory[name], 'B')}"
        for name in ("arguments", "temporaries", "outputs", "code")
    )
    whole = f" of {amount(chip['memory'], 'B')}" if chip["memory"] else ""
    fits = {True: "", False: "; it does not fit", None: ""}[plan["fits"]]
    gpu = " (JAX takes 75 % of a GPU unless XLA_PYTHON_CLIENT_MEM_FRACTION says more)"
    peak = f", {amount(memory['peak'], 'B')} in use at the peak"
    figure = f"{amount(memory['total'], 'B')}{whole}: {pieces}{peak}{fits}"
    return figure + gpu * (chip["kind"] == "gpu")


def _collectives(plan: Plan) -> list[tuple[str, str, str]]:
    missing = plan["facts"]["program"].get("missing")
    if missing:
        return [("collectives", f"unknown: {missing}", "")]
    found = []
    for number, row in enumerate(plan["collectives"]):
        on = f" on {row['hosts']} hosts" if row["hosts"] > 1 else ""
        said = (
            f"{row['count']:,} {row['kind']} of {row['devices']} devices{on}, "
            f"{amount(row['bytes'], 'B')}, of which a device sends {amount(row['sent'], 'B')}"
        )
        found.append(("" if number else "collectives", said, "compiled"))
    return found


def _feeding(plan: Plan) -> list[tuple[str, str, str]]:
    feeding = plan.get("feeding")
    if not feeding:
        return []
    can = f"{feeding['per_core']:,.0f} images/s a core ({feeding['source']})"
    if "wanted" not in feeding:
        return [("input pipeline", can, feeding["how"])]
    count = math.ceil(feeding["cores"])
    cores = f"{count:,} core{'s' * (count > 1)}"
    said = f"{feeding['wanted']:,.0f} images/s of every host at that step: {cores}"
    return [("input pipeline", said, "computed"), ("", f"at {can}", feeding["how"])]


def _search(plan: Plan) -> list[tuple[str, str, str]]:
    found = plan.get("search")
    if not found:
        return []
    most = f"{found['fits']:,} fits" if found["fits"] else "none that was tried fits"
    over = f", {found['too_large']:,} does not" if found["too_large"] else ""
    tried = f" ({len(found['tried'])} compiled, in steps of {found['unit']:,})"
    return [("largest batch", most + over + tried, "compiled")]


SHARES = ("part", "time, %", "bytes, %", "FLOPs, %", "traced FLOPs, %")
VARIANTS = ("variant", "memory", "fits", "bytes", "FLOPs", "exchanged", "step at least", "held by")


def share_rows(plan: Plan) -> list[list[str]]:
    """Under SHARES: what each part of the system takes."""
    keys = ("seconds", "bytes", "flops", "traced_flops")
    return [[row["part"], *(percent(row[key]) for key in keys)] for row in plan["shares"]]


def variant_rows(plan: Plan) -> list[list[str]]:
    """Under VARIANTS: the run itself, and each change."""
    if not plan["variants"]:
        return []
    return [_variant({"variant": "as it is", **plan}), *map(_variant, plan["variants"])]


def _variant(row: Mapping[str, Any]) -> list[str]:
    if "skipped" in row:
        return [f"{row['variant']}: {row['skipped']}", *[""] * (len(VARIANTS) - 1)]
    facts, roof = row["facts"], row["roofline"]
    sent = sum(one["bytes"] for one in row["collectives"])
    fits = {True: "yes", False: "no", None: "?"}[row["fits"]]
    value = {key: (row[key] or {}).get("value") for key in ("bytes", "flops")}
    return [
        row["variant"],
        amount(facts.get("memory", {}).get("total"), "B"),
        fits,
        amount(value["bytes"], "B"),
        amount(value["flops"], "FLOP"),
        amount(sent, "B"),
        milliseconds(roof.get("step")),
        roof.get("holds", "?"),
    ]


def text(plan: Plan) -> str:
    """The plan in a terminal."""
    lines = [heading(plan)]
    lines += [
        f"  {what:20}{figure}{f' [{how}]' if how else ''}" for what, figure, how in rows(plan)
    ]
    lines += ["", *_columns([list(SHARES), *share_rows(plan)])]
    if plan["variants"]:
        lines += ["", *_columns([list(VARIANTS), *variant_rows(plan)])]
    return "\n".join([*lines, "", NOT_MEASURED])


def _columns(table: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  "
        + "  ".join(f"{cell:{'<' if i == 0 else '>'}{widths[i]}}" for i, cell in enumerate(row))
        for row in table
    ]


def page(plan: Plan) -> str:
    """The plan as an HTML page that needs nothing from elsewhere."""
    facts, roof = plan["facts"], plan["roofline"]
    least = []
    if roof:  # of a chip with peaks
        least = [(milliseconds(roof["step"]), f"a step takes at least; {roof['holds']} holds")]
    tiles = [
        *least,
        (amount(facts.get("memory", {}).get("total"), "B"), "of a device's memory"),
        (amount((plan["flops"] or {}).get("value"), "FLOP"), "a device and step"),
        (amount((plan["bytes"] or {}).get("value"), "B"), "moved a device and step"),
    ]
    sections = {
        "figures": ("Figures", rows(plan)),
        "shares": ("Which part takes what", share_rows(plan)),
        "variants": ("One thing changed", variant_rows(plan) or "--variants= asks for it"),
    }
    return pages.render(
        "plan.html",
        title="Plan",
        plan=plan,
        heading=heading(plan),
        not_measured=NOT_MEASURED,
        tiles=tiles,
        sections=sections,
        share_head=SHARES,
        variant_head=VARIANTS,
        chart=chart(plan) if roof else None,
    )


def chart(plan: Plan) -> bytes:
    """Bars: the three bounds of a step, and under them what each part adds to one after another."""
    roof, figure = plan["roofline"], Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axis = figure.add_subplot()
    bounds = roof.get("seconds", {})
    names = [*bounds, "operations"]
    for row, (name, seconds) in enumerate(bounds.items()):
        colour = RED if name == roof["holds"] else GREY
        axis.barh(row, 1000 * seconds, color=colour, height=0.6)
    left = 0.0
    for number, share in enumerate(plan["shares"]):
        width = 1000 * (share["seconds"] or 0) * (roof.get("one_by_one") or 0)
        colour = PALETTE[number % len(PALETTE)]
        axis.barh(len(bounds), width, left=left, color=colour, height=0.6, label=share["part"])
        left += width
    axis.set_yticks(np.arange(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlabel("ms of a step, at least")
    pages.tidy(axis, "x")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return pages.png(figure)
