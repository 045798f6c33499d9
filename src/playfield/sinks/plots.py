"""Learning curves as pictures. Every axis names its quantity and its unit; every line is the data it was given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any, Final, NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from playfield.score import Baseline, Interval, baselines, mean, scoring_text, stratified_bootstrap
from playfield.sinks.evaluations import read_evaluations
from playfield.sinks.eventlog import event_row, read_events
from playfield.sinks.metrics import read_metrics
from playfield.sinks.recent import LAST
from playfield.types import Array

COLOURS: Final = ("#1f6feb", "#d1495b", "#2a9d5c", "#8250df", "#bf8700", "#0f8b8d", "#b35c9e", "#57606a")
DASHES: Final = ("-", "--", ":", "-.")
INK: Final = "#24292f"
FAINT: Final = "#6e7781"
EVALUATION_LABEL: Final = "evaluation mean, 95 % bootstrap interval"


class FrameUnit(NamedTuple):
    """In what emulator frames are counted beside an axis; what is drawn stays in frames."""

    frames: float
    name: str

    def text(self, frames: float, _: object = None) -> str:
        """A number of frames in this unit, as matplotlib asks for it."""
        return f"{frames / self.frames:g}"


def frame_unit(longest: float) -> FrameUnit:
    """The unit for so many frames: one in which they are a number of a few digits."""
    if longest < 1e4:
        return FrameUnit(1.0, "emulator frames")
    return FrameUnit(1e3, "thousand emulator frames") if longest < 1e6 else FrameUnit(1e6, "million emulator frames")


def dress_frames(axes: Axes, longest: float) -> None:
    """Name an axis of frames, and its numbers, in the unit that suits the longest run."""
    unit = frame_unit(longest)
    axes.xaxis.set_major_formatter(FuncFormatter(unit.text))
    axes.set_xlabel(unit.name)


class Stroke(NamedTuple):
    """How the line of one recipe looks."""

    colour: str
    dash: str


def stroke(number: int) -> Stroke:
    """The look of the line of that number: 32 can be told apart, by colour first and then by dash."""
    return Stroke(COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)])


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPoint:
    """One evaluation of a run: when, and the scores of its episodes."""

    frames: int
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean score of the episodes."""
        return float(np.mean(self.scores))

    def interval(self) -> Interval | None:
        """95 % bootstrap interval of the mean, the same for the same scores; None for a single episode."""
        if len(self.scores) < 2:
            return None
        return stratified_bootstrap([self.scores], mean, np.random.default_rng(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What one run did, as far as a plot can show it.

    Raises: ValueError where arrays that belong together differ in length.
    """

    game: str
    recipe: str
    protocol: str
    """The protocol as text."""
    seed: int
    name: str = ""
    """Of the run."""
    settings: str = ""
    """Every setting of the recipe: runs whose settings differ are never taken together."""
    episode_frames: Array
    """Emulator frames of the run when each training episode ended; those of lost games are not among them."""
    episode_score: Array
    lost: int = 0
    """Training episodes that have no score, since their game was lost."""
    evaluations: tuple[EvaluationPoint, ...] = ()
    metric_frames: Array = field(default_factory=lambda: np.zeros(0))
    loss: Array = field(default_factory=lambda: np.zeros(0))
    epsilon: Array = field(default_factory=lambda: np.zeros(0))
    elapsed_seconds: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if len(self.episode_frames) != len(self.episode_score):
            raise ValueError("A curve needs one frame count for each episode score.")
        if {len(each) for each in (self.loss, self.epsilon, self.elapsed_seconds)} != {len(self.metric_frames)}:
            raise ValueError("A curve needs one loss, epsilon and elapsed time for each row of metrics.")

    @property
    def longest(self) -> float:
        """The last frame at which anything of it is drawn; 0 where nothing is."""
        ends = (self.episode_frames[-1:], self.metric_frames[-1:], [point.frames for point in self.evaluations[-1:]])
        return max((float(end[0]) for end in ends if len(end)), default=0.0)

    @property
    def baseline(self) -> Baseline | None:
        """Random and human score of the game, where they are known."""
        return baselines().get(self.game)


def running_mean(scores: Array, last: int = LAST) -> Array:
    """Mean over each episode and the `last - 1` before it; complete windows only, so `last - 1` fewer than `scores`."""
    if len(scores) < last:
        return np.zeros(0)
    sums = np.cumsum(np.concatenate([[0.0], np.asarray(scores, dtype=np.float64)]))
    return (sums[last:] - sums[:-last]) / last


def load_curve(run: Path) -> Curve:
    """The curve of a run directory: `run.json` and, where they exist, its events, metrics and evaluations.

    Raises: FileNotFoundError or ValueError, in one sentence, for a directory that is not a run.
    """
    if not (run / "run.json").is_file():
        raise FileNotFoundError(f"{run} is not a run directory: it holds no run.json.")
    about = _read_object(run / "run.json")
    events = read_events(run / "events.jsonl") if (run / "events.jsonl").is_file() else []
    rows = read_metrics(run / "metrics.jsonl") if (run / "metrics.jsonl").is_file() else []
    ended = _training_episodes(events)
    episodes = [row for row in ended if not row.get("lost", False)]
    protocol = scoring_text(cast(Mapping[str, object], about.get("protocol") or {}))
    return Curve(
        game=str(about.get("game", "unknown game")),
        recipe=_recipe_name(about.get("recipe", "unknown recipe")),
        protocol=protocol,
        seed=int(about.get("seed", 0)),
        name=run.name,
        settings=json.dumps(about.get("recipe"), sort_keys=True),
        episode_frames=np.array([row["clock"]["frames"] for row in episodes], dtype=np.float64),
        episode_score=np.array([row["score"] for row in episodes], dtype=np.float64),
        lost=len(ended) - len(episodes),
        evaluations=_evaluations(run, events, protocol),
        metric_frames=_column(rows, "frames"),
        loss=_column(rows, "loss"),
        epsilon=_column(rows, "epsilon"),
        elapsed_seconds=_column(rows, "elapsed_seconds"),
    )


def _evaluations(run: Path, events: Sequence[Mapping[str, Any]], protocol: str) -> tuple[EvaluationPoint, ...]:
    """Those of the training's event log and those of the run's results, each once, in order of frames.

    Random play is not the run's doing, and scores of another protocol do not belong on its axes.
    """
    told = [row for row in events if row["event"] == "Evaluated"]
    done = [event_row(each) for each in read_evaluations(run / "results" / "evaluations.jsonl")]
    found = {
        (int(row["clock"]["frames"]), tuple(float(score) for score in row["scores"]))
        for row in cast(list[Mapping[str, Any]], [*told, *done])
        if row["policy"] != "random" and scoring_text(row["protocol"]) == protocol
    }
    return tuple(EvaluationPoint(frames=frames, scores=scores) for frames, scores in sorted(found) if scores)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds no JSON object.")
    return cast(dict[str, Any], value)


def _recipe_name(recipe: object) -> str:
    return str(cast(Mapping[str, object], recipe).get("name", "recipe")) if isinstance(recipe, dict) else str(recipe)


def _training_episodes(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    evaluating = False
    for row in events:
        if row["event"] == "PhaseChanged":
            evaluating = row["phase"] == "evaluating"
        elif row["event"] == "Evaluated":
            evaluating = False
        elif row["event"] == "EpisodeEnded" and not evaluating:
            found.append(row)
    return found


def _column(rows: Sequence[Mapping[str, float | None]], name: str) -> Array:
    values = [row.get(name) for row in rows]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def learning_curve(curve: Curve) -> Figure:
    """One run: every training episode, the running mean, evaluations with their intervals; below, loss and epsilon."""
    figure = Figure(figsize=(9.0, 7.6), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figures = figure.subplots(3, 1, sharex=True, height_ratios=[5, 1, 1])
    scores, loss, epsilon = cast(tuple[Axes, Axes, Axes], tuple(figures))
    for axes in (scores, loss, epsilon):
        dress(axes)
    figure.suptitle(f"{curve.game}, {curve.recipe}, seed {curve.seed}", x=0.01, ha="left", weight="bold", color=INK)
    subtitle(scores, curve.protocol)
    _draw_scores(scores, curve)
    legend(scores)
    loss.plot(curve.metric_frames, curve.loss, color=COLOURS[3], linewidth=1.2)
    loss.set_ylabel("loss")
    subtitle(loss, "mean training loss of the updates since the row before (no unit)")
    epsilon.plot(curve.metric_frames, curve.epsilon, color=COLOURS[4], linewidth=1.2)
    epsilon.set_ylabel("epsilon")
    subtitle(epsilon, "exploration rate: share of random actions")
    epsilon.set_ylim(-0.03, 1.03)
    dress_frames(epsilon, curve.longest)
    if len(curve.elapsed_seconds) > 1:
        _wall_axis(scores, curve)
    return figure


def _draw_scores(axes: Axes, curve: Curve) -> None:
    axes.plot(
        curve.episode_frames,
        curve.episode_score,
        linestyle="none",
        marker="o",
        markersize=3,
        markeredgewidth=0,
        alpha=0.35,
        color=COLOURS[0],
        label="training episode (exploring)" + (f", without {curve.lost:,} lost games" if curve.lost else ""),
    )
    means = running_mean(curve.episode_score)
    axes.plot(
        curve.episode_frames[len(curve.episode_frames) - len(means) :],
        means,
        color=COLOURS[0],
        linewidth=2.2,
        label=f"mean of the last {LAST} training episodes",
    )
    draw_evaluations(axes, curve, COLOURS[1], EVALUATION_LABEL)
    draw_baseline(axes, curve.baseline)
    axes.set_ylabel("score of a whole game (points)")


def draw_evaluations(axes: Axes, curve: Curve, colour: str, label: str) -> None:
    """The mean of every evaluation with its interval."""
    if not curve.evaluations:
        return
    means = np.array([point.mean for point in curve.evaluations])
    reach = np.array([_reach(point) for point in curve.evaluations]).T
    axes.errorbar(
        np.array([point.frames for point in curve.evaluations]),
        means,
        yerr=reach,
        fmt="D",
        markersize=6,
        capsize=4,
        color=colour,
        markeredgecolor="white",
        label=label,
        zorder=5,
    )


def _reach(point: EvaluationPoint) -> tuple[float, float]:
    """How far the interval reaches below and above the mean; nothing is drawn for a single episode."""
    interval = point.interval()
    if interval is None:
        return np.nan, np.nan
    return max(0.0, point.mean - interval.low), max(0.0, interval.high - point.mean)


def draw_baseline(axes: Axes, baseline: Baseline | None) -> None:
    """Random and human score as lines, where they are known."""
    if baseline is None:
        return
    for name, value, style in (("human", baseline.human, (0, (6, 3))), ("random", baseline.random, (0, (1, 2)))):
        axes.axhline(value, color=FAINT, linewidth=1.1, linestyle=style, label=f"{name} {value:,.1f}", zorder=1)


def _wall_axis(axes: Axes, curve: Curve) -> None:
    """A second axis at the top: wall time, placed where the run was at those frames."""
    seconds, unit = (60.0, "minutes") if curve.elapsed_seconds[-1] >= 120.0 else (1.0, "seconds")
    frames, spent = curve.metric_frames, curve.elapsed_seconds / seconds
    ticks = [tick for tick in MaxNLocator(6).tick_values(0.0, float(spent[-1])) if spent[0] <= tick <= spent[-1]]
    top = axes.twiny()
    top.set_xlim(axes.get_xlim())
    top.set_xticks(np.interp(ticks, spent, frames), [f"{tick:g}" for tick in ticks])
    top.set_xlabel(f"wall time ({unit})", color=FAINT, fontsize=8, loc="right")
    top.tick_params(colors=FAINT, labelsize=8, length=3)
    for spine in top.spines.values():
        spine.set_visible(False)


def plot_runs(curves: Sequence[Curve]) -> Figure:
    """Several runs in one picture: one line per recipe and game, the band from the lowest to the highest seed.

    Raises: ValueError for no curve.
    """
    if not curves:
        raise ValueError("There is no run to plot.")
    groups: dict[tuple[str, str, str, str], list[Curve]] = {}
    for curve in curves:
        groups.setdefault((curve.game, curve.recipe, curve.protocol, curve.settings), []).append(curve)
    figure = Figure(figsize=(9.0, 5.6), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    dress(axes)
    games = sorted({curve.game for curve in curves})
    protocols = list(dict.fromkeys(curve.protocol for curve in curves))
    figure.suptitle(", ".join(games), x=0.01, ha="left", weight="bold", color=INK)
    subtitle(axes, protocols[0] if len(protocols) == 1 else "different protocols, see legend: not comparable")
    for index, ((game, recipe, protocol, _), runs) in enumerate(groups.items()):
        seeds = ", ".join(str(run.seed) for run in runs)
        label = f"{recipe}, seed{'s' if len(runs) > 1 else ''} {seeds}"
        if len({key[3] for key in groups if key[:3] == (game, recipe, protocol)}) > 1:
            label = f"{label} ({runs[0].name})"
        label = label if len(games) == 1 else f"{game}: {label}"
        label = label if len(protocols) == 1 else f"{label} ({protocol})"
        draw_group(axes, runs, stroke(index), label)
    if any(curve.evaluations for curve in curves):
        axes.plot([], [], color=FAINT, marker="D", linestyle="none", label=EVALUATION_LABEL)
    if len(games) == 1:
        draw_baseline(axes, curves[0].baseline)
    dress_frames(axes, max(curve.longest for curve in curves))
    axes.set_ylabel(f"score of a whole game (points),\nmean of the last {LAST} training episodes")
    legend(axes)
    return figure


def draw_group(axes: Axes, runs: Sequence[Curve], look: Stroke, label: str) -> None:
    """Runs of one recipe as their mean and the band from lowest to highest, with their evaluations."""
    lines = [(run.episode_frames[LAST - 1 :], running_mean(run.episode_score)) for run in runs]
    lines = [(frames, means) for frames, means in lines if len(means)]
    if short := len(runs) - len(lines):
        label = f"{label}: {short} with fewer than {LAST} episodes, so without a mean"
    if len(lines) < 2:
        frames, means = lines[0] if lines else (np.zeros(0), np.zeros(0))
        axes.plot(frames, means, color=look.colour, linestyle=look.dash, linewidth=2.2, label=label)
    else:
        grid, seeds = common_grid(lines)
        axes.fill_between(grid, seeds.min(axis=0), seeds.max(axis=0), color=look.colour, alpha=0.18, linewidth=0)
        mean, label = seeds.mean(axis=0), f"{label}: mean, band lowest to highest"
        axes.plot(grid, mean, color=look.colour, linestyle=look.dash, linewidth=2.2, label=label)
    for run in runs:
        draw_evaluations(axes, run, look.colour, "_evaluation")


def common_grid(lines: Sequence[tuple[Array, Array]], points: int = 300) -> tuple[Array, Array]:
    """Several lines read off at the same places: where all of them exist, linearly between their points."""
    begin, end = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    grid = np.linspace(begin, max(begin, end), points)
    return grid, np.array([np.interp(grid, x, y) for x, y in lines])


def dress(axes: Axes) -> None:
    """The look that all axes share."""
    axes.grid(True, color="#d0d7de", linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#8c959f")
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)


def subtitle(axes: Axes, text: str) -> None:
    """A small line above the axes, from the left."""
    axes.set_title(text, loc="left", fontsize=8, color=FAINT, wrap=True)


def legend(axes: Axes) -> None:
    """What the lines are, where they leave room."""
    lines, labels = axes.get_legend_handles_labels()
    axes.legend(
        lines,
        [fill(label, 60) for label in labels],
        loc="best",
        fontsize=8.5,
        frameon=True,
        framealpha=0.9,
        edgecolor="none",
        facecolor="white",
    )


PICTURES = (".png", ".svg")
"""Endings of names that `save_plot` can write."""


def save_plot(figure: Figure, path: Path) -> None:
    """Write a picture as PNG or SVG, as the name ends; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(unfinished, format=path.suffix.removeprefix("."))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
