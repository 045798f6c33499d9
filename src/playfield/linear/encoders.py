"""From what a world shows to features of every action; any encoder goes with any Box or Discrete observation.

An encoder is a value. `build` makes its code for one world: a compiled function and the numbers it needs, the index
table of tile coding among them, which writes the K features of an observation that may differ from 0, for all actions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float64, Int64

from playfield.games.games import Observations
from playfield.linear.compiled import compiled
from playfield.linear.index_table import FREE, MIXER, OVERFULL, USED, IndexTable, empty_table
from playfield.settings import setting
from playfield.types import Array

Encode = Callable[[Any, Float64[Array, "N"], Int64[Array, "A K"], Float64[Array, "K"]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An encoder at work on one world."""

    encode: Encode
    """Write index and value of every feature of `observation` that may differ from 0, given `numbers` first."""
    numbers: Any
    """What the function needs to know, as a named tuple of numbers and arrays."""
    features: int
    """Weights that a learner needs for all actions together."""
    active: int
    """K, how many features an observation and an action have that may differ from 0."""
    shares: int
    """What a step size is divided by: the most that |x|² can be, which is how many features are 1 at once."""

    def used(self) -> tuple[int, int] | None:
        """Places taken in an index table, and look-ups that found none; None where there is no table."""
        table = getattr(self.numbers, "table", None)
        return None if table is None else (int(table.counts[USED]), int(table.counts[OVERFULL]))


class Encoder(Protocol):
    """How observations become features."""

    def build(self, observations: Observations, actions: int) -> Code:
        """The encoder for such observations and so many actions.

        Raises: ValueError where it cannot encode them.
        """
        ...


class _Tiles(NamedTuple):
    """Numbers of a tile coder; `table` has no keys where indices come from the hash alone."""

    tilings: int
    per_unit: Float64[Array, "N"]
    key: Int64[Array, "N+2"]
    table: IndexTable


@compiled
def _encode_tiles(
    tiles: _Tiles, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    # The look-up in the index table stands here in full: as a function of its own it takes five times as long.
    keys, counts, key = tiles.table.keys, tiles.table.counts, tiles.key
    (size, width), entries, tilings = keys.shape, len(observation), tiles.tilings
    for tiling in range(tilings):
        key[0] = tiling
        mixed = np.uint64(tiling + 1) * MIXER
        offset = tiling
        for i in range(entries):
            quarter = np.int64(math.floor(observation[i] * tiles.per_unit[i] * tilings))
            key[1 + i] = (quarter + offset) // tilings
            mixed = (mixed ^ np.uint64(key[1 + i])) * MIXER
            mixed ^= mixed >> np.uint64(32)
            offset += 2 * tiling
        for action in range(index.shape[0]):
            key[1 + entries] = action
            mixed_action = (mixed ^ np.uint64(action)) * MIXER
            home = np.int64(((mixed_action >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32))
            place = home
            while True:
                if keys[place, 0] == FREE:
                    for i in range(width):
                        keys[place, i] = key[i]
                    counts[USED] += 1
                    break
                same = True
                for i in range(width):
                    if keys[place, i] != key[i]:
                        same = False
                        break
                if same:
                    break
                place = place + 1 if place + 1 < size else 0
                if place == home:  # all are taken: this tile shares the weight that its hash names
                    counts[OVERFULL] += 1
                    break
            index[action, tiling] = place
        value[tiling] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TileCoding:
    """Overlapping grids, each displaced against the others: a feature for the tile of each grid that one is in.

        tiling t, entry i:   ⌊(⌊x_i · tilings⌋ + t (2 i + 1)) / tilings⌋,   x_i in tile widths

    Tiles are numbered by an index hash table as they are met, for all actions together.
    Source: Sutton's tiles3; Sutton & Barto (2018) section 9.5.4.
    Neutral: tilings=1 is a plain grid.
    """

    tilings: int = setting(8, "grids, best a power of two of at least four times the observed numbers")
    tiles: int = setting(8, "tiles across the range of every observed number")
    size: int = setting(4096, "places in the index table, for all actions together")

    def __post_init__(self) -> None:
        if min(self.tilings, self.tiles, self.size) < 1:
            raise ValueError("tilings, tiles and size must be 1 or more")

    def build(self, observations: Observations, actions: int) -> Code:
        span = _span(observations)
        numbers = _Tiles(
            tilings=self.tilings,
            per_unit=self.tiles / span,
            key=np.zeros(len(span) + 2, np.int64),
            table=empty_table(self.size, len(span) + 2),
        )
        return Code(encode=_encode_tiles, numbers=numbers, features=self.size, active=self.tilings, shares=self.tilings)


class _Hashed(NamedTuple):
    tilings: int
    per_unit: Float64[Array, "N"]
    size: int


@compiled
def _encode_hashed(
    tiles: _Hashed, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    for tiling in range(tiles.tilings):
        mixed = np.uint64(tiling + 1) * MIXER
        offset = tiling
        for i in range(len(observation)):
            quarter = np.int64(math.floor(observation[i] * tiles.per_unit[i] * tiles.tilings))
            mixed = (mixed ^ np.uint64((quarter + offset) // tiles.tilings)) * MIXER
            mixed ^= mixed >> np.uint64(32)
            offset += 2 * tiling
        for action in range(index.shape[0]):
            mixed_action = (mixed ^ np.uint64(action)) * MIXER
            index[action, tiling] = np.int64(((mixed_action >> np.uint64(32)) * np.uint64(tiles.size)) >> np.uint64(32))
        value[tiling] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedTiles:
    """Tile coding whose indices are hashes, so that different tiles share a weight by accident.

    Source: Sutton & Barto (2018) section 9.5.4, hashing.
    Neutral: a `size` much above the tiles that are met gives `TileCoding`, nearly.
    """

    tilings: int = setting(8, "grids, best a power of two of at least four times the observed numbers")
    tiles: int = setting(8, "tiles across the range of every observed number")
    size: int = setting(1024, "weights, for all actions together")

    def __post_init__(self) -> None:
        if min(self.tilings, self.tiles, self.size) < 1:
            raise ValueError("tilings, tiles and size must be 1 or more")

    def build(self, observations: Observations, actions: int) -> Code:
        numbers = _Hashed(self.tilings, self.tiles / _span(observations), self.size)
        return Code(
            encode=_encode_hashed, numbers=numbers, features=self.size, active=self.tilings, shares=self.tilings
        )


class _Grids(NamedTuple):
    tilings: int
    low: Float64[Array, "N"]
    per_unit: Float64[Array, "N"]
    across: int
    """Tiles of a grid along each entry."""
    cells: int
    """Tiles of a grid."""


@compiled
def _encode_grids(
    grids: _Grids, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    last = grids.across - 1
    for tiling in range(grids.tilings):
        cell = 0
        offset = tiling
        for i in range(len(observation)):
            quarter = np.int64(math.floor((observation[i] - grids.low[i]) * grids.per_unit[i] * grids.tilings))
            cell = cell * grids.across + min(max((quarter + offset % grids.tilings) // grids.tilings, 0), last)
            offset += 2 * tiling
        for action in range(index.shape[0]):
            index[action, tiling] = (action * grids.tilings + tiling) * grids.cells + cell
        value[tiling] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grids:
    """Tile coding without a table: a weight for every tile of every grid, met or not. Few observed numbers only.

    Source: Sutton & Barto (2018) section 9.5.4.
    Neutral: tilings=1 is state aggregation.
    """

    tilings: int = setting(8, "grids, each displaced against the others")
    tiles: int = setting(8, "tiles across the range of every observed number")

    def __post_init__(self) -> None:
        if min(self.tilings, self.tiles) < 1:
            raise ValueError("tilings and tiles must be 1 or more")

    def build(self, observations: Observations, actions: int) -> Code:
        span = _span(observations)
        across = self.tiles + 1  # one more for what a displaced grid pushes out, and for the upper end of the range
        cells = across ** len(span)
        _check_features(actions * self.tilings * cells)
        numbers = _Grids(self.tilings, np.array(observations.low), self.tiles / span, across, cells)
        return Code(
            encode=_encode_grids,
            numbers=numbers,
            features=actions * self.tilings * cells,
            active=self.tilings,
            shares=self.tilings,
        )


class _Columns(NamedTuple):
    low: Float64[Array, "N"]
    span: Float64[Array, "N"]
    tiles: int


@compiled
def _encode_columns(
    columns: _Columns, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    entries = len(observation)
    for i in range(entries):
        column = np.int64(math.floor((observation[i] - columns.low[i]) / columns.span[i] * columns.tiles))
        column = min(max(column, 0), columns.tiles)
        for action in range(index.shape[0]):
            index[action, i] = (action * entries + i) * (columns.tiles + 1) + column
        value[i] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHot:
    """Each observed number alone, cut into intervals: one feature for each number, and their weights add up.

    Source: Altahhan (2024), lesson 18: the position and the velocity of its mountain car, each in intervals.
    Neutral: with one observed number it is state aggregation.
    """

    tiles: int = setting(8, "intervals across the range of every observed number; its upper end is one more")

    def __post_init__(self) -> None:
        if self.tiles < 1:
            raise ValueError("tiles must be 1 or more")

    def build(self, observations: Observations, actions: int) -> Code:
        span = _span(observations)
        numbers = _Columns(np.array(observations.low), span, self.tiles)
        count = len(span)
        features = actions * count * (self.tiles + 1)
        return Code(encode=_encode_columns, numbers=numbers, features=features, active=count, shares=count)


class _Groups(NamedTuple):
    size: int
    groups: int


@compiled
def _encode_groups(
    groups: _Groups, observation: Float64[Array, "1"], index: Int64[Array, "A 1"], value: Float64[Array, "1"]
) -> None:
    group = np.int64(observation[0]) // groups.size
    for action in range(index.shape[0]):
        index[action, 0] = action * groups.groups + group
    value[0] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """States in groups of equal size, a weight for each group.

    Source: Sutton & Barto (2018) section 9.3.
    Neutral: size=1 gives every state its own weight: `Tabular`.
    """

    size: int = setting(100, "states of a group")

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("size must be 1 or more")

    def build(self, observations: Observations, actions: int) -> Code:
        groups = -(-_states(observations) // self.size)
        return Code(
            encode=_encode_groups, numbers=_Groups(self.size, groups), features=actions * groups, active=1, shares=1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabular:
    """A weight for every state and action.

    Source: Sutton & Barto (2018) part I.
    """

    def build(self, observations: Observations, actions: int) -> Code:
        return Aggregation(size=1).build(observations, actions)


class _Basis(NamedTuple):
    low: Float64[Array, "N"]
    per_unit: Float64[Array, "N"]
    powers: Float64[Array, "K N"]


@compiled
def _encode_fourier(
    basis: _Basis, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    count = len(basis.powers)
    for k in range(count):
        turn = 0.0
        for i in range(len(observation)):
            turn += basis.powers[k, i] * (observation[i] - basis.low[i]) * basis.per_unit[i]
        value[k] = math.cos(math.pi * turn)
        for action in range(index.shape[0]):
            index[action, k] = action * count + k


@compiled
def _encode_polynomial(
    basis: _Basis, observation: Float64[Array, "N"], index: Int64[Array, "A K"], value: Float64[Array, "K"]
) -> None:
    count = len(basis.powers)
    for k in range(count):
        product_ = 1.0
        for i in range(len(observation)):
            product_ *= ((observation[i] - basis.low[i]) * basis.per_unit[i]) ** basis.powers[k, i]
        value[k] = product_
        for action in range(index.shape[0]):
            index[action, k] = action * count + k


@dataclass(frozen=True, slots=True, kw_only=True)
class Fourier:
    """Cosines of all frequencies up to an order, over the range of the observed numbers.

        x_k(s) = cos(π c_k · s),   c_k in {0 .. order}^N,   s in [0, 1]^N

    Source: Konidaris, Osentoski & Thomas (2011); Sutton & Barto (2018) section 9.5.2.
    Neutral: order=0 is a constant.
    """

    order: int = setting(5, "highest frequency along each observed number")

    def build(self, observations: Observations, actions: int) -> Code:
        return _basis(_encode_fourier, self.order, observations, actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Polynomial:
    """Products of powers of the observed numbers, scaled to [0, 1].

        x_k(s) = Π_i s_i^{c_ki},   c_k in {0 .. order}^N

    Source: Sutton & Barto (2018) section 9.5.1.
    Neutral: order=0 is a constant.
    """

    order: int = setting(5, "highest power of each observed number")

    def build(self, observations: Observations, actions: int) -> Code:
        return _basis(_encode_polynomial, self.order, observations, actions)


def _basis(encode: Encode, order: int, observations: Observations, actions: int) -> Code:
    if order < 0:
        raise ValueError("order must be 0 or more")
    span = _span(observations)
    count = (order + 1) ** len(span)
    _check_features(actions * count)
    powers = np.array(list(product(range(order + 1), repeat=len(span))), np.float64)
    numbers = _Basis(np.array(observations.low), 1.0 / span, powers)
    return Code(encode=encode, numbers=numbers, features=actions * count, active=count, shares=count)


MOST_FEATURES = 10**8


def _check_features(features: int) -> None:
    if features > MOST_FEATURES:
        raise ValueError(
            f"this encoder would need {features:,} weights for so many observed numbers; TileCoding needs only as many "
            "as there are tiles that are met, or ask for fewer tiles or a lower order"
        )


def _span(observations: Observations) -> Float64[Array, "N"]:
    """Width of every observed number's range."""
    low, high = np.array(observations.low), np.array(observations.high)
    # Gymnasium writes the largest float where a number has no limit.
    if not (np.maximum(np.abs(low), np.abs(high)) < 1e30).all():
        raise ValueError(
            "this world observes numbers without limits; give a range for each, for instance for CartPole in the lab "
            "--ranges -2.4:2.4 -3:3 -0.21:0.21 -3:3 and to train view.ranges=[[-2.4,2.4],[-3,3],[-0.21,0.21],[-3,3]]"
        )
    span = high - low
    if (span <= 0.0).any():
        span = np.where(span <= 0.0, 1.0, span)  # a world of one state
    return span


def _states(observations: Observations) -> int:
    if observations.states is None:
        raise ValueError("this world has no numbered states; use TileCoding, Grids, OneHot, Fourier or Polynomial")
    return observations.states


EncoderSpec = TileCoding | HashedTiles | Grids | OneHot | Aggregation | Tabular | Fourier | Polynomial
"""Every encoder."""
