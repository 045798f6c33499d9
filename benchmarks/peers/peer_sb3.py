"""Stable-Baselines3: its own DQN, environments and memory.

`memory_compact` is with `optimize_memory_usage`, which
stores frames once instead of twice (and both times in stacks of four).
"""

from __future__ import annotations

import numpy as np
import torch
from meter import Meter, asked, repeat
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack
from torch_peer import EPSILON, GAME, LEARNING_RATE, PACKAGES, TARGET_STEPS, UPDATE_STEPS, prepare, watch

MANY = 10


class Watch(BaseCallback):
    """Stops when all is measured."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def _on_step(self) -> bool:
        return not self._meter.tick(self.num_timesteps)


def main() -> None:
    meter = Meter(asked())
    prepare(meter)
    PARTS[meter.asked.part](meter)
    meter.report(("stable-baselines3", *PACKAGES), torch_threads=torch.get_num_threads())


def environment(meter: Meter) -> VecEnv:
    return VecFrameStack(make_atari_env(GAME, n_envs=meter.asked.games, seed=meter.asked.seed), n_stack=4)


def agent_of(meter: Meter, *, compact: bool = False, epsilon: float = EPSILON) -> DQN:
    work = meter.asked
    agent = DQN(
        "CnnPolicy",
        environment(meter),
        learning_rate=LEARNING_RATE,
        buffer_size=work.capacity,
        learning_starts=work.start,
        batch_size=work.batch,
        train_freq=UPDATE_STEPS,
        gradient_steps=1,
        target_update_interval=TARGET_STEPS,
        exploration_initial_eps=epsilon,
        exploration_final_eps=epsilon,
        optimize_memory_usage=compact,
        replay_buffer_kwargs={"handle_timeout_termination": False} if compact else None,
        device="cpu",
        seed=work.seed,
    )
    torch.set_num_threads(work.threads)
    watch(meter, agent.q_net)
    meter.updates = lambda: agent._n_updates
    return agent


def train(meter: Meter, *, compact: bool = False) -> None:
    agent_of(meter, compact=compact).learn(10**9, callback=Watch(meter))


def filled(meter: Meter, *, epsilon: float = EPSILON) -> DQN:
    """An agent whose memory was filled by chance."""
    agent = agent_of(meter, epsilon=epsilon)
    return agent.learn(meter.asked.start)


def update(meter: Meter) -> None:
    agent = filled(meter)

    def learn() -> int:
        agent.train(MANY, meter.asked.batch)
        return MANY

    repeat(meter, learn)


def sample(meter: Meter) -> None:
    memory = filled(meter).replay_buffer
    assert memory is not None

    def draw() -> int:
        meter.samples += len(memory.sample(meter.asked.batch).observations)
        return 1

    repeat(meter, draw)


def act(meter: Meter) -> None:
    agent = filled(meter, epsilon=0.0)
    seen = agent._last_obs
    repeat(meter, lambda: len(agent.predict(seen, deterministic=False)[0]))


def play(meter: Meter) -> None:
    games = environment(meter)
    games.reset()
    draws, actions = np.random.default_rng(meter.asked.seed), games.action_space.n

    def step() -> int:
        games.step(draws.integers(0, actions, meter.asked.games))
        return meter.asked.games

    repeat(meter, step)


PARTS = {
    "dqn": train,
    "memory": train,
    "memory_compact": lambda meter: train(meter, compact=True),
    "update": update,
    "sampling": sample,
    "acting": act,
    "emulator": play,
}

if __name__ == "__main__":
    main()
