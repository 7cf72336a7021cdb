"""Draws where stimulus and caption help the face: what benchmarks/claims.py has found.

    python benchmarks/claims_figure.py --results=runs/claims --out=runs/claims.webp

A panel for each quality of faces and dominance of an event's emotion. Over the records that train
it shows how many points of F1 a row is above another on the same seeds, on people of the test part:
DRR of all domains above DRR of the face alone, DRR of all domains above DRR whose stimuli and
captions are of other tuples, and late fusion, which sees all domains at test, above the face alone.
Bars are Student's 95 % intervals over seeds, of each point for itself.
"""

import argparse
import io
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from drr_jax import errors, pages
from drr_jax.tables.stats import difference

PARTS = ("grid", "rows", "large")
CELL = ["quality", "dominance"]
DIFFERENCES = (
    ("drr", "r", "DRR: RST - R"),
    ("drr", "permuted", "DRR: RST - RST permuted"),
    ("late_fusion", "face", "late fusion of RST - face alone"),
)


def read(folder: Path) -> pd.DataFrame:
    """All runs of the parts that are there."""
    paths = [path for part in PARTS if (path := folder / f"{part}.csv").is_file()]
    return pd.concat(map(pd.read_csv, paths), ignore_index=True)


def gains(cell: pd.DataFrame, row: str, reference: str) -> pd.DataFrame:
    """By records: the mean difference in points, and half the width of its interval."""
    lines = []
    for records, runs in cell.groupby("records"):
        scores = 100 * runs.pivot_table(index="seed", columns="row", values="f1_mean")
        if {row, reference} <= {*scores}:
            pairs = scores[[row, reference]].dropna()
            found = difference(pairs[[row]].to_numpy(), pairs[[reference]].to_numpy())
            lines.append((records, found.mean, found.half_width or 0.0))
    return pd.DataFrame(lines, columns=["records", "mean", "half"])


def panel(axis: Axes, cell: pd.DataFrame) -> None:
    """The differences of one quality and dominance."""
    for number, (row, reference, label) in enumerate(DIFFERENCES):
        found = gains(cell, row, reference)
        at = found["records"] * 1.06 ** (number - 1)  # side by side
        colour = pages.PALETTE[number]
        axis.errorbar(
            at, found["mean"], found["half"], fmt="o-", ms=3, lw=1, color=colour, label=label
        )
    floor = 100 * cell["always_yes"].mean()
    face = 100 * cell.loc[cell["row"] == "face", "f1_mean"].groupby(cell["records"]).mean()
    axis.axhline(0, color=pages.GREY, lw=0.8)
    axis.set_xscale("log")
    axis.set_xticks([*face.index], [f"{n:,}\n{f1:.0f}" for n, f1 in face.items()], fontsize=8)
    axis.minorticks_off()
    quality, dominance = cell[CELL].iloc[0]
    title = f"quality {quality:g}, dominance {dominance:g} (always yes {floor:.0f})"
    axis.set_title(title, loc="left", fontsize=9)
    pages.tidy(axis)


def drawn(runs: pd.DataFrame) -> Figure:
    """A row of panels for each dominance, a column for each quality."""
    cells: dict[tuple[float, float], pd.DataFrame] = dict(iter(runs.groupby(CELL)))
    qualities = sorted({quality for quality, _ in cells}, reverse=True)
    dominances = sorted({dominance for _, dominance in cells}, reverse=True)
    figure = Figure(figsize=(pages.WIDTH, 1 + 2.2 * len(dominances)), layout="constrained")
    grid = figure.subplots(len(dominances), len(qualities), sharey=True, squeeze=False)
    for axes, dominance in zip(grid, dominances, strict=True):
        for axis, quality in zip(axes, qualities, strict=True):
            if (quality, dominance) in cells:
                panel(axis, cells[quality, dominance])
        axes[0].set_ylabel("points of F1", fontsize=9)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    figure.supxlabel("records that train; below them F1 of the face alone, in percent", fontsize=9)
    return figure


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, required=True, help="folder of grid.csv")
    parser.add_argument("--out", type=Path, required=True, help="the picture")
    args = parser.parse_args()
    with Image.open(io.BytesIO(pages.png(drawn(read(args.results))))) as image:
        image.save(args.out, quality=90)


if __name__ == "__main__":
    errors.run(main)
