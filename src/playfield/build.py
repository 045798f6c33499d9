"""From a recipe and a game to an agent at play."""

from __future__ import annotations

from copy import deepcopy

from torch import nn

from playfield.agent import Acting, DeepAgent, NetworkPolicy
from playfield.games.games import Games, GameSpec
from playfield.learner import Learner, LearningRule, NoTarget, load_weights
from playfield.memory.rewards import RewardRange
from playfield.memory.rows import RowRing, RowShape
from playfield.networks import Chance, Draws, FractionEmbedding, ImplicitQNetwork, QNetwork, obs_shape
from playfield.recipes.recipe import Recipe
from playfield.returns import Categorical, HLGauss, ImplicitQuantiles
from playfield.rng import Rng
from playfield.session import Session


def build_network(recipe: Recipe, spec: GameSpec, rng: Rng) -> nn.Module:
    """The recipe's network for a game, freshly drawn.

    Raises: ValueError where the recipe does not fit what the game shows.
    """
    draws = Draws(rng.torch("weights"), Chance(rng.torch("noise")))
    torso, features = recipe.torso.build(obs_shape(spec.frame_shape, recipe.memory.stack), draws)
    actions, returns = len(spec.actions), recipe.returns
    head = recipe.head.build(features, actions, returns.outputs, draws)
    if isinstance(returns, ImplicitQuantiles):
        return ImplicitQNetwork(torso, head, FractionEmbedding(returns, features, draws), returns)
    return QNetwork(torso, head, actions, returns)


def build_agent(recipe: Recipe, spec: GameSpec, rng: Rng) -> DeepAgent:
    """An agent that has learnt nothing yet.

    Raises: ValueError where the recipe does not fit the game.
    """
    network = build_network(recipe, spec, rng)
    target: nn.Module = network if isinstance(recipe.target, NoTarget) else deepcopy(network).requires_grad_(False)
    rule = LearningRule(bootstrap=recipe.bootstrap, target=recipe.target, optimizer=recipe.optimizer)
    learner = Learner(network, target, rule)
    memory = recipe.memory.build(spec.games, spec.frame_shape, spec.frame_dtype, rng.numpy("samples"))
    return DeepAgent(learner, memory, recipe.explore, rng, _reward_range(recipe))


def _reward_range(recipe: Recipe) -> RewardRange | None:
    """The limits of a raw reward, where there are any; clipped ones were compared when the recipe was made."""
    if recipe.memory.reward_clip is None and isinstance(recipe.returns, Categorical | HLGauss):
        return RewardRange(low=recipe.returns.low, high=recipe.returns.high, scale=recipe.memory.reward_scale)
    return None


def build_session(recipe: Recipe, games: Games, seed: int) -> Session[DeepAgent]:
    """An agent of the recipe at play with `games`, before the first step."""
    rng = Rng(seed)
    return Session(build_agent(recipe, games.spec, rng), games, rng)


def build_policy(recipe: Recipe, spec: GameSpec, network: nn.Module, rng: Rng) -> NetworkPolicy:
    """The network as it plays in evaluations: a copy, without noise, that draws its chance from `rng` alone."""
    stack = recipe.memory.stack
    shape = RowShape(
        size=stack, games=spec.games, frame_shape=spec.frame_shape, frame_dtype=spec.frame_dtype, stack=stack
    )
    player = build_network(recipe, spec, rng)
    load_weights(player, network.state_dict())
    acting = Acting(network=player.eval(), epsilon=recipe.eval_epsilon, draws=rng.numpy("evaluation"))
    return NetworkPolicy(acting, RowRing(shape))
