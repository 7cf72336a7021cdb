"""Where the lines of the radar and of the graph of classes lie, for the page's SVG."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from drr_jax import pages, report

SIDE = 420  # of both drawings, in their own units
MIDDLE = SIDE / 2
NODE = 21  # radius of a class in the graph
LONG = 5  # a name with more letters stands outside of its node

Point = tuple[float, float]


def _on_circle(number: int, of: int, radius: float) -> Point:
    """A place clockwise from the top."""
    angle = 2 * math.pi * number / max(of, 1)
    return (
        round(MIDDLE + radius * math.sin(angle), 1),
        round(MIDDLE - radius * math.cos(angle), 1),
    )


def _anchor(x: float) -> str:
    """How a name beside a circle is aligned, so that it does not run into it."""
    return "middle" if abs(x - MIDDLE) < 12 else "start" if x > MIDDLE else "end"


def _long(names: Sequence[str]) -> bool:
    """Whether some name takes more room than a node has."""
    return max(len(pages.short(name)) for name in names) > LONG


def _corners(points: Sequence[Point]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def radar(
    names: Sequence[str],
    probability: Float[np.ndarray, " classes"],
    limits: Sequence[float | None],
    present: Sequence[bool],
) -> dict[str, Any]:
    """The radar of one face: a spoke a class, as in the run report's, its length the probability.

    `limits` are the thresholds, joined by a dashed line; None where there are none.
    """
    count, radius = len(names), 105.0 if _long(names) else 150.0
    places = [_on_circle(k, count, radius * p) for k, p in enumerate(probability.tolist())]
    ends = [_on_circle(k, count, radius + 18) for k in range(count)]
    joined = [_on_circle(k, count, radius * (limit or 0.5)) for k, limit in enumerate(limits)]
    return {
        "side": SIDE,
        "middle": MIDDLE,
        "rings": [radius * share for share in (0.25, 0.5, 0.75, 1.0)],
        "area": _corners(places),
        "threshold": _corners(joined) if None not in limits else "",
        "spokes": [
            {"at": at, "end": end, "name": pages.short(name), "anchor": _anchor(end[0]), "on": on}
            for name, at, end, on in zip(names, places, ends, present, strict=True)
        ],
    }


def graph(
    names: Sequence[str],
    probability: Float[np.ndarray, " classes"],
    prior: Sequence[Sequence[float]] | None,
    present: Sequence[bool],
) -> dict[str, Any] | None:
    """The classes on a circle, lit by their probabilities, joined where the prior relates them.

    An edge is bold where both of its classes count. None without a prior that relates any.
    """
    if prior is None:
        return None
    related = report.related(np.asarray(prior, np.float64))
    pairs = np.argwhere(np.triu(related, 1)).tolist()
    if not pairs:
        return None
    long = _long(names)
    count, radius = len(names), 120.0 if long else 168.0
    places = [_on_circle(k, count, radius) for k in range(count)]
    outside = [_on_circle(k, count, radius + NODE + 14) for k in range(count)]
    # The bold ones last, over the others.
    lines = sorted(pairs, key=lambda pair: present[pair[0]] and present[pair[1]])
    return {
        "side": SIDE,
        "long": long,
        "node": NODE,
        "edges": [
            {"from": places[a], "to": places[b], "on": present[a] and present[b]} for a, b in lines
        ],
        "nodes": [
            {
                "at": places[k],
                "outside": outside[k],
                "anchor": _anchor(outside[k][0]),
                "name": pages.short(name),
                "full": pages.named(name),
                "p": float(probability[k]),
                "on": present[k],
            }
            for k, name in enumerate(names)
        ],
    }
