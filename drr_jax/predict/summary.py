"""predictions.html: what was found, at a glance, in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.figure import Figure

from drr_jax import facs, files, pages
from drr_jax.predict import events
from drr_jax.predict.detectors import AUTO, DEFAULT
from drr_jax.predict.finders import NONE
from drr_jax.predict.inputs import Images, Input
from drr_jax.predict.model import Model
from drr_jax.predict.rows import TABLE
from drr_jax.predict.stream import Said

PAGE = "predictions.html"
DRAWN = 3  # faces whose traces are drawn, those that are seen longest
MOST = 24  # classes of a trace figure: of more those that are most probable at some time


class Gallery:
    """For each class the face on which it was most probable."""

    def __init__(self) -> None:
        self.first = 0  # picture that was looked at; of those before an earlier start spoke
        self.best: dict[int, tuple[float, str, int, int, UInt8[np.ndarray, "size size 3"]]] = {}

    def add(self, model: Model, said: Said) -> None:
        """Looks at the faces of a picture."""
        self.first = self.first or said.picture.frame
        if not said.found:
            return
        top = said.probability.argmax(axis=0)
        for k, row in enumerate(top.tolist()):
            p = float(said.probability[row, k])
            if k not in self.best or p > self.best[k][0]:
                name, frame = said.picture.name, said.picture.frame
                crop = said.crops[row].copy()
                self.best[k] = (p, name, frame, said.found[row].face, crop)

    def cards(self, model: Model) -> list[dict[str, Any]]:
        """What the page shows of each class."""
        return [
            {
                "name": model.names[k],
                "p": p,
                "counts": p >= model.threshold.get(model.names[k], 0.5),
                "where": name,
                "frame": frame,
                "face": face,
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
    if found is not None and found.traces.faces:
        drawn = found.traces.faces[:DRAWN]
        for face in drawn:
            images[f"trace{face}"] = trace_figure(model, found.traces, face)
        left = len(found.traces.faces) - len(drawn)
        sections["traces"] = ("Over time", {"faces": drawn, "left": left})
    share = _shares(folder / TABLE, model)
    if counts["faces"]:
        images["classes"] = _share_figure(model, share)
        sections["classes"] = ("How often", {"faces": counts["faces"]})
        sections["peaks"] = (
            f"Where each was {'strongest' if model.task == 'intensity' else 'most probable'}",
            {
                "cards": gallery.cards(model),
                "first": gallery.first,
                "named": isinstance(over, Images),
            },
        )
    if found is not None and found.traces.faces:
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
        title=f"{_title(model)} in {over.name}",
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
    what = "frames" if over.video else "images"
    unread = counts["unread"]
    return [
        (f"{counts['faces']:,}", "faces"),
        (f"{counts['pictures']:,}", what),
        (f"{counts['without'] - unread:,}", f"{what} without a face"),
        *([(f"{unread:,}", f"{what} that could not be read")] if unread else []),
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


def _shares(path: Path, model: Model) -> Float[np.ndarray, " classes"]:
    """Share of the faces on which each class counts."""
    total, faces = np.zeros(len(model.names)), 0
    names = [model.task] if model.softmax else [f"{name}_c" for name in model.names]
    if model.task == "intensity":
        names = facs.value_columns(model.task, model.names)
    for table in events.tables(path, ["success", *names]):
        table = table.loc[table["success"] > 0]
        faces += len(table)
        if model.softmax:
            total += np.array([np.count_nonzero(table[model.task] == n) for n in model.names])
        else:
            values = np.asarray(table[names], np.float64)
            total += (model.counts(values) if model.task == "intensity" else values).sum(axis=0)
    return total / max(faces, 1)


def _share_figure(model: Model, share: Float[np.ndarray, " classes"]) -> bytes:
    names = [pages.named(name) for name in model.names]
    figure = Figure(figsize=(pages.WIDTH, 0.7 + 0.26 * len(names)), layout="constrained")
    axis = figure.add_subplot()
    places = np.arange(len(names))
    axis.barh(places, 100 * share, color=pages.BLUE, height=0.62)
    for place, value in zip(places, share, strict=True):
        pages.note(axis, f"{100 * value:.0f} %", (100 * value, place), (5, -3.5))
    axis.set_yticks(places, names, fontsize=9.5)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, max(10.0, 112 * float(share.max(initial=0))))
    axis.set_xlabel("% of the faces", fontsize=9.5)
    pages.tidy(axis, "x")
    return pages.png(figure)


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
