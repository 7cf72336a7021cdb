"""Random access to the decoded records of a prepared data set."""

import bisect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import tensorflow_datasets as tfds
from jaxtyping import Float32, Int, Int8, UInt8
from tensorflow_datasets.proto import tf_example_pb2

from drr_jax.data import landmarks
from drr_jax.data.prepared import (
    REBUILD,
    TUPLE,
    Prepared,
    open_dataset,
    reason,
    sub_scene_of,
    unreadable,
)
from drr_jax.data.shapes import label_type
from drr_jax.data.windows import Sequences
from drr_jax.errors import InputError
from drr_jax.facs import IMAGES, REACTIONET_AUS_12, SOFTMAX_TASKS, SPECTROGRAM

JPEG_MAGIC = b"\xff\xd8"
PROTO: Any = tf_example_pb2  # its classes are made at import, where type checkers see none


class Source:
    """Random access to the decoded records of some parts, one after the other.

    `source[i]` is {"reaction", "stimulus", "depth", "thermal": uint8[S,S,3], "caption": str,
    "audio": uint8[96,64], "landmarks": float32[68,2], "labels": int8[N], "index": int32, "frame":
    int32}, with S = image_size and N classes; but for the last three only what is among `inputs`
    and what the set has. A grey image (depth, most thermal ones) has three equal channels. Audio is
    the spectrogram of the sound until the frame, 0 where there is none. `frame` is the number in
    the sequence. Landmarks are x, y in pixels of the scaled reaction image (centres are whole
    numbers) in the 68-point scheme, NaN where unknown. Labels are 1, 0 or -1 (unknown); of an
    expression or a sub-scene, 1 for one class, or -1 for all if it is none of `names`. Intensities
    are float32[N], 0 to 5 or -1 (unknown). With `rows` it holds only those of the parts' records;
    `index` is still the number among all of them. With a `lag` stimulus and caption, which tells of
    it, are those of so many frames before; the sound reaches back by itself. It pickles. Raises
    InputError for an unknown class or part, for landmarks in a set that does not say its images'
    size, and, on access, for a record that cannot be read.
    """

    def __init__(
        self,
        prepared: Prepared,
        parts: Sequence[str],
        image_size: int,
        names: Sequence[str] = REACTIONET_AUS_12,
        task: str = "au",
        inputs: Sequence[str] = TUPLE,
        rows: Int[np.ndarray, " records"] | None = None,
        lag: int = 0,
    ):
        known = prepared.classes(task) if task in SOFTMAX_TASKS else prepared.au_names
        if missing := [name for name in names if name not in known]:
            raise InputError(
                f"data set {prepared.name} has no {', '.join(missing)}; it has {', '.join(known)}"
            )
        if unknown := [part for part in parts if part not in prepared.parts]:
            raise InputError(
                f"data set {prepared.name} has no part {', '.join(unknown)}; it has "
                f"{', '.join(prepared.parts)}"
            )
        self._parts = tuple(parts)
        self._starts = [0, *accumulate(prepared.records([part]) for part in parts)]
        self._known = {name: number for number, name in enumerate(known)}
        self._columns = np.array([self._known[name] for name in names])
        self.name, self.image_size, self.classes = prepared.name, image_size, len(names)
        self._names, self._task, self._rows = tuple(names), task, rows
        self._prepared, self._lag = prepared, lag
        self.sequences = Sequences(prepared, self._parts)
        self.inputs = tuple(name for name in prepared.inputs if name in inputs)
        self.domains = tuple(domain for domain in IMAGES if domain in self.inputs)
        self.has_captions = "caption" in self.inputs
        self.has_sound = "audio" in self.inputs
        self.has_landmarks = "landmarks" in self.inputs
        if self.has_landmarks and "size" not in prepared.metadata:
            raise InputError(
                f"prepared data set {prepared.directory}: metadata.json lacks size, the side "
                f"of the images that landmarks lie in; {REBUILD}"
            )
        try:
            raw = {"deserialize_method": tfds.decode.DeserializeMethod.RAW_BYTES}
            self._readers = [prepared.builder.as_data_source(part, **raw) for part in parts]
        except Exception as error:  # array_record has no error type of its own
            raise InputError(unreadable(prepared.directory, error)) from None

    def __reduce__(self):
        """A worker process opens the data set itself."""
        said = (self.image_size, self._names, self._task, self.inputs, self._rows, self._lag)
        return _reopen, (self._prepared.directory, self._parts, *said)

    def __len__(self) -> int:
        return self._starts[-1] if self._rows is None else len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record, shape = self.read(index), (self.image_size, self.image_size, 3)
        images = {domain: np.empty(shape, np.uint8) for domain in self.domains}
        for domain, image in images.items():
            self.decode_into(record, domain, image)
        return {**record, **images}

    def _number(self, index: int) -> int:
        """The number of a record among all those of the parts."""
        return index if self._rows is None else int(self._rows[index])

    @property
    def sequence_of(self) -> Int[np.ndarray, " records"]:
        """A number for each record, the same for those of one sequence."""
        every = np.arange(len(self)) if self._rows is None else self._rows
        return self.sequences.of(every)

    def _stored(self, number: int) -> Any:
        """The features of a record by its number among all those of the parts."""
        part = bisect.bisect_right(self._starts, number) - 1
        return _fields(self._readers[part][number - self._starts[part]])

    def _frame(self, number: int) -> int:
        return self._stored(number)["frame"].int64_list.value[0]

    def read(self, index: int) -> dict[str, Any]:
        """A record with its images still encoded, as bytes."""
        number = self._number(index)
        try:
            fields = shown = self._stored(number)
            if self._lag:
                shown = self._stored(self.sequences.earlier(number, self._lag, self._frame))
            record: dict[str, Any] = {
                domain: (shown if domain == "stimulus" else fields)[
                    f"{domain}/image"
                ].bytes_list.value[0]
                for domain in self.domains
            }
            if self.has_captions:
                record["caption"] = shown["caption"].bytes_list.value[0].decode("utf-8")
            if self.has_sound:
                levels = np.frombuffer(fields["audio"].bytes_list.value[0], np.uint8)
                record["audio"] = levels.reshape(SPECTROGRAM)
            if self.has_landmarks:
                record["landmarks"] = self._landmarks(fields["landmarks"].float_list.value)
            labels = self._labels(fields)
        except InputError:
            raise
        except Exception as error:  # array_record and protobuf have their own
            raise InputError(self._describe(number, "", error)) from None
        frame = np.int32(fields["frame"].int64_list.value[0])
        return {**record, "labels": labels, "index": np.int32(number), "frame": frame}

    def read_stimulus(self, number: int) -> dict[str, Any]:
        """Stimulus, still encoded, number and frame of a record; `number` is the one among all
        records of the parts."""
        try:
            fields = self._stored(number)
            stimulus = fields["stimulus/image"].bytes_list.value[0]
            frame = np.int32(fields["frame"].int64_list.value[0])
        except Exception as error:  # as above
            raise InputError(self._describe(number, "", error)) from None
        return {"stimulus": stimulus, "index": np.int32(number), "frame": frame}

    @property
    def label_type(self) -> np.dtype:
        """Of labels: int8, or float32 of intensities."""
        return label_type(self._task)

    def _labels(self, fields: Any) -> Int8[np.ndarray, "classes"] | Float32[np.ndarray, "classes"]:
        if self._task == "intensity":
            stored = np.array(fields["au/intensity"].float_list.value, np.float32)[self._columns]
            return np.where(np.isnan(stored), np.float32(-1), stored)
        if self._task == "au":
            return np.array(fields["au/occurrence"].int64_list.value, np.int8)[self._columns]
        if self._task == "expression":
            truth = fields["expression"].int64_list.value[0]
        else:
            shown = sub_scene_of(fields["sequence"].bytes_list.value[0].decode("utf-8"))
            truth = self._known.get(shown, -1)
        if truth not in self._columns:  # unknown, or a class that is left out
            return np.full(len(self._columns), -1, np.int8)
        return (self._columns == truth).astype(np.int8)

    def _landmarks(self, stored: Sequence[float]) -> Float32[np.ndarray, "68 2"]:
        points = landmarks.to_68(np.array(stored, np.float32).reshape(-1, 2))
        scale = self.image_size / self._prepared.metadata["size"]
        return ((points.astype(np.float64) + 0.5) * scale - 0.5).astype(np.float32)

    def identity(self, index: int) -> tuple[str, int]:
        """("scene/sub_scene/task/sequence", frame number) of a record."""
        fields = self._stored(self._number(index))
        sequence = fields["sequence"].bytes_list.value[0].decode("utf-8")
        return sequence, fields["frame"].int64_list.value[0]

    def decode_into(
        self, record: dict[str, Any], domain: str, out: UInt8[np.ndarray, "size size 3"]
    ) -> None:
        """Writes a domain's image of a record that `read` gave to `out`, scaled to its size."""
        encoded, size = record[domain], len(out)
        try:
            is_jpeg = encoded.startswith(JPEG_MAGIC)
            if is_jpeg and simplejpeg.decode_jpeg_header(encoded)[:2] == (size, size):
                simplejpeg.decode_jpeg(encoded, "RGB", buffer=out)
            else:
                out[:] = resize(decode(encoded), size)
        except Exception as error:  # each codec has its own
            raise InputError(self._describe(int(record["index"]), f"{domain} ", error)) from None

    def _describe(self, index: int, what: str, error: Exception) -> str:
        which = bisect.bisect_right(self._starts, index) - 1
        part, record = self._parts[which], index - self._starts[which]
        sequence = self._prepared.sequence(part, record)
        return (
            f"prepared data set {self._prepared.directory}: {what}record {record} of {part} "
            f"(sequence {sequence}) does not decode ({reason(error)}); {REBUILD}"
        )


def _reopen(directory: Path, *arguments: Any) -> Source:
    return Source(open_dataset(directory), *arguments)


def _fields(serialized: bytes) -> Any:
    """The features of a record by their flat names, as TFDS stores them.

    Read here and not by TFDS, whose general parser costs as much as decoding half an image, and
    whose partial one needs TensorFlow.
    """
    return PROTO.Example.FromString(serialized).features.feature


def decode(encoded: bytes) -> UInt8[np.ndarray, "height width 3"]:
    """RGB image from JPEG (simplejpeg: PIL's pixels, twice as fast) or another format (OpenCV).

    Raises ValueError for bytes that are no image, or half of one.
    """
    if encoded.startswith(JPEG_MAGIC):
        return simplejpeg.decode_jpeg(encoded, "RGB")
    buffer = np.frombuffer(encoded, np.uint8)
    image = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if buffer.size else None
    if image is None:
        raise ValueError("neither JPEG nor another known image format")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def resize(
    image: UInt8[np.ndarray, "height width 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Scales to size x size pixels: by area when the image shrinks, bilinearly when it grows."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    shrinks = height * width > size * size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=interpolation)
