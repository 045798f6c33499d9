"""The console lines of the four set-ups that Playfield follows, for who has tools or habits that rest on them.

Each number is the one that its label names: scores are raw and of whole games; episodes count from 1; frames are
emulator frames of all games together, steps are calls of the loop, with one action for each game.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Final, Literal

from playfield.events import EpisodeEnded, Event, PhaseChanged, Stopped
from playfield.sinks import Sink
from playfield.sinks.recent import Begin
from playfield.types import Clock

Lines = Literal["serpent", "breakout", "lesson", "gravitar"]
"""Whose lines."""
MARKING_EPISODES: Final = 100
"""Episodes from one marking line, or Breakout line, to the next."""
EPISODE_LINE_EPISODES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What lines need to know besides the events, and where they go."""

    say: Callable[[str], object]
    begin: Begin
    """From where the run goes on, with the scores of all its episodes so far."""
    epsilon: Callable[[Clock], float]
    """Exploration rate at a clock."""
    beta: Callable[[Clock], float | None]
    """Exponent of the importance weights at a clock; None where the memory has none."""
    frames_per_step: int
    """Emulator frames that one step of all games lasts."""
    until_score: float | None = None
    """Mean score at which training stops."""
    over: int = 30
    """Episodes in that mean."""
    now: Callable[[], float] = time.monotonic


def console_lines(which: Lines, telling: Telling) -> Sink:
    """A sink that prints those lines."""
    match which:
        case "serpent":
            return Serpent(telling)
        case "breakout":
            return Breakout(telling)
        case "lesson":
            return Lesson(telling)
        case "gravitar":
            return Gravitar(telling)


def _lost_text(event: EpisodeEnded) -> str:
    """What is added to a line that tells the score of a game that is none of a whole one."""
    return ", and the game was lost" if event.lost else ""


class Gravitar:
    """A marking line every 100 episodes, over the scores since the one before, and a short line every 5."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        scores = telling.begin.scores
        self._marked = list(scores[len(scores) - len(scores) % MARKING_EPISODES :])

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if not isinstance(event, EpisodeEnded):
            return
        say, clock, lost = self._telling.say, event.clock, _lost_text(event)
        if not event.lost:
            self._marked.append(event.score)
        if event.episode % MARKING_EPISODES == 0 and self._marked:
            say(
                f"marking, episode: {event.episode}, score: {event.score:.1f}, "
                f"mean_score: {fmean(self._marked):.2f}, std_score: {pstdev(self._marked):.2f}{lost}"
            )
            self._marked = []
        if event.episode % EPISODE_LINE_EPISODES == 0:
            beta = self._telling.beta(clock)
            say(
                f"episode: {event.episode}, score: {event.score:.1f}, epsilon: {self._telling.epsilon(clock):.2f}, "
                f"beta: {'none' if beta is None else f'{beta:.2f}'}, frame_idx: {clock.frames}{lost}"
            )

    def close(self) -> None:
        """Nothing is pending."""


class Serpent:
    """The phase whenever it changes, the steps that remain of observing, and the total reward of every episode."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._observing_until: int | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case PhaseChanged(phase="observing", remaining_frames=int(remaining)):
                self._observing_until = event.clock.frames + remaining
                self._say_remaining(event.clock)
            case PhaseChanged():
                self._observing_until = None
                self._telling.say(event.phase.capitalize())
            case EpisodeEnded():
                self._telling.say(f"Episode {event.episode} - Total Reward: {event.score:g}{_lost_text(event)}")
                self._say_remaining(event.clock)
            case _:
                pass

    def _say_remaining(self, clock: Clock) -> None:
        """Steps of full length: an episode's end may cut one short, and then there is one more."""
        if self._observing_until is not None and (frames := self._observing_until - clock.frames) > 0:
            self._telling.say(f"Observing - {-(-frames // self._telling.frames_per_step)} Steps Remaining")

    def close(self) -> None:
        """Nothing is pending."""


class Breakout:
    """Best and mean reward of all episodes so far, and the time that they took, every 100 episodes."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._scores = list(telling.begin.scores)
        self._zero = telling.now() - telling.begin.elapsed_seconds

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if not isinstance(event, EpisodeEnded):
            return
        if not event.lost:
            self._scores.append(event.score)
        if event.episode % MARKING_EPISODES == 0 and self._scores:
            self._telling.say(
                f"Episode {event.episode}, Overall best reward {max(self._scores):g}, "
                f"Avg reward {fmean(self._scores):.4f}, Exploration rate {self._telling.epsilon(event.clock):.4f}, "
                f"Elapsed {self._telling.now() - self._zero:.1f} seconds"
            )

    def close(self) -> None:
        """Nothing is pending."""


class Lesson:
    """One line at the end: whether the target mean was reached, and after how many steps."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._scores = list(telling.begin.scores)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case EpisodeEnded() if not event.lost:
                self._scores.append(event.score)
            case Stopped():
                last, target = self._scores[-self._telling.over :], self._telling.until_score
                mean = sum(last) / len(last) if len(last) == self._telling.over else None  # as the one that stops it
                after = f"after {event.clock.steps} steps ({event.clock.frames} frames)"
                if target is not None and mean is not None and mean >= target:
                    reached = f"mean reward of the last {len(last)} episodes is {mean:.2f}, at least {target:g}"
                    self._telling.say(f"target mean reached {after}: {reached}")
                else:
                    self._telling.say(f"stopped {after}: {event.reason}")
            case _:
                pass

    def close(self) -> None:
        """Nothing is pending."""
