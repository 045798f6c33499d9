"""Every learner against its plain twin, single updates worked by hand, and settings that make one learner another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from linear import twins
from linear.paths import (
    ACTIONS,
    FEATURES,
    Features,
    Path,
    Went,
    ended,
    learn_step,
    learnt,
    of_code,
    random_paths,
    random_weights,
    seen_from,
)
from linear.runs import car_run, probabilities_of
from linear.twins import Weights
from playfield.linear import learners
from playfield.linear.learners import (
    ActorCritic,
    DoubleQLearning,
    ExpectedSarsa,
    LearnerSpec,
    NStepSarsa,
    OfflineLambdaReturn,
    QLearning,
    Sarsa,
    SarsaLambda,
    TrueOnlineQ,
    TrueOnlineSarsaLambda,
    WatkinsQ,
)
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax

SEEDS = pytest.mark.parametrize("seed", range(4))
ALPHA, GAMMA, LAMBDA = 0.2, 0.9, 0.7
NUMBERS = {"alpha": ALPHA, "gamma": GAMMA}
TRACED = NUMBERS | {"lambda_": LAMBDA}

EVERY: list[LearnerSpec] = [
    Sarsa(**NUMBERS),
    ExpectedSarsa(**NUMBERS),
    QLearning(**NUMBERS),
    DoubleQLearning(**NUMBERS),
    NStepSarsa(**NUMBERS),
    NStepSarsa(**NUMBERS, n=None),
    OfflineLambdaReturn(**TRACED),
    SarsaLambda(**TRACED, trace="accumulating"),
    SarsaLambda(**TRACED, trace="replacing"),
    SarsaLambda(**TRACED, trace="clearing"),
    SarsaLambda(**TRACED, trace="dutch"),
    TrueOnlineSarsaLambda(**TRACED),
    WatkinsQ(**TRACED),
    TrueOnlineQ(**TRACED),
    ActorCritic(**NUMBERS, critic_alpha=ALPHA),
]


def named(learner: LearnerSpec) -> str:
    return "-".join(
        [type(learner).__name__, *(str(getattr(learner, x)) for x in ("n", "trace") if hasattr(learner, x))]
    )


def plain(weights: list[float]) -> Weights:
    return dict(enumerate(weights))


def close(found: Any, expected: Weights) -> bool:
    """To 12 digits; the twins must have learnt something, too."""
    return found.tolist() == pytest.approx([expected[i] for i in range(len(found))], rel=1e-12, abs=1e-12)


def one_step_twin(following: Callable[[Weights, Went], float]) -> Callable[[Weights, list[Path]], None]:
    return lambda w, paths: twins.one_step(w, paths, ALPHA, GAMMA, following)


def trace_twin(trace: str) -> Callable[[Weights, list[Path]], None]:
    return lambda w, paths: twins.sarsa_lambda(w, paths, ALPHA, GAMMA, LAMBDA, trace)


TWINS: list[tuple[LearnerSpec, Callable[[Weights, list[Path]], None]]] = [
    (Sarsa(**NUMBERS), one_step_twin(twins.next_sarsa)),
    (ExpectedSarsa(**NUMBERS), one_step_twin(twins.next_expected)),
    (QLearning(**NUMBERS), one_step_twin(twins.next_best)),
    *(
        (NStepSarsa(**NUMBERS, n=n), lambda w, paths, n=n: twins.n_step_sarsa(w, paths, ALPHA, GAMMA, n))
        for n in (1, 2, 5, 50, None)
    ),
    (OfflineLambdaReturn(**TRACED), lambda w, paths: twins.offline_lambda(w, paths, ALPHA, GAMMA, LAMBDA)),
    (SarsaLambda(**TRACED, trace="accumulating"), trace_twin("accumulating")),
    (SarsaLambda(**TRACED, trace="replacing"), trace_twin("replacing")),
    (SarsaLambda(**TRACED, trace="clearing"), trace_twin("clearing")),
    (SarsaLambda(**TRACED, trace="dutch"), trace_twin("dutch")),
    (TrueOnlineSarsaLambda(**TRACED), lambda w, paths: twins.true_online_sarsa(w, paths, ALPHA, GAMMA, LAMBDA)),
    (WatkinsQ(**TRACED), lambda w, paths: twins.watkins(w, paths, ALPHA, GAMMA, LAMBDA)),
    (TrueOnlineQ(**TRACED), lambda w, paths: twins.true_online_q(w, paths, ALPHA, GAMMA, LAMBDA)),
]


# Twins


@SEEDS
@pytest.mark.parametrize(("learner", "twin"), TWINS, ids=[named(learner) for learner, _ in TWINS])
def test_a_learner_learns_what_its_plain_twin_learns(learner: LearnerSpec, twin: Any, seed: int):
    paths, before = random_paths(seed), random_weights(seed)
    expected = plain(before)
    twin(expected, paths)
    assert close(learnt(learner, paths, before).weights, expected)
    assert not np.allclose(before, list(expected.values()), atol=0.01)


@SEEDS
def test_double_q_learning_learns_what_its_plain_twin_learns(seed: int):
    paths, before, second = random_paths(seed), random_weights(seed), random_weights(seed + 1)
    learner = DoubleQLearning(**NUMBERS)
    mind, draws = learner.build(of_code()), np.random.default_rng(seed)
    mind.weights[:], mind.second[:] = before, second
    for path in paths:
        learner.begin(mind)
        for went in path:
            learn_step(learner, mind, went, draws)
    expected = plain(before), plain(second)
    twins.double(expected, paths, ALPHA, GAMMA, np.random.default_rng(seed).random)
    assert close(mind.weights, expected[0])
    assert close(mind.second, expected[1])
    assert not np.allclose(before, mind.weights, atol=0.01)
    assert not np.allclose(second, mind.second, atol=0.01)


@SEEDS
def test_actor_critic_learns_what_its_plain_twin_learns(seed: int):
    paths, before = random_paths(seed), random_weights(seed)
    mind = learnt(ActorCritic(**NUMBERS, critic_alpha=0.3), paths, before)
    theta, w = plain(before), plain([0.0] * FEATURES)
    twins.actor_critic(theta, w, paths, ALPHA, 0.3, GAMMA)
    assert close(mind.weights, theta)
    assert close(mind.values, w)
    assert not np.allclose(before, mind.weights, atol=0.01)


@pytest.mark.parametrize("learner", EVERY, ids=named)
def test_a_step_size_is_shared_among_the_features_that_are_1_at_once(learner: LearnerSpec):
    four, one = learner.build(of_code(shares=4)), learner.build(of_code(shares=1))
    assert (four.alpha, one.alpha) == (ALPHA / 4, ALPHA)
    if isinstance(learner, ActorCritic):
        assert (four.critic_alpha, one.critic_alpha) == (ALPHA / 4, ALPHA)


@pytest.mark.parametrize("learner", EVERY, ids=named)
def test_an_episode_begins_with_nothing_left_of_the_last(learner: LearnerSpec):
    """The second episode changes the weights as it does for somebody who knew them without living through the first."""
    paths = random_paths(7, 2)
    after_both = learnt(learner, paths, random_weights(7))
    heir = learner.build(of_code())
    for mine, left in zip(heir, learnt(learner, paths[:1], random_weights(7)), strict=True):
        if isinstance(mine, np.ndarray) and mine.shape == (FEATURES,):
            mine[:] = left
    draws = np.random.default_rng(0)
    draws.random(len(paths[0]) if isinstance(learner, DoubleQLearning) else 0)
    learner.begin(heir)
    for went in paths[1]:
        learn_step(learner, heir, went, draws)
    assert heir.weights.tolist() == after_both.weights.tolist()


# By hand


def lone(strength: float, index: int) -> list[Features]:
    return [{index: strength}]


def step(here: list[Features], there: list[Features], reward: float, **kinds: Any) -> Went:
    pi = [1 / len(here)] * len(here)
    plainly = {"action": 0, "discount": 1.0, "last": False, "next_action": 0, "pi": pi, "next_pi": pi}
    return Went(here=here, there=there, reward=reward, **plainly | kinds)


# q(S, ·) = (1 + 2, 3 + 4), q(S', ·) = (5 + 6, 7 + 8)
TWO_ACTIONS = step(
    [{0: 1.0, 1: 1.0}, {2: 1.0, 3: 1.0}], [{4: 1.0, 5: 1.0}, {6: 1.0, 7: 1.0}], 4.0, next_pi=[0.25, 0.75]
)
EIGHT = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]


@pytest.mark.parametrize(
    ("learner", "next_action", "by"),
    [
        # α = ¼, γ = ½: a quarter of R + ½ q' − 3
        (Sarsa(alpha=0.25, gamma=0.5), 0, (4 + 5.5 - 3) / 4),
        (Sarsa(alpha=0.25, gamma=0.5), 1, (4 + 7.5 - 3) / 4),
        (ExpectedSarsa(alpha=0.25, gamma=0.5), 0, (4 + 7.0 - 3) / 4),
        (QLearning(alpha=0.25, gamma=0.5), 0, (4 + 7.5 - 3) / 4),
        (WatkinsQ(alpha=0.25, gamma=0.5), 0, (4 + 7.5 - 3) / 4),
        (TrueOnlineQ(alpha=0.25, gamma=0.5), 0, (4 + 7.5 - 3) / 4),
        (NStepSarsa(alpha=0.25, gamma=0.5, n=1), 0, (4 + 5.5 - 3) / 4),
        (NStepSarsa(alpha=0.25, gamma=0.5, n=2), 0, 0.0),
        (OfflineLambdaReturn(alpha=0.25, gamma=0.5), 0, 0.0),
    ],
    ids=lambda x: named(x) if not isinstance(x, int | float) else None,
)
def test_one_update_by_hand(learner: LearnerSpec, next_action: int, by: float):
    mind = learnt(learner, [[replace(TWO_ACTIONS, next_action=next_action)]], EIGHT)
    assert mind.weights.tolist() == [1 + by, 2 + by, 3, 4, 5, 6, 7, 8]


def test_one_update_of_double_q_learning_by_hand():
    """The set that learns likes action 1 best, whose value by the other set is 2 + 1."""
    learner = DoubleQLearning(alpha=0.25, gamma=0.5)
    flipped = {True: 0, False: 0}
    for seed in range(20):
        mind = learner.build(of_code(8, 2))
        mind.weights[:], mind.second[:] = EIGHT, EIGHT[::-1]
        learn_step(learner, mind, TWO_ACTIONS, np.random.default_rng(seed))
        first, second = mind.weights.tolist(), mind.second.tolist()
        if second == EIGHT[::-1]:  # 4 + ½ (2 + 1) − (1 + 2) = 2.5
            assert first == [1.625, 2.625, *EIGHT[2:]]
        else:  # action 0 is best for the second: 4 + ½ (5 + 6) − (8 + 7) = −5.5
            assert (first, second) == (EIGHT, [6.625, 5.625, 6, 5, 4, 3, 2, 1])
        flipped[second == EIGHT[::-1]] += 1
    assert min(flipped.values()) > 3


def test_double_q_learning_acts_by_the_mean_of_both_sets():
    learner = DoubleQLearning()
    mind, seen = learner.build(of_code(8, 2)), seen_from(TWO_ACTIONS.here, TWO_ACTIONS.pi)
    mind.weights[:], mind.second[:] = EIGHT, [10.0] * 8
    learner.judge(mind, seen)
    assert seen.q.tolist() == [(3 + 20) / 2, (7 + 20) / 2]


def test_one_update_of_actor_critic_by_hand():
    """v(S) = 1 and v(S') = 6; δ = 4 + ½ 6 − 1 = 6. The actor took action 0 at π = (¼, ¾)."""
    learner = ActorCritic(alpha=0.5, critic_alpha=0.25, gamma=0.5)
    mind = learner.build(of_code(8, 2))
    mind.weights[:], mind.values[:] = EIGHT, [1.0, 0.0, 9.0, 9.0, 2.0, 4.0, 9.0, 9.0]
    learner.begin(mind)
    went = replace(TWO_ACTIONS, pi=[0.25, 0.75])
    learn_step(learner, mind, went, np.random.default_rng(0))
    assert mind.values.tolist() == [2.5, 1.5, 9, 9, 2, 4, 9, 9]
    by = 0.5 * 6 * 0.75
    assert mind.weights.tolist() == [1 + by, 2 + by, 3 - by, 4 - by, 5, 6, 7, 8]
    # Half as much for a second step: γ¹. Now δ = 4 + ½ 6 − 4 = 3.
    learn_step(learner, mind, went, np.random.default_rng(0))
    assert mind.weights[0] == 1 + by + 0.5 * 0.5 * 3 * 0.75


TWICE = [step(lone(1.0, 0), lone(1.0, 0), 1.0), ended([step(lone(1.0, 0), lone(1.0, 0), 1.0)])[0]]


@pytest.mark.parametrize(
    ("learner", "after"),
    [
        # One weight, from 0, at α = γ = λ = ½, two rewards of 1. First δ = 1 and z = 1: w = ½. Then δ = 1 − ½, and
        (SarsaLambda(trace="accumulating", alpha=0.5, gamma=0.5, lambda_=0.5), 0.5 + 0.25 * (1 + 0.25)),
        (SarsaLambda(trace="replacing", alpha=0.5, gamma=0.5, lambda_=0.5), 0.5 + 0.25 * 1),
        (SarsaLambda(trace="dutch", alpha=0.5, gamma=0.5, lambda_=0.5), 0.5 + 0.25 * (0.25 + 1 - 0.125)),
        # δ + Q − Q_old = ½ + ½ − 0: w = ½ + ½ z − ½ ½
        (TrueOnlineSarsaLambda(alpha=0.5, gamma=0.5, lambda_=0.5), 0.5 + 0.5 * 1.125 - 0.25),
        # λ-returns 1 + ½ (½ 0 + ½ 1) = 1.25 and 1: w = 0.625, then half of the way to 1
        (OfflineLambdaReturn(alpha=0.5, gamma=0.5, lambda_=0.5), 0.625 + 0.5 * (1 - 0.625)),
        (OfflineLambdaReturn(alpha=0.5, gamma=0.5, lambda_=0.0), 0.5 + 0.5 * (1 - 0.5)),
        (OfflineLambdaReturn(alpha=0.5, gamma=0.5, lambda_=1.0), 0.75 + 0.5 * (1 - 0.75)),
        # Returns 1.5 and 1
        (NStepSarsa(alpha=0.5, gamma=0.5, n=2), 0.75 + 0.5 * (1 - 0.75)),
        (NStepSarsa(alpha=0.5, gamma=0.5, n=None), 0.75 + 0.5 * (1 - 0.75)),
    ],
    ids=lambda x: named(x) if not isinstance(x, float) else None,
)
def test_two_steps_by_hand(learner: LearnerSpec, after: float):
    assert learnt(learner, [TWICE], [0.0]).weights.tolist() == [after]


def test_clearing_forgets_the_other_actions_of_a_state_that_is_met_again():
    """Two actions in one state, first the second of them: its trace of ¼ learns from the next step, or is cleared."""
    here = [{0: 1.0}, {1: 1.0}]
    path = ended([step(here, here, 1.0, action=1), step(here, here, 8.0)])
    kinds = ("replacing", "clearing")
    found = [learnt(SarsaLambda(trace=k, alpha=0.5, gamma=0.5, lambda_=0.5), [path], [0.0, 0.0]) for k in kinds]
    assert [mind.weights.tolist() for mind in found] == [[4.0, 0.5 + 0.5 * 8 * 0.25], [4.0, 0.5]]


def test_watkins_forgets_what_led_to_an_action_that_explores():
    """The first feature learns from the second step, by a trace of ¼, only where the action between was the best."""
    first = step([{0: 1.0}, {9: 1.0}], [{1: 1.0}, {2: 1.0}], 1.0)
    second = ended([step([{1: 1.0}, {2: 1.0}], [{3: 1.0}, {4: 1.0}], 8.0)])[0]
    learner, weights = WatkinsQ(alpha=0.5, gamma=0.5, lambda_=0.5), [0.0] * 10
    best = learnt(learner, [[first, second]], weights).weights
    assert best[:2].tolist() == [0.5 + 0.5 * 8 * 0.25, 4.0]
    weights[2] = 1.0  # action 1 is better, and the one taken explores
    explored = learnt(learner, [[first, second]], weights).weights
    assert explored[:2].tolist() == [0.5 * (1 + 0.5), 4.0]


# Ends and cut-offs


@pytest.mark.parametrize("learner", EVERY, ids=named)
@pytest.mark.parametrize(("discount", "after"), [(1.0, 2.5), (0.0, 1.5)], ids=["cut-off", "end"])
def test_a_cut_off_episode_is_bootstrapped_and_a_true_end_is_not(learner: LearnerSpec, discount: float, after: float):
    """D2-B15. Half of the way from 2 to 1 + ½ 4, or to 1."""
    halves = replace(learner, alpha=0.5, gamma=0.5)
    if isinstance(halves, ActorCritic):
        halves = replace(halves, critic_alpha=0.5)
    mind = halves.build(of_code(2, 1))
    for name in ("weights", "second", "values"):
        if hasattr(mind, name):
            getattr(mind, name)[:] = [2.0, 4.0]
    halves.begin(mind)
    learn_step(
        halves, mind, step(lone(1.0, 0), lone(1.0, 1), 1.0, discount=discount, last=True), np.random.default_rng(0)
    )
    sets = [getattr(mind, name).tolist() for name in ("weights", "second", "values") if hasattr(mind, name)]
    assert [after, 4.0] in sets
    assert sum(one != [2.0, 4.0] for one in sets) == 1


@pytest.mark.parametrize("learner", EVERY, ids=named)
def test_whatever_learns_before_the_next_action_is_chosen_does_not_learn_from_it(learner: LearnerSpec):
    paths, before = random_paths(0), random_weights(0)
    others = [[replace(went, next_action=0) for went in path] for path in paths]
    same = learnt(learner, paths, before).weights.tolist() == learnt(learner, others, before).weights.tolist()
    assert same == learner.learns_first


# Neutral elements


def bits(learner: LearnerSpec, seed: int, paths: list[Path] | None = None) -> list[float]:
    return learnt(learner, paths or random_paths(seed), random_weights(seed)).weights.tolist()


@SEEDS
def test_one_step_of_n_step_sarsa_is_sarsa(seed: int):
    assert bits(NStepSarsa(**NUMBERS, n=1), seed) == bits(Sarsa(**NUMBERS), seed)


@SEEDS
def test_all_steps_of_n_step_sarsa_are_gradient_monte_carlo(seed: int):
    paths, before = [ended(path) for path in random_paths(seed)], random_weights(seed)
    expected = plain(before)
    twins.monte_carlo(expected, paths, ALPHA, GAMMA)
    assert close(learnt(NStepSarsa(**NUMBERS, n=None), paths, before).weights, expected)


@SEEDS
def test_a_lambda_of_one_from_afar_is_gradient_monte_carlo(seed: int):
    paths, before = [ended(path) for path in random_paths(seed)], random_weights(seed)
    expected = plain(before)
    twins.monte_carlo(expected, paths, ALPHA, GAMMA)
    assert close(learnt(OfflineLambdaReturn(**NUMBERS, lambda_=1.0), paths, before).weights, expected)


@SEEDS
def test_a_lambda_of_zero_from_afar_is_sarsa_with_the_targets_of_the_beginning(seed: int):
    paths, before = random_paths(seed, 1), random_weights(seed)
    expected, frozen = plain(before), plain(before)
    for went in paths[0]:
        target = went.reward + GAMMA * went.discount * twins.next_sarsa(frozen, went)
        x = went.here[went.action]
        twins.add(expected, ALPHA * (target - twins.dot(expected, x)), x)
    assert close(learnt(OfflineLambdaReturn(**NUMBERS, lambda_=0.0), paths, before).weights, expected)


@SEEDS
@pytest.mark.parametrize("trace", ["accumulating", "replacing", "clearing", "dutch"])
def test_traces_that_fade_at_once_are_sarsa_to_the_bit(trace: Any, seed: int):
    assert bits(SarsaLambda(**NUMBERS, lambda_=0.0, trace=trace), seed) == bits(Sarsa(**NUMBERS), seed)


@SEEDS
def test_true_online_without_lambda_is_sarsa(seed: int):
    found = bits(TrueOnlineSarsaLambda(**NUMBERS, lambda_=0.0), seed)
    assert found == pytest.approx(bits(Sarsa(**NUMBERS), seed), abs=1e-12)


@SEEDS
def test_watkins_without_lambda_is_q_learning_to_the_bit(seed: int):
    assert bits(WatkinsQ(**NUMBERS, lambda_=0.0), seed) == bits(QLearning(**NUMBERS), seed)


def led_by(learner: LearnerSpec, policy: PolicySpec, seed: int) -> list[float]:
    """As `bits`, but the policy acts, by what has been learnt so far."""
    mind, draws = learner.build(of_code()), np.random.default_rng(seed)
    mind.weights[:] = random_weights(seed)
    for path in random_paths(seed):
        learner.begin(mind)
        action = path[0].action
        for went in path:
            there = seen_from(went.there, went.next_pi)
            learner.judge(mind, there)
            next_pi = np.zeros(ACTIONS)
            policy.probabilities(policy.chance.start, there.q, next_pi)
            next_action = policy.choose(policy.chance.start, there.q, draws)
            chosen = replace(went, action=action, next_action=next_action, next_pi=next_pi.tolist())
            learn_step(learner, mind, chosen, draws)
            action = next_action
    return mind.weights.tolist()


@SEEDS
def test_expected_sarsa_under_a_greedy_policy_is_q_learning_to_the_bit(seed: int):
    greedy = EpsilonGreedy()
    assert led_by(ExpectedSarsa(**NUMBERS), greedy, seed) == led_by(QLearning(**NUMBERS), greedy, seed)
    wavering = EpsilonGreedy(epsilon=0.5)
    assert led_by(ExpectedSarsa(**NUMBERS), wavering, seed) != led_by(QLearning(**NUMBERS), wavering, seed)


@SEEDS
def test_true_online_q_under_a_greedy_policy_is_true_online_sarsa_to_the_bit(seed: int):
    greedy, wavering = EpsilonGreedy(), EpsilonGreedy(epsilon=0.9)
    pair = TrueOnlineQ(**TRACED), TrueOnlineSarsaLambda(**TRACED)
    assert led_by(pair[0], greedy, seed) == led_by(pair[1], greedy, seed)
    assert led_by(pair[0], wavering, seed) != led_by(pair[1], wavering, seed)


@pytest.mark.parametrize("trace", ["accumulating", "replacing", "dutch"])
def test_traces_that_fade_at_once_drive_the_car_as_sarsa_does_to_the_bit(trace: Any):
    plainly, traced = car_run(Sarsa(alpha=0.5)), car_run(SarsaLambda(alpha=0.5, lambda_=0.0, trace=trace))
    assert np.array_equal(plainly.play(15), traced.play(15), equal_nan=True)
    assert np.array_equal(plainly.player.mind.weights, traced.player.mind.weights)
    assert plainly.player.mind.weights.min() < -5.0


def test_one_step_of_n_step_sarsa_drives_the_car_as_sarsa_does_to_the_bit():
    plainly, n_step = car_run(Sarsa(alpha=0.5)), car_run(NStepSarsa(alpha=0.5, n=1))
    assert np.array_equal(plainly.play(15), n_step.play(15), equal_nan=True)
    assert np.array_equal(plainly.player.mind.weights, n_step.player.mind.weights)


# Forward and backward


@SEEDS
@pytest.mark.parametrize("lambda_", [0.0, 0.4, 0.9, 1.0])
@pytest.mark.parametrize("gamma", [1.0, 0.8])
def test_true_online_is_the_online_lambda_return_algorithm_after_every_episode(seed: int, lambda_: float, gamma: float):
    paths, before = random_paths(seed, actions=1, longest=20), random_weights(seed)
    expected = plain(before)
    learner = TrueOnlineSarsaLambda(alpha=ALPHA, gamma=gamma, lambda_=lambda_)
    for count, path in enumerate(paths, start=1):
        twins.online_lambda(expected, [path], ALPHA, gamma, lambda_)
        assert close(learnt(learner, paths[:count], before).weights, expected)


@SEEDS
def test_the_dutch_trace_alone_is_not_the_online_lambda_return_algorithm(seed: int):
    paths, before = random_paths(seed, actions=1, longest=20), random_weights(seed)
    expected = plain(before)
    twins.online_lambda(expected, paths, ALPHA, GAMMA, LAMBDA)
    found = learnt(SarsaLambda(**TRACED, trace="dutch"), paths, before).weights
    assert np.abs(found - list(expected.values())).max() > 1e-4


def walk(seed: int, states: int = 5) -> Path:
    """A random walk from the middle of a line; 1 for leaving it to the right."""
    draws, state, path = np.random.default_rng(seed), states // 2, []
    while 0 <= state < states:
        there = state + int(draws.choice([-1, 1]))
        on_line = min(max(there, 0), states - 1)
        path.append(step(lone(1.0, state), lone(1.0, on_line), float(there == states)))
        state = there
    return ended(path)


@SEEDS
def test_traces_that_never_fade_sum_up_to_monte_carlo_where_steps_are_tiny(seed: int):
    """Each visit of a state moves it by α (G − w), G being all the reward that came after, here the final one."""
    walks, before, alpha = [walk(10 * seed + k) for k in range(5)], np.array([0.3, -0.2, 0.5, 0.1, 0.7]), 1e-7
    learner = SarsaLambda(alpha=alpha, gamma=1.0, lambda_=1.0, trace="accumulating")
    moved = (learnt(learner, walks, before.tolist()).weights - before) / alpha
    expected = sum(np.array(visits(path)) * (path[-1].reward - before) for path in walks)
    assert moved.tolist() == pytest.approx(expected.tolist(), abs=1e-3)
    assert max(max(visits(path)) for path in walks) > 1


def visits(path: Path) -> list[int]:
    return np.bincount([next(iter(went.here[0])) for went in path], minlength=5).tolist()


@pytest.mark.parametrize("n", [None, 4])
@SEEDS
def test_a_window_that_is_too_short_for_an_episode_bootstraps(
    seed: int, n: int | None, monkeypatch: pytest.MonkeyPatch
):
    paths, before = random_paths(seed, longest=15), random_weights(seed)
    expected = learnt(NStepSarsa(**NUMBERS, n=4), paths, before).weights.tolist()
    monkeypatch.setattr(learners, "LONGEST", 4)
    assert learnt(NStepSarsa(**NUMBERS, n=n), paths, before).weights.tolist() == expected


@SEEDS
def test_a_lambda_return_over_a_window_that_is_too_short_is_that_of_parts_cut_off(
    seed: int, monkeypatch: pytest.MonkeyPatch
):
    paths, before = random_paths(seed, longest=15), random_weights(seed)
    parts = [path[t : t + 4] for path in paths for t in range(0, len(path), 4)]
    parts = [part if part[-1].last else [*part[:-1], replace(part[-1], last=True)] for part in parts]
    expected = learnt(OfflineLambdaReturn(**TRACED), parts, before).weights.tolist()
    monkeypatch.setattr(learners, "LONGEST", 4)
    assert learnt(OfflineLambdaReturn(**TRACED), paths, before).weights.tolist() == expected


# The actor's gradient


@pytest.mark.parametrize("action", range(3))
def test_the_actor_climbs_the_logarithm_of_its_softmax(action: int):
    """What one step changes is α δ ∇ ln π(A|S), and that is what small changes of each weight do to ln π."""
    went, before = random_paths(3, 1, longest=1)[0][0], np.array(random_weights(3))

    def probabilities(weights: Any) -> list[float]:
        q = np.array([sum(weights[i] * x for i, x in features.items()) for features in went.here])
        return probabilities_of(Softmax(), q)

    def logarithm(weights: Any) -> float:
        return math.log(probabilities(weights)[action])

    learner = ActorCritic(alpha=0.5, critic_alpha=0.1, gamma=0.9)
    mind = learnt(learner, [[replace(went, action=action, pi=probabilities(before))]], before.tolist())
    delta = went.reward  # the critic knows nothing yet
    h = 1e-5 * np.eye(FEATURES)
    slope = [(logarithm(before + one) - logarithm(before - one)) / 2e-5 for one in h]
    assert ((mind.weights - before) / (0.5 * delta)).tolist() == pytest.approx(slope, abs=1e-8)
    assert max(map(abs, slope)) > 0.1


# Settings


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        *((lambda cls=cls: cls(alpha=0.0), "alpha must be above 0") for cls in map(type, EVERY)),
        *((lambda cls=cls: cls(gamma=1.01), "gamma must lie between 0 and 1") for cls in map(type, EVERY)),
        *(
            (lambda cls=cls: cls(lambda_=1.1), "lambda_ must lie between 0 and 1")
            for cls in (SarsaLambda, TrueOnlineSarsaLambda, WatkinsQ, TrueOnlineQ, OfflineLambdaReturn)
        ),
        (lambda: Sarsa(alpha=math.nan), "alpha must be above 0"),
        (lambda: Sarsa(alpha=math.inf), "alpha must be above 0"),
        (lambda: Sarsa(gamma=-0.1), "gamma must lie between 0 and 1"),
        (lambda: ActorCritic(critic_alpha=-1.0), "critic_alpha must be above 0"),
        (lambda: NStepSarsa(n=0), "n must be 1 or more and at most 65,536"),
        (lambda: NStepSarsa(n=2**16 + 1), "n must be 1 or more and at most 65,536"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Callable[[], LearnerSpec], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
