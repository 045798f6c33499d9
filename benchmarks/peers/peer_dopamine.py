"""Dopamine: its own DQN and full Rainbow in JAX, its Atari environment and its memory, which packs frames.

Two things are not its own. OpenAI's baselines, which it imports for PPO alone and does not require, are an empty module
here. And JAX is of 2024, since its tensorflow-probability does not import with newer ones.
"""

# ruff: noqa: E402  (the empty modules have to be there before it is imported)
from __future__ import annotations

import sys
import types

for name in ("baselines", "baselines.common", "baselines.common.atari_wrappers"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["baselines.common"].atari_wrappers = sys.modules["baselines.common.atari_wrappers"]

import gin
import jax
import numpy as np
import optax
from dopamine.discrete_domains import atari_lib
from dopamine.jax.agents.dqn import dqn_agent
from dopamine.jax.agents.full_rainbow import full_rainbow_agent
from meter import Meter, asked, repeat

SETTINGS = """
JaxDQNAgent.gamma = 0.99
JaxDQNAgent.update_period = 4
JaxDQNAgent.epsilon_train = {epsilon}
JaxDQNAgent.epsilon_fn = @identity_epsilon
JaxDQNAgent.min_replay_history = {start}
JaxDQNAgent.update_horizon = {horizon}
JaxDQNAgent.target_update_period = {target}
JaxDQNAgent.loss_type = 'huber'
JaxFullRainbowAgent.epsilon_fn = @identity_epsilon
ReplayBuffer.batch_size = {batch}
ReplayBuffer.max_capacity = {capacity}
PrioritizedSamplingDistribution.max_capacity = {capacity}
create_optimizer.learning_rate = {rate}
create_optimizer.eps = 1.5e-4
"""
PACKAGES = ("dopamine-rl", "jax", "jaxlib", "flax", "ale-py", "gymnasium", "numpy")


def main() -> None:
    meter = Meter(asked())
    part = meter.asked.part
    rainbow = "rainbow" in part or "prioritised" in part
    PARTS[part.split("_")[0]](Loop(meter, rainbow=rainbow, epsilon=0.0 if rainbow or part == "acting" else 0.1))
    meter.report(PACKAGES)


class Loop:
    """Its runner's loop over an agent and an environment, without logs."""

    def __init__(self, meter: Meter, *, rainbow: bool, epsilon: float) -> None:
        self.meter, work = meter, meter.asked
        numbers = {"epsilon": epsilon, "start": work.start, "batch": work.batch, "capacity": work.capacity}
        rainbows = {"horizon": 3, "target": 8_000, "rate": 6.25e-5}
        nature = {"horizon": 1, "target": 10_000, "rate": 1e-4}
        gin.parse_config(SETTINGS.format(**numbers, **(rainbows if rainbow else nature)))
        self.game = atari_lib.create_atari_environment("Pong", sticky_actions=False)
        make = full_rainbow_agent.JaxFullRainbowAgent if rainbow else dqn_agent.JaxDQNAgent
        self.agent = make(num_actions=self.game.action_space.n, seed=work.seed)
        self.steps, self.action = 0, None
        meter.updates = self.updates
        meter.weights = lambda: sum(float(abs(leaf).sum()) for leaf in jax.tree.leaves(self.agent.online_params))
        self._count_samples()

    def updates(self) -> int:
        """As the optimiser itself counts them."""
        return int(optax.tree_utils.tree_get(self.agent.optimizer_state, "count"))

    def _count_samples(self) -> None:
        draw = self.agent._sample_from_replay_buffer

        def counted() -> None:
            draw()
            self.meter.samples += len(self.agent.replay_elements["state"])

        self.agent._sample_from_replay_buffer = counted

    def play(self) -> None:
        """One decision."""
        if self.action is None:
            self.action = self.agent.begin_episode(self.game.reset())
        seen, reward, ended, _ = self.game.step(self.action)
        self.steps += 1
        reward = float(np.clip(reward, -1, 1))
        if ended or self.game.game_over:
            self.agent.end_episode(reward, ended)
            self.action = None
        else:
            self.action = self.agent.step(reward, seen)

    def train(self) -> None:
        while not self.meter.tick(self.steps):
            self.play()

    def fill(self) -> None:
        while self.steps < self.meter.asked.start:
            self.play()
        if self.action is None:
            self.play()


def update(loop: Loop) -> None:
    loop.fill()
    agent = loop.agent
    agent.min_replay_history, agent.update_period = 0, 1

    def learn() -> int:
        agent._train_step()
        return 1

    repeat(loop.meter, learn)


def sample(loop: Loop) -> None:
    loop.fill()
    agent, batch = loop.agent, loop.meter.asked.batch
    surprise = np.random.default_rng(loop.meter.asked.seed).random(batch)

    def draw() -> int:
        agent._sample_from_replay_buffer()
        if "indices" in agent.replay_elements:
            agent._replay.update(agent.replay_elements["indices"], priorities=surprise)
        return 1

    repeat(loop.meter, draw)


def act(loop: Loop) -> None:
    """What its `step` does besides storing and learning."""
    loop.fill()
    agent = loop.agent

    def choose() -> int:
        agent._rng, action = dqn_agent.select_action(
            agent.network_def,
            agent.online_params,
            agent.preprocess_fn(agent.state),
            agent._rng,
            agent.num_actions,
            agent.eval_mode,
            agent.epsilon_eval,
            agent.epsilon_train,
            agent.epsilon_decay_period,
            agent.training_steps,
            agent.min_replay_history,
            agent.epsilon_fn,
        )
        np.asarray(action)
        return 1

    repeat(loop.meter, choose)


def play(loop: Loop) -> None:
    draws = np.random.default_rng(loop.meter.asked.seed)
    loop.game.reset()

    def step() -> int:
        _, _, ended, _ = loop.game.step(draws.integers(0, loop.game.action_space.n))
        if ended or loop.game.game_over:
            loop.game.reset()
        return 1

    repeat(loop.meter, step)


PARTS = {
    "dqn": Loop.train,
    "rainbow": Loop.train,
    "memory": Loop.train,
    "update": update,
    "sampling": sample,
    "acting": act,
    "emulator": play,
}

if __name__ == "__main__":
    main()
