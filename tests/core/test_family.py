"""The recipes of the family against the published numbers, in the units of their sources; and what is refused.

Steps are decisions of 4 emulator frames, as the papers count them.
"""

from __future__ import annotations

import math
from dataclasses import is_dataclass
from typing import Any

import pytest

from playfield.bootstrap import Munchausen
from playfield.memory.priorities import Proportional
from playfield.recipes import RECIPES
from playfield.returns import Categorical
from playfield.settings import difference, paths

STEP = 4
TRAINING = 50_000_000  # steps

TUNED = {  # Double DQN's tuned numbers
    "explore.epsilon.end": 0.01,
    "target.every_frames": 30_000 * STEP,
}
DISTRIBUTIONAL = {"explore.epsilon.end": 0.01, "eval_epsilon": 0.001, "optimizer": "Adam", "optimizer.eps": 0.01 / 32}
DOPAMINE = {
    "protocol.name": "dopamine",
    "protocol.repeat_action_probability": 0.25,
    "protocol.noop_max": 0,
    "protocol.fire_start": False,
    "protocol.life_loss_ends_return": False,
    "explore.epsilon.end": 0.01,
    "explore.epsilon.over_frames": 250_000 * STEP,
    "memory.start_frames": 20_000 * STEP,
    "target.every_frames": 8_000 * STEP,
    "eval_epsilon": 0.001,
    "optimizer": "Adam",
}
ATOMS = {"returns": "Categorical", "returns.low": -10.0, "returns.high": 10.0, "returns.atoms": 51}
FRACTIONS = {
    "returns": "ImplicitQuantiles",
    "returns.samples": 64,
    "returns.target_samples": 64,
    "returns.acting_samples": 32,
    "returns.cosines": 64,
    "returns.first_cosine": 1,
}
NO_CHANCE = {"explore.epsilon": "Constant", "explore.epsilon.value": 0.0, "eval_epsilon": 0.0}
MUNCHAUSEN = {
    "bootstrap": "Munchausen",
    "bootstrap.alpha": 0.9,
    "bootstrap.temperature": 0.03,
    "bootstrap.low": -1.0,
    "bootstrap.log_policy": "target",
}


def proportional(alpha: float, learnt_steps: float, beta: float = 0.4) -> dict[str, Any]:
    return {
        "memory.sampler": "Proportional",
        "memory.sampler.alpha": alpha,
        "memory.sampler.beta.start": beta,
        "memory.sampler.beta.end": 1.0,
        "memory.sampler.beta.over_frames": learnt_steps * STEP,
    }


NUMBERS: dict[str, dict[str, Any]] = {
    "prioritized": {
        **TUNED,
        **proportional(0.6, TRAINING - 50_000),
        "bootstrap": "Double",
        "head.bias": "shared",
        "memory.sampler.uniform_share": 1e-3,
        "memory.sampler.draws": "independent",
        "optimizer.lr": 2.5e-4 / 4,
        "optimizer.eps": 0.01 / 32**2 / 16,
        "eval_epsilon": 0.01,
    },
    "prioritized_rank": {
        **TUNED,
        "bootstrap": "Double",
        "head.bias": "shared",
        "memory.sampler": "RankBased",
        "memory.sampler.alpha": 0.7,
        "memory.sampler.beta.start": 0.5,
        "memory.sampler.beta.end": 1.0,
        "memory.sampler.beta.over_frames": (TRAINING - 50_000) * STEP,
        "memory.sampler.sort_every": 1_000_000,
        "optimizer.lr": 2.5e-4 / 4,
        "optimizer.eps": 0.01 / 32**2 / 16,
        "eval_epsilon": 0.01,
    },
    "dueling": {
        **TUNED,
        "bootstrap": "Double",
        "head": "Dueling",
        "head.streams": "separate",
        "head.gradient_scale": 1 / math.sqrt(2),
        "optimizer.clip_norm": 10.0,
        "eval_epsilon": 0.001,
    },
    "noisy": {**NO_CHANCE, "head.layer": "Noisy", "head.layer.sigma": 0.5},
    "c51": {**DISTRIBUTIONAL, **ATOMS, "optimizer.lr": 2.5e-4},
    "rainbow": {
        **ATOMS,
        **NO_CHANCE,
        **proportional(0.5, TRAINING - 20_000),
        "bootstrap": "Double",
        "head": "Dueling",
        "head.layer": "Noisy",
        "head.layer.sigma": 0.5,
        "memory.n_step": 3,
        "memory.start_frames": 20_000 * STEP,
        "optimizer": "Adam",
        "optimizer.lr": 6.25e-5,
        "optimizer.eps": 1.5e-4,
        "optimizer.clip_norm": 10.0,
        "target.every_frames": 8_000 * STEP,
    },
    "qr_dqn": {**DISTRIBUTIONAL, "returns": "Quantiles", "returns.count": 200, "optimizer.lr": 5e-5},
    "iqn": {**DISTRIBUTIONAL, **FRACTIONS, "optimizer.lr": 5e-5},
    "m_dqn": {**DOPAMINE, **MUNCHAUSEN, "optimizer.lr": 5e-5, "optimizer.eps": 3.125e-4},
    "m_iqn": {**DOPAMINE, **MUNCHAUSEN, **FRACTIONS, "optimizer.lr": 5e-5, "optimizer.eps": 3.125e-4},
    "hl_gauss": {
        **DOPAMINE,
        "returns": "HLGauss",
        "returns.low": -10.0,
        "returns.high": 10.0,
        "returns.bins": 51,
        "returns.spread": 0.75,
        "optimizer.lr": 6.25e-5,
        "optimizer.eps": 1.5e-4,
    },
    "der": {
        **ATOMS,
        **NO_CHANCE,
        **proportional(0.5, 100_000 - 1_600),
        "bootstrap": "Double",
        "torso.layers": ((32, 5, 5), (64, 5, 5)),
        "head": "Dueling",
        "head.hidden": 256,
        "head.layer": "Noisy",
        "head.layer.sigma": 0.1,
        "memory.capacity": 100_000,
        "memory.start_frames": 1_600 * STEP,
        "memory.every_frames": STEP,
        "memory.n_step": 20,
        "optimizer": "Adam",
        "optimizer.lr": 1e-4,
        "optimizer.eps": 1.5e-4,
        "optimizer.clip_norm": 10.0,
        "target.every_frames": 2_000 * STEP,
        "frames": 100_000 * STEP,
    },
    "btr": {
        "games": 64,
        "protocol.name": "btr",
        "protocol.repeat_action_probability": 0.25,
        "protocol.noop_max": 30,
        "protocol.life_loss_ends_return": False,
        "torso": "Impala",
        "torso.widths": (32, 64, 64),
        "torso.blocks": 2,
        "torso.residual_norm": "SpectralNorm",
        "torso.residual_norm.iterations": 1,
        "torso.pool": 6,
        "head": "Dueling",
        "head.hidden": 512,
        "head.layer": "Noisy",
        "head.layer.sigma": 0.5,
        "head.gradient_scale": 1.0,
        "returns": "ImplicitQuantiles",
        "returns.samples": 8,
        "returns.target_samples": 8,
        "returns.acting_samples": 8,
        "returns.first_cosine": 0,
        "bootstrap": "Munchausen",
        "bootstrap.log_policy": "online",
        "explore.epsilon": "Exponential",
        "explore.epsilon.decay_frames": 2_000_000 * STEP,
        "explore.epsilon.until_frames": 100_000_000,
        "memory.capacity": 2**20,
        "memory.start_frames": 200_000 * STEP,
        "memory.batch": 256,
        "memory.every_frames": 64 * STEP,
        "memory.n_step": 3,
        "memory.discount": 0.997,
        "memory.sampler.alpha": 0.2,
        "memory.sampler.beta": "Constant",
        "memory.sampler.beta.value": 0.2,
        "memory.sampler.offset": 1e-6,
        "optimizer.lr": 1e-4,
        "optimizer.eps": 0.005 / 256,
        "optimizer.clip_norm": 10.0,
        "target.every_frames": 500 * 64 * STEP,
        "eval_epsilon": 0.0,
    },
    "serpent_rainbow": {
        **ATOMS,
        **proportional(0.5, 5_000_000 - 50_000),
        "protocol.frame_size": (100, 100),
        "torso.padding": (1, 0, 0),
        "head.hidden": 1024,
        "head.layer.sigma": 0.1,
        "memory.capacity": 100_000,
        "memory.every_frames": STEP,
        "memory.n_step": 3,
        "memory.reward_clip": None,
        "optimizer.lr": 6.25e-5,
        "optimizer.eps": 1.5e-4,
        "optimizer.clip_norm": 10.0,
        "frames": 5_000_000 * STEP,
    },
    "breakout_1m": {
        "torso.activation": "LeakyRelu",
        "head.activation": "LeakyRelu",
        "torso.init": "NormalInit",
        "torso.init.scale": 2.0,
        "explore.epsilon.over_frames": 1_000_000,
        "memory.reward_clip": None,
        "optimizer": "Adam",
        "optimizer.lr": 6.25e-5,
    },
    "pong_lesson": {
        "protocol.actions": ("NOOP", "RIGHT", "LEFT"),
        "explore.epsilon.end": 0.01,
        "explore.epsilon.over_frames": 200_000 * STEP,
        "memory.capacity": 10_000,
        "memory.start_frames": 10_000 * STEP,
        "memory.every_frames": STEP,
        "target.every_frames": 1_000 * STEP,
        "returns.huber": None,
        "optimizer.lr": 1e-4,
        "until_score": 18.0,
        "over_episodes": 100,
        "frames": 2_000_000 * STEP,
    },
    "gravitar_prioritized": {
        "protocol.repeat_action_probability": 0.25,
        "protocol.life_loss_ends_return": False,
        "explore.epsilon": "Exponential",
        "explore.epsilon.end": 0.01,
        "explore.epsilon.decay_frames": 30_000 * 10 * STEP,
        "memory.capacity": 50_000,
        "memory.start_frames": 10_000 * STEP,
        "memory.every_frames": 10 * STEP,
        "memory.batches": 10,
        "memory.reward_scale": 1 / 100,
        "memory.reward_clip": None,
        "memory.sampler.alpha": 0.6,
        "memory.sampler.beta.start": 0.4,
        "memory.sampler.beta.over_frames": 100_000 * 10 * STEP,
        "memory.sampler.offset": 1e-5,
        "optimizer.lr": 1e-4,
        "target.every_frames": 1_000 * STEP,
    },
}


@pytest.mark.parametrize("name", NUMBERS)
def test_the_numbers_are_the_published_ones(name: str):
    has = {path: type(v).__name__ if is_dataclass(v) else v for path, v in paths(RECIPES[name])}
    assert {path: has[path] for path in NUMBERS[name]} == {
        path: pytest.approx(value) if type(value) is float else value for path, value in NUMBERS[name].items()
    }


@pytest.mark.parametrize("name", ["noisy", "c51", "qr_dqn", "iqn", "rainbow", "m_dqn", "m_iqn", "hl_gauss"])
def test_nothing_else_departs_from_dqn(name: str):
    """Whatever is not listed above is either DQN's or follows from the choice of another class."""
    chosen = [path for path, value in NUMBERS[name].items() if isinstance(value, str)]
    for path, _, value in difference(RECIPES["dqn"], RECIPES[name]):
        owner = path.rpartition(".")[0]
        follows = value is None or any(owner == c or owner.startswith(c + ".") for c in chosen)
        assert follows or path in NUMBERS[name] or path in ("name", "about"), path


def test_actor_critic_learns_a_policy_in_the_loop_of_the_others():
    recipe = RECIPES["actor_critic"]
    assert (recipe.games, recipe.memory.steps, recipe.memory.epochs, recipe.memory.minibatches) == (16, 5, 1, 1)
    assert (recipe.memory.lambda_, recipe.memory.discount) == (1.0, 0.99)
    assert (recipe.returns.value_weight, recipe.returns.entropy_weight) == (0.5, 0.01)
    assert recipe.optimizer.clip_norm == 0.5


@pytest.mark.parametrize(
    ("recipe", "overrides", "sentence"),
    [
        ("m_dqn", ["returns=Categorical"], "use returns=ImplicitQuantiles, Quantiles, HLGauss or Expectation"),
        (
            "c51",
            ["returns.low=0", "returns.high=0.5"],
            "widen returns.low and returns.high, or lower memory.reward_clip",
        ),
        ("hl_gauss", ["returns.high=0.5"], "cannot hold a single reward of 1"),
        ("c51", ["returns.low=3", "returns.high=2"], "must lie below returns.high"),
        ("rainbow", ["eval_epsilon=0.01"], "use eval_epsilon=0"),
        ("noisy", ["eval_epsilon=0.05"], "evaluated by its mean weights"),
        ("dqn", ["returns=PolicyAndValue"], "need each other"),
        ("dqn", ["explore=Sampled"], "need each other"),
        ("dqn", ["explore=Sampled", "returns=PolicyAndValue"], "use a Rollout memory"),
        ("actor_critic", ["head=Dueling"], "use head=Plain"),
        ("actor_critic", ["returns=Expectation"], "need each other"),
        ("prioritized_rank", ["memory.sampler.alpha=1.5"], "alpha"),
        ("prioritized", ["memory.sampler.alpha=-0.1"], "alpha"),
        ("double", ["head.layer=Noisy", "eval_epsilon=0"], "use head.layer=Dense"),
    ],
)
def test_impossible_pairs_are_refused_with_what_to_do(recipe: str, overrides: list[str], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        RECIPES[recipe].with_overrides(overrides)


def test_what_was_refused_is_possible_with_what_the_sentence_says():
    assert isinstance(RECIPES["c51"].with_overrides(["returns.low=-1", "returns.high=1"]).returns, Categorical)
    assert isinstance(RECIPES["m_dqn"].with_overrides(["returns=HLGauss"]).bootstrap, Munchausen)
    assert isinstance(RECIPES["rainbow"].memory.sampler, Proportional)


def test_rainbow_is_dqn_and_ten_lines():
    changed = [path for path, _, _ in difference(RECIPES["dqn"], RECIPES["rainbow"])]
    parts = {path.split(".")[0] for path in changed} - {"name", "about", "memory"}
    remembered = {path.split(".")[1] for path in changed if path.startswith("memory.")}
    assert len(parts) + len(remembered) <= 10
