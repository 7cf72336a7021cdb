"""From frames to records: decoding, cropping and encoding, in a worker process (see faces.py)."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from drr_jax.facs import SPECTROGRAM
from tfds_reactionet.building.common import LABEL_SOURCES, Tally
from tfds_reactionet.building.faces import (
    NO_LANDMARKS,
    Depth,
    FoldReader,
    Frame,
    Frames,
    Reader,
    Spec,
    Unit,
    value,
)
from tfds_reactionet.building.shards import Built
from tfds_reactionet.building.skipped import Skip
from tfds_reactionet.reading import (
    BadImageError,
    BadSoundError,
    Box,
    Fit,
    FoldUnit,
    Format,
    NoLandmarksError,
    Pixels,
    box_transform,
    encode,
    face_transform,
    full_transform,
    move,
    rgb,
    to_stored,
    warp,
)

BAD_IMAGE = "image does not decode"
BAD_DEPTH = "depth cannot be rendered"
NO_FACE = "no face was found in it to cut out"
BAD_SOUND = "sound does not decode"
OUTSIDE = "landmarks or face box outside of the image, or box empty"

# Frames a process turns into records at a time: few enough that all cores end together.
CHUNK_FRAMES = 128


@dataclass(frozen=True)
class Stored:
    """How images are stored."""

    size: int
    crop: str = "full"  # or "face"
    margin: float = 0.0
    fit: Fit = "letterbox"  # of whole images
    image_format: Format = "jpeg"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Stored":
        """As a builder's options say, by the defaults where a data set has no such option."""
        names = [item.name for item in fields(cls) if item.name in options]
        return cls(**{name: options[name] for name in names})


@dataclass(frozen=True)
class Chunk:
    """Frames start to stop of a unit; `first_key` numbers the first of them in its split.

    `name` tells the unit from all others of all builds of this process.
    """

    name: str
    reader: Reader
    spec: Spec
    stored: Stored
    unit: Unit
    start: int
    stop: int
    first_key: int

    @property
    def frames(self) -> int:
        return self.stop - self.start


class _UnusableError(Exception):
    """A frame that yields no record; its arguments are the reason and the file."""


def record_features(spec: Spec, image_format: Format = "jpeg") -> Any:
    """TFDS features of a data set's records; depth is grey and kept as PNG in every set."""
    from tensorflow_datasets import features as kinds

    image = kinds.Image(shape=(None, None, 3), encoding_format=image_format)
    depth = kinds.Image(shape=(None, None, 1), encoding_format="png")
    features: dict[str, Any] = {
        name: {"image": depth if name == "depth" else image} for name in spec.images
    }
    if spec.au_names:
        shape = (len(spec.au_names),)
        features["au"] = {
            "occurrence": kinds.Tensor(shape=shape, dtype=np.int8),
            "intensity": kinds.Tensor(shape=shape, dtype=np.float32),
        }
    if spec.landmarks:
        features["landmarks"] = kinds.Tensor(shape=(spec.landmarks, 2), dtype=np.float32)
    if spec.sound:
        features["audio"] = kinds.Tensor(shape=SPECTROGRAM, dtype=np.uint8, encoding="bytes")
    for name, (shape, dtype) in spec.extra.items():
        if isinstance(dtype, tuple):
            features[name] = kinds.ClassLabel(names=list(dtype))
        else:
            text = dtype is str
            features[name] = kinds.Text() if text else kinds.Tensor(shape=shape, dtype=dtype)
    return kinds.FeaturesDict(
        {
            **features,
            "expression": kinds.Scalar(dtype=np.int64),
            "task": kinds.Text(),
            "sequence": kinds.Text(),
            "subject": kinds.Text(),
            "frame": kinds.Scalar(dtype=np.int64),
            "label_source": kinds.ClassLabel(names=list(LABEL_SOURCES)),
        }
    )


@dataclass(frozen=True)
class Scanned:
    """What is known of a unit before any image is read."""

    frames: int
    skips: list[Skip]
    load: FoldUnit | None  # what the folds depend on, if they do
    notes: list[str]


def scan(reader: Reader, unit: Unit) -> Scanned:
    """Reads the labels of a unit."""
    frames, skipped = reader.frames(unit)
    load = reader.load(unit) if isinstance(reader, FoldReader) else None
    return Scanned(len(frames), list(skipped), load, list(reader.notes(unit)))


def build(chunk: Chunk) -> Built:
    """Records of a chunk, in order; an image that does not decode becomes a skip."""
    cv2.setNumThreads(1)
    spec, unit = chunk.spec, chunk.unit
    built = Built(Tally.of(len(spec.au_names), len(spec.expression_names)))
    frames = _frames(chunk)[chunk.start : chunk.stop]
    for key, frame in enumerate(frames, chunk.first_key):
        try:
            seen = _images(frame, spec, chunk.stored) | _sound(frame, spec)
        except _UnusableError as failure:
            built.skips.append(Skip(f"{unit.sequence}/{frame.number}", *failure.args))
            continue
        record = {
            **seen,
            **_labels(frame, spec),
            "task": unit.task,
            "sequence": unit.sequence,
            "subject": unit.subject,
            "frame": frame.number,
            "label_source": frame.label_source,
        }
        built.tally.add_record(record)
        built.records.append((key, record))
    return built


_last: dict[str, Frames] = {}  # of the unit read last: its chunks often follow each other


def _frames(chunk: Chunk) -> Frames:
    if chunk.name not in _last:
        frames = chunk.reader.frames(chunk.unit)[0]
        _last.clear()
        _last[chunk.name] = frames
    return _last[chunk.name]


def _labels(frame: Frame, spec: Spec) -> dict[str, Any]:
    labels: dict[str, Any] = {"expression": int(frame.expression)}
    if spec.au_names:
        count = len(spec.au_names)
        occurrence, intensity = frame.occurrence, frame.intensity
        if occurrence is None:
            occurrence = np.full(count, -1)
        if intensity is None:
            intensity = np.full(count, np.nan)
        labels["au"] = {
            "occurrence": np.asarray(occurrence, np.int8),
            "intensity": np.asarray(intensity, np.float32),
        }
    for name, (_, dtype) in spec.extra.items():
        content = frame.extra[name]
        plain = dtype is str or isinstance(dtype, tuple)  # a text, or the index of a class
        labels[name] = content if plain else np.asarray(content, dtype)
    return labels


@contextlib.contextmanager
def _or_skip(reason: str, file: str) -> Iterator[None]:
    """Gives up a frame for an image or a sound that is not usable."""
    try:
        yield
    except (BadImageError, BadSoundError) as error:
        raise _UnusableError(reason, file) from error


def _images(frame: Frame, spec: Spec, stored: Stored) -> dict[str, Any]:
    """Encoded images of a frame, and its landmarks in pixels of the stored reaction."""
    size, image_format = stored.size, stored.image_format
    # Where a record shows two scenes, the list of skipped frames says which one is damaged.
    bad = f"reaction {BAD_IMAGE}" if "stimulus" in spec.images else BAD_IMAGE
    with _or_skip(bad, frame.image.file):
        raw = frame.image.read()
        landmarks = _landmarks(frame, stored) if stored.crop == "face" or spec.landmarks else None
        if stored.crop == "face":
            image = rgb(raw)
            shape = image.shape[:2]
            transform = _face(frame, landmarks, shape, stored)
            encoded = encode(warp(image, transform, size), image_format)
        else:
            encoded, shape = to_stored(raw, size, image_format, stored.fit)
            transform = full_transform(*shape, size, stored.fit)
        if landmarks is not None:
            _check_inside(landmarks.mean(axis=0), shape, frame.image.file)
    result: dict[str, Any] = {"reaction": {"image": encoded}}
    if spec.landmarks:
        unknown = np.full((spec.landmarks, 2), np.nan, np.float32)
        result["landmarks"] = unknown if landmarks is None else move(landmarks, transform)
    for name in spec.images[1:]:
        source = {"stimulus": frame.stimulus, "depth": frame.depth, "thermal": frame.thermal}[name]
        if source is None:
            raise ValueError(f"frame {frame.number} without the image {name!r} of its spec")
        if isinstance(source, Depth):
            with _or_skip(BAD_DEPTH, source.file):
                encoded = encode(source.render(shape, transform, size), "grey")
        else:
            with _or_skip(f"{name} {BAD_IMAGE}", source.file):
                encoded = _beside(frame, name, source, stored)
        result[name] = {"image": encoded}
    return result


def _sound(frame: Frame, spec: Spec) -> dict[str, Any]:
    """What was heard before a frame, if records have it."""
    if not spec.sound:
        return {}
    if frame.sound is None:
        raise ValueError(f"frame {frame.number} without the sound of its spec")
    with _or_skip(BAD_SOUND, frame.sound.file):
        return {"audio": frame.sound.before(frame.number)}


def _landmarks(frame: Frame, stored: Stored) -> np.ndarray | None:
    """Landmarks of a frame, or None: of whole images those that are absent are unknown too."""
    try:
        return value(frame.landmarks)
    except NoLandmarksError as error:
        if stored.crop == "face":
            raise _UnusableError(NO_LANDMARKS, str(error)) from error
        return None


def _face(
    frame: Frame, landmarks: np.ndarray | None, shape: tuple[int, ...], stored: Stored
) -> np.ndarray:
    """The transform that cuts a frame's face out of its image of `shape`."""
    file = frame.image.file
    if landmarks is not None:
        with _or_skip(NO_FACE, file):
            return face_transform(landmarks, stored.size, stored.margin)
    if frame.box is None:
        raise _UnusableError(NO_FACE, file)
    return _box(value(frame.box), shape, file, stored)


def _box(box: Box, shape: tuple[int, ...], file: str, stored: Stored) -> np.ndarray:
    """The transform that cuts a box out of an image of `shape`."""
    centre = np.array([box.left + box.width / 2, box.top + box.height / 2])
    _check_inside(centre - 0.5, shape, file)
    with _or_skip(OUTSIDE, file):
        return box_transform(box, stored.size, stored.margin)


def _check_inside(centre: np.ndarray, shape: tuple[int, ...], file: str) -> None:
    """Gives up a frame whose face lies outside of its image: it is of an image of another size."""
    if (centre < -0.5).any() or (centre > np.array(shape[1::-1]) - 0.5).any():
        raise _UnusableError(OUTSIDE, file)


def _beside(frame: Frame, name: str, source: Pixels, stored: Stored) -> bytes:
    """An image beside the reaction, whole; a thermal one is cut out by its own box.

    Thermal cameras have their own geometry.
    """
    raw = source.read()
    if name == "thermal" and stored.crop == "face" and frame.thermal_box is not None:
        image = rgb(raw)
        transform = _box(frame.thermal_box, image.shape, source.file, stored)
        return encode(warp(image, transform, stored.size), stored.image_format)
    kind = "grey" if name == "depth" else stored.image_format
    return to_stored(raw, stored.size, kind, stored.fit)[0]
