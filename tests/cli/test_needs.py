"""What a run is said to need before it starts, and what is refused."""

from __future__ import annotations

import re
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from demonstrations.shown import imitating, session_of, shown
from playfield.build import build_session
from playfield.cli import needs
from playfield.cli.commands import run_command
from playfield.cli.machine import group_limits
from playfield.games.make import make_games
from playfield.memory.frames import Packed
from playfield.recipes import RECIPES, Recipe
from playfield.session import Session

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


def test_on_a_card_the_card_has_to_hold_it(monkeypatch: pytest.MonkeyPatch):
    recipe, card = RECIPES["dqn"], torch.device("cuda:0")
    session = build_session(
        recipe.with_overrides(["memory.capacity=1_000"]), make_games("catch", recipe.protocol, recipe.games), 0
    )
    asked = needs.Needs(program=1e9, rows=7e9, learning=1e9, checkpoints=0.5e9, log=1.5e9, device=card)
    assert asked.text() == (
        "1.00 GB of memory at most, 8.00 GB on cuda:0 (7.00 for what is remembered), 2.00 GB of disk"
    )
    monkeypatch.setattr(needs, "memory_bytes", lambda: 2_000_000_000)  # the working memory need not
    monkeypatch.setattr(needs, "card_bytes", lambda device: 9_000_000_000)
    needs.require_memory(asked, recipe, session)
    monkeypatch.setattr(needs, "card_bytes", lambda device: 4_000_000_000)
    # (0.95 * 4 - 1) / 7 of the recipe's million
    with pytest.raises(ValueError, match=r"need 8.0 GB on cuda:0, and there are 4.0 GB: memory.capacity=400_000 fits"):
        needs.require_memory(asked, recipe, session)


def test_demonstrations_that_stay_are_counted_once_and_leave_less_to_the_capacity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A row has 6 x 6 pixels and 12 bytes of columns; the program has grown by those that were shown already."""

    def session_with(capacity: int) -> tuple[Recipe, Session, needs.Needs]:
        recipe = imitating()
        recipe = recipe.but(memory=replace(recipe.memory, capacity=capacity))
        session = session_of(recipe, given)
        return recipe, session, needs.needs_of(recipe, session, 3)

    given = shown(tmp_path / "shown", frames=3_000)
    kept, own = 48.0 * given.rows.stop, 48.0 * 10_000
    monkeypatch.setattr(needs, "resident_bytes", lambda: 1e6 + kept)
    recipe, session, asked = session_with(10_000)
    assert (asked.program, asked.rows) == (1e6, kept + own)
    there = 1e6 + asked.learning + kept + own / 2
    monkeypatch.setattr(needs, "memory_bytes", lambda: there / 0.95)
    with pytest.raises(ValueError, match=r"memory.capacity=(5_000|4_900) fits") as refused:
        needs.require_memory(asked, recipe, session)
    (capacity,) = re.findall(r"memory.capacity=([0-9_]+) fits", str(refused.value))
    recipe, session, asked = session_with(int(capacity))
    needs.require_memory(asked, recipe, session)


def test_the_newest_rows_of_packed_frames_leave_less_to_the_capacity():
    """Thirty-two frames of 6 x 6 for each of two games are kept as they are, whatever the capacity."""
    recipe = imitating()
    recipe = recipe.but(memory=replace(recipe.memory, capacity=10_000, store=Packed()))
    memory = session_of(recipe, None).agent.memory
    assert memory.fixed_bytes() == 32 * recipe.games * 36
    assert memory.most_bytes() == pytest.approx(32 * recipe.games * 36 + 10_000 * (0.07 * 36 + 12))


def test_room_on_the_disk_is_what_the_needs_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """2.50 GB of disk, of which 0.50 are for checkpoints."""
    asked = needs.Needs(program=0.0, rows=0.0, learning=0.0, checkpoints=0.5e9, log=2e9)
    assert asked.text().endswith("2.50 GB of disk")
    total = 10_000_000_000
    free = {"fits": 2_500_000_000, "checkpoints fit": 2_499_000_000, "nothing fits": 499_000_000}
    usage = namedtuple("usage", "total used free")

    def check(name: str) -> str:
        monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: usage(total, total - free[name], free[name]))
        needs.check_room(tmp_path / "not" / "there", asked)
        return capsys.readouterr().out

    assert check("fits") == ""
    assert check("checkpoints fit") == (
        f"note: the memory may take 2.0 GB of the disk of {tmp_path}, which has 2.5 GB left\n"
    )
    with pytest.raises(ValueError, match="has 499 MB left, and the run's checkpoints alone need 500 MB: free some"):
        check("nothing fits")


def test_a_full_disk_is_refused_by_what_a_dry_run_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    options = ["train", "dqn", "catch", "memory.capacity=1_000", "--runs", str(tmp_path / "runs")]
    assert run_command([*options, "--dry-run"]) == 0
    (said,) = re.findall(r"([0-9.]+) GB of disk", capsys.readouterr().out)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**6, 10**6))
    assert run_command(options) == 2
    (refused,) = re.findall(r"checkpoints alone need ([0-9,]+) MB", capsys.readouterr().err)
    assert abs(int(refused) - 1e3 * float(said)) <= 6  # the log of a thousand rows is 0.2 MB; the text is rounded
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("limit", [("--minutes", "inf"), ("--save-every-minutes", "nan"), ("--until-score", "nan")])
def test_an_endless_limit_leaves_no_run(limit: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run_command([*DQN, *limit, "--runs", str(tmp_path / "runs")]) == 2
    assert limit[0] in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
