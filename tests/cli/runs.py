"""Runs small enough to be made, killed and resumed inside a test."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from playfield.cli.train import Resume, Train
from playfield.recipes import ALL_RECIPES, LinearRecipe
from playfield.storage.run import Run
from playfield.storage.tree import digest
from scaled import Scale, overrides

SCALE = Scale(capacity=300, start_frames=100, every_frames=8, target_frames=90, epsilon_frames=400, rollout_steps=7)


@dataclass(frozen=True)
class Outcome:
    """What a run came to: its whole state, and the streams its sinks wrote."""

    digest: str
    events: bytes
    tapes: bytes
    frames: int


LINEAR = ("encoder.size=512", "learner.alpha=0.3")
"""Of linear recipes, which play MountainCar: a table that is soon full, and a step size that suits all."""


def train(recipe: str, root: Path, name: str, frames: int, extra: tuple[str, ...] = (), **options: object) -> int:
    linear = isinstance(ALL_RECIPES[recipe], LinearRecipe)
    command = Train(
        recipe=recipe,
        game="gym:MountainCar-v0" if linear else "catch",
        overrides=(*(LINEAR if linear else overrides(ALL_RECIPES[recipe], SCALE)), *extra),
        name=name,
        frames=frames,
        episodes=0,
        threads=1,
        runs=root,
        **options,  # type: ignore[arg-type]
    )
    return command.run()


def resume(root: Path, name: str, **options: object) -> int:
    return Resume(name=name, threads=1, runs=root, **options).run()  # type: ignore[arg-type]


def outcome(root: Path, name: str) -> Outcome:
    run = Run.open(root / name)
    loaded = run.load()
    assert loaded.warnings == ()
    return Outcome(
        digest(loaded.tree),
        (run.path / "events.jsonl").read_bytes(),
        (run.path / "tapes.log").read_bytes(),
        loaded.clock_frames,
    )


def in_child(target: object, *arguments: object, kill_at: str | None = None, path: Path | None = None) -> int:
    """Run a function in a forked process; with `kill_at`, kill it once a checkpoint of that name was there.

    The kill comes at a random instant after the checkpoint, so that it also hits writes.
    """
    process = multiprocessing.get_context("fork").Process(target=_quiet, args=(target, *arguments))
    process.start()
    if kill_at is not None:
        assert path is not None
        deadline = time.monotonic() + 300
        while process.is_alive() and max((p.name for p in path.glob("checkpoints/0*")), default="") < kill_at:
            assert time.monotonic() < deadline, "the run made no checkpoint"
            time.sleep(0.001)
        time.sleep(int.from_bytes(os.urandom(1)) / 255 * 0.05)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    return process.exitcode or 0


def _quiet(target: object, *arguments: object) -> None:
    torch.set_num_threads(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    assert callable(target)
    os._exit(target(*arguments))
