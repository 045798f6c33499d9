"""What is swept and what came of it: the cells, and the tables that keep what is known of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from playfield.cli.lab.tables import csv_text
from playfield.linear.charts import Point
from playfield.linear.play import Setup
from playfield.linear.studies import Budget, Cell, point
from playfield.settings import setting_text, to_plain
from playfield.storage.files import replace_file

Measured = Literal["steps", "reward", "error"]

MEASURES: dict[Measured, str] = {
    "steps": "steps per episode",
    "reward": "reward per episode",
    "error": "RMS error of values",
}
"""What can be measured, as it is written at an axis."""

LAST = 100
"""Episodes at the end of a run that have a mean of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCell:
    """A value for each of the swept settings, and the set-up that it makes."""

    values: tuple[Any, ...]
    setup: Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of the runs of a cell: its row of cells.csv, and its rows of curves.csv."""

    whole: Point
    """The measure over all episodes."""
    last: Point
    """The measure over the last `LAST` of them."""
    diverged: int
    """Runs whose weights ran away."""
    table_full: int
    """Runs whose index table was full, so that tiles shared weights."""
    cut_off: float
    """Share of the episodes played that a limit of steps ended; nan where none was."""
    curve: tuple[Point, ...]
    """The measure of every episode."""

    def row(self) -> tuple[object, ...]:
        """Its row of cells.csv."""
        numbers = (self.whole.mean, self.whole.standard_error, self.last.mean, self.last.standard_error)
        counts = (self.whole.runs, self.diverged, self.table_full)
        return (*(_written(x) for x in numbers), *counts, _written(self.cut_off))


_HEAD = ("mean", "standard_error", "last_mean", "last_standard_error", "runs", "diverged", "table_full", "cut_off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is played: all cells in the order of their product, and what is measured.

    Raises: ValueError where a cell is there twice.
    """

    over: Mapping[str, tuple[str, ...]]
    """The swept settings, called as by `Words.swept`, with their values as typed."""
    cells: tuple[SweepCell, ...]
    measure: Measured
    budget: Budget

    def __post_init__(self) -> None:
        labels = [self.label(number) for number in range(len(self.cells))]
        if twice := [label for number, label in enumerate(labels) if label in labels[:number]]:
            raise ValueError(f"--over makes the cell {twice[0]} twice; give every value once")

    @property
    def names(self) -> tuple[str, ...]:
        """The swept settings as one types them."""
        return tuple(name.rstrip("_") for name in self.over)

    def columns(self) -> list[tuple[Any, ...]]:
        """The values of every swept setting, cell by cell."""
        return list(zip(*(cell.values for cell in self.cells), strict=True))

    def label(self, number: int, but: int | None = None) -> str:
        """What sets a cell apart, or would without the swept setting of that place."""
        named = list(zip(self.names, self.cells[number].values, strict=True))
        texts = [f"{name}={setting_text(value)}" for place, (name, value) in enumerate(named) if place != but]
        return " ".join(texts) or type(self.cells[number].setup.learner).__name__

    def about(self) -> str:
        """What is swept, and how much is played."""
        over = " ".join(f"{name}={','.join(texts)}" for name, texts in zip(self.names, self.over.values(), strict=True))
        count, budget = len(self.cells), self.budget
        return f"{over}: {count} cells of {budget.runs} runs, {budget.episodes:,} episodes each"

    def plain(self, limit: int | None) -> dict[str, Any]:
        """All that is needed to play it again, as JSON."""
        return {
            "over": {
                name: [to_plain(value) for value in dict.fromkeys(column)]
                for name, column in zip(self.names, self.columns(), strict=True)
            },
            "setups": [to_plain(cell.setup) for cell in self.cells],
            "measure": self.measure,
            "world": {"name": self.cells[0].setup.world.name, "max_steps": limit},
            "episodes": self.budget.episodes,
            "seeds": list(range(self.budget.first_seed, self.budget.first_seed + self.budget.runs)),
        }

    def best_first(self, found: Sequence[Found]) -> list[int]:
        """The cells from the best to the worst, those that diverged last; equals in their order."""
        sign = -1.0 if self.measure == "reward" else 1.0
        cost = [math.inf if each.diverged else sign * each.whole.mean for each in found]
        return sorted(range(len(found)), key=cost.__getitem__)


def found_of(cell: Cell, measure: Measured) -> Found:
    """What is kept of the runs of a cell."""
    column = {"steps": cell.steps, "reward": cell.rewards, "error": cell.errors}[measure]
    ended = int(np.isfinite(cell.steps).sum())
    tables = [used[1] for run in cell.runs if (used := run.code.used()) is not None]
    return Found(
        whole=point(0.0, column.mean(1)),
        last=point(0.0, column[:, -LAST:].mean(1)),
        diverged=cell.diverged,
        table_full=sum(overfull > 0 for overfull in tables),
        cut_off=float(cell.cut_off.sum()) / ended if ended else math.nan,
        curve=tuple(point(episode + 1.0, column[:, episode]) for episode in range(column.shape[1])),
    )


def write_tables(sweep: Sweep, found: Sequence[Found], folder: Path) -> None:
    """What is known so far; a cell is finished once it has a row in cells.csv, which is written last."""
    values = [tuple(setting_text(value) for value in cell.values) for cell in sweep.cells]
    curves = [
        (*values[number], int(here.x), _written(here.mean), _written(here.standard_error))
        for number, each in enumerate(found)
        for here in each.curve
    ]
    replace_file(folder / "curves.csv", csv_text((*sweep.names, "episode", "mean", "standard_error"), curves))
    cells = [(*values[number], *each.row()) for number, each in enumerate(found)]
    replace_file(folder / "cells.csv", csv_text((*sweep.names, *_HEAD), cells))


def _written(number: float) -> object:
    return "" if math.isnan(number) else number


def read_back(sweep: Sweep, folder: Path) -> list[Found]:
    """What came of the cells that are finished.

    Raises: ValueError where the tables are not as they were written.
    """
    if not (folder / "cells.csv").is_file():
        return []
    try:
        cells, curves = _rows(folder / "cells.csv"), _rows(folder / "curves.csv")
        length = sweep.budget.episodes
        parts = [curves[length * number : length * (number + 1)] for number in range(len(cells))]
        return [_read_cell(sweep, *each) for each in zip(sweep.cells[: len(cells)], cells, parts, strict=True)]
    except (ValueError, TypeError, KeyError, OSError, csv.Error) as error:
        raise ValueError(
            f"the tables in {folder} are not as they were written, so this sweep cannot go on; choose another name "
            "with --name, or remove that folder"
        ) from error


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _read_cell(sweep: Sweep, cell: SweepCell, row: Mapping[str, str], curve: Sequence[Mapping[str, str]]) -> Found:
    values = [setting_text(value) for value in cell.values]
    episodes = [int(each["episode"]) for each in curve]
    if any([each[name] for name in sweep.names] != values for each in (row, *curve)):
        raise ValueError("a row is of another cell")
    if episodes != list(range(1, sweep.budget.episodes + 1)):
        raise ValueError("a curve is not whole")

    def read(x: float, of: Mapping[str, str], prefix: str = "") -> Point:
        mean, error = _read(of[f"{prefix}mean"]), _read(of[f"{prefix}standard_error"])
        return Point(x=x, mean=mean, standard_error=error, runs=int(row["runs"]))

    return Found(
        whole=read(0.0, row),
        last=read(0.0, row, "last_"),
        diverged=int(row["diverged"]),
        table_full=int(row["table_full"]),
        cut_off=_read(row["cut_off"]),
        curve=tuple(read(float(each["episode"]), each) for each in curve),
    )


def _read(text: str) -> float:
    return math.nan if text == "" else float(text)
