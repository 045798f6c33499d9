"""Clocks of games that keep their own time: a grid of deadlines by hand, and a process that is stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playfield.games.desktop.pace import Pace
from playfield.games.desktop.programs import OwnProgram
from playfield.games.desktop.wall_clocks import RealClock, SuspendClock
from playfield.games.desktop.windows import WindowMatch


class Wall:
    """Time that passes as it is told; a sleeper sleeps `over` too long."""

    def __init__(self) -> None:
        self.now, self.over = 0.0, 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0.0
        self.now += seconds + self.over


def real_clock(wall: Wall) -> tuple[RealClock, Pace]:
    pace = Pace()
    clock = RealClock(pace, lambda: wall.now, wall.sleep)
    clock.play()
    return clock, pace


def ends(clock: RealClock, wall: Wall, thoughts: list[float], step: float = 10.0) -> list[float]:
    """When steps end, each after so much thought."""
    found: list[float] = []
    for thought in thoughts:
        wall.now += thought
        clock.advance(step)
        found.append(wall.now)
    return found


def test_thinking_is_part_of_the_step_that_is_chosen_for():
    wall = Wall()
    clock, pace = real_clock(wall)
    assert ends(clock, wall, [0, 4, 1, 5]) == [10, 20, 30, 40]
    assert pace.take() == {"late_median_ms": 0, "late_p99_ms": 0, "late_worst_ms": 0, "paused_seconds": 0}


def test_keys_are_held_for_half_a_step_however_late_they_come():
    wall = Wall()
    clock, pace = real_clock(wall)
    assert ends(clock, wall, [0, 8]) == [10, 23]
    assert pace.take()["late_worst_ms"] == 3000


def test_a_late_step_stretches_and_nothing_is_caught_up():
    wall = Wall()
    clock, pace = real_clock(wall)
    assert ends(clock, wall, [0, 45, 0, 0]) == [10, 60, 70, 80]  # the grid would have had 50, and bursts until then
    assert pace.take() == {
        "late_median_ms": 0.0,
        "late_p99_ms": pytest.approx(0.97 * 40_000),
        "late_worst_ms": 40_000.0,
        "paused_seconds": 0.0,
    }


def test_small_lateness_does_not_add_up():
    wall = Wall()
    wall.over = 0.5
    clock, pace = real_clock(wall)
    assert ends(clock, wall, [0, 0, 0, 0]) == [10.5, 20.5, 30.5, 40.5]
    assert pace.take()["late_worst_ms"] == 500


def test_a_pause_makes_no_step_late():
    wall = Wall()
    clock, pace = real_clock(wall)
    ends(clock, wall, [0])
    clock.pause()
    wall.now += 1000.0
    clock.pause()
    assert ends(clock, wall, [0, 0]) == [1020, 1030]
    assert pace.take()["late_worst_ms"] == 0


def test_nothing_is_late_before_an_episode_begins():
    wall, pace = Wall(), Pace()
    wall.over = 3.0
    RealClock(pace, lambda: wall.now, wall.sleep).advance(10.0)
    assert (wall.now, pace.take()) == (13.0, {})


def test_pace_is_told_once_and_then_begins_anew():
    pace = Pace()
    for late in (0.001, 0.002, 0.009, -0.5):
        pace.late(late)
    pace.paused(2.0)
    pace.paused(1.0)
    told = pace.take()
    assert told["late_median_ms"] == pytest.approx(1.5)
    assert told["late_worst_ms"] == pytest.approx(9.0)
    assert told["late_p99_ms"] == pytest.approx(2.0 + 0.97 * 7.0)
    assert told["paused_seconds"] == 3.0
    assert pace.take() == {}


@pytest.fixture(name="sleeper")
def a_sleeper(tmp_path: Path) -> Iterator[OwnProgram]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    program = OwnProgram(process, tmp_path / "said", WindowMatch(), None)
    yield program
    program.end()


def state(program: OwnProgram) -> str:
    """T where it is stopped, R or S where it goes on."""
    return Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(sys.platform != "linux", reason="states of processes are read from /proc, which Linux has")
def test_a_suspended_game_goes_on_only_while_it_is_played(sleeper: OwnProgram):
    seen: list[str] = []
    clock = SuspendClock(Pace(), sleep=lambda seconds: seen.append(state(sleeper)))
    clock.begin(sleeper)
    clock.advance(0.05)
    seen.append(state(sleeper))  # nobody plays it yet
    clock.play()
    seen.append(state(sleeper))
    clock.advance(0.05)
    seen.append(state(sleeper))
    clock.close()
    seen.append(state(sleeper))
    assert [each if each == "T" else "on" for each in seen] == ["on", "on", "T", "on", "T", "on"]


def test_a_suspended_game_that_is_gone_is_left_alone(sleeper: OwnProgram):
    clock = SuspendClock(Pace(), sleep=lambda seconds: None)
    clock.begin(sleeper)
    clock.play()
    sleeper.end()
    clock.advance(0.05)
    clock.close()
    assert not sleeper.is_running
