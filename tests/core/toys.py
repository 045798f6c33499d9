"""Every recipe, cut down to a toy game that ends often and to a network that is quick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from playfield.build import build_session
from playfield.games.each import EachGame, Solo
from playfield.games.games import GameSpec
from playfield.games.toys import Catch
from playfield.recipes import RECIPES, Recipe
from playfield.session import Session

_REPLAY = [
    "games=2",
    "torso=Mlp",
    "torso.hidden=[16]",
    "head.hidden=16",
    "memory.capacity=120",
    "memory.start_frames=40",
    "memory.batch=8",
    "memory.every_frames=4",
    "target.every_frames=30",
    "explore.epsilon.over_frames=100",
]
_ROLLOUT = [
    "games=3",
    "torso.layers=[[4, 3, 1], [4, 2, 1]]",
    "head.hidden=16",
    "memory.steps=5",
    "memory.epochs=2",
    "memory.minibatches=3",
    "explore.epsilon=Linear",
    "explore.epsilon.over_frames=100",
]
ADAPTED: dict[str, Recipe] = {
    "dqn": RECIPES["dqn"].with_overrides(_REPLAY),
    "dqn, convolutions": RECIPES["dqn"].with_overrides(
        ["torso=Conv", _ROLLOUT[1], *(o for o in _REPLAY if "torso" not in o)]
    ),
    "dqn_adam": RECIPES["dqn_adam"].with_overrides(_REPLAY),
    "double": RECIPES["double"].with_overrides(_REPLAY),
    "dqn_toy": RECIPES["dqn_toy"].with_overrides(_REPLAY),
    "dqn_classic": RECIPES["dqn_classic"].with_overrides(_REPLAY),
    "pqn": RECIPES["pqn"].with_overrides(_ROLLOUT),
    "pong_laptop": RECIPES["pong_laptop"].with_overrides(_ROLLOUT),
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
        return (type(value).__name__, *((f.name, plain(getattr(value, f.name))) for f in fields(value)))
    if isinstance(value, Mapping):
        return tuple((key, plain(child)) for key, child in value.items())
    return value
