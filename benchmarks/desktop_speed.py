"""How fast desktop games are seen and played under the virtual clock.

    .venv/bin/python benchmarks/desktop_speed.py

Lock-step: whole steps of random actions, as an agent's are, without learning: keys, the game's own work, capture,
readers. Beside real time stands the processor time of a step, of agent, game and display together: it says what a
step costs wherever other work makes everything slower. Capture: copies of 640 x 480 pixels, each kept until the next
but one, of a display of our own and, through X, as of a person's. Medians of several repetitions, with the lowest and
the highest. Games that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from Xlib.display import Display

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import read_game, shipped_games
from playfield.games.desktop.own_display import OwnDisplay
from playfield.games.desktop.person_stage import XStage
from playfield.games.desktop.windows import WindowMatch

CAPTURES, STEPS = 2_000, 150


class Pace(NamedTuple):
    """What steps took, without beginnings of episodes."""

    seconds: float
    processor_seconds: float
    steps: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--games", nargs="*", default=list(shipped_games()))
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    captures(given.repeats)
    for name in given.games:
        try:
            game = DesktopGame(read_game(shipped_games().get(name, Path(name))))
        except ValueError as error:
            print(f"{name}: left out, {error}")
            continue
        try:
            paces = [steps(game, seed) for seed in range(given.repeats)]
        finally:
            game.close()
        rates = [pace.steps / pace.seconds for pace in paces]
        costs = [1000.0 * pace.processor_seconds / pace.steps for pace in paces]
        times = [rate * game.file.timing.step_ms / 1000.0 for rate in rates]
        print(
            f"{name}: {told(rates)} steps/s of {game.file.timing.step_ms} ms, {told(times, 1)} times real time; "
            f"{told(costs, 1)} ms of processor time a step"
        )


def captures(repeats: int) -> None:
    """Pictures a second, of our own display and through X."""
    with tempfile.TemporaryDirectory() as folder:
        display = OwnDisplay(Path(folder), 640, 480)
        os.environ["DISPLAY"] = display.name
        theirs = Display(display.name)
        screen = theirs.screen()
        shown = screen.root.create_window(0, 0, 640, 480, 0, screen.root_depth, override_redirect=1)
        shown.set_wm_name("shown")
        shown.map()
        theirs.sync()
        person = XStage()
        window = person.find(WindowMatch(title="shown"))
        assert window is not None
        ways: dict[str, Callable[[], object]] = {
            "our own display": display.grab,
            "through X": lambda: person.grab(window),
        }
        for name, grab in ways.items():
            told_rates = told([capture_rate(grab) for _ in range(repeats)])
            print(f"capture of 640 x 480, {name}: {told_rates} pictures/s")
        person.close()
        theirs.close()
        display.close()


def capture_rate(grab: Callable[[], object]) -> float:
    """Pictures a second."""
    kept = deque[object](maxlen=2)
    began = time.perf_counter()
    for _ in range(CAPTURES):
        kept.append(grab())
    return CAPTURES / (time.perf_counter() - began)


def steps(game: DesktopGame, seed: int) -> Pace:
    """Steps of an episode; it begins again where it ends, and beginnings are not counted."""
    draws = np.random.default_rng(seed)
    seconds = processor = 0.0
    done = 0
    while done < STEPS:
        game.reset(seed + done)
        began, before, over = time.perf_counter(), processor_seconds(), False
        while not over and done < STEPS:
            said = game.step(int(draws.integers(len(game.file.actions))))
            over, done = said.terminated or said.truncated, done + 1
        seconds += time.perf_counter() - began
        processor += processor_seconds() - before
    return Pace(seconds, processor, done)


def processor_seconds() -> float:
    """What this process has used, and all that it or they have started: the display and the game, a browser's too."""
    parents, used = dict[int, int](), dict[int, int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            fields, number = stat.read_text().rpartition(")")[2].split(), int(stat.parent.name)
            parents[number], used[number] = int(fields[1]), int(fields[11]) + int(fields[12])
    ours, found = {os.getpid()}, set[int]()
    while ours:
        ours = {number for number, parent in parents.items() if parent in ours}
        found |= ours
    return time.process_time() + sum(used[number] for number in found) / os.sysconf("SC_CLK_TCK")


def told(values: list[float], digits: int = 0) -> str:
    """Median, lowest and highest."""
    middle, low, high = (f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
