"""Builds a set of faces from a raw tree in a test, and reads every record back."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds

from tfds_reactionet.build import prepare
from tfds_reactionet.building.common import images_of
from tfds_reactionet.building.summary import read_metadata


def build(name: str, raw: Path, data: Path, **options: Any) -> Path:
    """Prepares small images in this process; returns the prepared set's folder."""
    return prepare(name, data, raw, **{"size": 32, "jobs": 1, "progress": False, **options})


def read(prepared: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Records by (sequence, frame), with "part"; images stay encoded and texts are str."""
    builder: Any = tfds.builder_from_directory(str(prepared))
    found = {}
    for part in read_metadata(prepared)["parts"]:
        encoded = {"image": tfds.decode.SkipDecoding()}
        decoders = dict.fromkeys(images_of(builder.info.features.keys()), encoded)
        source = builder.as_data_source(part, decoders=decoders)
        for number in range(len(source)):
            record = {
                key: value.decode() if isinstance(value, bytes) else value
                for key, value in source[number].items()
            }
            key = (record["sequence"], int(record["frame"]))
            assert key not in found
            found[key] = {**record, "part": part, "record": number}
    return found


def pixels(encoded: bytes) -> np.ndarray:
    """RGB of an encoded image, or grey of a grey one."""
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., ::-1]


def letterboxed(image: np.ndarray, size: int = 32) -> np.ndarray:
    """An image in the middle of a black square that its longer side fills."""
    scale = size / max(image.shape[:2])
    height, width = (round(scale * side) for side in image.shape[:2])
    stored = np.zeros((size, size, 3), np.uint8)
    left, top = (size - width) // 2, (size - height) // 2
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    stored[top : top + height, left : left + width] = small
    return stored
