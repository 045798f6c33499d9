"""Agents on games with several axes of actions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dials import CHOICES, DIALS
from playfield.build import build_network, build_session
from playfield.events import EpisodeEnded
from playfield.games.games import GameSpec
from playfield.games.make import make_games
from playfield.networks import Dueling, Factored
from playfield.recipes import RECIPES, Recipe
from playfield.returns import Categorical, Expectation, HLGauss, ImplicitQuantiles, Quantiles, ReturnSpec
from playfield.rng import Rng

RECIPE = RECIPES["dqn_classic"].with_overrides(
    [
        "games=4",
        "torso=Mlp",
        "torso.hidden=[32]",
        "memory.discount=0.0",
        "memory.start_frames=200",
        "memory.every_frames=4",
        "memory.batch=32",
        "optimizer=Adam",
        "optimizer.lr=3e-3",
        "explore.epsilon.over_frames=1_500",
    ]
)


BRISK = RECIPE.with_overrides(
    [
        "games=8",
        "memory.every_frames=8",
        "memory.batch=64",
        "optimizer.lr=6e-3",
        "explore.epsilon.over_frames=1_000",
    ]
)
"""Half as many updates on twice as many samples each: sooner done."""


def score(recipe: Recipe, seed: int, frames: int) -> float:
    """Mean score of the episodes that ended in the last fifth of a training; 20 is the best."""
    session = build_session(recipe, make_games(DIALS, recipe.protocol, recipe.games), seed)
    ended = [e for e in session.play(frames) if isinstance(e, EpisodeEnded)]
    return float(np.mean([e.score for e in ended if e.clock.frames > 0.8 * frames]))


def test_two_dials_are_learnt():
    scores = [score(BRISK.but(head=Factored(hidden=64)), seed, frames=2_000) for seed in (0, 1)]
    print(scores)
    assert np.mean(scores) >= 17.0  # 19.3 when this was written; chance scores 2.9


def test_choices_are_learnt_sooner_by_axes_than_by_their_combinations():
    by_axes = [score(RECIPE.but(head=Factored(hidden=64)), seed, frames=1_000) for seed in (0, 1, 2)]
    by_combinations = [score(RECIPE.but(head=Dueling(hidden=64)), seed, frames=1_000) for seed in (0, 1, 2)]
    print(f"by axes {by_axes}, by combinations {by_combinations}")
    assert np.mean(by_axes) >= np.mean(by_combinations) + 1.5  # 10.2 and 7.3 when this was written


def spec(axes: tuple[int, ...]) -> GameSpec:
    actions = tuple(map(str, range(int(np.prod(CHOICES)))))
    return GameSpec(
        name="dials", games=1, actions=actions, axes=axes, frame_shape=(14,), frame_dtype="float32",
        frames_per_action=1, frames_per_second=30.0,
    )  # fmt: skip


def test_axes_that_do_not_make_the_actions_are_refused():
    with pytest.raises(ValueError, match=r"axes of \(8, 5\) choices do not make 48 actions"):
        spec((8, 5))


@pytest.mark.parametrize("returns", [Expectation(), Categorical(), Quantiles(), ImplicitQuantiles(), HLGauss()])
def test_every_return_of_an_action_is_put_together_from_its_choices(returns: ReturnSpec):
    recipe = RECIPE.but(head=Factored(hidden=8), returns=returns)
    network = build_network(recipe, spec(CHOICES), Rng(0))
    with torch.inference_mode():
        raw = network.head(torch.randn(3, 32, generator=torch.Generator().manual_seed(0)))
        mean = network(torch.zeros(2, 14)).mean
    raw = raw.unflatten(1, (*CHOICES, returns.outputs))
    # One dial makes the same difference wherever the other one stands.
    torch.testing.assert_close(raw[:, 3] - raw[:, 5], (raw[:, 3, :1] - raw[:, 5, :1]).expand(3, 6, returns.outputs))
    assert mean.shape == (2, 48)


def test_a_policy_is_learnt_by_a_plain_head_only():
    with pytest.raises(ValueError, match="returns=PolicyAndValue has a value of its own: use head=Plain"):
        RECIPES["actor_critic"].but(head=Factored())
