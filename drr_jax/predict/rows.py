"""predictions.csv: a row a face a picture, written as the model speaks, and gone on with later."""

import contextlib
import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from drr_jax import cells, files
from drr_jax.errors import InputError, shown
from drr_jax.predict.inputs import JOB
from drr_jax.predict.model import Model, class_cells, class_columns
from drr_jax.predict.stream import Said
from tfds_reactionet.reading import Box

TABLE, LOCK = "predictions.csv", ".lock"
# As OpenFace has them; then the box, as py-feat has it, and the file that a picture is of.
BOX = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore")
HEAD = ("frame", "face_id", "timestamp", "confidence", "success", *BOX, "input")


def columns(model: Model) -> list[str]:
    """The columns of predictions.csv.

    frame counts from 1; face_id tells the faces of a picture apart, and in a video is the same for
    the same face; timestamp is in seconds, empty for images; success is 0 where no face was found,
    and then all that follows is empty; the box is in pixels.
    """
    return [*HEAD, *class_columns(model)]


def rows_of(model: Model, said: Said) -> Iterator[list[Any]]:
    """The rows of a picture; floats as they are, None for what is not known."""
    picture = said.picture
    time = None if math.isnan(picture.timestamp) else round(picture.timestamp, 6)
    if not said.found:
        empty = [None] * len(BOX)
        yield [picture.frame, 0, time, 0.0, 0, *empty, picture.name] + [None] * len(
            class_columns(model)
        )
        return
    for face, classes in zip(said.found, class_cells(model, said.probability), strict=True):
        box = face.box
        sides = [None] * 4 if box is None else [box.left, box.top, box.width, box.height]
        sure = round(face.confidence, 3)
        yield [picture.frame, face.face, time, sure, 1, *sides, sure, picture.name, *classes]


def as_text(cell: Any) -> Any:
    """A cell of the CSV: probabilities with seven decimals, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.7f}".rstrip("0").rstrip(".")
    return cell


class Table:
    """predictions.csv in a folder, at its end. Use as a context manager.

    `start` is the picture to go on with, `boxes` what was found in those before it, by frame.
    """

    def __init__(self, folder: Path, model: Model) -> None:
        self.path, self._model = folder / TABLE, model
        self.start, self.boxes = 1, {}
        self.without: list[int] = []  # pictures before `start` that have no face
        self.counts = {"pictures": 0, "faces": 0, "without": 0}
        if self.path.exists():
            self._take_up()
        else:
            files.write_whole(self.path, cells.csv_lines([columns(model)]))
        self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115
        self._write = cells.row_writer(self._file)

    def write(self, said: Iterable[Said]) -> None:
        """Writes the rows of some pictures, and sees that the system has them."""
        try:
            for one in said:
                self._count(len(one.found))
                for row in rows_of(self._model, one):
                    self._write(map(as_text, row))
            self._file.flush()
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> InputError:
        return InputError(
            f"{self.path} cannot be written: {error.strerror}; make room and give the same "
            "command again: it goes on from there"
        )

    def _count(self, faces: int) -> None:
        self.counts["pictures"] += 1
        self.counts["faces"] += faces
        self.counts["without"] += not faces

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()  # tries again what could not be written before
        except OSError as error:
            raise self._unwritten(error) from None

    def _take_up(self) -> None:
        """Keeps the rows of the pictures that are complete: all but the last."""
        text = self.path.read_bytes()
        head = cells.csv_lines([columns(self._model)]).encode()
        body = text.removeprefix(head)
        if body == text:
            raise InputError(f"{self.path}: columns of another model; give another --out")
        ends = body.rfind(b"\n") + 1
        faces: dict[int, int] = {}
        row: list[str] = []
        try:
            kept = list(csv.reader(io.StringIO(body[:ends].decode(errors="replace"), newline="")))
            last = kept[-1][0] if kept else ""
            while kept and kept[-1][0] == last:
                kept.pop()
            for row in kept:
                frame, sides = int(row[0]), row[5:9]
                found = self.boxes.setdefault(frame, [])
                if all(sides):
                    found.append(Box(*map(float, sides)))
                faces[frame] = faces.get(frame, 0) + int(row[4])
        except (ValueError, IndexError, csv.Error):
            raise InputError(
                f"{self.path}: row {row!r:.60} is none of ours; move the folder away, or give "
                "another --out"
            ) from None
        for count in faces.values():
            self._count(count)
        self.without = [frame for frame, count in faces.items() if not count]
        self.start = int(kept[-1][0]) + 1 if kept else 1
        again = cells.csv_lines(map(cells.plain, row) for row in kept)
        files.write_whole(self.path, head + again.encode())


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within it no other process predicts into `folder`, which is made; gone again if it is empty.

    Raises InputError, with nothing written, if another does, if it cannot be made, or if it holds
    something else.
    """
    made = not os.path.isdir(folder)
    if not made and not (folder / JOB).exists():
        begun = rf"\.{re.escape(JOB)}\.[0-9a-f]+{re.escape(files.PART)}|{re.escape(LOCK)}(\.lease)?"
        there = sorted(path.name for path in folder.iterdir())
        if names := [name for name in there if not re.fullmatch(begun, name)]:  # and killed there
            raise InputError(
                f"--out={folder} holds {names[0]} but no {JOB}: expected a new folder or that of "
                "an earlier prediction; give another --out"
            )

    def refuse() -> None:
        raise InputError(f"--out={folder}: another process is predicting there; wait for it")

    lock = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        _remove(folder, made)
        what = "made" if made else "written"
        raise InputError(
            f"--out={folder} cannot be {what}: {error.strerror}; give another"
        ) from None
    with files.locked(lock, refuse):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            _remove(folder, made)


def _remove(folder: Path, made: bool) -> None:
    """Removes a folder that was made just now, if it is empty."""
    with contextlib.suppress(OSError):
        if made:
            folder.rmdir()


def claim(folder: Path, job: Mapping[str, Any]) -> bool:
    """Makes `folder` that of this job, or finds that it is; returns whether the job is done.

    What a killed process left unfinished is removed. Raises InputError, with nothing written, for
    a folder of another job.
    """
    kept = folder / JOB
    mine = json.loads(json.dumps(dict(job)))
    if kept.exists():
        try:
            found = {"fps": 0.0, **files.unsealed(files.read_json(kept))}  # none in older ones
        except ValueError as error:
            raise InputError(f"{kept}: damaged ({error}); give another --out") from None
        for key, value in mine.items():
            if found.get(key) != value:
                raise InputError(
                    f"--out={folder} holds another prediction: {_changed(key, found, value)}; "
                    "give another --out"
                )
        if found.get("done"):
            _check_written(folder, found.get("files", {}))
            return True
    for part in folder.rglob(f".*{files.PART}"):
        part.unlink()
    if kept.exists():
        return False
    files.write_json(kept, files.sealed({**mine, "done": False}))
    return False


def _changed(key: str, found: Mapping[str, Any], value: Any) -> str:
    """What of a job is another than it was; a stamp's digests and times tell a reader nothing."""
    if key != "stamp":
        return f"its {key} was {shown(found.get(key))}, is {shown(value)}"
    before = found.get(key)
    images = before.get("images") if isinstance(before, dict) else None
    if images is None or "images" not in value:
        return "its input is not what it was"
    return f"its input had {images} images, and has {value['images']} that are not all the same"


def finish(folder: Path, job: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
    """Notes that the job is done, what came of it, and how large its files are."""
    done = {"done": True, "summary": dict(summary), "files": _sizes(folder)}
    files.write_json(folder / JOB, files.sealed({**job, **done}))


def _sizes(folder: Path) -> dict[str, int]:
    found = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    return {name: size for name, size in sorted(found.items()) if name[0] != "." and name != JOB}


def _check_written(folder: Path, written: Mapping[str, int]) -> None:
    """Raises InputError for a file of a prediction that is done and not as it was written."""
    there = _sizes(folder)
    for name, size in written.items():
        if there.get(name) != size:
            state = f"has {there[name]:,}" if name in there else "is gone"
            raise InputError(
                f"{folder / name} was written with {size:,} bytes and {state}; another --out "
                "predicts again"
            )
