"""A disk that gets full and is freed later: nothing is lost, and training goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.runs import outcome, resume, train
from fault.amounts import amount, figure
from playfield.cli import training
from playfield.cli.commands import USER_ERROR, run_command
from playfield.cli.training import Training
from playfield.events import Event, Stepped
from playfield.storage.files import AppendFile, NoSpace
from playfield.storage.run import RESERVE_BYTES, Run
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


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_records_that_find_no_room_end_no_training(disk: MountDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppendFile, "_BUFFER_BYTES", 1 << 10)
    monkeypatch.setattr(AppendFile, "_MOST_WAITING_BYTES", 1 << 13)
    folder = disk(20_000)
    pass_on = Training._pass_on

    def full_for_a_while(self: Training, event: Event) -> None:
        if isinstance(event, Stepped) and event.clock.frames == 150:
            fill(folder)
        if isinstance(event, Stepped) and event.clock.frames == 450:
            (folder / "ballast").unlink(missing_ok=True)
        pass_on(self, event)

    monkeypatch.setattr(Training, "_pass_on", full_for_a_while)
    assert train("dqn_toy", folder, "small", 600, save_every_frames=10_000, analytics=1) == 0
    path = folder / "small"
    assert Run.open(path).load().warnings == ()
    steps = [row["frames"] for row in lines_of(path / "analytics.jsonl") if row["event"] == "AGENT_ACTION"]
    assert steps[0] == 2, "two games"
    assert steps[-1] == 600
    assert 200 < len(steps) < 600
    (incident,) = (path / "incidents.txt").read_text().splitlines()
    assert re.search(r"analytics\.jsonl lacks \d+ records.*: the disk was full", incident)


@pytest.mark.parametrize("service", [(), ("tensorboard",)])
def test_a_disk_that_stays_full_ends_no_training_and_results_are_missed_in_a_sentence(
    service: tuple[str, ...], disk: MountDisk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("playfield.sinks.tracking.TELL_SECONDS", 0.0)
    folder = disk(20_000)
    options = ["--name", "small", "--runs", str(folder), "--episodes", "3", "--threads", "1"]
    small = ["games=2", "memory.capacity=300", "memory.start_frames=100", "torso=Mlp", "torso.hidden=[8]"]
    logs = [word for name in service for word in ("--log", name)]
    pass_on, give_reserve = Training._pass_on, Run.give_reserve

    def full_from(self: Training, event: Event) -> None:
        if isinstance(event, Stepped) and event.clock.frames == 150:
            fill(folder)
        pass_on(self, event)

    def given_and_taken(self: Run) -> None:
        give_reserve(self)
        if self.load().clock_frames == 300:  # what was left for results another program takes
            fill(folder)

    monkeypatch.setattr(Training, "_pass_on", full_from)
    monkeypatch.setattr(Run, "give_reserve", given_and_taken)
    assert run_command(["train", "dqn_toy", "catch", *small, *options, "--frames", "300", *logs]) == USER_ERROR
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    last = said.err.splitlines()[-1]
    assert last.startswith("playfield: no space left on the disk of")
    assert last.endswith(f"the run is saved whole; make room, then: playfield evaluate small --runs {folder}")
    assert ("tensorboard is told nothing more" in said.out + said.err) == bool(service)
    assert Run.open(folder / "small").load().clock_frames == 300
    assert not [path for path in (folder / "small" / "results").iterdir() if path.stat().st_size]


def test_results_that_are_there_survive_a_full_disk(
    disk: MountDisk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = disk(60_000)
    options = ["--name", "small", "--runs", str(folder), "--frames", "100", "--episodes", "2"]
    assert run_command(["train", "dqn_toy", "catch", "memory.capacity=300", *options]) == 0
    results = {path: path.read_bytes() for path in (folder / "small" / "results").iterdir()}
    assert {path.name for path in results} == {"evaluations.jsonl", "learning_curve.png", "best_game.mp4"}
    again = ["evaluate", "small", "--runs", str(folder), "--episodes", "2"]
    commands = (again, ["plot", "small", "--runs", str(folder)], ["video", "small", "--runs", str(folder)])
    for free in (0, 4 << 10, 12 << 10):
        for command in commands:
            ballast = fill(folder, free)
            capfd.readouterr()
            code = run_command(command)
            said = capfd.readouterr().err
            ballast.unlink()
            assert code == 0 or re.fullmatch(r"playfield: no space .*", said.splitlines()[-1]), said
            assert "Traceback" not in said
            assert "FFMPEG" not in said.upper()
            for path, before in results.items():
                there = path.read_bytes()
                assert there == before or (code == 0 or path.name == "evaluations.jsonl")
                if path.name == "evaluations.jsonl":
                    assert there.startswith(before)
                    assert there.endswith(b"\n")
                results[path] = there


def test_a_resumed_run_has_its_reserve_before_it_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("dqn_toy", tmp_path, "small", 200)
    reserve = tmp_path / "small" / ".reserve"
    assert not reserve.exists(), "nobody writes"
    save, found = Run.save, list[int]()

    def looked_at(self: Run, *arguments: Any, **named: Any) -> str:
        found.append(reserve.stat().st_size if reserve.exists() else 0)
        return save(self, *arguments, **named)

    monkeypatch.setattr(Run, "save", looked_at)
    assert resume(tmp_path, "small", frames=300) == 0
    newest = Run.open(reserve.parent).checkpoints()[-1]
    assert found[0] >= RESERVE_BYTES + sum(record.bytes for record in newest.files.values())


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
