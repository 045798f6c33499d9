"""A hostile file that is still to be written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fault.states import go_on, write_step
from playfield.recipes import RECIPES
from playfield.settings import to_plain
from playfield.storage.run import Run


@dataclass(frozen=True)
class Made:
    kind: str
    """What would be asked to open it, see `opener`."""
    name: str
    write: Callable[[Path], object]
    suffix: str = ""


def holding(kind: str, name: str, data: bytes, suffix: str) -> Made:
    """A file with those bytes."""
    return Made(kind, name, lambda path: path.write_bytes(data), suffix)


def small_run(path: Path) -> Path:
    """A run with one checkpoint, as it should be; copied, as saving one takes a disk its time."""
    template = path.parent / "template"
    if not template.exists():
        run = Run.create(
            path.parent, template.name, recipe=to_plain(RECIPES["dqn_toy"]), protocol={}, game="catch", seed=3,
            fingerprint={}, plan={},
        )  # fmt: skip
        with run.writing():
            go_on(run)
            write_step(run, 1)
    return Path(shutil.copytree(template, path))
