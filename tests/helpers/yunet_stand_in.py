"""An ONNX file with YuNet's inputs and outputs that takes red squares of 32 pixels for faces.

YuNet's weights are in no package. This network goes through the same OpenCV code: at strides 8, 16
and 32 it says for every cell how sure it is (cls, obj), a box and five points in cells. It is as
sure as the cell of stride 32 is red, and of no other; box and points are constant.
Written by hand, for the `onnx` package is no dependency: fields as in onnx.proto3.
"""

from pathlib import Path

import numpy as np

STRIDES = (8, 16, 32)
POINTS = (0.3, 0.25, 0.7, 0.375, 0.5, 0.5, 0.25, 0.75, 0.75, 0.875)  # x, y in cells of 32 pixels
OUTPUTS = {"cls": (0.0,), "obj": (1.0,), "bbox": (0.5, 0.5, 0.0, 0.0), "kps": POINTS}
_FLOAT, _INT64, _INTS = 1, 7, 7


def write(path: Path) -> Path:
    """Writes the model."""
    nodes, tensors, outputs = [], [], []
    for kind, values in OUTPUTS.items():
        for stride in STRIDES:
            name, channels = f"{kind}_{stride}", len(values)
            red = kind == "cls" and stride == 32
            side = stride if red else 1
            weight = np.zeros((channels, 3, side, side), np.float32)
            if red:
                weight[:, 2] = 1 / (255 * side * side)  # the channels are B, G, R
            tensors += [
                _tensor(f"{name}_w", weight),
                _tensor(f"{name}_b", np.array(values, np.float32)),
                _tensor(f"{name}_s", np.array([1, -1, channels], np.int64)),
            ]
            inputs, conv = ["input", f"{name}_w", f"{name}_b"], {"strides": [stride, stride]}
            conv["kernel_shape"] = [side, side]
            nodes += [
                _node("Conv", inputs, f"{name}_c", conv),
                _node("Transpose", [f"{name}_c"], f"{name}_t", {"perm": [0, 2, 3, 1]}),
                _node("Reshape", [f"{name}_t", f"{name}_s"], name, {}),
            ]
            outputs.append(_value(name, [1, f"n{stride}", channels]))
    graph = b"".join(
        _field(number, one)
        for number, many in (
            (1, nodes),
            (2, [b"stand-in"]),
            (5, tensors),
            (11, [_value("input", [1, 3, "height", "width"])]),
            (12, outputs),
        )
        for one in many
    )
    opset = _field(1, b"") + _field(2, 12)
    path.write_bytes(_field(1, 7) + _field(7, graph) + _field(8, opset))
    return path


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protobuf message: a number, or bytes with their length before them."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _node(kind: str, inputs: list[str], output: str, numbers: dict[str, list[int]]) -> bytes:
    attributes = [
        _field(1, name.encode()) + b"".join(_field(8, k) for k in values) + _field(20, _INTS)
        for name, values in numbers.items()
    ]
    names = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    kinds = _field(3, output.encode()) + _field(4, kind.encode())
    return names + kinds + b"".join(_field(5, one) for one in attributes)


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = _INT64 if array.dtype == np.int64 else _FLOAT
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, kind) + _field(8, name.encode()) + _field(9, array.tobytes())


def _value(name: str, shape: list[int | str]) -> bytes:
    dims = [_field(1, k) if isinstance(k, int) else _field(2, k.encode()) for k in shape]
    shaped = b"".join(_field(1, one) for one in dims)
    tensor = _field(1, _FLOAT) + _field(2, shaped)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))
