"""Plain Python functions as machine code."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


def compiled(function: F) -> F:
    """The function as machine code that holds no interpreter lock; what it computes is what its source says.

    Calls within it are inlined, which makes Sarsa a quarter faster. No fast-math: sums keep their order, so that
    compiled loops and single calls agree to the last bit. The machine code is kept on disk beside the sources, or where
    NUMBA_CACHE_DIR says.
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(_plain(function)))


def compiled_anew(function: F) -> F:
    """As `compiled`, for a function that takes compiled functions: those are others in every process, so no disk."""
    return cast(F, numba.njit(nogil=True, error_model="numpy")(_plain(function)))


def entry(function: Callable[..., T], arguments: tuple[object, ...]) -> Callable[..., T]:
    """The machine code of a compiled function for arguments of such kinds, which are not looked at again.

    That look takes longer than a whole step of learning. Whoever calls it promises arguments of the same kinds.
    """
    dispatcher = cast(Any, function)
    kinds = tuple(numba.typeof(argument) for argument in arguments)
    dispatcher.compile(kinds)
    return dispatcher.get_overload(kinds)


def _keep_apart() -> None:
    """Keep the machine code of these very sources in a folder of its own.

    Numba looks whether the file of a function has changed, but not whether the files of what it calls have.
    """
    here = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    folder = Path(config.CACHE_DIR or here / "__pycache__")  # pyright: ignore[reportAttributeAccessIssue]
    kept = folder / f"machine-code-{hashlib.blake2b(sources, digest_size=8).hexdigest()}"
    config.CACHE_DIR = str(kept)  # pyright: ignore[reportAttributeAccessIssue]


_keep_apart()


def _plain(function: Callable[..., object]) -> Callable[..., object]:
    """Without the check of shapes that tests wrap every function in, since that cannot be compiled."""
    return inspect.unwrap(function)
