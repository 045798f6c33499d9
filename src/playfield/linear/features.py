"""Sparse features and what is done with them: the few numbers that are not 0 of x(s, a), for every action."""

from __future__ import annotations

from jaxtyping import Float64, Int64

from playfield.linear.compiled import compiled
from playfield.types import Array


@compiled
def dot(weights: Float64[Array, "F"], index: Int64[Array, "K"], value: Float64[Array, "K"]) -> float:
    """Wᵀx, from the K features that may differ from 0."""
    total = 0.0
    for k in range(len(index)):
        total += weights[index[k]] * value[k]
    return total


@compiled
def add_scaled(
    weights: Float64[Array, "F"], amount: float, index: Int64[Array, "K"], value: Float64[Array, "K"]
) -> None:
    """W ← w + amount · x, in place."""
    for k in range(len(index)):
        weights[index[k]] += amount * value[k]
