"""TensorBoard as a tracker, where that package is installed."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from playfield.sinks.tracker import Point, TrackedRun, Value, install_text

ROOM_BYTES = 1 << 20
"""Without so much room on the disk nothing is written: what fails does so in a thread of its own, with a traceback."""


class _Writer(Protocol):
    def add_scalar(self, tag: str, data: float, step: int) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Scalars in the folder `tensorboard` of the run directory; it takes neither texts nor files."""

    def __init__(self, run: TrackedRun) -> None:
        """Raises: ModuleNotFoundError with the command that installs the package."""
        try:
            summary = importlib.import_module("tensorboard.summary")
        except ImportError:
            raise ModuleNotFoundError(install_text("TensorBoard", "tensorboard")) from None
        # Sessions of a run write into the same folder, one file each, which TensorBoard shows as one run.
        self._folder = run.folder
        self._writer = cast(_Writer, summary.Writer(str(run.folder / "tensorboard")))

    @property
    def known_as(self) -> str:
        return "tensorboard"

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        """They are in `run.json`, next to the folder."""

    def metrics(self, points: Sequence[Point]) -> None:
        """Raises: OSError where the disk is full."""
        if shutil.disk_usage(self._folder).free < ROOM_BYTES:
            self._writer.close()  # nothing waits in it, and it is told nothing more
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for point in points:
            self._writer.add_scalar(point.key, point.value, point.frames)
        self._writer.flush()  # a killed process would lose what the writer holds back

    def text(self, key: str, text: str) -> None:
        """Phases are in `events.jsonl`."""

    def artifact(self, path: Path) -> None:
        """Pictures and films are in `results`."""

    def close(self) -> None:
        self._writer.close()
