"""Trainings in forked processes that tell what they are just at, so that they can be killed while they are."""

from __future__ import annotations

import mmap
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from cli.runs import resume, train
from playfield.cli.training import Interruption, Training
from playfield.events import Stopped
from playfield.storage.files import DamagedFile
from playfield.storage.run import Run
from playfield.types import Tree

STARTING, RECOVERING, TRAINING, SAVING, ENDED = range(5)
MOST_SECONDS = 120.0
"""After which a training that should have come to something has hung."""


@dataclass
class Victim:
    """One run that is killed again and again; what was acknowledged is kept outside of it."""

    root: Path
    recipe: str
    frames: int
    save_every_frames: int
    name: str = "killed"
    killed_while: list[int] = field(default_factory=list)
    _told: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 16))

    @property
    def path(self) -> Path:
        return self.root / self.name

    @property
    def phase(self) -> int:
        return self._told[0]

    @property
    def acknowledged(self) -> int:
        """Number of the newest checkpoint whose save returned."""
        return int.from_bytes(self._told[8:16], "little")

    def start(self) -> BaseProcess:
        """Begin the run, or go on with it."""
        self._told[0] = STARTING
        process = get_context("fork").Process(target=_quietly, args=(self._go_on,))
        process.start()
        return process

    def _go_on(self) -> int:
        self._tell()
        if (self.path / "run.json").exists():
            return resume(self.root, self.name)
        return train(self.recipe, self.root, self.name, self.frames, save_every_frames=self.save_every_frames, keep=2)

    def _tell(self) -> None:
        """Let this process tell what it is at."""
        save, load, pursue = Run.save, Run.load, Training.pursue

        def told_save(run: Run, tree: Tree, clock_frames: int, score: float | None = None) -> str:
            self._told[0] = SAVING
            name = save(run, tree, clock_frames, score)
            self._told[8:16] = int(name).to_bytes(8, "little")
            self._told[0] = TRAINING
            return name

        def told_load(run: Run, name: str | None = None) -> object:
            self._told[0] = RECOVERING
            return load(run, name)

        def told_pursue(training: Training, interruption: Interruption) -> Stopped:
            self._told[0] = TRAINING  # not sooner: from here on a signal is heeded
            stopped = pursue(training, interruption)
            self._told[0] = ENDED
            return stopped

        Run.save, Run.load = told_save, told_load  # type: ignore[method-assign]
        Training.pursue = told_pursue  # type: ignore[method-assign]

    def kill(self, process: BaseProcess) -> bool:
        """SIGKILL; whether it was still at work."""
        process.kill()  # which knows of one that has just ended
        phase = self.phase
        process.join()
        if process.exitcode != -signal.SIGKILL:
            return False
        self.killed_while.append(phase)
        return True

    def check(self) -> None:
        """Nothing that was acknowledged is lost, and nothing looks damaged."""
        if not self.path.exists():
            return
        run = Run.open(self.path)
        newest = max((int(manifest.checkpoint) for manifest in run.checkpoints()), default=0)
        assert newest >= self.acknowledged, f"checkpoint {self.acknowledged} was acknowledged, {newest} is there"
        if newest:
            loaded = run.load()
            assert int(loaded.checkpoint) == newest
            assert loaded.warnings == ()

    def part(self, kind: int) -> float:
        return self.killed_while.count(kind) / len(self.killed_while)


def wait_until(process: BaseProcess, true: Callable[[], bool]) -> bool:
    """Wait for something that the process does; whether it came before the process ended."""
    deadline = time.monotonic() + MOST_SECONDS
    while not true():
        if not process.is_alive():
            return False
        assert time.monotonic() < deadline, "nothing happened any more"
        time.sleep(0.0002)
    return True


def finish(victim: Victim) -> None:
    """Let it run to its end, unattended."""
    process = victim.start()
    process.join(MOST_SECONDS)
    assert process.exitcode == 0, process.exitcode


def seconds(rng: np.random.Generator, most: float) -> float:
    return float(rng.uniform(0.0, most))


def open_or_none(path: Path) -> Run | None:
    try:
        return Run.open(path)
    except (DamagedFile, FileNotFoundError):
        return None


def _quietly(target: Callable[[], int]) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    if os.environ.get("PLAYFIELD_FAULT_LOUD") != "1":
        os.dup2(null, 2)
    os._exit(target())
