"""The paper's tables from finished runs, and an ablation table of the same runs.

    python -m drr_jax.main --mode=report --runs='runs/*' [--reference=runs/drr] [--workdir=DIR]

Runs that differ in seed and fold alone are one row. A row stands beside the paper's printed figure
where the data set is the paper's, and beside the reference by paired differences.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from drr_jax import pages
from drr_jax.errors import InputError
from drr_jax.tables import files as tables_files
from drr_jax.tables import grids as tables_grids
from drr_jax.tables import runs as tables_runs
from drr_jax.tables import sections as tables_sections
from drr_jax.tables.grids import Text


def write_tables(patterns: Sequence[str], reference: str, workdir: Path) -> Path:
    """Writes tables.html, .md, .csv, .json and ablation.csv into `workdir`; returns the page.

    Prints the Markdown. Folders that match but hold no finished run are named on stderr and left
    out. Raises InputError if none is left, or if `reference`, the folder of a run (with "" one is
    chosen), is no finished run.
    """
    runs, skipped = tables_runs.read_runs([*patterns, reference] if reference else patterns)
    group = ""
    if reference:
        try:
            group = tables_runs.read_runs([reference])[0][0].group
        except InputError as error:
            raise InputError(f"--reference={reference}: {error}") from None
    sections = tables_sections.build(runs, group)
    texts = [tables_grids.text_of(section) for section in sections]
    markdown = tables_files.markdown(texts, skipped)
    tables_files.write(
        workdir,
        {
            "tables.md": markdown,
            "tables.csv": tables_files.systems_csv(sections),
            "ablation.csv": tables_files.contrasts_csv(sections),
            "tables.json": tables_files.as_json(sections, skipped),
            "tables.html": _page(texts, len(runs), skipped),
        },
    )
    _print(markdown)
    for line in skipped:
        print(f"left out: {line}", file=sys.stderr)
    return workdir / "tables.html"


def _page(texts: Sequence[Text], runs: int, skipped: Sequence[str]) -> str:
    sections = {f"s{number}": (text.title, text) for number, text in enumerate(texts)}
    if skipped:
        sections["left-out"] = ("Left out", Text("Left out", False, "", (), tuple(skipped)))
    title = f"Results of {runs} {'run' if runs == 1 else 'runs'}"
    return pages.render("tables.html", title=title, sections=sections)


def _print(text: str) -> None:
    """Prints with a ? for what a terminal without Unicode lacks: the files have every sign."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
