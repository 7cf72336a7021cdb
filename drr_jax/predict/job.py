"""--mode=predict: from a model and a path to a folder of predictions."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drr_jax import files, runs, stops
from drr_jax.errors import InputError
from drr_jax.predict import events, prepared, rows, summary
from drr_jax.predict.annotate import Annotator
from drr_jax.predict.command import Options
from drr_jax.predict.finders import make_finder
from drr_jax.predict.inputs import Arrays, Camera, Images, Input, open_input
from drr_jax.predict.model import Model, load
from drr_jax.predict.parquet import check_format, write_parquet
from drr_jax.predict.stream import Said, check_inputs, read

if TYPE_CHECKING:
    import pandas as pd

GATHER = 32  # pictures whose rows are written at once


def predict(options: Options) -> str:
    """Writes a folder of predictions, or goes on with one; returns what to say of it.

    predictions.csv (or .parquet), predictions.html, of a video events.csv, and if asked for
    annotated images or an annotated video. Raises InputError for wrong input, with what was
    predicted so far kept, and Stopped after a signal.
    """
    check_format(options.format)
    over, out = open_input(options.input), Path(options.out)
    _check_single(over)
    model = load(options.model, options.selection or None)
    check_inputs(model, options.faces)
    finder = make_finder(options.faces, over, options.largest)
    job = _job(options, model, over)

    def refuse() -> None:
        raise InputError(f"--out={out}: another process is predicting there; wait for it")

    out.parent.mkdir(parents=True, exist_ok=True)
    lock = out.with_name(f".{out.name}.lock")
    with files.locked(lock, refuse):
        try:
            if rows.claim(out, job):
                return f"{out / rows.TABLE}: done before; another --out predicts again"
            return _run(options, model, over, finder, job)
        finally:
            lock.unlink(missing_ok=True)


def predict_split(options: Options) -> str:
    """Writes the predictions for parts of a prepared data set, whole or not at all."""
    check_format(options.format)
    out = Path(options.out)
    if options.annotate or options.attention or options.faces != "auto":
        raise InputError(
            f"--input={options.input}: its images are faces already; leave out --faces, "
            "--annotate and --attention"
        )
    if out.exists():
        raise InputError(f"--out={out} exists: expected the name of a new folder")
    model = load(options.model, options.selection or None)
    split = prepared.open_split(model, options.input, options.data_dir)
    found = prepared.answers(model, split)
    with files.whole_folder(out) as folder:
        with rows.Table(folder, model) as table:
            table.write(prepared.said_of(model, found))
            counts = dict(table.counts)
        if options.format == "parquet":
            write_parquet(folder, model)
    return f"{counts['faces']} records of {', '.join(split.parts)}: {out}"


def _run(options: Options, model: Model, over: Input, finder: Any, job: dict[str, Any]) -> str:
    out = Path(options.out)
    began, problems = time.monotonic(), []
    annotator = Annotator(out, model, over) if options.annotate or options.attention else None
    if annotator and over.video:
        (out / rows.TABLE).unlink(missing_ok=True)  # a video is written from its start
    gallery = summary.Gallery()
    with rows.Table(out, model) as table:
        first, faces_before = table.start, table.counts["faces"]
        for frame, boxes in sorted(table.boxes.items()):
            finder.recall(frame, boxes)
        table.boxes.clear()
        bar = runs.progress(over.length, first - 1, "predict", "frames" if over.video else "images")
        said_so_far: list[Said] = []

        def write() -> None:
            table.write(said_so_far)
            bar.update(len(said_so_far))
            seconds = max(time.monotonic() - began, 1e-9)
            rate = (table.counts["faces"] - faces_before) / seconds
            bar.set_postfix_str(f"{rate:.1f} faces/s", refresh=False)
            said_so_far.clear()

        try:
            for said in read(model, over, finder, first, options.attention):
                said_so_far.append(said)
                gallery.add(model, said)
                if said.picture.problem:
                    problems.append(f"{said.picture.name}: {said.picture.problem}")
                if annotator:
                    annotator.add(said)
                if len(said_so_far) >= GATHER or isinstance(over, Camera):
                    write()
                    stops.look()
        except stops.Stopped:
            if not isinstance(over, Camera):  # which only ends so
                write()
                raise stops.Stopped(f"{table.counts['pictures']} pictures written") from None
        except InputError as error:
            write()
            if annotator:
                annotator.close()
            raise InputError(f"{error}; {table.path} has the rows up to there") from None
        finally:
            bar.close()
        write()
        counts = dict(table.counts)
        seconds = time.monotonic() - began
        rate = (counts["faces"] - faces_before) / max(seconds, 1e-9)
    if annotator:
        annotator.close()
    found = events.write_events(out, model, counts["pictures"]) if over.video else None
    counts |= {"faces_per_second": round(rate, 2), "problems": problems[:100]}
    page = summary.write_page(out, model, over, counts, gallery, found, options.faces)
    if options.format == "parquet":
        write_parquet(out, model)
    rows.finish(out, job, counts)
    line = _line(over, counts, page)
    if problems:
        raise InputError(
            f"{len(problems)} of {counts['pictures']} images could not be read, the first "
            f"{problems[0]}; their rows have success 0, the others are done: {page}"
        )
    return line


def _line(over: Input, counts: dict[str, Any], page: Path) -> str:
    what = "frame" if over.video else "image"
    said = f"{_some(counts['pictures'], what)}, {_some(counts['faces'], 'face')}"
    if counts["without"]:
        said += f", {_some(counts['without'], what)} without a face"
    return f"{said}, {counts['faces_per_second']} faces/s: {page}"


def _some(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _job(options: Options, model: Model, over: Input) -> dict[str, Any]:
    """What must not change between two starts in one folder."""
    return {
        "model": options.model,
        "model_digest": files.sealed(model.described)[files.SEAL],
        "input": options.input,
        "stamp": over.stamp(),
        "faces": options.faces,
        "largest": options.largest,
        "annotate": options.annotate,
        "attention": options.attention,
        "columns": rows.columns(model),
        "commit": runs.commit(),
    }


def _check_single(over: Input) -> None:
    """Raises InputError for one image that cannot be read, before anything is written."""
    if isinstance(over, Images) and over.length == 1:
        picture = next(over.pictures())
        if picture.pixels is None:
            raise InputError(
                f"{over.paths[0]}: {picture.problem}; expected an image (JPEG, PNG, TIFF, BMP, "
                "WebP), or a video that ends in .mp4, .avi, .mov, .mkv or .webm"
            )


def table_of(model: Model, what: Any, faces: str, largest: bool) -> "pd.DataFrame":
    """What `Model.predict` returns."""
    import pandas as pd

    check_inputs(model, faces)
    over = _input_of(what)
    finder = make_finder(faces, over, largest)
    found = [row for said in read(model, over, finder) for row in rows.rows_of(model, said)]
    unknown = [[np.nan if cell is None else cell for cell in row] for row in found]
    return pd.DataFrame(unknown, columns=rows.columns(model))


def _input_of(what: Any) -> Input:
    if isinstance(what, str | Path):
        over = open_input(str(what))
        _check_single(over)
        return over
    if isinstance(what, Sequence) and what and all(isinstance(one, str | Path) for one in what):
        return Images([Path(one) for one in what], None, f"{len(what)} images")
    images = what if isinstance(what, Sequence) else _batch(np.asarray(what))
    for number, image in enumerate(images, 1):
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise InputError(
                f"image {number}: {array.dtype} of shape {list(array.shape)}, expected RGB pixels, "
                "uint8 [height, width, 3]"
            )
    return Arrays(images)


def _batch(array: np.ndarray) -> Sequence[np.ndarray]:
    return [array] if array.ndim == 3 else list(array)
