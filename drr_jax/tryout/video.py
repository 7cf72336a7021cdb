"""A video on the page: the rows, events and traces that `--mode=predict` writes of it."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from drr_jax import predict
from drr_jax.errors import InputError
from drr_jax.predict import Model
from drr_jax.tryout import asking

EVERY = 0.5  # seconds between two words about how far it is


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a video is: `total` is what its header says, None if that is nothing."""

    frames: int
    total: int | None
    rate: float  # frames a second


@dataclasses.dataclass(frozen=True)
class Watched:
    """What came of a video: files by name, PNGs of the traces by face, and the first events.

    cut: why it ended before its end, "" if it did not.
    """

    name: str
    counts: dict[str, int]
    files: dict[str, bytes]
    traces: dict[int, bytes]
    faces: int
    events: int
    cut: str


def watch(
    model: Model, path: Path, name: str, folder: Path, faces: str
) -> Iterator[Progress | Watched]:
    """Asks the model about every frame; tells how far it is, and at the end what came of it.

    `name` is what the video is called, `folder` an empty one that the tables are written into.
    A video that is cut off gives what comes before. Raises InputError for what is no video.
    """
    asking.check(faces)
    try:
        over = predict.Video(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), name)) from None
    over.name = name
    finder, gallery = predict.make_finder(faces, over), predict.Gallery(over)
    began = told = time.monotonic()
    cut = ""
    with predict.Table(folder, model) as table:
        pictures = predict.read(model, over, finder)
        try:
            for said in pictures:
                table.write([said])
                gallery.add(model, said)
                now = time.monotonic()
                if now - told >= EVERY:
                    told, frames = now, table.counts["pictures"]
                    yield Progress(frames, over.length, frames / (now - began))
        except InputError as error:
            cut = str(error).replace(str(path), name)
        counts = dict(table.counts)
    if not counts["pictures"]:
        raise InputError(cut or f"{name}: no frame in this video")
    rate = counts["faces"] / max(time.monotonic() - began, 1e-9)
    found = predict.write_events(folder, model, counts["pictures"])
    about = counts | {"faces_per_second": round(rate, 2), "unread": 0, "notes": []}
    about["problems"] = [cut] if cut else []
    page = predict.write_page(folder, model, over, about, gallery, found, faces)
    shown = found.traces.faces
    written = [folder / predict.TABLE, folder / predict.EVENTS, page]
    yield Watched(
        name,
        counts,
        {file.name: file.read_bytes() for file in written},
        {f: predict.trace_figure(model, found.traces, f) for f in sorted(shown[: predict.DRAWN])},
        len(shown),
        found.events,
        cut,
    )
