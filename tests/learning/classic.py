"""DQN and the actor-critic at the size of CartPole and Acrobot, whose observations are a few numbers."""

from __future__ import annotations

from playfield.recipes import RECIPES, Recipe

DQN = [
    "games=8",
    "torso=Mlp",
    "torso.hidden=[128]",
    "head.hidden=128",
    "bootstrap=Double",
    "explore.epsilon.end=0.02",
    "explore.epsilon.over_frames=30_000",
    "memory.capacity=50_000",
    "memory.start_frames=2_000",
    "memory.batch=64",
    "memory.every_frames=8",
    "memory.n_step=3",
    "memory.stack=1",
    "memory.reward_clip=none",
    "optimizer=Adam",
    "optimizer.lr=Linear",
    "optimizer.lr.start=1e-3",
    "optimizer.lr.end=1e-5",
    "optimizer.lr.over_frames=120_000",
    "optimizer.eps=1e-5",
    "optimizer.clip_norm=10",
    "target.every_frames=1_000",
    "eval_epsilon=0",
]
ACTOR_CRITIC = [
    "games=8",
    "torso=Mlp",
    "torso.hidden=[64]",
    "torso.init=OrthogonalInit",
    "head.hidden=64",
    "memory.steps=32",
    "memory.lambda_=0.95",
    "memory.stack=1",
    "memory.reward_clip=none",
    "returns.entropy_weight=0.01",
    "optimizer.lr.start=2e-3",
    "optimizer.lr.end=0",
]


def classic(name: str, frames: int) -> Recipe:
    """The recipe for a game of numbers, to be trained for so many frames."""
    if name == "dqn":
        return RECIPES["dqn"].with_overrides([*DQN, f"optimizer.lr.over_frames={frames}"])
    return RECIPES["actor_critic"].with_overrides([*ACTOR_CRITIC, f"optimizer.lr.over_frames={frames}"])
