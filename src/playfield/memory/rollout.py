"""The memory of PQN: a few steps of many games, learnt from several times, then forgotten.

Life of a rollout of T steps. Row b+T of one rollout is row b of the next, so no transition is lost:

    rows b .. b+T played      values of rows b+1 .. b+T were recorded when the agent acted on them
    row b+T+1 arrives         the value of row b+T is known: λ-returns are settled, minibatches are drawn
    learnt from               at once, or spread over the T steps in which the next rollout is played
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Batch
from playfield.device import HOST, sent
from playfield.memory.frames import Raw
from playfield.memory.rewards import CLIP_HELP, SCALE_HELP, check_rewards, learnt_reward
from playfield.memory.rows import RowRing, RowShape
from playfield.multistep import lambda_returns
from playfield.settings import setting
from playfield.types import Clock, Decision, Step, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Learn from the newest rollout only, with λ-returns as targets.

    Source: PQN (Gallici et al., 2024).
    Neutral: lambda_=0 gives one-step targets; epochs=1 learns from each transition once.
    """

    steps: int = setting(32, "decisions in one rollout, for each game")
    epochs: int = setting(2, "times that every transition of a rollout is learnt from")
    minibatches: int = setting(32, "batches into which one epoch is cut")
    discount: float = setting(0.99, "gamma, the worth of a reward one decision later")
    lambda_: float = setting(0.65, "how far the targets look: 0 one step, 1 the whole rollout")
    stack: int = setting(4, "frames in one observation")
    reward_scale: float = setting(1.0, SCALE_HELP)
    reward_clip: float | None = setting(1.0, CLIP_HELP)
    pace: Literal["at_once", "spread"] = setting(
        "at_once", "learn as soon as a rollout is complete, or spread over the next one so that emulators never wait"
    )

    def __post_init__(self) -> None:
        for name in ("steps", "epochs", "minibatches", "stack"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} must be 1 or more")
        check_rewards(self.reward_scale, self.reward_clip)
        if not (0.0 <= self.discount <= 1.0 and 0.0 <= self.lambda_ <= 1.0):
            raise ValueError("memory.discount and memory.lambda_ must lie between 0 and 1")

    def build(
        self,
        games: int,
        frame_shape: tuple[int, ...],
        frame_dtype: str,
        draws: np.random.Generator,
        device: torch.device = HOST,
    ) -> RolloutMemory:
        """An empty memory; `draws` shuffles the minibatches."""
        if games * self.steps < self.minibatches:
            raise ValueError(
                f"{games} games x {self.steps} steps are fewer than memory.minibatches={self.minibatches}; lower it"
            )
        size = 2 * (self.steps + 1) + self.stack
        shape = RowShape(
            size=size, games=games, frame_shape=frame_shape, frame_dtype=frame_dtype, stack=self.stack, device=device
        )
        return RolloutMemory(self, RowRing(shape), draws)


class RolloutMemory:
    """See `Rollout`."""

    def __init__(self, spec: Rollout, rows: RowRing, draws: np.random.Generator) -> None:
        self.spec, self.rows, self._draws = spec, rows, draws
        games = rows.shape.games
        self._values = torch.zeros(rows.shape.size, games)  # on the host, where decisions come from
        self._playing = 0  # first row of the rollout being played
        self._learning = 0  # first row of the rollout being learnt from
        device = rows.shape.device
        self._targets = torch.zeros(spec.steps, games, device=device)
        # Transitions in the order of the minibatches, epoch after epoch.
        self._order = torch.zeros(0, dtype=torch.int64, device=device)
        self._served = spec.epochs * spec.minibatches  # minibatches served of the rollout being learnt from
        self._calls = 0  # calls of `batches` since that rollout was settled

    def add(self, step: Step, decision: Decision) -> None:
        if self.rows.stop > 0:
            self._values[(self.rows.stop - 1) % self.rows.shape.size] = torch.from_numpy(decision.value)
        self.rows.add(step, decision)
        if self.rows.stop - 1 == self._playing + self.spec.steps + 1:
            self._settle()

    def cut(self) -> None:
        """The newest row belongs to the rollout being played, whose targets are not made yet."""
        self.rows.cut()

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        return self.rows.newest_obs()

    def observing_frames(self, clock: Clock) -> int:
        return 0

    def learning_frames(self, clock: Clock) -> int:
        return clock.frames

    def due(self, clock: Clock) -> int:
        """All minibatches of a settled rollout at once, or the share of them that is due at this step."""
        return sum(self._holds_some(number) for number in range(self._served, self._due_after(self._calls + 1)))

    def batches(self, clock: Clock) -> Iterator[Batch]:
        """Those that are due."""
        self._calls += 1
        due = self._due_after(self._calls)
        while self._served < due:
            number, self._served = self._served, self._served + 1
            if self._holds_some(number):
                yield self._batch(number)

    def _due_after(self, calls: int) -> int:
        """Minibatches of the rollout being learnt from that should have been served after so many calls."""
        total = self.spec.epochs * self.spec.minibatches
        return total if self.spec.pace == "at_once" else min(total, total * calls // self.spec.steps)

    def _holds_some(self, number: int) -> bool:
        """Whether there is anything in a minibatch: ends may leave fewer transitions than minibatches."""
        return number % self.spec.minibatches < self._order.shape[1]

    def feedback(self, key: Int64[Tensor, "B"], surprise: Float[Tensor, "B"]) -> None:
        """A rollout is learnt from evenly."""

    def priority_age(self, key: Int64[Tensor, "B"]) -> float | None:
        """None: a rollout has no priorities."""
        return None

    def most_bytes(self) -> float:
        return self.rows.most_bytes()

    def raw_bytes(self) -> float:
        return self.rows.most_bytes_in(Raw())

    def state(self) -> Tree:
        return {
            **self.rows.state(),
            "values": self._values,
            "playing": self._playing,
            "learning": self._learning,
            "targets": self._targets,
            "order": self._order,
            "served": self._served,
            "calls": self._calls,
        }

    def load(self, tree: Tree) -> None:
        self.rows.load(tree)
        self._values.copy_(tree["values"])
        device = self.rows.shape.device
        self._targets, self._order = (tree[name].to(device, copy=True) for name in ("targets", "order"))
        self._playing, self._learning = int(tree["playing"]), int(tree["learning"])
        self._served, self._calls = int(tree["served"]), int(tree["calls"])

    def _settle(self) -> None:
        """Turn the rollout just played into targets and an order in which to learn them."""
        steps, games = self.spec.steps, self.rows.shape.games
        begin = self._playing
        row = begin + torch.arange(steps)[:, None].expand(steps, games)
        game = torch.arange(games).expand(steps, games)
        self._targets = self._lambda_returns(begin)
        starts = (~self.rows.is_last(row.flatten(), game.flatten())).nonzero()[:, 0].numpy()
        order = [self._draws.permutation(starts) for _ in range(self.spec.epochs)]
        self._order = sent(torch.from_numpy(np.stack(order)), self.rows.shape.device)
        self._learning, self._playing = begin, begin + steps
        self._served = self._calls = 0
        self.rows.forget_before(begin - self.spec.stack + 1)

    def _lambda_returns(self, begin: int) -> Float[Tensor, "T G"]:
        spec, size = self.spec, self.rows.shape.size
        games = torch.arange(self.rows.shape.games, device=self.rows.shape.device)
        reward, discount, last = self.rows.ahead(torch.full_like(games, begin), games, spec.steps, spec.discount)
        reward = learnt_reward(reward, spec.reward_scale, spec.reward_clip)
        value = sent(self._values[torch.arange(begin + 1, begin + spec.steps + 1) % size], self.rows.shape.device)
        # An episode's end is whole: its bootstrap (if it was truncated) becomes reward, and nothing flows past it.
        reward = torch.where(last, reward + discount * value, reward)
        discount = torch.where(last, torch.zeros_like(discount), discount)
        return lambda_returns(reward, discount, value, spec.lambda_)

    def _batch(self, number: int) -> Batch:
        epoch, part = divmod(number, self.spec.minibatches)
        chosen = torch.tensor_split(self._order[epoch], self.spec.minibatches)[part]
        step, game = chosen // self.rows.shape.games, chosen % self.rows.shape.games
        row = step + self._learning
        obs, target = self.rows.obs(row, game), self._targets[step, game]
        return Batch(
            obs=obs,
            action=self.rows.action_after(row, game),
            reward=target,
            discount=torch.zeros_like(target),
            next_obs=obs,
            weight=torch.ones_like(target),
            key=row * self.rows.shape.games + game,
        )
