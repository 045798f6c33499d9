"""What the agent did and what came of it, step by step: one JSON line per event, the same bytes for the same run.

Every row has `event` and `frames`, the emulator frames of the run when it happened. What else it has:

    AGENT_MODE     mode, phase, remaining_frames, remaining_steps       the phase began; `mode` is it in words
    NEW_EPISODE    game, seed                                           a game begins
    AGENT_ACTION   game, episode_step, label, value                     an action was played; `value` was expected then
    REWARD         game, reward, total_reward                           a reward that is not 0; the episode's so far
    TOTAL_REWARD   game, episode, total_reward, lost                    an episode's score, unless its game was lost
    END_EPISODE    game, episode, episode_steps, frames_played, truncated, lost

Games count from 0, episodes and their steps from 1. Of the rows of one step each game's come together, in this order;
a step without a row for a game was not played in it, as where the game is lost, and an action without a REWARD brought
0. What was expected is the value of the best action, whichever was played, of rewards as they are learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from playfield.events import EpisodeEnded, Event, PhaseChanged, Stepped
from playfield.sinks.jsonl import AppendFile, json_line

FILE: Final = "analytics.jsonl"


@dataclass(slots=True, kw_only=True)
class Open:
    """One game's episode so far."""

    steps: int = 0
    life_scores: list[float] = field(default_factory=lambda: [0.0])
    """Split where lives were lost, and added up in that order: so that totals are an episode's score to the bit."""

    @property
    def total(self) -> float:
        return sum(self.life_scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a sink has to know of the games that its events are about."""

    actions: tuple[str, ...]
    """A readable label for every action index."""
    frames_per_step: int
    """Emulator frames that one step of all games lasts."""
    open: Sequence[Open] | None = None
    """The episodes that a resumed run goes on with, one for each game; None where all games are new."""


class Analytics:
    """Writes the events above."""

    def __init__(self, file: AppendFile, played: Played) -> None:
        self._file, self._played = file, played
        self._open = None if played.open is None else list(played.open)
        self._ended: dict[int, EpisodeEnded] = {}

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case PhaseChanged():
                self._mode(event)
            case EpisodeEnded():
                self._ended[event.game] = event  # it is told before the step that ended it, and belongs after it
            case Stepped():
                self._stepped(event)
            case _:
                pass

    def _mode(self, event: PhaseChanged) -> None:
        frames = event.remaining_frames
        steps = None if frames is None else -(-frames // self._played.frames_per_step)
        self._write(
            "AGENT_MODE",
            event.clock.frames,
            mode=event.phase.capitalize() if steps is None else f"{event.phase.capitalize()} - {steps} Steps Remaining",
            phase=event.phase,
            remaining_frames=frames,
            remaining_steps=steps,
        )

    def _stepped(self, event: Stepped) -> None:
        step, frames = event.step, event.clock.frames
        if self._open is None:  # the games' first frames are no step, and no event tells of them
            self._open = []
            for game, seed in enumerate(step.seed.tolist()):
                self._open.append(Open())
                self._write("NEW_EPISODE", frames - int(step.frames.sum()), game=game, seed=seed)
        for game in range(len(step.reward)):
            if step.first[game]:  # what was sent to a game that was over is ignored
                self._open[game] = Open()
                self._write("NEW_EPISODE", frames, game=game, seed=int(step.seed[game]))
            else:
                self._played_one(event, game, self._open[game])

    def _played_one(self, event: Stepped, game: int, episode: Open) -> None:
        step, frames = event.step, event.clock.frames
        if game not in step.lost:
            self._acted(event, game, episode)
        if (ended := self._ended.pop(game, None)) is not None:
            about: dict[str, object] = {"game": game, "episode": ended.episode}
            self._write("TOTAL_REWARD", frames, **about, total_reward=ended.score, lost=ended.lost)
            length: dict[str, object] = {"episode_steps": episode.steps, "frames_played": ended.frames}
            self._write("END_EPISODE", frames, **about, **length, truncated=ended.truncated, lost=ended.lost)
        elif step.discount[game] == 0.0:
            episode.life_scores.append(0.0)

    def _acted(self, event: Stepped, game: int, episode: Open) -> None:
        step, frames = event.step, event.clock.frames
        episode.steps += 1
        self._write(
            "AGENT_ACTION",
            frames,
            game=game,
            episode_step=episode.steps,
            label=self._played.actions[int(event.action[game])],
            # As few digits as its 32 bits need: most of the file is made of these.
            value=None if event.value is None else float(str(event.value[game])),
        )
        reward = float(step.reward[game])
        episode.life_scores[-1] += reward
        if reward != 0.0:
            self._write("REWARD", frames, game=game, reward=reward, total_reward=episode.total)

    def _write(self, event: str, frames: int, /, **row: object) -> None:
        self._file.write(json_line({"event": event, "frames": frames, **row}))

    def close(self) -> None:
        """Nothing is pending; the file belongs to who opened it."""
