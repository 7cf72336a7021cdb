"""What the page shows, as HTML: everything in it is escaped, and every picture stands inside."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from drr_jax import pages, predict, report
from drr_jax.predict import Model
from drr_jax.tryout import asking, drawings
from drr_jax.tryout.asking import Asked, Image
from drr_jax.tryout.examples import Example
from drr_jax.tryout.video import Progress, Watched

MAPS = 5  # classes whose attention is shown
THUMB = 96  # pixels of a small picture
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#f0e442")  # of faces, as on annotated ones


def problem(line: str) -> str:
    """One line that says what went wrong."""
    return pages.render("tryout_line.html", kind="error", line=line)


def waiting(line: str) -> str:
    """One quiet line."""
    return pages.render("tryout_line.html", kind="quiet", line=line)


def head(model: Model, most: int) -> str:
    """The top of the page: which model, and that it knows no person if it does not."""
    return pages.render(
        "tryout_head.html", model=model, title=pages.title_of(model.task), most=most
    )


def given(asked: Asked) -> str:
    """The picture of what the person saw, if there is one."""
    if asked.stimulus is None:
        return ""
    shown = _small(asked.stimulus, 2 * THUMB)
    return pages.render("tryout_given.html", stimulus=shown, side=2 * THUMB)


def photo(model: Model, asked: Asked, face: int, caption: str) -> str:
    """What the model says of one face of a photo."""
    said = asked.said
    if said is None:
        return waiting("A photo gives its faces, what they do, and where the model looked.")
    assert said.picture.pixels is not None
    shown = _small(said.picture.pixels, asking.SIDE)
    scale = shown.shape[1] / said.picture.pixels.shape[1]
    values: dict[str, Any] = {
        "model": model,
        "name": asked.name,
        "shown": shown,
        "side": asking.SIDE,
        "faces": _boxes(said, scale),
        "chosen": face,
        "labelled": asked.labelled,
        "most": MAPS,
        "result": None,
    }
    if said.found:
        values["result"] = _result(model, asked, face, caption)
    return pages.render("tryout_photo.html", **values)


def _boxes(said: predict.Said, scale: float) -> list[dict[str, Any]]:
    faces = []
    for number, face in enumerate(said.found):
        box, sides = face.box, None
        if box is not None:
            sides = [scale * side for side in (box.left, box.top, box.width, box.height)]
        colour = COLOURS[number % len(COLOURS)]
        faces.append({"box": sides, "colour": colour, "confidence": face.confidence})
    return faces


def _result(model: Model, asked: Asked, face: int, caption: str) -> dict[str, Any]:
    assert asked.said is not None
    probability = asked.said.probability[face]  # or intensity; `share` is of the most it can be
    share = probability / model.highest
    present = model.counts(probability).tolist()
    limits = [model.threshold.get(name) for name in model.names]
    found = asking.branches(model, asked, face, caption)
    order = np.argsort(-probability, kind="stable").tolist()
    looked = [k for k in order if present[k]][:MAPS] or order[:3]
    if not model.threshold:
        looked = order[:3]
    return {
        "bars": [
            {
                "name": name,
                "full": pages.named(name),
                "p": float(p),
                "share": float(p) / model.highest,
                "limit": None if limit is None else limit / model.highest,
                "on": on,
                "labelled": asked.labelled is not None and name in asked.labelled,
            }
            for name, p, limit, on in zip(
                model.names, probability.tolist(), limits, present, strict=True
            )
        ],
        "best": model.names[order[0]],
        "best_p": float(probability[order[0]]),
        "radar": drawings.radar(
            model.names,
            share,
            [None if limit is None else limit / model.highest for limit in limits],
            present,
        ),
        "graph": drawings.graph(model.names, share, model.described.get("class_prior"), present),
        "crop": asked.said.crops[face],
        "maps": _maps(asked.said.crops[face], asked.said.attention, face, looked, model),
        "lacking": asking.lacking(model, asked, caption),
        "branches": _branches(model, asked, found, looked),
    }


def _maps(
    image: Image, attention: Any, face: int, looked: Sequence[int], model: Model
) -> list[tuple[str, Image]]:
    if attention is None:
        return []
    return [(model.names[k], report.heat(image, attention[face, ..., k])) for k in looked]


def _branches(
    model: Model, asked: Asked, found: asking.Branches | None, looked: Sequence[int]
) -> dict[str, Any] | None:
    if found is None:
        return None
    columns = {title: model.counts(values).tolist() for title, values in found.columns.items()}
    seen = []
    if found.stimulus is not None and asked.stimulus is not None:
        picture = model.crop.cut(asked.stimulus, predict.Found())
        maps = [
            (model.names[k], report.heat(picture, found.stimulus[..., k])) for k in looked[:MAPS]
        ]
        seen = [("what the person saw", picture), *maps]
    return {
        "titles": list(found.columns),
        "rows": [
            (
                pages.plain(name),
                pages.MEANING.get(name, ""),
                [(float(found.columns[t][k]), columns[t][k]) for t in found.columns],
            )
            for k, name in enumerate(model.names)
        ],
        "seen": seen,
        "words": [(model.names[k], found.words[k]) for k in looked[:MAPS] if found.words],
    }


def _small(image: Image, side: int) -> Image:
    """An image of at most `side` pixels a side; smaller ones as they are."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def example(one: Example) -> str:
    """A demo tuple as a card."""
    return pages.render("tryout_example.html", one=one, side=2 * THUMB)


def video(model: Model, told: Progress | Watched) -> str:
    """How far a video is, or what came of it."""
    if isinstance(told, Progress):
        return pages.render("tryout_progress.html", told=told)
    return pages.render("tryout_video.html", told=told, model=model, urls=_urls(told))


def _urls(told: Watched) -> dict[str, str]:
    """The files of a video as addresses that hold them: the server keeps nothing to be fetched."""
    kinds = {".csv": "text/csv", ".html": "text/html"}
    return {
        name: f"data:{kinds[Path(name).suffix]};base64,{base64.b64encode(content).decode()}"
        for name, content in told.files.items()
    }
