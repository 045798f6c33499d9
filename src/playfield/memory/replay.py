"""Experience replay: the newest rows, drawn from as the sampler says and as often as the recipe asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from playfield.batch import Batch, Far, joined
from playfield.device import HOST, sent
from playfield.imitation import Imitation
from playfield.memory.demonstrated import Demonstrations, Kept, kept_from, spread
from playfield.memory.frames import Raw, Store
from playfield.memory.priorities import NoPriorities, Priorities, Sampler, Uniform
from playfield.memory.rewards import CLIP_HELP, SCALE_HELP, check_rewards, learnt_reward
from playfield.memory.rows import RowRing, RowShape
from playfield.multistep import n_step
from playfield.settings import setting
from playfield.types import Clock, Decision, Step, Tree

MOST_CAPACITY = 10**10
"""Transitions; their rewards and actions alone take 120 GB."""


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
    store: Store = setting(
        Raw(), "how frames are kept: as they are, compressed, or in the run's log on disk", newer=True
    )

    def __post_init__(self) -> None:
        for name in ("capacity", "batch", "every_frames", "batches", "n_step", "stack"):
            if getattr(self, name) < 1:
                raise ValueError(f"memory.{name} must be 1 or more")
        if self.capacity > MOST_CAPACITY:
            raise ValueError(f"memory.capacity must be at most {MOST_CAPACITY:,}")
        if self.start_frames < 0:
            raise ValueError("memory.start_frames must be 0 or more")
        check_rewards(self.reward_scale, self.reward_clip)
        if not 0.0 <= self.discount <= 1.0:
            raise ValueError("memory.discount must lie between 0 and 1")

    def build(
        self,
        games: int,
        frame_shape: tuple[int, ...],
        frame_dtype: str,
        draws: np.random.Generator,
        imitation: Imitation | None = None,
        device: torch.device = HOST,
    ) -> ReplayMemory:
        """An empty memory; `draws` chooses the samples, and `imitation` says how demonstrations are held."""
        size = self.capacity // games
        if size < reach(self, imitation) + self.stack + 1:
            raise ValueError(
                f"memory.capacity={self.capacity} leaves {size:,} rows for each of {games} games, too few for "
                f"memory.n_step={self.n_step} and memory.stack={self.stack}; raise it, or lower those"
            )
        shape = RowShape(
            size=size,
            games=games,
            frame_shape=frame_shape,
            frame_dtype=frame_dtype,
            stack=self.stack,
            store=self.store,
            device=device,
        )
        return ReplayMemory(self, RowRing(shape), draws, imitation)


def reach(spec: Replay, imitation: Imitation | None) -> int:
    """Decisions that have to follow on a transition before it can be learnt from."""
    return spec.n_step if imitation is None or imitation.n_step_weight == 0 else max(spec.n_step, imitation.n_step)


class ReplayMemory:
    """See `Replay`; and `Imitation` for demonstrations that are kept."""

    def __init__(
        self, spec: Replay, rows: RowRing, draws: np.random.Generator, imitation: Imitation | None = None
    ) -> None:
        self.spec, self.rows, self.imitation, self._draws = spec, rows, imitation, draws
        self._reach = reach(spec, imitation)
        self._served = 0
        self._given_frames = 0  # of demonstrations
        self._met = False  # whether a transition was seen among the rows: from then on there is always one
        self._whole: Tensor | None = None  # keys of the newest batch, while all its transitions are own ones and held
        self._keep(None)

    def _keep(self, kept: Kept | None) -> None:
        """Make room for demonstrations that stay: in slots after the own ones, or apart where their share is fixed."""
        self._kept = kept
        spec, count = self.spec.sampler, 0 if kept is None else len(kept)
        apart = kept is not None and self.imitation is not None and self.imitation.ratio is not None
        self._priorities: Priorities = spec.build(self._slots + (0 if apart else count), self._draws, self._device)
        self._apart: Priorities | None = spec.build(count, self._draws, self._device) if apart else None
        # Of each slot, how many batches had been served when its priority was set: told, never acted upon.
        rated = 0 if isinstance(self._priorities, NoPriorities) else self._slots + count
        self._rated = torch.zeros(rated, dtype=torch.int32, device=self._device)

    def demonstrate(self, shown: Demonstrations) -> None:
        """Begin with somebody's play: kept for good where the recipe imitates, else as if it had been played here.

        Raises: ValueError where it does not fit, or something was played already.
        """
        if self.rows.stop > 0:
            raise ValueError("demonstrations are given to a memory that is still empty")
        self._given_frames = shown.frames
        if self.imitation is None:
            spread(shown.rows, self.rows)
            self._enter(torch.arange(self._oldest(), self._newest()))
        else:
            kept = Kept(shown.rows) if self._device == HOST else kept_from(shown.rows.state(), self.rows.shape)
            self._keep(kept)
            pool, first = self._pool_of_kept()
            pool.enter(first + torch.arange(len(kept)))

    @property
    def _device(self) -> torch.device:
        return self.rows.shape.device

    @property
    def _slots(self) -> int:
        """A transition lies in slot `key % _slots`, as its row lies in the ring, for as long as it can be drawn."""
        return self.rows.shape.size * self.rows.shape.games

    def add(self, step: Step, decision: Decision) -> None:
        oldest = self._oldest()
        self._whole = None
        self.rows.add(step, decision)
        if not isinstance(self._priorities, NoPriorities):  # most runs need not spend the time at every step
            self._follow(oldest)

    def cut(self) -> None:
        """The newest row has not been entered among what is drawn, so its being the last one changes nothing there."""
        self.rows.cut()

    def newest_obs(self) -> Shaped[Tensor, "G ..."]:
        return self.rows.newest_obs()

    def observing_frames(self, clock: Clock) -> int:
        return max(0, self.spec.start_frames - self._given_frames - clock.frames)

    def learning_frames(self, clock: Clock) -> int:
        return max(0, clock.frames - max(0, self.spec.start_frames - self._given_frames))

    def due(self, clock: Clock) -> int:
        """`batches` for every `every_frames` that were played since learning began, less those already served."""
        if self.observing_frames(clock) > 0 or not self._has_transition():
            return 0
        return max(0, self.learning_frames(clock) // self.spec.every_frames * self.spec.batches - self._served)

    def batches(self, clock: Clock) -> Iterator[Batch]:
        """As many as are due; one that is not taken stays owed."""
        for _ in range(self.due(clock)):
            self._served += 1
            batch = self._batch(self.learning_frames(clock))
            self._whole = batch.key if self._kept is None else None
            yield batch

    def pretraining_batch(self) -> Batch:
        """A batch of demonstrations alone, before anything is played.

        Raises: ValueError where none were given.
        """
        if self._kept is None:
            raise ValueError(
                "there are no demonstrations to learn from before the first action; use imitation.pretrain_updates=0"
            )
        if self._apart is not None:
            return self._demonstrated(*self._apart.draw(self.spec.batch, 0, self._uniform_of_kept))
        return self._mixed(*self._priorities.draw(self.spec.batch, 0, self._uniform))

    def feedback(self, key: Int64[Tensor, "B"], surprise: Float[Tensor, "B"]) -> None:
        """Note the surprise of the samples that can still be drawn: others may lie in the slots of those that left."""
        if key is self._whole:  # known without a look at the values, for which the host would have to wait
            self._priorities.update(key % self._slots, surprise)
            if len(self._rated):
                self._rated[key % self._slots] = self._served
            return
        held = key >= self._oldest() * self.rows.shape.games
        self._priorities.update(key[held] % self._slots, surprise[held])
        shown = key < 0
        if self._kept is not None and self.imitation is not None:
            pool, first = self._pool_of_kept()
            pool.update(first - 1 - key[shown], surprise[shown] + self.imitation.bonus)
        if len(self._rated):
            self._rated[self._place(key[held | shown])] = self._served

    def priority_age(self, key: Int64[Tensor, "B"]) -> float | None:
        """Mean number of updates since the priorities of a batch just drawn were set; None where there are none."""
        return float((self._served - self._rated[self._place(key)]).float().mean()) if len(self._rated) else None

    def most_bytes(self) -> float:
        return self.most_bytes_in(self.spec.store)

    def raw_bytes(self) -> float:
        return self.most_bytes_in(Raw())

    def most_bytes_in(self, store: Store) -> float:
        """Working memory that the rows take once the memory is full, where its own frames were kept in that way."""
        return self.rows.most_bytes_in(store) + self._kept_bytes

    def fixed_bytes(self) -> float:
        """Of `most_bytes`, what stays whatever the capacity: demonstrations that are kept, a store's newest rows."""
        return self.rows.fixed_bytes() + self._kept_bytes

    def filled_bytes(self) -> float:
        """Of `most_bytes`, what is taken already: by demonstrations, or by rows that came back."""
        return self.rows.filled_bytes() + self._kept_bytes

    @property
    def _kept_bytes(self) -> float:
        return 0.0 if self._kept is None else self._kept.rows.most_bytes()

    def state(self) -> Tree:
        priorities = {"priorities": self._priorities.state(), "rated": self._rated}
        kept = {} if self._kept is None else {"kept": self._kept.state()}
        apart = {} if self._apart is None else {"apart": self._apart.state()}
        counts = {"served": self._served, "given_frames": self._given_frames}
        return {**self.rows.state(), **priorities, **kept, **apart, **counts}

    def load(self, tree: Tree) -> None:
        self._keep(kept_from(tree["kept"], self.rows.shape) if "kept" in tree else None)
        self.rows.load(tree)
        self._priorities.load(tree["priorities"])
        if self._apart is not None:
            self._apart.load(tree["apart"])
        self._rated.copy_(tree["rated"])
        self._served, self._given_frames = int(tree["served"]), int(tree["given_frames"])
        self._met = False

    def _place(self, key: Int64[Tensor, "B"]) -> Int64[Tensor, "B"]:
        """Where a transition is found among all slots, those of demonstrations last."""
        return torch.where(key < 0, self._slots - 1 - key, key % self._slots)

    def _pool_of_kept(self) -> tuple[Priorities, int]:
        """What draws demonstrations, and the slot of the first of them."""
        return (self._priorities, self._slots) if self._apart is None else (self._apart, 0)

    def _oldest(self) -> int:
        """First row from which a whole stack of frames is still held, unless nothing was forgotten yet."""
        rows = self.rows
        return rows.start + (rows.shape.stack - 1 if rows.start > 0 else 0)

    def _newest(self) -> int:
        """One past the last row whose n-step return is complete."""
        return self.rows.stop - self._reach

    def _has_transition(self) -> bool:
        """Whether there is anything to draw: an episode that was cut off at its first row has no transition."""
        if not self._met and self._oldest() < self._newest():
            rows = torch.arange(self._oldest(), self._newest())[:, None].expand(-1, self.rows.shape.games).flatten()
            games = torch.arange(self.rows.shape.games).repeat(self._newest() - self._oldest())
            self._met = not bool(self.rows.is_last(rows, games).all())
        return self._met

    def _follow(self, oldest: int) -> None:
        """Let go of the transitions that were held from row `oldest` on and are no more; enter the newest ones."""
        games, row = self.rows.shape.games, self._newest() - 1
        self._priorities.leave(torch.arange(oldest * games, self._oldest() * games) % self._slots)
        if row >= self._oldest():
            self._enter(torch.tensor([row]))

    def _enter(self, rows: Int64[Tensor, "R"]) -> None:
        """Let the transitions that start at these rows be drawn."""
        if not isinstance(self._priorities, NoPriorities):
            games = self.rows.shape.games
            row, game = rows.repeat_interleave(games), torch.arange(games).repeat(len(rows))
            slot = (row * games + game)[~self.rows.is_last(row, game)] % self._slots
            self._priorities.enter(slot)
            self._rated[sent(slot, self._device)] = self._served

    def _uniform(self, count: int) -> Int64[Tensor, "B"]:
        """Slots, uniform over all held transitions: rows without a next action are drawn again."""
        if self._kept is not None and self._apart is None:
            return self._uniform_of_all(count, len(self._kept))
        row, game = np.empty(0, np.int64), np.empty(0, np.int64)
        while len(row) < count:
            missing = count - len(row)
            r = self._draws.integers(self._oldest(), self._newest(), missing)
            g = self._draws.integers(0, self.rows.shape.games, missing)
            starts = ~self.rows.is_last(torch.from_numpy(r), torch.from_numpy(g)).numpy()
            row, game = np.concatenate([row, r[starts]]), np.concatenate([game, g[starts]])
        return torch.from_numpy(row * self.rows.shape.games + game) % self._slots

    def _uniform_of_all(self, count: int, kept: int) -> Int64[Tensor, "B"]:
        """The same with demonstrations among them."""
        games, oldest = self.rows.shape.games, self._oldest()
        own = max(0, self._newest() - oldest) * games
        slot = torch.empty(0, dtype=torch.int64)
        while len(slot) < count:
            at = torch.from_numpy(self._draws.integers(0, own + kept, count - len(slot)))
            key = oldest * games + at
            shown = at >= own
            starts = shown | ~self.rows.is_last(key // games, key % games)
            slot = torch.cat([slot, torch.where(shown, self._slots + at - own, key % self._slots)[starts]])
        return slot

    def _uniform_of_kept(self, count: int) -> Int64[Tensor, "B"]:
        """Demonstrations alone, where they are drawn apart."""
        return torch.from_numpy(self._draws.integers(0, 0 if self._kept is None else len(self._kept), count))

    def _batch(self, learning_frames: int) -> Batch:
        size = self.spec.batch
        if self._kept is None and self.imitation is not None and self.imitation.ratio is not None:
            raise ValueError("imitation.ratio asks for demonstrations, and there are none; use imitation.ratio=none")
        if self._apart is None or self.imitation is None:
            return self._mixed(*self._priorities.draw(size, learning_frames, self._uniform))
        shown = self.imitation.drawn(self._served, size)
        if shown == 0:
            return self._own(*self._priorities.draw(size, learning_frames, self._uniform))
        demonstrated = self._demonstrated(*self._apart.draw(shown, learning_frames, self._uniform_of_kept))
        if shown == size:
            return demonstrated
        return joined(self._own(*self._priorities.draw(size - shown, learning_frames, self._uniform)), demonstrated)

    def _mixed(self, slot: Int64[Tensor, "B"], weight: Float[Tensor, "B"]) -> Batch:
        """What lies in slots of both kinds."""
        if self._kept is None:
            return self._own(slot, weight)
        shown = slot >= self._slots
        own = self._own(slot[~shown], weight[~shown])
        return joined(own, self._demonstrated(slot[shown] - self._slots, weight[shown]))

    def _own(self, slot: Int64[Tensor, "B"], weight: Float[Tensor, "B"]) -> Batch:
        # The one key from the oldest on that lies in this slot.
        games = self.rows.shape.games
        oldest = self._oldest() * games
        key = oldest + (slot - oldest) % self._slots
        return self._transitions(self.rows, key // games, key % games)._replace(weight=weight, key=key)

    def _demonstrated(self, index: Int64[Tensor, "B"], weight: Float[Tensor, "B"]) -> Batch:
        assert self._kept is not None
        row = self._kept.row(index)
        batch = self._transitions(self._kept.rows, row, torch.zeros_like(row))
        return batch._replace(weight=weight, key=-1 - index, demonstrated=torch.ones_like(row, dtype=torch.bool))

    def _transitions(self, rows: RowRing, row: Int64[Tensor, "B"], game: Int64[Tensor, "B"]) -> Batch:
        """The transitions that start at these rows; their weights and keys are the caller's to say."""
        spec = self.spec

        def over(steps: int) -> Far:
            reward, discount, last = rows.ahead(row, game, steps, spec.discount)
            learnt = learnt_reward(reward, spec.reward_scale, spec.reward_clip)
            total, product, length = n_step(learnt, discount, last)
            return Far(total, product, rows.obs(row + length, game))

        near, imitation = over(spec.n_step), self.imitation
        return Batch(
            obs=rows.obs(row, game),
            action=rows.action_after(row, game),
            reward=near.reward,
            discount=near.discount,
            next_obs=near.next_obs,
            weight=torch.ones_like(near.reward),
            key=row,
            demonstrated=None if imitation is None else torch.zeros_like(row, dtype=torch.bool),
            far=None if imitation is None or imitation.n_step_weight == 0 else over(imitation.n_step),
        )
