"""How fast desktop games are seen and played under the virtual clock.

    .venv/bin/python benchmarks/desktop_speed.py

Lock-step: whole steps of random actions, as an agent's are, without learning: keys, the game's own work, capture,
readers. Capture: copies of 640 x 480 pixels of a display of our own. Medians of several repetitions, with the lowest
and the highest. Games that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import read_game, shipped_games
from playfield.games.desktop.own_display import OwnDisplay

CAPTURES, STEPS = 2_000, 150


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        display = OwnDisplay(Path(folder), 640, 480)
        print(f"capture of 640 x 480: {told([captures(display) for _ in range(repeats)])} pictures/s")
        display.close()
    for name, path in shipped_games().items():
        try:
            game = DesktopGame(read_game(path))
        except ValueError as error:
            print(f"{name}: left out, {error}")
            continue
        try:
            rates = [steps(game, seed) for seed in range(repeats)]
        finally:
            game.close()
        times = statistics.median(rates) * game.file.timing.step_ms / 1000.0
        print(f"{name}: {told(rates)} steps/s of {game.file.timing.step_ms} ms, {times:.1f} times real time")


def captures(display: OwnDisplay) -> float:
    """Pictures a second."""
    return rate(CAPTURES, display.grab)


def steps(game: DesktopGame, seed: int) -> float:
    """Steps a second of an episode; it begins again where it ends, and beginnings are not counted."""
    draws = np.random.default_rng(seed)
    game.reset(seed)
    seconds = 0.0
    for _ in range(STEPS):
        action = int(draws.integers(len(game.file.actions)))
        began = time.perf_counter()
        said = game.step(action)
        seconds += time.perf_counter() - began
        if said.terminated or said.truncated:
            game.reset(seed + 1)
    return STEPS / seconds


def rate(count: int, do: Callable[[], object]) -> float:
    """How often something is done in a second."""
    began = time.perf_counter()
    for _ in range(count):
        do()
    return count / (time.perf_counter() - began)


def told(rates: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


if __name__ == "__main__":
    main()
