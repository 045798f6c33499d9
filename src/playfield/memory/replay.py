"""Experience replay: the newest rows, sampled uniformly, as often as the recipe asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from playfield.memory.rows import RowRing, RowShape
from playfield.multistep import n_step
from playfield.settings import setting
from playfield.types import Batch, Clock, Decision, Step, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Learn from old transitions, drawn at random. Source: Lin (1992); Mnih et al. (2015)."""

    capacity: int = setting(1_000_000, "transitions kept, all games together")
    start_frames: int = setting(200_000, "emulator frames observed before learning begins")
    batch: int = setting(32, "transitions in each batch")
    every_frames: int = setting(16, "emulator frames played for each batch")
    n_step: int = setting(1, "decisions whose rewards are summed before bootstrapping")
    discount: float = setting(0.99, "gamma, the worth of a reward one decision later")
    stack: int = setting(4, "frames in one observation")
    reward_clip: float | None = setting(
        1.0, "rewards are learnt as at most this, either sign; none to learn raw rewards"
    )

    def __post_init__(self) -> None:
        for name in ("capacity", "batch", "every_frames", "n_step", "stack"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} must be 1 or more")
        if self.start_frames < 0:
            raise ValueError("memory.start_frames must be 0 or more")
        if self.reward_clip is not None and self.reward_clip <= 0:
            raise ValueError("memory.reward_clip must be above 0, or none to learn raw rewards")
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
        self._served = 0

    def add(self, step: Step, decision: Decision) -> None:
        self.rows.add(step, decision)

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        return self.rows.newest_obs()

    def observing_frames(self, clock: Clock) -> int:
        return max(0, self.spec.start_frames - clock.frames)

    def learning_frames(self, clock: Clock) -> int:
        return max(0, clock.frames - self.spec.start_frames)

    def batches(self, clock: Clock) -> Iterator[Batch]:
        """One batch for every `every_frames` that were played since learning began and not yet served."""
        if self.observing_frames(clock) > 0 or self._oldest() >= self._newest():
            return
        due = self.learning_frames(clock) // self.spec.every_frames
        while self._served < due:
            self._served += 1
            yield self._batch()

    def feedback(self, key: Int64[Tensor, "B"], surprise: Float[Tensor, "B"]) -> None:
        """Uniform sampling does not care."""

    def most_bytes(self) -> float:
        return self.rows.bytes_per_row() * self.rows.shape.size * self.rows.shape.games

    def state(self) -> Tree:
        return {**self.rows.state(), "served": self._served}

    def load(self, tree: Tree) -> None:
        self.rows.load(tree)
        self._served = int(tree["served"])

    def _oldest(self) -> int:
        """First row from which a whole stack of frames is still held, unless nothing was forgotten yet."""
        rows = self.rows
        return rows.start + (rows.shape.stack - 1 if rows.start > 0 else 0)

    def _newest(self) -> int:
        """One past the last row whose n-step return is complete."""
        return self.rows.stop - self.spec.n_step

    def _draw(self) -> tuple[Int64[Tensor, "B"], Int64[Tensor, "B"]]:
        """Rows and games, uniform over all held transitions: rows without a next action are drawn again."""
        row, game = np.empty(0, np.int64), np.empty(0, np.int64)
        while len(row) < self.spec.batch:
            missing = self.spec.batch - len(row)
            r = self._draws.integers(self._oldest(), self._newest(), missing)
            g = self._draws.integers(0, self.rows.shape.games, missing)
            starts = ~self.rows.is_last(torch.from_numpy(r), torch.from_numpy(g)).numpy()
            row, game = np.concatenate([row, r[starts]]), np.concatenate([game, g[starts]])
        return torch.from_numpy(row), torch.from_numpy(game)

    def _batch(self) -> Batch:
        row, game = self._draw()
        rows, spec = self.rows, self.spec
        reward, discount, last = rows.ahead(row, game, spec.n_step, spec.discount)
        if spec.reward_clip is not None:
            reward = reward.clamp(-spec.reward_clip, spec.reward_clip)
        total, product, length = n_step(reward, discount, last)
        return Batch(
            obs=rows.obs(row, game),
            action=rows.action_after(row, game),
            reward=total,
            discount=product,
            next_obs=rows.obs(row + length, game),
            weight=torch.ones(len(row)),
            key=row * rows.shape.games + game,
        )
