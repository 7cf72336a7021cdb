"""Runs, checkpoints and exports made before the wings: they open, go on and export as they did.

tests/fixtures/runs_of_6b4cd40.tar.xz was made by commit 6b4cd40; its README.txt says how.
"""

import json
import tarfile
from pathlib import Path

import jax
import numpy as np
import pytest
import raw_reactionet
import safetensors.numpy
import small_run

from drr_jax import main, runs
from drr_jax.weights import export
from tfds_reactionet import build
from tfds_reactionet.bp4d import DATA_SET

ARCHIVE = Path(__file__).parent / "fixtures" / "runs_of_6b4cd40.tar.xz"
TINY = {
    "data.image_size": 32,
    "data.batch_size": 8,
    "encoder.backbone": "vit_s16",
    "encoder.depth": 1,
    "encoder.width": 2,
    "text.width": 8,
    "text.layers": 1,
    "text.heads": 2,
    "text.vocabulary": 128,
    "head.embedding": 8,
    "head.projection": 8,
    "graph.width": 8,
    "contrast.group_size": 8,
    # What was the default then.
    "loss.lambda_graph": 1,
    "head.norm": "layer",
    "head.plain": "off",
    "optim.max_steps": 6,
    "optim.warmup_steps": 0,
    "log.samples": 6,
    "log.every_steps": 1,
    "log.checkpoint_every_steps": 2,
    "log.keep_checkpoints": 1,
}
EVERY = {"bp4d": 0.67, "reactionet": 2}  # log.eval_every_epochs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What was made before, and the data: ReactioNet's of the same images, BP4D's as it was.

    BP4D's is given the number of today's version, which is another only for images that were not
    square.
    """
    folder = tmp_path_factory.mktemp("made")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    prepared = folder / "data" / "bp4d" / "rgb" / "1.0.0"
    prepared = prepared.rename(prepared.with_name(DATA_SET.version))
    info = prepared / "dataset_info.json"
    info.write_text(info.read_text().replace('"1.0.0"', f'"{DATA_SET.version}"'))
    raw_reactionet.write_raw(folder / "raw", frames=4, sequences=2)
    build.prepare(
        "reactionet/full", folder / "data", folder / "raw", size=32, jobs=1, progress=False
    )
    return folder


def command(made, name, workdir, *arguments):
    keys = TINY | {"log.eval_every_epochs": EVERY[name], "data.data_dir": made / "data"}
    config = f"--config={small_run.LAUNCH}/{name}.py:" + ",".join(
        f"{k}={v}" for k, v in keys.items()
    )
    return main.parse(["main", config, f"--workdir={workdir}", *arguments])


def logged(run):
    """Loss terms and scores by step, without the times."""
    timed = ("steps_per_second",)
    return [{k: v for k, v in row.items() if k not in timed} for row in runs.read_metrics(run)]


@pytest.mark.parametrize("name", ["bp4d", "reactionet"])
def test_a_run_of_before_goes_on_and_loses_as_if_never_stopped(made, name):
    run, whole = made / name / "stopped", made / name / "whole"
    before = len(logged(run))
    # Prepared records have another version since.
    assert main.run(command(made, name, run, "--allow_config_change")) == 0
    found, expected = logged(run), logged(whole)
    assert [row["step"] for row in found] == [row["step"] for row in expected]
    assert len(found) > before
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        # Made on another machine, whose sums may round otherwise.
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=2e-3)
    result, before = (json.loads((at / "results.json").read_text()) for at in (run, whole))
    assert before.keys() <= result.keys() and result["step"] == 6
    assert result["people"]["groups"].keys() == ({"age", "race"} if name == "reactionet" else set())
    assert result["f1_mean"] == pytest.approx(before["f1_mean"], abs=0.02)


@pytest.mark.parametrize("name", ["bp4d", "reactionet"])
def test_an_export_of_before_is_read(made, name):
    folder = made / name / "export"
    stored = safetensors.numpy.load_file(folder / "model.safetensors")
    exported = export.load_folder(folder)
    leaves = jax.tree_util.tree_leaves_with_path(exported.variables)
    read = {"/".join(str(key.key) for key in path): leaf for path, leaf in leaves}
    assert read.keys() == stored.keys()
    for key, value in stored.items():
        np.testing.assert_array_equal(read[key], value)
    assert exported.described["step"] == 6
    assert (exported.tokenizer is not None) == (name == "reactionet")


def test_a_run_starts_from_an_export_of_before(made, tmp_path):
    start = f"--config.model.encoders.R.weights={made / 'bp4d' / 'export'}"
    assert main.run(command(made, "bp4d", tmp_path / "run", "--mode=train", start)) == 0
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    assert "export" in described["weights"]["R"]
