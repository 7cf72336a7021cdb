"""Trains Dyadic Relation Reasoning, evaluates it on the held-out part and writes a report.

    drr --config=reactionet:demo --workdir=runs/demo
    drr train --config=reactionet --workdir=runs/full \\
        --config.data.manual_dir=/data/ReactioNet --config.fold=all

    drr report --runs='runs/*'

    drr predict --model=runs/demo --input=video.mp4 --out=predictions/video

    drr plan --config=reactionet:data.batch_size=1024 --topology=h100:2x8 --workdir=plans/reactionet

`drr MODE` is `python -m drr_jax.main --mode=MODE`. A config is a launch file, by its path or by its
name alone.

`drr report` puts finished runs into the paper's tables, each beside the printed figure, and
into a table of paired differences from one of them. Without --runs a report is of the run in
--workdir; --reference=ANOTHER RUN then shows both on the same samples (Figure 8 of the supplement).
`drr predict` puts a trained model on one's own pictures (drr predict --help), `drr plan` says what
a run would cost on accelerators that are not here (docs/plan.md).

The same command goes on where it was stopped. Config keys are set with --config.KEY=VALUE, or
behind the config's name: reactionet:demo,optim.lr=0.02,fold=1

Exit codes: 0 done, 2 wrong input (one line says what), 75 SIGTERM or a lost peer (of many
processes) and 130 Ctrl-C: what was trained is saved, start the command again.
"""

from drr_jax import stops, supervisor

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported
    supervisor.split()

import dataclasses
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags
from ml_collections import config_flags

from drr_jax import (
    cluster,
    config_files,
    config_rules,
    elsewhere,
    errors,
    launches,
    machine,
    plan,
    predict,
    report,
    runs,
    tables,
    training,
)
from drr_jax import config as configs
from drr_jax.errors import InputError, nearest

MODES = ("all", "train", "evaluate", "report", "predict", "plan")
FLAGS = (
    *("config", "workdir", "mode", "allow_config_change", "runs", "reference"),
    *predict.NAMES,
    *plan.NAMES,
)
OVERRIDE = re.compile(r"--?(?:no)?config\.([^=]+)")


_EXPECTED = {  # where Python says of a flag's value what it is not
    "could not convert string to float": "expected a number",
    "invalid literal for int": "expected a whole number",
    "Non-boolean argument": "expected true or false",
}


@dataclasses.dataclass(frozen=True)
class Command:
    """What the command line asks for."""

    config: configs.Config
    workdir: Path
    mode: str
    allow_config_change: bool
    runs: tuple[str, ...] = ()  # folders to put into tables, instead of one run to do
    reference: str = ""
    asked: predict.Options | None = None  # of a trained model, instead of a run
    planned: plan.Asked | None = None


def parse(argv: Sequence[str]) -> Command:
    """Reads the command line. Raises InputError, one line, for whatever is wrong in it."""
    values, argv = flags.FlagValues(), plain_flags(argv)
    what = "Launch file, as in reactionet:demo or a path, or a run's config.json"
    if kept := next((a for a in argv if re.match(r"--?config=[^:]*\.json(:|$)", a)), ""):
        argv.remove(kept)
        earlier = config_files.load(kept.partition("=")[2])
        config_flags.DEFINE_config_dataclass("config", earlier, what, values, sys_argv=argv)
    else:
        config_flags.DEFINE_config_file("config", None, what, values, sys_argv=argv)
    flags.DEFINE_string("workdir", None, "Folder of the run: logs, checkpoints, report", values)
    flags.DEFINE_multi_string(
        "runs", [], "With --mode=report: tables of the finished runs in these folders", values
    )
    flags.DEFINE_string(
        "reference", "", "With --mode=report: the run that the others are held against", values
    )
    flags.DEFINE_string("mode", "all", f"One stage, or all: {', '.join(MODES)}", values)
    flags.DEFINE_bool(
        "allow_config_change", False, "Go on in a workdir whose config was another", values
    )
    predict.define_flags(values)
    plan.define_flags(values)
    if {"--help", "-h", "--helpfull"} & set(argv):
        print(help_text(values, "--mode=predict" in argv))
        raise SystemExit(0)
    for argument in argv[1:]:
        if not argument.isprintable():
            raise InputError(f"{argument!a}: expected UTF-8 without control characters")
        file = Path(argument.removeprefix("--config=").split(":")[0])
        if argument.startswith("--config=") and not file.is_file():
            raise InputError(f"{argument}: {file.absolute()} is no such file")
        if override := OVERRIDE.match(argument):
            configs.check_key(override[1])
    try:
        positional = values(argv)[1:]
    except flags.UnrecognizedFlagError as error:
        flag, known = f"--{error.flagname or ''}", [f"--{name}" for name in FLAGS]
        raise InputError(f"flag {flag} does not exist: {nearest(flag, known)}") from None
    except (flags.Error, InputError) as error:
        raise InputError(_cause(error)) from None
    except Exception as error:  # whatever Python says of a file that is no program
        file = next((a for a in argv if re.match("--?config=", a)), "--config")
        raise InputError(
            f"{file}: not a config file ({_cause(error)}); expected one as launch/reactionet.py"
        ) from None
    if positional:
        hint = "quote the pattern: --runs='DIR/*'" if values["runs"].value else "see --help"
        if values["mode"].value == "predict":
            hint = f"write --input={positional[0]}"
            if values["input"].value:
                hint = "quote the pattern, as in --input='photos/*.jpg'"
        raise InputError(f"argument {positional[0]!r} is not a flag; {hint}")
    mode = str(values["mode"].value)
    _check_mode(mode)
    planned = plan.asked_of(values, mode)
    if asked := predict.options_of(values, mode, values["workdir"].value or ""):
        if any(re.match("--?config", argument) for argument in argv):
            raise InputError(f"--config with --mode={mode} of a model: its folder has its config")
        return Command(configs.Config(), Path(asked.out), mode, False, asked=asked)
    folders = tuple(map(os.path.expanduser, values["runs"].value or ()))
    reference, workdir = (
        os.path.expanduser(str(values[name].value or "")) for name in ("reference", "workdir")
    )
    config = values["config"].value
    if folders:
        if mode != "report":
            raise InputError(f"--runs with --mode={mode}: expected --mode=report")
        if config is not None:
            raise InputError("--config and --runs: give one; a run's folder has its config")
        workdir = Path(workdir or tables.common_parent(folders))
        return Command(configs.Config(), workdir, mode, False, folders, reference)
    if reference and mode != "report":
        raise InputError(f"--reference is for --mode=report, and --mode={mode} was given")
    if config is None and not any(a.startswith("--config=") for a in argv):
        config = config_files.of_run(Path(workdir)) if workdir else None
        if config is None and workdir and mode == "report":
            config = configs.Config()  # a report is of what the folder holds
        if config is None:
            raise InputError("--config is missing; try --config=reactionet:demo")
    if not isinstance(config, configs.Config):
        raise InputError(
            f"{next(a for a in argv if a.startswith('--config'))}: not a config file; expected one "
            "whose get_config returns a drr_jax.config.Config, as launch/reactionet.py"
        )
    if not workdir:
        raise InputError("--workdir is missing; try --workdir=runs/demo")
    runs.check_path(Path(workdir))
    config_rules.validate(config)
    allow_change = bool(values["allow_config_change"].value)
    return Command(config, Path(workdir), mode, allow_change, reference=reference, planned=planned)


def plain_flags(argv: Sequence[str]) -> list[str]:
    """The command line with its flags written out: `predict` in front is --mode=predict.

    The name of a launch file becomes its path. Raises InputError for a name that is none, or a mode
    that is said twice.
    """
    program, *rest = argv
    if rest and not rest[0].startswith("-") and rest[0].isprintable():
        if said := next((a for a in rest[1:] if re.match("--?mode(=|$)", a)), ""):
            raise InputError(f"{rest[0]} and {said}: give the mode once")
        rest[0] = f"--mode={rest[0]}"
    for argument in rest:  # before its flags, which drr does not know
        if found := re.fullmatch("--?mode=(.*)", argument):
            _check_mode(found[1])
    for index, argument in enumerate(rest):
        if found := re.fullmatch("--?config=(.+)", argument):
            rest[index] = f"--config={launches.find(found[1])}"
    return [program, *rest]


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise InputError(f"--mode={mode}: {elsewhere.instead(mode) or nearest(mode, MODES)}")


def help_text(values: flags.FlagValues, predicts: bool) -> str:
    """The module's text, the flags, and every config key: its default and what it is for.

    Of a command that `predicts` just what it takes.
    """
    if predicts:
        texts = {name: str(values[name].help) for name in predict.NAMES if name != "on"}
        lines = [f"  --{n}: {t.removeprefix('With --mode=predict: ')}" for n, t in texts.items()]
        return f"{predict.HELP}\nFlags\n" + "\n".join(lines)
    described = config_rules.describe()
    keys = "\n".join(
        f"  --config.{key}={value}\n      {described[key]}"
        for key, value in configs.flatten(configs.Config()).items()
    )
    lines = [f"  --{name}: {values[name].help}" for name in FLAGS]
    return f"{__doc__}\nFlags\n" + "\n".join(lines) + f"\n\nConfig keys and defaults\n{keys}"


def _cause(error: BaseException) -> str:
    """What was first wrong behind an error of the flag libraries, on one line."""
    message = str(error).split("\n")[0] or type(error).__name__
    for said, expected in _EXPECTED.items():
        if said in message:
            message = message[: message.index(said)].rstrip("('\"") + expected
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, InputError) and "\n" not in str(inner):
            message = str(inner)
        inner = inner.__cause__ or inner.__context__
    return message


def run(command: Command, clock: training.Clock | None = None) -> int:
    """Runs the asked stages on every asked fold; returns the exit code.

    `clock` has been running since the process was started.
    """
    if command.asked:
        errors.check_alone("predict")
        with stops.held():
            print(predict.run_options(command.asked))
        return 0
    if command.planned:
        errors.check_alone("plan")
        print(plan.run_plan(command.config, command.workdir, command.planned))
        return 0
    if not _writes() and command.mode == "report":
        return 0
    if command.runs:
        page = tables.write_tables(command.runs, command.reference, command.workdir)
        print(f"tables: {page}")
        return 0
    writes = command.mode == "report"
    if not writes:
        stages = training.STAGES if command.mode == "all" else (command.mode,)
        allow_change = command.allow_config_change
        training.run_stages(command.config, command.workdir, stages, allow_change, clock)
        writes = command.mode == "all" and runs.is_main_process()
    if writes:
        page = report.write_report(command.workdir, reference=command.reference)
        print(f"report: {page}")
    return 0


def _writes() -> bool:
    """Whether this is the process that writes, where JAX is not started: process 0, or alone."""
    sign = cluster.several(os.environ)
    return not (sign and sign.index)


def main() -> int:
    """Entry point of `python -m drr_jax.main`."""
    clock = training.Clock(imported=machine.age() or 0.0)
    return run(parse(sys.argv), clock)


def drr() -> NoReturn:
    """Runs the command and exits with its code."""
    errors.run(main, together=True)


if __name__ == "__main__":
    drr()
