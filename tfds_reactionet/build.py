"""Turns a raw release into a prepared data set: python -m tfds_reactionet.build NAME[/CONFIG]."""

from drr_jax import stops
from drr_jax.arguments import Parser

if __name__ == "__main__":
    stops.end_at_once()  # while all this is imported

import argparse
import importlib
import logging
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drr_jax import machine
from drr_jax.errors import InputError, check_local, nearest, run
from tfds_reactionet import building

ENDPOINT_SECONDS = 10.0  # in which a job server has to answer


def resolve(name: str) -> tuple[str, str]:
    """("reactionet", "full") of "reactionet" or "reactionet/full".

    Raises InputError for an unknown data set or config, naming the nearest.
    """
    dataset, _, config = name.partition("/")
    configs = tuple(building.find_data_set(dataset).configs)
    if config and config not in configs:
        raise InputError(f"{dataset} has no config {config!r}; {nearest(config, configs)}")
    return dataset, config or configs[0]


def default_manual_dir(name: str, data_dir: str | os.PathLike | None = None) -> Path:
    """Where the raw release is looked for: <data_dir>/downloads/manual/ReactioNet."""
    dataset, config = resolve(name)
    data_set = building.find_data_set(dataset)
    folder = data_set.folders.get(config, data_set.folder)
    return Path(data_dir or building.default_data_dir(), "downloads", "manual", folder)


def prepared_path(name: str, data_dir: str | os.PathLike | None = None, version: str = "") -> Path:
    """Where the prepared data set is or will be: <data_dir>/NAME/CONFIG/VERSION.

    Of this release's version, if none is given.
    """
    dataset, config = resolve(name)
    version = version or building.find_data_set(dataset).version
    return Path(data_dir or building.default_data_dir(), dataset, config, version)


def find_prepared(
    name: str, data_dir: str | os.PathLike | None = None, version: str = ""
) -> Path | None:
    """The folder of a completely prepared data set, or None; see `prepared_path`."""
    path = prepared_path(name, data_dir, version)
    return path if building.is_complete(path) else None


def other_versions(name: str, data_dir: str | os.PathLike | None = None) -> str:
    """What to add to "no prepared data set NAME in DIR" if there are sets of other versions."""
    path = prepared_path(name, data_dir)
    found = sorted(
        other.name for other in path.parent.glob("[0-9]*") if building.is_complete(other)
    )
    if not found or path.name in found:
        return ""
    return f" of version {path.name} (only {', '.join(found)}, made by another release)"


def prepare(
    name: str,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    *,
    jobs: int | None = None,
    progress: bool = True,
    max_skipped: float = 0.01,
    overwrite: bool = False,
    beam_runner: str | None = None,
    beam_options: str = "",
    **options: Any,
) -> Path:
    """Builds a data set unless it is there; returns the folder of the prepared set.

    `options` are the data set's own (`size`, `crop` ...; `python -m tfds_reactionet.build NAME
    --help` lists them). One that is left out or None has its default, but a set that is there is
    taken as it is. A rendered config ("demo") writes its raw release first if that is absent.

    Raises InputError for wrong input, for a set that is there but was built from something else
    (unless `overwrite`), and for a disk that is full or read-only. Nothing half written stays.
    """
    path = prepared_path(name, data_dir)
    chosen = building.checked_options(resolve(name)[0], options)
    raw = Path(manual_dir) if manual_dir is not None else default_manual_dir(name, data_dir)
    for what, where in (("data_dir", path), ("manual_dir", raw)):
        check_local(f"{what} {where}", str(where))
    if not 0 <= max_skipped <= 1:
        raise InputError(f"max_skipped={max_skipped:g}, expected a share from 0 to 1")
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs={jobs}, expected at least 1")
    if beam_options and beam_runner is None:
        raise InputError("--beam_options without --beam_runner: expected one, as PortableRunner")
    if not overwrite and find_prepared(name, data_dir):
        _check_same(path, name, raw, manual_dir is not None, chosen)
        return path
    rendered = manual_dir is None and not raw.exists() and is_rendered(name)
    if not rendered:
        _builder_class(name).check_release(raw, resolve(name)[1])
    others = other_versions(name, data_dir)
    if others and progress:
        print(f"no prepared {name}{others}: building it", file=sys.stderr)
    with building.disk_errors(path), building.locked(path, progress):
        building.clean(path)
        if not overwrite and find_prepared(name, data_dir):  # another process has just built it
            _check_same(path, name, raw, manual_dir is not None, chosen)
            return path
        if rendered:
            _render(name, raw, jobs, progress)
        with building.replacing(path):
            builder = _builder_class(name)(
                config=resolve(name)[1],
                data_dir=path.parents[2],
                max_skipped=max_skipped,
                jobs=jobs,
                progress=progress,
                options=chosen,
            )
            _download_and_prepare(builder, raw, beam_runner, beam_options)
    return path


def _download_and_prepare(
    builder: Any, manual_dir: Path, beam_runner: str | None, beam_options: str
) -> None:
    import tensorflow_datasets as tfds

    beam = {} if beam_runner is None else _beam_options(beam_runner, beam_options)
    config = tfds.download.DownloadConfig(manual_dir=str(manual_dir), **beam)
    try:
        builder.download_and_prepare(download_config=config, file_format="array_record")
    except Exception as error:
        cause = building.user_error(error)
        if cause is None or cause is error:
            raise
        raise cause from error


def _beam_options(runner: str, options: str) -> dict[str, Any]:
    """What TFDS hands to Beam. Raises InputError for an option that Beam does not know."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners.runner import create_runner
    except ModuleNotFoundError as error:
        raise InputError(
            "--beam_runner needs Apache Beam; install it: pip install 'drr-jax[beam]'"
        ) from error
    # Workers' exceptions are raised here again: their log would only bury that one line.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        given = shlex.split(options)
    except ValueError as error:
        raise InputError(f"--beam_options={options}: {error}") from None
    try:
        create_runner(runner)
    except (ValueError, ImportError) as error:
        raise InputError(f"--beam_runner={runner}: {str(error).splitlines()[0]}") from None
    known = PipelineOptions(given)
    if unknown := known.get_all_options(drop_default=True, retain_unknown_options=True).keys() - (
        known.get_all_options().keys()
    ):
        raise InputError(f"--beam_options: Beam knows no --{min(unknown)}; see its runner's guide")
    _check_endpoint(str(known.get_all_options().get("job_endpoint") or ""))
    return {"beam_runner": runner, "beam_options": known}


def _check_endpoint(endpoint: str) -> None:
    """Raises InputError if nobody listens at HOST:PORT, for which Beam would wait without end."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isdecimal():
        return  # none, or `embed`, which Beam starts itself
    try:
        socket.create_connection((host, int(port)), timeout=ENDPOINT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--beam_options: no job server answers at --job_endpoint={endpoint} ({error}); start "
            "it first, or take --job_endpoint=embed"
        ) from None


def _builder_class(name: str) -> Any:
    dataset = resolve(name)[0]
    module = f"tfds_reactionet.{dataset}.{dataset}_dataset_builder"
    return importlib.import_module(module).Builder


def declared(name: str) -> building.Spec:
    """What the records of a data set hold, by its default options; no release is looked at."""
    dataset, config = resolve(name)
    options = building.defaults(building.find_data_set(dataset))
    return _builder_class(name).spec(config, options)


def is_rendered(name: str) -> bool:
    """Whether a config's raw release is drawn by a program, so that nothing need be there."""
    dataset, config = resolve(name)
    return config in building.find_data_set(dataset).rendered


def _render(name: str, raw: Path, jobs: int | None, progress: bool) -> None:
    dataset, config = resolve(name)
    data_set = building.find_data_set(dataset)
    demo = importlib.import_module(str(data_set.demo))
    demo.write_release(raw, jobs=jobs, progress=progress, **data_set.rendered[config])


def _check_same(
    path: Path, name: str, raw: Path, explicit: bool, options: Mapping[str, Any]
) -> None:
    """Raises InputError if a prepared set differs from what is asked for now."""
    builder, config = _builder_class(name), resolve(name)[1]
    used = building.check_options(path, options, builder.OPTIONS)
    built_from = building.read_metadata(path)["built_from"]
    if not raw.is_dir():
        if explicit:
            raise InputError(f"manual_dir {raw} does not exist, but {path} is built; leave it out")
        return
    with building.damaged(path):
        stamp, source = built_from["stamp"], built_from["manual_dir"]
    if builder.release_stamp(raw.resolve(), config, used) != stamp:
        listed = str(used.get("folds", ""))
        either = f"{raw} or {listed}" if Path(listed).is_file() else raw
        raise InputError(
            f"{path} was built from {source}, and {either} holds something else now; "
            f"{building.REMEDY}"
        )


_EPILOG = """\
Each data set has options of its own: python -m tfds_reactionet.build NAME --help
Without data of your own: python -m tfds_reactionet.build reactionet/demo"""


def _parser() -> Parser:
    """The options that all data sets have."""
    parser = Parser(
        "python -m tfds_reactionet.build",
        usage="python -m tfds_reactionet.build NAME[/CONFIG] [--option=value ...]",
        description=__doc__,
        epilog=_EPILOG,
        add_help=False,
    )
    parser.add_argument(
        "name",
        metavar="NAME[/CONFIG]",
        nargs="?",
        help=f"one of {', '.join(building.data_set_names())}",
    )
    parser.add_argument("--help", "-h", action="store_true", help="show this and exit")
    parser.add_argument(
        "--manual_dir", help="the raw release (default: its folder in DATA_DIR/downloads/manual)"
    )
    parser.add_argument(
        "--data_dir", help="where prepared sets go (default: $DRR_DATA_DIR, or data)"
    )
    parser.add_argument(
        "--jobs", type=int, help=f"processes (default: all cores, {machine.cores()} here)"
    )
    parser.add_argument(
        "--max_skipped",
        type=float,
        default=0.01,
        help="stop if more than this share of frames is unusable (default %(default)s); frames "
        "that the protocol itself leaves out are listed, but do not count",
    )
    parser.add_argument(
        "--beam_runner", help="build on Apache Beam, e.g. DirectRunner (extra: beam)"
    )
    parser.add_argument(
        "--beam_options",
        default="",
        metavar="'--KEY=VALUE ...'",
        help="Beam's own pipeline options, as in '--job_endpoint=embed' of PortableRunner",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read and check every record of the prepared set; "
        "its metadata are checked at every opening",
    )
    parser.add_argument("--overwrite", action="store_true", help="build again over a prepared set")
    return parser


def _arguments() -> tuple[argparse.Namespace, dict[str, Any]]:
    """The command line: what all data sets have, and the values of the data set's options."""
    parser = _parser()
    first = parser.begun()
    if first.name is not None:
        dataset = resolve(first.name)[0]
        data_set = building.find_data_set(dataset)
        group = parser.add_argument_group(f"{dataset} ({', '.join(data_set.configs)})")
        for option in data_set.options:  # passed on as texts
            default = "" if option.default is None else f" (default: {option.default})"
            metavar = "|".join(option.choices) or None
            help_text = option.help.replace("%", "%%") + default
            group.add_argument(f"--{option.name}", metavar=metavar, help=help_text)
    if first.help:
        parser.print_help()
        parser.exit()
    args = parser.parse_args()
    if args.name is None:
        parser.error("NAME[/CONFIG] is missing")
    known = building.find_data_set(resolve(args.name)[0]).options
    given = {option: getattr(args, option.name) for option in known}
    return args, {o.name: o.parse(text) for o, text in given.items() if text is not None}


def main() -> int:
    """The command line; returns the exit code."""
    args, options = _arguments()
    prepared = None if args.overwrite else find_prepared(args.name, args.data_dir)
    path = prepared
    if path is None or not args.verify or args.manual_dir is not None:
        path = prepare(
            args.name,
            args.data_dir,
            args.manual_dir,
            jobs=args.jobs,
            max_skipped=args.max_skipped,
            overwrite=args.overwrite,
            beam_runner=args.beam_runner,
            beam_options=args.beam_options,
            **options,
        )
        if prepared:
            print("already prepared, left as it is:")
        print(building.summarise(path))
    if args.verify:
        print(building.verify(path, jobs=args.jobs))
    return 0


if __name__ == "__main__":
    run(main)
