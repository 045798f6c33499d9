"""What a run is said to need before it starts, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from playfield.cli import needs
from playfield.cli.commands import run_command
from playfield.cli.machine import group_limits

DQN = ["train", "dqn", "catch"]


def test_limits_of_groups_count_with_those_of_the_groups_around_them(tmp_path: Path):
    for path, text in {
        "proc/self/cgroup": "4:memory,hugetlb:/job/7\n3:cpu:/\n0::/a/b\n",
        "sys/fs/cgroup/a/memory.max": "5000\n",
        "sys/fs/cgroup/a/b/memory.max": "max\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "7000\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert sorted(group_limits(tmp_path)) == [5000, 7000]
    assert group_limits(tmp_path / "elsewhere") == []


def test_a_dry_run_says_what_is_needed_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A picture of 48 x 48 and 12 bytes of columns, a million times."""
    assert run_command([*DQN, "--dry-run", "--runs", str(tmp_path / "runs")]) == 0
    assert f"({(48 * 48 + 12) / 1e3:.2f} for what is remembered), no graphics card" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_what_does_not_fit_is_refused_with_what_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(needs, "resident_bytes", lambda: 100_000_000)
    monkeypatch.setattr(needs, "memory_bytes", lambda: 1_500_000_000)
    options = [*DQN, "--runs", str(tmp_path / "runs"), "--dry-run"]
    assert run_command(options) == 2
    said = capsys.readouterr().err
    assert "GB of memory, and there are 1.5 GB: memory.store=Packed needs 0." in said
    (capacity,) = re.findall(r"memory.capacity=([0-9_]+) fits; --anyway begins all the same", said)
    assert "Traceback" not in said
    for fitting in ("memory.store=Packed", f"memory.capacity={capacity}", "--anyway"):  # exactly as it was told
        assert run_command([*options, fitting]) == 0
