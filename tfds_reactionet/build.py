"""Turns a raw release into a prepared data set: python -m tfds_reactionet.build NAME[/CONFIG]."""

import argparse
import importlib
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drr_jax.errors import InputError, nearest, run
from tfds_reactionet.common import default_data_dir
from tfds_reactionet.parallel import cores
from tfds_reactionet.staging import (
    clean,
    disk_errors,
    is_complete,
    locked,
    replacing,
    user_error,
)
from tfds_reactionet.summary import read_metadata, summary


@dataclass(frozen=True)
class DataSet:
    """Where a data set's builder is and where its raw release is looked for by default."""

    module: str
    version: str
    configs: dict[str, str]  # config -> folder in <data_dir>/downloads/manual; the first is default
    demo: str | None = None  # module of the rendered release for config "demo"


DATA_SETS = {
    "reactionet": DataSet(
        module="tfds_reactionet.reactionet.reactionet_dataset_builder",
        version="1.0.0",
        configs={"full": "ReactioNet", "keyframes": "ReactioNet", "demo": "reactionet_demo"},
        demo="tfds_reactionet.reactionet.demo",
    ),
}


def resolve(name: str) -> tuple[str, str]:
    """("reactionet", "full") of "reactionet" or "reactionet/full".

    Raises InputError for an unknown data set or config, naming the nearest.
    """
    dataset, _, config = name.partition("/")
    if dataset not in DATA_SETS:
        raise InputError(f"unknown data set {dataset!r}; {nearest(dataset, tuple(DATA_SETS))}")
    configs = tuple(DATA_SETS[dataset].configs)
    if config and config not in configs:
        raise InputError(f"{dataset} has no config {config!r}; {nearest(config, configs)}")
    return dataset, config or configs[0]


def default_manual_dir(name: str, data_dir: str | os.PathLike | None = None) -> Path:
    """Where the raw release is looked for: <data_dir>/downloads/manual/ReactioNet."""
    dataset, config = resolve(name)
    folder = DATA_SETS[dataset].configs[config]
    return Path(data_dir or default_data_dir()) / "downloads" / "manual" / folder


def prepared_path(name: str, data_dir: str | os.PathLike | None = None) -> Path:
    """Where the prepared data set is or will be: <data_dir>/NAME/CONFIG/VERSION."""
    dataset, config = resolve(name)
    return Path(data_dir or default_data_dir(), dataset, config, DATA_SETS[dataset].version)


def find_prepared(name: str, data_dir: str | os.PathLike | None = None) -> Path | None:
    """The folder of a completely prepared data set, or None."""
    path = prepared_path(name, data_dir)
    return path if is_complete(path) else None


def prepare(
    name: str,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    *,
    jobs: int | None = None,
    progress: bool = True,
    max_skipped: float = 0.01,
    size: int | None = None,
    stimulus_delay_frames: int | None = None,
    overwrite: bool = False,
    beam_runner: str | None = None,
) -> Path:
    """Builds a data set unless it is there; returns the folder of the prepared set.

    `size` (default 256) and `stimulus_delay_frames` (default 0) may be None: a set that is there
    is then taken as it is. Config "demo" renders its raw release first if that is absent.

    Raises InputError for wrong input, for a set that is there but was built from something else
    (unless `overwrite`), and for a disk that is full or read-only. Nothing half written stays.
    """
    path = prepared_path(name, data_dir)
    options = {"size": size, "stimulus_delay_frames": stimulus_delay_frames}
    raw = Path(manual_dir) if manual_dir is not None else default_manual_dir(name, data_dir)
    check_options(max_skipped, jobs, size, stimulus_delay_frames)
    if not overwrite and find_prepared(name, data_dir):
        _check_same(path, name, raw, manual_dir is not None, options)
        return path
    rendered = manual_dir is None and not raw.exists() and _demo_module(name) is not None
    if not rendered:
        _builder_module(name).check_release(raw)
    with disk_errors(path), locked(path, progress):
        clean(path)
        if not overwrite and find_prepared(name, data_dir):  # another process has just built it
            _check_same(path, name, raw, manual_dir is not None, options)
            return path
        if rendered:
            demo = importlib.import_module(str(_demo_module(name)))
            demo.write_release(raw, jobs=jobs, progress=progress)
        _check_space(name, raw, path, size or 256)
        with replacing(path):
            builder = _builder(
                name,
                path.parents[2],
                max_skipped=max_skipped,
                jobs=jobs,
                progress=progress,
                **{key: value for key, value in options.items() if value is not None},
            )
            _download_and_prepare(builder, raw, beam_runner)
    return path


def check_options(
    max_skipped: float, jobs: int | None, size: int | None, stimulus_delay_frames: int | None
) -> None:
    """Raises InputError for an option out of range."""
    if not 0 <= max_skipped <= 1:
        raise InputError(f"max_skipped={max_skipped:g}, expected a share from 0 to 1")
    if jobs is not None and jobs < 1:
        raise InputError(f"jobs={jobs}, expected at least 1")
    if size is not None and not 8 <= size <= 4096:
        raise InputError(f"size={size}, expected 8 to 4096 pixels")
    if stimulus_delay_frames is not None and stimulus_delay_frames < 0:
        raise InputError(
            f"stimulus_delay_frames={stimulus_delay_frames}, expected at least 0: "
            "a reaction follows its stimulus"
        )


def _builder(name: str, data_dir: Path, **options: Any) -> Any:
    config = resolve(name)[1]
    return _builder_module(name).Builder(config=config, data_dir=data_dir, **options)


def _download_and_prepare(builder: Any, manual_dir: Path, beam_runner: str | None) -> None:
    import tensorflow_datasets as tfds

    beam: dict[str, Any] = {}
    if beam_runner is not None:
        beam = _beam_options(beam_runner)
    config = tfds.download.DownloadConfig(manual_dir=str(manual_dir), **beam)
    try:
        builder.download_and_prepare(download_config=config, file_format="array_record")
    except Exception as error:
        cause = user_error(error)
        if cause is None or cause is error:
            raise
        raise cause from error


def _beam_options(runner: str) -> dict[str, Any]:
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ModuleNotFoundError as error:
        raise InputError(
            "--beam_runner needs Apache Beam; install it: pip install 'drr-jax[beam]'"
        ) from error
    # Workers' exceptions are raised here again: their log would only bury that one line.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    return {"beam_runner": runner, "beam_options": PipelineOptions([])}


def _builder_module(name: str) -> Any:
    return importlib.import_module(DATA_SETS[resolve(name)[0]].module)


def _demo_module(name: str) -> str | None:
    dataset, config = resolve(name)
    return DATA_SETS[dataset].demo if config == "demo" else None


def _check_same(
    path: Path, name: str, raw: Path, explicit: bool, options: dict[str, int | None]
) -> None:
    """Raises InputError if a prepared set differs from what is asked for now."""
    metadata = read_metadata(path)
    remedy = "pass --overwrite to build it again, or another --data_dir"
    for key, value in options.items():
        if value is not None and value != metadata[key]:
            raise InputError(f"{path} was built with {key}={metadata[key]}, not {value}; {remedy}")
    if not raw.is_dir():
        if explicit:
            raise InputError(f"manual_dir {raw} does not exist, but {path} is built; leave it out")
        return
    if _builder_module(name).release_stamp(raw.resolve()) != metadata["built_from"]["stamp"]:
        raise InputError(
            f"{path} was built from {metadata['built_from']['manual_dir']}, "
            f"and {raw} holds something else now; {remedy}"
        )


def _check_space(name: str, raw: Path, path: Path, size: int) -> None:
    """Raises InputError if the disk certainly cannot hold the set."""
    needed = _builder_module(name).least_bytes(raw, size)
    free = shutil.disk_usage(path.parents[2]).free
    if free < needed:
        raise InputError(
            f"{path.parents[2]}: {free / 1e6:,.0f} MB free, the set needs about "
            f"{needed / 1e6:,.0f} MB; free some space or pass another --data_dir"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfds_reactionet.build",
        description=__doc__,
        epilog="Without data of your own: python -m tfds_reactionet.build reactionet/demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = "; ".join(f"{name}: {', '.join(data.configs)}" for name, data in DATA_SETS.items())
    parser.add_argument("name", metavar="NAME[/CONFIG]", help=f"data set and config ({names})")
    parser.add_argument(
        "--manual_dir",
        help="the raw release (default: DATA_DIR/downloads/manual/ReactioNet)",
    )
    parser.add_argument(
        "--data_dir", help="where prepared sets go (default: $DRR_DATA_DIR, or data)"
    )
    parser.add_argument("--jobs", type=int, help=f"processes (default: all cores, {cores()} here)")
    parser.add_argument(
        "--max_skipped",
        type=float,
        default=0.01,
        help="stop if more than this share of frames is unusable (default %(default)s); frames "
        "that OpenFace itself gave up on are listed, but do not count",
    )
    parser.add_argument("--size", type=int, help="side of the stored images (default: 256 pixels)")
    parser.add_argument(
        "--stimulus_delay_frames",
        type=int,
        help="pair reaction frame f with stimulus frame f - this (default: 0)",
    )
    parser.add_argument(
        "--beam_runner", help="build on Apache Beam, e.g. DirectRunner (extra: beam)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="read and check every record of the prepared set"
    )
    parser.add_argument("--overwrite", action="store_true", help="build again over a prepared set")
    return parser


def main() -> int:
    """The command line; returns the exit code."""
    args = _parser().parse_args()
    prepared = None if args.overwrite else find_prepared(args.name, args.data_dir)
    if args.verify and prepared and args.manual_dir is None:
        return _verify(prepared, args.jobs)
    path = prepare(
        args.name,
        args.data_dir,
        args.manual_dir,
        jobs=args.jobs,
        max_skipped=args.max_skipped,
        size=args.size,
        stimulus_delay_frames=args.stimulus_delay_frames,
        overwrite=args.overwrite,
        beam_runner=args.beam_runner,
    )
    if prepared:
        print("already prepared, left as it is:")
    print(summary(path))
    return _verify(path, args.jobs) if args.verify else 0


def _verify(prepared: Path, jobs: int | None) -> int:
    from tfds_reactionet.verify import verify

    print(verify(prepared, jobs=jobs))
    return 0


if __name__ == "__main__":
    run(main)
