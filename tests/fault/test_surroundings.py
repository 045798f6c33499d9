"""What surrounds a run: two processes at once, a read-only folder, a clock that jumps, a folder full of files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.runs import outcome, resume, train
from fault.amounts import amount, figure
from fault.states import go_on, new_run, verify, write_step
from fault.victims import TRAINING, Victim, wait_until
from playfield.cli.commands import run_command
from playfield.cli.training import Training
from playfield.storage.run import Run, RunBusy, list_runs


def test_two_processes_cannot_write_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    victim = Victim(root=tmp_path, recipe="dqn_toy", frames=10_000, save_every_frames=50)
    process = victim.start()
    assert wait_until(process, lambda: victim.phase >= TRAINING)
    refused = 0
    for _ in range(amount(5, 50)):
        assert run_command(["resume", "killed", "--runs", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert f"is being written by another process (number {process.pid}): stop that one first" in said
        refused += 1
        time.sleep(0.01)
    assert process.is_alive()
    victim.kill(process)
    victim.check()
    figure("two processes", refused=refused)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a read-only mount needs Linux")
def test_a_read_only_folder_is_refused_and_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "runs"
    train("dqn_toy", root, "done", 200)
    mounted = subprocess.run(["mount", "--bind", root, root], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
        capsys.readouterr()
        assert run_command(["resume", "done", "--frames", "400", "--runs", str(root)]) == 2
        assert "Read-only file system" in capsys.readouterr().err
        assert run_command(["train", "dqn_toy", "catch", "--runs", str(root)]) == 2
        said = capsys.readouterr().err
        assert "read-only" in said.lower()
        assert "choose another file or folder" in said
        assert Run.open(root / "done").load().clock_frames == 200
        assert run_command(["runs", "--runs", str(root)]) == 0
        assert "done" in capsys.readouterr().out
    finally:
        subprocess.run(["umount", root], check=True)


@pytest.mark.parametrize("jump_seconds", [-3e6, 3e6])
def test_a_clock_that_jumps_changes_nothing(
    jump_seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("dqn_toy", tmp_path, "whole", 600, save_every_frames=90)
    zero, now = time.time(), time.time

    def jumping() -> float:
        return now() + (jump_seconds if now() > zero + 0.3 else 0.0)

    monkeypatch.setattr(time, "time", jumping)
    train("dqn_toy", tmp_path, "jumped", 300, save_every_frames=90)
    for path in (tmp_path / "jumped").rglob("*"):  # as a disk of another machine shows it
        os.utime(path, (zero - jump_seconds, zero - jump_seconds))
    resume(tmp_path, "jumped", frames=600)
    assert outcome(tmp_path, "jumped") == outcome(tmp_path, "whole")


def test_a_folder_full_of_files_is_in_nobodys_way(tmp_path: Path, no_fsync: None) -> None:
    run = new_run(tmp_path)
    with run.writing():
        run.cut_back(None)
        write_step(run, 1)
    files = amount(20_000, 200_000)
    for number in range(files):
        (run.path / f"result-{number}.txt").touch()
    (tmp_path / "no run.txt").touch()
    again = Run.open(run.path)
    with again.writing():
        assert go_on(again) == 1
        write_step(again, 2)
        with pytest.raises(RunBusy):
            Run.open(run.path).writing().__enter__()
    assert verify(run.path, acknowledged=2, begun=2) == 2
    assert [each.name for each in list_runs(tmp_path).runs] == ["pong"]
    assert len(list(run.path.glob("result-*.txt"))) == files
    figure("folder full of files", files=files)


def test_a_suspended_machine_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-Z, or a lid that is closed: hours pass at once for whoever measures wall time."""
    train("dqn_toy", tmp_path, "whole", 600, save_every_frames=90)
    monotonic, slept = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + slept[0])
    pass_on = Training._pass_on

    def asleep(self: Training, event: object) -> None:
        slept[0] += 7_200.0 if self.session.clock.frames == 300 else 0.0
        pass_on(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "_pass_on", asleep)
    assert train("dqn_toy", tmp_path, "slept", 600, save_every_frames=90) == 0
    assert outcome(tmp_path, "slept") == outcome(tmp_path, "whole")
