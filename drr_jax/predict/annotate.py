"""Pictures with boxes around the faces, bars of the classes beside them, and where it looked."""

import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from drr_jax import files, report
from drr_jax.errors import InputError
from drr_jax.predict.inputs import Images, Input, Video
from drr_jax.predict.model import Model
from drr_jax.predict.stream import Said
from tfds_reactionet import reading

Image = UInt8[np.ndarray, "height width 3"]

FOLDER, VIDEO = "annotated", "annotated.mp4"
UNFINISHED = "annotated.part.mp4"  # OpenCV goes by the end of the name
# RGB; Okabe and Ito's, as on the pages
ON, OFF, INK, PAPER = (213, 94, 0), (0, 114, 178), (29, 36, 48), (255, 255, 255)
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167), (240, 228, 66))
PANEL = 196  # pixels of the bars beside a picture
HEIGHT = 720  # pixels that a picture is made as high as for the bars of two faces
ROW = 15  # pixels of a bar
FONT = cv2.FONT_HERSHEY_SIMPLEX
LARGEST = 1920  # pixels of the longer side of what is written


class Annotator:
    """Writes annotated pictures: images one by one into annotated/, a video into one file."""

    def __init__(self, out: Path, model: Model, over: Input) -> None:
        self._out, self._model, self._over = out, model, over
        self.video = not isinstance(over, Images)  # whether one file is written
        self._writer: cv2.VideoWriter | None = None
        self._size, self._frames = (0, 0), 0
        self._targets = _targets(over.names) if isinstance(over, Images) else {}

    def add(self, said: Said) -> None:
        """Writes a picture. Raises InputError for a disk that cannot take it."""
        if said.picture.pixels is None:
            return
        drawn = draw(self._model, said)
        if self.video:
            self._frame(drawn)
            return
        target = self._out / FOLDER / self._targets[said.picture.name]
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(target, reading.encode(drawn))

    def _frame(self, drawn: Image) -> None:
        if self._writer is None:
            height, width = drawn.shape[:2]
            self._size = (width // 2 * 2, height // 2 * 2)
            rate = self._over.rate if isinstance(self._over, Video) else 25.0
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._out / UNFINISHED), code, rate, self._size)
            if not self._writer.isOpened():
                raise InputError(f"{self._out / VIDEO} cannot be written; leave out --annotate")
        if drawn.shape[1::-1] != self._size:
            drawn = cv2.resize(drawn, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
        self._frames += 1

    def close(self) -> None:
        """Ends the video, which is there from now on.

        Raises InputError if it lacks frames: OpenCV says nothing of a full disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        part, target = self._out / UNFINISHED, self._out / VIDEO
        written = cv2.VideoCapture(str(part)).get(cv2.CAP_PROP_FRAME_COUNT)
        if round(written) != self._frames:
            part.unlink(missing_ok=True)
            raise InputError(
                f"{target} cannot be written: {round(written)} of {self._frames} frames; make room "
                "and give the same command again, or leave out --annotate"
            )
        part.replace(target)


def _targets(names: Sequence[str]) -> dict[str, Path]:
    """By a picture's name where its annotated one goes: face.jpg, but beside face.jpg and face.png
    face.jpg.jpg and face.png.jpg; where that is taken, a number comes between."""
    shared = Counter(_plain(name).with_suffix("") for name in names)
    found: dict[str, Path] = {}
    taken: set[Path] = set()
    for name in names:
        plain = _plain(name)
        alone = shared[plain.with_suffix("")] == 1
        ways = (plain.with_name(f"{plain.name}.{number}.jpg") for number in itertools.count(2))
        first = plain.with_suffix(".jpg") if alone else plain.with_name(f"{plain.name}.jpg")
        target = next(way for way in itertools.chain([first], ways) if way not in taken)
        found[name] = target
        taken.add(target)
    return found


def _plain(name: str) -> Path:
    """A picture's name as a path that stays where it is put."""
    return Path(name.lstrip("/").replace("..", "_"))


def draw(model: Model, said: Said) -> Image:
    """A picture with its faces' boxes and, to its right, the bars of the first faces."""
    pixels = said.picture.pixels
    assert pixels is not None
    picture = pixels.copy()
    if said.attention is not None:
        picture = _attended(model, said, picture)
    bars = (len(model.names) + 2 + (said.attention is not None)) * ROW
    wanted = bars * (2 if 2 * bars <= HEIGHT else 1)  # the same for all of a video
    scale = min(LARGEST / max(picture.shape[:2]), max(1.0, wanted / picture.shape[0]))
    sides = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = picture if scale == 1 else cv2.resize(picture, sides, interpolation=how)
    if (below := bars - picture.shape[0]) > 0:  # of a strip
        around = (0, below, 0, 0)
        picture = cv2.copyMakeBorder(picture, *around, cv2.BORDER_CONSTANT, value=PAPER)
    height = picture.shape[0]
    thickness = max(1, round(height / 300))
    for face in said.found:
        if face.box is None:
            continue
        left, top = round(face.box.left * scale), round(face.box.top * scale)
        right = round((face.box.left + face.box.width) * scale)
        bottom = round((face.box.top + face.box.height) * scale)
        colour = COLOURS[face.face % len(COLOURS)]
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness)
        at = (left + 3, max(top - 5, 12))
        _text(picture, str(face.face), at, INK, 4)
        _text(picture, str(face.face), at, colour)
    fits = max(1, height // bars)
    panel = np.full((height, PANEL, 3), PAPER, np.uint8)
    for number, (face, row) in enumerate(zip(said.found, said.probability, strict=True)):
        if number == fits:
            break
        colour = COLOURS[face.face % len(COLOURS)]
        attended = said.attention is not None
        _bars(panel, number * bars, model, f"face {face.face}", colour, row, attended)
    if (more := len(said.found) - fits) > 0:
        _text(panel, f"+{more} more", (PANEL - 80, ROW), INK)
    if not said.found:
        _text(panel, "no face", (8, ROW), INK)
    return np.concatenate([picture, panel], axis=1)


def _bars(
    panel: Image,
    top: int,
    model: Model,
    title: str,
    colour: tuple[int, int, int],
    probability: Float[np.ndarray, " classes"],
    attended: bool,
) -> None:
    _text(panel, title, (8, top + ROW), colour)
    left, width = 66, PANEL - 102
    values, counts = probability.tolist(), model.counts(probability).tolist()
    if attended:
        what = "orange ones" if any(counts) else "all"
        _text(panel, f"heat: mean of {what}", (8, top + (len(values) + 2) * ROW), INK)
    for row, (name, p, on) in enumerate(zip(model.names, values, counts, strict=True), 1):
        y = top + (row + 1) * ROW
        limit = model.threshold.get(name)
        _text(panel, name.rsplit("/", 1)[-1][:9], (8, y), INK)
        cv2.rectangle(panel, (left, y - 9), (left + width, y), (232, 235, 239), -1)
        end = left + round(width * p / model.highest)
        _text(panel, f"{p:.2f}", (left + width + 4, y), INK)
        cv2.rectangle(panel, (left, y - 9), (end, y), ON if on else OFF, -1)
        if limit is not None:
            at = left + round(width * limit / model.highest)
            cv2.line(panel, (at, y - 10), (at, y + 1), INK, 1)


def _text(
    image: Image, words: str, at: tuple[int, int], colour: tuple[int, int, int], stroke: int = 1
) -> None:
    plain = words.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, FONT, 0.4, colour, stroke, cv2.LINE_AA)


def _attended(model: Model, said: Said, picture: Image) -> Image:
    """Where it looked, laid over the faces: the mean over the classes that count, or over all.

    As bright as the report draws it: by the multiple of an even spread over what was cut out.
    """
    assert said.attention is not None
    height, width = picture.shape[:2]
    heat = np.zeros((height, width), np.float32)
    side = model.crop.stored
    for face, maps, row in zip(said.found, said.attention, said.probability, strict=True):
        on = model.counts(row)
        mean = maps[..., on if on.any() else slice(None)].mean(axis=-1).astype(np.float32)
        mean = cv2.resize(report.lit(mean), (side, side))
        back = model.crop.transform((height, width), face)
        heat = np.maximum(
            heat,
            cv2.warpAffine(
                mean, back, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            ),
        )
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colours = cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)
    share = (0.55 * heat)[..., None]
    return (picture * (1 - share) + colours * share).astype(np.uint8)
