"""Whole runs: the loop against a plain one, seeds, threads, going on, limits of steps, divergence."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from linear.runs import car_run, probabilities_of
from linear.tiles import Tile, tiles_of
from playfield.linear.encoders import Tabular, TileCoding
from playfield.linear.learners import (
    LIMIT,
    ActorCritic,
    DoubleQLearning,
    LearnerSpec,
    Sarsa,
    SarsaLambda,
    TrueOnlineSarsaLambda,
)
from playfield.linear.play import CUT_OFF, DIVERGED, ENDED, LinearRun, Record, Setup, play_all
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax, chance_at
from playfield.linear.worlds import MountainCar, RandomWalk, WindyGrid

FALLING = EpsilonGreedy(epsilon=0.2, factor=0.999)


def columns(record: Record) -> list[list[float]]:
    return [column.tolist() for column in (record.steps, record.rewards, record.outcome)]


# The loop


class NaiveSarsa:
    """Sarsa on the mountain with a dictionary of tiles; only what the car does and what is chosen is compiled."""

    def __init__(self, alpha: float, policy: PolicySpec, seed: int, max_steps: int) -> None:
        self.alpha, self.policy, self.max_steps = alpha, policy, max_steps
        self.draws, self.played = np.random.default_rng(seed), 0
        self.weights: dict[Tile, float] = defaultdict(float)
        self.visited: list[list[float]] = []

    def tiles(self, state: np.ndarray, action: int) -> list[Tile]:
        return tiles_of([state[0] * (8 / (0.5 + 1.2)), state[1] * (8 / (0.07 + 0.07))], 8, action)

    def values(self, state: np.ndarray) -> np.ndarray:
        return np.array([sum(self.weights[tile] for tile in self.tiles(state, action)) for action in range(3)])

    def choose(self, state: np.ndarray) -> int:
        return self.policy.choose(chance_at(self.policy.chance, self.played), self.values(state), self.draws)

    def episode(self) -> int:
        world, state = MountainCar(), np.zeros(2)
        world.start(world.numbers, state, self.draws)
        action = self.choose(state)
        for steps in range(1, self.max_steps + 1):
            here = state.copy()
            self.visited.append(here.tolist())
            reward, ended = world.step(world.numbers, state, action, self.draws)
            self.played += 1
            next_action = self.choose(state)
            target = reward if ended else reward + self.values(state)[next_action]
            error = target - self.values(here)[action]
            for tile in self.tiles(here, action):
                self.weights[tile] += self.alpha / 8 * error
            if ended:
                return steps
            action = next_action
        return self.max_steps


@pytest.mark.parametrize("policy", [EpsilonGreedy(), EpsilonGreedy(epsilon=0.5, over_steps=400)], ids=str)
def test_the_compiled_loop_is_the_plain_one(policy: EpsilonGreedy):
    """Some episodes are cut off after 700 steps, where they are bootstrapped, and others end."""
    naive, run = NaiveSarsa(0.8, policy, seed=3, max_steps=700), car_run(Sarsa(alpha=0.8), 3, policy, 700)
    steps = [naive.episode() for _ in range(6)]
    record = run.play(6)
    assert record.steps.tolist() == steps
    assert {int(outcome) for outcome in record.outcome} == {ENDED, CUT_OFF}
    assert [outcome == CUT_OFF for outcome in record.outcome] == [n == 700 for n in steps]
    visited = np.array(naive.visited)
    expected = np.stack([naive.values(state) for state in visited])
    assert np.abs(run.values(visited) - expected).max() < 1e-11
    assert expected.min() < -20.0


def test_the_compiled_loop_gives_a_critic_and_its_actor_the_probabilities_of_now():
    """Windy walks of 40 steps; the plain version keeps two tables."""
    learner, policy, world = ActorCritic(alpha=0.3, critic_alpha=0.2, gamma=0.95), Softmax(temperature=1.0), WindyGrid()
    draws, preferences, worth = np.random.default_rng(5), np.zeros((70, 4)), np.zeros(70)
    for _ in range(4):
        state, so_far = np.zeros(1), 1.0
        world.start(world.numbers, state, draws)
        for _ in range(40):
            here = int(state[0])
            pi = probabilities_of(policy, preferences[here])
            action = policy.choose(1.0, preferences[here], draws)
            reward, ended = world.step(world.numbers, state, action, draws)
            error = reward + 0.95 * worth[int(state[0])] * (not ended) - worth[here]
            worth[here] += 0.2 * error
            preferences[here] += 0.3 * so_far * error * (np.eye(4)[action] - pi)
            so_far *= 0.95
            if ended:
                break
    setup = Setup(world=WindyGrid(max_steps=40), encoder=Tabular(), learner=learner, policy=policy)
    run = LinearRun(setup, np.random.default_rng(5))
    run.play(4)
    assert np.abs(run.values(np.arange(70.0)[:, None]) - preferences).max() < 1e-12
    assert np.abs(run.player.mind.values[:70] - worth).max() < 1e-12
    assert np.abs(preferences).max() > 0.1


def test_the_first_state_of_an_episode_has_the_features_of_that_state():
    """D2-B6: there the first state of every episode switched on features of others as well."""
    run = car_run(Sarsa(alpha=0.5), seed=1, max_steps=1)
    run.play(1)
    first = np.zeros(2)
    MountainCar().start(np.zeros(0), first, np.random.default_rng(1))
    learnt = np.flatnonzero(run.player.mind.weights)
    assert run.player.mind.weights[learnt].tolist() == [-0.5 / 8] * 8
    per_unit = (8 / (0.5 + 1.2), 8 / (0.07 + 0.07))
    numbers = [x * scale for x, scale in zip(first.tolist(), per_unit, strict=True)]
    keys = {tuple(run.code.numbers.table.keys[i].tolist()) for i in learnt}
    assert keys in [set(tiles_of(numbers, 8, action)) for action in range(3)]


# Seeds, threads, going on


def test_the_same_seed_plays_the_same_run_to_the_bit_and_another_another():
    runs = [car_run(Sarsa(alpha=0.5), seed, FALLING) for seed in (0, 0, 1)]
    records = [run.play(12) for run in runs]
    assert columns(records[0]) == columns(records[1])
    assert np.array_equal(runs[0].player.mind.weights, runs[1].player.mind.weights)
    assert columns(records[0]) != columns(records[2])


def test_runs_side_by_side_are_the_runs_one_after_another():
    seeds = range(6)
    alone, beside = ([car_run(Sarsa(alpha=0.5), seed, FALLING) for seed in seeds] for _ in range(2))
    records = play_all(alone, 20, 1), play_all(beside, 20, 2)
    assert [columns(one) for one in records[0]] == [columns(one) for one in records[1]]
    assert all(np.array_equal(a.player.mind.weights, b.player.mind.weights) for a, b in zip(alone, beside, strict=True))
    assert len({str(columns(one)) for one in records[0]}) == len(seeds)


@pytest.mark.parametrize(
    "learner", [Sarsa(alpha=0.5), TrueOnlineSarsaLambda(alpha=0.5)], ids=lambda x: type(x).__name__
)
def test_ten_episodes_and_ten_more_are_twenty(learner: Sarsa | TrueOnlineSarsaLambda):
    parts, whole = (car_run(learner, 2, FALLING) for _ in range(2))
    first, second, both = parts.play(10), parts.play(10), whole.play(20)
    assert [a + b for a, b in zip(columns(first), columns(second), strict=True)] == columns(both)
    assert np.array_equal(parts.player.mind.weights, whole.player.mind.weights)
    assert parts.player.played[0] == whole.player.played[0] == both.steps.sum()


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="--threads must be 1 or more"):
        play_all([], 1, 0)


# How an episode goes


def test_a_limit_of_steps_cuts_off_what_has_not_ended_by_then():
    free = car_run(Sarsa(alpha=0.5), max_steps=None).play(1)
    length = int(free.steps[0])
    assert length > 300
    assert columns(free) == [[length], [-length], [ENDED]]
    assert columns(car_run(Sarsa(alpha=0.5), max_steps=length).play(1)) == [[length], [-length], [ENDED]]
    assert columns(car_run(Sarsa(alpha=0.5), max_steps=length - 1).play(1)) == [[length - 1], [1 - length], [CUT_OFF]]


def test_a_beginner_sees_no_end_within_the_200_steps_of_gymnasium():
    record = car_run(Sarsa(alpha=0.5), max_steps=200).play(3)
    assert columns(record) == [[200] * 3, [-200.0] * 3, [CUT_OFF] * 3]


def test_weights_that_run_away_end_the_record():
    run = car_run(SarsaLambda(trace="accumulating", alpha=1.5, lambda_=0.9))
    record = run.play(50)
    assert 1 <= len(record.steps) < 50
    assert record.outcome[-1] == DIVERGED
    assert DIVERGED not in record.outcome[:-1]
    weights = run.player.mind.weights
    assert not (np.abs(weights) <= LIMIT).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.1 * LIMIT])
def test_weights_that_are_no_sensible_numbers_have_diverged(bad: float):
    """All weights at once, since nobody knows where the car will be."""
    run = car_run(Sarsa(alpha=0.5))
    run.player.mind.weights[:] = bad
    assert columns(run.play(5))[0::2] == [[1], [DIVERGED]]
    large = car_run(Sarsa(alpha=0.5), max_steps=50)
    large.player.mind.weights[:] = -0.9 * LIMIT
    assert columns(large.play(1))[0::2] == [[50], [CUT_OFF]]


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 1.1 * LIMIT])
def test_one_weight_that_has_run_away_is_noticed_when_the_episode_is_over(bad: float):
    """Wherever it lies: learners that wait change other weights than those of the step that is made."""
    run = car_run(Sarsa(alpha=0.5), max_steps=1)
    run.play(1)
    place = int(np.flatnonzero(run.code.numbers.table.keys[:, 0] < 0)[0])
    run.player.mind.weights[place] = bad
    assert columns(run.play(2)) == [[1], [-1.0], [DIVERGED]]


EVERY_SET = pytest.mark.parametrize(
    ("learner", "policy", "name"),
    [
        (DoubleQLearning(alpha=0.01), EpsilonGreedy(), "weights"),
        (DoubleQLearning(alpha=0.01), EpsilonGreedy(), "second"),
        (ActorCritic(alpha=0.01, critic_alpha=0.01), Softmax(), "weights"),
        (ActorCritic(alpha=0.01, critic_alpha=0.01), Softmax(), "values"),
    ],
    ids=lambda x: x if isinstance(x, str) else type(x).__name__,
)


def largest(run: LinearRun) -> dict[str, float]:
    """Of every set of weights that the learner has."""
    sets = {name: getattr(run.player.mind, name, None) for name in ("weights", "second", "values")}
    return {name: float(np.abs(weights).max()) for name, weights in sets.items() if weights is not None}


@EVERY_SET
def test_each_set_of_weights_is_looked_at_in_every_step(learner: LearnerSpec, policy: PolicySpec, name: str):
    """Two sets: one is beyond the limit everywhere, the other stays below it."""
    run = car_run(learner, policy=policy)
    getattr(run.player.mind, name)[:] = -1.1 * LIMIT
    assert columns(run.play(5))[0::2] == [[1], [DIVERGED]]
    assert [weights > LIMIT for weights in largest(run).values()] == [one == name for one in largest(run)]
    large = car_run(learner, policy=policy, max_steps=50)
    getattr(large.player.mind, name)[:] = -0.9 * LIMIT
    assert columns(large.play(1))[0::2] == [[50], [CUT_OFF]]


@EVERY_SET
def test_each_set_of_weights_is_looked_at_as_a_whole_when_the_episode_is_over(
    learner: LearnerSpec, policy: PolicySpec, name: str
):
    run = car_run(learner, policy=policy, max_steps=1)
    run.play(1)
    place = int(np.flatnonzero(run.code.numbers.table.keys[:, 0] < 0)[0])
    getattr(run.player.mind, name)[place] = 1.1 * LIMIT
    assert columns(run.play(2)) == [[1], [-1.0], [DIVERGED]]
    assert [weights > LIMIT for weights in largest(run).values()] == [one == name for one in largest(run)]


def test_a_critic_is_looked_at_where_it_learns_whatever_the_actor_does():
    """It values states by the features of the first action, and this actor takes the last one."""
    world = WindyGrid(max_steps=50)
    setup = Setup(world=world, encoder=Tabular(), learner=ActorCritic(alpha=0.01), policy=Softmax())
    run = LinearRun(setup, np.random.default_rng(0))
    run.player.mind.weights[3 * 70 :] = 1000.0
    run.player.mind.values[:70] = 1.1 * LIMIT
    assert columns(run.play(1))[0::2] == [[1], [DIVERGED]]


# Predictions


def test_the_error_of_predictions_is_that_of_the_values_after_each_episode():
    world = RandomWalk(states=5, left_reward=0.0)
    run = LinearRun(Setup(world=world, encoder=Tabular(), learner=Sarsa(alpha=0.1)), np.random.default_rng(0))
    assert np.isnan(run.play(1).error).all()
    run.compare_with(world.true_values())
    for _ in range(3):
        error = run.play(1).error[0]
        values = run.values(np.arange(5.0)[:, None])[:, 0]
        assert error == pytest.approx(np.sqrt(np.mean((values - np.arange(1, 6) / 6) ** 2)), abs=1e-15)
    share = np.array([0.0, 0.75, 0.0, 0.25, 0.0])
    run.compare_with(world.true_values(), share)
    error, values = run.play(1).error[0], run.values(np.array([[1.0], [3.0]]))[:, 0]
    assert error**2 == pytest.approx(0.75 * (values[0] - 2 / 6) ** 2 + 0.25 * (values[1] - 4 / 6) ** 2, abs=1e-15)
    run.compare_with(world.true_values())
    errors = run.play(2000).error
    assert errors[0] > 0.2
    assert errors[-1000:].mean() < 0.1


def test_the_error_of_two_sets_of_weights_is_that_of_their_mean():
    """By which Double Q-learning acts; the first set alone is another value."""
    world = RandomWalk(states=5, left_reward=0.0)
    setup = Setup(world=world, encoder=Tabular(), learner=DoubleQLearning(alpha=0.5))
    run = LinearRun(setup, np.random.default_rng(0))
    run.compare_with(world.true_values())
    worth = np.arange(1, 6) / 6
    for _ in range(5):
        error = run.play(1).error[0]
        first, second = run.player.mind.weights, run.player.mind.second
        assert error == pytest.approx(np.sqrt(np.mean(((first + second) / 2 - worth) ** 2)), abs=1e-15)
    assert abs(error - np.sqrt(np.mean((first - worth) ** 2))) > 0.01


def test_values_are_those_of_what_was_learnt():
    run = LinearRun(
        Setup(world=RandomWalk(states=5), encoder=Tabular(), learner=Sarsa(alpha=0.1)), np.random.default_rng(0)
    )
    run.player.mind.weights[:] = [3.0, 1.0, 4.0, 1.0, 5.0]
    assert run.values(np.array([[4.0], [0.0], [2.0]])).tolist() == [[5.0], [3.0], [4.0]]


def test_asking_for_values_leaves_learning_as_it_was():
    """Of tiles that were never met, too: nothing is known of them, and they take no place."""
    asked, left_alone = car_run(Sarsa(alpha=0.5)), car_run(Sarsa(alpha=0.5))
    asked.play(1)
    left_alone.play(1)
    values = asked.values(np.array([[x, v] for x in np.linspace(-1.2, 0.5, 20) for v in np.linspace(-0.07, 0.07, 20)]))
    assert values[0].tolist() == values[-1].tolist() == [0.0] * 3
    assert values.min() < -1.0
    assert asked.code.used() == left_alone.code.used()
    assert columns(asked.play(3)) == columns(left_alone.play(3))


def test_an_actor_critic_wants_softmax():
    with pytest.raises(ValueError, match="learns preferences, not values: give it the policy softmax"):
        LinearRun(
            Setup(world=MountainCar(), encoder=TileCoding(), learner=ActorCritic()),
            np.random.default_rng(0),
        )


def test_an_actor_critic_wants_a_choice():
    setup = Setup(world=RandomWalk(), encoder=Tabular(), learner=ActorCritic(), policy=Softmax())
    with pytest.raises(ValueError, match="needs actions to choose among, but walk has only one"):
        LinearRun(setup, np.random.default_rng(0))
