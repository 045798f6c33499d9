"""What there is to see of runs while they are played, and the pictures of it one after the other."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from jaxtyping import Float64, UInt8

from playfield.cli.lab.tables import about_runs
from playfield.linear.charts import Axes, Curve, Surface
from playfield.linear.learners import ActorCritic
from playfield.linear.play import Setup
from playfield.linear.replay import Bystander, Replay
from playfield.linear.studies import Budget, Cell, GrowingCell, point
from playfield.linear.worlds import Cliff, GymnasiumWorld, MountainCar, WindyGrid, WorldSpec
from playfield.sinks.lab_panel import FRAMES_PER_SECOND, Chart, Grid, Hill, Panel, Part, Relief, Scene
from playfield.sinks.window import INVISIBLE, NoDisplay, Window
from playfield.types import Array

MOST_POINTS = 500
"""Points of a curve; those of more episodes are means of several."""
ACROSS = 28
"""Heights of a surface along each axis."""
MOST_STEPS = 500
"""Steps of the greedy episode that is shown."""
PART_SECONDS = 0.1
"""Of play between two pictures in a window."""
REST = int(FRAMES_PER_SECOND)
"""Pictures for which an episode that is shown again and again rests at its end."""
LEAST_SECONDS = 0.4
"""Between two drawings of curves and surfaces."""
EPISODE_PICTURES = 25
"""In how many pictures a greedy episode goes by while others are played."""

_GRIDS = {"CliffWalking-v1": (4, 12), "FrozenLake-v1": (4, 4), "FrozenLake8x8-v1": (8, 8)}


class Onlooker:
    """Makes scenes of growing runs: all of them in the curves, the first one in the pictures."""

    def __init__(self, growing: GrowingCell) -> None:
        self.growing = growing
        self._bystander = Bystander(growing.setup, growing.runs[0])
        self.title = f"{type(growing.setup.learner).__name__} on {growing.setup.world.name}"
        self._first = f"first run (seed {growing.budget.first_seed})"

    def scene(self, replay: Replay | None = None) -> Scene:
        """What there is to see now, with that episode of the first run or else the greedy one of now."""
        growing = self.growing
        of = f" of {growing.budget.episodes:,}" if growing.left else ""
        about = f"{growing.played:,}{of} episodes; {about_runs(growing.budget)}"
        if diverged := growing.cell().diverged:
            about += f"; weights ran away in {diverged}"
        return Scene(
            title=self.title,
            about=about,
            left=tuple(self._curves()),
            right=tuple(self._pictures(replay)),
        )

    def replay(self, seed: int = 0, most_steps: int = MOST_STEPS) -> Replay:
        """A greedy episode of the first run, as its weights are now."""
        return self._bystander.replay(seed, most_steps)

    def close(self) -> None:
        """Close what was opened to look."""
        self._bystander.close()

    def about(self, replay: Replay) -> str:
        """How an episode went."""
        end = "to its end" if replay.ended else "and not to its end"
        return f"{len(replay.states) - 1:,} greedy steps {end}, reward {replay.reward:,g}"

    @property
    def shows_episodes(self) -> bool:
        """Whether the world has a picture of an episode."""
        return _is_hill(self.growing.setup.world) or _shape(self.growing.setup.world) is not None

    def episode(self, replay: Replay) -> Hill | Grid:
        """The picture of an episode."""
        shape = _shape(self.growing.setup.world)
        if shape is None:
            title = f"greedy episode of the {self._first}"
            return Hill(title=title, position=replay.states[:, 0].copy(), ended=replay.ended)
        way = np.stack(np.unravel_index(replay.states[:, 0].astype(np.int64), shape), 1)
        title = f"values and greedy way of the {self._first}"
        return Grid(title=title, worth=self._worth_of_cells().reshape(shape), way=way, ended=replay.ended)

    def _worth_of_cells(self) -> Float64[Array, "S"]:
        """Nan of cells that nothing was learnt about."""
        states = np.arange(self._bystander.observations.high[0] + 1.0)[:, None]
        known = (self._bystander.values(states) != 0.0).any(1)
        return np.where(known, self._bystander.worth(states), np.nan)

    def _curves(self) -> Iterator[Chart]:
        cell = self.growing.cell()
        if self.growing.truth is not None:
            yield self._chart("RMS error of values", cell.errors, logarithmic=False)
        else:
            yield self._chart("steps per episode", cell.steps, logarithmic=True)
            yield self._chart("reward per episode", cell.rewards, logarithmic=not (cell.rewards >= 0.0).any())

    def _chart(self, quantity: str, column: Float64[Array, "R E"], *, logarithmic: bool) -> Chart:
        episodes = column.shape[1]
        every = -(-episodes // MOST_POINTS)
        spans = [(first, min(first + every, episodes)) for first in range(0, episodes, every)]
        curve = Curve(
            label=quantity,
            points=tuple(point((first + 1 + end) / 2, column[:, first:end].mean(1)) for first, end in spans),
        )
        title = quantity if every == 1 else f"{quantity}, means of {every}"
        axes = Axes(title=title, x="episode", y="", logarithmic=logarithmic)
        return Chart(axes=axes, curves=(curve,), x_limits=(0.0, self.growing.budget.episodes + 1.0))

    def _pictures(self, replay: Replay | None) -> Iterator[Part]:
        shown = self._bystander.observations
        if self.growing.truth is not None:
            yield self._predictions(self.growing.truth)
        if shown.states is None and len(shown.low) == 2:
            yield self._relief()
        if self.shows_episodes:
            yield self.episode(replay or self.replay())

    def _predictions(self, truth: Float64[Array, "S"]) -> Chart:
        states = np.arange(float(len(truth)))
        learnt = self._bystander.worth(states[:, None])
        curves = tuple(
            Curve(label=label, points=tuple(point(s + 1.0, worth[int(s), None]) for s in states))
            for label, worth in ((f"learnt by the {self._first}", learnt), ("true value", truth))
        )
        axes = Axes(title="values of the states", x="state", y="")
        return Chart(axes=axes, curves=curves, x_limits=(0.0, len(truth) + 1.0))

    def _relief(self) -> Relief:
        shown = self._bystander.observations
        x, y = (np.linspace(low, high, ACROSS) for low, high in zip(shown.low, shown.high, strict=True))
        worth = self._bystander.worth(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
        surface = Surface(label=self._first, x=x, y=y, height=-worth.reshape(ACROSS, ACROSS))
        names = ("position", "velocity") if _is_hill(self.growing.setup.world) else ("observed 1", "observed 2")
        value = "v" if isinstance(self.growing.setup.learner, ActorCritic) else "max q"
        return Relief(
            axes=Axes(title=f"cost to go, -{value}, of the {self._first}", x=names[0], y=names[1]), surface=surface
        )


def _is_hill(world: WorldSpec) -> bool:
    return isinstance(world, MountainCar) or (isinstance(world, GymnasiumWorld) and world.id == "MountainCar-v0")


def _shape(world: WorldSpec) -> tuple[int, int] | None:
    """Rows and columns of a grid whose states are numbered row by row; None of other worlds."""
    match world:
        case Cliff():
            return 4, 12
        case WindyGrid():
            return 7, 10
        case GymnasiumWorld():
            return _GRIDS.get(world.id)
        case _:
            return None


class _Reel:
    """The newest panel, and how far the episode in it has gone by."""

    def __init__(self, onlooker: Onlooker, now: Callable[[], float]) -> None:
        self._onlooker, self._now = onlooker, now
        self._panel: Panel | None = None
        self._replay: Replay | None = None
        self._moment, self._due = 0.0, -math.inf

    def picture(self) -> UInt8[Array, "H W 3"]:
        """The next one; curves and surfaces are drawn anew a few times a second at most."""
        if self._panel is None or self._now() >= self._due:
            self._panel = self._drawn()
            self._due = self._now() + LEAST_SECONDS
        picture = self._panel.frame(int(self._moment))
        self._moment += self._panel.scene.moments / EPISODE_PICTURES
        return picture

    def _drawn(self) -> Panel:
        # An episode that leads nowhere is not watched to its end.
        goes_on = self._replay is not None and self._replay.ended and self._moment < len(self._replay.states)
        if self._onlooker.shows_episodes and not goes_on:
            self._replay, self._moment = self._onlooker.replay(), 0.0
        return Panel(self._onlooker.scene(self._replay))


def pictures(
    onlooker: Onlooker, seconds: float, now: Callable[[], float] = time.perf_counter
) -> Iterator[UInt8[Array, "H W 3"]]:
    """Play all that is left, and show it about every `seconds`; between two pictures the runs are at rest.

    To draw and to show takes no more time than to play what is shown.
    """
    reel = _Reel(onlooker, now)
    first: float | None = None
    drawing = 0.0
    for _ in onlooker.growing.in_parts(seconds, now):
        begun = now()
        if first is not None and drawing > (begun - first) / 2.0:
            continue
        yield reel.picture()
        if first is None:
            first = now()  # what came before was compilation for the most part
        else:
            drawing += now() - begun


class LiveWindow:
    """A window on runs while they are played. Whoever closes it stops the showing, never the play."""

    def __init__(self, name: str) -> None:
        """Raises: ModuleNotFoundError with the command that installs pygame-ce; NoDisplay where there is none."""
        self._name = name
        try:
            self._window = Window(frames_per_second=FRAMES_PER_SECOND, scale=1, pauses=False)
        except NoDisplay as error:
            raise NoDisplay(
                "There is no display to open a window on; without --live the pictures are written all the same."
            ) from error
        self._onlooker: Onlooker | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._window.close()
        if self._onlooker is not None:
            self._onlooker.close()

    def play(self, setup: Setup, budget: Budget) -> Cell:
        """Play all runs, and show them for as long as somebody looks."""
        growing = GrowingCell(setup, budget)
        self._onlooker = Onlooker(growing)
        for picture in pictures(self._onlooker, PART_SECONDS):
            if not self._window.show(picture, f"{self._name}: {growing.played:,} of {budget.episodes:,} episodes"):
                self._window.close()
                break
        if growing.left:
            growing.play(growing.left)
        return growing.cell()

    def stay(self) -> None:
        """Show what was learnt until the window is closed; not where nobody could see it and close it."""
        if self._onlooker is None or not self._window.open or os.environ.get("SDL_VIDEODRIVER") in INVISIBLE:
            return
        print("window   close it, or press Escape, to end", flush=True)
        panel = Panel(self._onlooker.scene())
        for moment in itertools.cycle(range(panel.scene.moments + REST)):
            if not self._window.show(panel.frame(moment), f"{self._name}: all episodes are played"):
                return
