"""Every other encoder on points that a person can check, and what encoders refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linear.tiles import asked, widths
from playfield.games.games import Observations
from playfield.linear.encoders import (
    Aggregation,
    EncoderSpec,
    Fourier,
    Grids,
    HashedTiles,
    OneHot,
    Polynomial,
    Tabular,
    TileCoding,
)
from playfield.linear.worlds import Cliff, MountainCar, RandomWalk

CONTINUOUS = [TileCoding(), HashedTiles(), Grids(), OneHot(), Fourier(), Polynomial()]
NUMBERED = [Aggregation(), Tabular()]


def numbered(states: int) -> Observations:
    return Observations(low=(0.0,), high=(states - 1.0,), states=states)


def test_one_hot_by_hand():
    """Two numbers with 4 intervals and an upper end each: weights 0 to 4 and 5 to 9, the second action's from 10 on."""
    code = OneHot(tiles=4).build(Observations(low=(-2.0, 0.0), high=(2.0, 8.0)), 2)
    assert (code.features, code.active, code.shares) == (20, 2, 2)
    assert asked(code, [-2.0, 0.0], 2) == ([[0, 5], [10, 15]], [1.0, 1.0])
    assert asked(code, [-1.25, 5.0], 2) == ([[0, 7], [10, 17]], [1.0, 1.0])
    assert asked(code, [-1.0, 6.0], 2) == ([[1, 8], [11, 18]], [1.0, 1.0])
    assert asked(code, [2.0, 8.0], 2) == ([[4, 9], [14, 19]], [1.0, 1.0])


def test_one_hot_stays_within_its_weights_outside_of_the_range():
    code = OneHot(tiles=4).build(widths(2, tiles=4), 1)
    assert asked(code, [-7.0, 99.0], 1)[0] == asked(code, [0.5, 4.0], 1)[0] == [[0, 9]]


@pytest.mark.parametrize("velocity", [-0.07, -0.03, 0.0, 0.07])
def test_one_hot_never_takes_a_velocity_for_the_goal(velocity: float):
    """D2-B8: there the features of the velocity began one too early, on that of the goal."""
    code = OneHot().build(MountainCar().observations, 1)
    goal, _ = asked(code, [0.5, 0.0], 1)[0][0]
    assert goal == 8
    assert asked(code, [-0.5, velocity], 1)[0][0][1] > goal
    assert all(asked(code, [x, velocity], 1)[0][0][0] < goal for x in np.linspace(-1.2, 0.499, 50))


@given(st.integers(1, 64))
@example(31)
def test_the_upper_end_is_an_interval_of_its_own_for_any_number_of_tiles(tiles: int):
    code = OneHot(tiles=tiles).build(MountainCar().observations, 1)
    assert asked(code, [0.5, 0.07], 1)[0] == [[tiles, 2 * tiles + 1]]


@pytest.mark.parametrize("tiles", [1, 4, 5])
def test_one_hot_of_one_number_is_aggregation(tiles: int):
    one_hot = OneHot(tiles=tiles).build(Observations(low=(0.0,), high=(float(tiles),)), 2)
    groups = Aggregation(size=1).build(numbered(tiles + 1), 2)
    assert one_hot.features == groups.features
    for state in range(tiles + 1):
        assert asked(one_hot, [state], 2) == asked(groups, [state], 2)


def test_aggregation_by_hand():
    """Ten states in groups of three: the last group has one."""
    code = Aggregation(size=3).build(numbered(10), 2)
    assert (code.features, code.active, code.shares) == (8, 1, 1)
    found = [asked(code, [state], 2) for state in range(10)]
    assert [index for index, _ in found] == [[[g], [4 + g]] for g in (0, 0, 0, 1, 1, 1, 2, 2, 2, 3)]
    assert all(value == [1.0] for _, value in found)


def test_the_thousand_states_fall_into_ten_groups():
    code = Aggregation().build(RandomWalk(states=1000, farthest=100).observations, 1)
    groups = [asked(code, [state], 1)[0][0][0] for state in range(1000)]
    assert (code.features, np.bincount(groups).tolist()) == (10, [100] * 10)


def test_tabular_is_a_weight_for_each_state_and_action():
    code = Tabular().build(Cliff().observations, 4)
    found = [asked(code, [state], 4)[0] for state in range(48)]
    assert found == [[[48 * action + state] for action in range(4)] for state in range(48)]
    assert code.features == 4 * 48


def test_groups_of_one_are_tabular():
    groups, tabular = Aggregation(size=1).build(numbered(7), 3), Tabular().build(numbered(7), 3)
    assert groups.features == tabular.features
    assert all(asked(groups, [s], 3) == asked(tabular, [s], 3) for s in range(7))


BOX = Observations(low=(-1.0, 0.0), high=(1.0, 4.0))


def test_fourier_by_hand():
    """(-0.5, 2) is (¼, ½) of the box; frequencies (0,0) (0,1) (1,0) (1,1)."""
    code = Fourier(order=1).build(BOX, 2)
    index, value = asked(code, [-0.5, 2.0], 2)
    assert (index, code.features) == ([[0, 1, 2, 3], [4, 5, 6, 7]], 8)
    half = math.sqrt(0.5)
    assert value == pytest.approx([1.0, 0.0, half, -half], abs=1e-15)
    assert asked(code, [1.0, 4.0], 2)[1] == [1.0, -1.0, -1.0, 1.0]


def test_fourier_of_the_second_order_along_one_number():
    code = Fourier(order=2).build(Observations(low=(0.0,), high=(3.0,)), 1)
    assert asked(code, [1.0], 1)[1] == pytest.approx([1.0, 0.5, -0.5], abs=1e-15)


def test_polynomial_by_hand():
    """(0, 1) is (½, ¼) of the box; powers (0,0) (0,1) (0,2) (1,0) (1,1) (1,2) (2,0) (2,1) (2,2)."""
    code = Polynomial(order=2).build(BOX, 2)
    index, value = asked(code, [0.0, 1.0], 2)
    assert index == [list(range(9)), list(range(9, 18))]
    assert value == [1, 1 / 4, 1 / 16, 1 / 2, 1 / 8, 1 / 32, 1 / 4, 1 / 16, 1 / 64]
    assert asked(code, [-1.0, 0.0], 2)[1] == [1, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("encoder", [Fourier(order=0), Polynomial(order=0)])
@given(st.floats(-1, 1), st.floats(0, 4))
def test_order_0_is_a_constant(encoder: EncoderSpec, x: float, y: float):
    assert asked(encoder.build(BOX, 2), [x, y], 2) == ([[0], [1]], [1.0])


@pytest.mark.parametrize("encoder", [TileCoding(tilings=1), Grids(tilings=1)])
def test_one_tiling_is_a_plain_grid(encoder: EncoderSpec):
    code = encoder.build(widths(2, tiles=8), 1)
    places = [[x / 4, y / 4] for x in range(32) for y in range(32)]
    cell = {tuple(map(math.floor, place)): asked(code, place, 1)[0][0][0] for place in places}
    assert len(cell) == len(set(cell.values())) == 64
    assert all(asked(code, place, 1)[0][0][0] == cell[tuple(map(math.floor, place))] for place in places)


@pytest.mark.parametrize(
    ("encoder", "shares"),
    [
        (TileCoding(tilings=4), 4),
        (HashedTiles(tilings=2), 2),
        (Grids(tilings=16), 16),
        (OneHot(), 2),
        (Fourier(order=2), 9),
        (Polynomial(order=1), 4),
    ],
    ids=lambda e: type(e).__name__ if not isinstance(e, int) else None,
)
def test_a_step_is_shared_among_the_features_that_are_1_at_once(encoder: EncoderSpec, shares: int):
    """Waves and powers, too: they are all 1 at one corner of the range, and nowhere is |x|² larger."""
    code = encoder.build(MountainCar().observations, 3)
    corners = [asked(code, [x, v], 3)[1] for x in (-1.2, -0.35, 0.5) for v in (-0.07, 0.0, 0.07)]
    lengths = [sum(value**2 for value in corner) for corner in corners]
    assert code.shares == shares == pytest.approx(max(lengths), abs=1e-9)


@pytest.mark.parametrize("encoder", CONTINUOUS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("limit", [math.inf, 3.4e38])
def test_numbers_without_limits_are_refused(encoder: EncoderSpec, limit: float):
    """As CartPole shows them: Gymnasium writes the largest float where it has no limit."""
    with pytest.raises(ValueError, match="without limits; give a range for each, for instance"):
        encoder.build(Observations(low=(-1.0, -limit), high=(1.0, limit)), 2)


def test_the_largest_numbers_of_twice_the_precision_are_no_limits_either():
    largest = float(np.finfo(np.float64).max)
    with pytest.raises(ValueError, match="without limits"):
        TileCoding().build(Observations(low=(-largest,), high=(largest,)), 2)


@pytest.mark.parametrize("encoder", CONTINUOUS, ids=lambda e: type(e).__name__)
def test_a_world_of_one_state_can_be_encoded(encoder: EncoderSpec):
    code = encoder.build(numbered(1), 2)
    index, value = asked(code, [0.0], 2)
    assert not set(index[0]) & set(index[1])
    assert max(value) == 1.0


@pytest.mark.parametrize("encoder", NUMBERED, ids=lambda e: type(e).__name__)
def test_states_are_wanted_where_none_are_numbered(encoder: EncoderSpec):
    with pytest.raises(ValueError, match="this world has no numbered states; use TileCoding"):
        encoder.build(MountainCar().observations, 3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Fourier(order=9).build(widths(8), 2), "would need 200,000,000 weights"),
        (lambda: Polynomial(order=9).build(widths(8), 2), "would need 200,000,000 weights"),
        (lambda: Fourier(order=-1).build(BOX, 2), "order must be 0 or more"),
        (lambda: Polynomial(order=-1).build(BOX, 2), "order must be 0 or more"),
        (lambda: OneHot(tiles=0), "tiles must be 1 or more"),
        (lambda: Aggregation(size=0), "size must be 1 or more"),
    ],
)
def test_encoders_that_make_no_sense_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
