"""The seam between games and everything else: G copies of one game, driven together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Int64

from playfield.events import Tape
from playfield.types import Array, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What a game or a world shows that shows no pixels: N numbers between limits, or one of a number of states."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    states: int | None = None
    """How many states there are, where the one number is the state's; None for continuous ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameSpec:
    """What a game is, before it is played."""

    name: str
    """As given on the command line: `pong`, `gym:CartPole-v1`, `catch`."""
    games: int
    """G: copies driven together."""
    actions: tuple[str, ...]
    """A readable label for every action index."""
    axes: tuple[int, ...] = ()
    """How many choices each of several axes of actions has, where `actions` are all their combinations, the last axis
    changing fastest; empty where actions are one list."""
    frame_shape: tuple[int, ...]
    """`(H, W, C)` for pixels, `(N,)` for vectors."""
    frame_dtype: str
    """`uint8` for pixels, `float32` for vectors."""
    frames_per_action: int
    """Emulator frames that one action lasts."""
    frames_per_second: float
    """Emulator frames per second of play at normal speed, for films and for a person watching."""
    protocol: dict[str, object] = field(default_factory=dict[str, object])
    """The protocol as plain values, as actually used; every score carries it."""
    replays: bool = True
    """Whether (seed, actions) plays an episode again exactly; not of a game in real time."""
    waits: bool = True
    """Whether the game waits for the agent; one that runs in real time does not."""
    observations: Observations | None = None
    """What the numbers of a vector frame mean; a numbered state is a vector with a single 1. None of pixels."""

    def __post_init__(self) -> None:
        if self.axes and math.prod(self.axes) != len(self.actions):
            raise ValueError(f"axes of {self.axes} choices do not make {len(self.actions)} actions")

    @property
    def choices(self) -> tuple[int, ...]:
        """How many choices each axis of actions has; a plain list is a single axis."""
        return self.axes or (len(self.actions),)

    @property
    def resume(self) -> str:
        """How exactly a run of it goes on after it was stopped."""
        return "exact" if self.replays else "exact up to the open episode"


class Games(Protocol):
    """G copies of one game. Every episode starts from a seed of ours, so that, where the spec says that the game
    replays, (seed, actions) plays it again exactly.

    Life of an episode in the stream of steps: one row with `first`, then ordinary rows, then one row with `last`.
    The action sent after a `last` row is ignored and the next row is `first` again.
    """

    spec: GameSpec

    def begin(self, seeds: np.random.Generator) -> Step:
        """Start G new episodes; their seeds and those of all later episodes are drawn from `seeds`."""
        ...

    def resume(self, seeds: np.random.Generator, tapes: Sequence[Tape]) -> Step:
        """Play G open episodes again up to where their tapes end, and return that very step.

        An episode whose tape is `cut` is not played again: its row is `last`, and what it shows is not known any more.

        Raises: ValueError where a tape ends its episode before its own last action.
        """
        ...

    def send(self, action: Int64[Array, "G"]) -> None:
        """Start one step in every game; returns at once where the games can run in the background."""
        ...

    def recv(self) -> Step:
        """Wait for the step that `send` started."""
        ...

    def hurry(self) -> None:
        """Somebody wants to stop: wait for no person any more, nor long for a game that hangs.

        Called from a signal handler, while a step may be waited for.
        """
        ...

    def close(self) -> None:
        """Release emulators and windows."""
        ...
