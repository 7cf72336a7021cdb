"""The paper's tables from finished runs, and an ablation table of the same runs.

    python -m drr_jax.main --mode=report --runs='runs/*' [--reference=runs/drr] [--workdir=DIR]

Runs that differ in seed and fold alone are one row. A row stands beside the paper's printed figure
where the data set is the paper's, and beside the reference by paired differences.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from drr_jax import files, pages
from drr_jax.errors import InputError
from drr_jax.tables import across, grids, sections
from drr_jax.tables import files as tables_files
from drr_jax.tables import runs as tables_runs


def write_tables(patterns: Sequence[str], reference: str, workdir: Path) -> Path:
    """Writes tables.html, .md, .csv, .json and ablation.csv into `workdir`; returns the page.

    Models that were put on other data sets (`drr evaluate --on`) have a section of their own.
    Prints the Markdown. Folders that match but hold no finished run are named on stderr and left
    out. Raises InputError if none is left, if `reference`, the folder of a run (with "" one is
    chosen), is no finished run, or if `workdir` cannot be made or written.
    """
    models, damaged = across.read_across(patterns)
    asked = [*patterns, reference] if reference else patterns
    runs, skipped = tables_runs.read_runs(asked, [one.folder for one in models])
    skipped += damaged
    group = ""
    if reference:
        try:
            group = tables_runs.read_runs([reference])[0][0].group
        except InputError as error:
            raise InputError(f"--reference={reference}: {error}") from None
    built = sections.build(runs, group) if runs else []
    texts = [grids.text_of(section) for section in built]
    if models:
        texts.append(across.text_of(models))
    markdown = tables_files.markdown(texts, skipped)
    shown = {f"s{number}": (text.title, text) for number, text in enumerate(texts)}
    if skipped:
        shown["left-out"] = ("Left out", grids.Text("Left out", skipped))
    title = f"Results of {len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    if models:
        title += f", and {len(models)} on other data sets"
    page = pages.render("tables.html", title=title, sections=shown)
    written = {
        "tables.md": markdown,
        **tables_files.data_files(built, skipped, across.rows_of(models)),
    }
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--workdir={workdir} cannot be made: {error.strerror}") from None
    for name, content in (written | {"tables.html": page}).items():
        files.write_whole(workdir / name, content)
    # With a ? for what a terminal without Unicode lacks: the files have every sign.
    encoding = sys.stdout.encoding or "utf-8"
    print(markdown.encode(encoding, "replace").decode(encoding))
    for line in skipped:
        print(f"left out: {line}", file=sys.stderr)
    return workdir / "tables.html"
