"""What a person sees while a session runs, and the table of an evaluation. Every label names the number behind it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from playfield.events import (
    EpisodeEnded,
    Evaluated,
    Event,
    GameLost,
    Learned,
    NotSaved,
    Phase,
    PhaseChanged,
    Stepped,
    Stopped,
)
from playfield.score import ScoreTable
from playfield.sinks.recent import Begin, RecentScores
from playfield.types import Clock

SPEED_SECONDS: Final = 30.0
"""Wall seconds over which the speed is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a session will stop, as far as that is known; the first limit reached ends it."""

    until_frames: int | None = None
    minutes: float | None = None
    """Wall minutes of this session, not of the runs before it."""
    episodes: int | None = None
    """Whole games of an evaluation."""
    pretrain_until_updates: int | None = None
    """Updates at which the first action follows, where a session begins with pretraining."""


@dataclass(slots=True)
class Standing:
    """Everything the display shows, kept apart from how it is shown."""

    limits: Limits
    begin: Begin
    """Where this session began: a resumed one is not slower or faster for what went before."""
    scores: RecentScores
    clock: Clock
    frames_per_step: int | None = None
    """Emulator frames that one step of all games lasts; None where nobody said, and then no steps are shown."""
    phase: Phase | None = None
    """Of the training; an evaluation interrupts it and does not change it."""
    phase_ends_frames: int | None = None
    """Clock at which the phase ends, where that is known."""
    learned: Learned | None = None
    stopped: str | None = None
    frames_per_second: float | None = None
    """Emulator frames per second of wall time, lately and in this phase."""

    def take(self, event: Event) -> None:
        """Follow one event."""
        self.scores.take(event)
        match event:
            case PhaseChanged(phase="evaluating"):
                self.clock = event.clock
            case PhaseChanged():
                self.phase = event.phase
                remaining = event.remaining_frames
                self.phase_ends_frames = None if remaining is None else event.clock.frames + remaining
            case Stepped() | EpisodeEnded() if not self.scores.evaluating:
                self.clock = event.clock
            case Learned():
                self.learned = event
            case Stopped():
                self.stopped = event.reason
            case _:
                pass

    def share(self, elapsed_seconds: float) -> float | None:
        """How much of the session is over, 0 to 1, by the limit that comes first; None without limits."""
        shares: list[float] = []
        if self.limits.until_frames is not None:
            span = self.limits.until_frames - self.begin.clock.frames
            shares.append((self.clock.frames - self.begin.clock.frames) / span if span > 0 else 1.0)
        if self.limits.minutes is not None:
            shares.append(elapsed_seconds / (60.0 * self.limits.minutes) if self.limits.minutes > 0 else 1.0)
        return min(1.0, max(shares)) if shares else None

    def seconds_to_go(self, elapsed_seconds: float) -> float | None:
        """Wall seconds until the first limit at the present speed; None where that cannot be told."""
        left: list[float] = []
        if self.limits.until_frames is not None and self.frames_per_second:
            left.append((self.limits.until_frames - self.clock.frames) / self.frames_per_second)
        if self.limits.minutes is not None:
            left.append(60.0 * self.limits.minutes - elapsed_seconds)
        return max(0.0, min(left)) if left else None

    def rows(self, elapsed_seconds: float) -> list[tuple[str, str]]:
        """Label and value of everything that is shown, in order."""
        if self.scores.evaluating or (self.phase is None and self.scores.evaluation_scores):
            return self._evaluation_rows(elapsed_seconds)
        mean, speed, learned = self.scores.mean, self.frames_per_second, self.learned
        until = self.limits.until_frames
        frames = f"{self.clock.frames:,}" + ("" if until is None else f" of {until:,}")
        score = (
            "no episode finished yet" if mean is None else f"{mean:.2f} over the last {_episodes(self.scores.count)}"
        )
        to_go = None if self.stopped is not None else self.seconds_to_go(elapsed_seconds)
        return [
            ("phase", self._phase_text()),
            ("frames", frames),
            ("frames/s", "-" if speed is None else f"{speed:,.0f}"),
            ("mean score", score),
            ("episodes", f"{self.scores.episodes:,}{_lost_text(self.scores.lost)}"),
            ("updates", f"{self._updates:,}"),
            ("epsilon", "-" if learned is None else f"{learned.epsilon:.4f}"),
            ("loss", "-" if learned is None else f"{learned.loss:.4g}"),
            ("elapsed", duration(elapsed_seconds)),
            ("to go", "-" if to_go is None else f"{duration(to_go)} at most"),
        ]

    def _evaluation_rows(self, elapsed_seconds: float) -> list[tuple[str, str]]:
        """What is shown of an evaluation, while the numbers of the training rest."""
        scores = self.scores.evaluation_scores
        mean = f"{sum(scores) / len(scores):.2f} over {_episodes(len(scores))}" if scores else "no episode finished yet"
        return [
            ("phase", self._evaluation_text() if self.scores.evaluating else "evaluated"),
            ("trained for", f"{self.clock.frames:,} frames"),
            ("evaluation score", mean),
            ("elapsed", duration(elapsed_seconds)),
        ]

    def _phase_text(self) -> str:
        if self.stopped is not None:
            return f"stopped: {self.stopped}"
        match self.phase:
            case None:
                return "starting"
            case "pretraining" if self.limits.pretrain_until_updates is not None:
                return f"pretraining, {max(0, self.limits.pretrain_until_updates - self._updates):,} updates remain"
            case "observing" if self.phase_ends_frames is not None:
                return f"observing, {self._remain(self.phase_ends_frames)} remain"
            case "training" if self.limits.until_frames is not None and self.frames_per_step is not None:
                return f"training, {self._remain(self.limits.until_frames)} remain"
            case phase:
                return phase

    @property
    def _updates(self) -> int:
        """Of the run so far."""
        return self.begin.updates if self.learned is None else self.learned.updates

    def _remain(self, until_frames: int) -> str:
        """Frames until then and, where known, steps of full length."""
        frames = max(0, until_frames - self.clock.frames)
        if self.frames_per_step is None:
            return f"{frames:,} frames"
        return f"{frames:,} frames ({-(-frames // self.frames_per_step):,} steps)"

    def _evaluation_text(self) -> str:
        games = self.limits.episodes
        if games is None:
            return "evaluating"
        return f"evaluating, {games - len(self.scores.evaluation_scores)} of {games} games remain"


def _lost_text(count: int) -> str:
    return f", {count:,} of them lost games without a score" if count else ""


def _episodes(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds as people read them: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _note(event: Event) -> str | None:
    """What a person should know at once, if the event is of that kind."""
    match event:
        case GameLost():
            return f"game {event.game} was lost at {event.clock.frames:,} frames: {event.reason}"
        case NotSaved():
            return f"not saved at {event.clock.frames:,} frames, training goes on: {event.reason}"
        case _:
            return None


class Progress:
    """A live display on a terminal; elsewhere a plain line with the same labels every few seconds."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        begin: Begin | None = None,
        frames_per_step: int | None = None,
        console: Console | None = None,
        plain_every_seconds: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        begin = begin or Begin()
        recent = RecentScores(begin.scores, episodes=begin.clock.episodes, lost=begin.lost)
        self._standing = Standing(limits or Limits(), begin, recent, begin.clock, frames_per_step)
        self._console = console or Console(stderr=True)
        self._every_seconds = plain_every_seconds if not self._console.is_terminal else 0.25
        self._now = now
        self._zero = now()
        self._shown = self._zero
        self._marks: deque[tuple[float, int]] = deque([(self._zero, begin.clock.frames)])
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(self._panel(), console=self._console, auto_refresh=False)
            self._live.start()

    def __call__(self, event: Event) -> None:
        """Take one event; show it when it is due, and at once when the phase changes or the session stops."""
        self._standing.take(event)
        if (said := _note(event)) is not None:
            self._console.print(f"note: {said}", soft_wrap=True, highlight=False, markup=False)
        if isinstance(event, PhaseChanged | Evaluated):
            self._marks = deque([(self._now(), self._standing.clock.frames)])
        if isinstance(event, PhaseChanged | Evaluated | Stopped) or self._now() - self._shown >= self._every_seconds:
            self._show()

    def _measure(self) -> None:
        """Speed over the last half minute; the time that evaluations take does not count."""
        now, frames = self._now(), self._standing.clock.frames
        while len(self._marks) > 1 and now - self._marks[1][0] > SPEED_SECONDS:
            self._marks.popleft()
        begin_seconds, begin_frames = self._marks[0]
        if now > begin_seconds and frames > begin_frames:
            self._standing.frames_per_second = (frames - begin_frames) / (now - begin_seconds)
        self._marks.append((now, frames))

    def _show(self) -> None:
        self._shown = self._now()
        if not self._standing.scores.evaluating:
            self._measure()
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
        else:
            self._console.print(self.line(), soft_wrap=True, highlight=False, markup=False)

    def line(self) -> str:
        """Everything shown, on one line."""
        return " | ".join(f"{label} {value}" for label, value in self._standing.rows(self._now() - self._zero))

    def _panel(self) -> RenderableType:
        elapsed = self._now() - self._zero
        grid = Table.grid(padding=(0, 2))
        grid.add_column(justify="right", style="dim")
        grid.add_column()
        for label, value in self._standing.rows(elapsed):
            grid.add_row(
                label, Text(value, style="bold" if label in {"mean score", "evaluation score", "phase"} else "")
            )
        share = self._standing.share(elapsed)
        return grid if share is None else Group(ProgressBar(total=1.0, completed=share, width=60), grid)

    def close(self) -> None:
        """Show the last standing and give the terminal back."""
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
            self._live.stop()
            self._live = None


def _evaluation_rows(table: ScoreTable) -> list[tuple[str, str]]:
    interval = table.interval
    rows = [
        ("game", table.game),
        ("policy", table.policy),
        ("protocol", table.protocol),
        ("trained for", f"{table.frames:,} frames"),
        ("episodes", f"{table.episodes:,}"),
        ("mean score", f"{table.mean:,.2f}"),
    ]
    if interval is not None:
        rows.append(
            (f"{interval.level:.0%} interval", f"{interval.low:,.2f} to {interval.high:,.2f} (of the mean, bootstrap)")
        )
    rows += [
        ("median score", f"{table.median:,.2f}"),
        ("lowest to highest", f"{table.minimum:,.2f} to {table.maximum:,.2f}"),
        ("standard deviation", "-" if table.std is None else f"{table.std:,.2f}"),
    ]
    if table.baseline is not None and table.human_normalised is not None:
        random, human = table.baseline.random, table.baseline.human
        rows.append(("human-normalised", f"{table.human_normalised:.1%} (random {random:,.1f}, human {human:,.1f})"))
    return rows


def _short_source(source: str) -> str:
    """Paper or project alone; data/NOTICE.md says who transcribed what."""
    return source.removeprefix("paper table: ").split("; transcribed")[0]


def _title(table: ScoreTable) -> str:
    return "Evaluation" if table.kind == "evaluation" else "Training returns (exploration included)"


def evaluation_text(table: ScoreTable, *, most: int = 20) -> str:
    """The table of a score as plain lines, for pipes and narrow screens; `most` published rows, best first."""
    rows = _evaluation_rows(table)
    width = max(len(label) for label, _ in rows)
    lines = [_title(table), *(f"  {label:<{width}}  {value}" for label, value in rows)]
    if not table.published:
        return "\n".join([*lines, table.note])
    lines.append(f"Published, same game and protocol family ({table.family}):")
    lines += [f"  but this run differs: {difference}" for difference in table.differences]
    for row in table.published[:most]:
        about = f"{row.algorithm} after {row.frames / 1e6:,.0f}M frames; {row.protocol}; {_short_source(row.source)}"
        lines.append(f"  {row.score:>12,.1f}  {about}")
    if len(table.published) > most:
        lines.append(f"  and {len(table.published) - most} more")
    return "\n".join(lines)


def print_evaluation(
    table: ScoreTable, *, most: int = 20, file: TextIO | None = None, console: Console | None = None
) -> None:
    """Print a score's table: in colour and columns on a terminal, plain lines elsewhere."""
    console = console or Console(file=file)
    if not console.is_terminal:
        console.print(evaluation_text(table, most=most), soft_wrap=True, highlight=False, markup=False)
        return
    ours = Table(title=_title(table), show_header=False, title_justify="left")
    ours.add_column(style="dim", no_wrap=True)
    ours.add_column(overflow="fold")
    for label, value in _evaluation_rows(table):
        ours.add_row(label, Text(value, style="bold" if label == "mean score" else ""))
    console.print(ours)
    if not table.published:
        console.print(table.note, highlight=False, markup=False)
        return
    theirs = Table(title=f"Published, same game and protocol family ({table.family})", title_justify="left")
    theirs.add_column("score", justify="right", no_wrap=True)
    theirs.add_column("algorithm", overflow="fold")
    theirs.add_column("million frames", justify="right")
    theirs.add_column("protocol as published", overflow="fold")
    theirs.add_column("source", overflow="fold", style="dim")
    for row in table.published[:most]:
        theirs.add_row(
            f"{row.score:,.1f}", row.algorithm, f"{row.frames / 1e6:,.0f}", row.protocol, _short_source(row.source)
        )
    console.print(theirs)
    if len(table.published) > most:
        console.print(f"and {len(table.published) - most} more", highlight=False)
    for difference in table.differences:
        console.print(f"but this run differs: {difference}", highlight=False, markup=False)
