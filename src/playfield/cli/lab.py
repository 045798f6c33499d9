"""`lab run` and `lab figure`: linear learners in compiled worlds, many runs at once."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import tyro
from matplotlib.figure import Figure as Picture
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from playfield.cli.machine import cores
from playfield.cli.runs import free_name
from playfield.games.gymnasium_games import PREFIX, open_environment
from playfield.linear import encoders, learners, worlds
from playfield.linear.charts import Axes, Curve, Surface
from playfield.linear.encoders import EncoderSpec
from playfield.linear.environments import observations_of
from playfield.linear.figures import FIGURES, Figure
from playfield.linear.learners import LearnerSpec
from playfield.linear.play import Setup
from playfield.linear.policies import EpsilonGreedy, Softmax
from playfield.linear.studies import Budget, Cell, play_cell, point
from playfield.linear.worlds import WorldSpec
from playfield.settings import UnknownSetting, nearest, override, paths, to_plain
from playfield.sinks.lab_plots import curves_picture, surfaces_picture
from playfield.sinks.plots import save_plot
from playfield.storage import fingerprint
from playfield.storage.files import replace_file
from playfield.storage.run import check_name
from playfield.study import slug

Positional = tyro.conf.Positional
T = TypeVar("T")

LEARNERS: dict[str, LearnerSpec] = {
    "sarsa": learners.Sarsa(),
    "n_step_sarsa": learners.NStepSarsa(),
    "expected_sarsa": learners.ExpectedSarsa(),
    "q_learning": learners.QLearning(),
    "double_q_learning": learners.DoubleQLearning(),
    "sarsa_lambda": learners.SarsaLambda(),
    "true_online_sarsa": learners.TrueOnlineSarsaLambda(),
    "watkins_q": learners.WatkinsQ(),
    "true_online_q": learners.TrueOnlineQ(),
    "actor_critic": learners.ActorCritic(),
    "td": learners.Sarsa(),
    "n_step_td": learners.NStepSarsa(),
    "td_lambda": learners.SarsaLambda(trace="accumulating"),
    "true_online_td": learners.TrueOnlineSarsaLambda(),
    "offline_lambda_return": learners.OfflineLambdaReturn(),
    "monte_carlo": learners.NStepSarsa(n=None),
}
"""Learners by the names of the command line; those of prediction are those of control in a world of one action."""

WORLDS: dict[str, WorldSpec] = {
    "mountaincar": worlds.MountainCar(),
    "mountaincar200": worlds.MountainCar(max_steps=200),
    "walk5": worlds.RandomWalk(states=5, left_reward=0.0),
    "walk19": worlds.RandomWalk(),
    "walk1000": worlds.RandomWalk(states=1000, farthest=100),
    "cliff": worlds.Cliff(max_steps=10_000),
    "windy": worlds.WindyGrid(max_steps=10_000),
}
"""Worlds by the names of the command line."""

ENCODERS: dict[str, EncoderSpec] = {
    "tiles": encoders.TileCoding(),
    "hashed": encoders.HashedTiles(),
    "grids": encoders.Grids(),
    "onehot": encoders.OneHot(),
    "aggregation": encoders.Aggregation(),
    "tabular": encoders.Tabular(),
    "fourier": encoders.Fourier(),
    "polynomial": encoders.Polynomial(),
}
"""Encoders by the names of the command line."""

# Options that are short for a setting: where the set-up has none of the paths, it says so.
_SHORT = {
    "alpha": "learner.alpha",
    "gamma": "learner.gamma",
    "n": "learner.n",
    "lambda_": "learner.lambda_",
    "trace": "learner.trace",
    "tilings": "encoder.tilings",
    "tiles": "encoder.tiles",
    "size": "encoder.size",
    "order": "encoder.order",
    "epsilon": "policy.epsilon",
    "temperature": "policy.temperature",
    "max_steps": "world.max_steps",
}


@dataclass(frozen=True, slots=True)
class LabRun:
    """Many runs of one linear learner in one world: playfield lab run LEARNER WORLD [path=value ...]"""

    learner: Positional[str]
    """sarsa, n_step_sarsa, expected_sarsa, q_learning, double_q_learning, sarsa_lambda, true_online_sarsa, watkins_q,
    true_online_q, actor_critic; to predict: td, n_step_td, td_lambda, true_online_td, offline_lambda_return,
    monte_carlo."""
    world: Positional[str]
    """mountaincar, mountaincar200 (cut off after 200 steps), cliff, windy; to predict: walk5, walk19, walk1000; or
    gym:ID for a Gymnasium environment."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings of learner, encoder, policy and world to change, for instance policy.over_steps=10000."""
    encoder: str | None = None
    """tiles, hashed, grids, onehot, aggregation, tabular, fourier or polynomial; by default what fits the world."""
    policy: Literal["epsilon_greedy", "softmax"] | None = None
    """By default epsilon_greedy; softmax for actor_critic."""
    alpha: str | None = None
    """Step size, divided by the number of features that are 1 at once."""
    gamma: str | None = None
    """Discount of the next value."""
    n: str | None = None
    """Rewards in a target of the n-step learners; none for all."""
    lambda_: Annotated[str | None, tyro.conf.arg(name="lambda")] = None
    """How slowly traces fade: 0 at once, 1 never."""
    trace: str | None = None
    """accumulating, replacing, clearing or dutch."""
    tilings: str | None = None
    """Grids of tile coding."""
    tiles: str | None = None
    """Tiles across the range of every observed number."""
    size: str | None = None
    """Places in the index table, or states of a group."""
    order: str | None = None
    """Highest frequency or power of a basis."""
    epsilon: str | None = None
    """Probability of a random action."""
    temperature: str | None = None
    """Of a softmax policy."""
    max_steps: str | None = None
    """Steps after which an episode is cut off; none for never."""
    episodes: int = 500
    """Episodes of every run."""
    runs: int = 20
    """Independent runs, with seeds one after the other."""
    seed: int = 0
    """Seed of the first run."""
    threads: int | None = None
    """Runs that are played side by side; by default one for each core."""
    ranges: tuple[str, ...] | None = None
    """LOW:HIGH for every observed number of a gym: world that has no limits of its own."""
    name: str | None = None
    """Name of the result; by default made from learner and world."""
    out: Path = Path("lab")
    """Folder of the results."""

    def run(self) -> int:
        setup = self._setup()
        budget = Budget(
            episodes=self.episodes,
            runs=self.runs,
            first_seed=self.seed,
            threads=cores() if self.threads is None else self.threads,
        )
        stem = f"{self.learner}-{slug(self.world)}"
        name = free_name(stem, self.out) if self.name is None else self.name
        check_name(name)
        folder = self.out / name
        if folder.exists():
            raise ValueError(f"{folder} exists, and nothing is overwritten; choose another name with --name")
        limit = _limit(setup)
        _describe(setup, limit)
        cell = play_cell(setup, budget)
        _refuse_divergence(setup, cell)
        folder.mkdir(parents=True, exist_ok=True)
        _write_run(folder, setup, budget, cell)
        _report(folder, cell, limit)
        return 0

    def _setup(self) -> Setup:
        learner = _named(LEARNERS, self.learner, "learner")
        world = self._world()
        fitting = "tiles" if _observations(world).states is None else "tabular"
        encoder = _named(ENCODERS, self.encoder or fitting, "encoder")
        softmax = self.policy == "softmax" or (self.policy is None and isinstance(learner, learners.ActorCritic))
        setup = Setup(world=world, encoder=encoder, learner=learner, policy=Softmax() if softmax else EpsilonGreedy())
        return override(setup, {**self._short(setup), **dict(_split(text) for text in self.overrides)})

    def _world(self) -> WorldSpec:
        ranges = None if self.ranges is None else tuple(_range(text) for text in self.ranges)
        if self.world.startswith(PREFIX):
            return worlds.GymnasiumWorld(id=self.world.removeprefix(PREFIX), ranges=ranges)
        if ranges is not None:
            raise ValueError(f"--ranges is for gym: worlds; {self.world} knows its own")
        return _named(WORLDS, self.world, "world")

    def _short(self, setup: Setup) -> dict[str, str]:
        known = {path for path, _ in paths(setup)}
        given = {path: value for name, path in _SHORT.items() if (value := getattr(self, name)) is not None}
        for path in given:
            if path not in known:
                owner, _, field = path.partition(".")
                kind = type(getattr(setup, owner)).__name__
                has = ", ".join(p.partition(".")[2] for p in sorted(known) if p.startswith(f"{owner}."))
                option = f"--{field.strip('_').replace('_', '-')}"
                raise UnknownSetting(f"{option} means nothing to {kind}, which has {has or 'no settings'}")
        return given


def _named(table: Mapping[str, T], name: str, kind: str) -> T:
    if name not in table:
        raise ValueError(f"there is no {kind} {name!r}; the nearest are: {nearest(name, list(table))}")
    return table[name]


def _range(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        pair = float(low), float(high)
    except ValueError:
        pair = (0.0, 0.0)
    if not colon or not pair[0] < pair[1]:
        raise ValueError(f"{text!r} is no range; write LOW:HIGH, for instance -2.4:2.4")
    return pair


def _split(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no setting; write PATH=VALUE, for instance learner.alpha=0.3")
    return path, value


def _observations(world: WorldSpec) -> worlds.Observations:
    if not isinstance(world, worlds.GymnasiumWorld):
        return world.observations
    environment = open_environment(world.id)
    environment.close()
    return observations_of(environment.observation_space, world.ranges)


def _describe(setup: Setup, limit: int | None) -> None:
    cut = "never cut off" if limit is None else f"cut off after {limit:,} steps"
    print(f"world    {setup.world.name}, episodes {cut}")
    for kind in ("encoder", "learner", "policy"):
        value = getattr(setup, kind)
        plain = {name: number for name, number in to_plain(value).items() if name != "type"}
        print(f"{kind:<8} {type(value).__name__} {' '.join(f'{name}={number}' for name, number in plain.items())}")


def _limit(setup: Setup) -> int | None:
    if not isinstance(setup.world, worlds.GymnasiumWorld):
        return setup.world.max_steps
    environment = open_environment(setup.world.id)
    environment.close()
    return None if environment.spec is None else environment.spec.max_episode_steps


def _refuse_divergence(setup: Setup, cell: Cell) -> None:
    """Stop where weights ran away: no curve of such runs means anything.

    Raises: ValueError with the step size and what is usual.
    """
    if not cell.diverged:
        return
    first = int(np.isnan(cell.steps).argmax(1)[np.isnan(cell.steps).any(1)].min()) + 1
    lambda_ = getattr(setup.learner, "lambda_", None)
    accumulates = getattr(setup.learner, "trace", None) == "accumulating"
    usual = f"about 1 - lambda = {max(1.0 - lambda_, 0.01):.2g}" if accumulates and lambda_ is not None else "about 1"
    raise ValueError(
        f"with --alpha {setup.learner.alpha:g} the weights ran away (beyond a million) in {cell.diverged} of "
        f"{len(cell.steps)} runs, first in episode {first}; give a smaller one: the usual bound here is {usual}"
    )


def _write_run(folder: Path, setup: Setup, budget: Budget, cell: Cell) -> None:
    """Everything that was found, and all that is needed to find it again."""
    about = {
        "setup": to_plain(setup),
        "world": {"name": setup.world.name, "max_steps": _limit(setup)},
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
    replace_file(folder / "episodes.csv", _csv(("seed", "episode", "steps", "reward", "cut_off", "rms_error"), rows))
    save_plot(_learning_picture(setup, budget, cell), folder / "learning.png")


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


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
    return curves_picture(axes, [curve], _about(budget))


def _about(budget: Budget) -> str:
    if budget.runs == 1:
        return f"one run, seed {budget.first_seed}"
    return f"mean of {budget.runs} runs and its standard error, seeds from {budget.first_seed}"


def _report(folder: Path, cell: Cell, limit: int | None) -> None:
    column, unit = (cell.steps, "steps") if np.isnan(cell.errors).all() else (cell.errors, "RMS error")
    episodes = column.shape[1]
    for first, last in dict.fromkeys(((0, 10), (10, 50), (50, 100), (max(0, episodes - 100), episodes))):
        if first < last <= episodes:
            found = point(0.0, column[:, first:last].mean(1))
            error = "" if np.isnan(found.standard_error) else f" +- {found.standard_error:.2g}"
            print(f"episodes {first + 1:>4} to {last:<4} {found.mean:8.4g}{error} {unit}")
    if limit is not None and (cut := int(cell.cut_off.sum())):
        print(f"note: {cut:,} of {cell.steps.size:,} episodes were cut off after {limit:,} steps")
    overfull = [used[1] for run in cell.runs if (used := run.code.used()) is not None and used[1]]
    if overfull:
        print(
            f"note: the index table was full in {len(overfull)} of {len(cell.runs)} runs, so that tiles share weights; "
            "give it more places with --size"
        )
    print(f"results  {folder}")


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
        figure = _named(FIGURES, self.number, "figure")
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
        axes, about = figure.axes, f"{_about(budget)}, {budget.episodes:,} episodes"
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
    return _csv(("curve", "x", "mean", "standard_error", "runs"), rows)


def _surface_csv(surfaces: Sequence[Surface]) -> bytes:
    rows = [
        (surface.label, x, y, surface.height[j, i])
        for surface in surfaces
        for j, y in enumerate(surface.y)
        for i, x in enumerate(surface.x)
    ]
    return _csv(("surface", "x", "y", "height"), rows)


LAB_COMMANDS = {"run": LabRun, "figure": LabFigure}


@dataclass(frozen=True, slots=True)
class Lab:
    """Sarsa to true online TD(lambda): playfield lab run|figure; more with playfield lab --help"""

    def run(self) -> int:
        raise ValueError(
            "the lab wants to know what to do: playfield lab run LEARNER WORLD, or playfield lab figure 10.4"
        )
