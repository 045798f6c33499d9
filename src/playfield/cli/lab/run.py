"""`lab run`: many runs of one linear learner in one world."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from matplotlib.figure import Figure as Picture

from playfield.cli.counts import Switch
from playfield.cli.lab.live import LiveWindow
from playfield.cli.lab.tables import about_runs, csv_text, ran_away
from playfield.cli.lab.words import Words, describe, limit_of
from playfield.cli.machine import cores
from playfield.cli.runs import result_name
from playfield.linear.charts import Axes, Curve
from playfield.linear.play import Setup
from playfield.linear.studies import Budget, Cell, play_cell, point
from playfield.settings import to_plain
from playfield.sinks.lab_plots import curves_picture
from playfield.sinks.plots import save_plot
from playfield.storage import fingerprint
from playfield.storage.files import replace_file
from playfield.study import slug


@dataclass(frozen=True, slots=True)
class LabRun:
    """Many runs of one linear learner in one world: playfield lab run LEARNER WORLD [path=value ...]"""

    words: Annotated[Words, tyro.conf.arg(name="")]
    episodes: int = 500
    """Episodes of every run."""
    runs: int = 20
    """Independent runs, with seeds one after the other."""
    seed: int = 0
    """Seed of the first run."""
    threads: int | None = None
    """Runs that are played side by side; by default one for each core."""
    name: str | None = None
    """Name of the result; by default made from learner and world."""
    live: Switch = 0
    """Show it in a window while it is played, and what was learnt until the window is closed; the results are the
    same."""
    out: Path = Path("lab")
    """Folder of the results."""

    def run(self) -> int:
        setup = self.words.setup()
        budget = Budget(
            episodes=self.episodes,
            runs=self.runs,
            first_seed=self.seed,
            threads=cores() if self.threads is None else self.threads,
        )
        stem = f"{self.words.learner}-{slug(self.words.world)}"
        name = result_name(self.name, stem, self.out)
        folder = self.out / name
        if self.out.exists() and not self.out.is_dir():
            raise ValueError(f"{self.out} is no folder; choose another with --out")
        if folder.exists():
            raise ValueError(f"{folder} exists, and nothing is overwritten; choose another name with --name")
        limit = limit_of(setup)
        describe(setup, limit)
        if not self.live:
            _keep(folder, setup, budget, play_cell(setup, budget))
            return 0
        with LiveWindow(stem) as live:
            _keep(folder, setup, budget, live.play(setup, budget))
            live.stay()
        return 0


def _keep(folder: Path, setup: Setup, budget: Budget, cell: Cell) -> None:
    """Write and report what was played."""
    refuse_divergence(setup, cell)
    folder.mkdir(parents=True, exist_ok=True)
    _write_run(folder, setup, budget, cell)
    for line in summary(cell, limit_of(setup)):
        print(line)
    print(f"results  {folder}", flush=True)


def refuse_divergence(setup: Setup, cell: Cell) -> None:
    """Stop where weights ran away: no curve of such runs means anything.

    Raises: ValueError with the step size and what is usual.
    """
    if cell.diverged:
        first = int(np.isnan(cell.steps).argmax(1)[np.isnan(cell.steps).any(1)].min()) + 1
        raise ValueError(ran_away(setup, diverged=cell.diverged, runs=len(cell.steps), first=first))


def _write_run(folder: Path, setup: Setup, budget: Budget, cell: Cell) -> None:
    """Everything that was found, and all that is needed to find it again."""
    about = {
        "setup": to_plain(setup),
        "world": {"name": setup.world.name, "max_steps": limit_of(setup)},
        "episodes": budget.episodes,
        "seeds": list(range(budget.first_seed, budget.first_seed + budget.runs)),
        "fingerprint": fingerprint.take(),
    }
    replace_file(folder / "setup.json", json.dumps(about, indent=2).encode())
    rows = [
        (
            budget.first_seed + run,
            episode + 1,
            int(cell.steps[run, episode]),
            cell.rewards[run, episode],
            "yes" if cell.cut_off[run, episode] else "no",
            "" if np.isnan(cell.errors[run, episode]) else cell.errors[run, episode],
        )
        for run in range(budget.runs)
        for episode in range(budget.episodes)
    ]
    replace_file(
        folder / "episodes.csv", csv_text(("seed", "episode", "steps", "reward", "cut_off", "rms_error"), rows)
    )
    save_plot(_learning_picture(setup, budget, cell), folder / "learning.png")


def _learning_picture(setup: Setup, budget: Budget, cell: Cell) -> Picture:
    predicts = not np.isnan(cell.errors).all()
    column = cell.errors if predicts else cell.steps
    curve = Curve(
        label=type(setup.learner).__name__,
        points=tuple(point(e + 1.0, column[:, e]) for e in range(budget.episodes)),
    )
    axes = Axes(
        title=f"{type(setup.learner).__name__} on {setup.world.name}",
        x="episode",
        y="RMS error of values" if predicts else "steps per episode",
        logarithmic=not predicts,
    )
    return curves_picture(axes, [curve], about_runs(budget))


def summary(cell: Cell, limit: int | None) -> Iterator[str]:
    """What came of it, in a few lines."""
    column, unit = (cell.steps, "steps") if np.isnan(cell.errors).all() else (cell.errors, "RMS error")
    episodes = column.shape[1]
    for first, last in dict.fromkeys(((0, 10), (10, 50), (50, 100), (max(0, episodes - 100), episodes))):
        if first < last <= episodes:
            found = point(0.0, column[:, first:last].mean(1))
            error = "" if np.isnan(found.standard_error) else f" +- {found.standard_error:.2g}"
            yield f"episodes {first + 1:>4} to {last:<4} {found.mean:8.4g}{error} {unit}"
    if limit is not None and (cut := int(cell.cut_off.sum())):
        yield f"note: {cut:,} of {cell.steps.size:,} episodes were cut off after {limit:,} steps"
    overfull = [used[1] for run in cell.runs if (used := run.code.used()) is not None and used[1]]
    if overfull:
        yield (
            f"note: the index table was full in {len(overfull)} of {len(cell.runs)} runs, so that tiles share weights; "
            "give it more places with --size"
        )
