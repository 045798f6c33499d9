"""Tianshou: its own DQN and Rainbow with its Atari networks, its trainer and collector, its memory, and envpool.

Its memory stores every frame once, as its Atari examples do. Its own Atari wrapper fails with numpy 2.3 and 2.4
("Converting 'np.integer' to a dtype is not allowed"); envpool, which it prefers where there is one, does without.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from meter import Meter, asked, repeat
from tianshou.algorithm import DQN, RainbowDQN
from tianshou.algorithm.modelfree.c51 import C51Policy
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, PrioritizedVectorReplayBuffer, VectorReplayBuffer
from tianshou.env.atari.atari_network import DQNet, RainbowNet, ScaledObsInputActionReprNet
from tianshou.env.atari.atari_wrapper import AtariEnvFactory
from tianshou.highlevel.env import EnvMode
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.torch_utils import policy_within_training_step
from torch_peer import EPSILON, GAME, LEARNING_RATE, PACKAGES, TARGET_STEPS, UPDATE_STEPS, prepare, watch

RAINBOW_TARGET_STEPS = 8_000
SHAPE = {"c": 4, "h": 84, "w": 84}


class Measured(Exception):
    """Everything is; the trainer has no gentler way to be stopped."""


class Parts:
    """Environment, algorithm, memory and collector of one work."""

    def __init__(self, meter: Meter, *, rainbow: bool) -> None:
        self.meter, work = meter, meter.asked
        self.games = AtariEnvFactory(GAME, frame_stack=4).create_venv(work.games, EnvMode.TRAINING, seed=work.seed)
        space = self.games.action_space
        self.actions = int(space.n)
        self.algorithm = rainbow_of(space) if rainbow else dqn_of(space)
        watch(meter, self.algorithm.policy.model)
        meter.updates = lambda: self.algorithm._iter
        kept = {"ignore_obs_next": True, "save_only_last_obs": True, "stack_num": 4}
        if rainbow:
            memory = PrioritizedVectorReplayBuffer(work.capacity, buffer_num=work.games, alpha=0.5, beta=0.4, **kept)
        else:
            memory = VectorReplayBuffer(work.capacity, buffer_num=work.games, **kept)
        self.memory = memory
        self.collector = Collector(self.algorithm, self.games, memory, exploration_noise=True)
        self.collector.reset()

    def fill(self) -> None:
        """Play at random until learning begins, noting the memory on the way."""
        start = self.meter.asked.start
        for steps in (start // 2, start):
            self.collector.collect(n_step=steps - self.collector.collect_step, random=True)
            self.meter.note(steps)

    def train(self) -> None:
        self.fill()
        start = self.meter.asked.start

        def look(_epoch: int, steps: int) -> None:
            if self.meter.tick(start + steps):
                raise Measured

        params = OffPolicyTrainerParams(
            training_collector=self.collector,
            max_epochs=1,
            epoch_num_steps=10**8,
            collection_step_num_env_steps=UPDATE_STEPS,
            update_step_num_gradient_steps_per_sample=1 / UPDATE_STEPS,
            batch_size=self.meter.asked.batch,
            training_fn=look,
            verbose=False,
            show_progress=False,
        )
        with suppress(Measured):
            self.algorithm.run_training(params)


def dqn_of(space: object) -> DQN:
    actions = int(space.n)
    network = ScaledObsInputActionReprNet(DQNet(**SHAPE, action_shape=actions))
    policy = DiscreteQLearningPolicy(model=network, action_space=space, eps_training=EPSILON)
    return DQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=LEARNING_RATE),
        target_update_freq=TARGET_STEPS // UPDATE_STEPS,
        is_double=False,
    )


def rainbow_of(space: object) -> RainbowDQN:
    actions = int(space.n)
    network = ScaledObsInputActionReprNet(RainbowNet(**SHAPE, action_shape=[actions], noisy_std=0.5))
    policy = C51Policy(model=network, action_space=space, num_atoms=51, v_min=-10.0, v_max=10.0)
    return RainbowDQN(
        policy=policy,
        optim=AdamOptimizerFactory(lr=6.25e-5, eps=1.5e-4),
        n_step_return_horizon=3,
        target_update_freq=RAINBOW_TARGET_STEPS // UPDATE_STEPS,
    )


def main() -> None:
    meter = Meter(asked())
    prepare(meter)
    name = meter.asked.part
    rainbow = "rainbow" in name or "prioritised" in name
    PARTS[name.split("_")[0]](Parts(meter, rainbow=rainbow))
    meter.report(("tianshou", *PACKAGES), torch_threads=torch.get_num_threads())


def update(parts: Parts) -> None:
    parts.fill()
    work = parts.meter.asked

    def learn() -> int:
        with policy_within_training_step(parts.algorithm.policy):
            parts.algorithm.update(sample_size=work.batch, buffer=parts.memory)
        return 1

    repeat(parts.meter, learn)


def sample(parts: Parts) -> None:
    parts.fill()
    work, memory = parts.meter.asked, parts.memory
    surprise = np.random.default_rng(work.seed).random(work.batch)

    def draw() -> int:
        batch, places = memory.sample(work.batch)
        if isinstance(memory, PrioritizedVectorReplayBuffer):
            memory.update_weight(places, surprise)
        parts.meter.samples += len(batch.obs)
        return 1

    repeat(parts.meter, draw)


def act(parts: Parts) -> None:
    parts.fill()
    policy, seen = parts.algorithm.policy, parts.memory[parts.memory.last_index].obs
    policy.set_eps_training(0.0)

    def choose() -> int:
        with torch.no_grad():
            given = Batch(obs=seen, info=[None] * len(seen))
            return len(policy.add_exploration_noise(policy(given).act, given))

    repeat(parts.meter, choose)


def play(parts: Parts) -> None:
    draws, work = np.random.default_rng(parts.meter.asked.seed), parts.meter.asked
    parts.games.reset()

    def step() -> int:
        parts.games.step(draws.integers(0, parts.actions, work.games))
        return work.games

    repeat(parts.meter, step)


PARTS = {
    "dqn": Parts.train,
    "rainbow": Parts.train,
    "memory": Parts.train,
    "update": update,
    "sampling": sample,
    "acting": act,
    "emulator": play,
}

if __name__ == "__main__":
    main()
