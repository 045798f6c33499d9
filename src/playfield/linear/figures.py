"""The textbook's figures: which runs make each, and the curves that come of them.

Numbers are those that Sutton & Barto (2018) name in text and captions; where they name none, a comment says whose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from playfield.linear.charts import Axes, Curve, Point, Surface
from playfield.linear.encoders import Aggregation, EncoderSpec, Tabular, TileCoding
from playfield.linear.learners import (
    LearnerSpec,
    NStepSarsa,
    OfflineLambdaReturn,
    Sarsa,
    SarsaLambda,
    TrueOnlineSarsaLambda,
)
from playfield.linear.play import LinearRun, Setup, play_all
from playfield.linear.studies import (
    Budget,
    Measure,
    mean_error,
    mean_reward,
    mean_steps,
    play_cell,
    point,
    sweep,
)
from playfield.linear.worlds import MountainCar, RandomWalk

POWERS_OF_TWO = tuple(2**k for k in range(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that can be made: its axes, how many runs the book takes, and what yields it part by part."""

    axes: Axes
    runs: int
    episodes: int
    make: Callable[[Budget], Iterator[Curve | Surface]]
    """Yields a curve each time it has grown by a point, and surfaces when they are done."""


def _car(learner: LearnerSpec, encoder: EncoderSpec | None = None) -> Setup:
    return Setup(world=MountainCar(), encoder=encoder or TileCoding(), learner=learner)


def _walk(learner: LearnerSpec) -> Setup:
    return Setup(world=RandomWalk(), encoder=Tabular(), learner=learner)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A curve over a setting: its label, and the set-up at every point."""

    label: str
    setups: Sequence[tuple[float, Setup]]


def _swept(lines: Sequence[_Line], measure: Measure, budget: Budget) -> Iterator[Curve]:
    for line in lines:
        points: tuple[Point, ...] = ()
        for found in sweep(line.setups, budget, measure):
            points = (*points, found)
            yield Curve(label=line.label, points=points)


def _sweep_figure(axes: Axes, lines: Sequence[_Line], measure: Measure, *, runs: int, episodes: int) -> Figure:
    cells = sum(len(line.setups) for line in lines)
    return Figure(axes=replace(axes, cells=cells), runs=runs, episodes=episodes, make=partial(_swept, lines, measure))


def _curves_over_episodes(setups: Sequence[tuple[str, Setup]], budget: Budget) -> Iterator[Curve]:
    for label, setup in setups:
        steps = play_cell(setup, budget).steps
        yield Curve(label=label, points=tuple(point(e + 1.0, steps[:, e]) for e in range(budget.episodes)))


def _over_episodes(title: str, setups: Sequence[tuple[str, Setup]]) -> Figure:
    axes = Axes(
        title=title, x="episode", y="steps per episode", y_limits=(100, 1000), logarithmic=True, cells=len(setups)
    )
    return Figure(axes=axes, runs=100, episodes=500, make=partial(_curves_over_episodes, setups))


COST_TO_GO_AT = (12, 104, 1000, 9000)
"""Episodes after which figure 10.1 shows what is left to go, besides 428 steps of the first."""


def _cost_to_go(budget: Budget) -> Iterator[Surface]:
    x, y = np.linspace(-1.2, 0.5, 40), np.linspace(-0.07, 0.07, 40)
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    for label, runs, episodes in _stages(budget):
        play_all(runs, episodes, budget.threads)
        height = np.mean([-run.values(grid).max(1) for run in runs], axis=0)
        yield Surface(label=label, x=x, y=y, height=height.reshape(40, 40))


def _stages(budget: Budget) -> Iterator[tuple[str, list[LinearRun], int]]:
    # The book's data are of Sarsa(lambda), as its footnote says; these are of the one-step Sarsa of that chapter.
    # The first picture is of the middle of an episode: of runs cut off there, with the seeds of the others.
    cut = Setup(world=MountainCar(max_steps=428), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
    yield "step 428 of the first episode", _runs(cut, budget), 1
    runs, played = _runs(_car(Sarsa(alpha=0.5)), budget), 0
    for episode in COST_TO_GO_AT:
        if episode <= budget.episodes:
            yield f"episode {episode}", runs, episode - played
            played = episode


def _runs(setup: Setup, budget: Budget) -> list[LinearRun]:
    return [LinearRun(setup, draws) for draws in budget.draws()]


def _steps(start: float, stop: float, step: float) -> list[float]:
    return [float(x) for x in np.round(np.arange(start, stop + step / 2, step), 6)]


# Where a curve of figure 10.4 begins and ends; beyond, it has left the book's picture, which shows 220 to 300 steps.
_ALPHAS_10_4 = {1: (0.4, 1.8), 2: (0.3, 1.6), 4: (0.2, 1.4), 8: (0.2, 0.9), 16: (0.2, 0.7)}


def _figure_10_4() -> Figure:
    lines = [
        _Line(
            label=f"n = {n}",
            setups=[(a, _car(NStepSarsa(alpha=a, n=n))) for a in _steps(*_ALPHAS_10_4[n], 0.1)],
        )
        for n in _ALPHAS_10_4
    ]
    axes = Axes(
        title="n-step Sarsa on Mountain Car, first 50 episodes",
        x="alpha x number of tilings (8)",
        y="steps per episode",
        y_limits=(210, 300),
    )
    return _sweep_figure(axes, lines, mean_steps, runs=100, episodes=50)


def _figure_12_10() -> Figure:
    lines = [
        _Line(
            label=f"lambda = {lambda_}",
            setups=[(a, _car(SarsaLambda(alpha=a, lambda_=lambda_))) for a in _steps(0.4, 1.8, 0.2)],
        )
        for lambda_ in (0.0, 0.68, 0.84, 0.92, 0.96, 0.98, 0.99)
    ]
    axes = Axes(
        title="Sarsa(lambda) with replacing traces on Mountain Car, first 50 episodes",
        x="alpha x number of tilings (8)",
        y="steps per episode",
        y_limits=(160, 300),
    )
    return _sweep_figure(axes, lines, mean_steps, runs=100, episodes=50)


def _figure_12_11() -> Figure:
    # Lambda and steps are those of ShangtongZhang's figure; the book's caption names none.
    alphas = _steps(0.2, 1.8, 0.2)
    kinds: list[tuple[str, Callable[[float], LearnerSpec], list[float]]] = [
        ("true online Sarsa(lambda)", lambda a: TrueOnlineSarsaLambda(alpha=a), alphas),
        ("Sarsa(lambda), replacing", lambda a: SarsaLambda(alpha=a, trace="replacing"), alphas),
        ("Sarsa(lambda), replacing and clearing", lambda a: SarsaLambda(alpha=a, trace="clearing"), alphas),
        # Diverges with larger steps.
        ("Sarsa(lambda), accumulating", lambda a: SarsaLambda(alpha=a, trace="accumulating"), _steps(0.1, 0.4, 0.1)),
    ]
    lines = [_Line(label=label, setups=[(a, _car(make(a))) for a in over]) for label, make, over in kinds]
    axes = Axes(
        title="Four kinds of traces on Mountain Car, lambda = 0.9, first 20 episodes",
        x="alpha x number of tilings (8)",
        y="reward per episode",
        y_limits=(-550, -150),
    )
    return _sweep_figure(axes, lines, mean_reward, runs=100, episodes=20)


_WALK_AXES = Axes(title="", x="alpha", y="RMS error over 19 states, first 10 episodes", y_limits=(0.25, 0.55))
_LAMBDAS = (0.0, 0.4, 0.8, 0.9, 0.95, 0.975, 0.99, 1.0)


def _walk_alphas(most: float) -> list[float]:
    return _steps(most / 20, most, most / 20)


def _most_alpha(lambda_: float) -> float:
    """Where the curve of a λ leaves the picture, about: found by trying, like the book's own."""
    return 1.0 if lambda_ <= 0.9 else {0.95: 0.7, 0.975: 0.45, 0.99: 0.25, 1.0: 0.16}[lambda_]


def _lambda_lines(label: str, make: Callable[[float, float], LearnerSpec]) -> list[_Line]:
    return [
        _Line(
            label=f"{label}lambda = {lambda_:g}",
            setups=[(a, _walk(make(a, lambda_))) for a in _walk_alphas(_most_alpha(lambda_))],
        )
        for lambda_ in _LAMBDAS
    ]


def _offline(alpha: float, lambda_: float) -> LearnerSpec:
    return OfflineLambdaReturn(alpha=alpha, lambda_=lambda_)


def _online(alpha: float, lambda_: float) -> LearnerSpec:
    return TrueOnlineSarsaLambda(alpha=alpha, lambda_=lambda_)


def _figure_12_3() -> Figure:
    by_n = [
        _Line(
            label=f"n-step TD, n = {n}",
            setups=[(a, _walk(NStepSarsa(alpha=a, n=n))) for a in _walk_alphas(1.0 if n <= 32 else 0.4)],
        )
        for n in POWERS_OF_TWO
    ]
    axes = replace(_WALK_AXES, title="Off-line lambda-return and n-step TD on the 19-state walk")
    return _sweep_figure(axes, [*_lambda_lines("off-line, ", _offline), *by_n], mean_error, runs=100, episodes=10)


def _figure_12_8() -> Figure:
    lines = [*_lambda_lines("true online, ", _online), *_lambda_lines("off-line, ", _offline)]
    axes = replace(
        _WALK_AXES, title="True online TD(lambda), which is the online lambda-return algorithm, and off-line"
    )
    return _sweep_figure(axes, lines, mean_error, runs=100, episodes=10)


_LONG_WALK = RandomWalk(states=1000, farthest=100)


def _staircase(setup: Setup, label: str, budget: Budget) -> Iterator[Curve]:
    runs = _runs(setup, budget)
    play_all(runs, budget.episodes, budget.threads)
    states = np.arange(1000.0)
    learnt = np.stack([run.values(states[:, None])[:, 0] for run in runs])
    worth = _LONG_WALK.true_values()[None]
    yield Curve(label="true value", points=tuple(point(s + 1, worth[:, int(s)]) for s in states))
    yield Curve(label=label, points=tuple(point(s + 1, learnt[:, int(s)]) for s in states))


def _staircase_figure(title: str, label: str, learner: LearnerSpec) -> Figure:
    setup = Setup(world=_LONG_WALK, encoder=Aggregation(size=100), learner=learner)
    axes = Axes(title=title, x="state", y="value", cells=2)
    return Figure(axes=axes, runs=1, episodes=100_000, make=partial(_staircase, setup, label))


def _figure_9_2() -> Figure:
    lines = [
        _Line(
            label=f"n = {n}",
            setups=[
                (a, Setup(world=_LONG_WALK, encoder=Aggregation(size=50), learner=NStepSarsa(alpha=a, n=n)))
                for a in _walk_alphas(1.0 if n <= 32 else 0.5)
            ],
        )
        for n in POWERS_OF_TWO
    ]
    axes = Axes(
        title="n-step TD with 20 groups of states on the 1000-state walk, first 10 episodes",
        x="alpha",
        y="RMS error over 1000 states",
        y_limits=(0.2, 0.55),
    )
    return _sweep_figure(axes, lines, mean_error, runs=100, episodes=10)


def _figure_9_10() -> Figure:
    # Tiles are a fifth of the line wide, about 200 states, and displaced by about 4, so that 50 tilings come round.
    setups = [(f"{tilings} tiling{'s' if tilings > 1 else ''}", _tiled_walk(tilings)) for tilings in (50, 1)]
    axes = Axes(
        title="Gradient Monte Carlo on the 1000-state walk",
        x="episode",
        y="root of the value error, states weighed by visits",
        y_limits=(0.0, 0.4),
        cells=2,
    )
    return Figure(axes=axes, runs=30, episodes=5000, make=partial(_errors_over_episodes, setups))


def _tiled_walk(tilings: int) -> Setup:
    encoder = TileCoding(tilings=tilings, tiles=5, size=1024)
    # The book's step, 0.0001, is divided by the tilings there too.
    return Setup(world=_LONG_WALK, encoder=encoder, learner=NStepSarsa(alpha=1e-4, n=None))


def _errors_over_episodes(setups: Sequence[tuple[str, Setup]], budget: Budget) -> Iterator[Curve]:
    for label, setup in setups:
        errors = play_cell(setup, budget, _LONG_WALK.visits()).errors
        yield Curve(label=label, points=tuple(point(e + 1.0, errors[:, e]) for e in range(budget.episodes)))


FIGURES: dict[str, Figure] = {
    "9.1": _staircase_figure(
        "Gradient Monte Carlo with 10 groups of states on the 1000-state walk",
        "gradient Monte Carlo",
        NStepSarsa(alpha=2e-5, n=None),
    ),
    "9.2": _figure_9_2(),
    "9.10": _figure_9_10(),
    "10.1": Figure(
        axes=Axes(title="Cost to go on Mountain Car, Sarsa with alpha = 0.5/8", x="position", y="velocity", cells=5),
        runs=1,
        episodes=9000,
        make=_cost_to_go,
    ),
    "10.2": _over_episodes(
        "Sarsa on Mountain Car", [(f"alpha = {alpha}/8", _car(Sarsa(alpha=alpha))) for alpha in (0.1, 0.2, 0.5)]
    ),
    "10.3": _over_episodes(
        "One-step and eight-step Sarsa on Mountain Car",
        [
            ("n = 1, alpha = 0.5/8", _car(NStepSarsa(alpha=0.5, n=1))),
            ("n = 8, alpha = 0.3/8", _car(NStepSarsa(alpha=0.3, n=8))),
        ],
    ),
    "10.4": _figure_10_4(),
    "12.3": _figure_12_3(),
    "12.8": _figure_12_8(),
    "12.10": _figure_12_10(),
    "12.11": _figure_12_11(),
}
"""All figures that can be made, by their number in the book."""
