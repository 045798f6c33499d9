"""States that tests of storage save: every value of a row follows from its number, so that a twin needs no memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from playfield.batch import Rows
from playfield.storage.run import Run

SIZE, GAMES = 40, 2


def row_values(row: int) -> dict[str, Tensor]:
    frame = (torch.arange(GAMES * 300) * (row + 1) % 251).to(torch.uint8).reshape(GAMES, 300)
    return {"frame": frame, "reward": torch.tensor([row, -row], dtype=torch.float32)}


def rings(start: int, stop: int, size: int = SIZE) -> dict[str, Tensor]:
    columns = {
        "frame": torch.full((size, GAMES, 300), 77, dtype=torch.uint8),
        "reward": torch.full((size, GAMES), -7.0),
    }
    for row in range(start, stop):
        for name, value in row_values(row).items():
            columns[name][row % size] = value
    return columns


def state(step: int, *, rows: int = 7) -> dict[str, object]:
    stop = step * rows
    start = max(0, stop - SIZE)
    return {
        "step": step,
        "net": {"weight": torch.arange(40.0) * step, "bias": torch.tensor(step, dtype=torch.int64)},
        "memory": {"rows": Rows(start=start, stop=stop, columns=rings(start, stop))},
    }


def new_run(root: Path, name: str = "pong") -> Run:
    return Run.create(root, name, recipe={"lr": 1e-3}, protocol={"sticky": 0.25}, game="pong", seed=3, fingerprint={})
