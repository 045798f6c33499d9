"""From a recipe and a game to an agent at play."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, overload

import torch
from torch import nn

from playfield.agent import Acting, DeepAgent, NetworkPolicy, Policy
from playfield.device import HOST, allow
from playfield.features.grid import Grid, GridView
from playfield.features.latents import Latents, LatentView, frame_rules, latents_from
from playfield.games.games import Games, GameSpec
from playfield.learner import Learner, LearningRule, NoTarget, load_weights
from playfield.linear.agent import LinearAgent, LinearPolicy, Parts
from playfield.linear.views import View, vector_view
from playfield.memory.demonstrated import Demonstrations
from playfield.memory.replay import Replay, ReplayMemory
from playfield.memory.rewards import RewardRange
from playfield.memory.rows import RowRing, RowShape
from playfield.networks import Chance, Draws, FractionEmbedding, ImplicitQNetwork, QNetwork, obs_shape
from playfield.recipes import AnyRecipe, LinearRecipe, Recipe
from playfield.recipes.linear_recipe import Learnt, Vector
from playfield.returns import Categorical, HLGauss, ImplicitQuantiles
from playfield.rng import Rng
from playfield.runners import Runner, runner_of
from playfield.session import Session
from playfield.types import Tree


def build_network(recipe: Recipe, spec: GameSpec, rng: Rng, device: torch.device = HOST) -> nn.Module:
    """The recipe's network for a game, freshly drawn: with the same weights on every device.

    Raises: ValueError where the recipe does not fit what the game shows.
    """
    allow(recipe.precision, device)
    draws = Draws(rng.torch("weights"), Chance(rng.torch("noise"), device))
    torso, features = recipe.torso.build(obs_shape(spec.frame_shape, recipe.memory.stack), draws)
    returns = recipe.returns
    head = recipe.head.build(features, spec.choices, returns.outputs, draws)
    if isinstance(returns, ImplicitQuantiles):
        return ImplicitQNetwork(torso, head, FractionEmbedding(returns, features, draws), returns, recipe.precision).to(
            device
        )
    return QNetwork(torso, head, len(spec.actions), returns, recipe.precision).to(device)


def build_agent(
    recipe: Recipe,
    spec: GameSpec,
    rng: Rng,
    shown: Demonstrations | None = None,
    *,
    device: torch.device = HOST,
    runner: Runner | None = None,
) -> DeepAgent:
    """An agent that has learnt nothing yet, with the demonstrations that it will learn from.

    All that it learns by lives on `device`; its work there is done by `runner`, or by what suits the device.

    Raises: ValueError where the recipe does not fit the game or the demonstrations.
    """
    runner = runner_of(device) if runner is None else runner
    network = build_network(recipe, spec, rng, device)
    target: nn.Module = network if isinstance(recipe.target, NoTarget) else deepcopy(network).requires_grad_(False)
    rule = LearningRule(
        bootstrap=recipe.bootstrap, target=recipe.target, optimizer=recipe.optimizer, imitation=recipe.imitation
    )
    learner = Learner(network, target, rule, runner=runner)
    parts = (spec.games, spec.frame_shape, spec.frame_dtype, rng.numpy("samples"))
    if isinstance(recipe.memory, Replay):
        memory = recipe.memory.build(*parts, recipe.imitation, device)
    else:
        memory = recipe.memory.build(*parts, device)
    rewards = _reward_range(recipe)
    if shown is not None:
        if not isinstance(memory, ReplayMemory):
            raise ValueError(f"{recipe.name} learns from its own newest games alone, so demonstrations cannot be given")
        if rewards is not None:
            rewards.check(shown.rows.columns["reward"][:].flatten().numpy())
        memory.demonstrate(shown)
    agent = DeepAgent(learner, memory, recipe.explore, rng, rewards, runner=runner)
    if not spec.waits:
        _require_patience(recipe, spec)
        if spec.games == 1:  # of several there is always one at play: they are learnt from meanwhile, as others are
            agent.learn_between_episodes()
    return agent


def _require_patience(recipe: Recipe, spec: GameSpec) -> None:
    """Refuse what cannot wait with its learning until an episode is over.

    Raises: ValueError with what to choose instead.
    """
    if not isinstance(recipe.memory, Replay):
        raise ValueError(
            f"{spec.name} runs in real time, where learning waits until an episode is over; {recipe.name} learns from "
            "its newest steps alone and cannot: choose a recipe with a replay memory, such as dqn_desktop"
        )


def require_demonstrations(recipe: AnyRecipe) -> None:
    """Refuse a recipe that cannot begin without demonstrations.

    Raises: ValueError with what to give.
    """
    if isinstance(recipe, Recipe) and recipe.imitation is not None and recipe.imitation.needs_demonstrations:
        raise ValueError(
            f"{recipe.name} begins by learning from demonstrations: `playfield train {recipe.name} GAME "
            "--demonstrations FOLDER` takes what `playfield record` wrote, and imitation.pretrain_updates=0 with "
            "imitation.ratio=none does without"
        )


def _reward_range(recipe: Recipe) -> RewardRange | None:
    """The limits of a raw reward, where there are any; clipped ones were compared when the recipe was made."""
    if recipe.memory.reward_clip is None and isinstance(recipe.returns, Categorical | HLGauss):
        return RewardRange(low=recipe.returns.low, high=recipe.returns.high, scale=recipe.memory.reward_scale)
    return None


def build_view(recipe: LinearRecipe, spec: GameSpec, latents: Latents | None = None) -> View:
    """The recipe's view of a game; `latents` are for whoever sees what an autoencoder has learnt.

    Raises: ValueError where the game shows nothing that it could see, or there are no latents of it.
    """
    view, shape = recipe.view, spec.frame_shape
    if isinstance(view, Vector):
        return vector_view(spec, view.ranges)
    if isinstance(view, Grid):
        if len(shape) != 3:
            raise ValueError(f"view=Grid is for pixels, and {spec.name} shows a vector")
        return GridView(view, shape)
    if latents is None:
        raise ValueError("view=Learnt needs the latents of an autoencoder: train with --features FOLDER")
    if latents.game != spec.name:
        raise ValueError(f"the features were learnt on {latents.game}, not on {spec.name}")
    if latents.autoencoder.shape != shape:
        raise ValueError(
            f"the features were learnt on frames of {latents.autoencoder.shape}; {spec.name} shows {shape}"
        )
    for name, rule in frame_rules(spec.protocol).items():
        if latents.rules.get(name) != rule:
            learnt = json.dumps(latents.rules.get(name)).replace(" ", "")
            raise ValueError(
                f"the features were learnt with {name} {learnt}, and the game is played with {json.dumps(rule)}; "
                f"give protocol.{name}={learnt.replace('null', 'none')}"
            )
    return LatentView(latents, view.change)


def build_linear_agent(recipe: LinearRecipe, spec: GameSpec, rng: Rng, latents: Latents | None = None) -> LinearAgent:
    """A linear learner that has learnt nothing yet.

    Raises: ValueError where the recipe does not fit the game.
    """
    parts = Parts(recipe.learner, recipe.encoder, recipe.policy)
    return LinearAgent(parts, build_view(recipe, spec, latents), len(spec.actions), rng.numpy("explore"))


@overload
def build_session(
    recipe: Recipe,
    games: Games,
    seed: int,
    latents: None = None,
    shown: Demonstrations | None = None,
    *,
    device: torch.device = HOST,
) -> Session[DeepAgent]: ...
@overload
def build_session(
    recipe: LinearRecipe, games: Games, seed: int, latents: Latents | None = None
) -> Session[LinearAgent]: ...
@overload
def build_session(
    recipe: AnyRecipe,
    games: Games,
    seed: int,
    latents: Latents | None = None,
    shown: Demonstrations | None = None,
    *,
    device: torch.device = HOST,
) -> Session[Any]: ...
def build_session(
    recipe: AnyRecipe,
    games: Games,
    seed: int,
    latents: Latents | None = None,
    shown: Demonstrations | None = None,
    *,
    device: torch.device = HOST,
) -> Session[Any]:
    """An agent of the recipe at play with `games`, before the first step; `shown` is what it learns from first.

    Raises: ValueError where the recipe does not fit the game, the demonstrations or the device.
    """
    rng = Rng(seed)
    spec = games.spec
    if isinstance(recipe, Recipe):
        return Session(build_agent(recipe, spec, rng, shown, device=device), games, rng)
    require_host(recipe, device)
    if shown is not None:
        raise ValueError(f"{recipe.name} is a linear learner without a memory, so demonstrations cannot be given")
    return Session(build_linear_agent(recipe, spec, rng, latents), games, rng)


def require_host(recipe: AnyRecipe, device: torch.device) -> None:
    """Refuse another device than the host where it would have nothing to do.

    Raises: ValueError.
    """
    if isinstance(recipe, LinearRecipe) and device != HOST:
        raise ValueError(
            f"{recipe.name} is a linear learner, which is compiled for the processor: use the device cpu, not {device}"
        )


def build_policy(recipe: AnyRecipe, spec: GameSpec, weights: Tree, rng: Rng, *, device: torch.device = HOST) -> Policy:
    """What plays in evaluations with an agent's weights: a copy, without noise, that draws its chance from `rng` alone.

    Raises: ValueError where the weights are of another agent, or the recipe does not fit the device.
    """
    draws = rng.numpy("evaluation")
    require_host(recipe, device)
    if isinstance(recipe, LinearRecipe):
        parts = Parts(recipe.learner, recipe.encoder, recipe.eval_policy)
        latents = latents_of(recipe, weights)
        views = [build_view(recipe, spec, latents) for _ in range(spec.games)]
        policy = LinearPolicy(parts, views, len(spec.actions), draws)
        policy.load_weights(weights)
        return policy
    stack = recipe.memory.stack
    shape = RowShape(
        size=stack,
        games=spec.games,
        frame_shape=spec.frame_shape,
        frame_dtype=spec.frame_dtype,
        stack=stack,
        device=device,
    )
    player = build_network(recipe, spec, rng, device)
    load_weights(player, weights)
    return NetworkPolicy(Acting(network=player.eval(), epsilon=recipe.eval_epsilon, draws=draws), RowRing(shape))


def latents_of(recipe: AnyRecipe, weights: Tree) -> Latents | None:
    """The latents among an agent's weights; None where it sees without.

    Raises: ValueError where they are damaged.
    """
    if not isinstance(recipe, LinearRecipe) or not isinstance(recipe.view, Learnt):
        return None
    return latents_from(weights["view"])


def check_fit(recipe: AnyRecipe, spec: GameSpec, *, shown: bool = False) -> None:
    """Find out whether a recipe can play a game, where it is `shown` demonstrations or not.

    Raises: ValueError where it cannot.
    """
    if isinstance(recipe, LinearRecipe):
        build_linear_agent(recipe, spec, Rng(0))
    else:
        if not shown:
            require_demonstrations(recipe)
        build_network(recipe, spec, Rng(0))
