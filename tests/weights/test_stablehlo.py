"""model.stablehlo: every system's, the same numbers without this package, any number of rows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.export
import numpy as np
import pytest
import small_export
import small_system

import drr_jax
from drr_jax import config_rules, facs
from drr_jax.data import tokenizer
from drr_jax.errors import InputError
from drr_jax.models import SYSTEMS
from drr_jax.predict.cut import Crop
from drr_jax.predict.faces import Found
from drr_jax.weights import rebuild, stablehlo

EXAMPLE = Path(__file__).parents[2] / "docs" / "run_stablehlo.py"
RESNET = {"encoder.backbone": "resnet18", "encoder.depth": 0}
# What stands for a system whose first domains would not do.
DOMAINS = {"drr": "RST", "classifier": "R", "gcn": "R"}


def example(folder: Path, *arrays: np.ndarray, code: int = 0) -> str:
    """What the example says of some arrays, where this package cannot be imported."""
    names = [str(folder.parent / f"input{number}.npy") for number in range(len(arrays))]
    for name, array in zip(names, arrays, strict=True):
        np.save(name, array)
    refused = ["drr_jax", "tfds_reactionet", "flax", "huggingface_hub", "tokenizers", "cv2"]
    script = "import runpy, sys\n"
    script += f"sys.modules.update(dict.fromkeys({refused}))\n"  # None: not to be imported
    script += f"sys.argv = {[str(EXAMPLE), str(folder), *names]}\n"
    script += f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_the_documented_square_is_the_input_of_a_model_of_whole_images():
    page = (EXAMPLE.parent / "weights.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall("```python\n(.*?)```", page, re.S) if "INTER" in block)
    rng = np.random.default_rng(0)
    shapes = [(90, 120), (300, 200), (20, 30), (64, 64)]
    images = [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    crop = {"kind": "full", "version": 1, "fit": "letterbox", "size": 64}
    given = {"images": images, "described": {"crop": crop, "config": {"data": {"image_size": 32}}}}
    exec(code, given)
    expected = [Crop.of(crop, 32, "here").cut(image, Found()) for image in images]
    np.testing.assert_array_equal(given["faces"], np.stack(expected))


@pytest.mark.parametrize(
    ("name", "domains", "changes"),
    [
        ("drr", "RST", {"predict": "fuse"}),  # three inputs
        ("classifier", "R", RESNET),
    ],
)
def test_the_example_gives_the_same_numbers_without_this_package(tmp_path, name, domains, changes):
    folder = small_export.write(tmp_path / "model", name, domains, **changes)
    said = stablehlo.write_stablehlo(folder)
    assert said.startswith(f"{folder / 'model.stablehlo'}: ")
    model = drr_jax.load(folder)
    batch = small_export.batch_of(model, 5)
    expected = model.probabilities(batch)
    assert expected.std() > 1e-3
    printed = example(folder, *batch.values())
    assert printed.splitlines()[0] == ",".join(model.names)  # a header that any reader takes
    found = np.loadtxt(printed.splitlines(), delimiter=",", ndmin=2, skiprows=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    if name == "classifier":
        (faces,) = batch.values()
        for wrong in ([faces[:, :-1]], [faces, faces]):
            said = example(folder, *wrong, code=1)
            assert "expected" in said and said.count("\n") == 1
    program = jax.export.deserialize(bytearray((folder / "model.stablehlo").read_bytes()))
    assert program.platforms == ("cpu", "cuda", "tpu")


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_is_lowered_for_every_platform(name):
    """Shapes alone: nothing is compiled."""
    works_on = config_rules.SYSTEM_DOMAINS.get(name, ("RST",))
    domains = next(d for d in works_on if d == DOMAINS.get(name, d) and d[0] in "RV")
    config = small_system.config(name, domains, **dict(config_rules.SYSTEM_NEEDS.get(name, {})))
    names = facs.REACTIONET_AUS_12
    described = {"classes": names, "class_prior": facs.au_prior(names).tolist()}
    system = rebuild.build(described, config, tokenizer.tokenizer_of(small_export.WORDS))
    every = (*facs.IMAGES, "caption", "landmarks")
    key, one = jax.random.key(0), rebuild.example_batch(config, every, 1)
    variables = jax.eval_shape(system.init, key, one)
    program = stablehlo.lower(system, rebuild.flatten(variables), tuple(system.test_inputs))
    assert program.platforms == stablehlo.PLATFORMS
    (out,) = program.out_avals
    assert str(out.shape[0]) == "batch" and out.shape[1:] == (len(names),)
    assert out.dtype == np.float32


def test_the_command_adds_it_and_says_what_is_wrong(tmp_path):
    def command(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drr_jax.weights", "stablehlo", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )

    folder = small_export.write(tmp_path / "model", "classifier", "R")
    done = command(folder)
    assert done.returncode == 0 and "inputs reaction" in done.stdout, done.stderr
    done = command(tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_it_says_nothing_of_the_machine_that_made_it(tmp_path):
    folder = small_export.write(tmp_path / "model", "classifier", "R")
    content = []
    for _ in range(2):
        stablehlo.write_stablehlo(folder)
        content.append((folder / "model.stablehlo").read_bytes())
    assert content[0] == content[1] and b".py" not in content[0]
    assert str(Path.cwd()).encode() not in content[0]


def test_a_folder_that_is_damaged_is_not_lowered(tmp_path):
    folder = small_export.write(tmp_path / "model", "classifier", "R")
    described = json.loads((folder / "config.json").read_text())
    described["config"]["encoder"]["width"] = 8
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="and the system of its config has"):
        stablehlo.write_stablehlo(folder)
    assert not (folder / "model.stablehlo").exists()
