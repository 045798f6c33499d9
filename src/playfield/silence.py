"""Silence for libraries in C, which write to standard error by themselves what they also answer."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

_ERRORS = 2
"""The number of standard error, whatever Python's own object for it is."""
_ONE_AT_A_TIME = threading.Lock()
"""A second would take the silence of the first for what is to be brought back."""


@contextmanager
def silent_errors() -> Generator[None]:
    """While the block runs, nothing that this process writes to standard error is seen; exceptions come as ever.

    What its other threads write there meanwhile is lost with it.
    """
    with _ONE_AT_A_TIME:
        kept = _duplicate()
        if kept is None:
            yield
            return
        if sys.stderr is not None:  # as it is in a program without a terminal on Windows
            sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _ERRORS)
        try:
            yield
        finally:
            os.dup2(kept, _ERRORS)
            os.close(nowhere)
            os.close(kept)


def _duplicate() -> int | None:
    """Another number of standard error; none where there is none."""
    try:
        return os.dup(_ERRORS)
    except OSError:
        return None
