"""A sweep as pictures and as a printed table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure as Picture
from rich.console import Console

from playfield.cli.lab.sweep_cells import LAST, MEASURES, Found, Sweep
from playfield.cli.lab.tables import about_runs, ran_away
from playfield.cli.sheets import Sheet
from playfield.linear.charts import Axes, Curve, Point
from playfield.settings import setting_text
from playfield.sinks.lab_plots import curves_picture
from playfield.types import Array

MOST_CURVES = 12
"""Lines that a picture shows; of more, the best."""

WIDE = 4.0
"""How many times the smallest size of a measure its largest is where the axis is logarithmic."""

MOST_POINTS = 100
"""Points of a learning curve in a picture; of more episodes, each is the mean of some."""

MOST_ROWS = 20
"""Cells in the printed table; of more, the best."""

MOST_NOTES = 3
"""Cells that ran away and are told in full."""


def _title(sweep: Sweep) -> str:
    setup = sweep.cells[0].setup
    return f"{type(setup.learner).__name__} on {setup.world.name} over {', '.join(sweep.names)}"


def learning_picture(sweep: Sweep, found: Sequence[Found]) -> Picture:
    """The learning curves of all cells, or of the best."""
    whole = [number for number in sweep.best_first(found) if not found[number].diverged]
    shown = sorted(whole[:MOST_CURVES])
    width = math.ceil(sweep.budget.episodes / MOST_POINTS)
    about = [about_runs(sweep.budget)]
    if width > 1:
        about.append(f"every point the mean of {width} episodes")
    if len(shown) < len(whole):
        about.append(f"the best {len(shown)} of {len(whole)} cells")
    if len(whole) < len(found):
        about.append(f"without {len(found) - len(whole)} in which weights ran away")
    axes = Axes(title=_title(sweep), x="episode", y=MEASURES[sweep.measure])
    curves = [Curve(label=sweep.label(number), points=_thinned(found[number].curve, width)) for number in shown]
    picture = curves_picture(axes, curves, "; ".join(about))
    _scale(picture.axes[0], curves)
    return picture


def _thinned(curve: Sequence[Point], width: int) -> tuple[Point, ...]:
    """A point for every `width` episodes, with the mean of their standard errors: theirs is no larger."""
    parts = [curve[first : first + width] for first in range(0, len(curve), width)]
    return tuple(
        Point(
            x=fmean(here.x for here in part),
            mean=fmean(here.mean for here in part),
            standard_error=fmean(here.standard_error for here in part),
            runs=part[0].runs,
        )
        for part in parts
    )


def sweep_picture(sweep: Sweep, found: Sequence[Found]) -> Picture | None:
    """The measure over the first setting of several numbers, a curve for each combination of the others."""
    columns = sweep.columns()
    numeric = [n for n, column in enumerate(columns) if len(set(column)) > 1 and all(map(_is_number, column))]
    if not numeric:
        return None
    first = numeric[0]
    lines: dict[str, list[Point]] = {}
    for number in range(len(found)):
        lines.setdefault(sweep.label(number, first), []).append(
            replace(found[number].whole, x=float(sweep.cells[number].values[first]))
        )
    best = dict.fromkeys(sweep.label(n, first) for n in sweep.best_first(found))
    shown = [label for label in lines if label in list(best)[:MOST_CURVES]]
    about = f"{about_runs(sweep.budget)}, {sweep.budget.episodes:,} episodes"
    about += f"; the best {len(shown)} of {len(lines)} curves" if len(shown) < len(lines) else ""
    about += "; gaps where weights ran away" if any(each.diverged for each in found) else ""
    curves = [Curve(label=label, points=tuple(sorted(lines[label], key=lambda here: here.x))) for label in shown]
    axes = Axes(title=_title(sweep), x=sweep.names[first], y=f"{MEASURES[sweep.measure]}, mean over all episodes")
    picture = curves_picture(axes, curves, about)
    _scale(picture.axes[0], curves)
    _mark_values(picture.axes[0], sorted(set(columns[first])))
    return picture


def _scale(panel: Panel, curves: Sequence[Curve]) -> None:
    """Make y logarithmic, also downwards from 0, where the means lie on one side of 0 and far apart."""
    means = [here.mean for curve in curves for here in curve.points if math.isfinite(here.mean)]
    sizes = [abs(mean) for mean in means]
    one_side = bool(means) and (min(means) > 0.0 or max(means) < 0.0)
    if not one_side or max(sizes) < WIDE * min(sizes):
        return
    if means[0] > 0.0:
        panel.set_yscale("log", subs=(2, 5))
    else:
        panel.set_yscale("symlog", linthresh=min(sizes), subs=(2, 5))
    for formatted in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
        formatted("{x:g}")
    panel.tick_params(which="minor", labelsize=9)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _mark_values(panel: Panel, values: Sequence[float]) -> None:
    """Make x logarithmic where the swept values are more evenly apart so; name them where there are few."""
    if values[0] > 0 and len(values) > 2 and _unevenness(np.log(values)) < _unevenness(np.array(values)):
        panel.set_xscale("log")
    if len(values) <= MOST_CURVES:
        panel.set_xticks(values, [setting_text(value) for value in values])
        panel.set_xticks([], minor=True)


def _unevenness(values: Float64[Array, "V"]) -> float:
    apart = np.diff(values)
    return float(apart.std() / apart.mean())


def report(sweep: Sweep, found: Sequence[Found], name: str) -> None:
    """Print the best cells, and what else one must know."""
    order = sweep.best_first(found)[:MOST_ROWS]
    shown = [found[number] for number in order]
    columns = {
        "settings": [sweep.label(number) for number in order],
        f"all {sweep.budget.episodes:,} episodes": [_spread(each.whole) for each in shown],
    }
    if sweep.budget.episodes > LAST:
        columns[f"last {LAST}"] = [_spread(each.last) for each in shown]
    if any(each.cut_off > 0.0 for each in found):
        columns["cut off"] = ["" if math.isnan(each.cut_off) else f"{each.cut_off:.1%}" for each in shown]
    Sheet(
        title=f"Sweep {name}: {len(found)} cells, the best first",
        about=f"{MEASURES[sweep.measure]}; {about_runs(sweep.budget)}",
        columns=tuple(columns),
        rows=tuple(zip(*columns.values(), strict=True)),
        notes=tuple(_notes(sweep, found)),
    ).show(Console())


def _spread(found: Point) -> str:
    if math.isnan(found.mean):
        return "ran away"
    return f"{found.mean:.4g}" + ("" if math.isnan(found.standard_error) else f" +- {found.standard_error:.2g}")


def _notes(sweep: Sweep, found: Sequence[Found]) -> Iterator[str]:
    if len(found) > MOST_ROWS:
        yield f"{len(found) - MOST_ROWS} cells more are in cells.csv"
    away = [number for number, each in enumerate(found) if each.diverged]
    for number in away[:MOST_NOTES]:
        each = found[number]
        first = next(int(here.x) for here in each.curve if math.isnan(here.mean))
        setup = sweep.cells[number].setup
        said = ran_away(setup, diverged=each.diverged, runs=sweep.budget.runs, first=first)
        yield f"{sweep.label(number)} is left out of the pictures, because {said}"
    if len(away) > MOST_NOTES:
        yield f"in {len(away) - MOST_NOTES} cells more the weights ran away; cells.csv says in how many runs"
    if full := [number for number, each in enumerate(found) if each.table_full]:
        yield (
            f"the index table was full in {len(full)} of {len(found)} cells, first in {sweep.label(full[0])}, so that "
            "tiles share weights; give it more places with --size"
        )
