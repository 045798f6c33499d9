"""From a recipe and a game to an agent at play."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from playfield.agent import Acting, DeepAgent, NetworkPolicy
from playfield.games.games import Games, GameSpec
from playfield.learner import Learner, LearningRule, NoTarget
from playfield.memory.rows import RowRing, RowShape
from playfield.networks import QNetwork, obs_shape
from playfield.recipes.recipe import Recipe
from playfield.rng import Rng
from playfield.session import Session


def build_network(recipe: Recipe, spec: GameSpec, generator: torch.Generator) -> QNetwork:
    """The recipe's network for a game, freshly drawn.

    Raises: ValueError where the recipe does not fit what the game shows.
    """
    torso, features = recipe.torso.build(obs_shape(spec.frame_shape, recipe.memory.stack), generator)
    head = recipe.head.build(features, len(spec.actions), recipe.returns.outputs, generator)
    return QNetwork(torso, head, len(spec.actions), recipe.returns)


def build_agent(recipe: Recipe, spec: GameSpec, rng: Rng) -> DeepAgent:
    """An agent that has learnt nothing yet.

    Raises: ValueError where the recipe does not fit the game.
    """
    network = build_network(recipe, spec, rng.torch("weights"))
    target: nn.Module = network if isinstance(recipe.target, NoTarget) else deepcopy(network).requires_grad_(False)
    rule = LearningRule(bootstrap=recipe.bootstrap, target=recipe.target, optimizer=recipe.optimizer)
    learner = Learner(network, target, rule)
    memory = recipe.memory.build(spec.games, spec.frame_shape, spec.frame_dtype, rng.numpy("samples"))
    return DeepAgent(learner, memory, recipe.explore, rng)


def build_session(recipe: Recipe, games: Games, seed: int) -> Session[DeepAgent]:
    """An agent of the recipe at play with `games`, before the first step."""
    rng = Rng(seed)
    return Session(build_agent(recipe, games.spec, rng), games, rng)


def build_policy(recipe: Recipe, spec: GameSpec, network: nn.Module, rng: Rng) -> NetworkPolicy:
    """The network as it plays in evaluations."""
    stack = recipe.memory.stack
    shape = RowShape(
        size=stack, games=spec.games, frame_shape=spec.frame_shape, frame_dtype=spec.frame_dtype, stack=stack
    )
    acting = Acting(network=network, epsilon=recipe.eval_epsilon, draws=rng.numpy("evaluation"))
    return NetworkPolicy(acting, RowRing(shape))
