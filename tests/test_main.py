"""The command line: overrides, launch arguments, and one clear line for whatever is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from drr_jax import config as configs
from drr_jax import config_rules, main
from drr_jax.errors import InputError

ROOT = Path(__file__).parent.parent
LAUNCH = f"--config={ROOT}/launch/reactionet.py"


def parse(*arguments):
    return main.parse(["main", *arguments, "--workdir=runs/x"])


def test_overrides_and_arguments_reach_the_config():
    command = parse(f"{LAUNCH}:demo,optim.lr=0.2,fold=1", "--config.data.batch_size=16")
    config = command.config
    assert (config.data.name, config.optim.lr, config.fold) == ("reactionet/demo", 0.2, "1")
    assert config.data.batch_size == 16 and command.mode == "all"
    full = parse(LAUNCH, "--config.graph.enabled=false", "--noconfig.contrast.enabled").config
    assert full.data.name == "reactionet/full" and full.data.image_size == 256
    assert not full.graph.enabled and not full.contrast.enabled


def test_defaults_are_the_supplements_protocol():
    config = parse(LAUNCH).config
    assert config.data.batch_size == 64 and config.data.image_size == 256
    assert (config.optim.lr, config.optim.lr_late, config.optim.lr_epochs) == (0.01, 0.001, 2)
    assert (config.optim.momentum, config.optim.weight_decay) == (0.9, 1e-4)
    assert (config.augment.rotation, config.augment.flip) == (45, 0.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([LAUNCH, "--config.data.bach_size=3"], "data.batch_size"),
        ([LAUNCH, "--config.batch_size=3"], "data.batch_size"),
        ([f"{LAUNCH}:dmeo"], "did you mean demo"),
        ([f"{LAUNCH}:demo,optim.rl=1"], "optim.lr"),
        ([f"{LAUNCH}:optim.lr=fast"], "expected a float"),
        ([LAUNCH, "--config.data.batch_size=many"], "batch_size"),
        ([LAUNCH, "--config.domains=RSX"], "domains"),
        ([LAUNCH, "--config.fold=two"], "fold"),
        ([LAUNCH, "--config.optim.lr=-1"], "above 0"),
        ([LAUNCH, "--config.log.samples=0"], "above 0"),
        ([LAUNCH, "--config.seed=-1"], "expected 0 to 4294967295"),
        ([LAUNCH, "--config.augment.rotation=200"], "expected 0 to 180"),
        ([LAUNCH, "--config.optim.max_steps=-5"], "expected 0 to"),
        ([LAUNCH, "--config.data.image_size=80"], "multiple of 32"),
        ([f"{LAUNCH}:encoder.backbone=vit_b16,data.image_size=100"], "multiple of 16"),
        ([LAUNCH, "--config.encoder.depth=2"], "encoder.backbone=resnet18"),
        ([LAUNCH, "--config.encoder.backbone=vit"], "did you mean vit_"),
        ([LAUNCH, "--config.data.batch_size=96"], "contrast.group_size"),
        ([LAUNCH, "--config.contrast.prior=learned"], "graph.prior=learned"),
        ([LAUNCH, "--config.graph.semantics=filter", "--config.graph.conv=acm"], "gcn"),
        ([LAUNCH, "--config.predict=graph", "--config.graph.enabled=false"], "graph.enabled"),
        ([LAUNCH, "--config.predict=stimulus", "--config.domains=R"], "no S"),
        ([LAUNCH, "--config.text.heads=7"], "multiple of text.heads"),
        ([LAUNCH, "--config.graph.dropout=1"], "dropout"),
        ([LAUNCH, "--mode=trian"], "did you mean train"),
        ([LAUNCH, "--wrokdir=x"], "did you mean --workdir"),
        ([LAUNCH, "stray"], "stray"),
        (["--config=launch/nothing.py"], "no such file"),
        ([], "--config is missing"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(arguments, said):
    with pytest.raises(InputError) as error:
        parse(*arguments)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_every_key_of_the_tables_exists():
    flat = configs.flatten(configs.Config())
    assert {*config_rules.CHOICES, *config_rules.POSITIVE, *config_rules.RANGES} <= set(flat)
    for key, choices in config_rules.CHOICES.items():
        assert flat[key] in choices


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "drr_jax.main", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_without_data_it_stops_with_the_demos_command(tmp_path):
    done = command(LAUNCH, "--workdir=runs/x", cwd=tmp_path)
    assert done.returncode == 2 and not done.stdout
    line = done.stderr.strip()
    assert line.startswith("error: no prepared data set reactionet/full in")
    assert str(tmp_path) in line and ":demo" in line and "\n" not in line
    assert not list(tmp_path.iterdir())


def test_help_lists_flags_and_keys(tmp_path):
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--config.optim.lr=0.01" in done.stdout and "--allow_config_change" in done.stdout
