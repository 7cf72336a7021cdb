"""From pictures to what the model says of their faces: decoding, finding and asking overlap."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from drr_jax import data, facs, machine
from drr_jax.config import letters
from drr_jax.errors import InputError
from drr_jax.predict.faces import Found
from drr_jax.predict.finders import NONE, Finder
from drr_jax.predict.inputs import Camera, Input, Picture
from drr_jax.predict.model import ROWS, Model
from tfds_reactionet import building, reading

AHEAD = 2  # chunks that wait to be asked
WORTH_PROCESSES = 400  # pictures; a process takes as long to start as some hundred take
MOST_PROCESSES = 8


@dataclass(frozen=True)
class Said:
    """A picture, its faces, and what the model says of each; no face: empty lists."""

    picture: Picture
    found: list[Found]
    probability: Float[np.ndarray, "faces classes"]
    crops: UInt8[np.ndarray, "faces size size 3"]
    attention: Float[np.ndarray, "faces h w classes"] | None = None


@dataclass(frozen=True)
class _Chunk:
    """Some pictures in a row with their faces, cut out."""

    pictures: list[tuple[Picture, list[Found]]]
    crops: UInt8[np.ndarray, "faces size size 3"]


def check_inputs(model: Model, faces: str) -> None:
    """Raises InputError for a model that cannot be asked about one image.

    One that reads another image than a face (a stimulus, depth) is asked about whole images.
    """
    face = next((facs.DOMAINS[d].input for d in letters(model.config.domains) if d in "RV"), "")
    first, *more = model.inputs
    if first == face and not more:
        return
    if more or first not in facs.IMAGES:
        others = [name for name in model.inputs if name != face]
        raise InputError(
            f"model {model.name}: it reads {' and '.join(others)} beside the face, which an image "
            "or a video does not have; expected a model of faces, or `drr predict "
            "--input=SET:PART` of a prepared data set"
        )
    if faces != NONE:
        raise InputError(
            f"model {model.name}: it reads {first} and no face; --faces=none asks it "
            "about whole images"
        )


def processes(over: Input, first: int = 1) -> int:
    """How many look for faces in an input's pictures from number `first` on; 1: this one."""
    left = math.inf if over.length is None else over.length - first + 1
    if isinstance(over, Camera) or left < WORTH_PROCESSES or not building.can_share():
        return 1
    return min(machine.cores(), MOST_PROCESSES)


def read(
    model: Model,
    over: Input,
    finder: Finder,
    first: int = 1,
    attention: bool = False,
    jobs: int = 1,
) -> Iterator[Said]:
    """What the model says of each picture from number `first` on, in order.

    A thread decodes, finds faces and cuts them out while the model is asked, with more than one of
    `jobs` in processes of their own; what waits is bounded, so that memory does not grow with the
    number of pictures. Raises InputError as the input and the
    finder do; what came before is given first.
    """
    (name,) = model.inputs
    at_once = 1 if over.length == 1 else ROWS  # one picture is not to wait for the work of many
    chunks = data.prefetch_to_device(_chunks(model, over, finder, first, jobs), lambda c: c, AHEAD)
    try:
        for chunk in chunks:
            maps = None
            if attention and len(chunk.crops):
                probability, maps = model.explain({name: chunk.crops}, at_once)
            else:
                probability = model.probabilities({name: chunk.crops}, at_once)
            start = 0
            for picture, found in chunk.pictures:
                rows = slice(start, start + len(found))
                start = rows.stop
                shown = None if maps is None else maps[rows]
                yield Said(picture, found, probability[rows], chunk.crops[rows], shown)
    finally:
        chunks.close()


def _chunks(model: Model, over: Input, finder: Finder, first: int, jobs: int) -> Iterator[_Chunk]:
    """Pictures until they fill a batch; a video that ends in an error gives what it has before."""
    pictures: list[tuple[Picture, list[Found]]] = []
    crops: list[np.ndarray] = []

    def chunk() -> _Chunk:
        size = model.crop.size
        array = np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)
        return _Chunk(list(pictures), array)

    try:
        with contextlib.closing(finder.follow(over.pictures(first), jobs)) as followed:
            for picture, faces in followed:
                found, cut = _cut(model, picture, faces)
                if len(crops) + len(cut) > ROWS or len(pictures) >= ROWS:
                    yield chunk()
                    pictures.clear()
                    crops.clear()
                pictures.append((picture, found))
                crops.extend(cut)
    except InputError:
        yield chunk()
        raise
    if pictures:
        yield chunk()


def _cut(
    model: Model, picture: Picture, faces: list[Found]
) -> tuple[list[Found], list[UInt8[np.ndarray, "size size 3"]]]:
    """Those of a picture's faces that can be cut out, and what is cut out."""
    found, crops = [], []
    for face in faces:
        assert picture.pixels is not None
        # Of points in one place the box remains; if that has no area, there is no face.
        for said in (face, replace(face, points=None)):
            try:
                crops.append(model.crop.cut(picture.pixels, said))
            except reading.BadImageError:
                continue
            found.append(face)
            break
    return found, crops
