"""From the newest frame of a game to the numbers that a linear learner observes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from jaxtyping import Float64, Shaped

from playfield.games.games import GameSpec, Observations
from playfield.types import Array, Tree


class View(Protocol):
    """What is looked at of a game, and what is remembered of the frames before."""

    observations: Observations
    """The numbers it makes, with their limits."""

    def see(self, frame: Shaped[Array, "..."], first: bool) -> Float64[Array, "N"]:
        """The numbers of a frame, of which `first` says that a new episode begins with it."""
        ...

    def weights(self) -> Tree:
        """What was learnt to see with; the same for as long as the view exists."""
        ...

    def state(self) -> Tree:
        """What is remembered of the frames before."""
        ...

    def load(self, tree: Tree) -> None:
        """Become what `state()` described."""
        ...


class VectorView:
    """A vector as it is, held within its limits; of a numbered state its number."""

    def __init__(self, observations: Observations) -> None:
        self.observations = observations
        self._low, self._high = np.array(observations.low), np.array(observations.high)

    def see(self, frame: Shaped[Array, "..."], first: bool) -> Float64[Array, "N"]:
        if self.observations.states is not None:
            return np.array([float(frame.argmax())])
        return np.clip(frame.astype(np.float64), self._low, self._high)

    def weights(self) -> Tree:
        return {}

    def state(self) -> Tree:
        return {}

    def load(self, tree: Tree) -> None:
        """Nothing is remembered."""


def vector_view(spec: GameSpec, ranges: Sequence[tuple[float, float]] | None = None) -> VectorView:
    """The view of a game that shows a vector or a numbered state; `ranges` are limits in place of its own.

    Raises: ValueError where it shows anything else, or the ranges do not fit.
    """
    shown = spec.observations
    if shown is None:
        raise ValueError(
            f"linear learners need a vector or a numbered state to observe, and {spec.name} shows pixels; "
            "`playfield train` takes view=Grid encoder=OneHot for those, or --features"
        )
    if ranges is None:
        return VectorView(shown)
    if shown.states is not None:
        raise ValueError(f"{spec.name} observes numbered states, which have no ranges")
    if len(ranges) != len(shown.low):
        raise ValueError(f"{spec.name} observes {len(shown.low)} numbers; give as many ranges, not {len(ranges)}")
    low, high = zip(*ranges, strict=True)
    return VectorView(replace(shown, low=low, high=high))
