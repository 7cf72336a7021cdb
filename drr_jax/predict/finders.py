"""Whose faces are read: those that a detector finds, those of OpenFace's CSVs, or whole images."""

import contextlib
import functools
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from drr_jax import files
from drr_jax.errors import InputError, nearest
from drr_jax.predict.detectors import DETECTORS, make_detector
from drr_jax.predict.faces import Face, Found
from drr_jax.predict.inputs import Images, Input, Picture, Video
from drr_jax.predict.tracks import Tracks
from tfds_reactionet import building, reading
from tfds_reactionet.reading import Box

NONE = "none"
DECIMALS = 2  # of boxes, in the tables and so for whoever goes on from them


class Finder(Protocol):
    """Says which faces of a picture are read. Pictures are asked for in order."""

    def find(self, picture: Picture) -> list[Found]: ...

    def follow(
        self, pictures: Iterable[Picture], jobs: int
    ) -> Generator[tuple[Picture, list[Found]], None, None]:
        """All pictures with their faces, in order; `jobs` processes look, where looking is work."""
        for picture in pictures:
            yield picture, [] if picture.pixels is None else self.find(picture)

    def recall(self, frame: int, boxes: Sequence[Box]) -> None:
        """Takes what an earlier process found in a picture, so that ids go on from there."""


def make_finder(faces: str, over: Input, largest: bool = False) -> Finder:
    """The finder that `--faces` names, for the pictures of an input.

    faces: auto, mtcnn, yunet or yunet:FILE; none; or OpenFace's CSV, or a folder of them. With
    `largest` the largest face of a picture alone counts. Raises InputError for what is not there.
    """
    if faces == NONE:
        return Whole()
    if not faces:
        raise InputError(
            f"--faces is empty: expected {', '.join([*DETECTORS, NONE])}, OpenFace's CSV, or a "
            "folder of them"
        )
    path = files.named(faces)
    if path.suffix.lower() == ".csv" or path.is_dir():
        return OpenFaceFaces(path, over, largest)
    name, _, model = faces.partition(":")
    if name not in DETECTORS:
        known = [*DETECTORS, NONE]
        raise InputError(
            f"--faces={faces}: no such file, and no such detector; {nearest(faces, known)}; or "
            "name OpenFace's CSV, as in --faces=video.csv"
        )
    return Detected(name, model, over.video, largest)


class Whole(Finder):
    """Every picture is a face already."""

    def find(self, picture: Picture) -> list[Found]:
        return [Found()]


class Detected(Finder):
    """What a detector finds; in a video the same face keeps its id, by overlap."""

    def __init__(self, name: str, model: str, video: bool, largest: bool) -> None:
        self._detector = make_detector(name, model)
        self._away = functools.partial(_look, name, model)
        self._tracks, self._largest = Tracks() if video else None, largest

    def find(self, picture: Picture) -> list[Found]:
        return self._named(picture, self._look(picture.pixels))

    def _look(self, pixels: np.ndarray | None) -> list[Face]:
        return [] if pixels is None else self._detector.find(pixels)

    def follow(
        self, pictures: Iterable[Picture], jobs: int
    ) -> Generator[tuple[Picture, list[Found]], None, None]:
        waiting: deque[Picture] = deque()
        ended: list[InputError] = []

        def pixels() -> Iterator[np.ndarray | None]:
            try:
                for picture in pictures:
                    waiting.append(picture)
                    yield picture.pixels
            except InputError as error:  # what came before is looked at first
                ended.append(error)

        coming = pixels()
        looked = building.ordered_map(self._look if jobs == 1 else self._away, coming, jobs)
        try:
            with contextlib.closing(looked):
                for faces in looked:
                    picture = waiting.popleft()
                    yield picture, self._named(picture, faces)
        except building.WorkerLostError:  # too little memory for several: this one goes on alone
            for picture in list(waiting):
                yield picture, self.find(picture)
            waiting.clear()
            for _ in coming:
                picture = waiting.popleft()
                yield picture, self.find(picture)
        if ended:
            raise ended[0]

    def _named(self, picture: Picture, faces: list[Face]) -> list[Found]:
        """A picture's faces with their ids."""
        if picture.pixels is None:
            return []
        faces = faces[: 1 if self._largest else None]
        boxes = [_rounded(face.box) for face in faces]
        ids = self._tracks.update(picture.frame, boxes) if self._tracks else range(len(faces))
        found = [
            Found(box, face.points, face.confidence, number)
            for box, face, number in zip(boxes, faces, ids, strict=True)
        ]
        return sorted(found, key=lambda face: face.face)

    def recall(self, frame: int, boxes: Sequence[Box]) -> None:
        if self._tracks:
            self._tracks.update(frame, boxes)


_own = functools.cache(make_detector)  # a worker process's, of one thread


def _look(name: str, model: str, pixels: np.ndarray | None) -> list[Face]:
    """What a worker process does."""
    return [] if pixels is None else _own(name, model).find(pixels)


class OpenFaceFaces(Finder):
    """The faces of OpenFace's CSVs, with its landmarks and its ids.

    One CSV for a video, whose frames count from 1, or for a folder of images in their order; or a
    folder with a CSV for each image, by its name.
    """

    def __init__(self, path: Path, over: Input, largest: bool) -> None:
        self.path, self._largest = path, largest
        self._files: list[Path] = []  # a CSV for each image, if they are of a folder
        self._by_frame: dict[int, list[Found]] = {}
        self.times: dict[int, float] = {}  # seconds of frames, if the CSV knows any
        if path.is_dir():
            if not isinstance(over, Images):
                raise InputError(f"--faces={path}: a folder, and one CSV is expected for a video")
            self._files = _one_each(path, over)
            return
        if not path.is_file():
            raise InputError(f"--faces={path}: no such file; expected a CSV that OpenFace wrote")
        self._by_frame, self.times = _read(path, reading.VIDEO)
        if not self._by_frame:
            raise InputError(f"--faces={path}: no rows; expected one for each frame and face")
        first, last = min(self._by_frame), max(self._by_frame)
        length = over.longest if isinstance(over, Video) else over.length
        if first < 1 or (length is not None and last > length):
            raise InputError(
                f"--faces={path}: frames {first} to {last}, and {over.name} has frames 1 to "
                f"{length}; expected the CSV of this {'video' if over.video else 'folder'}, as "
                "OpenFace counts: from 1"
            )

    def without_row(self, pictures: int) -> int:
        """How many of so many pictures the CSV has no row of; those have no face."""
        return 0 if self._files else pictures - len(self._by_frame)

    def find(self, picture: Picture) -> list[Found]:
        found = self._by_frame.get(picture.frame, [])
        if self._files:
            file = self._files[picture.frame - 1]
            found = [face for faces in _read(file, reading.STILL)[0].values() for face in faces]
        if self._largest and found:
            found = [max(found, key=lambda face: face.box.area if face.box else 0.0)]
        return found


def _one_each(folder: Path, over: Images) -> list[Path]:
    """The CSV of each image. Raises InputError if one has none, or one that is another's, too."""
    landmarks = reading.LandmarkFolder(folder)
    found = [landmarks.find(path) for path in over.paths]
    named = zip(found, over.paths, over.names, strict=True)
    if lacking := [(path, name) for file, path, name in named if file is None]:
        (path, name), *_ = lacking
        raise InputError(
            f"--faces={folder}: no CSV for {len(lacking)} of {over.length} images, the first "
            f"{name}; expected one for each, by its name, as in {path.stem}.csv"
        )
    landmarks.check(over.paths)
    return [file for file in found if file is not None]


def _read(path: Path, needed: Sequence[str]) -> tuple[dict[int, list[Found]], dict[int, float]]:
    """The faces that OpenFace is sure of, by frame; frames without one are there and empty.

    And when each frame is, in seconds; {} if the file does not say: of images OpenFace writes 0.
    """
    table = reading.OpenFaceTable(path, needed)
    if not table.has(reading.LANDMARKS):
        raise InputError(f"{path}: no columns x_0 ... y_67; run OpenFace with -2Dfp")
    points = np.moveaxis(table.group(reading.LANDMARKS).reshape(-1, 2, 68), 1, 2)
    frames = _column(table, "frame", 1)
    ids = _column(table, "face_id" if table.column("face") is None else "face", 0)
    sure, success = _column(table, "confidence", 0), _column(table, "success", 1)
    found: dict[int, list[Found]] = {}
    keys: set[tuple[int, int]] = set()
    for row, frame in enumerate(frames.astype(int).tolist()):
        key = frame, int(ids[row])
        if key in keys:
            raise InputError(
                f"--faces={path}: line {table.line(row)}: frame {frame}, face {key[1]} occurs "
                "twice; expected one row for each frame and face"
            )
        keys.add(key)
        faces = found.setdefault(frame, [])
        known = points[row][np.isfinite(points[row]).all(axis=1)]
        if success[row] > 0 and sure[row] >= reading.MIN_CONFIDENCE and len(known):
            low, high = known.min(axis=0), known.max(axis=0)
            box = _rounded(Box(*map(float, low), *map(float, high - low)))
            faces.append(Found(box, points[row], float(sure[row]), int(ids[row])))
    times = dict(zip(frames.astype(int).tolist(), _column(table, "timestamp", 0), strict=True))
    seconds = np.array([times[frame] for frame in sorted(times)], np.float64)
    rises = len(seconds) > 1 and bool((np.diff(seconds) > 0).all())  # no NaN does
    return found, times if rises else {}


def _column(table: reading.OpenFaceTable, name: str, lacking: float) -> np.ndarray:
    column = table.column(name)
    return np.full(len(table), float(lacking)) if column is None else column


def _rounded(box: Box) -> Box:
    """A box as the tables have it."""
    return Box(*(round(side, DECIMALS) for side in (box.left, box.top, box.width, box.height)))
