"""Which rows of a study differ from one of them: paired by seed, corrected for how many they are.

    python benchmarks/differences.py results/suspects.csv --reference=drr --out=differences.csv

reads the CSV that benchmarks/rows.py writes and prints a table for docs/: the mean score of every
row over its seeds (each the mean over its folds), the difference from the reference on the same
seeds with Student's 95 % interval, and p of Holm's correction over all rows (Holm, 1979). Scores
are in percent; --markdown prints them as docs/ has them. --score says which: `f1` of the test part
at threshold 0.5; `ap` of the test part, average precision, which no threshold enters; or
`validation`, F1 of the people who chose the checkpoint, by which a design may be chosen.
"""

import argparse
from pathlib import Path

import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from drr_jax import errors
from drr_jax.tables.stats import difference

SCORES = {"f1": "f1_mean", "ap": "ap_mean", "validation": "validation_score"}
NAMES = {"f1": "F1", "ap": "AP", "validation": "F1, validation"}


def by_seed(path: Path, score: str) -> pd.DataFrame:
    """Mean scores of a study's folds in percent, a line a seed and a column a row.

    A run that lacks a fold counts as not there yet.
    """
    table = pd.read_csv(path)
    whole = table.groupby(["row", "seed"], sort=False)[score].agg(["mean", "count"])
    whole = whole.loc[whole["count"] == table["fold"].nunique(), "mean"]
    return 100 * whole.unstack("row").sort_index()


def differences(scores: pd.DataFrame, reference: str) -> pd.DataFrame:
    """A line a row: its mean, and how much it is above `reference` on the seeds that both have."""
    lines = []
    for row in scores:
        line = {"row": row, "seeds": int(scores[row].count()), "mean": scores[row].mean()}
        pairs = scores[[row, reference]].dropna() if row != reference else scores.iloc[:0]
        if len(pairs):
            found = difference(pairs[[row]].to_numpy(), pairs[[reference]].to_numpy())
            line |= {"pairs": found.seeds, "difference": found.mean}
            if found.interval:
                low, high = found.interval
                p = stats.ttest_rel(pairs[row], pairs[reference]).pvalue
                line |= {"low": low, "high": high, "p": p}
        lines.append(line)
    table = pd.DataFrame(lines)
    if "p" in table and (known := table["p"].notna()).any():
        table.loc[known, "p_holm"] = multipletests(table.loc[known, "p"], method="holm")[1]
    return table.sort_values("mean", ascending=False, ignore_index=True)


def markdown(table: pd.DataFrame, score: str) -> str:
    """The table as docs/ has it."""
    lines = [
        f"| row | seeds | {NAMES[score]} | difference | 95 % interval | p, Holm |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for line in table.to_dict("records"):
        cells = [f"`{line['row']}`", str(line["seeds"]), f"{line['mean']:.1f}", "", "", ""]
        if line.get("pairs", 0) > 0:
            cells[3] = f"{line['difference']:+.1f}"
        if pd.notna(line.get("low", None)):
            cells[4] = f"{line['low']:+.1f} to {line['high']:+.1f}"
            cells[5] = f"{line['p_holm']:.3f}"
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, help="the CSV of benchmarks/rows.py")
    parser.add_argument("--reference", default="drr", help="the row that the others are held to")
    parser.add_argument("--score", choices=SCORES, default="f1", help="(default: f1)")
    parser.add_argument("--out", type=Path, help="the table as CSV")
    parser.add_argument("--markdown", action="store_true", help="print it as docs/ has it")
    args = parser.parse_args()
    scores = by_seed(args.rows, SCORES[args.score])
    if args.reference not in scores:
        parser.error(f"{args.rows}: no row {args.reference!r}, but {', '.join(scores)}")
    table = differences(scores, args.reference)
    if args.out:
        table.to_csv(args.out, index=False, float_format="%.4f")
    if args.markdown:
        print(markdown(table, args.score))
        return
    print(table.round({"p": 4, "p_holm": 4}).round(2).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    errors.run(main)
