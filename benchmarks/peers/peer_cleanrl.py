"""CleanRL's loops, restated from knowledge of them: its package on the index is of 2023 and wants other libraries.

What they do is kept: Stable-Baselines3's wrappers and memory, gymnasium's synchronous vector of one game, actions from
a network outside of `no_grad`, one Adam step every four decisions; for PQN envpool, whole-layer norms, RAdam, lambda
returns and shuffled minibatches. Logging is left out, which favours it. No line is copied.
"""

from __future__ import annotations

import envpool
import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import FrameStackObservation, GrayscaleObservation, RecordEpisodeStatistics, ResizeObservation
from meter import Meter, asked, repeat
from stable_baselines3.common import atari_wrappers
from stable_baselines3.common.buffers import ReplayBuffer
from torch import nn
from torch.nn import functional
from torch_peer import EPSILON, GAME, LEARNING_RATE, PACKAGES, TARGET_STEPS, UPDATE_STEPS, prepare, watch

GAMMA, LAMBDA = 0.99, 0.65
ROLLOUT, EPOCHS = 32, 2
"""As in our recipe `pqn` and its authors' Atari code; CleanRL's own defaults are smaller."""


def main() -> None:
    meter = Meter(asked())
    prepare(meter)
    PARTS[meter.asked.part](meter)
    meter.report(("stable-baselines3", *PACKAGES), torch_threads=torch.get_num_threads())


def one_game() -> gymnasium.Env:
    game = RecordEpisodeStatistics(gymnasium.make(GAME))
    game = atari_wrappers.NoopResetEnv(game, noop_max=30)
    game = atari_wrappers.MaxAndSkipEnv(game, skip=4)
    game = atari_wrappers.EpisodicLifeEnv(game)
    game = atari_wrappers.FireResetEnv(game)
    game = atari_wrappers.ClipRewardEnv(game)
    game = GrayscaleObservation(ResizeObservation(game, (84, 84)))
    return FrameStackObservation(game, 4)


def nature(actions: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3136, 512), nn.ReLU(),
        nn.Linear(512, actions),
    )  # fmt: skip


def normed(actions: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.LayerNorm([32, 20, 20]), nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2), nn.LayerNorm([64, 9, 9]), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1), nn.LayerNorm([64, 7, 7]), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3136, 512), nn.LayerNorm(512), nn.ReLU(),
        nn.Linear(512, actions),
    )  # fmt: skip


class Dqn:
    """The loop of `dqn_atari.py`."""

    def __init__(self, meter: Meter) -> None:
        self.meter, work = meter, meter.asked
        self.games = SyncVectorEnv([one_game] * work.games, autoreset_mode=AutoresetMode.SAME_STEP)
        spaces = self.games.single_observation_space, self.games.single_action_space
        self.actions = int(spaces[1].n)
        self.network, self.target = nature(self.actions), nature(self.actions)
        self.target.load_state_dict(self.network.state_dict())
        watch(meter, self.network)
        meter.updates = self.updates
        self.adam = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE)
        self.memory = ReplayBuffer(
            work.capacity, *spaces, "cpu", optimize_memory_usage=True, handle_timeout_termination=False
        )
        self.draws = np.random.default_rng(work.seed)
        self.seen, _ = self.games.reset(seed=work.seed)
        self.steps = 0

    def updates(self) -> int:
        """As the optimiser itself counts them."""
        state = next(iter(self.adam.state.values()), {"step": 0})
        return int(state["step"])

    def act(self, epsilon: float) -> np.ndarray:
        if self.draws.random() < epsilon:
            return np.array([self.games.single_action_space.sample() for _ in range(self.games.num_envs)])
        return torch.argmax(self.network(torch.Tensor(self.seen) / 255.0), dim=1).cpu().numpy()

    def play(self, epsilon: float) -> None:
        actions = self.act(epsilon)
        seen, rewards, ended, cut, info = self.games.step(actions)
        following = seen.copy()
        for game in np.flatnonzero(ended | cut):
            following[game] = info["final_obs"][game]
        self.memory.add(self.seen, following, actions, rewards, ended, [info])
        self.seen = seen
        self.steps += self.games.num_envs

    def learn(self) -> None:
        batch = self.memory.sample(self.meter.asked.batch)
        with torch.no_grad():
            best = self.target(batch.next_observations / 255.0).max(dim=1).values
            goal = batch.rewards.flatten() + GAMMA * best * (1 - batch.dones.flatten())
        predicted = self.network(batch.observations / 255.0).gather(1, batch.actions).squeeze()
        loss = functional.mse_loss(goal, predicted)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()

    def train(self) -> None:
        start = self.meter.asked.start
        while not self.meter.tick(self.steps):
            self.play(1.0 if self.steps < start else EPSILON)
            if self.steps > start and self.steps % UPDATE_STEPS == 0:
                self.learn()
            if self.steps % TARGET_STEPS == 0:
                self.target.load_state_dict(self.network.state_dict())


def filled(meter: Meter) -> Dqn:
    loop = Dqn(meter)
    while loop.steps < meter.asked.start:
        loop.play(1.0)
    meter.samples = 0
    return loop


def update(meter: Meter) -> None:
    loop = filled(meter)

    def learn() -> int:
        loop.learn()
        return 1

    repeat(meter, learn)


def act(meter: Meter) -> None:
    loop = filled(meter)
    repeat(meter, lambda: len(loop.act(0.0)))


class Pqn:
    """The loop of `pqn_atari_envpool.py`."""

    def __init__(self, meter: Meter) -> None:
        self.meter, work = meter, meter.asked
        self.games = envpool.make(
            "Pong-v5", env_type="gymnasium", num_envs=work.games, num_threads=work.threads, episodic_life=True,
            reward_clip=True, seed=work.seed,
        )  # fmt: skip
        self.actions = int(self.games.action_space.n)
        self.network = normed(self.actions)
        watch(meter, self.network)
        meter.updates = self.updates
        self.radam = torch.optim.RAdam(self.network.parameters(), lr=2.5e-4)
        self.draws = np.random.default_rng(work.seed)
        self.seen = torch.Tensor(self.games.reset()[0])
        self.ended = torch.zeros(work.games)
        self.steps = 0
        shape = (ROLLOUT, work.games)
        self.obs = torch.zeros(*shape, *self.seen.shape[1:])
        self.action = torch.zeros(shape, dtype=torch.int64)
        self.reward, self.over, self.value = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape)

    def updates(self) -> int:
        state = next(iter(self.radam.state.values()), {"step": 0})
        return int(state["step"])

    def rollout(self) -> bool:
        """Play a rollout; whether everything is measured meanwhile."""
        for row in range(ROLLOUT):
            if self.meter.tick(self.steps):
                return True
            self.obs[row], self.over[row] = self.seen, self.ended
            with torch.no_grad():
                q = self.network(self.seen / 255.0)
            chance = torch.from_numpy(self.draws.random(len(q)) < EPSILON)
            drawn = torch.from_numpy(self.draws.integers(0, self.actions, len(q)))
            self.action[row] = torch.where(chance, drawn, q.argmax(dim=1))
            self.value[row] = q.gather(1, self.action[row][:, None]).flatten()
            seen, reward, ended, cut, _ = self.games.step(self.action[row].numpy().astype(np.int32))
            self.reward[row] = torch.from_numpy(reward)
            self.seen, self.ended = torch.Tensor(seen), torch.Tensor(ended | cut)
            self.steps += len(q)
        return False

    def returns(self) -> torch.Tensor:
        with torch.no_grad():
            returns = torch.zeros_like(self.reward)
            following = self.network(self.seen / 255.0).max(dim=1).values
            returns[-1] = self.reward[-1] + GAMMA * following * (1 - self.ended)
            for row in reversed(range(ROLLOUT - 1)):
                goes_on = 1 - self.over[row + 1]
                mixed = LAMBDA * returns[row + 1] + (1 - LAMBDA) * self.value[row + 1]
                returns[row] = self.reward[row] + GAMMA * goes_on * mixed
        return returns

    def learn(self) -> None:
        obs, action, goal = self.obs.flatten(0, 1), self.action.flatten(), self.returns().flatten()
        for _ in range(EPOCHS):
            for part in np.array_split(self.draws.permutation(len(goal)), len(goal) // self.meter.asked.batch):
                predicted = self.network(obs[part] / 255.0).gather(1, action[part][:, None]).squeeze()
                loss = functional.mse_loss(goal[part], predicted)
                self.radam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
                self.radam.step()

    def train(self) -> None:
        while not self.rollout():
            self.learn()


PARTS = {
    "dqn": lambda meter: Dqn(meter).train(),
    "memory": lambda meter: Dqn(meter).train(),
    "pqn": lambda meter: Pqn(meter).train(),
    "update": update,
    "acting": act,
}

if __name__ == "__main__":
    main()
