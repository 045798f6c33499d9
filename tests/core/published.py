"""Every setting of every recipe as its source has it, in the units of the source: written by hand, never computed.

`DQN` holds all settings of dqn, `DEPARTURES` all that other recipes have instead: None where a setting is none, or gone
because another class was chosen. Steps are decisions of 4 emulator frames, as the papers count them.
"""

from __future__ import annotations

import math
from typing import Any

STEP = 4
TRAINING = 50_000_000  # steps

DQN: dict[str, Any] = {
    "games": 1,
    "protocol": "AtariProtocol",
    "protocol.name": "nature",
    "protocol.repeat_action_probability": 0.0,
    "protocol.noop_max": 30,
    "protocol.fire_start": True,
    "protocol.life_loss_ends_return": True,
    "protocol.full_action_set": False,
    "protocol.actions": None,
    "protocol.frame_skip": 4,
    "protocol.max_frames": 108_000,
    "protocol.frame_size": (84, 84),
    "protocol.crop": None,
    "torso": "Conv",
    "torso.layers": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "torso.padding": (),
    "torso.norm": "NoNorm",
    "torso.activation": "Relu",
    "torso.init": "UniformInit",
    "head": "Plain",
    "head.hidden": 512,
    "head.layer": "Dense",
    "head.norm": "NoNorm",
    "head.activation": "Relu",
    "head.init": "UniformInit",
    "head.output_init": "UniformInit",
    "head.bias": "each",
    "returns": "Expectation",
    "returns.huber": 1.0,
    "bootstrap": "Greedy",
    "explore": "EpsilonGreedy",
    "explore.epsilon": "Linear",
    "explore.epsilon.start": 1.0,
    "explore.epsilon.end": 0.1,
    "explore.epsilon.over_frames": 1_000_000 * STEP,
    "memory": "Replay",
    "memory.capacity": 1_000_000,
    "memory.start_frames": 50_000 * STEP,
    "memory.batch": 32,
    "memory.every_frames": 4 * STEP,
    "memory.batches": 1,
    "memory.sampler": "Uniform",
    "memory.store": "Raw",
    "precision": "float32",
    "memory.n_step": 1,
    "memory.discount": 0.99,
    "memory.stack": 4,
    "memory.reward_scale": 1.0,
    "memory.reward_clip": 1.0,
    "optimizer": "RMSProp",
    "optimizer.lr": 2.5e-4,
    "optimizer.decay": 0.95,
    "optimizer.eps": 0.01 / 32**2,
    "optimizer.clip_norm": None,
    "target": "Copy",
    "target.every_frames": 10_000 * STEP,
    "eval_epsilon": 0.05,
    "frames": TRAINING * STEP,
    "until_score": None,
    "over_episodes": 30,
}


def gone(*paths: str) -> dict[str, None]:
    return dict.fromkeys(paths)


def adam(lr: float, eps: float) -> dict[str, Any]:
    return {"optimizer": "Adam", "optimizer.lr": lr, "optimizer.eps": eps, **gone("optimizer.decay")}


def proportional(alpha: float, learnt_steps: int, **others: Any) -> dict[str, Any]:
    """Beta rises from 0.4 to 1 while steps are learnt from."""
    return {
        "memory.sampler": "Proportional",
        "memory.sampler.alpha": alpha,
        "memory.sampler.beta": "Linear",
        "memory.sampler.beta.start": 0.4,
        "memory.sampler.beta.end": 1.0,
        "memory.sampler.beta.over_frames": learnt_steps * STEP,
        "memory.sampler.offset": 0.0,
        "memory.sampler.uniform_share": 0.0,
        "memory.sampler.draws": "stratified",
        "memory.sampler.weights": "batch",
        **{f"memory.sampler.{name}": value for name, value in others.items()},
    }


def init(kind: str, *places: str, **settings: float) -> dict[str, Any]:
    chosen = {f"{place}init": kind for place in places}
    return {**chosen, **{f"{place}init.{name}": value for place in places for name, value in settings.items()}}


def norm(over: str, eps: float) -> dict[str, Any]:
    return {"torso.norm": "LayerNorm", "torso.norm.over": over, "torso.norm.eps": eps} | {
        "head.norm": "LayerNorm",
        "head.norm.over": "map",  # the same for vectors
        "head.norm.eps": eps,
    }


def rollout(steps: int, epochs: int, minibatches: int, lambda_: float, pace: str = "at_once") -> dict[str, Any]:
    """Whole returns, so nothing is bootstrapped and no target network is needed; discount, stack and clip are DQN's."""
    return {
        "memory": "Rollout",
        "memory.steps": steps,
        "memory.epochs": epochs,
        "memory.minibatches": minibatches,
        "memory.lambda_": lambda_,
        "memory.pace": pace,
        **gone("memory.capacity", "memory.start_frames", "memory.batch", "memory.every_frames", "memory.batches"),
        **gone("memory.sampler", "memory.store", "memory.n_step", "target.every_frames"),
        "bootstrap": "Settled",
        "target": "NoTarget",
        "eval_epsilon": 0.0,
    }


TUNED = {  # Double DQN's tuned numbers
    "bootstrap": "Double",
    "explore.epsilon.end": 0.01,
    "target.every_frames": 30_000 * STEP,
}
QUARTER = {"optimizer.lr": 2.5e-4 / 4, "optimizer.eps": 0.01 / 32**2 / 16}  # a quarter of the step, with priorities
DUELING = {"head": "Dueling", "head.streams": "separate", **gone("head.activation", "head.bias")}
NO_EPSILON = gone("explore.epsilon.start", "explore.epsilon.end", "explore.epsilon.over_frames")
NO_CHANCE = {**NO_EPSILON, "explore.epsilon": "Constant", "explore.epsilon.value": 0.0, "eval_epsilon": 0.0}
ATOMS = {
    "returns": "Categorical",
    "returns.low": -10.0,
    "returns.high": 10.0,
    "returns.atoms": 51,
    "returns.huber": None,
}
DISTRIBUTIONAL = {"explore.epsilon.end": 0.01, "eval_epsilon": 0.001}
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
}
MUNCHAUSEN = {
    "bootstrap": "Munchausen",
    "bootstrap.alpha": 0.9,
    "bootstrap.temperature": 0.03,
    "bootstrap.low": -1.0,
    "bootstrap.log_policy": "target",
}


def fractions(count: int, acting: int, first_cosine: int) -> dict[str, Any]:
    return {
        "returns": "ImplicitQuantiles",
        "returns.samples": count,
        "returns.target_samples": count,
        "returns.acting_samples": acting,
        "returns.cosines": 64,
        "returns.first_cosine": first_cosine,
    }


def noisy_dueling(hidden: int, sigma: float) -> dict[str, Any]:
    """The gradient into the torso is scaled in Wang et al. (2016) only."""
    return {
        **DUELING,
        "head.hidden": hidden,
        "head.layer": "Noisy",
        "head.layer.sigma": sigma,
        "head.gradient_scale": 1.0,
    }


def rainbow(sigma: float, hidden: int = 512) -> dict[str, Any]:
    """What all Rainbows share."""
    return {**noisy_dueling(hidden, sigma), **ATOMS, **NO_CHANCE, "bootstrap": "Double", "optimizer.clip_norm": 10.0}


DEPARTURES: dict[str, dict[str, Any]] = {
    "dqn": {},
    "dqn_adam": {
        **DOPAMINE,
        **adam(lr=6.25e-5, eps=1.5e-4 / 2),  # the published loss has no 1/2: half the gradient, half the eps
        "returns.huber": None,
    },
    "double": {**TUNED, "head.bias": "shared", "eval_epsilon": 0.001},
    "prioritized": {
        **TUNED,
        **QUARTER,
        **proportional(0.6, TRAINING - 50_000, uniform_share=1e-3, draws="independent"),
        "head.bias": "shared",
        "eval_epsilon": 0.01,
    },
    "prioritized_rank": {
        **TUNED,
        **QUARTER,
        "head.bias": "shared",
        "memory.sampler": "RankBased",
        "memory.sampler.alpha": 0.7,
        "memory.sampler.beta": "Linear",
        "memory.sampler.beta.start": 0.5,
        "memory.sampler.beta.end": 1.0,
        "memory.sampler.beta.over_frames": (TRAINING - 50_000) * STEP,
        "memory.sampler.draws": "stratified",
        "memory.sampler.weights": "batch",
        "memory.sampler.sort_every": 1_000_000,
        "eval_epsilon": 0.01,
    },
    "dueling": {
        **TUNED,
        **DUELING,
        "head.gradient_scale": 1 / math.sqrt(2),
        "optimizer.clip_norm": 10.0,
        "eval_epsilon": 0.001,
    },
    "noisy": {**NO_CHANCE, "head.layer": "Noisy", "head.layer.sigma": 0.5},
    "c51": {**DISTRIBUTIONAL, **ATOMS, **adam(lr=2.5e-4, eps=0.01 / 32)},
    "rainbow": {
        **rainbow(sigma=0.5),
        **proportional(0.5, TRAINING - 20_000),
        **adam(lr=6.25e-5, eps=1.5e-4),
        "memory.n_step": 3,
        "memory.start_frames": 20_000 * STEP,
        "target.every_frames": 8_000 * STEP,
    },
    "qr_dqn": {**DISTRIBUTIONAL, **adam(lr=5e-5, eps=0.01 / 32), "returns": "Quantiles", "returns.count": 200},
    "iqn": {**DISTRIBUTIONAL, **fractions(64, acting=32, first_cosine=1), **adam(lr=5e-5, eps=0.01 / 32)},
    "m_dqn": {**DOPAMINE, **MUNCHAUSEN, **adam(lr=5e-5, eps=3.125e-4)},
    "m_iqn": {
        **DOPAMINE,
        **MUNCHAUSEN,
        **fractions(64, acting=32, first_cosine=1),
        **adam(lr=5e-5, eps=3.125e-4),
    },
    "hl_gauss": {  # Farebrother et al. (2024), on Dopamine's Adam
        **DOPAMINE,
        **adam(lr=6.25e-5, eps=1.5e-4),
        "returns": "HLGauss",
        "returns.low": -10.0,
        "returns.high": 10.0,
        "returns.bins": 51,
        "returns.spread": 0.75,
        "returns.huber": None,
    },
    "der": {
        **rainbow(sigma=0.1, hidden=256),
        **proportional(0.5, 100_000 - 1_600),
        **adam(lr=1e-4, eps=1.5e-4),
        "torso.layers": ((32, 5, 5), (64, 5, 5)),
        "memory.capacity": 100_000,
        "memory.start_frames": 1_600 * STEP,
        "memory.every_frames": STEP,
        "memory.n_step": 20,
        "target.every_frames": 2_000 * STEP,
        "frames": 100_000 * STEP,
    },
    "dqfd": {
        **DUELING,
        **proportional(0.4, TRAINING, offset=0.001),
        **adam(lr=6.25e-5, eps=1.5e-4),
        **NO_EPSILON,
        "head.gradient_scale": 1 / math.sqrt(2),
        "bootstrap": "Double",
        "explore.epsilon": "Constant",
        "explore.epsilon.value": 0.01,
        "memory.start_frames": 0,
        "memory.sampler.beta.start": 0.6,
        "memory.sampler.beta.over_frames": 200_000_000,
        "target.every_frames": 10_000 * 4 * STEP,
        "eval_epsilon": 0.01,
        "imitation": "Imitation",
        "imitation.pretrain_updates": 750_000,
        "imitation.margin": 0.8,
        "imitation.margin_weight": 1.0,
        "imitation.n_step": 10,
        "imitation.n_step_weight": 1.0,
        "imitation.l2_weight": 1e-5,
        "imitation.bonus": 1.0 - 0.001,
    },
    "pqn": {
        **rollout(steps=32, epochs=2, minibatches=32, lambda_=0.65),
        **norm(over="channels", eps=1e-6),
        **init("NormalInit", "torso.", "head.", scale=2.0),
        **init("NormalInit", "head.output_", scale=1.0),
        "games": 128,
        "returns.huber": None,
        "explore.epsilon.end": 0.001,
        "explore.epsilon.over_frames": 5_000_000 * STEP,
        "optimizer": "RAdam",
        "optimizer.lr": 2.5e-4,
        "optimizer.eps": 1e-8,
        "optimizer.clip_norm": 10.0,
        **gone("optimizer.decay"),
    },
    "btr": {
        **noisy_dueling(hidden=512, sigma=0.5),
        **fractions(8, acting=8, first_cosine=0),
        **MUNCHAUSEN,
        **adam(lr=1e-4, eps=0.005 / 256),
        "bootstrap.log_policy": "online",
        "games": 64,
        "protocol.name": "btr",
        "protocol.repeat_action_probability": 0.25,
        "protocol.fire_start": False,
        "protocol.life_loss_ends_return": False,
        "torso": "Impala",
        "torso.widths": (32, 64, 64),
        "torso.blocks": 2,
        "torso.residual_norm": "SpectralNorm",
        "torso.residual_norm.iterations": 1,
        "torso.pool": 6,
        **gone("torso.layers", "torso.padding", "torso.norm", "torso.activation"),
        "explore.epsilon": "Exponential",
        "explore.epsilon.end": 0.01,
        "explore.epsilon.decay_frames": 2_000_000 * STEP,
        "explore.epsilon.until_frames": 100_000_000,
        **gone("explore.epsilon.over_frames"),
        "memory.capacity": 2**20,
        "memory.start_frames": 200_000 * STEP,
        "memory.batch": 256,
        "memory.every_frames": 64 * STEP,
        "memory.n_step": 3,
        "memory.discount": 0.997,
        "memory.sampler": "Proportional",
        "memory.sampler.alpha": 0.2,
        "memory.sampler.beta": "Constant",
        "memory.sampler.beta.value": 0.2,
        "memory.sampler.offset": 1e-6,
        "memory.sampler.uniform_share": 0.0,
        "memory.sampler.draws": "stratified",
        "memory.sampler.weights": "batch",
        "optimizer.clip_norm": 10.0,
        "target.every_frames": 500 * 64 * STEP,
        "eval_epsilon": 0.0,  # the authors play 1% of their evaluations at random
    },
    "actor_critic": {  # OpenAI Baselines' A2C, with Adam
        **rollout(steps=5, epochs=1, minibatches=1, lambda_=1.0),
        **init("OrthogonalInit", "torso.", "head.", gain=math.sqrt(2)),
        **init("OrthogonalInit", "head.output_", gain=0.01),
        **adam(lr=7e-4, eps=1e-5),
        "optimizer.lr": "Linear",
        "optimizer.lr.start": 7e-4,
        "optimizer.lr.end": 0.0,
        "optimizer.lr.over_frames": TRAINING * STEP,
        "optimizer.clip_norm": 0.5,
        "games": 16,
        "returns": "PolicyAndValue",
        "returns.value_weight": 0.5,
        "returns.entropy_weight": 0.01,
        "explore": "Sampled",
        **NO_EPSILON,
        **gone("explore.epsilon", "returns.huber"),
    },
    "serpent_rainbow": {
        **rainbow(sigma=0.1, hidden=1024),
        **proportional(0.5, 5_000_000 - 50_000),
        **adam(lr=6.25e-5, eps=1.5e-4),
        "protocol.frame_size": (100, 100),
        "torso.padding": (1, 0, 0),
        "memory.capacity": 100_000,
        "memory.every_frames": STEP,
        "memory.n_step": 3,
        "memory.reward_clip": None,
        "frames": 5_000_000 * STEP,
    },
    "breakout_1m": {
        **init("NormalInit", "torso.", "head.", "head.output_", scale=2.0),
        **adam(lr=6.25e-5, eps=1e-7),  # TensorFlow's eps and slope, where the project names none
        "torso.activation": "LeakyRelu",
        "torso.activation.slope": 0.2,
        "head.activation": "LeakyRelu",
        "head.activation.slope": 0.2,
        "explore.epsilon.over_frames": 1_000_000,
        "memory.reward_clip": None,
    },
    "pong_lesson": {
        **adam(lr=1e-4, eps=1e-7),
        "protocol.actions": ("NOOP", "RIGHT", "LEFT"),
        "returns.huber": None,
        "explore.epsilon.end": 0.01,
        "explore.epsilon.over_frames": 200_000 * STEP,
        "memory.capacity": 10_000,
        "memory.start_frames": 10_000 * STEP,
        "memory.every_frames": STEP,
        "memory.stack": 2,  # the lesson's single frame shows no movement
        "target.every_frames": 1_000 * STEP,
        "eval_epsilon": 0.01,
        "until_score": 18.0,
        "over_episodes": 100,
        "frames": 2_000_000 * STEP,
    },
    "gravitar_prioritized": {
        **proportional(0.6, 100_000 * 10, offset=1e-5, draws="independent"),
        **adam(lr=1e-4, eps=1e-8),
        "protocol.name": "gravitar",
        "protocol.repeat_action_probability": 0.25,
        "protocol.life_loss_ends_return": False,
        "explore.epsilon": "Exponential",
        "explore.epsilon.end": 0.01,
        "explore.epsilon.decay_frames": 30_000 * 10 * STEP,
        **gone("explore.epsilon.over_frames"),
        "memory.capacity": 50_000,
        "memory.start_frames": 10_000 * STEP,
        "memory.every_frames": 10 * STEP,
        "memory.batches": 10,
        "memory.reward_scale": 1 / 100,
        "memory.reward_clip": None,
        "target.every_frames": 1_000 * STEP,
        "eval_epsilon": 0.01,
        "frames": 10_000_000 * STEP,
    },
    "pong_laptop": {  # ours, as measured
        **rollout(steps=32, epochs=3, minibatches=16, lambda_=0.8, pace="spread"),
        **norm(over="map", eps=1e-5),
        **init("OrthogonalInit", "torso.", "head.", gain=math.sqrt(2)),
        **init("OrthogonalInit", "head.output_", gain=1.0),
        "games": 32,
        "protocol.frame_size": (42, 42),
        "torso.layers": ((16, 6, 3), (32, 3, 2), (32, 3, 1)),
        "head.hidden": 128,
        "returns.huber": None,
        "explore.epsilon": "Piecewise",
        "explore.epsilon.points": ((0.0, 1.0), (800_000.0, 0.01), (2_400_000.0, 0.001)),
        **NO_EPSILON,
        "optimizer": "RAdam",
        "optimizer.lr": "Linear",
        "optimizer.lr.start": 5e-4,
        "optimizer.lr.end": 5e-5,
        "optimizer.lr.over_frames": 2_200_000,
        "optimizer.eps": 1e-8,
        "optimizer.clip_norm": 10.0,
        **gone("optimizer.decay"),
        "frames": 8_000_000,
    },
    "dqn_classic": {  # CleanRL's; a step of these games is one frame
        **adam(lr=2.5e-4, eps=1e-8),
        "torso": "Mlp",
        "torso.hidden": (120,),
        "head.hidden": 84,
        "returns.huber": None,
        "explore.epsilon.end": 0.05,
        "explore.epsilon.over_frames": 250_000,
        "memory.capacity": 10_000,
        "memory.start_frames": 10_000,
        "memory.batch": 128,
        "memory.every_frames": 10,
        "memory.stack": 1,
        "memory.reward_clip": None,
        "target.every_frames": 500,
        "eval_epsilon": 0.0,
        "frames": 500_000,
        **gone("torso.layers", "torso.padding", "torso.activation"),
    },
    "dqn_desktop": {  # ours
        **adam(lr=1e-3, eps=1e-8),
        "optimizer.lr": "Linear",
        "optimizer.lr.start": 1e-3,
        "optimizer.lr.end": 2e-4,
        "optimizer.lr.over_frames": 12_000,
        "games": 2,
        "torso.layers": ((16, 4, 2), (32, 3, 2)),
        "head.hidden": 128,
        "bootstrap": "Double",
        "explore.epsilon.end": 0.02,
        "explore.epsilon.over_frames": 2_000,
        "memory.capacity": 20_000,
        "memory.start_frames": 400,
        "memory.every_frames": 2,
        "memory.n_step": 4,
        "memory.discount": 0.95,
        "memory.stack": 2,
        "target.every_frames": 400,
        "eval_epsilon": 0.0,
        "frames": 12_000,
    },
    "der_desktop": {  # ours; der with the torso, stack and horizon of small pictures, an update at each frame
        **rainbow(sigma=0.1, hidden=128),
        **proportional(0.5, 100_000 - 1_600),
        **adam(lr=2.5e-4, eps=1.5e-4),
        "games": 2,
        "torso.layers": ((24, 4, 2), (32, 3, 2), (32, 3, 2)),
        "memory.capacity": 100_000,
        "memory.start_frames": 1_600,
        "memory.every_frames": 1,
        "memory.n_step": 10,
        "memory.discount": 0.97,
        "memory.stack": 2,
        "target.every_frames": 1_000,
        "frames": 45_000,
    },
    "dqn_toy": {  # ours
        **adam(lr=1e-3, eps=1e-8),
        "games": 8,
        "torso": "Mlp",
        "torso.hidden": (64,),
        "head.hidden": 64,
        "bootstrap": "Double",
        "explore.epsilon.end": 0.05,
        "explore.epsilon.over_frames": 10_000,
        "memory.capacity": 20_000,
        "memory.start_frames": 1_000,
        "memory.every_frames": 8,
        "memory.n_step": 3,
        "memory.discount": 0.97,
        "memory.stack": 2,
        "memory.reward_clip": None,
        "target.every_frames": 500,
        "eval_epsilon": 0.0,
        "frames": 50_000,
        **gone("torso.layers", "torso.padding", "torso.activation"),
    },
}
