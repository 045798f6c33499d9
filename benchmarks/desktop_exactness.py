"""Whether desktop games repeat themselves pixel by pixel on a loaded machine.

    .venv/bin/python benchmarks/desktop_exactness.py    # the games that come with Playfield, and pygame's aliens
    .venv/bin/python benchmarks/desktop_exactness.py mine.toml --steps 500

For every game: the same random actions from one seed in three processes, each on a display of its own and none at the
same time, and once from another seed. Busy processes are added until so many compete for the machine as `--load` says;
they end with this one, and after ten minutes in any case. Games that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.game_file import GameFile, read_game, shipped_games
from playfield.games.desktop.measure import REPEATS, Repeats, repeats

ALIENS = Path(__file__).parents[1] / "tests" / "desktop" / "aliens.toml"
LONGEST_SECONDS = 600.0
SETTLE_SECONDS = 10.0
"""Until the busy processes are at work and counted."""
ROW = "{:<12} {:>6} {:>9} {:>16} {:>11} {:>8} {:>8} {:>8}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", default=[*shipped_games(), str(ALIENS)])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--load", type=int, default=8)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    print(ROW.format("game", "steps", "pictures", f"{REPEATS} processes", "other seed", "rescued", "seconds", "load"))
    until = time.monotonic() + LONGEST_SECONDS
    with busy(max(0, given.load - competing()), until):
        time.sleep(SETTLE_SECONDS)
        for name in given.games:
            try:
                file = read_game(shipped_games().get(name, Path(name)))
                print(row(file, given.steps), flush=True)
            except (ValueError, Hung) as error:
                print(f"{name}: left out, {error}")


def row(file: GameFile, steps: int) -> str:
    """A game's line of the table."""
    began, loads = time.monotonic(), [os.getloadavg()[0]]
    found = repeats(file, steps)
    loads.append(os.getloadavg()[0])
    return ROW.format(
        file.name, found.steps, found.different, told(found), "differs" if found.other_seed_differs else "same",
        found.rescued, f"{time.monotonic() - began:.0f}", f"{sum(loads) / len(loads):.1f}",
    )  # fmt: skip


def told(found: Repeats) -> str:
    """Whether the processes of one seed were alike."""
    if found.different < 2:
        return "nothing moved"
    return "identical" if found.first_difference is None else f"part at step {found.first_difference}"


def competing() -> int:
    """Processes that run or want to, now and without this one."""
    running = int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])
    return running - 1


@contextmanager
def busy(count: int, until: float) -> Iterator[None]:
    """So many processes that do nothing but work, as long as this lasts and no longer than a time."""
    workers = [multiprocessing.Process(target=work, args=(until,), daemon=True) for _ in range(count)]
    print(f"{count} busy processes are added", flush=True)
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def work(until: float) -> None:
    """Count, until a time."""
    while time.monotonic() < until:
        sum(range(10_000))


if __name__ == "__main__":
    main()
