"""Where a run's time went, as bars: all of it, and that of a step."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drr_jax.pages import BLUE, GREY, INK, ORANGE, PALETTE, WIDTH, png

# Phases of run.json's "time", as they stand in the bars; start-up is shown as one.
START = ("import", "data", "devices", "init")
STEP = {"input": "waiting for input", "step": "step on the device", "host": "host"}
REST = {"start": "start", "compile": "compilation", "evaluation": "evaluation"}
REST |= {"checkpoint": "checkpoints", "profile": "profile"}
COLOURS = {"step": BLUE, "input": ORANGE, "host": PALETTE[3], "evaluation": PALETTE[2]}
COLOURS |= {"checkpoint": PALETTE[4], "profile": PALETTE[5], "compile": GREY, "start": INK}
SHOWN = 0.06  # share of a bar that has room for its number


def bars(time: Mapping[str, float], steps: int) -> dict[str, dict[str, float]]:
    """Seconds by phase of the whole run, and of one of its `steps`, which are all that it took."""
    run = {"step": time.get("step", 0.0), "input": time.get("input", 0.0)}
    run |= {name: time.get(name, 0.0) for name in ("host", "evaluation", "checkpoint", "compile")}
    if time.get("profile"):
        run["profile"] = time["profile"]
    run["start"] = sum(time.get(name, 0.0) for name in START)
    return {"run": run, "step": {name: run[name] / max(steps, 1) for name in STEP}}


def time_figure(time: Mapping[str, float], steps: int) -> bytes:
    """Two bars, each as long as the page: of the run and of a step."""
    figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
    axes = figure.subplots(2, 1)
    for axis, (what, seconds) in zip(axes, bars(time, steps).items(), strict=True):
        _bar(axis, what, seconds)
    # One legend for both: the first bar has every phase.
    handles, labels = axes[0].get_legend_handles_labels()
    place = {"loc": "outside upper right", "ncols": 7, "frameon": False, "fontsize": 9.5}
    figure.legend(handles, labels, **place)
    return png(figure)


def _bar(axis: Axes, what: str, seconds: Mapping[str, float]) -> None:
    total = sum(seconds.values()) or 1.0
    left = 0.0
    for name, value in seconds.items():
        share = value / total
        label = (STEP | REST)[name]
        axis.barh(0, share, left=left, color=COLOURS[name], label=label, ec="white", lw=1)
        if share >= SHOWN:
            light = {"color": "white", "ha": "center", "va": "center", "fontsize": 9.5}
            axis.text(left + share / 2, 0, f"{amount(value)}\n{share:.0%}", **light)
        left += share
    axis.set(xlim=(0, 1), yticks=[], xticks=[])
    axis.set_title(f"{what}: {amount(total)}", loc="left", fontsize=10.5)
    axis.spines[:].set_visible(False)


def amount(seconds: float) -> str:
    """A time as it is read: "1.2 ms", "3.4 s", "12 min", "1.5 h"."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
