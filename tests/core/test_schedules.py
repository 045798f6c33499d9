"""Exact values at given frames."""

from __future__ import annotations

import math
from math import inf, nan

import pytest

from playfield.schedules import Constant, Exponential, Linear, Piecewise, Schedule, extremes


def test_constant():
    assert [Constant(0.3)(f) for f in (0, 1, 10**9)] == [0.3, 0.3, 0.3]


def test_linear_as_in_nature():
    epsilon = Linear(1.0, 0.1, over_frames=4_000_000)
    assert epsilon(0) == 1.0
    assert epsilon(1_000_000) == pytest.approx(0.775, abs=1e-15)
    assert epsilon(2_000_000) == pytest.approx(0.55, abs=1e-15)
    assert epsilon(3_999_999) > 0.1
    assert epsilon(4_000_000) == 0.1
    assert epsilon(10**9) == 0.1


def test_linear_is_flat_before_frame_0_and_may_rise():
    assert Linear(0.4, 1.0, over_frames=10)(-5) == 0.4
    assert Linear(0.4, 1.0, over_frames=10)(5) == pytest.approx(0.7)
    assert Linear(0.4, 1.0, over_frames=10)(11) == 1.0


def test_exponential_shrinks_by_e():
    decay = Exponential(1.0, 0.2, decay_frames=100)
    assert decay(-1) == decay(0) == 1.0
    assert decay(100) == pytest.approx(0.2 + 0.8 / math.e, abs=1e-15)
    assert decay(200) == pytest.approx(0.2 + 0.8 / math.e**2, abs=1e-15)
    assert decay(10**6) == 0.2


def test_exponential_is_0_from_until_frames_on():
    decay, endless = Exponential(1.0, 0.2, decay_frames=100, until_frames=200), Exponential(1.0, 0.2, decay_frames=100)
    assert decay(199) == endless(199) == pytest.approx(0.2 + 0.8 * math.exp(-1.99), abs=1e-15)
    assert [decay(f) for f in (200, 201, 10**9)] == [0.0, 0.0, 0.0]


def test_piecewise():
    line = Piecewise(((10.0, 1.0), (20.0, 0.5), (40.0, 0.1)))
    assert [line(f) for f in (0, 10, 15, 20, 40, 41, 10**9)] == [1.0, 1.0, 0.75, 0.5, 0.1, 0.1, 0.1]
    assert line(30) == pytest.approx(0.3, abs=1e-15)
    assert Piecewise(((5.0, 2.0),))(0) == Piecewise(((5.0, 2.0),))(6) == 2.0


@pytest.mark.parametrize(
    ("schedule", "lowest", "highest"),
    [
        (Constant(0.3), 0.3, 0.3),
        (Linear(1.0, 0.1), 0.1, 1.0),
        (Linear(0.4, 1.0), 0.4, 1.0),
        (Exponential(1.0, 0.01, decay_frames=10), 0.01, 1.0),
        (Exponential(1.0, 0.5, decay_frames=10, until_frames=20), 0.0, 1.0),
        (Exponential(-2.0, -5.0, decay_frames=10, until_frames=11), -5.0 + 3.0 * math.exp(-1.0), 0.0),
        (Piecewise(((0.0, 0.5), (7.0, 2.0), (9.0, -1.0), (11.0, 0.5))), -1.0, 2.0),
    ],
)
def test_the_extremes_of_a_schedule(schedule: Schedule, lowest: float, highest: float):
    assert extremes(schedule) == pytest.approx((lowest, highest), abs=1e-12)


@pytest.mark.parametrize("values", [(nan, 0.5), (0.5, nan), (0.5, inf)])
def test_a_value_that_is_no_number_has_no_extremes(values: tuple[float, float]):
    with pytest.raises(ValueError, match="finite"):
        extremes(Linear(*values))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Linear(1.0, 0.1, over_frames=0), "use Constant"),
        (lambda: Exponential(1.0, 0.1, decay_frames=-1), "use Constant"),
        (lambda: Piecewise(()), "at least one point"),
        (lambda: Piecewise(((2.0, 1.0), (1.0, 0.0))), "rising frames"),
        (lambda: Piecewise(((1.0, 1.0), (1.0, 0.0))), "rising frames"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(make, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        make()
