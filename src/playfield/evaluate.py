"""Whole games played without learning, and the scores they bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from playfield.agent import Policy
from playfield.events import EpisodeEnded, Evaluated, Event, GameLost, PhaseChanged
from playfield.games.each import Lost
from playfield.games.games import Games
from playfield.losses import Losses
from playfield.rng import Rng
from playfield.tape import Recorder
from playfield.types import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """What is to be played."""

    episodes: int
    """Whole games to score."""
    seed: int
    """Of the games and of the policy's random actions; far from any seed of training."""
    policy_name: str
    """What the policy is called in the result."""
    clock: Clock
    """Of the run whose policy it is."""


def evaluate(policy: Policy, games: Games, plan: EvaluationPlan) -> Iterator[Event]:
    """Play `plan.episodes` whole games and report each, then all together.

    Every copy of the game has a fixed share of the episodes: taking whichever end first would favour short ones. An
    episode whose game was lost is told but not counted: another is played in its place.

    Raises: Lost where games are lost again and again: more than three times within a minute, or before a game is over.
    """
    yield PhaseChanged(clock=plan.clock, phase="evaluating")
    copies = games.spec.games
    quota = np.full(copies, plan.episodes // copies) + (np.arange(copies) < plan.episodes % copies)
    clock, recorder = Clock(), Recorder(copies)
    step = games.begin(Rng(plan.seed).numpy("evaluation episodes"))
    recorder.begin(step)
    ended: list[EpisodeEnded] = []
    losses = Losses(games.spec.name)
    while quota.any():
        decision = policy.act(step)
        games.send(decision.action)
        step = games.recv()
        clock = clock.after(step)
        for event in recorder.add(decision.action, step, clock):
            if isinstance(event, GameLost):
                losses.take(event)
                yield event
            elif quota[event.game] > 0 and not event.lost:
                losses.end_row()
                quota[event.game] -= 1
                ended.append(event)
                yield event
        if (too_many := losses.too_many) is not None:
            raise Lost(too_many)
    yield _summary(sorted(ended, key=lambda e: (e.game, e.episode)), games, plan)


def _summary(ended: list[EpisodeEnded], games: Games, plan: EvaluationPlan) -> Evaluated:
    best = max(ended, key=lambda e: e.score)
    return Evaluated(
        clock=plan.clock,
        game=games.spec.name,
        protocol=games.spec.protocol,
        policy=plan.policy_name,
        seed=plan.seed,
        scores=tuple(e.score for e in ended),
        frames=tuple(e.frames for e in ended),
        best=best.tape,
    )
