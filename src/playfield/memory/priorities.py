"""Which transitions a replay memory draws: all alike, in proportion to their surprise, or by the rank of it.

A memory keeps each transition in a slot. It tells when a slot is taken (`enter`) or given up (`leave`) and how
surprising the sample of a slot was (`update`); only slots that are taken are ever drawn. With p the priority:

    Uniform        P(i) = 1 / N
    Proportional   P(i) = p_i^α / Σ_k p_k^α
    RankBased      P(i) = rank(i)^−α / Σ_k rank(k)^−α

Source: Schaul, Quan, Antonoglou & Silver (2016), "Prioritized experience replay".
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from playfield.device import HOST, Late, sent
from playfield.finite import NoNumber
from playfield.schedules import Linear, Schedule, extremes
from playfield.settings import setting
from playfield.types import Array, Tree

BETA_HELP = "how far weights make up for uneven draws, 0 not at all, 1 wholly; counts frames since learning began"
DRAWS_HELP = "one sample from each of `batch` equally likely parts, or each from the whole"
NO_NUMBER = "a surprise is not a finite number, so learning has diverged: lower the step size, or clip gradients"
WEIGHTS_HELP = "the weight that becomes 1: the largest of the batch, or the largest of all transitions held"


class Drawn(NamedTuple):
    """A batch of slots, drawn with replacement."""

    slot: Int64[Tensor, "B"]
    weight: Float32[Tensor, "B"]
    """Importance weight of each, at most 1."""


UniformDraw = Callable[[int], Int64[Tensor, "B"]]
"""So many slots, each of those taken as likely as any other."""


class Priorities(Protocol):
    """What a memory asks of a sampler."""

    def enter(self, slot: Int64[Tensor, "I"]) -> None:
        """New transitions, each in a free slot: as urgent as the most surprising one so far."""
        ...

    def leave(self, slot: Int64[Tensor, "I"]) -> None:
        """Give these slots up, as far as they are taken."""
        ...

    def update(self, slot: Int64[Tensor, "I"], surprise: Float32[Tensor, "I"]) -> None:
        """How surprising the transitions in these slots turned out to be; of a repeated slot the last one counts."""
        ...

    def draw(self, size: int, frames: int, uniform: UniformDraw) -> Drawn:
        """A batch, with the weights due at these frames since learning began."""
        ...

    def state(self) -> Tree: ...

    def load(self, tree: Tree) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Every transition is as likely as any other.

    Source: Lin (1992).
    """

    def build(self, slots: int, draws: np.random.Generator, device: torch.device = HOST) -> NoPriorities:
        """Nothing to keep: the memory's own uniform draw is all there is."""
        return NoPriorities(device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportional:
    """Transitions are drawn in proportion to a power of their last surprise.

        p = min(|surprise|, limit) + offset,   P(i) = (1 − share) p_i^α / Σ_k p_k^α + share / N,   w_i = (N P(i))^−β

    A new transition gets the largest p so far, at first 1. Where all p are 0, all are equally likely.

    Source: Schaul et al. (2016) section 3.3; the share as in DQN Zoo, the offset and weights="memory" as in OpenAI
    Baselines.
    Neutral: alpha=0 draws uniformly, and then all weights are 1; beta=0 leaves all weights 1.
    """

    alpha: float = setting(0.6, "how much priorities count: 0 not at all, 1 in full proportion")
    beta: Schedule = setting(Linear(0.4, 1.0, over_frames=200_000_000), BETA_HELP)
    offset: float = setting(0.0, "added to every surprise, so that even samples without any are drawn again")
    limit: float | None = setting(None, "surprises count as at most this; none for no limit")
    uniform_share: float = setting(0.0, "share of the samples that are drawn uniformly instead")
    draws: Literal["stratified", "independent"] = setting("stratified", DRAWS_HELP)
    weights: Literal["batch", "memory"] = setting("batch", WEIGHTS_HELP)

    def __post_init__(self) -> None:
        _check(self.alpha, self.beta)
        if not 0.0 <= self.offset < math.inf:
            raise ValueError("memory.sampler.offset must be 0 or more")
        if self.limit is not None and self.limit <= 0:
            raise ValueError("memory.sampler.limit must be above 0, or none for no limit")
        if not 0.0 <= self.uniform_share <= 1.0:
            raise ValueError("memory.sampler.uniform_share must lie between 0 and 1")
        if self.weights == "memory" and self.offset == 0:
            raise ValueError(
                "memory.sampler.weights=memory needs an offset above 0, such as 1e-6: without it a transition of no "
                "surprise has an endless weight"
            )

    def build(self, slots: int, draws: np.random.Generator, device: torch.device = HOST) -> ProportionalPriorities:
        """No slot taken yet."""
        return ProportionalPriorities(self, slots, draws, device)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankBased:
    """Transitions are drawn by their place in the order of surprise.

        P(i) = rank(i)^−α / Σ_k rank(k)^−α,   w_i = (N P(i))^−β

    Ranks are places in a binary heap, which is nearly in order, and quite so after every sort. A new transition comes
    first, before those of equal surprise.

    Source: Schaul et al. (2016) section 3.3 and appendix B.2.1; equal parts of the exact distribution instead of its
    approximation by straight lines.
    Neutral: alpha=0 draws uniformly, and then all weights are 1; beta=0 leaves all weights 1.
    """

    alpha: float = setting(0.7, "how much ranks count: 0 not at all, 1 the second is drawn half as often as the first")
    beta: Schedule = setting(Linear(0.5, 1.0, over_frames=200_000_000), BETA_HELP)
    draws: Literal["stratified", "independent"] = setting("stratified", DRAWS_HELP)
    weights: Literal["batch", "memory"] = setting("batch", WEIGHTS_HELP)
    sort_every: int = setting(1_000_000, "new transitions and new surprises after which the heap is put in order")

    def __post_init__(self) -> None:
        _check(self.alpha, self.beta)
        if self.sort_every < 1:
            raise ValueError("memory.sampler.sort_every must be 1 or more")

    def build(self, slots: int, draws: np.random.Generator, device: torch.device = HOST) -> RankedPriorities:
        """No slot taken yet."""
        return RankedPriorities(self, slots, draws, device)


Sampler = Uniform | Proportional | RankBased


class NoPriorities:
    """See `Uniform`."""

    def __init__(self, device: torch.device = HOST) -> None:
        self._device = device

    def enter(self, slot: Int64[Tensor, "I"]) -> None:
        """The memory knows what it holds."""

    def leave(self, slot: Int64[Tensor, "I"]) -> None:
        """The memory knows what it holds."""

    def update(self, slot: Int64[Tensor, "I"], surprise: Float32[Tensor, "I"]) -> None:
        """Surprise does not matter."""

    def draw(self, size: int, frames: int, uniform: UniformDraw) -> Drawn:
        return Drawn(sent(uniform(size), self._device), torch.ones(size, device=self._device))

    def state(self) -> Tree:
        return {}

    def load(self, tree: Tree) -> None:
        """Nothing to restore."""


class BlockSums:
    """Numbers of 0 or more in blocks of about √N, with the sum of each block.

    To change or to find a number looks at one block and at all sums: O(√N), in a few tensor operations. The sum of a
    changed block is made anew, so that no rounding error adds up.
    """

    def __init__(self, size: int, device: torch.device = HOST) -> None:
        width = math.isqrt(size - 1) + 1
        self.values = torch.zeros(-(-size // width), width, dtype=torch.float64, device=device)
        self.sums = torch.zeros(len(self.values), dtype=torch.float64, device=device)
        self._lowest = torch.full_like(self.sums, math.inf)
        self._total: Late | None = None

    def total(self) -> float:
        """Sum of all numbers."""
        return (self._total or self._sum())[0]

    def _sum(self) -> Late:
        return Late(self.sums.cumsum(0)[-1:])

    def lowest(self) -> Float64[Tensor, ""]:
        """The smallest number above 0."""
        return self._lowest.min()

    def get(self, index: Int64[Tensor, "I"]) -> Float64[Tensor, "I"]:
        return self.values.view(-1)[index]

    def set(self, index: Int64[Tensor, "I"], value: Float64[Tensor, "I"] | Float64[Tensor, ""] | float) -> None:
        device, block = self.values.device, index // self.values.shape[1]
        # Of what lies elsewhere it is not asked which blocks are the same: the host would wait for the answer.
        block = sent(torch.unique(block) if index.device == HOST else block, device)
        self.values.view(-1)[sent(index, device)] = value
        changed = self.values[block]
        self.sums[block] = changed.sum(1)
        self._lowest[block] = _lowest(changed)
        self._total = None if device == HOST else self._sum()  # sets out now, and has arrived before it is asked for

    def find(self, share: Float64[Tensor, "I"]) -> Int64[Tensor, "I"]:
        """Where the running sum first exceeds these shares (from 0 to 1) of the total; never at a number that is 0."""
        until = self.sums.cumsum(0)
        point = _below(share * until[-1], until[-1])
        block = torch.searchsorted(until, point, right=True)
        within = self.values[block].cumsum(1)
        # The block's running sum may end a rounding error away from its entry in `sums`.
        rest = _below(point - torch.where(block > 0, until[block - 1], 0.0), within[:, -1])
        return block * within.shape[1] + torch.searchsorted(within, rest[:, None], right=True)[:, 0]

    def state(self) -> Tree:
        # Sums are saved too: made anew from all blocks at once, their last bits might differ.
        return {"values": self.values, "sums": self.sums}

    def load(self, tree: Tree) -> None:
        if tree["values"].shape != self.values.shape:
            raise ValueError("the saved priorities are of a memory of another size; use the recipe they came from")
        self.values.copy_(tree["values"])
        self.sums.copy_(tree["sums"])
        self._lowest = _lowest(self.values)
        self._total = None


def _lowest(values: Float64[Tensor, "I W"]) -> Float64[Tensor, "I"]:
    """The smallest number above 0 of each block, infinity where there is none."""
    return torch.where(values > 0, values, math.inf).amin(1)


def _below(point: Float64[Tensor, "I"], end: Float64[Tensor, "*I"]) -> Float64[Tensor, "I"]:
    """The points, moved below the end where rounding put them on it or beyond."""
    return torch.minimum(point, torch.nextafter(end, torch.zeros_like(end)))


class ProportionalPriorities:
    """See `Proportional`."""

    def __init__(self, spec: Proportional, slots: int, draws: np.random.Generator, device: torch.device = HOST) -> None:
        self.spec, self._draws, self._device = spec, draws, device
        self._powers = BlockSums(slots, device)  # p^α of the slots that are taken, 0 elsewhere
        self._taken = torch.zeros(slots, dtype=torch.bool)  # on the host, which says what is entered and what leaves
        self._count = 0
        self._largest = torch.ones((), dtype=torch.float64, device=device)
        self._finite: Late | None = None  # 1 where the newest surprises are numbers

    def enter(self, slot: Int64[Tensor, "I"]) -> None:
        self._taken[slot] = True
        self._count += len(slot)
        self._powers.set(slot, self._largest**self.spec.alpha)

    def leave(self, slot: Int64[Tensor, "I"]) -> None:
        self._count -= int(self._taken[slot].sum())
        self._taken[slot] = False
        self._powers.set(slot, 0.0)

    def update(self, slot: Int64[Tensor, "I"], surprise: Float32[Tensor, "I"]) -> None:
        limit = math.inf if self.spec.limit is None else self.spec.limit
        if len(slot) == 0:
            return
        size = surprise.abs().clamp(max=limit)
        self._finite = Late(size.isfinite().all().float()[None])
        if self._device == HOST:
            self._require_numbers()
        # What is no number is found before the next draw, and until then must not spoil the sums.
        number = size.nan_to_num(nan=0.0, posinf=0.0)
        priority = _newest_of_each(slot, number.double() + self.spec.offset)
        self._largest = torch.maximum(self._largest, priority.max())
        self._powers.set(slot, priority**self.spec.alpha)

    def _require_numbers(self) -> None:
        if self._finite is not None and not self._finite[0]:
            raise NoNumber(NO_NUMBER)

    def draw(self, size: int, frames: int, uniform: UniformDraw) -> Drawn:
        self._require_numbers()
        spec, total = self.spec, self._powers.total()
        share = spec.uniform_share if total > 0 else 1.0
        device = self._device
        if share < 1:
            slot = self._powers.find(sent(_points(spec.draws, size, self._draws), device))
        else:
            slot = sent(uniform(size), device)
        if 0 < share < 1:
            instead = sent(torch.from_numpy(self._draws.random(size) < share), device)
            slot = torch.where(instead, sent(uniform(size), device), slot)

        def probability(power: Float64[Tensor, "*I"]) -> Float64[Tensor, "*I"]:
            return (1.0 - share) * power / (total or 1.0) + share / self._count

        drawn = probability(self._powers.get(slot))
        smallest = drawn.min() if spec.weights == "batch" else probability(self._powers.lowest())
        return Drawn(slot, importance_weights(drawn, smallest, spec.beta(frames)))

    def state(self) -> Tree:
        return {"powers": self._powers.state(), "taken": self._taken, "largest": float(self._largest)}

    def load(self, tree: Tree) -> None:
        self._powers.load(tree["powers"])
        self._taken.copy_(tree["taken"])
        self._count = int(self._taken.sum())
        self._largest.fill_(float(tree["largest"]))
        self._finite = None


class RankedPriorities:
    """See `RankBased`. A binary heap, on the host whatever the device is.

    No priority is larger than the one above it, at place (i - 1) // 2.

    rank       1      2 3      4 5 6 7
    place      0      1 2      3 4 5 6
    priority   9      7 8      1 6 2 8      nearly in order; to change one costs O(log N)
    """

    def __init__(self, spec: RankBased, slots: int, draws: np.random.Generator, device: torch.device = HOST) -> None:
        self.spec, self._draws, self._device = spec, draws, device
        # Arrays of the standard library: one number at a time they are several times faster than numpy's.
        self._slot = array("q", bytes(8 * slots))  # by place
        self._priority = array("d", bytes(8 * slots))  # by place
        self._place = array("q", [-1]) * slots  # by slot, -1 where it is not taken
        self._count = 0
        self._changes = 0  # since the last sort
        self._largest = 1.0
        self._until = np.cumsum(np.arange(1, slots + 1, dtype=np.float64) ** -spec.alpha)  # by place

    def enter(self, slot: Int64[Tensor, "I"]) -> None:
        for one in slot.tolist():
            self._count += 1
            self._settle(self._count - 1, one, self._largest)
        self._changed(len(slot))

    def leave(self, slot: Int64[Tensor, "I"]) -> None:
        for one in slot.tolist():
            place = self._place[one]
            if place >= 0:
                self._place[one] = -1
                self._count -= 1
                if place < self._count:  # the last one fills the gap
                    self._settle(place, self._slot[self._count], self._priority[self._count])

    def update(self, slot: Int64[Tensor, "I"], surprise: Float32[Tensor, "I"]) -> None:
        priorities = surprise.abs().tolist()  # the heap is the host's, which looks at each of them anyway
        if not all(map(math.isfinite, priorities)):
            raise NoNumber(NO_NUMBER)
        for one, priority in zip(slot.tolist(), priorities, strict=True):
            self._largest = max(self._largest, priority)
            self._settle(self._place[one], one, priority)
        self._changed(len(slot))

    def draw(self, size: int, frames: int, uniform: UniformDraw) -> Drawn:
        spec, until = self.spec, self._until[: self._count]
        point = _points(spec.draws, size, self._draws).numpy() * until[-1]
        place = np.minimum(np.searchsorted(until, point, side="right"), self._count - 1)
        # The sum of all powers is a factor of every probability, and weights rest on ratios of those only.
        drawn = torch.from_numpy((place + 1.0) ** -spec.alpha)
        smallest = drawn.min() if spec.weights == "batch" else drawn.new_tensor(float(self._count) ** -spec.alpha)
        slot = torch.from_numpy(np.frombuffer(self._slot, np.int64)[place])
        weight = importance_weights(drawn, smallest, spec.beta(frames))
        return Drawn(sent(slot, self._device), sent(weight, self._device))

    def state(self) -> Tree:
        return {
            "slot": np.array(self._slot[: self._count], np.int64),
            "priority": np.array(self._priority[: self._count], np.float64),
            "changes": self._changes,
            "largest": self._largest,
        }

    def load(self, tree: Tree) -> None:
        slots, order = len(self._place), tree["slot"]
        if len(order) > slots or (len(order) and order.max() >= slots):
            raise ValueError("the saved priorities are of a memory of another size; use the recipe they came from")
        self._count, self._changes, self._largest = len(order), int(tree["changes"]), float(tree["largest"])
        self._place = array("q", [-1]) * slots
        self._put(order, tree["priority"])

    def _settle(self, place: int, slot: int, priority: float) -> None:
        """Put a slot where it belongs, up or down from a place that is free: upwards past equals, so new ones lead."""
        while place > 0 and self._priority[(place - 1) // 2] <= priority:
            self._move((place - 1) // 2, place)
            place = (place - 1) // 2
        while (below := 2 * place + 1) < self._count:
            if below + 1 < self._count and self._priority[below + 1] > self._priority[below]:
                below += 1
            if self._priority[below] <= priority:
                break
            self._move(below, place)
            place = below
        self._slot[place], self._priority[place], self._place[slot] = slot, priority, place

    def _move(self, source: int, to: int) -> None:
        slot = self._slot[source]
        self._slot[to], self._priority[to], self._place[slot] = slot, self._priority[source], to

    def _changed(self, times: int) -> None:
        """Count changes and sort when that is due; what is sorted is a heap."""
        self._changes += times
        if self._changes >= self.spec.sort_every:
            self._changes = 0
            slot, priority = np.frombuffer(self._slot, np.int64), np.frombuffer(self._priority, np.float64)
            order = np.argsort(-priority[: self._count], kind="stable")
            self._put(slot[order], priority[order])

    def _put(self, slot: Array, priority: Array) -> None:
        """Fill the places from 0 on."""
        np.frombuffer(self._slot, np.int64)[: len(slot)] = slot
        np.frombuffer(self._priority, np.float64)[: len(slot)] = priority
        np.frombuffer(self._place, np.int64)[slot] = np.arange(len(slot))


def importance_weights(
    probability: Float64[Tensor, "B"], smallest: Float64[Tensor, ""], beta: float
) -> Float32[Tensor, "B"]:
    """Weights that undo uneven draws, divided by the largest there can be: that of the smallest probability.

        w_i = (N P(i))^−β / (N P_min)^−β = (P_min / P(i))^β

    Source: Schaul et al. (2016) section 3.4.
    Neutral: beta=0 gives ones.
    """
    return ((smallest / probability) ** beta).float()


def _points(
    draws: Literal["stratified", "independent"], size: int, generator: np.random.Generator
) -> Float64[Tensor, "B"]:
    """Places between 0 and 1: one in each of `size` equal parts, or each anywhere."""
    point = generator.random(size)
    return torch.from_numpy((np.arange(size) + point) / size if draws == "stratified" else point)


def _newest_of_each(slot: Int64[Tensor, "I"], value: Float64[Tensor, "I"]) -> Float64[Tensor, "I"]:
    """The values, but wherever a slot is repeated its last one: devices that write in any order write the same."""
    place = torch.arange(len(slot), device=slot.device)
    return value[torch.where(slot[:, None] == slot, place, -1).amax(1)]


def _check(alpha: float, beta: Schedule) -> None:
    if not 0.0 <= alpha <= 1.0:
        raise ValueError("memory.sampler.alpha must lie between 0 (all alike) and 1 (priorities count in full)")
    lowest, highest = extremes(beta)
    if not 0.0 <= lowest <= highest <= 1.0:
        raise ValueError("memory.sampler.beta must stay between 0 (no weights) and 1 (weights in full)")
