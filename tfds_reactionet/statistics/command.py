"""The tables and figures of a data set, after the ReactioNet paper's supplement, on one page.

Figure 1 (scenes), Table 1 (demographics), Figure 4 (less frequent AUs beside other sets), Figure 5
(AU occurrence), Table 2 (agreement of coders), Figure 6 (words by AU), AU co-occurrence beside the
relation prior, AU intensities, the delay of reactions (section 4), and of a rendered release what
stimulus and caption could add to a face. Behind every picture lie a PNG and a CSV.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drr_jax import pages
from drr_jax.arguments import Parser
from drr_jax.errors import InputError
from tfds_reactionet import annotation
from tfds_reactionet.annotation import read_people
from tfds_reactionet.build import find_prepared, prepared_path
from tfds_reactionet.building import write_files
from tfds_reactionet.reactionet import DEMOGRAPHICS
from tfds_reactionet.statistics import sections
from tfds_reactionet.statistics.counts import count_records
from tfds_reactionet.statistics.study import Study, read_set
from tfds_reactionet.statistics.words import stop_words

SECTIONS: dict[str, tuple[str, Callable[[Study], sections.Shown]]] = {
    "scenes": ("Scenes, tasks and sequences (Figure 1)", sections.scenes),
    "demographics": ("Demographics (Table 1)", sections.demographics),
    "rare": ("Less frequent action units (Figure 4)", sections.rare),
    "occurrence": ("AU occurrence (Figure 5)", sections.occurrence),
    "kappa": ("Agreement of coders (Table 2)", sections.kappa),
    "words": ("Words of the captions (Figure 6)", sections.words),
    "relations": ("AU co-occurrence and the relation prior", sections.relations),
    "intensity": ("AU intensity", sections.intensity),
    "delay": ("Reaction delay", sections.delay),
    "headroom": ("Headroom of stimulus and caption (rendered releases)", sections.headroom),
}


def write_statistics(args: argparse.Namespace) -> Path:
    """Writes index.html and the PNG and CSV files behind it to `args.out`; returns the page's path.

    `args` are those of `main`. Raises InputError for a set that is not prepared or damaged, and for
    wrong label files; nothing is written then.
    """
    if not 1 <= args.max_lag <= 10_000:
        raise InputError(f"max_lag={args.max_lag}, expected 1 to 10000 frames")
    prepared = _prepared(args.name, args.data_dir)
    metadata = read_set(prepared)
    paths = [_prepared(other, args.data_dir) for other in args.beside]
    others = {_full_name(path): read_set(path) for path in paths if path != prepared}
    agreed = annotation.read_agreement(args.coders) if args.coders else None
    demographics = _release(metadata, args.manual_dir) / DEMOGRAPHICS
    people = read_people(demographics) if demographics.is_file() else []
    stop_words()  # a missing package is an error before the records are read, not after
    counts = count_records(prepared, metadata, args.jobs)
    study = Study(
        *(_full_name(prepared), prepared, metadata, counts, others, agreed),
        *(demographics, people, args.max_lag),
    )
    parts = metadata["parts"].values()
    counted = {
        "frames": study.records,
        "labelled by hand": study.counts.manual_records,
        "sequences": len(study.sequences),
        "subjects": len({subject for part in parts for subject in part["subjects"]}),
        "action units": len(study.au_names),
    }
    page = pages.render(
        "statistics.html",
        title=f"Statistics of {study.name}",
        study=study,
        numbers=[(f"{number:,}", what) for what, number in counted.items()],
        sections={
            key: (title, section(study))
            for key, (title, section) in SECTIONS.items()
            if key != "headroom" or "rendering" in metadata  # nobody knows it of recordings
        },
    )
    write_files(args.out, {**study.files, "index.html": page})
    return args.out / "index.html"


def _prepared(name: str, data_dir: str | None) -> Path:
    path = find_prepared(name, data_dir)
    if path is None:
        raise InputError(
            f"{name} is not prepared in {prepared_path(name, data_dir)}; build it: "
            f"python -m tfds_reactionet.build {name}, or name another --data_dir"
        )
    return path


def _full_name(prepared: Path) -> str:
    return "/".join(prepared.parts[-3:-1])


def _release(metadata: Any, manual_dir: str | None) -> Path:
    """The folder of the raw release that holds labels/, where it is or should be."""
    if manual_dir is not None and not Path(manual_dir).is_dir():
        raise InputError(f"manual_dir {manual_dir} does not exist; expected the raw release")
    root = Path(manual_dir or metadata["built_from"]["manual_dir"])
    inner = root / "ReactioNet"
    return inner if not (root / "labels").is_dir() and inner.is_dir() else root


def main() -> int:
    """The command line; returns the exit code."""
    parser = Parser("python -m tfds_reactionet.statistics", description=__doc__)
    parser.add_argument("name", metavar="NAME[/CONFIG]", help="a prepared data set")
    parser.add_argument("--data_dir", help="where prepared sets are (default: $DRR_DATA_DIR, data)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the page and its files")
    parser.add_argument(
        "--beside", nargs="+", default=[], metavar="NAME", help="prepared sets to show in Figure 4"
    )
    coders = {"type": Path, "metavar": "CSV", "help": "coders' key-frame files (Table 2)"}
    parser.add_argument("--coders", nargs="+", default=[], **coders)
    parser.add_argument("--manual_dir", help="the raw release (default: where the set was built)")
    parser.add_argument(
        "--max_lag", type=int, default=50, help="longest delay in frames (default %(default)s)"
    )
    parser.add_argument("--jobs", type=int, help="processes (default: all cores)")
    print(f"written: {write_statistics(parser.parse_args())}")
    return 0
