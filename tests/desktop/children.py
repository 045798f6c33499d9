"""Which processes this one has started."""

from __future__ import annotations

import os
from pathlib import Path


def children() -> set[int]:
    """Processes whose parent we are; those that have ended and wait to be asked are among them."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        if parent == os.getpid():
            found.add(int(stat.parent.name))
    return found
