"""What an agent did, as a picture: which actions it chose over time, what it expected, and how its episodes went."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
from jaxtyping import Float64, Int64
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from playfield.events import Phase
from playfield.sinks.analytics import FILE
from playfield.sinks.jsonl import read_lines
from playfield.sinks.plots import COLOURS, FAINT, INK, dress, dress_frames, frame_unit, subtitle
from playfield.types import Array

SLICES: Final = 60
"""Parts of equal length into which a run is cut to count its actions."""
EPISODES: Final = 24
"""Episodes of which the reward is drawn, evenly spread over all."""
SHADES: Final[dict[Phase, str]] = {
    "pretraining": "#eaddff",
    "observing": "#fff3c4",
    "training": "#ffffff",
    "evaluating": "#d7f5df",
}


class Began(NamedTuple):
    """When a phase began."""

    frames: int
    phase: Phase


@dataclass(slots=True, kw_only=True)
class Episode:
    """How the reward of one game grew."""

    frames: int
    """Of the run when it began."""
    steps: list[int] = field(default_factory=lambda: [0])
    totals: list[float] = field(default_factory=lambda: [0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """An analytics file, as far as a picture shows it."""

    labels: tuple[str, ...]
    """Of the actions, in the order in which they were first played."""
    action_frames: Int64[Array, "N"]
    action: Int64[Array, "N"]
    """Which label."""
    value: Float64[Array, "N"]
    """What was expected; not a number where nothing was."""
    phases: tuple[Began, ...]
    episodes: tuple[Episode, ...]
    """Whole ones, in the order of their ends; those of lost games are none."""


def load_trace(run: Path) -> Trace:
    """What is in the analytics of a run directory.

    Raises: FileNotFoundError or ValueError, in one sentence, where there are none.
    """
    path = run / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{run} holds no {FILE}: `playfield train ... --analytics` writes it from the beginning"
        )
    trace = trace_of(read_lines(path))
    if not len(trace.action):
        raise ValueError(f"{path} tells of no action yet: wait until the run has played, or was saved")
    return trace


def trace_of(rows: Iterable[dict[str, Any]]) -> Trace:
    """The same from its rows, of which only what is drawn is held."""
    numbers: dict[str, int] = {}
    frames, action, value = array("q"), array("q"), array("d")
    phases: list[Began] = []
    whole: list[Episode] = []
    going: dict[int, tuple[Episode, int]] = {}  # each game's, with its steps so far
    for row in rows:
        match row:
            case {"event": "AGENT_MODE"}:
                phases.append(Began(row["frames"], row["phase"]))
            case {"event": "NEW_EPISODE", "game": int(game)}:
                going[game] = (Episode(frames=row["frames"]), 0)
            case {"event": "AGENT_ACTION", "game": int(game)}:
                frames.append(row["frames"])
                action.append(numbers.setdefault(row["label"], len(numbers)))
                value.append(float("nan") if row["value"] is None else row["value"])
                going[game] = (going[game][0], row["episode_step"])
            case {"event": "REWARD", "game": int(game)}:
                episode, steps = going[game]
                episode.steps.append(steps)
                episode.totals.append(row["total_reward"])
            case {"event": "END_EPISODE", "lost": True}:
                pass
            case {"event": "END_EPISODE", "game": int(game)}:
                episode, steps = going[game]
                episode.steps.append(steps)
                episode.totals.append(episode.totals[-1])
                whole.append(episode)
            case _:
                pass
    return Trace(
        labels=tuple(numbers),
        action_frames=np.array(frames, np.int64),
        action=np.array(action, np.int64),
        value=np.array(value, np.float64),
        phases=tuple(phases),
        episodes=tuple(whole),
    )


class Slices(NamedTuple):
    """A run in parts of equal length, those in which nothing was played left out."""

    frames: Float64[Array, "S"]
    """The middle of each."""
    share: Float64[Array, "A S"]
    """Of each action among all that were played then; they add up to 1."""
    value: Float64[Array, "S"]
    """Mean of what was expected then."""


def sliced(trace: Trace, slices: int = SLICES) -> Slices:
    """Actions counted slice by slice."""
    edges = np.linspace(0, trace.action_frames.max(), slices + 1)
    at = np.clip(np.searchsorted(edges, trace.action_frames, side="left") - 1, 0, slices - 1)
    counts = np.zeros((len(trace.labels), slices))
    np.add.at(counts, (trace.action, at), 1.0)
    known = ~np.isnan(trace.value)
    sums = np.bincount(at[known], trace.value[known], slices)
    expected = np.bincount(at[known], minlength=slices)
    value = np.divide(sums, expected, out=np.full(slices, np.nan), where=expected > 0)
    some = counts.sum(axis=0) > 0
    middle = (edges[:-1] + edges[1:]) / 2
    return Slices(middle[some], counts[:, some] / counts[:, some].sum(axis=0), value[some])


def chosen(episodes: Sequence[Episode], count: int = EPISODES) -> list[Episode]:
    """At most so many of them, evenly spread, with the first and the last."""
    if len(episodes) <= count:
        return list(episodes)
    return [episodes[i] for i in np.linspace(0, len(episodes) - 1, count).round().astype(int)]


def analytics_figure(trace: Trace, title: str) -> Figure:
    """Shares of the actions and the expected value over the run, phases shaded; below, the reward within episodes."""
    figure = Figure(figsize=(9.0, 8.4), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figures = figure.subplots(3, 1, height_ratios=[4, 2, 4])
    shares, value, rewards = cast(tuple[Axes, Axes, Axes], tuple(figures))
    figure.suptitle(title, x=0.01, ha="left", weight="bold", color=INK)
    for axes in (shares, value, rewards):
        dress(axes)
    _draw_shares(shares, trace, sliced(trace))
    _draw_value(value, trace, sliced(trace))
    _draw_rewards(figure, rewards, trace)
    return figure


def _draw_shares(axes: Axes, trace: Trace, parts: Slices) -> None:
    many = colormaps["tab20"].colors if len(trace.labels) > len(COLOURS) else COLOURS  # type: ignore[attr-defined]
    colours = [many[number % len(many)] for number in range(len(trace.labels))]
    axes.stackplot(parts.frames, parts.share, labels=trace.labels, colors=colours, alpha=0.85, linewidth=0)
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("share of actions")
    subtitle(axes, "which actions were played, exploring ones included")
    axes.set_xlim(0.0, trace.action_frames.max())
    axes.xaxis.set_major_formatter(FuncFormatter(frame_unit(float(trace.action_frames.max())).text))
    for began in trace.phases:
        axes.axvline(began.frames, color=INK, linewidth=0.8, linestyle=":")
    # Beside the picture: inside, it would lie over what it explains.
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False, reverse=True)


def _draw_value(axes: Axes, trace: Trace, parts: Slices) -> None:
    axes.plot(parts.frames, parts.value, color=COLOURS[3], linewidth=1.4)
    axes.set_ylabel("expected return")
    subtitle(axes, "what the agent expected when it chose: the value of the best action, of rewards as it learns them")
    dress_frames(axes, float(trace.action_frames.max()))
    _shade(axes, trace)


def _shade(axes: Axes, trace: Trace) -> None:
    """Each phase in its colour, from its beginning to that of the next."""
    end = int(trace.action_frames.max())
    axes.set_xlim(0.0, end)
    for began, until in zip(trace.phases, [*(each.frames for each in trace.phases[1:]), end], strict=True):
        left, right = began.frames, until
        axes.axvspan(left, right, color=SHADES[began.phase], zorder=0.5, linewidth=0)
        axes.axvline(left, color=FAINT, linewidth=0.8, linestyle=":")
        if right > left:
            narrow = right - left < 0.15 * end
            place = axes.get_xaxis_transform()  # frames from left to right, and the height of the axes
            axes.text(
                (left + right) / 2,
                0.94,
                began.phase,
                transform=place,
                rotation=90 if narrow else 0,
                ha="center",
                va="top",
                fontsize=8,
                color=FAINT,
            )


def _draw_rewards(figure: Figure, axes: Axes, trace: Trace) -> None:
    drawn = chosen(trace.episodes)
    axes.set_xlabel("step of the episode")
    axes.set_ylabel("reward so far (points)")
    if not drawn:
        subtitle(axes, "reward within episodes: none has ended yet")
        return
    subtitle(axes, f"reward within {len(drawn)} of {len(trace.episodes):,} episodes, evenly spread over the run")
    ages = Normalize(drawn[0].frames, max(drawn[-1].frames, drawn[0].frames + 1))
    colours = colormaps["viridis_r"]
    for episode in drawn:
        colour = colours(ages(episode.frames))
        axes.plot(episode.steps, episode.totals, drawstyle="steps-post", color=colour, linewidth=1.3)
    bar = figure.colorbar(ScalarMappable(ages, colours), ax=axes)
    unit = frame_unit(float(trace.action_frames.max()))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(unit.text))
    bar.set_label(f"began at ({unit.name})", fontsize=8, color=FAINT)
    bar.ax.tick_params(labelsize=8, colors=FAINT)
