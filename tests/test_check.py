"""What a run lacks is said before JAX starts, in one line: the real command without any backend."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import small_run

from drr_jax.facs.labels import REACTIONET_AUS_12

# Whatever asks for a device under this platform gets a RuntimeError instead of one.
COMMANDS = """
import json, sys
from drr_jax import main
from drr_jax.errors import InputError

def outcome(argument):
    try:
        main.run(main.parse(["main", f"--config={argument}", f"--workdir={sys.argv[1]}"]))
    except (InputError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps([outcome(argument) for argument in sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("check")


@pytest.fixture(scope="module")
def said(folder, rendered):
    """What the command says of each case, by its name."""
    data_dir = rendered

    def prior(name, names, values):
        rows = [["", *names], *([n, *map(str, row)] for n, row in zip(names, values, strict=True))]
        (folder / name).write_text("\n".join(map(",".join, rows)))
        return f"file:{folder / name}"

    skewed = np.eye(12)
    skewed[0, 1] = 1
    lying = folder / "lying.safetensors"
    lying.write_bytes((10**9).to_bytes(8, "little") + b"{}")
    extra = {"domains": "R", "model.encoders.R.weights": lying}
    scenes = {"scene.choice": "list", "scene.classes": 2, "scene.names": "sport/boxing+game/puzzle"}
    swapped = folder / "swapped"
    shutil.copytree(rendered / "reactionet", swapped / "reactionet")
    first, second = sorted(swapped.rglob("*part[12].array_record*"))
    first.rename(folder / "first")
    second.rename(first)
    (folder / "first").rename(second)
    cases = {
        "fold": {"fold": 3},
        "input": {"domains": "VD", "predict": "fuse"},
        "size": {"graph.prior": prior("three.csv", REACTIONET_AUS_12[:3], np.eye(3))},
        "skew": {"contrast.prior": prior("skew.csv", REACTIONET_AUS_12, skewed)},
        "scenes": {"variant": "demo,scene"},
        "listed": {"variant": "demo,scene", **scenes},
        "foreign": {"domains": "R", "model.encoders.S.weights": lying},
        "damaged": extra,
        "missing": extra | {"model.encoders.R.weights": folder / "nowhere"},
        "swapped": {"domains": "R", "data.data_dir": swapped},
        "sound": {"domains": "R"},
    }
    configs = [small_run.config(data_dir, **changes) for changes in cases.values()]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, str(folder / "run"), *configs],
        env=os.environ | {"JAX_PLATFORMS": "nothing"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(cases, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    ("case", "parts"),
    [
        ("fold", ("fold=3", "has folds 0 to 2")),
        ("input", ("domains=VD", "has no depth")),
        ("size", ("three.csv", "AU06")),
        ("skew", ("skew.csv", "AU01", "AU02")),
        ("scenes", ("scene.classes=24", "usable sub-scenes")),
        ("listed", ("scene.classes=2", "usable sub-scenes for scene.names=")),
        ("foreign", ("model.encoders.S.weights", "no encoder of S")),
        ("damaged", ("lying.safetensors", "header should have 1000000000 bytes")),
        ("swapped", ("record 0 of part2 is of ", "metadata.json says ", "--overwrite")),
        ("missing", ("model.encoders.R.weights", "no such file or folder")),
    ],
)
def test_wrong_input_is_one_line_before_any_device(said, case, parts):
    assert said[case].startswith("InputError: ") and "\n" not in said[case]
    assert all(part in said[case] for part in parts)


def test_only_a_sound_run_asks_for_a_device(said, folder):
    assert said["sound"].startswith("RuntimeError: ") and "nothing" in said["sound"]
    assert not (folder / "run").exists()
