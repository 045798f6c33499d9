"""Five recipes at a size at which two CPU cores can play Atari: their own classes, smaller numbers, one budget.

    .venv/bin/python benchmarks/small_atari.py small --frames 120_000
    .venv/bin/playfield study small-atari --recipes small/dqn.json,small/rainbow.json,small/iqn.json,small/btr.json,\
small/pqn.json --games pong,breakout,space_invaders,gravitar --seeds 0..2 --episodes 10

All see 42 x 42 pixels through one small torso and play by one protocol. The four with a replay memory draw as many
samples, of the same batch, and step with the same optimiser: what sets them apart is their losses, bootstraps, heads,
samplers and exploration. `docs/results.md` has what came of it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from playfield.explore import EpsilonGreedy
from playfield.games.protocol import nature
from playfield.memory.priorities import Proportional
from playfield.memory.replay import Replay
from playfield.networks import Conv
from playfield.recipes import RECIPES, Recipe
from playfield.returns import ImplicitQuantiles
from playfield.schedules import Constant, Linear

PROTOCOL = nature(frame_size=(42, 42), max_frames=18_000)
"""Five minutes of a game at most, as Nature's evaluations: young greedy agents stand still in Breakout for hours."""

LAYERS = ((16, 6, 3), (32, 3, 2), (32, 3, 1))

NAMES = ("dqn", "rainbow", "iqn", "btr", "pqn")


def small(recipe: Recipe, frames: int) -> Recipe:
    """The recipe for two cores, to be trained for so many emulator frames."""
    plain = recipe.torso if isinstance(recipe.torso, Conv) else Conv()
    smaller = recipe.but(
        name=f"{recipe.name}_small", protocol=PROTOCOL, torso=replace(plain, layers=LAYERS), frames=frames
    )
    settings = _replay(smaller) if isinstance(recipe.memory, Replay) else ["games=32", "memory.minibatches=16"]
    epsilon = [] if recipe.explore == EpsilonGreedy(Constant(0.0)) else _epsilon(frames)
    return smaller.with_overrides([*settings, *epsilon, "head.hidden=128"])


def _replay(recipe: Recipe) -> list[str]:
    assert isinstance(recipe.memory, Replay)
    settings = [
        "games=8",
        "memory.capacity=100_000",
        f"memory.start_frames={recipe.frames // 20}",
        "memory.batch=64",
        "memory.every_frames=32",
        "optimizer=Adam",
        "optimizer.lr=2.5e-4",
        "optimizer.eps=1e-5",
        "target.every_frames=8_000",
    ]
    if isinstance(recipe.memory.sampler, Proportional) and isinstance(recipe.memory.sampler.beta, Linear):
        settings.append(f"memory.sampler.beta.over_frames={recipe.frames}")
    if isinstance(recipe.returns, ImplicitQuantiles):
        settings += ["returns.samples=8", "returns.target_samples=8", "returns.acting_samples=8"]
    return settings


def _epsilon(frames: int) -> list[str]:
    shape = ["explore.epsilon=Linear", "explore.epsilon.start=1", "explore.epsilon.end=0.02"]
    return [*shape, f"explore.epsilon.over_frames={frames // 4}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the recipes are written as JSON")
    parser.add_argument("--frames", type=int, default=120_000, help="emulator frames of each training")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (asked.folder / f"{name}.json").write_text(small(RECIPES[name], asked.frames).to_json())


if __name__ == "__main__":
    main()
