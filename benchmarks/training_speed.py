"""Frames per second of a recipe while it learns, and the memory of one stored frame.

    .venv/bin/python benchmarks/training_speed.py dqn breakout --seconds 120

Prints JSON with hardware, versions and commit; only the learning phase is measured, after the memory was filled.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import time

import torch

from playfield.build import build_session
from playfield.cli.machine import keep_freed_memory
from playfield.cli.train import set_threads
from playfield.events import Learned, Stepped
from playfield.games.make import make_games
from playfield.recipes import RECIPES
from playfield.storage import fingerprint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("game")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    recipe = RECIPES[asked.recipe].with_overrides(asked.overrides)
    keep_freed_memory()  # as the command `playfield` does
    set_threads(None, recipe, asked.game)
    games = make_games(asked.game, recipe.protocol, recipe.games)
    session = build_session(recipe, games, asked.seed)
    begun: float | None = None
    begun_frames = 0
    slices: list[float] = []
    last = (0.0, 0)
    for event in session.play(float("inf")):
        now = time.perf_counter()
        if isinstance(event, Learned) and begun is None:
            begun, begun_frames = now, event.clock.frames
            last = (now, begun_frames)
        if isinstance(event, Stepped) and begun is not None:
            if now - last[0] >= asked.seconds / 10:
                slices.append((event.clock.frames - last[1]) / (now - last[0]))
                last = (now, event.clock.frames)
            if now - begun >= asked.seconds:
                break
    games.close()
    rows = session.agent.memory.rows
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(
        json.dumps(
            {
                "recipe": asked.recipe,
                "game": asked.game,
                "overrides": asked.overrides,
                "seed": asked.seed,
                "frames_per_second_median": statistics.median(slices),
                "frames_per_second_of_ten_slices": [round(s, 1) for s in slices],
                "bytes_per_stored_frame": rows.bytes_per_row(),
                "rows_stored": rows.stop - rows.start,
                "peak_resident_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "torch_threads": torch.get_num_threads(),
                "fingerprint": fingerprint.take(),
                "commit": commit.stdout.strip(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
