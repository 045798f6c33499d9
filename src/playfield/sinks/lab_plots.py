"""Curves and surfaces of the lab as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes as Panel
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from playfield.linear.charts import Axes, Curve, Surface
from playfield.sinks.plots import INK, dress, legend, stroke, subtitle

MOST_INSIDE = 8
"""Curves whose names have room inside the axes."""

MOST_MARKED = 40
"""Points of a curve that are marked one by one; longer curves are lines alone."""


def curves_picture(axes: Axes, curves: Sequence[Curve], about: str) -> Figure:
    """The curves with their standard errors; `about` says what was played."""
    figure = Figure(figsize=(8.5, 5.2), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    for number, curve in enumerate(curves):
        draw_curve(panel, number, curve)
    dress(panel)
    figure.suptitle(axes.title, x=0.01, ha="left", fontsize=11, color=INK)
    subtitle(panel, about)
    panel.set_xlabel(axes.x, fontsize=9)
    panel.set_ylabel(axes.y, fontsize=9)
    if axes.logarithmic:
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(ScalarFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 4.0)))
    if axes.y_limits is not None:
        panel.set_ylim(*axes.y_limits)
    if len(curves) > MOST_INSIDE:
        panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    elif curves:
        legend(panel)
    return figure


def draw_curve(panel: Panel, number: int, curve: Curve) -> None:
    """A curve as a line, with its standard error as a band."""
    look = stroke(number)
    x = np.array([point.x for point in curve.points])
    mean = np.array([point.mean for point in curve.points])
    error = np.array([point.standard_error for point in curve.points])
    few = len(x) <= MOST_MARKED
    panel.plot(
        x, mean, color=look.colour, linestyle=look.dash, linewidth=1.3, marker="o" if few else None, markersize=3,
        label=curve.label,
    )  # fmt: skip
    if np.isfinite(error).any():
        panel.fill_between(x, mean - error, mean + error, color=look.colour, alpha=0.2, linewidth=0)


def surfaces_picture(axes: Axes, surfaces: Sequence[Surface], about: str) -> Figure:
    """The surfaces side by side."""
    columns = 3
    rows = max(1, -(-len(surfaces) // columns))
    figure = Figure(figsize=(4.2 * columns, 3.9 * rows + 0.6), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{axes.title}\n{about}", x=0.01, ha="left", fontsize=10, color=INK)
    for number, surface in enumerate(surfaces):
        # Three-dimensional axes have no complete types.
        panel = cast(Any, figure.add_subplot(rows, columns, number + 1, projection="3d"))
        x, y = np.meshgrid(surface.x, surface.y)
        panel.plot_surface(x, y, surface.height, cmap="viridis", linewidth=0, antialiased=True)
        panel.set_title(f"{surface.label}, highest {surface.height.max():.0f}", fontsize=9)
        panel.set_xlabel(axes.x, fontsize=8)
        panel.set_ylabel(axes.y, fontsize=8)
        panel.tick_params(labelsize=7)
    return figure
