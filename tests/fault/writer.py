"""A process that resumes a run and saves steps until a number of them, or until somebody kills it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from fault.planted import BUGS
from fault.states import go_on, write_step
from playfield.storage.run import Run


def write(path: Path, until: int, acknowledge: int | None = None) -> None:
    """Save steps on top of what is there; the number of each is written to `acknowledge` once it is safe."""
    run = Run.open(path)
    with run.writing():
        step = go_on(run)
        while step < until:
            step += 1
            write_step(run, step)
            if acknowledge is not None:
                os.write(acknowledge, b"%08d\n" % step)


if __name__ == "__main__":
    import pytest

    torch.set_num_threads(1)
    for bug in sys.argv[3:]:
        BUGS[bug](pytest.MonkeyPatch())
    write(Path(sys.argv[1]), int(sys.argv[2]), 1)
