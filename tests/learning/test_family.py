"""Every recipe learns our toy games, two learn classic control: means of three seeds over whole greedy games.

An hour of work on two cores: `make learn`.

Catch scores between -5 and 5, about -2.5 by chance; the small Pong between -5 and 5, near -5 by chance.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from learning.classic import classic
from learning.sized import sized
from playfield.build import build_policy, build_session
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import Evaluated
from playfield.games.make import make_games
from playfield.recipes import RECIPES, Recipe
from playfield.rng import Rng

WANTED = os.environ.get("PLAYFIELD_LEARN") == "1"
pytestmark = pytest.mark.skipif(not WANTED, reason="an hour of learning: run `make learn`")

SEEDS = (0, 1, 2)
TOYS = {"catch": 4.0, "toy_pong": 2.5}
"""The mean score that counts as solved: nearly no drop missed; half of the way to a clean win."""

CLASSIC = {
    ("dqn", "gym:CartPole-v1"): (50_000, 475.0),
    ("dqn", "gym:Acrobot-v1"): (60_000, -100.0),
    ("actor_critic", "gym:CartPole-v1"): (300_000, 475.0),
    ("actor_critic", "gym:Acrobot-v1"): (600_000, -100.0),
}
"""Emulator frames of training, and the mean score at which others call the game solved."""


def learnt(recipe: Recipe, game: str, frames: int, seed: int, episodes: int) -> float:
    """Mean score of whole greedy games after so many frames of learning."""
    torch.set_num_threads(1)
    games = make_games(game, recipe.protocol, recipe.games)
    session = build_session(recipe, games, seed)
    for _ in session.play(frames):
        pass
    played = make_games(game, recipe.protocol, 10)
    policy = build_policy(recipe, played.spec, session.agent.weights(), Rng(1_000 + seed))
    plan = EvaluationPlan(episodes=episodes, seed=1_000 + seed, policy_name="greedy", clock=session.clock)
    evaluated = [event for event in evaluate(policy, played, plan) if isinstance(event, Evaluated)]
    games.close()
    played.close()
    return float(np.mean(evaluated[0].scores))


@pytest.mark.parametrize("game", TOYS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_solves_the_toys(name: str, game: str) -> None:
    recipe = sized(RECIPES[name], game)
    scores = [learnt(recipe, game, recipe.frames, seed, episodes=20) for seed in SEEDS]
    print(f"{name} on {game}: {scores}, mean {np.mean(scores):.2f}")
    assert np.mean(scores) >= TOYS[game]


@pytest.mark.parametrize(("name", "game"), CLASSIC)
def test_a_deep_recipe_solves_classic_control(name: str, game: str) -> None:
    frames, solved = CLASSIC[name, game]
    recipe = classic(RECIPES[name], frames)
    scores = [learnt(recipe, game, frames, seed, episodes=100) for seed in SEEDS]
    print(f"{name} on {game}: {scores}, mean {np.mean(scores):.2f}")
    assert np.mean(scores) >= solved
