"""How much of each fault is injected: a little by `make test`, all of it by `make fault-long`."""

from __future__ import annotations

import json
import os
from pathlib import Path

LONG = os.environ.get("PLAYFIELD_FAULT_LONG") == "1"
FIGURES = "PLAYFIELD_FAULT_FIGURES"
"""Environment variable with the file that figures are appended to."""


def amount(quick: int, long: int) -> int:
    """One number for every day, one for the long suite."""
    return long if LONG else quick


def figure(injection: str, **numbers: object) -> None:
    """Print what was counted, and keep it where somebody collects it."""
    print(injection, numbers)
    if (path := os.environ.get(FIGURES)) is not None:
        with Path(path).open("a") as file:
            file.write(json.dumps({"injection": injection, **numbers}) + "\n")
