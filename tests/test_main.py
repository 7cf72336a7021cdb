"""The command line: overrides, launch arguments, and one clear line for whatever is wrong."""

import dataclasses
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drr_jax import config as configs
from drr_jax import config_rules, elsewhere, files, launches, main, runs
from drr_jax.errors import InputError
from drr_jax.keys import helps, ranges

ROOT = Path(__file__).parent.parent
LAUNCH = f"--config={ROOT}/launch/reactionet.py"


def parse(*arguments):
    return main.parse(["main", *arguments, "--workdir=runs/x"])


def test_overrides_and_arguments_reach_the_config():
    command = parse(f"{LAUNCH}:demo,optim.lr=0.2,fold=1", "--config.data.batch_size=16")
    config = command.config
    assert (config.data.name, config.optim.lr, config.fold) == ("reactionet/demo", 0.2, "1")
    assert config.data.batch_size == 16 and command.mode == "all"
    world = parse(f"{LAUNCH}:world,domains=RS").config
    assert (world.data.name, world.data.image_size) == ("reactionet/world", 48)
    assert (world.domains, world.optim.name) == ("RS", "adamw")  # at the demo's size
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
        ([LAUNCH, "--config.optim.lr=x"], "flag --config.optim.lr=x: expected a number"),
        ([LAUNCH, "--config.data.records=1.5"], "data.records=1.5: expected a whole number"),
        ([LAUNCH, "--allow_config_change=7"], "change=7: expected true or false"),
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


# Texts of the user's own: paths, names and numbers, which data, weights and rules are asked about.
TEXTS = r"data\.(name|data_dir|manual_dir|classes)|scene\.names|fold|.*\.(weights|mean|std)"
TEXTS += r"|log\.profile_steps"


def test_every_key_has_its_range_or_its_choices():
    flat, allowed = configs.flatten(configs.Config()), ranges(configs.Config)
    assert not (allowed.keys() | config_rules.CHOICES.keys()) - flat.keys()
    for key, value in flat.items():
        if isinstance(value, bool) or re.fullmatch(TEXTS, key):
            continue
        if isinstance(value, str):
            assert value in config_rules.CHOICES[key]
        else:
            assert value in allowed[key]


@pytest.mark.parametrize("key", ranges(configs.Config))
def test_no_number_outside_its_range_passes(key):
    """nan, inf and negative numbers ended in tracebacks, of whatever met them first."""
    allowed, kind = ranges(configs.Config)[key], type(configs.flatten(configs.Config())[key])
    wrong = ["-1", str(kind(allowed.high) * 2 + 1)]
    wrong += ["nan", "inf", "-inf", "-1e300"] if kind is float else [str(10**30)]
    if allowed.above:
        wrong.append("0")
    for value in wrong:
        config = configs.Config()
        configs.set_key(config, key, value)
        with pytest.raises(InputError) as error:
            config_rules.validate(config)
        said = str(error.value)
        assert said.startswith(f"config key {key}=") and f"expected {allowed}" in said
    with pytest.raises(InputError, match=f"config key {key}=.*: expected an? "):
        configs.set_key(configs.Config(), key, "many")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.encoders.R.mean", "0.5"),
        ("model.encoders.R.mean", "0.5+0.5+nan"),
        ("model.encoders.R.std", "0.5+0.5+0"),
        ("model.encoders.R.std", "a+b+c"),
        ("model.encoders.R.std", "1+1+1"),  # without a mean
        ("data.name", "reactionet/full\n"),
        ("data.manual_dir", "/data/\udcff"),
        ("fold", "\u00b2"),
    ],
)
def test_texts_that_cannot_be_are_refused(key, value):
    config = configs.Config()
    configs.set_key(config, key, value)
    with pytest.raises(InputError) as error:
        config_rules.validate(config)
    assert f"config key {key}=" in str(error.value) and str(error.value).isprintable()


def one_line(*arguments):
    with pytest.raises(InputError) as error:
        main.parse(["main", *arguments])
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("README.md", b"# A title\n\nSome text", "not a config file (invalid syntax"),
        ("a.bin", bytes(range(256)), "not a config file ("),
        ("none.py", b"def get_config(arg=''):\n    return None\n", "not a config file"),
        ("dict.py", b"def get_config(arg=''):\n    return {'seed': 1}\n", "not a config file"),
        ("zero.py", b"def get_config(arg=''):\n    return 1 / 0\n", "(division by zero)"),
        ("a.json", b"{", "damaged, or not a run's config.json (line 1, column 2: it is cut off"),
        ("b.json", b"[1]", "not a run's config.json (it holds a list"),
        ("c.json", b'{"seed": {"a": 1}}', "not a run's config.json (config key 'seed.a'"),
        ("d.json", b'{"seed": "x"}', "not a run's config.json (config key seed='x'"),
        ("e.json", b'{"seed": 1e400}', "not a run's config.json (config key seed='inf'"),
        ("f.json", b"\xff\xfe", "not a run's config.json (line 1, column 1: byte 0xff is no"),
    ],
)
def test_a_file_that_is_no_config_is_one_line(tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    message = one_line(f"--config={file}", "--workdir=x")
    assert str(file) in message and said in message


def test_a_runs_own_config_starts_the_same_run(tmp_path):
    first = parse(f"{LAUNCH}:demo,optim.lr=0.2").config
    file = tmp_path / "config.json"
    for write in (
        files.write_json,
        lambda path, value: runs.write_file(tmp_path, path.name, value),
    ):
        write(file, dataclasses.asdict(first))  # as it was written before, and is now
        assert parse(f"--config={file}").config == first
    changed = file.with_name("changed.json")
    changed.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    assert "something in it was changed" in one_line(f"--config={changed}", "--workdir=x")
    changed = parse(f"--config={file}:fold=1", "--config.optim.lr=0.1").config
    assert (changed.fold, changed.optim.lr, changed.data) == ("1", 0.1, first.data)
    assert "no such file" in one_line(f"--config={tmp_path}/none.json", "--workdir=x")


@pytest.mark.parametrize("letter", [*"[]*?\\", "\udcff", "\n"])
def test_a_workdir_that_checkpoints_cannot_have_is_refused(tmp_path, monkeypatch, letter):
    said = one_line(LAUNCH, f"--workdir={tmp_path}/a{letter}b")
    assert (said.isprintable() and "expected UTF-8" in said) or "choose another folder" in said
    if letter.isprintable():
        folder = tmp_path / f"x{letter}y"
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert "choose another folder" in one_line(LAUNCH, "--workdir=run")


def test_a_workdir_that_is_a_link_to_nothing_is_refused(tmp_path):
    link = tmp_path / "run"
    link.symlink_to(tmp_path / "elsewhere")
    assert "elsewhere, which is not there; make" in one_line(LAUNCH, f"--workdir={link}")
    (tmp_path / "elsewhere").mkdir()
    assert main.parse(["main", LAUNCH, f"--workdir={link}"]).workdir == link


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


def test_every_key_has_one_line_that_says_what_it_is_for():
    flat, said = configs.flatten(configs.Config()), helps(configs.Config)
    assert said.keys() == flat.keys()
    for key, line in said.items():
        assert 3 <= len(line) <= 120 and line == line.strip() and line.isprintable(), key


def test_help_says_what_validation_holds_a_key_against():
    said = config_rules.describe()
    assert "resnet50" in said["encoder.backbone"] and "vit_b16" in said["encoder.backbone"]
    for key, allowed in ranges(configs.Config).items():
        assert said[key].endswith(str(allowed)), key
    for key, choices in config_rules.CHOICES.items():
        assert all(choice in said[key] for choice in choices), key


@pytest.mark.parametrize("word", ["train", "report"])
def test_the_mode_may_stand_in_front(word, tmp_path):
    named = main.parse(["drr", word, "--config=reactionet:demo,fold=1", "--workdir=runs/x"])
    assert (named.mode, named.config.fold) == (word, "1")
    assert named == parse(f"{LAUNCH}:demo,fold=1", f"--mode={word}")


def test_launch_files_are_found_by_name_and_by_path(tmp_path, monkeypatch):
    assert set(launches.names()) == {path.stem for path in (ROOT / "launch").glob("*.py")}
    monkeypatch.chdir(tmp_path)
    assert launches.find("table4:drr,demo") == f"{ROOT}/launch/table4.py:drr,demo"
    for path in ("runs/x/config.json:fold=1", "./mine.py:demo", "mine.py", "/a/reactionet"):
        assert launches.find(path) == path
    (tmp_path / "mine").touch()  # a file without an ending
    assert launches.find("mine:demo") == "mine:demo"
    said = one_line("--config=reactoinet:demo", "--workdir=x")
    assert "reactoinet:demo" in said and "did you mean reactionet" in said
    assert "known: ablation, affectnet" in one_line("--config=qqq", "--workdir=x")
    said = one_line("--config=reactionet,optim.lr=0.02", "--workdir=x")
    assert "expected a colon there: reactionet:optim.lr=0.02" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export --workdir=a --out=b", "drr_jax.weights export --workdir=RUN --out=DIR"),
        ("weights export --workdir=a", "the command is python -m drr_jax.weights --help"),
        ("page --model=a --port=0", "the command is python -m drr_jax.page --model=RUN"),
        ("build bp4d", "the command is python -m tfds_reactionet.build NAME"),
        (
            "--mode=push a hf:a/b",
            "the command is python -m drr_jax.weights push FOLDER hf:ORG/NAME",
        ),
        ("--mode export", "the command is python -m drr_jax.weights export"),
    ],
)
def test_a_command_of_another_module_is_told(line, said):
    assert said in one_line(*line.split())


def test_the_commands_that_are_told_are_there():
    for command in elsewhere.COMMANDS.values():
        words = command.split()
        assert words[0] == "drr" or importlib.util.find_spec(words[2])


def test_a_home_is_filled_in_where_there_is_one(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    command = main.parse(["main", f"{LAUNCH}:demo", "--workdir=~/runs/x"])
    assert command.workdir == Path("/home/ann/runs/x")
    assert files.named("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_a_mode_is_said_once():
    assert "did you mean train" in one_line("trian", LAUNCH, "--workdir=x")
    assert "once" in one_line("train", LAUNCH, "--workdir=x", "--mode=evaluate")


def test_help_of_predictions_has_no_keys_of_training(capsys):
    with pytest.raises(SystemExit):
        main.parse(["drr", "predict", "--help"])
    said = capsys.readouterr().out
    assert "--largest: the largest face" in said and "--out: " in said
    assert "--config" not in said and "--topology" not in said and len(said.splitlines()) < 30


def test_help_lists_flags_and_keys(tmp_path):
    done = command("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--config.optim.lr=0.01" in done.stdout and "--allow_config_change" in done.stdout
