"""Episodes as (seed, actions): what was played, while it is being played."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int64

from playfield.events import EpisodeEnded, GameLost, Tape
from playfield.types import Array, Clock, Step, Tree


@dataclass(slots=True, kw_only=True)
class _Open:
    """One episode so far."""

    seed: int = 0
    actions: bytearray = field(default_factory=bytearray)
    life_scores: list[float] = field(default_factory=lambda: [0.0])
    frames: int = 0
    cut: bool = False
    """Whether it ended otherwise than by the game's doing, and cannot be gone on with."""

    def tape(self) -> Tape:
        return Tape(seed=self.seed, actions=bytes(self.actions), cut=self.cut)


class Recorder:
    """Writes down every game's episode; an ended one stays until the next begins, so that a resume finds it."""

    def __init__(self, games: int, episodes: int = 0) -> None:
        self._open = [_Open() for _ in range(games)]
        self._episodes = episodes

    def begin(self, step: Step) -> None:
        """Note the seeds of the episodes that begin with `step`."""
        for game, seed in enumerate(step.seed):
            self._open[game] = _Open(seed=int(seed))

    def add(self, action: Int64[Array, "G"], step: Step, clock: Clock) -> list[GameLost | EpisodeEnded]:
        """Append one action to every running episode; the games lost and the episodes ended by it, in order of game."""
        told: list[GameLost | EpisodeEnded] = [
            GameLost(clock=clock, game=game, reason=reason) for game, reason in step.lost.items()
        ]
        for game, episode in enumerate(self._open):
            if step.first[game]:
                self._open[game] = _Open(seed=int(step.seed[game]), cut=game in step.lost)
                continue
            if game in step.lost:
                episode.cut = True
            else:
                episode.actions.append(int(action[game]))
            episode.frames += int(step.frames[game])
            episode.life_scores[-1] += float(step.reward[game])
            if step.last[game]:
                told.append(self._ended(game, step, clock))
            elif step.discount[game] == 0.0:
                episode.life_scores.append(0.0)
        return told

    def cut(self) -> None:
        """Leave every episode where it is: none is gone on with."""
        for episode in self._open:
            episode.cut = True

    def open_tapes(self) -> list[Tape]:
        """The tape of every game as far as it was played; one that is not gone on with is `cut`."""
        return [episode.tape() for episode in self._open]

    def state(self) -> Tree:
        return {
            "episodes": self._episodes,
            "open": [
                {
                    "seed": e.seed,
                    "actions": torch.from_numpy(np.frombuffer(bytes(e.actions), np.uint8).copy()),
                    "life_scores": list(e.life_scores),
                    "frames": e.frames,
                    **({"cut": True} if e.cut else {}),
                }
                for e in self._open
            ],
        }

    def load(self, tree: Tree) -> None:
        self._episodes = int(tree["episodes"])
        self._open = [
            _Open(
                seed=int(e["seed"]),
                actions=bytearray(e["actions"].numpy().tobytes()),
                life_scores=[float(s) for s in e["life_scores"]],
                frames=int(e["frames"]),
                cut=bool(e.get("cut", False)),
            )
            for e in tree["open"]
        ]

    def _ended(self, game: int, step: Step, clock: Clock) -> EpisodeEnded:
        episode = self._open[game]
        self._episodes += 1
        return EpisodeEnded(
            clock=clock,
            game=game,
            episode=self._episodes,
            score=sum(episode.life_scores),
            life_scores=tuple(episode.life_scores),
            frames=episode.frames,
            truncated=bool(step.discount[game] == 1.0),
            tape=episode.tape(),
            lost=game in step.lost,
        )
