"""Every recipe cut down to toy games: the same classes and code paths, smaller numbers."""

from __future__ import annotations

from dataclasses import dataclass

from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Impala
from playfield.recipes import Recipe
from playfield.returns import ImplicitQuantiles, Quantiles
from playfield.schedules import Exponential, Linear, Piecewise


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How small."""

    capacity: int
    start_frames: int
    every_frames: int
    target_frames: int
    epsilon_frames: int
    rollout_steps: int


def overrides(recipe: Recipe, scale: Scale) -> list[str]:
    """The settings that make the recipe that small."""
    alone = [] if recipe.imitation is None else ["imitation.pretrain_updates=0"]  # without demonstrations
    return [*_network(recipe), *_memory(recipe, scale), *_explore(recipe, scale), *_target(recipe, scale), *alone]


def _network(recipe: Recipe) -> list[str]:
    if isinstance(recipe.torso, Impala):
        torso = ["torso.widths=[4, 4]", "torso.blocks=1", "torso.pool=2"]
    elif isinstance(recipe.memory, Replay):
        torso = ["torso=Mlp", "torso.hidden=[16]"]
    else:
        torso = ["torso.layers=[[4, 3, 1], [4, 2, 1]]"]
    match recipe.returns:
        case ImplicitQuantiles():
            returns = ["returns.samples=4", "returns.target_samples=5", "returns.acting_samples=3", "returns.cosines=8"]
        case Quantiles():
            returns = ["returns.count=8"]
        case _:
            returns = []
    return [*torso, "head.hidden=16", *returns]


def _memory(recipe: Recipe, scale: Scale) -> list[str]:
    if isinstance(recipe.memory, Replay):
        return [
            "games=2",
            f"memory.capacity={scale.capacity}",
            f"memory.start_frames={scale.start_frames}",
            "memory.batch=8",
            f"memory.every_frames={scale.every_frames}",
        ]
    parts = ["memory.epochs=2", "memory.minibatches=3"] if recipe.memory.minibatches > 1 else []
    return ["games=3", f"memory.steps={scale.rollout_steps}", *parts]


def _explore(recipe: Recipe, scale: Scale) -> list[str]:
    if not isinstance(recipe.explore, EpsilonGreedy):
        return []
    match recipe.explore.epsilon:
        case Linear():
            return [f"explore.epsilon.over_frames={scale.epsilon_frames}"]
        case Exponential():
            return [f"explore.epsilon.decay_frames={scale.epsilon_frames}"]
        case Piecewise():
            return ["explore.epsilon=Linear", f"explore.epsilon.over_frames={scale.epsilon_frames}"]
        case _:
            return []


def _target(recipe: Recipe, scale: Scale) -> list[str]:
    return [f"target.every_frames={scale.target_frames}"] if isinstance(recipe.target, Copy) else []
