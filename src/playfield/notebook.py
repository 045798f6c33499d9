"""The lab in a notebook: the words of `playfield lab run`, its pictures inline, and the numbers to work with."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from playfield.cli.lab.live import Onlooker, pictures
from playfield.cli.lab.run import refuse_divergence, summary
from playfield.cli.lab.words import Words, limit_of
from playfield.cli.machine import cores
from playfield.extras import install_extra
from playfield.linear.play import Setup
from playfield.linear.replay import Bystander, Replay
from playfield.linear.studies import Budget, Cell, GrowingCell
from playfield.settings import UnknownSetting, nearest, setting_text
from playfield.sinks.lab_panel import Panel, Picture, Scene, film, png
from playfield.types import Array

PART_SECONDS = 0.2
"""Of play between two pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Film:
    """A greedy episode; a notebook shows it as it goes."""

    replay: Replay
    animation: bytes
    """An animated PNG."""

    def save(self, path: str | Path) -> None:
        """Write the animation, as a file whose name ends in .png."""
        Path(path).write_bytes(self.animation)

    def _repr_png_(self) -> bytes:
        return self.animation

    def __repr__(self) -> str:
        return f"a greedy episode of {len(self.replay.states) - 1:,} steps, reward {self.replay.reward:,g}"


class Played:
    """What came of all runs, and what the first one has learnt."""

    def __init__(self, onlooker: Onlooker, cell: Cell) -> None:
        self._onlooker, self._cell = onlooker, cell
        self.setup: Setup = onlooker.growing.setup
        """Who learnt what how, with every setting."""
        budget = onlooker.growing.budget
        self.seeds = range(budget.first_seed, budget.first_seed + budget.runs)
        """Of the runs."""

    @property
    def steps(self) -> Float64[Array, "R E"]:
        """Of every run and episode."""
        return self._cell.steps

    @property
    def rewards(self) -> Float64[Array, "R E"]:
        """The sum of the rewards of every run and episode."""
        return self._cell.rewards

    @property
    def errors(self) -> Float64[Array, "R E"]:
        """RMS error of the predicted values after every episode; nan where the true values are not known."""
        return self._cell.errors

    @property
    def cut_off(self) -> Bool[Array, "R E"]:
        """Where an episode was ended by a limit of steps, not by its world."""
        return self._cell.cut_off

    def values(self, observations: object, run: int = 0) -> Float64[Array, "S A"]:
        """What a run has learnt of every action in such observations, one a row; of a prediction there is one action.

        Of an actor-critic they are its preferences.
        """
        rows = np.asarray(observations, np.float64)
        bystander = Bystander(self.setup, self._cell.runs[run])
        wanted = len(bystander.observations.low)
        bystander.close()
        rows = rows[:, None] if rows.ndim == 1 and wanted == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != wanted:
            raise ValueError(f"one observation a row, of {wanted} numbers each, not an array of {list(rows.shape)}")
        return bystander.values(rows)

    def picture(self) -> Picture:
        """The final panel, as a figure of matplotlib."""
        return Panel(self._onlooker.scene()).figure

    def replay(self, seed: int = 0) -> Film:
        """A greedy episode of the first run, from its own seed: a film where the world has a picture.

        Raises: ValueError where it has none.
        """
        if not self._onlooker.shows_episodes:
            raise ValueError(f"there is no picture of an episode of {self.setup.world.name}; see picture() instead")
        replay = self._onlooker.replay(seed)
        scene = Scene(
            title=self._onlooker.title, about=self._onlooker.about(replay), right=(self._onlooker.episode(replay),)
        )
        return Film(replay=replay, animation=film(Panel(scene)))

    def __repr__(self) -> str:
        return "\n".join(summary(self._cell, limit_of(self.setup)))


def play(
    learner: str,
    world: str,
    *overrides: str,
    render: bool = True,
    episodes: int = 500,
    runs: int = 20,
    seed: int = 0,
    threads: int | None = None,
    **options: object,
) -> Played:
    """Play runs of one learner in one world: all names are those of `playfield lab run`, lambda is `lambda_`.

        run = play("sarsa", "mountaincar", alpha=0.5, tilings=8, episodes=45, runs=1, seed=1)

    With `render` the panel is shown and kept up to date while the runs are played; the numbers are the same without.

    Raises: ValueError where a word means nothing, or the weights ran away; ModuleNotFoundError with the command that
    installs IPython.
    """
    setup = words_of(learner, world, overrides, options).setup()
    budget = Budget(episodes=episodes, runs=runs, first_seed=seed, threads=cores() if threads is None else threads)
    show = _inline() if render else None
    growing = GrowingCell(setup, budget)
    onlooker = Onlooker(growing)
    if show is not None:
        for picture in pictures(onlooker, PART_SECONDS):
            show(png(picture))
        last = onlooker.scene()
        show(png(Panel(last).frame(last.moments - 1)))
    else:
        growing.play(budget.episodes)
    cell = growing.cell()
    refuse_divergence(setup, cell)
    played = Played(onlooker, cell)
    print(played)
    return played


def words_of(learner: str, world: str, overrides: tuple[str, ...], options: Mapping[str, object]) -> Words:
    """The words of the command line, where everything is text."""
    known = [field.name for field in fields(Words) if field.name not in ("learner", "world", "overrides")]
    for name in options:
        if name not in known:
            raise UnknownSetting(f"there is no setting {name!r}; the nearest are: {nearest(name, known)}")
    typed: dict[str, Any] = {name: _text(name, value) for name, value in options.items()}
    return Words(learner=learner, world=world, overrides=overrides, **typed)


def _text(name: str, value: Any) -> object:
    if name == "ranges" and value is not None:
        return tuple(pair if isinstance(pair, str) else f"{pair[0]}:{pair[1]}" for pair in value)
    if isinstance(value, str) or (value is None and name in ("encoder", "policy", "ranges")):
        return value
    return setting_text(value)


def _inline() -> Callable[[bytes], None]:
    """Shows a PNG below the cell, in place of the one before.

    Raises: ModuleNotFoundError with the command that installs IPython; ValueError where there is no notebook.
    """
    try:
        python: Any = importlib.import_module("IPython")
    except ImportError:
        raise ModuleNotFoundError(
            f"A notebook needs IPython; install it with: {install_extra('notebook')}; or play with render=False"
        ) from None
    if python.get_ipython() is None:
        raise ValueError("there is no notebook to draw in; play with render=False, and see picture()")
    waiting = {"text/plain": "being compiled, which takes some seconds"}
    place = python.display.display(waiting, raw=True, display_id=True)

    def show(picture: bytes) -> None:
        place.update(python.display.Image(data=picture, format="png"))

    return show
