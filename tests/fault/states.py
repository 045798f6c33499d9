"""The states that fault tests save, and what must hold of a run directory however it was left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from playfield.storage import log
from playfield.storage.run import Run
from playfield.storage.tree import digest
from storage.examples import new_run, state

__all__ = [
    "Violation",
    "events_until",
    "go_on",
    "new_run",
    "small_blocks",
    "state",
    "verify",
    "verify_and_go_on",
    "write_step",
]


def events_until(step: int) -> bytes:
    return b"".join(b"%08d\n" % number for number in range(1, step + 1))


def write_step(run: Run, step: int) -> None:
    """One step of the workload: an event, rows written ahead where the log was begun, then a checkpoint."""
    run.append_file("events.jsonl").write(b"%08d\n" % step)
    with small_blocks():
        run.write_ahead(state(step))
        run.save(state(step), step)


@contextmanager
def small_blocks() -> Iterator[None]:
    """Blocks of four rows: with those of 64 nothing of so little would be written ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "CHUNK_ROWS", 4)
        yield


def go_on(run: Run) -> int:
    """Resume as a command does: the step to go on from."""
    loaded = run.load() if run.checkpoints() else None
    run.cut_back(loaded)
    return 0 if loaded is None else int(loaded.tree["step"])


class Violation(Exception):
    """A promise of the storage was broken."""


def verify(path: Path, *, acknowledged: int, begun: int) -> int:
    """The step that a run directory comes back to, which is one that was acknowledged or begun.

    Raises: Violation.
    """
    run = Run.open(path)
    loaded = run.load()
    step = int(loaded.tree["step"])
    if step not in range(acknowledged, begun + 1):
        raise Violation(f"step {step} came back where {acknowledged} was acknowledged and {begun} begun")
    if loaded.warnings:
        raise Violation(f"a crash looks like damage: {loaded.warnings}")
    for manifest in run.checkpoints():
        if digest(run.load(manifest.checkpoint).tree) != digest(state(manifest.frames)):
            raise Violation(f"checkpoint {manifest.checkpoint} is another one")
    length = loaded.sinks["events.jsonl"].bytes
    if (path / "events.jsonl").read_bytes()[:length] != events_until(step):
        raise Violation("the records are not those of the checkpoint")
    return step


def verify_and_go_on(path: Path, *, acknowledged: int, begun: int) -> None:
    """As `verify`; then a next step is saved on top and comes back too.

    Raises: Violation.
    """
    step = verify(path, acknowledged=acknowledged, begun=begun)
    run = Run.open(path)
    with run.writing():
        if go_on(run) != step:
            raise Violation("the run goes on from another step than it loads")
        write_step(run, step + 1)
    if verify(path, acknowledged=step + 1, begun=step + 1) != step + 1:
        raise Violation("the step after the crash did not come back")
    if list(path.rglob("*.tmp-*")):
        raise Violation("something half-written stayed behind")
