"""Every state that a crash during a commit may leave: all prefixes of its calls, torn and out of order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fault.amounts import LONG, amount, figure
from fault.crashes import Call, Disk, changes, recording
from fault.planted import BUGS
from fault.states import Violation, go_on, new_run, verify_and_go_on, write_step
from playfield.storage.run import NoCheckpoint, Run

DRAWS = amount(2, 12)


def written(root: Path, workload: str, steps: int) -> tuple[Disk, list[Call]]:
    """What the disk holds of a run of some steps, and the calls of one more."""
    run = new_run(root)
    disk = Disk(run.path)
    with recording(run.path) as calls:
        with run.writing():
            run.cut_back(None)
            for step in range(1, steps + 1):
                write_step(run, step)
            before = len(calls)
            if workload == "goes on":
                write_step(run, steps + 1)
        if workload == "resumes":
            again = Run.open(run.path)
            with again.writing():
                go_on(again)
                write_step(again, steps + 1)
    for call in calls[:before]:
        disk.apply(call)
    return disk, calls[before:]


def crashed(disk: Disk, calls: list[Call]) -> Iterator[tuple[int, str, Path]]:
    """Every crash: number of calls made, which part arrived, and the directory that it leaves."""
    rng = np.random.default_rng(1)
    target = disk.root.with_name("crashed")
    for made in range(len(calls) + 1):
        variants = list(disk.states(DRAWS, rng)) + (list(disk.torn(calls[made])) if made < len(calls) else [])
        for name, variant in variants:
            shutil.rmtree(target, ignore_errors=True)
            disk.make(variant, target)
            yield made, name, target
        if made < len(calls):
            disk.apply(calls[made])


WORKLOADS = [("goes on", 5), *([("goes on", 2), ("goes on", 9), ("resumes", 4), ("resumes", 8)] if LONG else [])]


@pytest.mark.parametrize(("workload", "steps"), WORKLOADS)
def test_no_crash_within_a_commit_loses_anything(workload: str, steps: int, tmp_path: Path, no_fsync: None) -> None:
    disk, calls = written(tmp_path, workload, steps)
    counted = changes(calls)
    assert counted["fsync"] >= 7
    assert counted["write"] >= 6
    assert counted["rename"] >= 1
    states = 0
    for made, name, path in crashed(disk, calls):
        over = made == len(calls)
        try:
            verify_and_go_on(path, acknowledged=steps + 1 if over else steps, begun=steps + 1)
        except (Violation, NoCheckpoint) as violation:
            raise AssertionError(f"after {made} of {len(calls)} calls, {name}: {violation}") from violation
        states += 1
    figure("crash states", workload=workload, steps=steps, calls=len(calls), states=states, violations=0)


@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_found(bug: str, tmp_path: Path, no_fsync: None) -> None:
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        BUGS[bug](patch)
        disk, calls = written(tmp_path, "goes on", 4)
    for made, name, path in crashed(disk, calls):
        try:
            verify_and_go_on(path, acknowledged=5 if made == len(calls) else 4, begun=5)
        except (Violation, NoCheckpoint, FileNotFoundError) as violation:
            found.append(f"after {made} of {len(calls)} calls, {name}: {violation}")
            if len(found) > 3:
                break
    assert found
    figure("crash states, planted", bug=bug, first=found[0])
