"""Every launch config is valid, names a data set that can be built, and trains a few steps."""

import importlib
import json
import shutil

import numpy as np
import prepared_faces
import pytest
import raw_bp4d
import raw_raf_db
import small_run

from drr_jax import config_rules, main
from drr_jax.errors import InputError
from drr_jax.facs import labels as facs
from tfds_reactionet import build

# They need a row's name: test_launch_tables.
TABLES = ("table4", "table5", "table6", "ablation", "finetune", "tuning")
LAUNCH = sorted({path.stem for path in small_run.LAUNCH.glob("*.py")} - set(TABLES))
EXPRESSIONS = {"fer_plus", "raf_db", "affectnet", "mmi", "bu3dfe"}


@pytest.mark.parametrize("name", LAUNCH)
def test_config_is_valid_and_its_data_set_exists(name):
    config = main.parse(["m", f"--config={small_run.LAUNCH}/{name}.py", "--workdir=x"]).config
    config_rules.validate(config)
    assert build.resolve(config.data.name)[0] == name
    assert config.task == ("expression" if name in EXPRESSIONS else "au")
    assert config.data.image_size == 256 and config.data.batch_size == 64
    if name != "reactionet":
        assert config.domains == "R"


def launched(text):
    return main.parse(["m", f"--config={small_run.LAUNCH}/{text}", "--workdir=x"]).config


def test_ck_plus_also_tells_expressions_and_small_sets_get_some_thousand_steps():
    config = launched("ck_plus.py:expression,optim.lr=0.02")
    assert (config.data.name, config.task) == ("ck_plus/expression", "expression")
    assert build.resolve(config.data.name) and config.optim.lr == 0.02
    # Training images of a fold: 3 of each of 309 and 205 sequences, and 2,400 scans.
    for name, images in (("ck_plus", 618), ("mmi", 553), ("bu3dfe", 2160)):
        optim = launched(f"{name}.py").optim
        assert images / 64 * optim.epochs > 1500
        assert optim.lr_epochs == optim.epochs / 10


@pytest.mark.parametrize(
    ("launch", "data", "row"),
    [
        ("affectnet.py:eight", "affectnet/eight", "affectnet_eight"),
        ("ck_plus.py:contempt", "ck_plus/contempt", "ck_plus_contempt"),
        ("ck_plus.py:eight", "ck_plus/eight", "ck_plus_eight"),
        ("fer_plus.py:fer2013", "fer_plus/fer2013", "fer2013"),
    ],
)
def test_variants_of_the_sets_can_be_built_and_classes_be_balanced(launch, data, row):
    config = launched(f"{launch},loss.class_weights=true,data.balance=0.5")
    config_rules.validate(config)
    assert (config.data.name, config.task) == (data, "expression")
    assert "/".join(build.resolve(data)) == data
    names = build.declared(data).expression_names
    facs.check_prior(facs.expression_prior(names), len(names))
    tuned = launched(f"finetune.py:{row},model.encoders.R.weights=models/x")
    assert (tuned.data.name, tuned.task) == (data, "expression")


def test_drr_relates_texture_and_depth_of_bu3dfe():
    config = launched("bu3dfe.py:drr_mm")
    assert (config.data.name, config.domains) == ("bu3dfe/rgb_depth", "VD")
    assert (config.predict, config.contrast.pairs, config.task) == ("fuse", "all", "expression")
    config_rules.validate(config)


@pytest.mark.parametrize("name", [n for n in LAUNCH if n != "reactionet"])
def test_every_set_of_faces_can_go_on_from_what_reactionet_taught(name):
    config = launched(f"finetune.py:{name},model.encoders.R.weights=models/x")
    start = launched(f"{name}.py")
    assert (config.data.name, config.task) == (start.data.name, start.task)
    assert config.optim.lr < start.optim.lr and config.optim.epochs < start.optim.epochs
    with pytest.raises(InputError, match=rf"{name}.*weights, as in {name},model\.encoders\.R"):
        launched(f"finetune.py:{name}")


def run(name, data_dir, workdir, **changes):
    steps = {"data.batch_size": 8, "optim.max_steps": 2, "log.samples": 4}
    config = small_run.config(data_dir, "", name, **steps | changes)
    assert main.run(main.parse(["m", f"--config={config}", f"--workdir={workdir}"])) == 0
    return json.loads((workdir / "results.json").read_text())


def test_bp4d_trains_evaluates_and_reports(tmp_path):
    raw_bp4d.write_bp4d(tmp_path / "raw", meshes=False)
    prepared = prepared_faces.build("bp4d/rgb", tmp_path / "raw", tmp_path / "data")
    result = run("bp4d", tmp_path / "data", tmp_path / "run", fold=1)
    assert list(result["au"]) == list(facs.BP4D_AUS)
    parts = json.loads((prepared / "metadata.json").read_text())["parts"]
    assert result["au"]["AU12"]["count"] == parts["part2"]["records"]
    assert "bp4d/rgb" in (tmp_path / "run" / "report.html").read_text()


def test_a_domain_that_the_set_lacks_is_refused(tmp_path):
    raw_bp4d.write_bp4d(tmp_path / "raw", meshes=False)
    prepared_faces.build("bp4d/rgb", tmp_path / "raw", tmp_path / "data")
    with pytest.raises(InputError, match=r"domains=RS.*has no stimulus; it has reaction"):
        run("bp4d", tmp_path / "data", tmp_path / "run", domains="RS")
    with pytest.raises(InputError, match=r"task=expression.*labels for task=au"):
        run("bp4d", tmp_path / "data", tmp_path / "run", task="expression")
    assert not (tmp_path / "run").exists()


def test_raf_db_trains_on_its_official_part_with_softmax(tmp_path):
    raw_raf_db.write_raf_db(tmp_path / "raw", landmarks=False)
    labels = tmp_path / "raw/EmoLabel/list_patition_label.txt"
    images = tmp_path / "raw/Image/aligned"
    for number in range(101, 109):  # enough for a batch
        with labels.open("a") as file:
            file.write(f"train_{number:05d}.jpg {number % 7 + 1}\n")
        shutil.copy(images / "train_00001_aligned.jpg", images / f"train_{number:05d}_aligned.jpg")
    prepared = prepared_faces.build("raf_db/aligned", tmp_path / "raw", tmp_path / "data")
    result = run("raf_db", tmp_path / "data", tmp_path / "run")
    parts = json.loads((prepared / "metadata.json").read_text())["parts"]
    assert sum(map(sum, result["confusion"])) == parts["test"]["records"]
    assert len(result["expression"]) == 7 and 0 <= result["accuracy"] <= 1
    # Stills of nobody in particular are shown and held out one by one.
    with np.load(tmp_path / "run" / "samples-fold0.npz") as samples:
        assert len(samples["reaction"]) == parts["test"]["records"] == 3
    held_out = run("raf_db", tmp_path / "data", tmp_path / "validated", selection="validation")
    assert held_out["selection"] == "validation"


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_expressions_of_every_set_have_a_relation(name):
    module = importlib.import_module(f"tfds_reactionet.{name}.{name}_dataset_builder")
    config = build.resolve(
        main.parse(["m", f"--config={small_run.LAUNCH}/{name}.py", "--workdir=x"]).config.data.name
    )[1]
    spec = module.Builder.spec(config, module.Builder.OPTIONS)
    facs.check_prior(facs.expression_prior(spec.expression_names), len(spec.expression_names))
