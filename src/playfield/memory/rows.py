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

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Ring, Rows, from_ring, into_ring
from playfield.device import HOST, carrier, sent
from playfield.memory.frames import FrameLog, PackedFrames, Raw, Spilled, Store, lazy_zeros
from playfield.multistep import stack
from playfield.types import Decision, Step, Tree

BLOCK_ROWS = 64
"""Rows that are copied at a time from one ring into another."""


class LoggedRows(Protocol):
    """Rows that lie somewhere else, for instance in a log on disk."""

    start: int
    stop: int

    def read_into(self, columns: Mapping[str, Ring], *, leave: Collection[str] = ()) -> None:
        """Put row i at index `i % size` of every column, in order; columns to `leave` only have to fit."""
        ...

    def reader(self, column: str) -> FrameLog:
        """Reads one column where it lies."""
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
    store: Store = Raw()
    """How frames are kept."""
    device: torch.device = HOST
    """Where the rows lie and observations are made."""


class RowRing:
    """The newest `size` rows of G games, as columns."""

    def __init__(self, shape: RowShape) -> None:
        self.shape = shape
        ring = (shape.size, shape.games)
        self.columns: dict[str, Ring] = {
            "frame": shape.store.build((*ring, *shape.frame_shape), shape.frame_dtype, shape.device),
            "action": lazy_zeros(ring, "int16", shape.device),
            "reward": lazy_zeros(ring, "float32", shape.device),
            "discount": lazy_zeros(ring, "float32", shape.device),
            "first": lazy_zeros(ring, "bool", shape.device),
            "last": lazy_zeros(ring, "bool", shape.device),
        }
        frame = self.columns["frame"]
        self._frames = carrier((shape.games, *shape.frame_shape), frame.dtype, shape.device)
        # Where no transition starts is asked by the host, which must not wait for an answer from elsewhere.
        self._last = cast(Tensor, self.columns["last"]) if shape.device == HOST else lazy_zeros(ring, "bool")
        self.stop = 0
        self._start = 0
        self._cuts: list[int] = []

    @property
    def start(self) -> int:
        """The oldest row still held."""
        return max(self._start, self.stop - self.shape.size)

    def add(self, step: Step, decision: Decision) -> None:
        """Append one row: the step, and the decision that led to it."""
        begin = self.stop % self.shape.size
        at, column, device = slice(begin, begin + 1), self.columns, self.shape.device
        if isinstance(frames := column["frame"], Tensor):
            self._frames.send(torch.from_numpy(step.frame), frames[begin])
        else:
            frames[at] = torch.from_numpy(step.frame[None])
        column["action"][at] = sent(torch.from_numpy(decision.action[None]), device)
        column["reward"][at] = sent(torch.from_numpy(step.reward[None]), device)
        column["discount"][at] = sent(torch.from_numpy(step.discount[None]), device)
        column["first"][at] = sent(torch.from_numpy(step.first[None]), device)
        column["last"][at] = sent(torch.from_numpy(step.last[None]), device)
        self._last[begin] = torch.from_numpy(step.last)
        self.stop += 1

    def extend(self, other: RowRing, source: Int64[Tensor, "R G"]) -> None:
        """Append rows of another ring, of which only its first game counts; -1 is a blank from which nothing starts."""
        blank = {"first": True, "last": True, "discount": 1.0}
        for rows in source.split(BLOCK_ROWS):
            for name, ring in self.columns.items():
                values = other.take(name, rows.clamp(min=0), torch.zeros(rows.shape[1], dtype=torch.int64))
                values[rows < 0] = blank.get(name, 0)
                into_ring(ring, self.stop, values.to(self.shape.device))
            self.stop += len(rows)
        self.know_lasts()

    def cut(self) -> None:
        """Let the newest row be the last one of every episode that is still open."""
        if self.stop > 0 and self.stop - 1 not in self._cuts:
            self._cuts = [row for row in (*self._cuts, self.stop - 1) if row >= self.start]
            self._mark_last(self.stop - 1)
            self.know_lasts()

    def rest_on(self, log: FrameLog) -> None:
        """Where frames are to lie on the disk: let go of those that this log of the same rows has."""
        if isinstance(frames := self.columns["frame"], PackedFrames) and isinstance(self.shape.store, Spilled):
            frames.rest_on(log)

    def know_lasts(self) -> None:
        """Let the host know where no transition starts, after something but `add` has written into the columns."""
        if self._last is not (last := self.columns["last"]):
            self._last.copy_(cast(Tensor, last))

    def forget_before(self, row: int) -> None:
        """Rows before `row` are not needed any more; they need not be saved."""
        self._start = max(self._start, row)

    def obs(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Shaped[Tensor, "B ..."]:
        """Stacked frames as a network takes them: `B K*C H W` or `B K*N`."""
        window = row[None, :] + torch.arange(1 - self.shape.stack, 1, device=row.device)[:, None]
        # Rows before the oldest one are blank, as if the oldest row were first.
        first = self.take("first", window, game) | (window <= self.start)
        # Channels lie last in memory, where convolutions are fast; the shape is the usual one.
        return stack(list(self.take("frame", window, game)), first).movedim(-1, 1)

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        """What every game shows now."""
        games = torch.arange(self.shape.games, device=self.shape.device)
        return self.obs(torch.full_like(games, self.stop - 1), games)

    def action_after(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """The action that was taken on the frame of each row."""
        return self.take("action", row + 1, game).long()

    def is_last(self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Bool[Tensor, "B"]:
        """Where no transition starts; asked and answered on the host."""
        return _at(self._last, (row % self.shape.size) * self.shape.games + game)

    def ahead(
        self, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"], steps: int, gamma: float
    ) -> tuple[Float[Tensor, "n B"], Float[Tensor, "n B"], Bool[Tensor, "n B"]]:
        """Reward, discount (gamma multiplied in, here and nowhere else) and `last` of the next `steps` rows."""
        window = row[None, :] + torch.arange(1, steps + 1, device=row.device)[:, None]
        discount = self.take("discount", window, game) * gamma
        return self.take("reward", window, game), discount, self.take("last", window, game)

    def bytes_per_row(self) -> float:
        """Memory that one stored frame with its columns costs once the ring is full; of packed frames at most."""
        return self.most_bytes() / (self.shape.size * self.shape.games)

    def most_bytes(self) -> float:
        """Memory that the ring takes once it is full; of packed frames at most."""
        return self.most_bytes_in(self.shape.store)

    def most_bytes_in(self, store: Store) -> float:
        """The same where frames were kept in another way."""
        shape = self.shape
        frames = store.most_bytes((shape.size, shape.games, *shape.frame_shape), shape.frame_dtype)
        narrow = (column for name, column in self.columns.items() if name != "frame")
        return frames + sum(column.shape.numel() * column.dtype.itemsize for column in narrow)

    def fixed_bytes(self) -> float:
        """Of `most_bytes`, what does not grow with the ring."""
        return self.shape.store.most_bytes((0, self.shape.games, *self.shape.frame_shape), self.shape.frame_dtype)

    def filled_bytes(self) -> float:
        """Of `most_bytes`, what the rows take that are held now."""
        return self.most_bytes() * (self.stop - self.start) / self.shape.size

    def state(self) -> Tree:
        # Rows that were saved before they were cut are not written anew: which ones they are is kept beside them.
        cuts = {"cuts": self._cuts} if self._cuts else {}
        return {"rows": Rows(start=self.start, stop=self.stop, columns=self.columns), **cuts}

    def load(self, tree: Tree) -> None:
        rows = tree["rows"]
        if isinstance(frames := self.columns["frame"], PackedFrames):
            frames.begin(rows.start)
        if isinstance(rows, Rows):
            for name, column in rows.columns.items():
                if name not in self.columns or column.shape[1:] != self.columns[name].shape[1:]:
                    raise ValueError(f"these rows are of other games or frames: {name!r} does not fit")
            for first in range(rows.start, rows.stop, BLOCK_ROWS):
                count = min(BLOCK_ROWS, rows.stop - first)
                for name, column in rows.columns.items():
                    into_ring(self.columns[name], first, from_ring(column, first, count).to(self.shape.device))
        elif isinstance(frames, PackedFrames) and isinstance(self.shape.store, Spilled):
            cast(LoggedRows, rows).read_into(self.columns, leave=("frame",))
            frames.begin_on(cast(LoggedRows, rows).reader("frame"), rows.start, rows.stop)
        else:
            cast(LoggedRows, rows).read_into(self.columns)
        self._start, self.stop = rows.start, rows.stop
        self._cuts = [int(row) for row in tree.get("cuts", ()) if self.start <= int(row) < self.stop]
        for row in self._cuts:
            self._mark_last(row)
        self.know_lasts()

    def _mark_last(self, row: int) -> None:
        marks = torch.ones(1, self.shape.games, dtype=torch.bool, device=self.shape.device)
        into_ring(self.columns["last"], row, marks)

    def take(self, name: str, row: Int64[Tensor, "*S B"], game: Int64[Tensor, "B"]) -> Shaped[Tensor, "*S B ..."]:
        """One column at some rows and games."""
        if not isinstance(column := self.columns[name], Tensor):
            assert isinstance(column, PackedFrames)
            return column.take(row, game)
        return _at(column, (row % self.shape.size) * self.shape.games + game)


def _at(column: Shaped[Tensor, "T G ..."], flat: Int64[Tensor, "*S B"]) -> Shaped[Tensor, "*S B ..."]:
    # index_select copies whole frames: many times faster than column[flat].
    return column.flatten(0, 1).index_select(0, flat.flatten()).unflatten(0, flat.shape)
