"""What all games share: where episode seeds come from, and how the rows of a new episode begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt64

from playfield.events import Tape
from playfield.types import Array

SEEDS = 2**31
"""Seeds are below this number: ale-py takes signed 32-bit integers."""


def draw_seeds(seeds: np.random.Generator, count: int) -> UInt64[Array, "count"]:
    """Seeds for `count` new episodes."""
    return seeds.integers(0, SEEDS, size=count, dtype=np.uint64)


def check_tapes(tapes: Sequence[Tape], games: int, actions: int) -> None:
    """Refuse tapes that cannot have been recorded from these games.

    Raises: ValueError with one sentence.
    """
    if len(tapes) != games:
        raise ValueError(f"there are {len(tapes)} tapes for {games} games")
    for game, tape in enumerate(tapes):
        if not 0 <= tape.seed < SEEDS:
            raise ValueError(f"the tape of game {game} has seed {tape.seed}, which is not from 0 to {SEEDS - 1}")
        if tape.actions and max(tape.actions) >= actions:
            raise ValueError(f"the tape of game {game} holds action {max(tape.actions)}; the game has only {actions}")


def too_long(game: int, played: int, tape: Tape) -> ValueError:
    """The error for a tape that goes on after its episode has ended."""
    return ValueError(f"the tape of game {game} has {len(tape.actions)} actions, but its episode ended after {played}")
