"""Compiled worlds step by step: by hand, against Gymnasium, and by searching them."""

from __future__ import annotations

import math
from collections import deque

import gymnasium
import numpy as np
import pytest

from playfield.linear.worlds import Cliff, CompiledWorld, MountainCar, RandomWalk, WindyGrid

CAR = MountainCar()
BACK, COAST, FORWARD = range(3)
UP, DOWN, LEFT, RIGHT = range(4)
EVERY = pytest.mark.parametrize("world", [CAR, RandomWalk(), Cliff(), WindyGrid()], ids=lambda w: w.name)


def stepped(world: CompiledWorld, state: list[float], action: int, seed: int = 0) -> tuple[list[float], float, bool]:
    there = np.array(state)
    reward, ended = world.step(world.numbers, there, action, np.random.default_rng(seed))
    return there.tolist(), reward, ended


def started(world: CompiledWorld, draws: np.random.Generator) -> list[float]:
    state = np.full(len(world.observations.low), np.nan)
    world.start(world.numbers, state, draws)
    return state.tolist()


# Mountain Car


@pytest.mark.parametrize(
    ("state", "action", "there", "ended"),
    [
        # cos 3x is 1 at 0: gravity takes 0.0025, an action adds or takes 0.001.
        ([0.0, 0.0], BACK, [-0.0035, -0.0035], False),
        ([0.0, 0.0], COAST, [-0.0025, -0.0025], False),
        ([0.0, 0.0], FORWARD, [-0.0015, -0.0015], False),
        # cos 3x is 0 at -π/6, the bottom of the valley.
        ([-math.pi / 6, 0.01], FORWARD, [-math.pi / 6 + 0.011, 0.011], False),
        # cos 3x is -1 at -π/3: gravity adds 0.0025, and 0.07 is the fastest.
        ([-math.pi / 3, 0.0], COAST, [-math.pi / 3 + 0.0025, 0.0025], False),
        ([-math.pi / 3, 0.0695], FORWARD, [-math.pi / 3 + 0.07, 0.07], False),
        ([0.0, -0.069], BACK, [-0.07, -0.07], False),
        # The left end stops the car, the right end is the goal.
        ([-1.19, -0.06], BACK, [-1.2, 0.0], False),
        ([0.499, 0.03], FORWARD, [0.5, 0.031 - 0.0025 * math.cos(1.497)], True),
    ],
)
def test_a_step_of_the_car_by_hand(state: list[float], action: int, there: list[float], ended: bool):
    found, reward, over = stepped(CAR, state, action)
    assert found == pytest.approx(there, abs=1e-15)
    assert (reward, over) == (-1.0, ended)


@pytest.mark.parametrize("seed", range(3))
def test_the_car_moves_as_gymnasiums_does(seed: int):
    """From random states. Theirs may roll on from the goal at 0.5, up to 0.6: only its last state can tell."""
    theirs, draws = gymnasium.make("MountainCar-v0").unwrapped, np.random.default_rng(seed)
    theirs.reset(seed=seed)
    arrivals = 0
    for _ in range(40):
        state = [draws.uniform(-1.2, 0.49), draws.uniform(-0.07, 0.07)]
        theirs.state = tuple(state)
        for action in draws.integers(0, 3, 50).tolist():
            _, their_reward, their_end, _, _ = theirs.step(action)
            state, reward, ended = stepped(CAR, state, action)
            position, velocity = map(float, theirs.state)
            assert state == pytest.approx([min(position, 0.5), velocity], abs=1e-13)
            assert (reward, ended) == (their_reward, their_end)
            state = [position, velocity]
            arrivals += ended
            if ended:
                break
    assert arrivals > 3


def test_the_car_starts_anywhere_in_the_valley_by_the_seed_at_rest():
    """D2-B7: every episode and every run began at -0.4726."""
    draws = np.random.default_rng(0)
    starts = [started(CAR, draws) for _ in range(2000)]
    positions = np.array(starts)[:, 0]
    assert {velocity for _, velocity in starts} == {0.0}
    assert positions.min() >= -0.6
    assert positions.max() < -0.4
    assert np.histogram(positions, 4, (-0.6, -0.4))[0].tolist() == pytest.approx([500] * 4, rel=0.15)
    first = [started(CAR, np.random.default_rng(seed))[0] for seed in range(20)]
    assert len(set(first)) == 20
    assert first[0] == positions[0]


# Random walks


def test_what_the_states_of_short_walks_are_worth():
    five = RandomWalk(states=5, left_reward=0.0).true_values()
    assert five.tolist() == pytest.approx([k / 6 for k in range(1, 6)], abs=1e-12)
    nineteen = RandomWalk().true_values()
    assert nineteen.tolist() == pytest.approx([k / 10 for k in range(-9, 10)], abs=1e-12)


def test_what_three_states_with_jumps_of_two_are_worth():
    """Of the outer ones, a, half of all jumps leave on the near side, a quarter each reach the middle and the far one.

    By symmetry the middle is worth 0, and a = -½ + ¼ 0 + ¼ (-a).
    """
    found = RandomWalk(states=3, farthest=2).true_values()
    assert found.tolist() == pytest.approx([-0.4, 0.0, 0.4], abs=1e-12)


def test_what_states_of_the_long_walk_are_worth_on_average():
    world, draws = RandomWalk(states=1000, farthest=100), np.random.default_rng(0)
    worth = world.true_values()
    assert worth.tolist() == pytest.approx((-worth[::-1]).tolist(), abs=1e-9)
    for first in (0, 120, 650):
        ends = [walked(world, float(first), draws) for _ in range(1500)]
        error = np.std(ends) / len(ends) ** 0.5
        assert np.mean(ends) == pytest.approx(worth[first], abs=3.5 * error)
        assert 3.5 * error < 0.1


def walked(world: RandomWalk, first: float, draws: np.random.Generator) -> float:
    state, ended, rewards = np.array([first]), False, 0.0
    while not ended:
        reward, ended = world.step(world.numbers, state, 0, draws)
        rewards += reward
    return rewards


def test_every_jump_of_a_walk_is_equally_likely():
    world, draws = RandomWalk(states=9, farthest=3), np.random.default_rng(1)
    counts = dict.fromkeys(range(-3, 4), 0)
    for _ in range(3000):
        state = np.array([4.0])
        assert world.step(world.numbers, state, 0, draws) == (0.0, False)
        counts[int(state[0]) - 4] += 1
    assert counts.pop(0) == 0
    assert list(counts.values()) == pytest.approx([500] * 6, rel=0.15)


@pytest.mark.parametrize(("first", "side", "reward"), [(0.0, -1, -2.0), (6.0, 1, 1.0)])
def test_leaving_a_walk_ends_it_and_the_state_shown_stays_on_the_line(first: float, side: int, reward: float):
    world = RandomWalk(states=7, left_reward=-2.0)
    found = [stepped(world, [first], 0, seed) for seed in range(20)]
    outside, inside = ([first], reward, True), ([first - side], 0.0, False)
    assert {str(one) for one in found} == {str(outside), str(inside)}


@pytest.mark.parametrize(("states", "middle"), [(1, 0), (5, 2), (19, 9), (1000, 499)])
def test_a_walk_starts_in_the_middle(states: int, middle: int):
    """State 500 of 1000 where they are counted from 1."""
    assert started(RandomWalk(states=states), np.random.default_rng(0)) == [middle]


def test_how_often_a_short_walk_is_in_each_state():
    """Of 3 states: 1 visit of the middle and half of a return; a walk has 2 + 1 + 1 steps on average."""
    assert RandomWalk(states=3).visits().tolist() == pytest.approx([0.25, 0.5, 0.25], abs=1e-12)


# Grids


def shortest(world: CompiledWorld) -> int:
    """Steps of the shortest way to an end, by breadth-first search over every action."""
    first = started(world, np.random.default_rng(0))
    waiting, known = deque([(first, 0)]), {tuple(first)}
    while waiting:
        state, steps = waiting.popleft()
        for action in range(len(world.actions)):
            there, _, ended = stepped(world, state, action)
            if ended:
                return steps + 1
            if tuple(there) not in known:
                known.add(tuple(there))
                waiting.append((there, steps + 1))
    raise AssertionError("this world has no end")


def test_the_shortest_ways():
    assert shortest(Cliff()) == 13
    assert shortest(WindyGrid()) == 15


def followed(world: CompiledWorld, actions: list[int]) -> tuple[list[int], float, bool]:
    state, rewards, ended, cells = started(world, np.random.default_rng(0)), 0.0, False, []
    for action in actions:
        assert not ended
        state, reward, ended = stepped(world, state, action)
        rewards += reward
        cells.append(int(state[0]))
    return cells, rewards, ended


def test_along_the_cliff_and_over_it():
    assert followed(Cliff(), [UP, *[RIGHT] * 11, DOWN]) == ([*range(24, 36), 47], -13.0, True)
    # A fall costs 100 and leads back to the start, and the episode goes on.
    assert followed(Cliff(), [RIGHT]) == ([36], -100.0, False)
    assert followed(Cliff(), [UP, RIGHT, DOWN, UP]) == ([24, 25, 36, 24], -103.0, False)
    for column in range(1, 11):
        assert stepped(Cliff(), [24.0 + column], DOWN) == ([36.0], -100.0, False)


def test_the_cliff_has_walls():
    assert followed(Cliff(), [LEFT, DOWN]) == ([36, 36], -2.0, False)
    assert stepped(Cliff(), [0.0], UP)[0] == stepped(Cliff(), [0.0], LEFT)[0] == [0.0]
    assert stepped(Cliff(), [35.0], RIGHT)[0] == [35.0]


def test_the_wind_blows_from_where_one_leaves():
    """Winds 0 0 0 1 1 1 2 2 1 0; the book's way leads over the top right corner, down, and back to the left."""
    way = [*[RIGHT] * 9, *[DOWN] * 4, *[LEFT] * 2]
    cells, rewards, ended = followed(WindyGrid(), way)
    assert cells == [31, 32, 33, 24, 15, 6, 7, 8, 9, 19, 29, 39, 49, 48, 37]
    assert (rewards, ended) == (-15.0, True)
    assert stepped(WindyGrid(), [16.0 + 30.0], DOWN)[0] == [36.0]
    assert stepped(WindyGrid(), [6.0], LEFT)[0] == [5.0]


@EVERY
def test_all_that_a_world_shows_lies_in_its_ranges(world: CompiledWorld):
    draws, seen = np.random.default_rng(0), []
    for _ in range(4):
        state = np.array(started(world, draws))
        for action in draws.integers(0, len(world.actions), 300).tolist():
            seen.append(state.tolist())
            _, ended = world.step(world.numbers, state, action, draws)
            if ended:
                seen.append(state.tolist())
                break
    low, high = np.array(world.observations.low), np.array(world.observations.high)
    assert (low <= np.array(seen)).all()
    assert (np.array(seen) <= high).all()
    if world.observations.states is not None:
        assert (world.observations.low, world.observations.high) == ((0.0,), (world.observations.states - 1.0,))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RandomWalk(states=0), "states of 1 or more"),
        (lambda: RandomWalk(states=5, farthest=6), "farthest between 1 and them"),
        (lambda: RandomWalk(states=5, farthest=0), "farthest between 1 and them"),
    ],
)
def test_walks_that_make_no_sense_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("world", [MountainCar, RandomWalk, Cliff, WindyGrid], ids=lambda w: w.name)
@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_no_steps_is_refused(world: type[CompiledWorld], limit: int):
    with pytest.raises(ValueError, match="max_steps must be 1 or more; none never"):
        world(max_steps=limit)
