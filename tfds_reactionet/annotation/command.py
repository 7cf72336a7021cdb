"""The semi-automatic annotation's checks (supplement 1.4, 1.5, 1.7): what to review, and results.

suspicious    AU labels that jump between neighbouring frames, as a list for an expert
merge         the expert's corrections back onto the automatic labels
kappa         agreement of several coders, as in Table 2
demographics  DeepFace.analyze results, as in Table 1
"""

import argparse
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from drr_jax.arguments import Parser
from drr_jax.cells import csv_lines, table_csv
from drr_jax.errors import InputError
from tfds_reactionet.annotation import agreement, demographics, review, suspicious
from tfds_reactionet.annotation.suspicious_sheet import Strongest, sheet
from tfds_reactionet.building import csv_text, refuse_existing, write_files


def _suspicious(args: argparse.Namespace) -> None:
    if not args.intensity > 0 or args.count < 1 or args.episodes < 0:
        raise InputError(
            f"--intensity={args.intensity:g} --count={args.count} --episodes={args.episodes}: "
            "expected intensity > 0, count >= 1, episodes >= 0"
        )
    out = Path(args.out)
    refuse_existing(out, "review.csv", "counts.csv", "contact_sheet.html")
    files = [Path(args.csv)] if args.csv else suspicious.find_files(Path(args.folder))
    faces = []
    # As text: a row of cells takes twenty times the memory, and a release has a million frames.
    lines, strongest = [csv_lines([review.REVIEW_COLUMNS])], Strongest(args.episodes)
    for path in tqdm(files, desc="checking", unit=" files", disable=len(files) < 20):
        for flagged in suspicious.check(path, args.intensity, args.count):
            lines.append(csv_lines(review.review_rows(flagged)))
            strongest.add(flagged)
            faces.append((flagged.key, suspicious.counts(flagged)))
    counts = suspicious.by_folder(faces)
    total = counts.loc[counts["level"] == "all", list(suspicious.COUNTS)].sum()
    share = total.suspicious_frames / total.frames if total.frames else 0.0
    summary = (
        f"{total.suspicious_frames:,} of {total.frames:,} frames suspicious ({share:.2%}) in "
        f"{len(files)} files: {total.suspicious_pairs:,} of {total.pairs:,} neighbour pairs, "
        f"{total.by_difference:,} by D >= {args.intensity:g}, {total.by_change:,} by "
        f"T >= {args.count}; {total.gaps:,} gaps are no pairs"
    )
    write_files(
        out,
        {
            "review.csv": "".join(lines),
            "counts.csv": table_csv(counts, index=False),
            "contact_sheet.html": sheet(strongest, args.intensity, args.count, summary),
        },
    )
    print(summary)
    print(f"written to {out}: review.csv, counts.csv, contact_sheet.html")


def _merge(args: argparse.Namespace) -> None:
    out = Path(args.out)
    refuse_existing(out.parent, out.name)
    merged = review.merge(Path(args.review), Path(args.keyframes) if args.keyframes else None)
    if not merged.reviewed and not merged.kept:
        raise InputError(f"{args.review}: no row has a reviewer; fill that column and the AUs")
    write_files(out.parent, {out.name: merged.text})
    print(
        f"{out}: {merged.reviewed} reviewed frames ({merged.changed_labels} AU labels differ from "
        f"OpenFace) and {merged.key_frames} key frames; {merged.open} rows not reviewed"
        + (f"; {merged.kept} reviewed frames are key frames and keep those" if merged.kept else "")
    )
    print("put it in place of labels/keyframes.csv to build with these labels")


def _kappa(args: argparse.Namespace) -> None:
    found = agreement.read_agreement([Path(file) for file in args.files])
    text = csv_text(agreement.AGREEMENT_COLUMNS, (task.cells() for task in found.tasks))
    if args.out:
        refuse_existing(Path(args.out), "kappa.csv")
        write_files(Path(args.out), {"kappa.csv": text})
    print(
        f"{len(args.files)} coders, {found.common} frames coded by all"
        + (f", {found.single} left out by some" if found.single else "")
    )
    print(f"{'task':<10} {'Cohen':>7} {'Fleiss':>7} {'frames':>7} {'paper':>6}")
    for task in found.tasks:
        _, _, name, cohen, fleiss, frames, _, paper = task.cells()
        print(f"{name:<10} {cohen or '-':>7} {fleiss or '-':>7} {frames:>7} {paper:>6}")


def _demographics(args: argparse.Namespace) -> None:
    people = [p for file in args.files for p in demographics.read_deepface(Path(file))]
    named = Counter(person.subject for person in people).most_common(1)
    if named and named[0][1] > 1:
        raise InputError(
            f"subject {named[0][0]!r} occurs twice in the files; expected one result each"
        )
    rows = demographics.table_rows(people)
    if args.out:
        refuse_existing(Path(args.out), "subjects.csv", "table1.csv")
        ages = ["unknown" if person.age is None else f"{person.age:g}" for person in people]
        listed = [(p.subject, a, p.race or "unknown") for p, a in zip(people, ages, strict=True)]
        header = ("subject", "age", "dominant_race")
        write_files(
            Path(args.out),
            {
                "subjects.csv": csv_text(header, listed),
                "table1.csv": csv_text(("attribute", "group", "number", "paper"), rows),
            },
        )
    print(f"{len(people)} subjects")
    for attribute, group, number, paper in rows:
        print(f"{attribute:<10} {group:<16} {number:>6}   paper {paper:>4}")


def _parser() -> Parser:
    parser = Parser("python -m tfds_reactionet.annotation", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    jumps = commands.add_parser(
        "suspicious",
        help="list frames whose automatic AU labels jump",
        description="Equation (1): neighbouring frames are suspicious when the sum of absolute AU "
        "intensity differences D, or the change T of the number of occurring AUs, reaches a "
        "threshold. Writes review.csv (one row a frame, to be filled in), counts.csv (by folder "
        "and sequence) and contact_sheet.html.",
    )
    source = jumps.add_mutually_exclusive_group(required=True)
    source.add_argument("--csv", help="one OpenFace CSV")
    source.add_argument("--folder", help="a release or part of one: all openface.csv below it")
    jumps.add_argument(
        "--intensity", type=float, default=suspicious.INTENSITY, help="D (default %(default)s)"
    )
    jumps.add_argument(
        "--count", type=int, default=suspicious.COUNT, help="T (default %(default)s)"
    )
    jumps.add_argument(
        "--episodes",
        type=int,
        default=100,
        help="most episodes on the contact sheet, strongest first (default %(default)s)",
    )
    jumps.add_argument("--out", required=True, help="folder to write to")
    jumps.set_defaults(command=_suspicious)

    joined = commands.add_parser(
        "merge",
        help="apply a filled review list",
        description="Writes labels in the format of labels/keyframes.csv: the key frames, and the "
        "reviewed rows of a review list with the expert's codes; OpenFace's own codes stay beside "
        "them in columns automatic_AU1 and so on. Rows without a reviewer stay automatic.",
    )
    joined.add_argument("--review", required=True, help="the filled review.csv")
    joined.add_argument("--keyframes", help="the release's labels/keyframes.csv, to keep its rows")
    joined.add_argument("--out", required=True, help="the CSV to write; it must not exist")
    joined.set_defaults(command=_merge)

    kappa = commands.add_parser(
        "kappa",
        help="agreement of coders",
        description="Mean pairwise Cohen's kappa and Fleiss' kappa for every expression and AU.",
    )
    kappa.add_argument(
        "files", nargs="+", metavar="CSV", help="one file a coder, formatted as keyframes.csv"
    )
    kappa.add_argument("--out", help="folder for kappa.csv")
    kappa.set_defaults(command=_kappa)

    people = commands.add_parser(
        "demographics",
        help="age and ethnicity from DeepFace results",
        description="Counts subjects in Table 1's bins. A file is the JSON of DeepFace.analyze "
        "results: one result, a list with an entry a subject, or an object from subject to result.",
    )
    people.add_argument("files", nargs="+", metavar="JSON", help="DeepFace.analyze results")
    people.add_argument("--out", help="folder for subjects.csv and table1.csv")
    people.set_defaults(command=_demographics)
    return parser


def main() -> int:
    """The command line; returns the exit code."""
    args = _parser().parse_args()
    args.command(args)
    return 0
