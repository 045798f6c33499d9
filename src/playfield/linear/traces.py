"""Eligibility traces: what of each weight the present error is still due to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from playfield.linear.compiled import compiled
from playfield.types import Array

SMALLEST = 1e-200
"""Traces below it are let go: what they could add changes no weight by a bit, and subnormal numbers are slow."""


class Traces(NamedTuple):
    """z, and which of its entries are not 0: only those need work."""

    z: Float64[Array, "F"]
    alive: Int64[Array, "F"]
    """Features whose trace is not 0; the first `living[0]` entries are valid."""
    is_alive: Bool[Array, "F"]
    living: Int64[Array, "1"]


def no_traces(features: int) -> Traces:
    """All 0."""
    return Traces(np.zeros(features), np.zeros(features, np.int64), np.zeros(features, np.bool_), np.zeros(1, np.int64))


@compiled
def clear(traces: Traces) -> None:
    """Z ← 0."""
    for i in range(traces.living[0]):
        traces.z[traces.alive[i]] = 0.0
        traces.is_alive[traces.alive[i]] = False
    traces.living[0] = 0


@compiled
def fade(traces: Traces, factor: float) -> None:
    """Z ← factor · z."""
    i = 0
    while i < traces.living[0]:
        feature = traces.alive[i]
        traces.z[feature] *= factor
        if abs(traces.z[feature]) < SMALLEST:
            traces.z[feature] = 0.0
            traces.is_alive[feature] = False
            traces.living[0] -= 1
            traces.alive[i] = traces.alive[traces.living[0]]
        else:
            i += 1


@compiled
def _enliven(traces: Traces, feature: int) -> None:
    if not traces.is_alive[feature]:
        traces.is_alive[feature] = True
        traces.alive[traces.living[0]] = feature
        traces.living[0] += 1


@compiled
def accumulate(traces: Traces, amount: float, index: Int64[Array, "K"], value: Float64[Array, "K"]) -> None:
    """Z ← z + amount · x."""
    for k in range(len(index)):
        if value[k] != 0.0:
            _enliven(traces, index[k])
            traces.z[index[k]] += amount * value[k]


@compiled
def replace(traces: Traces, index: Int64[Array, "K"], value: Float64[Array, "K"]) -> None:
    """z_i ← x_i wherever x_i is not 0."""
    for k in range(len(index)):
        if value[k] != 0.0:
            _enliven(traces, index[k])
            traces.z[index[k]] = value[k]


@compiled
def let_go(traces: Traces, index: Int64[Array, "K"], value: Float64[Array, "K"]) -> None:
    """z_i ← 0 wherever x_i is not 0; the next `fade` takes it off the list."""
    for k in range(len(index)):
        if value[k] != 0.0:
            traces.z[index[k]] = 0.0


@compiled
def follow(weights: Float64[Array, "F"], amount: float, traces: Traces) -> None:
    """W ← w + amount · z, in place."""
    for i in range(traces.living[0]):
        feature = traces.alive[i]
        weights[feature] += amount * traces.z[feature]
