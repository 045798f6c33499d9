"""Rows as they happened, each frame stored once, in a ring.

Row t of a game holds the frame seen after decision t-1, and the action, reward and discount that led there:

    row       0      1      2      3      4
    first     x                    x            the action before a first row was ignored
    last                    x                   no action follows: no transition starts here
    frame     f0     f1     f2     g0     g1
    action    -      a0     a1     -      b0    what led here
    reward    -      r1     r2     -      r1'
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Rows
from playfield.device import HOST, carrier, sent
from playfield.multistep import stack
from playfield.types import Decision, Step, Tree


class LoggedRows(Protocol):
    """Rows that lie somewhere else, for instance in a log on disk."""

    start: int
    stop: int

    def read_into(self, columns: dict[str, Tensor]) -> None:
        """Put row i at index `i % size` of every column."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowShape:
    """How large a ring is and what its frames look like."""

    size: int
    """Rows of the ring, for each of the games."""
    games: int
    frame_shape: tuple[int, ...]
    frame_dtype: str
    stack: int
    """K: frames in one observation."""
    device: torch.device = HOST
    """Where the rows lie and observations are made."""


class RowRing:
    """The newest `size` rows of G games, as columns."""

    def __init__(self, shape: RowShape) -> None:
        self.shape = shape
        ring = (shape.size, shape.games)
        self.columns: dict[str, Tensor] = {
            "frame": _lazy_zeros((*ring, *shape.frame_shape), shape.frame_dtype, shape.device),
            "action": _lazy_zeros(ring, "int16", shape.device),
            "reward": _lazy_zeros(ring, "float32", shape.device),
            "discount": _lazy_zeros(ring, "float32", shape.device),
            "first": _lazy_zeros(ring, "bool", shape.device),
            "last": _lazy_zeros(ring, "bool", shape.device),
        }
        frame = self.columns["frame"]
        self._frames = carrier((shape.games, *shape.frame_shape), frame.dtype, shape.device)
        # Where no transition starts is asked by the host, which must not wait for an answer from elsewhere.
        self._last = self.columns["last"] if shape.device == HOST else _lazy_zeros(ring, "bool", HOST)
        self.stop = 0
        self._start = 0
        self._cuts: list[int] = []

    @property
    def start(self) -> int:
        """The oldest row still held."""
        return max(self._start, self.stop - self.shape.size)

    def add(self, step: Step, decision: Decision) -> None:
        """Append one row: the step, and the decision that led to it."""
        at = self.stop % self.shape.size
        column, device = self.columns, self.shape.device
        self._frames.send(torch.from_numpy(step.frame), column["frame"][at])
        column["action"][at] = sent(torch.from_numpy(decision.action), device)
        column["reward"][at] = sent(torch.from_numpy(step.reward), device)
        column["discount"][at] = sent(torch.from_numpy(step.discount), device)
        column["first"][at] = sent(torch.from_numpy(step.first), device)
        column["last"][at] = sent(torch.from_numpy(step.last), device)
        self._last[at] = torch.from_numpy(step.last)
        self.stop += 1

    def cut(self) -> None:
        """Let the newest row be the last one of every episode that is still open."""
        if self.stop > 0 and self.stop - 1 not in self._cuts:
            self._cuts = [row for row in (*self._cuts, self.stop - 1) if row >= self.start]
            self.columns["last"][(self.stop - 1) % self.shape.size] = True
            self.know_lasts()

    def know_lasts(self) -> None:
        """Let the host know where no transition starts, after something but `add` has written into the columns."""
        if self._last is not self.columns["last"]:
            self._last.copy_(self.columns["last"])

    def forget_before(self, row: int) -> None:
        """Rows before `row` are not needed any more; they need not be saved."""
        self._start = max(self._start, row)

    def obs(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Shaped[Tensor, "B ..."]:
        """Stacked frames as a network takes them: `B K*C H W` or `B K*N`."""
        window = row[None, :] + torch.arange(1 - self.shape.stack, 1, device=row.device)[:, None]
        # Rows before the oldest one are blank, as if the oldest row were first.
        first = self._get("first", window, game) | (window <= self.start)
        # Channels lie last in memory, where convolutions are fast; the shape is the usual one.
        return stack([self._get("frame", at, game) for at in window], first).movedim(-1, 1)

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        """What every game shows now."""
        games = torch.arange(self.shape.games, device=self.shape.device)
        return self.obs(torch.full_like(games, self.stop - 1), games)

    def action_after(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """The action that was taken on the frame of each row."""
        return self._get("action", row + 1, game).long()

    def is_last(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Bool[Tensor, "B"]:
        """Where no transition starts; asked and answered on the host."""
        return _at(self._last, (row % self.shape.size) * self.shape.games + game)

    def ahead(
        self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"], steps: int, gamma: float
    ) -> tuple[Float[Tensor, "n B"], Float[Tensor, "n B"], Bool[Tensor, "n B"]]:
        """Reward, discount (gamma multiplied in, here and nowhere else) and `last` of the next `steps` rows."""
        window = row[None, :] + torch.arange(1, steps + 1, device=row.device)[:, None]
        discount = self._get("discount", window, game) * gamma
        return self._get("reward", window, game), discount, self._get("last", window, game)

    def bytes_per_row(self) -> float:
        """Memory that one stored frame with its columns costs."""
        return sum(c[0].numel() * c.element_size() for c in self.columns.values()) / self.shape.games

    def state(self) -> Tree:
        # Rows that were saved before they were cut are not written anew: which ones they are is kept beside them.
        cuts = {"cuts": self._cuts} if self._cuts else {}
        return {"rows": Rows(start=self.start, stop=self.stop, columns=self.columns), **cuts}

    def load(self, tree: Tree) -> None:
        rows = tree["rows"]
        if isinstance(rows, Rows):
            for name, column in rows.columns.items():
                if name not in self.columns or column.shape[1:] != self.columns[name].shape[1:]:
                    raise ValueError(f"these rows are of other games or frames: {name!r} does not fit")
            index = torch.arange(rows.start, rows.stop)
            for name, column in rows.columns.items():
                into = self.columns[name]
                values = column[(index % len(column)).to(column.device)]
                into[(index % self.shape.size).to(into.device)] = values.to(into.device)
        else:
            cast(LoggedRows, rows).read_into(self.columns)
        self._start, self.stop = rows.start, rows.stop
        self._cuts = [int(row) for row in tree.get("cuts", ()) if self.start <= int(row) < self.stop]
        for row in self._cuts:
            self.columns["last"][row % self.shape.size] = True
        self.know_lasts()

    def _get(self, name: str, row: Int64[Tensor, "*S B"], game: Int64[Tensor, "B"]) -> Shaped[Tensor, "*S B ..."]:
        return _at(self.columns[name], (row % self.shape.size) * self.shape.games + game)


def _at(column: Shaped[Tensor, "T G ..."], flat: Int64[Tensor, "*S B"]) -> Shaped[Tensor, "*S B ..."]:
    # index_select copies whole frames: many times faster than column[flat].
    return column.flatten(0, 1).index_select(0, flat.flatten()).unflatten(0, flat.shape)


def _lazy_zeros(shape: tuple[int, ...], dtype: str, device: torch.device) -> Tensor:
    # numpy asks for zeroed pages that cost no memory until they are written; torch.zeros writes them all.
    if math.prod(shape) == 0:
        raise ValueError("the memory has no room for a single row; give it a larger capacity")
    try:
        if device != HOST:
            return torch.zeros(shape, dtype=getattr(torch, dtype), device=device)
        return torch.from_numpy(np.zeros(shape, dtype))
    except (MemoryError, torch.OutOfMemoryError) as error:
        size, where = math.prod(shape) * np.dtype(dtype).itemsize / 1e9, "" if device == HOST else f" on {device}"
        raise ValueError(
            f"the memory would take {size:,.0f} GB, more than there is{where}; lower memory.capacity"
        ) from error
