"""What a system costs: parameters, FLOPs, and the time of a step beside that of another system.

    python -m drr_jax.costs --reference=table4:resnet18 --config=table4:drr
    python -m drr_jax.costs --reference='runs/resnet18/seed0' --config='runs/*/seed0'

A config is a launch file, by name or path, with its argument or, with * for many, the folder of a
finished run, which then keeps its costs in costs.json for `drr_jax.main --mode=report --runs`. Only
data shapes matter, so one batch of the config's data set is read. Nothing is trained.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from drr_jax import config as configs
from drr_jax import config_files, config_rules, data, launches, models, runs, training
from drr_jax.arguments import Parser
from drr_jax.config import Config
from drr_jax.errors import InputError
from drr_jax.runs import platform_of, start_devices
from drr_jax.tables import runs as tables_runs

ROUNDS = 10


@dataclasses.dataclass(frozen=True)
class Subject:
    """A config to look at, and the folders of its runs, if it is that of finished ones."""

    config: Config
    runs: tuple[Path, ...] = ()

    @property
    def label(self) -> str:
        """The system's title, with its backbone if nothing else tells of an unusual one."""
        backbone, title = self.config.encoder.backbone, models.system_title(self.config)
        told = backbone == configs.Encoder().backbone or self.config.model.name == "classifier"
        return title if told else f"{title} on {models.TITLES[backbone]}"


@dataclasses.dataclass(frozen=True)
class Programs:
    """The compiled step and prediction of a system; both calls run on one stored batch."""

    parameters: int
    batch_size: int  # tuples of a step
    step_flops: float
    prediction_flops: float  # of one tuple
    step: Callable[[], None]
    predict: Callable[[], None]


def compile_programs(parts: training.Experiment) -> Programs:
    """Compiles what training and evaluation run, as they do, on the first batch of each.

    FLOPs are those of the compiled programs on all devices; loops count once (of DRR's parts only
    cpgnn's has one, of a few FLOPs).
    """
    batch = _first(parts.train_batches(0))
    held_out = _first(parts.held_out_batches("test"))
    state = parts.init()
    jitted, arguments = training.jit_step(parts)
    step = jitted.lower(state, batch, arguments).compile()

    def probabilities(params: Any, batch_stats: Any, inputs: Mapping[str, jax.Array]) -> Any:
        variables = {"params": params, "batch_stats": batch_stats}
        return parts.model.apply(variables, inputs, method="predict")

    predict = jax.jit(probabilities).lower(state.params, state.batch_stats, held_out).compile()
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    fixed = jax.tree.map(lambda leaf: leaf.copy(), (state.params, state.batch_stats))

    def run_step() -> None:
        nonlocal state
        state, terms = step(state, batch, arguments)  # donates the state
        jax.block_until_ready((state, terms))

    def run_prediction() -> None:
        jax.block_until_ready(predict(*fixed, held_out))

    rows, flops = parts.config.data.batch_size, (_flops(step, parts), _flops(predict, parts))
    return Programs(parameters, rows, flops[0], flops[1] / rows, run_step, run_prediction)


def _first(batches: Any) -> dict[str, jax.Array]:
    try:
        return next(iter(batches))
    finally:
        batches.close()


def _flops(compiled: jax.stages.Compiled, parts: training.Experiment) -> float:
    """FLOPs of one call: XLA counts those of one device, and all do alike."""
    analysis = compiled.cost_analysis()
    if not analysis or "flops" not in analysis:
        raise InputError(
            f"the {platform_of(parts.mesh)} backend does not count FLOPs; run on another"
        )
    return float(analysis["flops"]) * parts.mesh.size


def in_turns(calls: Sequence[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Seconds of every call in every round: [calls][rounds].

    The calls take turns, so that a machine that is busy for a while slows all of them. One round
    before that is not counted.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for call, taken in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
    return [taken[1:] for taken in seconds]


def ratio(ours: Sequence[float], reference: Sequence[float]) -> float:
    """The median over rounds of our time over that of the reference in the same round."""
    return statistics.median(a / b for a, b in zip(ours, reference, strict=True))


def measure(ours: Programs, reference: Programs, label: str, rounds: int) -> dict[str, Any]:
    """The costs of a system as costs.json has them; `label` names the reference."""
    keys = ("parameters", "batch_size", "step_flops", "prediction_flops")
    found = {key: getattr(ours, key) for key in keys} | {"reference": label, "rounds": rounds}
    calls = {"step": (ours.step, reference.step), "prediction": (ours.predict, reference.predict)}
    for name, pair in calls.items():
        own, other = in_turns(pair, rounds)
        found |= {f"{name}_seconds": statistics.median(own), f"{name}_ratio": ratio(own, other)}
    return found


def subjects(what: str) -> list[Subject]:
    """The configs that a launch file, or the folders of finished runs, stand for.

    Raises InputError if there is no such file, it has no get_config, or no folder is a run.
    """
    name, _, _ = what.partition(":")
    if name not in launches.names() and not name.endswith(".py"):
        systems = tables_runs.group_runs(tables_runs.read_runs([what])[0])
        return [Subject(config_of(s.first), tuple(run.workdir for run in s.runs)) for s in systems]
    config = config_files.load(what)
    config_rules.validate(config)
    return [Subject(config)]


def config_of(run: tables_runs.FoldRun) -> Config:
    """The config of a finished run. Raises InputError for a key that no longer exists."""
    config = Config()
    for key in configs.flatten(config).keys() & run.record.keys():
        configs.set_key(config, key, str(run.record[key]))
    config_rules.validate(config)
    return config


def compiled(subject: Subject) -> Programs:
    """The programs of a config, on its fold, or the first of all."""
    config = subject.config
    fold = 0 if config.fold == "all" else int(config.fold)
    prepared = data.open_dataset(data.find_data(config))
    read = data.read_fold(config, prepared, fold)
    training.check(config, read)
    return compile_programs(training.build(config, read))


def line(label: str, found: Mapping[str, Any]) -> str:
    """A row of the printed table."""
    return (
        f"{label:32} {found['parameters'] / 1e6:9.3f} {found['step_flops'] / 1e9:11.3f} "
        f"{found['prediction_flops'] / 1e9:12.4f} {1000 * found['step_seconds']:9.1f} "
        f"{found['step_ratio']:7.2f} {1000 * found['prediction_seconds']:9.1f} "
        f"{found['prediction_ratio']:7.2f}"
    )


HEAD = (
    f"{'system':32} {'M params':>9} {'GFLOP/step':>11} {'GFLOP/tuple':>12} {'step, ms':>9} "
    f"{'x ref':>7} {'test, ms':>9} {'x ref':>7}"
)


def measure_costs(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m drr_jax.costs`."""
    parser = Parser("python -m drr_jax.costs", description=__doc__)
    parser.add_argument("--config", action="append", required=True, help="what to look at")
    parser.add_argument("--reference", required=True, help="what times are compared with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of steps taken in turns")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        raise InputError(f"--rounds={arguments.rounds}: expected at least 1")
    reference = subjects(arguments.reference)[0]
    others = [subject for what in arguments.config for subject in subjects(what)]
    start_devices(reference.config.data.data_dir)
    base = compiled(reference)
    print(f"reference: {reference.label}\n{HEAD}")
    for subject in others:
        found = measure(compiled(subject), base, reference.label, arguments.rounds)
        print(line(subject.label, found), flush=True)
        for folder in subject.runs:
            runs.write_file(folder, tables_runs.COSTS, found)
    return 0
