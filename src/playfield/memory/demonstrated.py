"""Somebody's play in a replay memory: kept apart for good, or spread over the games as if it had been played here."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from playfield.device import sent
from playfield.memory.rows import RowRing, RowShape
from playfield.types import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrations:
    """Play of one game, episode by episode: the first row of each is `first` and its final one `last`."""

    rows: RowRing
    frames: int
    """Emulator frames that were played."""


class Kept:
    """Demonstrations that are never forgotten. Transition i is known by the key -1 - i, which no other has."""

    def __init__(self, rows: RowRing) -> None:
        self.rows = rows
        held = torch.arange(rows.stop)
        self._row = sent(held[~rows.is_last(held, torch.zeros_like(held))], rows.shape.device)

    def __len__(self) -> int:
        return len(self._row)

    def row(self, index: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """The rows at which transitions start."""
        return self._row[index]

    def state(self) -> Tree:
        return self.rows.state()


def kept_from(tree: Tree, like: RowShape) -> Kept:
    """What `Kept.state` described, of a game whose frames are like those.

    Raises: ValueError where the rows are of other frames.
    """
    shape = RowShape(
        size=int(tree["rows"].stop),
        games=1,
        frame_shape=like.frame_shape,
        frame_dtype=like.frame_dtype,
        stack=like.stack,
        device=like.device,
    )
    rows = RowRing(shape)
    rows.load(tree)
    return Kept(rows)


def spread(shown: RowRing, into: RowRing) -> None:
    """Put episodes into an empty ring of G games, each into the game that has the fewest rows yet.

    episodes   a0 a1 a2   b0 b1   c0 c1 c2
    game 0     a0 a1 a2 .           where . is a blank row from which no transition starts
    game 1     b0 b1 c0 c1 c2       (game 0 gets two of them)

    Raises: ValueError where they do not fit.
    """
    begin = shown.columns["first"][: shown.stop][:, 0].nonzero()[:, 0].tolist()
    games, size = into.shape.games, into.shape.size
    filled = [0] * games
    source: list[Int64[Tensor, "R"]] = [torch.full((size,), -1) for _ in range(games)]
    for at, end in zip(begin, [*begin[1:], shown.stop], strict=True):
        game = filled.index(min(filled))
        top = filled[game] + end - at
        if top > size:
            raise ValueError(
                f"the demonstrations have {shown.stop:,} rows, which do not fit into a memory of {size:,} rows for "
                f"each of {into.shape.games} games; raise memory.capacity or leave demonstrations out"
            )
        source[game][filled[game] : top] = torch.arange(at, end)
        filled[game] = top
    into.extend(shown, torch.stack(source, 1)[: max(filled)])
