"""What a transition takes in memory and on the disk, and what drawing a batch takes, for every way to keep frames.

    .venv/bin/python benchmarks/memory.py pong battle_zone --capacity 1_000_000     # most of an hour, 10 GB

Eight copies of a game, played at random, fill the replay memory of the `dqn` recipe; what the process grew by is
compared with what `--dry-run` would have said. Then batches are drawn, and as many updates made. Every way is measured
in a process of its own, which also writes the log of a run as a training does. Memory is the kernel's `VmRSS`, with
that of the emulators' process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from playfield.agent import DeepAgent
from playfield.build import build_session
from playfield.cli.machine import keep_freed_memory, resident_bytes
from playfield.cli.needs import needs_of
from playfield.cli.train import games_of
from playfield.recipes import RECIPES
from playfield.session import Session
from playfield.storage.log import CHUNK_ROWS
from playfield.storage.run import Run
from playfield.types import Clock, Decision, Step

GAMES = 8
STORES = ("Raw", "Packed", "Spilled")
DRAWS = 300
UPDATES = 100
LATER = Clock(frames=1 << 40, steps=0, episodes=0)
"""When learning is long due."""


def main() -> None:
    """Measure every store with every game, each in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", default=["pong"])
    parser.add_argument("--capacity", type=lambda text: int(text.replace("_", "")), default=100_000)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.games[0], given.stores[0], given.capacity, given.seed)))
        return
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"commit {commit.stdout.strip()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, seed {given.seed}")
    print(f"{given.capacity:,} transitions of {GAMES} copies")
    print("| game | frames | memory, GB | foretold, GB | log, GB | drawing a batch of 32, ms | update with it, ms |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for game, store in itertools.product(given.games, given.stores):
        command = [sys.executable, __file__, game, "--one", "--stores", store, "--capacity", str(given.capacity)]
        done = subprocess.run([*command, "--seed", str(given.seed)], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout)
        sizes = [f"{found[name] / 1e9:.4f}" for name in ("grown", "foretold", "log")]
        times = [f"{middle:.2f} ({most:.2f})" for middle, most in (found["draw_ms"], found["update_ms"])]
        print(f"| {game} | {store} | {' | '.join([*sizes, *times])} |", flush=True)


def measure(game: str, store: str, capacity: int, seed: int) -> dict[str, object]:
    """Bytes, and milliseconds (median, and the 90th of 100) of one store."""
    keep_freed_memory()
    sizes = [f"games={GAMES}", f"memory.capacity={capacity}", "memory.start_frames=1", "memory.batches=1_000_000"]
    recipe = RECIPES["dqn"].with_overrides([*sizes, f"memory.store={store}"])
    session = build_session(recipe, games_of(game, recipe), seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder), "run", recipe={}, protocol={}, game=game, seed=seed, fingerprint={})
        with run.writing():
            run.cut_back(None)
            session.agent.rest_on(run.reader("agent/memory/rows", "frame"))
            draws = np.random.default_rng(seed)
            step = session.games.begin(draws)
            run.save({"agent": session.agent.state()}, 0)  # as a training does: its log begins there
            before = resident_bytes() or 0
            fill(session, run, step, capacity // GAMES, draws)
            grown = (resident_bytes() or 0) - before
            log = sum(path.stat().st_size for path in (run.path / "rows").rglob("*.pfl"))
            batches, learner = iter(session.agent.memory.batches(LATER)), session.agent.learner
            draw = timed(lambda: next(batches), DRAWS)
            update = timed(lambda: learner.step(next(batches), 0), UPDATES)
    foretold = needs_of(recipe, session, 1).rows
    session.games.close()
    return {"grown": grown, "foretold": foretold, "log": log, "draw_ms": draw, "update_ms": update}


def fill(session: Session[DeepAgent], run: Run, step: Step, rows: int, draws: np.random.Generator) -> None:
    """Play that many rows at random from a step on; hand them to the disk as they come."""
    games, agent = session.games, session.agent
    for row in range(1, rows + 1):
        action = draws.integers(0, len(games.spec.actions), GAMES)
        agent.observe(Decision(action=action, value=np.zeros(GAMES, np.float32)), step)
        if row % CHUNK_ROWS == 0:
            run.write_ahead({"agent": agent.growing()})
        games.send(action)
        step = games.recv()


def timed(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Milliseconds: the median, and what nine of ten times keep."""
    taken: list[float] = []
    for _ in range(times + 10):
        begun = time.perf_counter()
        work()
        taken.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(taken[10:]), statistics.quantiles(taken[10:], n=10)[-1]


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    main()
