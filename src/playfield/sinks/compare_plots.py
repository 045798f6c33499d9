"""Own runs and what others published in one picture; what may not be compared says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import fill
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from playfield.score import Family
from playfield.sinks.plots import (
    EVALUATION_LABEL,
    FAINT,
    INK,
    Curve,
    draw_baseline,
    draw_group,
    dress,
    dress_frames,
    stroke,
    subtitle,
)
from playfield.sinks.recent import LAST

MOST_LINES: Final = 8
"""Published lines of one family: more could not be told apart."""
PUBLISHED_COLOURS: Final = ("#57606a", "#8c6bb1", "#b35900", "#0b7a75", "#9a6700", "#6e4555", "#3d5a80", "#7a7a2e")
MARKERS: Final[Mapping[Family, str]] = {
    "no-op evaluation": "o",
    "human-start evaluation": "^",
    "sticky evaluation": "s",
    "no-op training": "v",
    "sticky training": "P",
}
LABEL_COLUMNS: Final = 48
"""Letters in a line of the legend, so that it leaves room for the curves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLine:
    """A published score, or several on the way."""

    name: str
    family: Family
    points: tuple[tuple[int, float], ...]
    """Emulator frames and score, oldest first."""
    comparable: bool
    """Whether it was made under the rules of the own runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One game under one set of rules."""

    game: str
    protocol: str
    """The own runs' protocol as text."""
    own: Mapping[str, Sequence[Curve]]
    """The seeds of each recipe."""
    published: tuple[PublishedLine, ...]


def compare_plot(comparison: Comparison) -> Figure:
    """Own runs as lines with their evaluations, published curves as thin lines, published final scores as marks.

    The axis of frames is linear up to where the own runs end and logarithmic beyond, for others trained far longer.
    Raises: ValueError where there is no run.
    """
    if not any(comparison.own.values()):
        raise ValueError("There is no run to compare.")
    figure = Figure(figsize=(11.0, 6.4), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    dress(axes)
    figure.suptitle(f"{comparison.game}: own runs and published scores", x=0.01, ha="left", weight="bold", color=INK)
    subtitle(axes, f"own runs: {comparison.protocol}")
    for number, (recipe, runs) in enumerate(comparison.own.items()):
        seeds = ", ".join(str(run.seed) for run in runs)
        label = f"own {recipe}, seed{'s' if len(runs) > 1 else ''} {seeds}"
        draw_group(axes, runs, stroke(number), fill(label, LABEL_COLUMNS))
    axes.plot([], [], color=FAINT, marker="D", linestyle="none", label=EVALUATION_LABEL)
    _draw_published(axes, comparison.published)
    draw_baseline(axes, next(iter(comparison.own.values()))[0].baseline)
    _scale_frames(axes, comparison)
    axes.set_ylabel(f"score of a whole game (points);\nown lines: mean of the last {LAST} training episodes")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7.5, frameon=False)
    return figure


def _draw_published(axes: Axes, lines: Sequence[PublishedLine]) -> None:
    for (family, comparable), found in groupby(lines, key=lambda line: (line.family, line.comparable)):
        every = list(found)
        for number, line in enumerate(_few(every)):
            final = f" {line.points[-1][1]:,.1f}" if len(line.points) == 1 else ""
            frames, scores = zip(*line.points, strict=True)
            warning = "" if comparable else "NOT COMPARABLE: "
            axes.plot(
                frames,
                scores,
                color=PUBLISHED_COLOURS[number],
                linewidth=1.0,
                linestyle="none" if len(frames) == 1 else "-" if comparable else ":",
                marker=MARKERS[family] if comparable else "x",
                markersize=5,
                alpha=0.9 if comparable else 0.5,
                label=f"{warning}{line.name}{final} ({family})",
                zorder=2,
            )
        if len(every) > MOST_LINES:
            axes.plot([], [], linestyle="none", label=f"and {len(every) - MOST_LINES} more ({family})")


def _few(lines: Sequence[PublishedLine]) -> list[PublishedLine]:
    """As many lines as can be told apart, from the highest final score to the lowest, evenly by rank."""
    ranked = sorted(lines, key=lambda line: -line.points[-1][1])
    count = min(MOST_LINES, len(ranked))
    return [ranked[round(number * (len(ranked) - 1) / max(1, count - 1))] for number in range(count)]


def _scale_frames(axes: Axes, comparison: Comparison) -> None:
    """Own runs keep most of the width, however much longer others trained."""
    ended = (run.episode_frames[-1:] for runs in comparison.own.values() for run in runs)
    own = max((float(end[0]) for end in ended if len(end)), default=1e6)
    longest = max((float(frames) for line in comparison.published for frames, _ in line.points), default=own)
    if longest > 1.5 * own:
        axes.set_xscale("symlog", linthresh=own, linscale=2.0)
        axes.axvline(own, color=FAINT, linewidth=0.8, linestyle=(0, (1, 3)))
        ticks = [own * part for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
        ticks += [tick for tick in (1e6, 1e7, 1e8, 2e8, 1e9, 1e10) if 1.3 * own < tick <= longest]
        axes.set_xticks(ticks, [_with_letter(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_xlim(0.0, longest * 1.15)
        axes.set_xlabel("emulator frames (logarithmic to the right of the dotted line)")
    else:
        dress_frames(axes, max(own, longest))


def _with_letter(frames: float) -> str:
    """Few and many frames beside one axis: 500, 20k, 200M."""
    rounded = float(f"{frames:.3g}")  # first: 999.7 is 1k
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if rounded >= unit:
            return f"{rounded / unit:g}{letter}"
    return f"{rounded:g}"
