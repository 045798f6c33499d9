"""Events of a small, known run, for the sinks' tests."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from playfield.events import EpisodeEnded, Evaluated, Event, Learned, PhaseChanged, Stepped, Tape
from playfield.types import Clock, Step

NATURE: dict[str, object] = {"name": "nature", "repeat_action_probability": 0.0, "frame_skip": 4, "noop_max": 30}


class Bytes(bytearray):
    """An append file in memory."""

    def write(self, data: bytes) -> None:
        self.extend(data)


class Now:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def stepped(frames: int) -> Stepped:
    zero = np.zeros(1, np.float32)
    no = np.zeros(1, bool)
    step = Step(
        frame=np.zeros((1, 2, 2, 1), np.uint8),
        reward=zero,
        discount=zero,
        first=no,
        last=no,
        frames=np.full(1, 4, np.int32),
        seed=np.zeros(1, np.uint64),
    )
    return Stepped(clock=Clock(frames=frames, steps=frames // 4), action=np.zeros(1, np.int64), step=step)


def ended(frames: int, score: float, episode: int = 1) -> EpisodeEnded:
    return EpisodeEnded(
        clock=Clock(frames=frames, steps=frames // 4, episodes=episode),
        game=0,
        episode=episode,
        score=score,
        life_scores=(score,),
        frames=12,
        truncated=False,
        tape=Tape(seed=2**63 + episode, actions=bytes([0, 1, 2])),
    )


def learned(frames: int, updates: int, loss: float, epsilon: float = 0.25) -> Learned:
    return Learned(
        clock=Clock(frames=frames, steps=frames // 4),
        updates=updates,
        loss=loss,
        grad_norm=2.0 * loss,
        mean_q=-loss,
        epsilon=epsilon,
    )


def observing(frames: int, remaining: int) -> PhaseChanged:
    return PhaseChanged(clock=Clock(frames=frames), phase="observing", remaining_frames=remaining)


def training(frames: int) -> PhaseChanged:
    return PhaseChanged(clock=Clock(frames=frames), phase="training")


def evaluation(frames: int, scores: Iterable[float]) -> list[Event]:
    """As `playfield.evaluate` tells it: the games have a clock of their own, and no change of phase follows."""
    scores = tuple(scores)
    clock = Clock(frames=frames, steps=frames // 4)
    games: list[Event] = [ended(40 * n, score, n) for n, score in enumerate(scores, start=1)]
    about = Evaluated(
        clock=clock,
        game="pong",
        protocol=NATURE,
        policy="greedy, epsilon 0.001",
        seed=9,
        scores=scores,
        frames=(12,) * len(scores),
        best=Tape(seed=77, actions=b"\x02\x02"),
    )
    return [PhaseChanged(clock=clock, phase="evaluating"), *games, about]


def feed(sink: object, events: Iterable[Event]) -> None:
    for event in events:
        sink(event)  # type: ignore[operator]
