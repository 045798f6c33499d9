"""Every recipe, cut down to a toy game that ends often and to a network that is quick."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from playfield.build import build_session
from playfield.games.each import EachGame, Solo
from playfield.games.games import GameSpec
from playfield.games.toys import Catch
from playfield.networks import FusedMBConv, MBConv
from playfield.recipes import RECIPES, Recipe
from playfield.session import Session
from playfield.settings import to_plain
from scaled import Scale, overrides

SCALE = Scale(capacity=120, start_frames=40, every_frames=4, target_frames=30, epsilon_frames=100, rollout_steps=5)
ADAPTED: dict[str, Recipe] = {
    **{name: recipe.with_overrides(overrides(recipe, SCALE)) for name, recipe in RECIPES.items()},
    "dqn, convolutions": RECIPES["dqn"].with_overrides(
        [
            *(text for text in overrides(RECIPES["dqn"], SCALE) if not text.startswith("torso")),
            "torso.layers=[[4, 3, 1], [4, 2, 1]]",
        ]
    ),
    "dqn, what no recipe chooses": RECIPES["dqn"].with_overrides(
        [
            *(text for text in overrides(RECIPES["dqn"], SCALE) if not text.startswith("torso")),
            "torso=EfficientNet",
            "torso.stem=4",
            f"torso.stages={json.dumps([to_plain(FusedMBConv(4, 1, 2, 1)), to_plain(MBConv(6, 2, 2, 2))])}",
            "torso.pool.size=1",
            "head=Dueling",
            "head.streams=shared",
            "bootstrap=Expected",
            "memory.sampler=Proportional",
            "memory.sampler.offset=1e-6",
            "memory.sampler.weights=memory",
            "optimizer=AdamW",
        ]
    ),
}


def small_games(games: int) -> EachGame:
    """Catch on 6 x 6 pixels with 3 fruits and 2 lives: an episode ends every 10 to 15 steps."""
    solos: list[Solo] = [Catch(size=6, drops=3, lives=2) for _ in range(games)]
    spec = GameSpec(
        name="small catch",
        games=games,
        actions=Catch.actions,
        frame_shape=(6, 6, 1),
        frame_dtype="uint8",
        frames_per_action=1,
        frames_per_second=15.0,
    )
    return EachGame(spec, solos)


def small_session(name: str, seed: int = 0) -> Session:
    recipe = ADAPTED[name]
    return build_session(recipe, small_games(recipe.games), seed)


def plain(value: Any) -> Any:
    """An event as values that compare."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if is_dataclass(value):
        # Fields that are younger than the golden numbers are left out while they say nothing.
        told = (f for f in fields(value) if f.name not in ("lost", "cut") or getattr(value, f.name))
        return (type(value).__name__, *((f.name, plain(getattr(value, f.name))) for f in told))
    if isinstance(value, Mapping):
        return tuple((key, plain(child)) for key, child in value.items())
    return value
