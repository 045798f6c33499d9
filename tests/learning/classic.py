"""CartPole and Acrobot at settings at which the deep recipes solve them: the recipe's own classes, smaller numbers."""

from __future__ import annotations

from playfield.memory.replay import Replay
from playfield.recipes import Recipe


def classic(recipe: Recipe, frames: int) -> Recipe:
    """The recipe for a game that shows numbers, to be trained for so many frames; there one action is one frame."""
    settings = _replay(frames) if isinstance(recipe.memory, Replay) else _rollout(frames)
    shared = ["torso=Mlp", "memory.stack=1", "memory.reward_clip=none", "eval_epsilon=0"]
    return recipe.with_overrides([*settings, *shared])


def _replay(frames: int) -> list[str]:
    return [
        "torso.hidden=[256]",
        "head.hidden=256",
        "memory.capacity=50_000",
        "memory.start_frames=1_000",
        "memory.batch=64",
        "memory.every_frames=4",
        "memory.batches=2",
        "target.every_frames=100",
        "explore.epsilon.end=0.04",
        "explore.epsilon.over_frames=8_000",
        "optimizer=Adam",
        "optimizer.lr=Linear",
        "optimizer.lr.start=1e-3",
        "optimizer.lr.end=0",
        f"optimizer.lr.over_frames={frames}",
    ]


def _rollout(frames: int) -> list[str]:
    return [
        "torso.hidden=[64]",
        "head.hidden=64",
        "games=16",
        "memory.steps=16",
        "memory.lambda_=0.95",
        "memory.reward_scale=0.05",  # returns reach 100 and more: the critic would drown the actor
        "optimizer.lr.start=1e-3",
        f"optimizer.lr.over_frames={frames}",
    ]
