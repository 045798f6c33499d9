"""Sutton's tile coding as he published it, with a dictionary, and how tests ask an encoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from playfield.games.games import Observations
from playfield.linear.encoders import Code

Tile = tuple[int, ...]


def tiles_of(numbers: Sequence[float], tilings: int, action: int) -> list[Tile]:
    """The tile of every tiling, numbers in tile widths: the tiling, where along each number, the action."""
    found = []
    for tiling in range(tilings):
        tile, offset = [tiling], tiling
        for number in numbers:
            tile.append((math.floor(number * tilings) + offset) // tilings)
            offset += 2 * tiling
        found.append((*tile, action))
    return found


@dataclass
class NaiveTable:
    """The n-th new tile gets index n, while there are any."""

    size: int
    known: dict[Tile, int] = field(default_factory=dict)
    overfull: int = 0

    def index(self, tile: Tile) -> int | None:
        """None where the table is full."""
        if tile not in self.known and len(self.known) == self.size:
            self.overfull += 1
            return None
        return self.known.setdefault(tile, len(self.known))


def widths(entries: int, tiles: int = 8) -> Observations:
    """Numbers whose unit is the width of a tile."""
    return Observations(low=(0.0,) * entries, high=(float(tiles),) * entries)


def asked(code: Code, observation: Sequence[float], actions: int) -> tuple[list[list[int]], list[float]]:
    """Indices for each action, and values."""
    index, value = np.full((actions, code.active), -1, np.int64), np.full(code.active, np.nan)
    code.encode(code.numbers, np.array(observation, np.float64), index, value)
    return index.tolist(), value.tolist()
