"""Every recipe at a size at which a toy game is learnt in a minute: the recipe's own classes, smaller numbers."""

from __future__ import annotations

from playfield.explore import EpsilonGreedy
from playfield.memory.priorities import Proportional, RankBased
from playfield.memory.replay import Replay
from playfield.networks import Impala
from playfield.recipes import Recipe
from playfield.returns import Categorical, HLGauss, ImplicitQuantiles, PolicyAndValue, Quantiles
from playfield.schedules import Constant

FRAMES = {
    "catch": {"replay": 20_000, "implicit": 30_000, "residual": 20_000, "rollout": 40_000},
    "toy_pong": {"replay": 80_000, "implicit": 80_000, "residual": 48_000, "rollout": 240_000},
}
"""Emulator frames of a training; a rollout's cost a third, those of a residual torso twice as much."""


def sized(recipe: Recipe, game: str) -> Recipe:
    """The recipe for a toy game, with the frames to train it for."""
    frames = FRAMES[game][_kind(recipe)]
    settings = [
        *_network(recipe, game),
        *(_replay(recipe, frames) if isinstance(recipe.memory, Replay) else _rollout(recipe)),
        *_explore(recipe, frames),
        *_returns(recipe),
    ]
    falling = [
        "optimizer.lr=Linear",
        f"optimizer.lr.start={4e-3 if isinstance(recipe.torso, Impala) else 2e-3}",
        "optimizer.lr.end=2e-4",
        f"optimizer.lr.over_frames={frames}",
    ]
    alone = [] if recipe.imitation is None else ["imitation.pretrain_updates=0", "imitation.n_step=2"]
    shared = [*alone, "memory.stack=2", "memory.discount=0.95"]
    return recipe.but(frames=frames).with_overrides([*settings, *falling, *shared])


def _kind(recipe: Recipe) -> str:
    if not isinstance(recipe.memory, Replay):
        return "rollout"
    if isinstance(recipe.torso, Impala):
        return "residual"
    return "implicit" if isinstance(recipe.returns, ImplicitQuantiles) else "replay"


def _network(recipe: Recipe, game: str) -> list[str]:
    if isinstance(recipe.torso, Impala):
        size = ["torso.widths=[4, 8]", "torso.pool=4"] if game == "catch" else ["torso.widths=[8]", "torso.pool=6"]
        return [*size, "torso.blocks=1", "head.hidden=64"]
    norm = [] if isinstance(recipe.memory, Replay) else ["torso.norm=LayerNorm"]
    torso = ["torso=Mlp", "torso.hidden=[64]"]
    if game == "toy_pong":
        torso = ["torso=Conv", "torso.layers=[[16, 6, 3], [32, 3, 2]]"]
    return [*torso, *norm, "head.hidden=64"]


def _returns(recipe: Recipe) -> list[str]:
    match recipe.returns:
        case ImplicitQuantiles():
            return ["returns.samples=8", "returns.target_samples=8", "returns.acting_samples=8", "returns.cosines=16"]
        case Quantiles():
            return ["returns.count=32"]
        case Categorical():
            return ["returns.low=-3", "returns.high=3", "returns.atoms=21"]
        case HLGauss():
            return ["returns.low=-3", "returns.high=3", "returns.bins=21"]
        case _:
            return []


def _replay(recipe: Recipe, frames: int) -> list[str]:
    assert isinstance(recipe.memory, Replay)
    annealed = isinstance(recipe.memory.sampler, Proportional | RankBased)
    annealed = annealed and not isinstance(recipe.memory.sampler.beta, Constant)  # type: ignore[union-attr]
    return [
        f"games={16 if isinstance(recipe.torso, Impala) else 8}",
        "memory.capacity=20_000",
        "memory.start_frames=1_000",
        "memory.batch=64",
        "memory.batches=1",
        "memory.every_frames=16",
        f"memory.n_step={min(recipe.memory.n_step, 2)}",
        "memory.reward_clip=none",
        "memory.reward_scale=1",
        "optimizer=Adam",
        "optimizer.eps=1e-5",
        "target.every_frames=500",
        *([f"memory.sampler.beta.over_frames={frames}"] if annealed else []),
    ]


def _rollout(recipe: Recipe) -> list[str]:
    if isinstance(recipe.returns, PolicyAndValue):
        return ["games=16", "memory.steps=8", "memory.lambda_=0.95"]
    return ["games=16", "memory.steps=16", "memory.epochs=2", "memory.minibatches=4", "memory.lambda_=0.65"]


def _explore(recipe: Recipe, frames: int) -> list[str]:
    if not isinstance(recipe.explore, EpsilonGreedy) or isinstance(recipe.explore.epsilon, Constant):
        return []
    return [
        "explore.epsilon=Linear",
        "explore.epsilon.start=1.0",
        "explore.epsilon.end=0.03",
        f"explore.epsilon.over_frames={frames // 4}",
    ]
