"""The seam between the loop and whatever learns, and the agent of all deep recipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from playfield.batch import Batch
from playfield.events import Learned
from playfield.explore import Explore, choose
from playfield.learner import Learner, Update, load_weights
from playfield.memory.frames import FrameLog
from playfield.memory.memory import Memory
from playfield.memory.replay import ReplayMemory
from playfield.memory.rewards import RewardRange
from playfield.memory.rows import RowRing
from playfield.networks import chance_of
from playfield.owed import Owed
from playfield.rng import Rng
from playfield.runners import Runner, Work, eager
from playfield.types import Array, Clock, Decision, Step, Tree


class Agent(Protocol):
    """Acts, is told what came of it, and learns."""

    def act(self, step: Step, clock: Clock) -> Decision:
        """Choose an action for every game."""
        ...

    def observe(self, decision: Decision, step: Step) -> None:
        """Take note of the step that the decision led to."""
        ...

    def cut(self) -> None:
        """Take every open episode for cut off by a time limit at its newest step: the next one begins another."""
        ...

    def due_updates(self, clock: Clock) -> int:
        """Steps of learning that `learn` would take now; asking changes nothing."""
        ...

    def learn(self, clock: Clock) -> Iterable[Learned]:
        """Take the gradient steps that are due; the games may be running meanwhile.

        The steps are taken at once. What they found may still be on its way, and is waited for when it is told.
        """
        ...

    @property
    def pretraining_updates(self) -> int:
        """Steps of learning that are still to be taken before the first action."""
        ...

    def pretrain(self, clock: Clock) -> Iterable[Learned]:
        """Take one of them."""
        ...

    def observing_frames(self, clock: Clock) -> int:
        """Emulator frames for which the agent will only watch; 0 once it learns."""
        ...

    def epsilon(self, clock: Clock) -> float:
        """Probability that an action is random."""
        ...

    @property
    def updates(self) -> int:
        """Steps of learning so far."""
        ...

    def weights(self) -> Tree:
        """All that was learnt, enough to play with."""
        ...

    def learnt(self) -> Tree:
        """What learning may turn into no number: weights, and what the optimiser keeps; empty where it is told else."""
        ...

    def growing(self) -> Tree:
        """The part of the state whose rows only grow at their end, and so can be written before they must be."""
        ...

    def state(self) -> Tree: ...

    def load(self, tree: Tree) -> None: ...


class Policy(Protocol):
    """Chooses actions without learning."""

    def act(self, step: Step) -> Decision: ...


class RandomPolicy:
    """Every action equally likely."""

    def __init__(self, actions: int, draws: np.random.Generator) -> None:
        self._actions, self._draws = actions, draws

    def act(self, step: Step) -> Decision:
        games = len(step.reward)
        return Decision(action=self._draws.integers(0, self._actions, games), value=np.zeros(games, np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """How a network is turned into actions."""

    network: nn.Module
    epsilon: float
    draws: np.random.Generator


class NetworkPolicy:
    """Epsilon-greedy on a network's action values, with a frame stack of its own."""

    def __init__(self, acting: Acting, ring: RowRing) -> None:
        self._acting, self._ring = acting, ring

    def act(self, step: Step) -> Decision:
        self._ring.add(step, nothing_decided(len(step.reward)))
        mean, worth = judge(partial(judgement, self._acting.network), self._ring.newest_obs())
        epsilon = np.full(len(mean), self._acting.epsilon)
        return Decision(action=choose(mean, epsilon, self._acting.draws), value=worth)

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        """What the network saw when it last acted."""
        return self._ring.newest_obs()


class DeepAgent:
    """A network that acts and learns from a memory."""

    def __init__(
        self,
        learner: Learner,
        memory: Memory,
        explore: Explore,
        rng: Rng,
        rewards: RewardRange | None = None,
        *,
        runner: Runner = eager,
    ) -> None:
        self.learner, self.memory = learner, memory
        self._look = runner(self._judgement, chance_of(learner.network))
        self._explore, self._draws = explore, rng.numpy("explore")
        self._rewards = rewards
        self._warm_up: nn.Module | None = None
        self._owed: Owed | None = None
        imitation = learner.rule.imitation
        self._pretrain_updates = 0 if imitation is None else imitation.pretrain_updates

    def warm_up_with(self, network: nn.Module) -> None:
        """Let a given network choose greedily while this agent only observes, instead of chance."""
        self._warm_up = network

    def learn_between_episodes(self) -> None:
        """Learn only when an episode is over and the next has not begun: for a game that does not wait meanwhile."""
        self._owed = Owed()

    def act(self, step: Step, clock: Clock) -> Decision:
        """While only observing what chance or the warm-up network chooses, then what the own network does."""
        if self._owed is not None and step.last.all():
            self._owed.pay(clock, self._learn)
        obs = self.memory.newest_obs()
        if self.memory.observing_frames(clock) > 0:
            mean, worth = judge(self._look if self._warm_up is None else partial(judgement, self._warm_up), obs)
            return Decision(action=choose(mean, np.full(len(obs), self.epsilon(clock)), self._draws), value=worth)
        self._warm_up = None  # it has done its part and need not be saved any more
        mean, worth = judge(self._look, obs)
        return Decision(action=self._explore.choose(mean, self.memory.learning_frames(clock), self._draws), value=worth)

    def _judgement(self, obs: Shaped[Tensor, "G ..."]) -> Judgement:
        return judgement(self.learner.network, obs)

    def epsilon(self, clock: Clock) -> float:
        """Probability that an action is random."""
        if self.memory.observing_frames(clock) > 0:
            return 1.0 if self._warm_up is None else 0.0
        return self._explore.epsilon_at(self.memory.learning_frames(clock))

    def observe(self, decision: Decision, step: Step) -> None:
        """Remember the step.

        Raises: ValueError where a reward does not fit into the range of predicted returns.
        """
        if self._rewards is not None:
            self._rewards.check(step.reward)
        self.memory.add(step, decision)

    def cut(self) -> None:
        self.memory.cut()

    @property
    def pretraining_updates(self) -> int:
        """Updates on demonstrations alone that are still to be made; they come before all others."""
        return max(0, self._pretrain_updates - self.learner.updates)

    def pretrain(self, clock: Clock) -> Iterable[Learned]:
        if not isinstance(self.memory, ReplayMemory):
            raise ValueError("only a Replay memory holds demonstrations")
        taken = self._update(self.memory.pretraining_batch(), clock)
        self.learner.refresh_target(self._pretraining_frames())
        return _told([taken])

    def due_updates(self, clock: Clock) -> int:
        return self.memory.due(clock) if self._owed is None else self._owed.told_next

    def learn(self, clock: Clock) -> Iterable[Learned]:
        return self._learn(clock) if self._owed is None else self._owed.learn(clock)

    def _learn(self, clock: Clock) -> Iterable[Learned]:
        taken = [self._update(batch, clock) for batch in self.memory.batches(clock)]
        self.learner.refresh_target(self._pretraining_frames() + self.memory.learning_frames(clock))
        return _told(taken)

    def _update(self, batch: Batch, clock: Clock) -> _Taken:
        frames = self.memory.learning_frames(clock)
        # Before the batch's priorities are set anew.
        age = self.memory.priority_age(batch.key) if self.learner.probe_is_due else None
        update = self.learner.step(batch, frames)
        self.memory.feedback(batch.key, update.surprise)
        return _Taken(clock, self.learner.updates, update, self._explore.epsilon_at(frames), age)

    def _pretraining_frames(self) -> int:
        """What pretraining stands for where targets are copied by frames: as many as its updates would take at play."""
        if self._pretrain_updates == 0 or not isinstance(self.memory, ReplayMemory):
            return 0
        spec = self.memory.spec
        return min(self.learner.updates, self._pretrain_updates) * spec.every_frames // spec.batches

    def observing_frames(self, clock: Clock) -> int:
        return self.memory.observing_frames(clock)

    @property
    def updates(self) -> int:
        """Optimiser steps so far."""
        return self.learner.updates

    def weights(self) -> Tree:
        """Those of the network."""
        return self.learner.network.state_dict()

    def learnt(self) -> Tree:
        return self.learner.state()

    def growing(self) -> Tree:
        return {"memory": self.memory.state()}

    def rest_on(self, log: FrameLog) -> None:
        """Where frames are to lie on the disk: this log of the memory has them once they are written."""
        if isinstance(self.memory, ReplayMemory):
            self.memory.rows.rest_on(log)

    def state(self) -> Tree:
        warm_up = {} if self._warm_up is None else {"warm_up": dict(self._warm_up.state_dict())}
        owed = {} if self._owed is None else {"owed": self._owed.state()}
        return {"learner": self.learner.state(), "memory": self.memory.state(), **warm_up, **owed}

    def load(self, tree: Tree) -> None:
        if "warm_up" in tree:
            self._warm_up = deepcopy(self.learner.network).eval()
            load_weights(self._warm_up, tree["warm_up"])
        self.learner.load(tree["learner"])
        self.memory.load(tree["memory"])
        if self._owed is not None:
            self._owed.load(tree["owed"])


class _Taken(NamedTuple):
    """A gradient step that was taken, and what was known on the host when it was."""

    clock: Clock
    updates: int
    update: Update
    epsilon: float
    priority_age: float | None


def _told(taken: Sequence[_Taken]) -> Iterable[Learned]:
    """What the steps found, waited for one after the other as it is told."""
    for clock, updates, update, epsilon, age in taken:
        diagnostics = update.diagnostics
        yield Learned(
            clock=clock,
            updates=updates,
            loss=update.loss,
            grad_norm=update.grad_norm,
            mean_q=update.mean_q,
            epsilon=epsilon,
            diagnostics=diagnostics if age is None else replace(diagnostics, priority_age=age),
        )


class Judgement(NamedTuple):
    """What a network thinks of observations, on its device."""

    mean: Float[Tensor, "G A"]
    """Mean returns of all actions."""
    worth: Float[Tensor, "G"]
    """What the observations are worth."""


Look = Work[Shaped[Tensor, "G ..."], Judgement]


def judgement(network: nn.Module, obs: Shaped[Tensor, "G ..."]) -> Judgement:
    """What the network thinks of observations."""
    returns = network(obs)
    mean = returns.mean
    return Judgement(mean, returns.worth(mean))


def judge(look: Look, obs: Shaped[Tensor, "G ..."]) -> tuple[Float[Array, "G A"], Float[Array, "G"]]:
    """What a look at observations finds, outside of any gradient, on the host: it has to wait for it here, to act."""
    with torch.inference_mode():
        mean, worth = look(obs)
        return mean.cpu().numpy(), worth.cpu().numpy()


def nothing_decided(games: int) -> Decision:
    """The decision before an episode's first step: none."""
    action: Int64[Array, "G"] = np.zeros(games, np.int64)
    return Decision(action=action, value=np.zeros(games, np.float32))
