"""Numbers for things: an index hash table that gives every new key the next place it finds free, while there is one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from playfield.types import Array

FREE = np.iinfo(np.int64).min
"""First number of a key in a place that is not taken."""

USED, OVERFULL = 0, 1

MIXER = np.uint64(0xD6E8FEB86659FD93)
"""An odd number whose products scatter their upper bits: the hash of a key is made of them."""


class IndexTable(NamedTuple):
    """Keys of integers and the place of each, which is its index; no two keys share one until all are taken.

    Source: Sutton, tiles3 (its index hash table). There the n-th new key gets index n; here it gets a place near its
    hash, which is as unique, needs no second array, and renames features without changing what is learnt.
    """

    keys: Int64[Array, "size width"]
    counts: Int64[Array, "2"]
    """Keys that have a place, and look-ups of keys that found none."""


def empty_table(size: int, width: int) -> IndexTable:
    """A table for `size` keys of `width` integers each."""
    return IndexTable(np.full((size, width), FREE, np.int64), np.zeros(2, np.int64))


def copy_of(table: IndexTable) -> IndexTable:
    """The same places, to be taken without the original's knowing."""
    return IndexTable(table.keys.copy(), table.counts.copy())
