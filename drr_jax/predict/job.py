"""--mode=predict: from a model and a path to a folder of predictions."""

import contextlib
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drr_jax import files, pages, runs, stops
from drr_jax.errors import InputError, one_line
from drr_jax.predict import events, notes, opencv, prepared, rows, summary
from drr_jax.predict.annotate import Annotator
from drr_jax.predict.command import Options
from drr_jax.predict.finders import Finder, OpenFaceFaces, make_finder
from drr_jax.predict.inputs import VIDEOS, Arrays, Camera, Images, Input, open_input
from drr_jax.predict.model import Model, load
from drr_jax.predict.parquet import check_format, write_parquet
from drr_jax.predict.stream import Said, check_inputs, processes, read

if TYPE_CHECKING:
    import pandas as pd

GATHER = 32  # pictures whose rows are written at once


@opencv.quiet()
def predict(options: Options) -> str:
    """Writes a folder of predictions, or goes on with one; returns what to say of it, in lines.

    predictions.csv (or .parquet), predictions.html, of a video events.csv, and if asked for
    annotated images or an annotated video. Raises InputError for wrong input, with what was
    predicted so far kept (of a video that is cut off events and page, too), and Stopped after a
    signal.
    """
    check_format(options.format)
    over, out = open_input(options.input), _folder(options.out)
    _check_single(over)
    model = load(options.model, options.selection or None)
    check_inputs(model, options.faces)
    finder = _finder(over, options.faces, options.largest, options.fps)
    job = _job(options, model, over)

    with rows.alone(out):
        if rows.claim(out, job):
            return _done_before(out)
        return _run(options, out, model, over, finder, job)


def _done_before(out: Path) -> str:
    """What to say of a prediction that is there. Raises InputError as it did if it did."""
    page, counts = out / summary.PAGE, files.read_json(out / rows.JOB).get("summary", {})
    if counts.get("unread"):
        raise InputError(_unread(counts, f"{page}, done before; another --out predicts again"))
    return f"{page}: done before; another --out predicts again"


def _unread(counts: Mapping[str, Any], page: object) -> str:
    return (
        f"{counts['unread']} of {counts['pictures']} images could not be read, the first "
        f"{counts['problems'][0]}; their rows have success 0, the others are done: {page}"
    )


def predict_split(options: Options) -> str:
    """Writes the predictions for parts of a prepared data set, whole or not at all."""
    check_format(options.format)
    out = files.new_folder(options.out)
    drawn = options.annotate or options.attention
    if drawn or options.largest or options.faces != "auto" or options.fps:
        raise InputError(
            f"--input={options.input}: its images are faces already; leave out --faces, --fps, "
            "--largest, --annotate and --attention"
        )
    model = load(options.model, options.selection or None)
    split = prepared.open_split(model, options.input, options.data_dir)
    found = prepared.answers(model, split)
    with files.whole_folder(out) as folder:
        with rows.Table(folder, model) as table:
            table.write(prepared.said_of(model, found))
            counts = dict(table.counts)
        if options.format == "parquet":
            write_parquet(folder, model)
        (written,) = folder.iterdir()
    return f"{counts['faces']} records of {', '.join(split.parts)}: {out / written.name}"


def _folder(said: str) -> Path:
    """The folder for what is predicted. Raises InputError for what can be none."""
    out = Path(os.path.abspath(files.named(said)))  # `.` has no name
    if not out.name or (os.path.exists(out) and not out.is_dir()):  # Path.exists raises for some
        raise InputError(f"--out={said}: expected a new folder, or that of an earlier prediction")
    return out.parent / out.name if Path(said).name in ("", "..") else files.named(said)


def _run(
    options: Options, out: Path, model: Model, over: Input, finder: Finder, job: dict[str, Any]
) -> str:
    annotator = Annotator(out, model, over) if options.annotate or options.attention else None
    if annotator and annotator.video:
        (out / rows.TABLE).unlink(missing_ok=True)  # a video is written from its start
    gallery, cut = summary.Gallery(over), ""
    with rows.Table(out, model) as table:
        for frame, boxes in sorted(table.boxes.items()):
            finder.recall(frame, boxes)
        table.boxes.clear()
        problems = _problems(over, table.without)
        with contextlib.closing(_Writer(table, over)) as writer:
            try:
                jobs = processes(over, table.start)
                for said in read(model, over, finder, table.start, options.attention, jobs):
                    gallery.add(model, said)
                    if said.picture.problem:
                        problems.append(f"{said.picture.name}: {said.picture.problem}")
                    if annotator:
                        annotator.add(said)
                    writer.add(said)
            except stops.Stopped:
                if not isinstance(over, Camera):  # which only ends so
                    writer.write()
                    raise _stopped(table.counts["pictures"], annotator) from None
            except InputError as error:
                writer.write()
                cut = str(error)
            writer.write()
            counts = {**table.counts, "faces_per_second": round(writer.rate, 2)}
    if annotator:
        annotator.close()
    counts["unread"], counts["problems"] = len(problems), ([cut] if cut else problems)[:100]
    counts["notes"] = notes.of_crop(model, options.faces) if counts["faces"] else []
    counts["notes"] += [] if cut else notes.of_input(over, finder, counts["pictures"])
    found = events.write_events(out, model, counts["pictures"]) if over.video else None
    page = summary.write_page(out, model, over, counts, gallery, found, options.faces)
    if cut:
        raise InputError(f"{cut}; {table.path} has the rows up to there, and {page} is of them")
    if options.format == "parquet":
        write_parquet(out, model)
    rows.finish(out, job, counts)
    if problems:
        raise InputError(_unread(counts, page))
    return "\n".join([_line(over, counts, page), *counts["notes"]])


def _stopped(pictures: int, annotator: Annotator | None) -> stops.Stopped:
    if annotator and annotator.video:
        return stops.Stopped(f"{pictures} pictures seen", "begins again: it draws one video")
    return stops.Stopped(f"{pictures} pictures written")


class _Writer:
    """Puts what is said into a table, some pictures at a time, and shows how fast it goes."""

    def __init__(self, table: rows.Table, over: Input) -> None:
        self._table, self._at_once = table, 1 if isinstance(over, Camera) else GATHER
        self._began, self._before = time.monotonic(), table.counts["faces"]
        self._waiting: list[Said] = []
        unit = "frames" if over.video else "images"
        self._bar = runs.progress(over.length, table.start - 1, "predict", unit)

    @property
    def rate(self) -> float:
        """Faces a second since this process began."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        return (self._table.counts["faces"] - self._before) / seconds

    def add(self, said: Said) -> None:
        """Takes what is said of a picture. Raises Stopped after a signal, with all written."""
        self._waiting.append(said)
        if len(self._waiting) >= self._at_once:
            self.write()
            stops.look()

    def write(self) -> None:
        """Writes what is waiting."""
        self._table.write(self._waiting)
        self._bar.update(len(self._waiting))
        self._bar.set_postfix_str(f"{self.rate:.1f} faces/s", refresh=False)
        self._waiting.clear()

    def close(self) -> None:
        """Ends the bar."""
        self._bar.close()


def _problems(over: Input, numbers: Sequence[int]) -> list[str]:
    """What is wrong with some images, each in a line; those without a face may just have none."""
    if not isinstance(over, Images):
        return []
    pictures = map(over.picture, numbers)
    return [f"{one.name}: {one.problem}" for one in pictures if one.problem]


def _line(over: Input, counts: dict[str, Any], page: Path) -> str:
    what = "frame" if over.video else "image"
    said = f"{_some(counts['pictures'], what)}, {_some(counts['faces'], 'face')}"
    if counts["without"]:
        said += f", {_some(counts['without'], what)} without a face"
    return f"{said}, {counts['faces_per_second']} faces/s: {page}"


def _some(number: int, what: str) -> str:
    return f"{number} {pages.plural(number, what)}"


def _job(options: Options, model: Model, over: Input) -> dict[str, Any]:
    """What must not change between two starts in one folder."""
    return {
        "model": options.model,
        "model_digest": files.sealed(model.described)[files.SEAL],
        "input": options.input,
        "stamp": over.stamp(),
        "faces": options.faces,
        "largest": options.largest,
        "fps": options.fps,
        "format": options.format,
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
            expected = (
                "; expected an image (JPEG, PNG, TIFF, BMP, WebP), or a video that ends in .mp4, "
                ".avi, .mov, .mkv or .webm"
            )
            advised = ";" in picture.problem  # it says what to do
            raise InputError(f"{over.paths[0]}: {picture.problem}{'' if advised else expected}")


def _finder(over: Input, faces: str, largest: bool, fps: float) -> Finder:
    """Who finds the faces, after the images know when each of them is, if anything tells."""
    if fps and not isinstance(over, Images):
        raise InputError(
            f"--fps={fps:g} is for image files, and {over.name} is none: a video has its own times"
        )
    if isinstance(over, Images) and fps:
        over.set_rate(fps)
    finder = make_finder(faces, over, largest)
    if isinstance(over, Images) and isinstance(finder, OpenFaceFaces) and finder.times and not fps:
        known = [finder.times.get(number, np.nan) for number in range(1, over.length + 1)]
        over.set_times(np.array(known))
    return finder


def table_of(model: Model, what: Any, faces: str, largest: bool, fps: float) -> "pd.DataFrame":
    """What `Model.predict` returns."""
    import pandas as pd

    check_inputs(model, faces)
    over = _input_of(what)
    finder = _finder(over, faces, largest, fps)
    pictures = faces_found = 0
    found: list[list[Any]] = []
    for said in read(model, over, finder):
        pictures, faces_found = pictures + 1, faces_found + len(said.found)
        found += rows.rows_of(model, said)
        if said.picture.problem:
            line = one_line(f"{said.picture.name}: {said.picture.problem}; its row has success 0")
            warnings.warn(line, stacklevel=3)
    crop = notes.of_crop(model, faces) if faces_found else []
    for line in [*crop, *notes.of_input(over, finder, pictures)]:
        warnings.warn(one_line(line).removeprefix("warning: "), stacklevel=3)
    unknown = [[np.nan if cell is None else cell for cell in row] for row in found]
    return pd.DataFrame(unknown, columns=rows.columns(model))


def _input_of(what: Any) -> Input:
    if isinstance(what, str | Path):
        over = open_input(str(what), option="")
        _check_single(over)
        return over
    if not isinstance(what, list | tuple) and not _is_array(what):
        raise InputError(
            f"pictures: {type(what).__name__}, expected an array of RGB pixels, a path, or a list "
            "of arrays or of paths"
        )
    images = list(what if isinstance(what, list | tuple) else _batch(np.asarray(what)))
    if images and all(isinstance(one, str | Path) for one in images):
        return _listed([files.named(one) for one in images])
    for number, image in enumerate(images, 1):
        array = np.asarray(image)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise InputError(
                f"image {number}: {array.dtype} of shape {list(array.shape)}, expected RGB pixels, "
                "uint8 [height, width, 3]"
            )
    return Arrays(images)


def _is_array(what: Any) -> bool:
    """Whether NumPy takes it for one: its own, JAX's, Pillow's images, pandas' columns."""
    return hasattr(what, "__array__") or hasattr(what, "__array_interface__")


def _listed(paths: Sequence[Path]) -> Images:
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected a list of images")
        if path.suffix.lower() in VIDEOS:
            raise InputError(f"{path}: a video among images; give it alone, not in a list")
    return Images(paths, None, f"{len(paths)} images")


def _batch(array: np.ndarray) -> Sequence[Any]:
    """The images, or paths, of an array."""
    return list(array) if array.ndim == 4 or (array.dtype.kind in "OU" and array.ndim) else [array]
