"""Made-up play that memories can be fed with, and what an obvious memory would make of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from core.tables import decision, step
from playfield.types import Decision, Step


@dataclass
class Row:
    """One row of one game, as plain numbers."""

    pixels: tuple[int, int]
    action: int
    reward: float
    discount: float
    first: bool
    last: bool
    value: float = 0.0
    """What the agent expected when it acted on this row."""


@dataclass
class Play:
    """Endless play of G games with terminations, truncations and lost lives; remembers everything it ever said."""

    seed: int
    games: int
    ends: float = 0.3
    """Share of rows at which something of the three happens."""
    rows: list[list[Row]] = field(default_factory=list)
    """By game, then by time."""
    acted: list[Tensor] = field(default_factory=list)
    """What `newest_obs` of the memory said after every row."""

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng(self.seed)
        self.rows = [[] for _ in range(self.games)]

    def next(self) -> tuple[Step, Decision]:
        """One more row of every game, and the decision that led to it."""
        values, new = [], []
        for game, rows in enumerate(self.rows):
            value = float(np.float32(self.draws.normal()))
            if rows:
                rows[-1].value = value
            values.append(value)
            new.append(self._row(game, rows))
            rows.append(new[-1])
        said = step(
            np.array([r.pixels for r in new], np.uint8).reshape(self.games, 1, 2, 1),
            [r.reward for r in new],
            [r.discount for r in new],
            [r.first for r in new],
            [r.last for r in new],
        )
        return said, decision([r.action for r in new], values)

    def feed(self, memory) -> None:
        """Add one row to a memory and note what it shows then."""
        memory.add(*self.next())
        self.acted.append(memory.newest_obs().clone())

    def stack(self, row: int, game: int, size: int) -> Tensor:
        """The obvious frame stack: walk back until the episode's first row."""
        frames, at, begun = [], row, False
        for _ in range(size):
            held = at >= 0 and not begun
            frames.insert(0, self.rows[game][at].pixels if held else (0, 0))
            begun = begun or at <= 0 or self.rows[game][at].first
            at -= 1
        return torch.tensor(frames, dtype=torch.uint8).reshape(size, 1, 2)

    def ahead(self, row: int, game: int, steps: int, gamma: float, clip: float | None) -> tuple[float, float, int]:
        """The obvious n-step return of the transition that starts at a row."""
        total, product, length = 0.0, 1.0, 0
        for at in range(row + 1, row + 1 + steps):
            said = self.rows[game][at]
            reward = said.reward if clip is None else max(-clip, min(clip, said.reward))
            total += product * reward
            product *= gamma * said.discount
            length += 1
            if said.last:
                break
        return total, product, length

    def _row(self, game: int, rows: list[Row]) -> Row:
        pixels = (1 + len(rows) % 250, 1 + game)
        action = int(self.draws.integers(0, 18))
        if not rows or rows[-1].last:
            return Row(pixels, action, 0.0, 1.0, first=True, last=False)
        share = self.ends / 3
        kind = self.draws.choice(
            ["goes on", "terminated", "truncated", "life lost"], p=[1 - self.ends, share, share, share]
        )
        return Row(
            pixels,
            action,
            reward=float(self.draws.integers(-3, 4)),
            discount=0.0 if kind in ("terminated", "life lost") else 1.0,
            first=False,
            last=kind in ("terminated", "truncated"),
        )
