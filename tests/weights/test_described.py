"""config.json and the card of an exported folder: all that is needed, and what is damaged named."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_export
from huggingface_hub import ModelCard

import drr_jax
from drr_jax import metrics
from drr_jax.errors import InputError
from drr_jax.facs import REACTIONET_AUS_12 as AUS
from drr_jax.weights import card

AGAIN = "copy it or export the run again"


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    return small_export.write(tmp_path_factory.mktemp("export") / "model", "classifier", "R")


def changed(exported: Path, folder: Path, path: str, value: object) -> Path:
    """A copy whose config.json says something else at keys a.b.c; "gone" takes the key out."""
    folder.mkdir()
    for file in exported.iterdir():
        (folder / file.name).symlink_to(file)
    described = json.loads((folder / "config.json").read_text())
    place, keys = described, path.split(".")
    for key in keys[:-1]:
        place = place[key]
    if value == "gone":
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(described))
    return folder


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format_version", 3, "reads formats up to 2; install a newer one: pip install"),
        ("format_version", "new", "its format_version is 'new', expected a number"),
        ("format_version", True, "its format_version is True, expected a number"),
        ("format", "another", "its format is not 'drr_jax export'"),
        ("classes", "gone", f"classes is missing; the file is damaged, {AGAIN}"),
        ("classes", ["AU01"] * 12, "expected different names"),
        ("classes", ["AU01", 2], "expected different names"),
        ("thresholds", {"AU01": 0.5}, "expected a probability for each class"),
        ("thresholds.AU02", math.nan, "expected a probability for each class"),
        ("thresholds.AU02", "high", "expected a probability for each class"),
        ("thresholds", [0.5], "thresholds is [0.5], expected dict or nothing"),
        ("crop", {"kind": "face"}, "which is no crop"),
        ("crop.template", [[0, 1], [0, 1]], "which is no crop"),
        ("crop.template", [["a", 1], [0, 1], [0, 1]], "which is no crop"),
        ("crop.version", 99, "by version 99 of the crop"),
        ("config", "gone", "config is missing"),
        ("config.task", "age", "config key task='age': known: au, expression, scene"),
        ("config.task", "gone", "all that an export says (KeyError('task'))"),
        ("config.model.name", "gpt", "can build (config key model.name"),
        ("config.later", 1, "config is not one that this version of drr-jax can build"),
        ("config.encoder.width", 8, "and the system of its config has"),
        ("arrays", "gone", "arrays is missing"),
        ("step", "7", "step is 7, expected int"),
        ("selection", "newest", "all that an export says (KeyError('newest'))"),
        ("results", {"f1_mean": 1.0}, "all that an export says (KeyError"),
        ("tokenizer", 3, "tokenizer is 3, expected str or nothing"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(exported, tmp_path, path, value, said):
    folder = changed(exported, tmp_path / "copy", path, value)
    with pytest.raises(InputError) as error:
        drr_jax.load(folder)
    assert said in str(error.value) and str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_no_json_and_the_commands_exit_code(exported, tmp_path):
    folder = changed(exported, tmp_path / "copy", "step", 1)
    (folder / "config.json").write_text('{"format": "drr_jax export", "ste')
    with pytest.raises(InputError, match=r"config.json: damaged.*line 1, column 34: it is cut off"):
        drr_jax.load(folder)
    newer = changed(exported, tmp_path / "newer", "format_version", 3)
    done = subprocess.run(
        [sys.executable, "-m", "drr_jax.weights", "stablehlo", str(newer)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "install a newer one" in done.stderr
    assert done.stderr.count("\n") == 1


def results(names: tuple[str, ...]) -> dict:
    counts = np.arange(4 * len(names)).reshape(-1, 4) + 1
    return {"selection": "last", "step": 0, **metrics.summary(counts, names)}


def test_the_card_has_what_the_hub_reads(exported, tmp_path):
    described = json.loads((exported / "config.json").read_text())
    scores = results(AUS)
    for rendered in (True, False):
        text = card({**described, "rendered": rendered, "results": scores})
        (tmp_path / "README.md").write_text(text)
        read = ModelCard.load(tmp_path / "README.md")
        data = read.data
        assert data.library_name == "drr-jax" and data.pipeline_tag == "image-classification"
        assert data.license == ("apache-2.0" if rendered else "other")
        assert data.get("license_name") == (None if rendered else "terms-of-the-data-set")
        assert data.datasets == ["reactionet/demo"] and data.metrics == ["f1", "accuracy"]
        assert {"jax", "faces", "facial-action-units", "reactionet"} <= {*data.tags}
        judged = {one.metric_type: one for one in data.eval_results}
        assert judged["f1"].metric_value == round(scores["f1_mean"], 4)
        assert judged["accuracy"].metric_value == round(scores["accuracy_mean"], 4)
        assert judged["f1"].dataset_name == "reactionet/demo 1.0.0, fold 0"
        # The first thing that is said of a rendered-face model, and again among its limits.
        first = re.split(r"\n+", read.text.strip())[1]
        assert first.startswith("Trained on rendered images: no person is shown") == rendered
        limits = read.text.partition("## Limits")[2].partition("##")[0]
        assert ("no person is shown" in limits) == rendered and "one data set" in limits
        assert "Not for decisions about people" in read.text
        assert "may not be redistributable" in read.text


def test_a_card_without_scores_is_valid(exported):
    read = ModelCard.load(exported / "README.md")
    assert read.data.metrics is None and read.data.eval_results is None
    assert "This checkpoint was not evaluated." in read.text


def test_a_version_before_crops_and_thresholds_is_read(exported, tmp_path):
    folder = changed(exported, tmp_path / "copy", "format_version", "gone")
    described = json.loads((folder / "config.json").read_text())
    for name in ("crop", "thresholds", "thresholds_from", "licence", "inputs", "normalisation"):
        del described[name]
    (folder / "config.json").write_text(json.dumps(described))
    model = drr_jax.load(folder)
    assert model.threshold == dict.fromkeys(model.names, 0.5)
    assert not model.crop.known and model.inputs == ("reaction",)
