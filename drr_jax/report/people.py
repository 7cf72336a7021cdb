"""Who the model is worse for: scores by demographic group and by subject."""

import math
from collections.abc import Mapping
from typing import Any

from drr_jax.pages import Images
from drr_jax.report.samples import Run

SHOWN = 10  # subjects at either end


def people(run: Run, images: Images) -> dict[str, Any] | None:
    """Tables of groups and of subjects, the worst first; nothing if nobody is named."""
    found = run.results.get("people")
    if not found:
        return None
    kinds, lower = [], []
    for kind, listed in found["groups"].items():
        ordered = sorted(listed.items(), key=lambda item: _place(item[1]["value"]))
        kinds.append((kind, [_row(name, one) for name, one in ordered]))
        lower += [
            f"{kind} {name} ({one['difference']:+.3f})"
            for name, one in ordered
            if one.get("difference_high") is not None and one["difference_high"] < 0
        ]
    judged = [(name, one) for name, one in found["subjects"].items() if one["value"] is not None]
    judged.sort(key=lambda item: (item[1]["value"], item[0]))
    ends = judged if len(judged) <= 2 * SHOWN else [*judged[:SHOWN], *judged[-SHOWN:]]
    return {
        "score": "Accuracy" if run.softmax else "F1 over the AUs that occur",
        "all": _row("All", found["all"]),
        "kinds": kinds,
        "lower": lower,
        "subjects": [[name, f"{one['value']:.3f}", f"{one['records']:,}"] for name, one in ends],
        "left_out": len(judged) - len(ends),
        "level": round(100 * found["level"]),
        "unknown": found["records_without_subject"],
    }


def _place(value: float | None) -> float:
    """A place in rising order; what could not be scored comes last."""
    return math.inf if value is None else value


def _row(name: str, one: Mapping[str, Any]) -> list[str]:
    """Name, score, interval, difference to the others, its interval, subjects, records."""

    def ends(low: str, high: str, form: str) -> str:
        if one.get(low) is None:
            return ""
        return f"{one[low]:{form}} to {one[high]:{form}}"

    value, apart = one["value"], one.get("difference")
    return [
        name,
        "" if value is None else f"{value:.3f}",
        ends("low", "high", ".3f"),
        "" if apart is None else f"{apart:+.3f}",
        ends("difference_low", "difference_high", "+.3f"),
        f"{one['subjects']:,}",
        f"{one['records']:,}",
    ]
