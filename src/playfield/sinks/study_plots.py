"""Studies as pictures: aggregate scores with their intervals, and how fast they were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from playfield.score import Aggregates, Estimate
from playfield.sinks.plots import FAINT, INK, Stroke, dress, dress_frames, legend, stroke, subtitle
from playfield.types import Array

STATISTICS: Final = ("iqm", "median", "mean")
TITLES: Final = {"iqm": "IQM (interquartile mean)", "median": "median", "mean": "mean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatePanel:
    """Recipes under one protocol on one game, or on several whose scores were normalised."""

    title: str
    """Which games, which protocol, how many frames, runs and evaluated games."""
    unit: str
    rows: Mapping[str, Aggregates]
    """By recipe, in the order to draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyCurve:
    """The IQM of several runs as training goes on."""

    frames: Float[Array, "T"]
    iqm: Float[Array, "T"]
    band: Float[Array, "2 T"] | None
    """Low and high end of the interval; None where a game has a single run."""
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficiencyPanel:
    """Recipes under one protocol on one game, or on several whose scores were normalised."""

    title: str
    unit: str
    curves: Mapping[str, EfficiencyCurve]
    """By recipe, in the order to draw."""


def look_of(name: str, names: Sequence[str]) -> Stroke:
    """The look of a recipe, the same in every picture of a study; of bars the colour."""
    return stroke(list(names).index(name))


def _names(panels: Sequence[AggregatePanel] | Sequence[EfficiencyPanel]) -> list[str]:
    found = [panel.rows if isinstance(panel, AggregatePanel) else panel.curves for panel in panels]
    return list(dict.fromkeys(name for names in found for name in names))


def aggregate_bars(panels: Sequence[AggregatePanel], title: str) -> Figure:
    """IQM, median and mean side by side: a bar from end to end of each 95 % interval, a stroke at the value.

    Raises: ValueError for no panel.
    """
    if not panels:
        raise ValueError("There is no finished run to draw.")
    names = _names(panels)
    heights = [0.9 + 0.42 * len(panel.rows) for panel in panels]
    figure = Figure(figsize=(11.0, 1.0 + 1.15 * sum(heights)), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    about = "stroke: the value over runs; bar: 95 % stratified bootstrap interval, seeds resampled within each game"
    figure.suptitle(f"{title}\n{about}", x=0.01, ha="left", fontsize=9, color=INK)
    grid = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)
    for part, panel in zip(grid[:, 0], panels, strict=True):
        part.suptitle(panel.title, x=0.01, ha="left", fontsize=8, color=FAINT, wrap=True)
        columns = cast(Sequence[Axes], part.subplots(1, len(STATISTICS), sharey=True))
        for axes, statistic in zip(columns, STATISTICS, strict=True):
            estimates = {name: cast(Estimate, getattr(row, statistic)) for name, row in panel.rows.items()}
            _draw_bars(axes, estimates, names)
            axes.set_title(TITLES[statistic], loc="left", fontsize=10, color=INK)
            axes.set_xlabel(panel.unit, fontsize=9)
    return figure


def _draw_bars(axes: Axes, estimates: Mapping[str, Estimate], names: Sequence[str]) -> None:
    dress(axes)
    places = range(len(estimates))
    for place, (name, estimate) in zip(places, estimates.items(), strict=True):
        colour, interval = look_of(name, names).colour, estimate.interval
        if interval is not None:
            axes.barh(place, interval.high - interval.low, left=interval.low, height=0.55, color=colour, alpha=0.3)
        axes.vlines(estimate.value, place - 0.275, place + 0.275, color=colour, linewidth=3)
        text = f"{estimate.value:,.3g}" + ("" if interval else "  (no interval: one seed)")
        axes.annotate(
            text, (estimate.value, place + 0.3), fontsize=7.5, color=INK, ha="center", va="top", annotation_clip=False
        )
    axes.set_yticks(list(places), list(estimates), fontsize=9)
    axes.set_ylim(len(estimates) - 0.35, -0.5)  # the first recipe on top
    axes.use_sticky_edges = False  # a bar would else end at the edge of its axes and look cut off
    axes.margins(x=0.18)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def sample_efficiency(panels: Sequence[EfficiencyPanel], title: str) -> Figure:
    """The IQM of training scores over emulator frames, one panel for each game, bands from the bootstrap.

    Raises: ValueError for no panel.
    """
    if not panels:
        raise ValueError("There is no training episode to draw.")
    names, columns = _names(panels), min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(7.6 * columns, 0.6 + 4.4 * rows), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", weight="bold", color=INK)
    grid = [cast(Axes, axes) for axes in figure.subplots(rows, columns, squeeze=False).flat]
    for axes in grid[len(panels) :]:
        axes.remove()
    longest = max(float(curve.frames[-1]) for panel in panels for curve in panel.curves.values())
    for axes, panel in zip(grid, panels, strict=False):
        dress(axes)
        subtitle(axes, panel.title)
        for name, curve in panel.curves.items():
            (colour, dash), frames = look_of(name, names), curve.frames
            label = f"{name}, {curve.runs} run{'s' if curve.runs > 1 else ''}"
            axes.plot(frames, curve.iqm, color=colour, linestyle=dash, linewidth=2.0, label=label)
            if curve.band is not None:
                axes.fill_between(frames, curve.band[0], curve.band[1], color=colour, alpha=0.18, linewidth=0)
        dress_frames(axes, longest)
        axes.set_ylabel(panel.unit)
        legend(axes)
    return figure
