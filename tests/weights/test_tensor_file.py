"""safetensors files: against the library, and every way a header can lie."""

import json
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from drr_jax.errors import InputError
from drr_jax.weights import tensor_file

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header, data=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def opened(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return tensor_file.open_weights(path)


def refused(tmp_path, content):
    with pytest.raises(InputError) as error:
        opened(tmp_path, content)
    message = str(error.value)
    assert "\n" not in message and len(message) < 600 and "model.safetensors" in message
    return message


@pytest.mark.parametrize("length", [640, 1152, 19_280])  # the first two bytes of pickles and zips
def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path, length):
    header = json.dumps({"x": F32}).encode().ljust(length)
    assert opened(tmp_path, raw(header))["x"].shape == (2,)


def test_reads_what_the_library_writes(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "matrix": rng.standard_normal((3, 4)).astype(np.float32),
        "half": rng.standard_normal(5).astype(np.float16),
        "double": rng.standard_normal((2, 1, 2)),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
    }
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(arrays, path, {"format": "pt"})
    found = tensor_file.open_weights(tmp_path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        values = found[name].read()
        np.testing.assert_array_equal(values, array)
        assert values.dtype == array.dtype and values.shape == found[name].shape == array.shape
    tensor_file.write_file(path, arrays, {"format": "pt"})
    with safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_bfloat16_keeps_its_bits(tmp_path):
    tensor = torch.randn(4, 3).bfloat16()
    save_file({"x": tensor}, tmp_path / "model.safetensors")
    values = tensor_file.open_weights(tmp_path)["x"].read()
    assert values.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(values.astype(np.float32), tensor.float().numpy())


def test_writes_what_the_library_reads(tmp_path):
    arrays = {
        "b/a": np.arange(6, dtype=np.float32).reshape(2, 3).T,  # not contiguous
        "a": np.array([1, 2], np.int32),
        "scalar": np.float32(3) * np.ones(()),
    }
    path = tmp_path / "x.safetensors"
    tensor_file.write_file(path, arrays, {"who": "we"})
    with safe_open(path, "np") as file:
        assert file.metadata() == {"who": "we"}
        assert set(file.keys()) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(file.get_tensor(name), array)
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "should have 0 bytes"),
        (b"\x10\0\0", "not a safetensors file, or cut short"),
        (raw({"x": F32}, length=10**15), "should have 1000000000000000 bytes"),
        (raw({"x": F32}, length=2**64 - 1), "cut short"),
        (raw(b"{}" + b" " * (17 << 20)), "expected at most 16777216"),
        (raw(b"{]"), "header is damaged"),
        (raw(b"\xff\xfe{}"), "header is damaged"),
        (raw(b"[" * 200_000), "header is damaged"),
        (raw(b"[1, 2]"), "no JSON object"),
        (raw({"__metadata__": 3, "x": F32}), "no JSON object"),
        (raw({"__metadata__": {"a": 3}, "x": F32}), "no JSON object"),
        (
            raw(b'{"x": %b, "x": %b}' % ((json.dumps(F32).encode(),) * 2)),
            "'x' is there twice",
        ),
        (raw({"x": F32}, b"\0" * 7), "x ends at byte 8 of 7: the file was cut short"),
        (raw({"x": F32}, b"\0" * 9), "1 bytes follow"),
        (raw({"x": F32 | {"dtype": "F4"}}), "type F4, expected one of F64"),
        (raw({"x": F32 | {"dtype": ["F32"]}}), "expected one of F64"),
        (raw({"x": F32 | {"shape": [-2]}}), "shape [-2]"),
        (raw({"x": F32 | {"shape": [True, 2]}}), "shape [True, 2]"),
        (raw({"x": F32 | {"shape": [2.0]}}), "shape [2.0]"),
        (raw({"x": F32 | {"shape": [1] * 33 + [2]}}), "shape [1, 1"),
        (raw({"x": F32 | {"shape": [2**62, 2**62]}}), "x has 8 bytes, its shape and type need"),
        (raw({"x": F32 | {"data_offsets": [8, 0]}}), "data_offsets [8, 0]"),
        (raw({"x": F32 | {"data_offsets": [0, 8, 9]}}), "data_offsets"),
        (raw({"x": {"dtype": "F32", "shape": [2]}}), "expected dtype, shape and data_offsets"),
        (raw({"x": 3}), "expected dtype, shape and data_offsets"),
        (raw({"x": F32, "y": F32}), "overlaps the one before (byte 0, not 8)"),
        (
            raw({"x": F32, "y": F32 | {"data_offsets": [4, 12]}}, b"\0" * 12),
            "y overlaps the one before",
        ),
        (
            raw({"x": F32, "y": F32 | {"data_offsets": [12, 20]}}, b"\0" * 20),
            "y leaves a gap before it",
        ),
        (raw({"a\nb": F32 | {"shape": [3]}}), "'a\\nb' has 8 bytes"),
        (raw({"n" * 10_000: F32 | {"shape": [3]}}), "nnn... has 8 bytes"),
        (b"PK\x03\x04" + b"\0" * 40, "a pickle of PyTorch, which is never opened"),
    ],
)
def test_hostile_headers_are_refused_in_one_line(tmp_path, content, said):
    assert said in refused(tmp_path, content)


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"model\.safetensors: no such file"):
        tensor_file.open_weights(tmp_path)
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(InputError, match=r"model\.safetensors: not a file"):
        tensor_file.open_weights(tmp_path)


def test_a_file_cut_short_after_it_was_opened(tmp_path):
    tensors = opened(tmp_path, raw({"x": F32}))
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="x ends after 5 of 8 bytes"):
        tensors["x"].read()


def sharded(folder, index):
    for number in (1, 2):
        arrays = {f"x{number}": np.full(3, number, np.float32)}
        safetensors.numpy.save_file(arrays, folder / f"model-{number}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return tensor_file.open_weights(folder)


def test_shards_are_read_as_one(tmp_path):
    index = {"weight_map": {"x1": "model-1.safetensors", "x2": "model-2.safetensors"}}
    tensors = sharded(tmp_path, index)
    assert [tensors[name].read()[0] for name in ("x1", "x2")] == [1, 2]


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"x1": "model-1.safetensors", "x3": "model-2.safetensors"}}, "x2 is in"),
        ({"weight_map": {"x1": "../model-1.safetensors"}}, "not a file beside it"),
        ({"weight_map": {"x1": "model-9.safetensors"}}, "model-9.safetensors: no such file"),
        ({"weight_map": ["x1"]}, "not an index of shards"),
        ({}, "not an index of shards"),
    ],
)
def test_an_index_that_lies_is_refused(tmp_path, index, said):
    with pytest.raises(InputError) as error:
        sharded(tmp_path, index)
    assert said in str(error.value) and "\n" not in str(error.value)


integers = st.one_of(st.integers(-2, 40), st.sampled_from([2**31, 2**63, 2**64, True, 1.5, None]))
entries = st.one_of(
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "U8", "BOOL", "X", 3]),
            "shape": st.lists(integers, max_size=3),
            "data_offsets": st.lists(integers, min_size=1, max_size=3),
        }
    ),
    st.sampled_from([None, [], 0, "F32", {"dtype": "F32"}]),
)
headers = st.dictionaries(st.sampled_from(["a", "b", "c", "", "__metadata__", "\n"]), entries)


@settings(max_examples=300, deadline=None)
@given(header=headers, size=st.integers(0, 60))
def test_any_header_is_read_as_the_library_reads_it_or_refused(tmp_path_factory, header, size):
    """What we accept, the library accepts with the same tensors."""
    folder = tmp_path_factory.getbasetemp()
    content = raw(header, bytes(range(size)))
    try:
        tensors = opened(folder, content)
    except InputError as error:
        assert "\n" not in str(error)
        return
    for name, tensor in tensors.items():
        if tensor.dtype == ml_dtypes.bfloat16:
            continue  # the library's NumPy side has none
        with safe_open(folder / "model.safetensors", "np") as file:
            theirs = file.get_tensor(name)
        assert theirs.tobytes() == tensor.read().tobytes() and theirs.shape == tensor.shape


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_to_a_good_file_is_never_another_exception(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    good = raw({"x": F32, "y": F32 | {"data_offsets": [8, 16]}}, b"\0" * 16)
    end = data.draw(st.integers(0, len(good)))
    content = bytearray(good[:end])
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        tensors = opened(folder, bytes(content))
    except InputError as error:
        assert "\n" not in str(error)
        return
    with safe_open(folder / "model.safetensors", "np") as file:
        assert set(file.keys()) == set(tensors)


def test_the_library_refuses_hostile_headers_too(tmp_path):
    """Keeps the reference honest: overlap and gaps are wrong for it as well."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(raw({"x": F32, "y": F32}))
    with pytest.raises(SafetensorError):
        safe_open(path, "np").__enter__()


def test_a_shard_of_a_name_that_no_file_has_is_refused(tmp_path):
    for shard in ("x" * 300, "../model.safetensors", ""):
        index = {"weight_map": {"a": shard}}
        (tmp_path / tensor_file.INDEX).write_text(json.dumps(index))
        with pytest.raises(InputError, match="is not a file beside it"):
            tensor_file.open_weights(tmp_path)
