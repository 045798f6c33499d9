"""Plain Python functions as machine code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function as machine code that holds no interpreter lock; what it computes is what its source says.

    No fast-math: sums keep their order, so that compiled loops and single calls agree to the last bit. The machine code
    is kept on disk beside the source, or where NUMBA_CACHE_DIR says.
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(_plain(function)))


def compiled_anew(function: F) -> F:
    """As `compiled`, for a function that takes compiled functions: those are others in every process, so no disk."""
    return cast(F, numba.njit(nogil=True, error_model="numpy")(_plain(function)))


def _plain(function: Callable[..., object]) -> Callable[..., object]:
    """Without the check of shapes that tests wrap every function in, since that cannot be compiled."""
    return inspect.unwrap(function)
