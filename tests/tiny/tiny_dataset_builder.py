"""A small prepared data set with the record and metadata of ReactioNet, made without a raw tree."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import tensorflow_datasets as tfds

from tfds_reactionet.building.common import Tally, fingerprint
from tfds_reactionet.building.face_records import record_features
from tfds_reactionet.building.faces import Spec
from tfds_reactionet.reactionet import reactionet_dataset_builder as reactionet

SEQUENCE_RECORDS = 5
OPTIONS = reactionet.Builder.OPTIONS


class Builder(tfds.core.GeneratorBasedBuilder):
    """Three parts of smooth random images; `truncated` names a record whose R is cut in half.

    With `modalities` a record has depth and thermal images and landmarks, some of them unknown.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        records: tuple[int, ...] = (37, 30, 29),
        size: int = 48,
        truncated: tuple[str, int] | None = None,
        modalities: bool = False,
        **kwargs: Any,
    ):
        self._modalities = modalities  # before TFDS asks for the features
        super().__init__(file_format="array_record", **kwargs)
        self._records, self._size, self._truncated = records, size, truncated

    @property
    def _spec(self) -> Spec:
        return reactionet.Builder.spec("demo_multimodal" if self._modalities else "demo", OPTIONS)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=record_features(self._spec),
            supervised_keys=None,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, list]:
        tallies = {f"part{i + 1}": Tally.of(17, 7) for i in range(len(self._records))}
        parts = {part: list(self._generate_examples(part, tallies[part])) for part in tallies}
        self.info.metadata.update(
            au_names=list(self._spec.au_names),
            evaluated_aus=list(self._spec.evaluated_aus),
            expression_names=list(self._spec.expression_names),
            protocol=self._spec.protocol.to_json(),
            fingerprint=fingerprint(tallies),
            parts={part: tally.to_json() for part, tally in tallies.items()},
            size=self._size,
        )
        return parts

    def _generate_examples(self, part: str, tally: Tally) -> Iterator[tuple[int, dict]]:
        number = int(part[-1])
        rng = np.random.default_rng(number)
        for k in range(self._records[number - 1]):
            record = {
                "reaction": {"image": self._image(rng)},
                "stimulus": {"image": self._image(rng)},
                "caption": f"A man reads {part} number{k}.",
                "au": {
                    "occurrence": rng.integers(-1, 2, 17).astype(np.int8),
                    "intensity": np.full(17, np.nan, np.float32),
                },
                "expression": k % 7,
                "scene": 3,
                "sub_scene": "cartoon",
                "task": f"task{number}",
                "sequence": f"film/cartoon/task{number}/sequence{k // SEQUENCE_RECORDS}",
                "subject": f"subject{number}",
                "frame": k,
                "label_source": 0,
                "head_pose": np.zeros(6, np.float32),
                "gaze": np.zeros(8, np.float32),
                "landmarks": np.zeros((68, 2), np.float32),
            }
            if self._modalities:
                grey = simplejpeg.decode_jpeg(self._image(rng), "GRAY")
                record["depth"] = {"image": cv2.imencode(".png", grey)[1].tobytes()}
                grey = simplejpeg.decode_jpeg(self._image(rng), "GRAY")
                record["thermal"] = {"image": simplejpeg.encode_jpeg(grey, 95, "GRAY")}
                record["landmarks"] = rng.uniform(0, self._size, (68, 2)).astype(np.float32)
                if k % 3 == 0:
                    record["landmarks"][:] = np.nan
            if self._truncated == (part, k):
                encoded = record["reaction"]["image"]
                record["reaction"]["image"] = encoded[: len(encoded) // 2]
            tally.add_record(record)
            yield k, record

    def _image(self, rng: np.random.Generator) -> bytes:
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (self._size, self._size), interpolation=cv2.INTER_CUBIC)
        return simplejpeg.encode_jpeg(image, quality=95)


def write(data_dir: Path, **kwargs: Any) -> Path:
    """Builds the data set below `data_dir`; returns its directory."""
    builder = Builder(data_dir=data_dir, **kwargs)
    builder.download_and_prepare()
    return Path(builder.data_dir)
