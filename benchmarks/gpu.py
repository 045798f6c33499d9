"""On one graphics card: the same updates as on the processor, and training beside the emulators alone. JSON.

    python benchmarks/gpu.py --seconds 20                    about 6 minutes with 8 recipes' worth of work
    python benchmarks/gpu.py --recipes pqn btr --game pong   of some

Never run so far: no card was at hand. Without ale-py it plays `catch`, says so, and its rates mean little then.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from functools import partial
from typing import Any

import numpy as np
import torch

from playfield.agent import RandomPolicy
from playfield.build import build_agent
from playfield.device import HOST, device_named, device_text
from playfield.events import Learned, Stepped
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.memory.replay import Replay
from playfield.recipes import RECIPES, Recipe
from playfield.rng import Rng
from playfield.runners import CudaGraphs, Runner, eager, recorded, runner_of
from playfield.session import Session

SAME = ("dqn", "rainbow", "pqn")
"""Recipes whose first updates are compared."""


def prepared(name: str, *, warm_frames: int) -> Recipe:
    """The recipe with a memory that is filled soon."""
    recipe = RECIPES[name]
    if not isinstance(recipe.memory, Replay):
        return recipe
    return recipe.with_overrides([f"memory.start_frames={warm_frames}", "memory.capacity=100_000"])


def session_of(recipe: Recipe, game: str, device: torch.device, runner: Runner) -> Session[Any]:
    games, rng = make_games(game, recipe.protocol, recipe.games), Rng(0)
    return Session(build_agent(recipe, games.spec, rng, device=device, runner=runner), games, rng)


def losses(name: str, game: str, device: torch.device, runner: Runner, updates: int) -> list[float]:
    session = session_of(prepared(name, warm_frames=2_000), game, device, runner)
    found: list[float] = []
    for event in session.play(float("inf")):
        if isinstance(event, Learned):
            found.append(event.loss)
            if len(found) == updates:
                break
    session.games.close()
    return found


def equality(game: str, cuda: torch.device) -> dict[str, Any]:
    """The largest difference of a loss from the processor's, as a share of it, over the first updates."""
    told: dict[str, Any] = {}
    for name in SAME:
        here = np.array(losses(name, game, HOST, eager, 12))
        ways = {"as it is": eager, "recorded": recorded(CudaGraphs(cuda))}
        told[name] = {
            way: float(np.max(np.abs(np.array(losses(name, game, cuda, runner, 12)) - here) / np.abs(here)))
            for way, runner in ways.items()
        }
    return told


def emulators_alone(games: Games, seconds: float) -> float:
    """Emulator frames per second under random actions."""
    policy = RandomPolicy(len(games.spec.actions), np.random.default_rng(0))
    step, frames, begun = games.begin(np.random.default_rng(1)), 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        games.send(policy.act(step).action)
        step = games.recv()
        frames += int(step.frames.sum())
    rate = frames / (time.perf_counter() - begun)
    games.close()
    return rate


def training(recipe: Recipe, game: str, device: torch.device, runner: Runner, seconds: float) -> dict[str, float]:
    """Emulator frames and updates per second of the learning phase, without its first 100 updates."""
    session = session_of(recipe, game, device, runner)
    begun, frames, updates = 0.0, 0, 0
    for event in session.play(float("inf")):
        if isinstance(event, Learned):
            updates = event.updates
        if not isinstance(event, Stepped) or updates < 100:
            continue
        if begun == 0.0:
            begun, frames, first = time.perf_counter(), event.clock.frames, updates
        elif (spent := time.perf_counter() - begun) >= seconds:
            session.games.close()
            return {
                "frames_per_second": (event.clock.frames - frames) / spent,
                "updates_per_second": (updates - first) / spent,
                "peak_gpu_gigabytes": torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0,
            }
    raise AssertionError("a session without a limit does not end")


def throughput(name: str, game: str, device: torch.device, seconds: float) -> dict[str, Any]:
    recipe = prepared(name, warm_frames=20_000)
    alone = emulators_alone(make_games(game, recipe.protocol, recipe.games), seconds / 2)
    measure = partial(training, recipe, game, device, seconds=seconds)
    found = {"recorded": measure(runner_of(device)), "as it is": measure(eager)}
    share = found["recorded"]["frames_per_second"] / alone
    return {"games": recipe.games, "emulators_alone_frames_per_second": alone, **found, "share_of_emulators": share}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="*", default=["dqn", "rainbow", "pqn", "btr"])
    parser.add_argument("--game", default="pong")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    device = device_named(asked.device)
    has_atari = importlib.util.find_spec("ale_py") is not None
    game = asked.game if has_atari else "catch"
    told: dict[str, Any] = {
        "device": device_text(device),
        "torch": torch.__version__,
        "cores": len(os.sched_getaffinity(0)),
        "game": game if has_atari else "catch, a toy: ale-py is not installed here",
        "equality": equality(game, device) if device != HOST else "not measured: the processor is no other device",
        "throughput": {},
    }
    print(json.dumps(told), flush=True)  # what is known before the longer part
    for name in asked.recipes:
        told["throughput"][name] = throughput(name, game, device, asked.seconds)
        print(json.dumps({name: told["throughput"][name]}), flush=True)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
