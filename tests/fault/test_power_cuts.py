"""The power is cut at random instants of a writing process: nothing acknowledged is lost, and four bugs would be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fault.amounts import amount, figure
from fault.planted import BUGS
from fault.power import CutDisk, cut_disk
from fault.states import Violation, new_run, verify_and_go_on
from playfield.storage.files import DamagedFile
from playfield.storage.run import NoCheckpoint

MOST_CUTS = 80
"""Until a planted bug must have been found."""


class Writer:
    """A process that saves without end, and what it acknowledged."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said = b""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)

    @property
    def acknowledged(self) -> int:
        """Newest step of which we know that it is safe."""
        assert self._process.stdout is not None
        while piece := self._process.stdout.read():
            self._said += piece
        whole = self._said[: self._said.rfind(b"\n") + 1].split()
        return int(whole[-1]) if whole else 0

    def wait_beyond(self, step: int) -> int:
        while (now := self.acknowledged) <= step:
            assert self._process.poll() is None, "the writer has ended"
            time.sleep(0.0005)
        return now


@contextmanager
def writing(path: Path, *bugs: str) -> Iterator[Writer]:
    script = Path(__file__).with_name("writer.py")
    command = [sys.executable, str(script), str(path), "1000000000", *bugs]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield Writer(process)
        finally:
            process.kill()


def look_after_a_cut(disk: CutDisk, writer: Writer, rng: np.random.Generator) -> str | None:
    """Cut the power at a random instant and look: what was violated, if anything."""
    acknowledged = writer.wait_beyond(writer.acknowledged)
    if rng.random() < 0.7:
        time.sleep(float(rng.uniform(0.0, 0.06)))
        acknowledged = writer.acknowledged
    clone = disk.cut()
    begun = writer.acknowledged + 1
    with disk.found(clone) as found:
        try:
            verify_and_go_on(found / "pong", acknowledged=acknowledged, begun=begun)
        except (Violation, NoCheckpoint, DamagedFile, FileNotFoundError) as violation:
            return str(violation)
    return None


def test_no_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    wanted = amount(20, 500)
    with cut_disk(tmp_path) as disk:
        run = new_run(disk.path)
        with writing(run.path) as writer:
            rng = np.random.default_rng(3)
            found = [what for _ in range(wanted) if (what := look_after_a_cut(disk, writer, rng)) is not None]
            steps = writer.acknowledged
    figure("power cut", cuts=wanted, steps=steps, lost=len(found))
    assert found == []


@pytest.mark.parametrize("bug", BUGS)
def test_power_cuts_find_planted_bugs(bug: str, tmp_path: Path) -> None:
    with cut_disk(tmp_path) as disk:
        run = new_run(disk.path)
        with writing(run.path, bug) as writer:
            rng = np.random.default_rng(4)
            looks = ((cut, look_after_a_cut(disk, writer, rng)) for cut in range(1, MOST_CUTS + 1))
            found = next((look for look in looks if look[1] is not None), None)
    assert found is not None, f"{MOST_CUTS} power cuts did not find it"
    figure("power cut, planted", bug=bug, found_at_cut=found[0], what=found[1])
