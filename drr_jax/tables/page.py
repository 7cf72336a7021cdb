"""The tables as one self-contained HTML page, in the style of a run's report."""

from collections.abc import Sequence
from html import escape

from drr_jax import pages
from drr_jax.tables.grids import DRAWN, Grid, Text
from drr_jax.tables.stats import Difference

WIDTH, HEIGHT, MARGIN = 160, 18, 8  # of a drawn interval, pixels
STYLE = """<style>
body { max-width: 1280px; }
table.runs td, table.runs th { padding-right: 16px; }
table.runs td:first-child { min-width: 210px; }
table.runs th.n { white-space: normal; }
tr.paper td { color: #59616e; font-style: italic; }
tr.floor td { color: #59616e; border-top: 1px solid #8a8f98; }
tr.reference td { background: #eef5fa; }
td.drawn, th.drawn { padding-left: 8px; } td.drawn svg { display: block; }
ul.notes { font-size: 13.5px; color: #59616e; padding-left: 20px; max-width: 100ch; }
</style>"""
RENDERED = (
    '<p class="warning"><b>Rendered demo: not comparable with the paper.</b> A program drew these '
    "faces, stimuli and captions. Differences between systems hold for these pictures and say "
    "nothing about real faces.</p>"
)


def page(texts: Sequence[Text], runs: int, skipped: Sequence[str]) -> str:
    """The whole page: a section a data set, task and set of classes, then what was left out."""
    title = f"Results of {runs} {'run' if runs == 1 else 'runs'}"
    links = [f'<a href="#s{i}">{escape(text.title)}</a>' for i, text in enumerate(texts)]
    says = "One seed on one fold is a run. Runs that differ in seed and fold alone are one row."
    body = [STYLE, f"<h1>{title}</h1>", pages.text(says, "quiet"), f"<nav>{' '.join(links)}</nav>"]
    body += [pages.section(f"s{i}", text.title, *_parts(text)) for i, text in enumerate(texts)]
    if skipped:
        body.append(pages.section("left-out", "Left out", _notes(skipped)))
    return pages.page(title, body)


def _parts(text: Text) -> list[str]:
    parts = [RENDERED] if text.rendered else []
    parts.append(pages.text(text.intro, "quiet"))
    for grid in text.grids:
        parts += [f"<h3>{escape(grid.title)}</h3>", pages.text(grid.says, "quiet"), _table(grid)]
    return [*parts, _notes(text.notes)] if text.notes else parts


def _notes(notes: Sequence[str]) -> str:
    return f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul>'


def _table(grid: Grid) -> str:
    """A table; where its lines have differences, one more column draws those of the first score."""
    differences = [line.difference for line in grid.lines if line.difference]
    reach = max((_reach(difference) for difference in differences), default=0.0)

    def cells(values: Sequence[str], tag: str, drawn: str) -> str:
        row = [
            f'<{tag} class="{"" if i < grid.words else "n"}">{escape(value)}</{tag}>'
            for i, value in enumerate(values)
        ]
        if differences:
            row.insert(DRAWN, f'<{tag} class="drawn">{drawn}</{tag}>')
        return "".join(row)

    rows = [
        f'<tr class="{line.kind}">'
        + cells(line.cells, "td", _drawn(line.difference, reach) if line.difference else "")
        + "</tr>"
        for line in grid.lines
    ]
    scale = f"{-100 * reach:+.1f} to {100 * reach:+.1f} points" if differences else ""
    head = cells(grid.head, "th", scale)
    return (
        f'<div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>\n<tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
    )


def _reach(difference: Difference) -> float:
    return abs(difference.mean) + (difference.half_width or 0.0)


def _drawn(difference: Difference, reach: float) -> str:
    """The mean as a dot, the interval as a line, zero as a tick; grey where zero is inside."""
    colour = pages.GREY
    if difference.decided:
        colour = pages.BLUE if difference.mean > 0 else pages.RED

    def x(value: float) -> float:
        return WIDTH / 2 + value / (reach or 1.0) * (WIDTH / 2 - MARGIN)

    middle = HEIGHT / 2
    marks = [f'<line x1="{WIDTH / 2}" x2="{WIDTH / 2}" y1="0" y2="{HEIGHT}" stroke="{pages.INK}"/>']
    if difference.interval:
        low, high = (f"{x(end):.1f}" for end in difference.interval)
        marks.append(
            f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" stroke="{colour}" '
            'stroke-width="2"/>'
        )
    marks.append(f'<circle cx="{x(difference.mean):.1f}" cy="{middle}" r="4" fill="{colour}"/>')
    label = f"{100 * difference.mean:+.2f} points"
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(marks)}</svg>"
    )
