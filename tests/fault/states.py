"""The states that fault tests save, and what must hold of a run directory however it was left."""

from __future__ import annotations

from pathlib import Path

import torch

from playfield.batch import Rows
from playfield.storage.run import Run
from playfield.storage.tree import digest

GAMES, SIZE, ROWS_PER_STEP = 2, 40, 7


def state(step: int) -> dict[str, object]:
    """Every value follows from the step, so that what comes back can be compared without a memory of it."""
    stop = step * ROWS_PER_STEP
    start = max(0, stop - SIZE)
    columns = {
        "frame": torch.full((SIZE, GAMES, 300), 77, dtype=torch.uint8),
        "reward": torch.full((SIZE, GAMES), -7.0),
    }
    for row in range(start, stop):
        columns["frame"][row % SIZE] = (torch.arange(GAMES * 300) * (row + 1) % 251).to(torch.uint8).reshape(GAMES, 300)
        columns["reward"][row % SIZE] = torch.tensor([row, -row], dtype=torch.float32)
    return {
        "step": step,
        "net": {"weight": torch.arange(40.0) * step, "bias": torch.tensor(step, dtype=torch.int64)},
        "memory": {"rows": Rows(start=start, stop=stop, columns=columns)},
    }


def new_run(root: Path, name: str = "pong") -> Run:
    return Run.create(root, name, recipe={"lr": 1e-3}, protocol={"sticky": 0.25}, game="pong", seed=3, fingerprint={})


def events_until(step: int) -> bytes:
    return b"".join(b"%08d\n" % number for number in range(1, step + 1))


def write_step(run: Run, step: int) -> None:
    """One step of the workload: an event, then a checkpoint."""
    run.append_file("events.jsonl").write(b"%08d\n" % step)
    run.save(state(step), step)


def go_on(run: Run) -> int:
    """Resume as a command does: the step to go on from."""
    loaded = run.load() if run.checkpoints() else None
    run.cut_back(loaded)
    return 0 if loaded is None else int(loaded.tree["step"])


class Violation(Exception):
    """A promise of the storage was broken."""


def verify(path: Path, *, acknowledged: int, begun: int) -> int:
    """The step that a run directory comes back to, which is one that was acknowledged or begun; and it goes on from there.

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
