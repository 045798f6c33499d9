"""A disk that gets full and is freed later: nothing is lost, and training goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cli.runs import outcome, resume, train
from fault.amounts import amount, figure
from playfield.cli import training
from playfield.cli.commands import run_command
from playfield.cli.training import Training
from playfield.storage.files import NoSpace
from playfield.storage.run import Run
from storage.examples import new_run, state

FRAMES = 900
MountDisk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[MountDisk]:
    """Mounts a file system of so many kilobytes."""
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a tmpfs")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Take what room there is, but for some bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(folder)
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - leave_bytes)))
    return ballast


def test_training_goes_on_while_the_disk_is_full(
    disk: MountDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "RETRY_SECONDS", 0.0)
    train("dqn_toy", tmp_path, "whole", FRAMES, save_every_frames=90)
    try_to_save = Training._try_to_save
    refused: list[int] = []
    rng = np.random.default_rng(9)
    for size in rng.integers(12_000, 24_000, size=amount(5, 100)):
        folder = disk(int(size))
        full_at, free_at = sorted(rng.integers(2, 9, size=2).tolist())
        saves = iter(range(1, 10_000))

        def at_times_full(self: Training, at=(full_at, free_at), saves=saves, folder=folder) -> None:
            number = next(saves)
            if number == at[0]:
                fill(folder, int(rng.integers(40_000)))
            if number == at[1] + 1:
                (folder / "ballast").unlink()
            before = len(Run.open(self.run.path).checkpoints())
            try_to_save(self)
            refused.extend([number] if self._retry_at is not None else [])
            assert before >= 1

        with monkeypatch.context() as patch:
            patch.setattr(Training, "_try_to_save", at_times_full)
            assert train("dqn_toy", folder, "small", FRAMES, save_every_frames=90) == 0
        assert outcome(folder, "small") == outcome(tmp_path, "whole")
        assert "training goes on" in capsys.readouterr().err or not refused
    assert refused
    figure("disk full, freed later", sizes=amount(5, 100), saves_refused=len(refused), lost=0)


def test_the_last_save_takes_what_was_set_aside(disk: MountDisk, tmp_path: Path) -> None:
    train("dqn_toy", tmp_path, "whole", FRAMES)
    for _ in range(amount(2, 20)):
        folder = disk(20_000)
        save_at_last = Training._save_at_last

        def full_at_the_end(self: Training, folder=folder, save_at_last=save_at_last) -> None:
            assert (self.run.path / ".reserve").stat().st_size > 4 << 20
            fill(folder)
            save_at_last(self)
            (folder / "ballast").unlink()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Training, "_save_at_last", full_at_the_end)
            assert train("dqn_toy", folder, "small", 600, save_every_frames=90) == 0
        assert Run.open(folder / "small").load().clock_frames == 600
        assert resume(folder, "small", frames=FRAMES) == 0
        assert outcome(folder, "small").digest == outcome(tmp_path, "whole").digest


def test_swept_sizes_of_a_disk_lose_no_checkpoint(disk: MountDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playfield.storage.files._SPARE_BYTES", 0)
    refused = 0
    for size in np.linspace(200, 1_400, amount(10, 200)):
        folder = disk(int(size))
        run = new_run(folder)
        newest = 0
        with run.writing():
            for step in range(1, 25):
                run.append_file("events.jsonl").write(b"x" * 99 + b"\n")
                if step % 5 == 3:
                    fill(folder, 4096 * (step % 4))
                try:
                    run.save(state(step), step)
                    newest = step
                except NoSpace:
                    refused += 1
                (folder / "ballast").unlink(missing_ok=True)
                if newest:
                    loaded = Run.open(run.path).load()
                    assert loaded.tree["step"] == newest
                    assert loaded.warnings == ()
        assert newest == 24, "the run goes on when there is room again"
    assert refused >= 10
    figure("disk full, sizes swept", sizes=amount(10, 200), saves_refused=refused, lost=0)


def test_a_disk_without_room_for_checkpoints_is_refused_before_anything_begins(
    disk: MountDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = disk(5_000)
    assert run_command(["train", "dqn_toy", "catch", "--frames", "100", "--runs", str(folder / "runs")]) == 2
    said = capsys.readouterr().err
    assert "checkpoints alone need" in said
    assert "--runs" in said
    assert not list(folder.iterdir())
