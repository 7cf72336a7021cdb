"""Exports and runs that were damaged or changed: refused by name, by whoever reads them."""

import json
import shutil

import pytest
from exported_run import config_of, fill, write_run

from drr_jax import files
from drr_jax.errors import InputError
from drr_jax.runs import record
from drr_jax.weights import export, tensor_file
from drr_jax.weights import sources as weight_sources


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run", config_of())


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    export.export_run(run, out)
    return out


def test_damaged_exports_are_refused(exported, tmp_path):
    def edited(name, edit):
        copy = tmp_path / name
        shutil.copytree(exported, copy)
        edit(copy)
        with pytest.raises(InputError) as error:
            export.load_folder(copy)
        assert "\n" not in str(error.value)
        return str(error.value)

    def shorten(copy):
        path = copy / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-4])

    def reshape(copy):
        described = json.loads((copy / "config.json").read_text())
        described["arrays"]["params/head_R/kernel"]["shape"] = [3]
        del described[files.SEAL]  # as in exports of before
        (copy / "config.json").write_text(json.dumps(described))

    assert "cut short" in edited("short", shorten)
    assert "params/head_R/kernel is {'shape': [3]" in edited("other", reshape)
    assert "No such file" in edited("none", lambda copy: (copy / "config.json").unlink())
    assert "not that of" in edited("list", lambda copy: (copy / "config.json").write_text("[]"))
    message = edited("pieces", lambda copy: (copy / "tokenizer.json").unlink())
    assert "tokenizer.json: no such file" in message


def changed_weight(folder):
    tensor = tensor_file.open_weights(folder)["params/encoder_R/conv1/kernel"]
    content = bytearray(tensor.file.read_bytes())
    content[tensor.offset] ^= 1
    tensor.file.write_bytes(content)


def swapped_arrays(folder):
    arrays = {name: one.read() for name, one in tensor_file.open_weights(folder).items()}
    first, second = (f"params/encoder_R/layer1_{block}/bn1/scale" for block in (0, 1))
    arrays[first], arrays[second] = arrays[second], arrays[first]
    metadata = {"format": weight_sources.EXPORT}
    tensor_file.write_file(folder / tensor_file.FILE, arrays, metadata)


def replaced(name, old, new):
    def edit(folder):
        text = (folder / name).read_text()
        assert text.count(old)
        (folder / name).write_text(text.replace(old, new))

    return edit


@pytest.mark.parametrize(
    ("edit", "domain", "said"),
    [
        (changed_weight, "R", "params/encoder_R/conv1/kernel is not what was exported"),
        (swapped_arrays, "R", "bn1/scale is not what was exported"),
        (
            replaced("config.json", '"stem": "imagenet"', '"stem": "small"'),
            "R",
            "its digest is not",
        ),
        (replaced("config.json", '"step": 7', '"step": 3'), "R", "its digest is not"),
        (replaced("tokenizer.json", "person", "parson"), "T", "it is not what was written"),
    ],
)
def test_a_changed_export_is_named_by_whoever_reads_it(exported, tmp_path, edit, domain, said):
    copy = shutil.copytree(exported, tmp_path / "copy")
    edit(copy)
    config = config_of(**{f"model.encoders.{domain}.weights": copy})
    for read in (
        export.load_folder,
        lambda _: (weight_sources.text_of(config), fill(config, domain)),
    ):
        with pytest.raises(InputError) as error:
            read(copy)
        assert said in str(error.value) and str(copy) in str(error.value)


def test_word_pieces_that_were_changed_are_not_exported(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    about = record.read_file(copy, "run.json")
    about[weight_sources.TOKENIZER_DIGEST] = files.digest(copy / "tokenizer.json")
    record.write_file(copy, "run.json", about)
    export.export_run(copy, tmp_path / "whole")
    replaced("tokenizer.json", "person", "parson")(copy)
    with pytest.raises(InputError, match=r"tokenizer\.json: it is not what was written"):
        export.export_run(copy, tmp_path / "out")


def flip(folder):
    for path in (folder / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 2000:
            content = bytearray(path.read_bytes())
            for place in range(100, len(content), 200):
                content[place] ^= 0xFF
            path.write_bytes(bytes(content))


def test_damaged_checkpoints_are_passed_over(run, tmp_path):
    """The newest whole one is exported, and nothing if there is none."""
    shutil.copytree(run, tmp_path / "run")
    flip(tmp_path / "run" / "checkpoints" / "7")
    assert "step 3 (last)" in export.export_run(tmp_path / "run", tmp_path / "out")
    flip(tmp_path / "run" / "checkpoints" / "3")
    with pytest.raises(InputError, match="none of its checkpoints can be used"):
        export.export_run(tmp_path / "run", tmp_path / "out2")
