"""`lab figure`: figures of the textbook, played anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from playfield.cli.lab.tables import about_runs, csv_text
from playfield.cli.lab.words import named
from playfield.cli.machine import cores
from playfield.linear.charts import Curve, Surface
from playfield.linear.figures import FIGURES, Figure
from playfield.linear.studies import Budget
from playfield.sinks.lab_plots import curves_picture, surfaces_picture
from playfield.sinks.plots import save_plot
from playfield.storage.files import replace_file

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class LabFigure:
    """A figure of Sutton & Barto (2018), made anew: playfield lab figure 10.4"""

    number: Positional[str]
    """9.1, 9.2, 9.10, 10.1, 10.2, 10.3, 10.4, 12.3, 12.8, 12.10 or 12.11."""
    runs: int | None = None
    """Runs of every point; by default as many as in the book."""
    episodes: int | None = None
    """Episodes of every run; by default as many as in the book."""
    seed: int = 0
    """Seed of the first run."""
    threads: int | None = None
    """Runs that are played side by side; by default one for each core."""
    out: Path = Path("lab")
    """Folder of the pictures and their data."""

    def run(self) -> int:
        figure = named(FIGURES, self.number, "figure")
        budget = Budget(
            episodes=figure.episodes if self.episodes is None else self.episodes,
            runs=figure.runs if self.runs is None else self.runs,
            first_seed=self.seed,
            threads=cores() if self.threads is None else self.threads,
        )
        parts = _made(figure, budget)
        path = self.out / f"figure_{self.number.replace('.', '_')}"
        curves = [part for part in parts if isinstance(part, Curve)]
        surfaces = [part for part in parts if isinstance(part, Surface)]
        axes, about = figure.axes, f"{about_runs(budget)}, {budget.episodes:,} episodes"
        picture = surfaces_picture(axes, surfaces, about) if surfaces else curves_picture(axes, curves, about)
        for suffix in ("png", "svg"):
            save_plot(picture, path.with_suffix(f".{suffix}"))
        replace_file(path.with_suffix(".csv"), _surface_csv(surfaces) if surfaces else _curve_csv(curves))
        print(f"picture  {path}.png and .svg\ndata     {path}.csv")
        return 0


def _made(figure: Figure, budget: Budget) -> list[Curve | Surface]:
    """All parts of a figure, with a display of progress; a curve that grew replaces what it was."""
    parts: dict[str, Curve | Surface] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("playing", total=figure.axes.cells)
        for part in figure.make(budget):
            parts[part.label] = part
            progress.update(task, advance=1, description=part.label)
    return list(parts.values())


def _curve_csv(curves: Sequence[Curve]) -> bytes:
    rows = [
        (curve.label, found.x, found.mean, "" if np.isnan(found.standard_error) else found.standard_error, found.runs)
        for curve in curves
        for found in curve.points
    ]
    return csv_text(("curve", "x", "mean", "standard_error", "runs"), rows)


def _surface_csv(surfaces: Sequence[Surface]) -> bytes:
    rows = [
        (surface.label, x, y, surface.height[j, i])
        for surface in surfaces
        for j, y in enumerate(surface.y)
        for i, x in enumerate(surface.x)
    ]
    return csv_text(("surface", "x", "y", "height"), rows)
