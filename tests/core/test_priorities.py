"""Samplers against obvious versions, hand-worked numbers and the distributions that they promise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from core.tables import clone
from playfield.memory.priorities import (
    BlockSums,
    Drawn,
    NoPriorities,
    Proportional,
    ProportionalPriorities,
    RankBased,
    RankedPriorities,
    Uniform,
    importance_weights,
)
from playfield.schedules import Constant, Exponential, Linear, Piecewise
from playfield.storage.tree import digest, flatten, unflatten

Either = ProportionalPriorities | RankedPriorities
SURPRISE = [0.5, 3.0, 0.25, 1.0, 7.0, 0.125, 2.0, 4.0, 1.5, 0.75, 5.0]
RANK = 1 + np.argsort(np.argsort(-np.array(SURPRISE)))
BOTH = pytest.mark.parametrize("spec", [Proportional(), RankBased()], ids=["proportional", "ranked"])


def filled(spec: Proportional | RankBased, surprise: Sequence[float], seed: int = 0) -> Either:
    """Every slot taken, each with its surprise."""
    it = spec.build(len(surprise), np.random.default_rng(seed))
    it.enter(torch.arange(len(surprise)))
    it.update(torch.arange(len(surprise)), torch.tensor(surprise))
    return it


def evenly(slots: int, seed: int = 1) -> Callable[[int], torch.Tensor]:
    draws = np.random.default_rng(seed)
    return lambda count: torch.from_numpy(draws.integers(0, slots, count))


def drawn(it: Either, size: int, frames: int = 0) -> Drawn:
    return it.draw(size, frames, evenly(len(SURPRISE)))


def one_of_each_batch(it: Either, slots: int = len(SURPRISE)) -> np.ndarray:
    """A sample at a random place of many batches: independent, though those of one batch are not."""
    place, uniform = np.random.default_rng(5).integers(0, 8, 1500), evenly(slots)
    return np.array([int(it.draw(8, 0, uniform).slot[i]) for i in place])


def goodness(slot: np.ndarray, probability: np.ndarray) -> float:
    counts = np.bincount(slot, minlength=len(probability))
    return float(chisquare(counts, len(slot) * probability / probability.sum()).pvalue)


# Block sums


@given(st.integers(1, 50), st.lists(st.lists(st.tuples(st.integers(0, 49), st.integers(0, 9)), min_size=1), min_size=1))
def test_block_sums_equal_a_list(size: int, changes: list[list[tuple[int, int]]]):
    it, naive = BlockSums(size), [0] * size
    for change in changes:
        new = {index % size: value for index, value in change}
        it.set(torch.tensor(list(new)), torch.tensor(list(new.values())).double())
        for index, value in new.items():
            naive[index] = value
        assert it.get(torch.arange(size)).tolist() == naive
        assert it.total() == it.sums.sum() == sum(naive)
        assert torch.equal(it.sums, it.values.sum(1))
        assert it.lowest() == min((value for value in naive if value > 0), default=math.inf)
    if sum(naive) > 0:
        shares = torch.arange(64, dtype=torch.float64) / 64
        running = np.cumsum(naive)
        expected = [int((running <= share * sum(naive)).sum()) for share in shares.tolist()]
        assert it.find(shares).tolist() == expected


@given(st.lists(st.sampled_from([0.0, 1e-9, 0.1, 0.3, 7.7, 1e9]), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_rounding_never_finds_a_number_that_is_0(values: list[float], seed: int):
    it = BlockSums(len(values))
    it.set(torch.arange(len(values)), torch.tensor(values, dtype=torch.float64))
    if sum(values) > 0:
        shares = torch.from_numpy(np.random.default_rng(seed).random(50))
        ends = torch.tensor([0.0, 1 - 2**-53, 1.0], dtype=torch.float64)
        found = it.get(it.find(torch.cat([shares, ends])))
        assert (found > 0).all()


def test_block_sums_do_not_drift():
    it = BlockSums(10)
    draws = np.random.default_rng(0)
    for _ in range(2000):
        it.set(torch.from_numpy(draws.integers(0, 10, 1)), float(10.0 ** draws.uniform(-12, 12)))
    it.set(torch.arange(10), 0.0)
    assert it.total() == 0.0


def test_a_million_numbers_lie_in_a_thousand_blocks():
    assert BlockSums(1_000_000).values.shape == (1000, 1000)
    assert BlockSums(1_000_001).values.shape == (1000, 1001)
    assert BlockSums(1).values.shape == (1, 1)


# What is drawn


def test_independent_draws_are_in_proportion_to_a_power():
    it = filled(Proportional(alpha=0.6, draws="independent"), SURPRISE)
    assert goodness(drawn(it, 20_000).slot.numpy(), np.array(SURPRISE) ** 0.6) > 0.01
    assert goodness(drawn(it, 20_000).slot.numpy(), np.array(SURPRISE)) < 1e-6  # so that the test can fail


def test_stratified_draws_are_in_proportion_to_a_power():
    it = filled(Proportional(alpha=0.6), SURPRISE)
    assert goodness(one_of_each_batch(it), np.array(SURPRISE) ** 0.6) > 0.01


def test_ranked_draws_fall_with_a_power_of_the_rank():
    it = filled(RankBased(alpha=0.7, sort_every=1), SURPRISE)
    assert sorted(RANK.tolist()) == list(range(1, 12))
    assert goodness(one_of_each_batch(it), RANK**-0.7) > 0.01


def test_independent_draws_of_ranks_fall_with_a_power_of_the_rank():
    it = filled(RankBased(alpha=0.7, sort_every=1, draws="independent"), SURPRISE)
    assert goodness(drawn(it, 20_000).slot.numpy(), RANK**-0.7) > 0.01
    assert goodness(drawn(it, 20_000).slot.numpy(), RANK**-0.8) < 1e-6  # so that the test can fail


@pytest.mark.parametrize(
    ("spec", "probability"),
    [(Proportional(alpha=1.0), [2, 6, 1]), (RankBased(alpha=1.0, sort_every=1), [3, 6, 2])],
    ids=["proportional", "ranked"],
)
def test_independent_samples_of_one_batch_tell_nothing_of_each_other(
    spec: Proportional | RankBased, probability: list[int]
):
    pairs = np.outer(probability, probability).flatten()
    for draws in ("independent", "stratified"):
        it = filled(replace(spec, draws=draws), [2.0, 6.0, 1.0])
        batches = np.array([it.draw(2, 0, evenly(3)).slot.tolist() for _ in range(1000)])
        found = goodness(3 * batches[:, 0] + batches[:, 1], pairs)
        assert found > 0.01 if draws == "independent" else found < 1e-6


@pytest.mark.parametrize(
    ("spec", "slots", "expected"),
    [
        # 4 equal parts of 1 1 | 2 | 2 | 2: each batch has one of the first two, and each of the others once.
        (Proportional(alpha=1.0), [1.0, 1.0, 2.0, 2.0, 2.0], {(0, 2, 3, 4), (1, 2, 3, 4)}),
        # 1, 1/2, 1/3, 1/6 ... of ranks 1 2 3: 6/11 3/11 2/11, of which a half is all the first's.
        (RankBased(alpha=1.0, sort_every=1), [3.0, 9.0, 1.0], {(1, 0), (1, 1), (1, 2)}),
    ],
    ids=["proportional", "ranked"],
)
def test_one_sample_from_each_equal_part(spec: Proportional | RankBased, slots: list[float], expected: set):
    it, size = filled(spec, slots), len(next(iter(expected)))
    assert {tuple(it.draw(size, 0, evenly(len(slots))).slot.tolist()) for _ in range(200)} == expected


def test_transitions_of_no_surprise_are_not_drawn_again():
    it = filled(Proportional(), [0.0, 1.0, 0.0, 2.0, 0.0])
    assert set(it.draw(500, 0, evenly(5)).slot.tolist()) == {1, 3}
    it = filled(Proportional(offset=1e-2), [0.0, 1.0, 0.0, 2.0, 0.0])
    assert set(it.draw(5000, 0, evenly(5)).slot.tolist()) == {0, 1, 2, 3, 4}


def test_where_nothing_surprises_all_are_alike():
    it = filled(Proportional(), [0.0] * 4)
    slot, weight = it.draw(4000, 0, evenly(4))
    assert goodness(slot.numpy(), np.ones(4)) > 0.01
    assert weight.tolist() == [1.0] * 4000


@pytest.mark.parametrize("draws", ["stratified", "independent"])
def test_a_share_is_drawn_uniformly(draws):
    it = filled(Proportional(alpha=1.0, uniform_share=0.25, draws=draws), [0.0, 0.0, 1.0, 3.0])
    assert goodness(one_of_each_batch(it, slots=4), np.array([0.0625, 0.0625, 0.25, 0.625])) > 0.01


def test_a_share_of_everything_is_uniform():
    slot, weight = filled(Proportional(uniform_share=1.0), [0.0, 0.0, 1.0, 3.0]).draw(4000, 0, evenly(4))
    assert goodness(slot.numpy(), np.ones(4)) > 0.01
    assert weight.tolist() == [1.0] * 4000


@pytest.mark.parametrize(
    "spec",
    [
        Proportional(alpha=0.0),
        Proportional(alpha=0.0, draws="independent"),
        RankBased(alpha=0.0),
        RankBased(alpha=0.0, draws="independent"),
    ],
)
def test_alpha_0_is_uniform(spec: Proportional | RankBased):
    it = filled(spec, [0.0, *SURPRISE[1:]])
    assert goodness(one_of_each_batch(it), np.ones(11)) > 0.01
    assert drawn(it, 100, frames=10**9).weight.tolist() == [1.0] * 100


@BOTH
def test_a_slot_given_up_is_drawn_no_more_and_may_be_given_up_twice(spec: Proportional | RankBased):
    it = filled(spec, SURPRISE)
    for _ in range(2):
        it.leave(torch.tensor([4, 1]))
        assert set(drawn(it, 2000).slot.tolist()) == set(range(11)) - {4, 1}
    it.enter(torch.tensor([4]))
    assert set(drawn(it, 2000).slot.tolist()) == set(range(11)) - {1}


def test_uniform_is_the_memorys_own_draw():
    it = Uniform().build(5, np.random.default_rng(0))
    assert isinstance(it, NoPriorities)
    slot, weight = it.draw(3, 0, lambda count: torch.arange(count))
    assert (slot.tolist(), weight.tolist()) == ([0, 1, 2], [1.0, 1.0, 1.0])


# Priorities


def powers(it: ProportionalPriorities) -> list[float]:
    return it.state()["powers"]["values"].flatten().tolist()


def test_new_transitions_get_the_largest_priority_so_far():
    it = Proportional(alpha=0.5, offset=2.0).build(4, np.random.default_rng(0))
    it.enter(torch.tensor([0, 2]))
    assert powers(it) == [1.0, 0.0, 1.0, 0.0]
    it.update(torch.tensor([0]), torch.tensor([-7.0]))  # 7 + 2, to the power of 1/2
    it.enter(torch.tensor([1]))
    assert powers(it) == [3.0, 3.0, 1.0, 0.0]
    it.update(torch.tensor([0, 1]), torch.tensor([2.0, 2.0]))  # the largest is remembered, though it is gone
    it.enter(torch.tensor([3]))
    assert powers(it) == [2.0, 2.0, 1.0, 3.0]


def test_surprise_counts_up_to_the_limit():
    it = Proportional(alpha=0.5, limit=100.0).build(4, np.random.default_rng(0))
    it.enter(torch.tensor([0, 1, 2]))
    it.update(torch.tensor([0, 1, 2]), torch.tensor([99.0**2, math.inf, 36.0]))
    it.enter(torch.tensor([3]))
    assert powers(it) == [10.0, 10.0, 6.0, 10.0]


def test_of_a_repeated_slot_the_last_surprise_counts():
    it = filled(Proportional(alpha=1.0), [1.0, 1.0, 1.0, 1.0])
    it.update(torch.tensor([2, 0, 2]), torch.tensor([5.0, 6.0, 7.0]))
    assert powers(it) == [6.0, 1.0, 7.0, 1.0]
    ranked = filled(RankBased(), [1.0, 1.0, 1.0, 1.0])
    ranked.update(torch.tensor([2, 0, 2]), torch.tensor([5.0, 6.0, 7.0]))
    assert by_slot(ranked) == {0: 6.0, 1: 1.0, 2: 7.0, 3: 1.0}


def by_slot(it: RankedPriorities) -> dict[int, float]:
    tree = it.state()
    return dict(zip(tree["slot"].tolist(), tree["priority"].tolist(), strict=True))


def test_nothing_to_update_is_no_change():
    for spec in (Proportional(), RankBased()):
        it = filled(spec, SURPRISE)
        before = digest(clone(it.state()))
        it.update(torch.zeros(0, dtype=torch.int64), torch.zeros(0))
        it.leave(torch.zeros(0, dtype=torch.int64))
        assert digest(it.state()) == before


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "update"]),
        st.lists(st.integers(0, 19), min_size=1, max_size=6, unique=True),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(CHANGES, st.sampled_from([1, 7, 10**6]), st.booleans())
def test_ranks_equal_a_dictionary(changes: list[tuple[str, list[int], int]], sort_every: int, saved: bool):
    spec = RankBased(sort_every=sort_every)
    it, naive, largest = spec.build(20, np.random.default_rng(0)), dict[int, float](), 1.0
    for kind, slots, number in changes:
        done = ""
        if kind == "leave":
            it.leave(torch.tensor(slots))
            naive = {slot: priority for slot, priority in naive.items() if slot not in slots}
        elif chosen := [slot for slot in slots if (slot in naive) == (kind == "update")]:
            if kind == "update":
                new = [float((number + slot) % 6) for slot in chosen]
                largest = max(largest, *new)
                it.update(torch.tensor(chosen), torch.tensor(new))
            else:
                new = [largest] * len(chosen)
                it.enter(torch.tensor(chosen))
            done = kind
            naive.update(zip(chosen, new, strict=True))
        if saved:
            tree, it = it.state(), spec.build(20, np.random.default_rng(0))
            it.load(tree)
        assert by_slot(it) == naive
        order = it.state()["priority"].tolist()
        assert all(order[(i - 1) // 2] >= order[i] for i in range(1, len(order)))
        if sort_every == 1 and done:  # nothing sorts where nothing entered and nothing was updated
            assert order == sorted(order, reverse=True)
        if done == "enter":
            assert order[0] == largest


def test_the_newest_of_equals_comes_first():
    it = RankBased().build(7, np.random.default_rng(0))
    for slot in range(7):
        it.enter(torch.tensor([slot]))
        assert it.state()["slot"][0] == slot


def test_the_heap_is_sorted_after_so_many_changes():
    it = filled(RankBased(sort_every=30), SURPRISE)  # 11 new ones and 11 surprises: 22 changes
    heap = it.state()["priority"].tolist()
    assert heap != sorted(heap, reverse=True)
    it.update(torch.arange(7), torch.tensor(SURPRISE[:7]))
    heap = it.state()["priority"].tolist()
    assert heap != sorted(heap, reverse=True)
    it.update(torch.tensor([7]), torch.tensor(SURPRISE[7:8]))
    assert it.state()["priority"].tolist() == sorted(SURPRISE, reverse=True)
    assert it.state()["changes"] == 0


# Weights


def weight_of(it: Either, slots: int, frames: int = 0, size: int = 200) -> dict[int, float]:
    slot, weight = it.draw(size, frames, evenly(slots))
    return dict(zip(slot.tolist(), weight.tolist(), strict=True))


def test_importance_weights_by_hand():
    probability = torch.tensor([0.2, 0.8, 0.05], dtype=torch.float64)
    assert importance_weights(probability, probability.min(), 0.5).tolist() == pytest.approx([0.5, 0.25, 1.0])
    n = 7.0  # (N P)^-beta over its largest: N does not matter
    naive = (n * probability) ** -0.5
    torch.testing.assert_close(importance_weights(probability, probability.min(), 0.5), (naive / naive.max()).float())


def test_weights_of_a_batch_by_hand():
    it = filled(Proportional(alpha=1.0, beta=Constant(0.5)), [1.0, 4.0, 16.0, 0.0])
    assert weight_of(it, 4) == {0: 1.0, 1: 0.5, 2: 0.25}
    it.update(torch.tensor([0]), torch.tensor([0.0]))
    assert weight_of(it, 4) == {1: 1.0, 2: 0.5}


def test_weights_of_the_memory_by_hand():
    spec = Proportional(alpha=1.0, beta=Constant(1.0), offset=1.0, weights="memory")
    it = filled(spec, [0.0, 0.0, 1.0, 15.0])  # p = 1 1 2 16, P = .05 .05 .1 .8
    assert weight_of(it, 4) == pytest.approx({0: 1.0, 1: 1.0, 2: 0.5, 3: 1 / 16})
    alone = torch.cat([it.draw(1, 0, evenly(4)).weight for _ in range(50)])
    assert set(alone.tolist()) > {1 / 16}  # of a batch without the rarest ones, none is 1
    it = filled(replace(spec, uniform_share=0.5), [0.0, 0.0, 1.0, 15.0])  # P = .15 .15 .175 .525
    assert weight_of(it, 4) == pytest.approx({0: 1.0, 1: 1.0, 2: 6 / 7, 3: 2 / 7})
    it.leave(torch.tensor([0, 1]))  # p = 2 16, P = 1/2 (1/9 8/9) + 1/2 (1/2 1/2) = 11/36 25/36
    slot, weight = it.draw(200, 0, lambda count: 2 + evenly(2)(count))
    assert dict(zip(slot.tolist(), weight.tolist(), strict=True)) == pytest.approx({2: 1.0, 3: 11 / 25})


def test_weights_of_ranks_by_hand():
    it = filled(RankBased(alpha=1.0, beta=Constant(1.0), sort_every=1, weights="memory"), [5.0, 7.0, 1.0, 3.0])
    assert weight_of(it, 4) == pytest.approx({1: 0.25, 0: 0.5, 3: 0.75, 2: 1.0})
    it = filled(RankBased(alpha=1.0, beta=Constant(0.5), sort_every=1), [5.0, 7.0, 1.0, 3.0])
    assert weight_of(it, 4) == pytest.approx({1: 0.5, 0: 0.5**0.5, 3: 0.75**0.5, 2: 1.0})
    batches = [it.draw(2, 0, evenly(4)) for _ in range(50)]
    assert all(weight.max() == 1.0 for _, weight in batches)
    # 1 1/2 1/3 1/4 sum to 25/12: the first half ends early in rank 2.
    assert {(int(slot[0]) in (0, 1), int(slot[1]) in (0, 3, 2)) for slot, _ in batches} == {(True, True)}


@pytest.mark.parametrize("draws", ["stratified", "independent"])
@pytest.mark.parametrize("share", [0.0, 1e-3])
def test_no_weight_is_above_1_and_one_of_the_batch_is_1(draws, share: float):
    beta = Linear(0.4, 1.0, over_frames=100)
    for spec in (Proportional(beta=beta, draws=draws, uniform_share=share), RankBased(beta=beta, draws=draws)):
        it = filled(spec, SURPRISE)
        for frames in range(0, 120, 7):
            weight = drawn(it, 8, frames).weight
            assert weight.max().item() == 1.0
            assert (weight > 0).all()


def test_beta_follows_the_frames_of_learning():
    it = filled(Proportional(alpha=1.0, beta=Linear(0.0, 1.0, over_frames=100)), [1.0, 4.0])
    assert weight_of(it, 2, frames=0) == {0: 1.0, 1: 1.0}
    assert weight_of(it, 2, frames=50) == {0: 1.0, 1: 0.5}
    assert weight_of(it, 2, frames=100) == {0: 1.0, 1: 0.25}


@pytest.mark.parametrize("weights", ["batch", "memory"])
def test_beta_0_leaves_all_weights_1(weights):
    for spec in (Proportional(offset=0.1, weights=weights), RankBased(weights=weights)):
        it = filled(replace(spec, beta=Constant(0.0)), SURPRISE)
        assert drawn(it, 100).weight.tolist() == [1.0] * 100


# State


@BOTH
def test_a_restored_sampler_goes_on_identically(spec: Proportional | RankBased):
    it = filled(spec, SURPRISE)
    it.leave(torch.tensor([3, 9]))
    again = spec.build(len(SURPRISE), np.random.default_rng(0))
    tree = flatten(clone(it.state()))
    again.load(unflatten(tree.plain, tree.tensors, {}))
    for it_or_again in (it, again):
        it_or_again._draws = np.random.default_rng(3)
    for _ in range(10):
        one, other = drawn(it, 8, 10**8), drawn(again, 8, 10**8)
        assert torch.equal(one.slot, other.slot)
        assert torch.equal(one.weight, other.weight)
        for each in (it, again):
            each.update(one.slot, one.weight)
            each.leave(torch.tensor([3, 5]))
            each.enter(torch.tensor([3, 5]))
        assert digest(it.state()) == digest(again.state())


@BOTH
def test_priorities_of_another_memory_are_refused(spec: Proportional | RankBased):
    with pytest.raises(ValueError, match="another size; use the recipe they came from"):
        spec.build(4, np.random.default_rng(0)).load(filled(spec, SURPRISE).state())


# Refusals


@BOTH
def test_a_surprise_that_is_no_number_is_refused(spec: Proportional | RankBased):
    with pytest.raises(ValueError, match="learning has diverged"):
        filled(spec, [1.0, math.nan])
    with pytest.raises(ValueError, match="learning has diverged"):
        filled(spec, [1.0, math.inf])


@pytest.mark.parametrize("spec", [Proportional, RankBased])
@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan])
def test_alpha_out_of_range_is_refused(spec, alpha: float):
    with pytest.raises(ValueError, match="alpha must lie between 0"):
        spec(alpha=alpha)


@pytest.mark.parametrize("spec", [Proportional, RankBased])
@pytest.mark.parametrize(
    "beta",
    [
        Constant(1.1),
        Linear(0.4, 1.1, over_frames=9),
        Exponential(-0.1, 1.0, decay_frames=9),
        Piecewise(((0.0, 0.4), (5.0, 2.0), (9.0, 1.0))),
    ],
)
def test_beta_out_of_range_is_refused(spec, beta):
    with pytest.raises(ValueError, match="beta must stay between 0"):
        spec(beta=beta)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"offset": -1.0}, "offset must be 0 or more"),
        ({"limit": 0.0}, "limit must be above 0, or none"),
        ({"uniform_share": 1.5}, "uniform_share must lie between 0 and 1"),
        ({"weights": "memory"}, "needs an offset above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        Proportional(**changes)
    with pytest.raises(ValueError, match="sort_every must be 1 or more"):
        RankBased(sort_every=0)
