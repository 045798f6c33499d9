"""Where networks take their chance from: one generator for initial weights, one for noise while training."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from playfield.device import HOST, carrier, sent

Fill = Callable[[Tensor, torch.Generator], Tensor]
"""Fills a tensor with fresh numbers of some distribution."""


class Chance:
    """The one source of noise of a network and all its copies.

    A copy of a network that draws noise must not carry off a generator of its own, which nobody would save:
    whatever copies this gets this. Numbers are drawn on the host wherever the network is, so that they are the same
    on every device.
    """

    def __init__(self, generator: torch.Generator, device: torch.device = HOST) -> None:
        self.generator, self.device = generator, device
        self._noted: list[tuple[Fill, tuple[int, ...]]] | None = None
        self._read: list[Tensor] | None = None  # what is handed out instead of fresh numbers, the next one last

    def normal(self, size: int) -> Float[Tensor, "N"]:
        """Fresh numbers from N(0, 1), on the network's device."""
        return self._fresh(_normal, (size,))

    def uniform(self, *shape: int) -> Float[Tensor, "..."]:
        """Fresh numbers from U(0, 1), on the network's device."""
        return self._fresh(_uniform, shape)

    def _fresh(self, fill: Fill, shape: tuple[int, ...]) -> Tensor:
        if self._read is not None:
            return self._read.pop()
        if self._noted is not None:
            self._noted.append((fill, shape))
        return sent(fill(torch.empty(shape), self.generator), self.device)

    @contextmanager
    def noting(self) -> Generator[list[tuple[Fill, tuple[int, ...]]]]:
        """Note what is drawn meanwhile, in order."""
        noted = self._noted = []
        try:
            yield noted
        finally:
            self._noted = None

    @contextmanager
    def reading(self, numbers: Sequence[Tensor]) -> Generator[None]:
        """Hand out these, in order, instead of fresh numbers."""
        self._read = list(reversed(numbers))
        try:
            yield
        finally:
            self._read = None

    def __copy__(self) -> Chance:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Chance:
        return self


class Script:
    """All that one piece of work draws, in the order in which it does, in tensors that stay in their places."""

    def __init__(self, chance: Chance, noted: Sequence[tuple[Fill, tuple[int, ...]]]) -> None:
        sizes = [math.prod(shape) for _, shape in noted]
        self._chance, self._fills = chance, [fill for fill, _ in noted]
        self._host, self._there = torch.empty(sum(sizes)), torch.empty(sum(sizes), device=chance.device)
        self._drawn = self._host.split(sizes)
        self._places = [part.view(shape) for part, (_, shape) in zip(self._there.split(sizes), noted, strict=True)]
        self._carrier = carrier((sum(sizes),), torch.float32, chance.device)

    def draw(self) -> None:
        """Fresh numbers, the very ones that the work would have drawn by itself."""
        for fill, part in zip(self._fills, self._drawn, strict=True):
            fill(part, self._chance.generator)
        if self._fills:
            self._carrier.send(self._host, self._there)

    def read(self) -> AbstractContextManager[None]:
        """Let the work find what was drawn."""
        return self._chance.reading(self._places)


def _normal(into: Tensor, generator: torch.Generator) -> Tensor:
    return into.normal_(generator=generator)


def _uniform(into: Tensor, generator: torch.Generator) -> Tensor:
    return into.uniform_(generator=generator)


@dataclass(frozen=True, slots=True)
class Draws:
    """What building a network draws from, and what it goes on drawing from."""

    weights: torch.Generator
    chance: Chance
