"""Which action, how often, and how that changes with time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import chisquare

from linear.runs import probabilities_of
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax, chance_at, greedy

Q = [1.0, 3.0, 3.0, 0.0, 3.0]
VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6)
POLICIES = [
    EpsilonGreedy(),
    EpsilonGreedy(epsilon=0.3),
    EpsilonGreedy(epsilon=1.0),
    Softmax(),
    Softmax(temperature=0.1),
]


def counts(policy: PolicySpec, q: list[float], times: int = 4000, seed: int = 0) -> np.ndarray:
    draws, values = np.random.default_rng(seed), np.array(q)
    chosen = [policy.choose(policy.chance.start, values, draws) for _ in range(times)]
    return np.bincount(chosen, minlength=len(q))


def chances(policy: PolicySpec, steps: tuple[int, ...]) -> list[float]:
    return [chance_at(policy.chance, after) for after in steps]


# Greedy


def test_the_greedy_action_is_the_best():
    draws = np.random.default_rng(0)
    found = [greedy(np.array(q), draws) for q in ([5.0, 1.0, 2.0], [1.0, 5.0, 2.0], [1.0, 2.0, 5.0], [7.0])]
    assert found == [0, 1, 2, 0]
    assert [greedy(np.array([-3.0, -2.0, -2.5]), draws) for _ in range(20)] == [1] * 20


@pytest.mark.parametrize("q", [Q, [0.0, 0.0, 0.0], [2.0, 1.0, 2.0], [-1.0, -1.0, -7.0]])
def test_among_equally_good_actions_each_is_equally_likely(q: list[float]):
    best = np.array(q) == max(q)
    found = counts(EpsilonGreedy(), q)
    assert found[~best].sum() == 0
    assert chisquare(found[best]).pvalue > 0.01


@pytest.mark.parametrize("q", [Q, [0.0, 0.0, 0.0], [4.0, 1.0]])
@pytest.mark.parametrize("policy", POLICIES[1:], ids=str)
def test_actions_come_as_often_as_their_probabilities_say(policy: PolicySpec, q: list[float]):
    expected = np.array(probabilities_of(policy, np.array(q)))
    assert chisquare(counts(policy, q), 4000 * expected).pvalue > 0.01


def test_probabilities_of_epsilon_greedy_by_hand():
    """Of 0.3 each action has a fifth; the three best share the rest."""
    found = probabilities_of(EpsilonGreedy(epsilon=0.3), np.array(Q))
    assert found == pytest.approx([0.06, 0.06 + 0.7 / 3, 0.06 + 0.7 / 3, 0.06, 0.06 + 0.7 / 3], abs=1e-15)
    assert probabilities_of(EpsilonGreedy(), np.array([1.0, 4.0, 2.0])) == [0.0, 1.0, 0.0]
    assert probabilities_of(EpsilonGreedy(epsilon=1.0), np.array([1.0, 4.0])) == [0.5, 0.5]


# Softmax


def test_probabilities_of_softmax_by_hand():
    q = np.log([1.0, 2.0, 4.0])
    assert probabilities_of(Softmax(), q) == pytest.approx([1 / 7, 2 / 7, 4 / 7], abs=1e-15)
    assert probabilities_of(Softmax(temperature=0.5), q) == pytest.approx([1 / 21, 4 / 21, 16 / 21], abs=1e-15)
    assert probabilities_of(Softmax(temperature=1e3), q) == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_softmax_neither_overflows_nor_minds_what_is_added_to_all_values():
    assert probabilities_of(Softmax(), np.array([1e6, 1e6 + math.log(3)])) == pytest.approx([0.25, 0.75], abs=1e-9)
    assert probabilities_of(Softmax(temperature=1e-3), np.array([-1e6, 1e6])) == [0.0, 1.0]


def test_a_temperature_towards_0_is_greedy():
    cold = Softmax(temperature=1e-6)
    assert probabilities_of(cold, np.array(Q)) == pytest.approx(
        probabilities_of(EpsilonGreedy(), np.array(Q)), abs=1e-15
    )
    assert counts(cold, [1.0, 1.001, 1.0], 100).tolist() == [0, 100, 0]


@given(VALUES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_probabilities_sum_to_1(policy: PolicySpec, q: list[float]):
    found = probabilities_of(policy, np.array(q))
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert min(found) >= 0.0


# With time


def test_epsilon_that_does_not_fall():
    assert chances(EpsilonGreedy(epsilon=0.3), (0, 1, 10**9)) == [0.3, 0.3, 0.3]


def test_epsilon_that_falls_linearly_to_its_floor():
    falling = EpsilonGreedy(epsilon=1.0, floor=0.2, over_steps=8)
    assert chances(falling, (0, 2, 4, 8, 9, 10**9)) == pytest.approx([1.0, 0.8, 0.6, 0.2, 0.2, 0.2], abs=1e-15)
    assert chances(EpsilonGreedy(epsilon=0.5, over_steps=5), (0, 1, 5, 6)) == pytest.approx([0.5, 0.4, 0.0, 0.0])


def test_epsilon_that_falls_by_a_factor_to_its_floor():
    falling = EpsilonGreedy(epsilon=0.8, floor=0.15, factor=0.5)
    assert chances(falling, (0, 1, 2, 3, 10**6)) == pytest.approx([0.8, 0.4, 0.2, 0.15, 0.15], abs=1e-15)


def test_a_temperature_stays_what_it_is():
    assert chances(Softmax(temperature=0.7), (0, 1, 10**9)) == [0.7, 0.7, 0.7]


@given(st.floats(0, 1), st.floats(0, 1), st.none() | st.integers(1, 1000), st.integers(0, 10**6))
@example(0.5, 0.1, 100, 1000)
def test_epsilon_is_a_probability_above_its_floor_at_all_times(one: float, other: float, over: int | None, steps: int):
    low, high = sorted([one, other])
    assert low <= chance_at(EpsilonGreedy(epsilon=high, floor=low, over_steps=over).chance, steps) <= high


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: EpsilonGreedy(epsilon=1.1), "epsilon and its floor must lie between 0 and 1"),
        (lambda: EpsilonGreedy(epsilon=-0.1), "epsilon and its floor must lie between 0 and 1"),
        (lambda: EpsilonGreedy(floor=2.0), "epsilon and its floor must lie between 0 and 1"),
        (lambda: EpsilonGreedy(epsilon=0.1, floor=0.2, over_steps=100), "floor of epsilon must not be above epsilon"),
        (lambda: EpsilonGreedy(factor=0.0), "the factor of epsilon must be above 0, and at most 1"),
        (lambda: EpsilonGreedy(factor=1.01), "the factor of epsilon must be above 0, and at most 1"),
        (lambda: EpsilonGreedy(over_steps=0), "over_steps of 1 or more"),
        (lambda: EpsilonGreedy(over_steps=9, factor=0.9), "give one of them"),
        (lambda: Softmax(temperature=0.0), "temperature of a softmax policy must be above 0"),
        (lambda: Softmax(temperature=math.inf), "temperature of a softmax policy must be above 0"),
    ],
)
def test_policies_that_make_no_sense_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
