"""What each loss term asked of the face's encoder, over the steps of training."""

from matplotlib.figure import Figure

from drr_jax import pages
from drr_jax.pages import INK, PALETTE, WIDTH, png
from drr_jax.report.figures import TERMS, Curves, label_steps, series

NORM, COSINE, WHOLE = "gradient/norm/", "gradient/cosine/", "total"


def gradient_terms(curves: Curves) -> list[str]:
    """The terms with a gradient on that encoder, as in R, graph, total; the whole loss last."""
    rows = [row for lines in curves.values() for row in lines]
    found = {key for row in rows for key, value in row.items() if key.startswith(NORM) and value}
    names = [key.removeprefix(NORM) for key in found]
    return sorted(names, key=lambda name: (name == WHOLE, name))


def gradient_figure(curves: Curves) -> bytes:
    """Norms of the terms' gradients, and their cosines with that of the face's own loss; a line a
    fold."""
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    norms, cosines = figure.subplots(1, 2)
    terms = gradient_terms(curves)
    colours = dict(zip(terms, PALETTE * len(terms), strict=False)) | {WHOLE: INK}
    for term in terms:
        said = TERMS.get("loss" if term == WHOLE else f"loss/{term}", pages.plain(term))
        for fold, lines in enumerate(curves.values()):
            for axis, kind in ((norms, NORM), (cosines, COSINE)):
                steps, values = series(lines, kind + term)
                marker = "o" if len(steps) < 12 else None
                label = said if fold == 0 else None
                axis.plot(
                    steps, values, color=colours[term], lw=1.6, marker=marker, ms=3, label=label
                )
    norms.set_yscale("log")
    cosines.set_ylim(-1.05, 1.05)
    titles = "norm of a term's gradient", "cosine with the gradient of the face's own loss"
    for axis, title in zip((norms, cosines), titles, strict=True):
        axis.set_title(title, loc="left", fontsize=10.5)
        label_steps(axis)
    pages.legend(figure)
    return png(figure)
