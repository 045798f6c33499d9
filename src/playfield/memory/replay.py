"""Experience replay: the newest rows, drawn from as the sampler says and as often as the recipe asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Batch
from playfield.memory.priorities import NoPriorities, Sampler, Uniform
from playfield.memory.rewards import CLIP_HELP, SCALE_HELP, check_rewards, learnt_reward
from playfield.memory.rows import RowRing, RowShape
from playfield.multistep import n_step
from playfield.settings import setting
from playfield.types import Clock, Decision, Step, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Learn from old transitions, drawn at random.

    Source: Lin (1992); Mnih et al. (2015).
    Neutral: n_step=1 bootstraps after one decision; reward_scale=1 with reward_clip=None learns raw rewards.
    """

    capacity: int = setting(1_000_000, "transitions kept, all games together")
    start_frames: int = setting(200_000, "emulator frames observed before learning begins")
    batch: int = setting(32, "transitions in each batch")
    every_frames: int = setting(16, "emulator frames from one time of learning to the next")
    batches: int = setting(1, "batches learnt from each time")
    sampler: Sampler = setting(Uniform(), "which transitions are drawn, and how their losses are weighted")
    n_step: int = setting(1, "decisions whose rewards are summed before bootstrapping")
    discount: float = setting(0.99, "gamma, the worth of a reward one decision later")
    stack: int = setting(4, "frames in one observation")
    reward_scale: float = setting(1.0, SCALE_HELP)
    reward_clip: float | None = setting(1.0, CLIP_HELP)

    def __post_init__(self) -> None:
        for name in ("capacity", "batch", "every_frames", "batches", "n_step", "stack"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} must be 1 or more")
        if self.start_frames < 0:
            raise ValueError("memory.start_frames must be 0 or more")
        check_rewards(self.reward_scale, self.reward_clip)
        if not 0.0 <= self.discount <= 1.0:
            raise ValueError("memory.discount must lie between 0 and 1")

    def build(
        self, games: int, frame_shape: tuple[int, ...], frame_dtype: str, draws: np.random.Generator
    ) -> ReplayMemory:
        """An empty memory; `draws` chooses the samples."""
        size = self.capacity // games
        if size < self.n_step + self.stack + 1:
            raise ValueError(f"memory.capacity={self.capacity} leaves too few rows for each of {games} games; raise it")
        shape = RowShape(size=size, games=games, frame_shape=frame_shape, frame_dtype=frame_dtype, stack=self.stack)
        return ReplayMemory(self, RowRing(shape), draws)


class ReplayMemory:
    """See `Replay`."""

    def __init__(self, spec: Replay, rows: RowRing, draws: np.random.Generator) -> None:
        self.spec, self.rows, self._draws = spec, rows, draws
        self._priorities = spec.sampler.build(self._slots, draws)
        self._served = 0
        # Of each slot, how many batches had been served when its priority was set: told, never acted upon.
        rated = 0 if isinstance(self._priorities, NoPriorities) else self._slots
        self._rated = torch.zeros(rated, dtype=torch.int32)

    @property
    def _slots(self) -> int:
        """A transition lies in slot `key % _slots`, as its row lies in the ring, for as long as it can be drawn."""
        return self.rows.shape.size * self.rows.shape.games

    def add(self, step: Step, decision: Decision) -> None:
        oldest = self._oldest()
        self.rows.add(step, decision)
        if not isinstance(self._priorities, NoPriorities):  # most runs need not spend the time at every step
            self._follow(oldest)

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        return self.rows.newest_obs()

    def observing_frames(self, clock: Clock) -> int:
        return max(0, self.spec.start_frames - clock.frames)

    def learning_frames(self, clock: Clock) -> int:
        return max(0, clock.frames - self.spec.start_frames)

    def batches(self, clock: Clock) -> Iterator[Batch]:
        """`batches` for every `every_frames` that were played since learning began, less those already served."""
        if self.observing_frames(clock) > 0 or self._oldest() >= self._newest():
            return
        frames = self.learning_frames(clock)
        due = frames // self.spec.every_frames * self.spec.batches
        while self._served < due:
            self._served += 1
            yield self._batch(frames)

    def feedback(self, key: Int64[Tensor, "B"], surprise: Float[Tensor, "B"]) -> None:
        """Note the surprise of the samples that can still be drawn: others may lie in the slots of those that left."""
        held = key >= self._oldest() * self.rows.shape.games
        self._priorities.update(key[held] % self._slots, surprise[held])
        if len(self._rated):
            self._rated[key[held] % self._slots] = self._served

    def priority_age(self, key: Int64[Tensor, "B"]) -> float | None:
        """Mean number of updates since the priorities of a batch just drawn were set; None where there are none."""
        return float((self._served - self._rated[key % self._slots]).float().mean()) if len(self._rated) else None

    def most_bytes(self) -> float:
        return self.rows.bytes_per_row() * self.rows.shape.size * self.rows.shape.games

    def state(self) -> Tree:
        priorities = {"priorities": self._priorities.state(), "rated": self._rated}
        return {**self.rows.state(), **priorities, "served": self._served}

    def load(self, tree: Tree) -> None:
        self.rows.load(tree)
        self._priorities.load(tree["priorities"])
        self._rated.copy_(tree["rated"])
        self._served = int(tree["served"])

    def _oldest(self) -> int:
        """First row from which a whole stack of frames is still held, unless nothing was forgotten yet."""
        rows = self.rows
        return rows.start + (rows.shape.stack - 1 if rows.start > 0 else 0)

    def _newest(self) -> int:
        """One past the last row whose n-step return is complete."""
        return self.rows.stop - self.spec.n_step

    def _follow(self, oldest: int) -> None:
        """Let go of the transitions that were held from row `oldest` on and are no more; enter the newest ones."""
        games, row = self.rows.shape.games, self._newest() - 1
        self._priorities.leave(torch.arange(oldest * games, self._oldest() * games) % self._slots)
        if row >= self._oldest():
            game = torch.arange(games)
            starts = ~self.rows.is_last(torch.full_like(game, row), game)
            slot = (row * games + game[starts]) % self._slots
            self._priorities.enter(slot)
            self._rated[slot] = self._served

    def _uniform(self, count: int) -> Int64[Tensor, "B"]:
        """Slots, uniform over all held transitions: rows without a next action are drawn again."""
        row, game = np.empty(0, np.int64), np.empty(0, np.int64)
        while len(row) < count:
            missing = count - len(row)
            r = self._draws.integers(self._oldest(), self._newest(), missing)
            g = self._draws.integers(0, self.rows.shape.games, missing)
            starts = ~self.rows.is_last(torch.from_numpy(r), torch.from_numpy(g)).numpy()
            row, game = np.concatenate([row, r[starts]]), np.concatenate([game, g[starts]])
        return torch.from_numpy(row * self.rows.shape.games + game) % self._slots

    def _batch(self, learning_frames: int) -> Batch:
        rows, spec = self.rows, self.spec
        slot, weight = self._priorities.draw(spec.batch, learning_frames, self._uniform)
        # The one key from the oldest on that lies in this slot.
        oldest = self._oldest() * rows.shape.games
        key = oldest + (slot - oldest) % self._slots
        row, game = key // rows.shape.games, key % rows.shape.games
        reward, discount, last = rows.ahead(row, game, spec.n_step, spec.discount)
        total, product, length = n_step(learnt_reward(reward, spec.reward_scale, spec.reward_clip), discount, last)
        return Batch(
            obs=rows.obs(row, game),
            action=rows.action_after(row, game),
            reward=total,
            discount=product,
            next_obs=rows.obs(row + length, game),
            weight=weight,
            key=key,
        )
