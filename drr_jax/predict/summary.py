"""predictions.html: what was found, at a glance, in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from drr_jax import files, pages
from drr_jax.predict import events
from drr_jax.predict.annotate import draw
from drr_jax.predict.detectors import AUTO, DEFAULT
from drr_jax.predict.finders import NONE
from drr_jax.predict.inputs import Images, Input
from drr_jax.predict.model import Model
from drr_jax.predict.rows import TABLE
from drr_jax.predict.shares import share_figure, shares
from drr_jax.predict.stream import Said

PAGE = "predictions.html"
DRAWN = 3  # faces whose traces and shares are drawn, those that are seen longest
FEW = 6  # images that are shown whole, with boxes and bars, in place of what they come to together
SIDE = 1280  # pixels of the longer side of one that is shown
MOST = 24  # classes of a trace figure: of more those that are most probable at some time


class Gallery:
    """For each class the face on which it was most probable; of few images all of them."""

    def __init__(self, over: Input) -> None:
        self.first = 0  # picture that was looked at; of those before an earlier start spoke
        self.few = not over.video and over.length is not None and over.length <= FEW
        self.drawn: list[tuple[str, UInt8[np.ndarray, "height width 3"]]] = []
        self.best: dict[int, tuple[float, str, int, int, UInt8[np.ndarray, "size size 3"]]] = {}

    def add(self, model: Model, said: Said) -> None:
        """Looks at the faces of a picture."""
        self.first = self.first or said.picture.frame
        if self.few and said.picture.pixels is not None:
            self.drawn.append((said.picture.name, draw(model, said)))
        if self.few or not said.found:
            return
        top = said.probability.argmax(axis=0)
        for k, row in enumerate(top.tolist()):
            p = float(said.probability[row, k])
            if k not in self.best or p > self.best[k][0]:
                name, frame = said.picture.name, said.picture.frame
                crop = said.crops[row].copy()
                self.best[k] = (p, name, frame, said.found[row].face, crop)

    def cards(self, model: Model) -> list[dict[str, Any]]:
        """What the page shows of each class; a face's number where there are several."""
        several = any(face for _, _, _, face, _ in self.best.values())
        return [
            {
                "name": model.names[k],
                "p": p,
                "counts": p >= model.threshold.get(model.names[k], 0.5),
                "where": name,
                "frame": frame,
                "face": f", face {face}" if several else "",
                "pixels": crop,
            }
            for k, (p, name, frame, face, crop) in sorted(self.best.items())
        ]


def write_page(
    folder: Path,
    model: Model,
    over: Input,
    counts: Mapping[str, Any],
    gallery: Gallery,
    found: events.Found | None,
    faces: str,
) -> Path:
    """Writes the page of a folder of predictions; returns its path.

    `found` are a video's events and traces; of images there are none. `counts`: pictures, faces,
    without (a face), unread of them, faces_per_second; problems and notes, in lines.
    """
    images: pages.Images = {}
    sections: dict[str, tuple[str, Any]] = {}
    drawn = sorted(found.traces.faces[:DRAWN]) if found is not None else []
    if found is not None and drawn:
        for face in drawn:
            images[f"trace{face}"] = trace_figure(model, found.traces, face)
        left = len(found.traces.faces) - len(drawn)
        sections["traces"] = ("Over time", {"faces": drawn, "left": left})
    if gallery.few and gallery.drawn:
        shown = {"drawn": gallery.drawn, "side": SIDE, "first": gallery.first}
        sections["pictures"] = ("What was found", shown)
    elif counts["faces"]:
        each = drawn if len(drawn) > 1 else []
        share, rows = shares(folder / TABLE, model, each)
        called = [f"face {f}, {n:,} frames" for f, n in zip(each, rows.tolist(), strict=False)]
        images["classes"] = share_figure(model, share, called or ["all faces"])
        sections["classes"] = ("How often", {"faces": counts["faces"], "each": called})
        sections["peaks"] = (
            f"Where each was {'strongest' if model.task == 'intensity' else 'most probable'}",
            {
                "cards": gallery.cards(model),
                "first": gallery.first,
                "named": isinstance(over, Images),
            },
        )
    if found is not None and drawn:
        rows = [[str(cell) for cell in _event(row)] for row in found.first]
        sections["events"] = (
            "Events",
            {
                "rows": rows,
                "number": found.events,
                "window": events.WINDOW,
                "frames": events.MIN_FRAMES,
            },
        )
    if counts["problems"]:
        sections["problems"] = ("Could not be read", {"lines": counts["problems"]})
    page = pages.render(
        "predictions.html",
        title=f"{_title(model)} in {Path(over.name).name or over.name}",
        model=model,
        counts=counts,
        what="frame" if over.video else "image",
        said="intensity" if model.task == "intensity" else "probability",
        tiles_shown=_tiles(over, counts),
        facts=_facts(model, faces),
        sections=sections,
        images=images,
        names=list(model.names),
    )
    files.write_whole(folder / PAGE, page)
    return folder / PAGE


def _title(model: Model) -> str:
    return pages.title_of(model.task)


def _tiles(over: Input, counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    what, unread = "frame" if over.video else "image", counts["unread"]

    def tile(number: int, one: str, rest: str = "") -> tuple[str, str]:
        return f"{number:,}", pages.plural(number, one) + rest

    return [
        tile(counts["faces"], "face", ", counted in every frame" if over.video else ""),
        tile(counts["pictures"], what),
        tile(counts["without"] - unread, what, " without a face"),
        *([tile(unread, what, " that could not be read")] if unread else []),
        (f"{counts['faces_per_second']:,.1f}", "faces a second, with all that is around it"),
    ]


def _facts(model: Model, faces: str) -> dict[str, str]:
    described = model.described
    limits = set(model.threshold.values())
    what = "an intensity" if model.task == "intensity" else "a probability"
    counted = (
        described.get("thresholds_from", "")
        if len(limits) != 1
        else f"from {what} of {limits.pop():g}"
    )
    return {
        "model": model.name,
        "trained on": f"{described['dataset']} {described['dataset_version']}, fold "
        f"{described['fold']}, step {described['step']}",
        "code": str(described.get("commit", "")) or "unknown",
        "faces by": DEFAULT if faces == AUTO else faces,
        "cut out": _cut(model, faces),
        "counted": counted,
    }


def _cut(model: Model, faces: str) -> str:
    crop = model.crop
    if faces == NONE:
        return "not at all: every picture is taken as framed like the images of training"
    if not crop.known:
        return "no margin: the model's folder does not say how its training images were"
    if crop.kind == "face":
        return f"as in training, margin {crop.margin:g}"
    return "at the size and place that faces have on average in the whole images of training"


def trace_figure(model: Model, traces: events.Traces, face: int) -> bytes:
    """Probability or intensity of every class over time, one row each, and where it counts."""
    values = traces.of(face)
    chosen = np.arange(len(model.names))
    if len(chosen) > MOST:
        chosen = np.sort(np.argsort(-np.nanmax(values, axis=0), kind="stable")[:MOST])
    figure = Figure(figsize=(pages.WIDTH, 0.6 + 0.42 * len(chosen)), layout="constrained")
    axes = figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0]
    seen = ~np.isnan(traces.time)
    time = traces.time[seen]
    for axis, k in zip(axes, chosen.tolist(), strict=True):
        trace = values[seen, k]
        limit = model.threshold.get(model.names[k])
        axis.fill_between(time, 0, trace, color=pages.BLUE, alpha=0.25, lw=0)
        axis.plot(time, trace, color=pages.BLUE, lw=0.9)
        if limit is not None:
            axis.axhline(limit, color=pages.GREY, lw=0.7, ls=(0, (4, 3)))
            above = np.where(trace >= limit, trace, np.nan)
            axis.fill_between(time, limit, above, color=pages.ORANGE, alpha=0.75, lw=0)
        axis.set_ylim(0, 1.02 * model.highest)
        axis.set_yticks([])
        axis.set_ylabel(
            pages.short(model.names[k]) if model.softmax else model.names[k],
            rotation=0,
            ha="right",
            va="center",
            fontsize=9,
        )
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(labelsize=9, length=3)
    axes[-1].set_xlabel("seconds", fontsize=9.5)
    axes[-1].set_xlim(0, max(traces.seconds, 1e-3))
    return pages.png(figure, dpi=130)


def _event(row: list[Any]) -> list[str]:
    face, name, onset, _, offset, start, apex, end, duration, frames, peak = row
    return [
        str(face),
        pages.named(str(name)),
        f"{start:.2f}",
        f"{apex:.2f}",
        f"{end:.2f}",
        f"{duration:.2f}",
        f"{onset} to {offset}",
        str(frames),
        f"{peak:.2f}",
    ]
