"""From frames to records: decoding, cropping and encoding, in a worker process (see faces.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from tfds_reactionet.building.common import LABEL_SOURCES, Tally, image_feature
from tfds_reactionet.building.faces import Frame, Reader, Spec, Unit, value
from tfds_reactionet.building.shards import Built
from tfds_reactionet.building.skipped import Skip
from tfds_reactionet.reading import (
    BadImageError,
    Pixels,
    box_transform,
    decode,
    encode,
    face_transform,
    full_transform,
    move,
    to_stored,
    warp,
)

BAD_IMAGE = "image does not decode"
BAD_DEPTH = "depth cannot be rendered"
BAD_THERMAL = "thermal image does not decode"
NO_FACE = "no face landmarks or box to cut the face out by"

# Frames a process turns into records at a time: few enough that all cores end together.
CHUNK_FRAMES = 128


@dataclass(frozen=True)
class Stored:
    """How images are stored."""

    size: int
    crop: str  # "face" or "full"
    margin: float
    image_format: str  # "jpeg" or "png"


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


def record_features(spec: Spec, image_format: str) -> Any:
    """TFDS features of a data set's records."""
    import tensorflow_datasets as tfds

    features: dict[str, Any] = {}
    for name in spec.images:
        features[name] = {"image": image_feature(name, image_format)}
    if spec.au_names:
        shape = (len(spec.au_names),)
        features["au"] = {
            "occurrence": tfds.features.Tensor(shape=shape, dtype=np.int8),
            "intensity": tfds.features.Tensor(shape=shape, dtype=np.float32),
        }
    if spec.landmarks:
        shape = (spec.landmarks, 2)
        features["landmarks"] = tfds.features.Tensor(shape=shape, dtype=np.float32)
    for name, (shape, dtype) in spec.extra.items():
        text = dtype is str
        features[name] = (
            tfds.features.Text() if text else tfds.features.Tensor(shape=shape, dtype=dtype)
        )
    return tfds.features.FeaturesDict(
        {
            **features,
            "expression": tfds.features.Scalar(dtype=np.int64),
            "task": tfds.features.Text(),
            "sequence": tfds.features.Text(),
            "subject": tfds.features.Text(),
            "frame": tfds.features.Scalar(dtype=np.int64),
            "label_source": tfds.features.ClassLabel(names=list(LABEL_SOURCES)),
        }
    )


def scan(reader: Reader, unit: Unit) -> tuple[int, Sequence[Skip]]:
    """Number of frames of a unit, and what yields none; no image is read."""
    frames, skipped = reader.frames(unit)
    return len(frames), skipped


def build(chunk: Chunk) -> Built:
    """Records of a chunk, in order; an image that does not decode becomes a skip."""
    cv2.setNumThreads(1)
    spec, unit = chunk.spec, chunk.unit
    built = Built(tally=Tally.of(len(spec.au_names), len(spec.expression_names)))
    frames = _frames(chunk)[chunk.start : chunk.stop]
    for key, frame in enumerate(frames, chunk.first_key):
        images = _images(frame, chunk.spec, chunk.stored)
        if isinstance(images, _Failure):
            skip_key = f"{unit.sequence}/{frame.number}"
            built.skips.append(Skip(skip_key, images.reason, images.file))
            continue
        record = {
            **images,
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


_last: dict[str, Sequence[Frame]] = {}  # the unit read last: its chunks often follow each other


def _frames(chunk: Chunk) -> Sequence[Frame]:
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
        labels[name] = content if dtype is str else np.asarray(content, dtype)
    return labels


@dataclass(frozen=True)
class _Failure:
    reason: str
    file: str


def _images(frame: Frame, spec: Spec, stored: Stored) -> dict[str, Any] | _Failure:
    """Encoded images and moved landmarks of a frame, or why there are none."""
    reason, file = BAD_IMAGE, frame.image.file
    result: dict[str, Any] = {}
    try:
        raw = frame.image.read()
        landmarks = None
        if stored.crop == "face" or spec.landmarks:
            landmarks = value(frame.landmarks)
        if stored.crop == "face":
            reason = NO_FACE
            if landmarks is not None:
                transform = face_transform(landmarks, stored.size, stored.margin)
            elif frame.box is not None:
                transform = box_transform(value(frame.box), stored.size, stored.margin)
            else:
                return _Failure(reason, file)
            reason = BAD_IMAGE
            image = decode(raw) if isinstance(raw, bytes) else raw
            shape = image.shape[:2]
            encoded = _encode(warp(image, transform, stored.size), stored)
        else:
            encoded, shape = _whole(raw, stored)
            transform = full_transform(*shape, stored.size)
        result["reaction"] = {"image": encoded}
        if spec.landmarks:
            unknown = np.full((spec.landmarks, 2), np.nan, np.float32)
            result["landmarks"] = unknown if landmarks is None else move(landmarks, transform)
        if "depth" in spec.images:
            if frame.depth is None:
                return _Failure(BAD_DEPTH, file)
            reason, file = BAD_DEPTH, frame.depth.file
            depth = frame.depth.render(shape, transform, stored.size)
            result["depth"] = {"image": _png(depth)}
        if "thermal" in spec.images:
            if frame.thermal is None:
                return _Failure(BAD_THERMAL, file)
            reason, file = BAD_THERMAL, frame.thermal.file
            result["thermal"] = {"image": _thermal(frame, frame.thermal, stored)}
    except BadImageError:
        return _Failure(reason, file)
    return result


def _thermal(frame: Frame, pixels: Pixels, stored: Stored) -> bytes:
    """Thermal cameras have their own geometry: cut out by their own box, or the whole image."""
    raw = pixels.read()
    if stored.crop == "face" and frame.thermal_box is not None:
        image = decode(raw) if isinstance(raw, bytes) else raw
        transform = box_transform(frame.thermal_box, stored.size, stored.margin)
        return _encode(warp(image, transform, stored.size), stored)
    return _whole(raw, stored)[0]


def _whole(raw: bytes | np.ndarray, stored: Stored) -> tuple[bytes, tuple[int, int]]:
    """A whole image at the stored size, and its original height and width."""
    if isinstance(raw, bytes) and stored.image_format == "jpeg":
        return to_stored(raw, stored.size)
    image = decode(raw) if isinstance(raw, bytes) else raw
    height, width = image.shape[:2]
    if (height, width) != (stored.size, stored.size):
        shrinks = height >= stored.size and width >= stored.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (stored.size, stored.size), interpolation=how)
    return _encode(image, stored), (height, width)


def _encode(image: np.ndarray, stored: Stored) -> bytes:
    if stored.image_format == "jpeg":
        return encode(image, stored.size)
    return _png(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
