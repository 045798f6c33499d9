"""The textbook's worlds, compiled: their whole state is what the agent observes.

A world says how it starts and steps as two compiled functions over a state of floats and its own numbers. Any
Gymnasium environment can stand in their place, at the speed of Python: see `environments.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from playfield.games.games import Observations
from playfield.linear.compiled import compiled
from playfield.settings import setting
from playfield.types import Array

Start = Callable[[Float64[Array, "P"], Float64[Array, "N"], np.random.Generator], None]
"""Write a first state, given the world's own numbers."""
StepOf = Callable[[Float64[Array, "P"], Float64[Array, "N"], int, np.random.Generator], tuple[float, bool]]
"""Take an action in a state: write the next state; the reward, and whether the episode ended there."""


def _check_limit(max_steps: int | None) -> None:
    if max_steps is not None and max_steps < 1:
        raise ValueError("max_steps must be 1 or more; none never cuts an episode off")


@compiled
def _car_start(numbers: Float64[Array, "P"], state: Float64[Array, "2"], draws: np.random.Generator) -> None:
    state[0] = draws.uniform(-0.6, -0.4)
    state[1] = 0.0


@compiled
def _car_step(
    numbers: Float64[Array, "P"], state: Float64[Array, "2"], action: int, draws: np.random.Generator
) -> tuple[float, bool]:
    velocity = state[1] + 0.001 * (action - 1) - 0.0025 * math.cos(3.0 * state[0])
    velocity = min(max(velocity, -0.07), 0.07)
    position = min(max(state[0] + velocity, -1.2), 0.5)
    state[0], state[1] = position, 0.0 if position == -1.2 else velocity
    return -1.0, position == 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MountainCar:
    """A car too weak for the hill must first go back up the other one; −1 for every step until the top.

    Source: Sutton & Barto (2018) example 10.1. Gymnasium's MountainCar-v0 has the same rules, but lets the car roll on
    to 0.6, and cuts every episode off after 200 steps, so that a beginner sees no end: here that is `max_steps=200`.
    Ten thousand is far beyond any episode on the way to a solution; a greedy learner can come to drive in circles, and
    then never ends by itself.
    """

    max_steps: int | None = setting(10_000, "steps after which an episode is cut off; none for never")

    name: ClassVar[str] = "mountaincar"
    actions: ClassVar[tuple[str, ...]] = ("BACK", "COAST", "FORWARD")
    start: ClassVar[Start] = staticmethod(_car_start)
    step: ClassVar[StepOf] = staticmethod(_car_step)

    def __post_init__(self) -> None:
        _check_limit(self.max_steps)

    @property
    def observations(self) -> Observations:
        return Observations(low=(-1.2, -0.07), high=(0.5, 0.07))

    @property
    def numbers(self) -> Float64[Array, "P"]:
        return np.zeros(0)


@compiled
def _walk_start(numbers: Float64[Array, "P"], state: Float64[Array, "1"], draws: np.random.Generator) -> None:
    state[0] = (numbers[0] - 1.0) // 2.0


@compiled
def _walk_step(
    numbers: Float64[Array, "P"], state: Float64[Array, "1"], action: int, draws: np.random.Generator
) -> tuple[float, bool]:
    states, farthest, left_reward = numbers[0], numbers[1], numbers[2]
    jump = 1.0 + draws.integers(0, int(farthest))
    there = state[0] + (jump if draws.random() < 0.5 else -jump)
    # Where the walk has left the line, the state stays on it: nobody looks up the value of an end.
    state[0] = min(max(there, 0.0), states - 1.0)
    if there < 0.0:
        return left_reward, True
    return (1.0, True) if there >= states else (0.0, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomWalk:
    """A walk by chance along a line of states, from its middle until it leaves the line: to predict, not to control.

    Source: Sutton & Barto (2018) examples 6.2 (5 states, 0 and 1), 7.1 (19 states, −1 and 1) and 9.1 (1000 states,
    jumps of up to 100, −1 and 1).
    """

    states: int = setting(19, "states between the two ends")
    farthest: int = setting(1, "longest jump; all jumps up to it are equally likely, to either side")
    left_reward: float = setting(-1.0, "reward for leaving to the left; to the right it is 1")
    max_steps: int | None = setting(None, "steps after which an episode is cut off; none for never")

    name: ClassVar[str] = "walk"
    actions: ClassVar[tuple[str, ...]] = ("WALK",)
    start: ClassVar[Start] = staticmethod(_walk_start)
    step: ClassVar[StepOf] = staticmethod(_walk_step)

    def __post_init__(self) -> None:
        _check_limit(self.max_steps)
        if self.states < 1 or not 1 <= self.farthest <= self.states:
            raise ValueError("a random walk needs states of 1 or more, and farthest between 1 and them")

    @property
    def observations(self) -> Observations:
        return Observations(low=(0.0,), high=(self.states - 1.0,), states=self.states)

    @property
    def numbers(self) -> Float64[Array, "P"]:
        return np.array([self.states, self.farthest, self.left_reward], np.float64)

    def true_values(self) -> Float64[Array, "S"]:
        """What every state is worth: v = r + P v, solved."""
        ends = np.zeros(self.states)
        for state in range(self.states):
            for jump in range(1, self.farthest + 1):
                left, right = state - jump < 0, state + jump >= self.states
                ends[state] += 0.5 / self.farthest * (left * self.left_reward + right)
        return np.linalg.solve(np.eye(self.states) - self._chances(), ends)

    def visits(self) -> Float64[Array, "S"]:
        """Share of all steps that is spent in each state: mu = start + Pᵀ mu, solved and scaled to a sum of 1."""
        start = np.zeros(self.states)
        start[(self.states - 1) // 2] = 1.0
        mu = np.linalg.solve(np.eye(self.states) - self._chances().T, start)
        return mu / mu.sum()

    def _chances(self) -> Float64[Array, "S S"]:
        """The probability of every step from state to state."""
        apart = np.abs(np.subtract.outer(np.arange(self.states), np.arange(self.states)))
        return np.where((apart >= 1) & (apart <= self.farthest), 0.5 / self.farthest, 0.0)


# Where the actions of a grid lead: rows grow downwards, columns to the right.
_DOWN = (-1, 1, 0, 0)
_RIGHT = (0, 0, -1, 1)


@compiled
def _cliff_start(numbers: Float64[Array, "P"], state: Float64[Array, "1"], draws: np.random.Generator) -> None:
    state[0] = 36.0


@compiled
def _cliff_step(
    numbers: Float64[Array, "P"], state: Float64[Array, "1"], action: int, draws: np.random.Generator
) -> tuple[float, bool]:
    row = min(max(state[0] // 12.0 + _DOWN[action], 0.0), 3.0)
    column = min(max(state[0] % 12.0 + _RIGHT[action], 0.0), 11.0)
    if row == 3.0 and 1.0 <= column <= 10.0:
        state[0] = 36.0
        return -100.0, False
    state[0] = 12.0 * row + column
    return -1.0, state[0] == 47.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cliff:
    """A grid of 4 by 12 cells whose short way runs along a cliff: −1 a step, −100 and back to the start for a fall.

    Source: Sutton & Barto (2018) example 6.6.
    """

    max_steps: int | None = setting(None, "steps after which an episode is cut off; none for never")

    name: ClassVar[str] = "cliff"
    actions: ClassVar[tuple[str, ...]] = ("UP", "DOWN", "LEFT", "RIGHT")
    start: ClassVar[Start] = staticmethod(_cliff_start)
    step: ClassVar[StepOf] = staticmethod(_cliff_step)

    def __post_init__(self) -> None:
        _check_limit(self.max_steps)

    @property
    def observations(self) -> Observations:
        return Observations(low=(0.0,), high=(47.0,), states=48)

    @property
    def numbers(self) -> Float64[Array, "P"]:
        return np.zeros(0)


_WIND = (0, 0, 0, 1, 1, 1, 2, 2, 1, 0)


@compiled
def _windy_start(numbers: Float64[Array, "P"], state: Float64[Array, "1"], draws: np.random.Generator) -> None:
    state[0] = 30.0


@compiled
def _windy_step(
    numbers: Float64[Array, "P"], state: Float64[Array, "1"], action: int, draws: np.random.Generator
) -> tuple[float, bool]:
    before = int(state[0] % 10.0)
    row = min(max(state[0] // 10.0 + _DOWN[action] - _WIND[before], 0.0), 6.0)
    column = min(max(before + _RIGHT[action], 0.0), 9.0)
    state[0] = 10.0 * row + column
    return -1.0, state[0] == 37.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WindyGrid:
    """A grid of 7 by 10 cells with a wind upwards in its middle columns: −1 a step until the goal, 15 at best.

    Source: Sutton & Barto (2018) example 6.5.
    """

    max_steps: int | None = setting(None, "steps after which an episode is cut off; none for never")

    name: ClassVar[str] = "windy"
    actions: ClassVar[tuple[str, ...]] = ("UP", "DOWN", "LEFT", "RIGHT")
    start: ClassVar[Start] = staticmethod(_windy_start)
    step: ClassVar[StepOf] = staticmethod(_windy_step)

    def __post_init__(self) -> None:
        _check_limit(self.max_steps)

    @property
    def observations(self) -> Observations:
        return Observations(low=(0.0,), high=(69.0,), states=70)

    @property
    def numbers(self) -> Float64[Array, "P"]:
        return np.zeros(0)


CompiledWorld = MountainCar | RandomWalk | Cliff | WindyGrid
"""Every compiled world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GymnasiumWorld:
    """A Gymnasium environment with a vector or a numbered state to observe, and discrete actions."""

    id: str = setting("CartPole-v1", "the environment's id, with its version")
    ranges: tuple[tuple[float, float], ...] | None = setting(
        None, "lowest and highest of every observed number; none for the environment's own"
    )

    @property
    def name(self) -> str:
        return f"gym:{self.id}"


WorldSpec = CompiledWorld | GymnasiumWorld
"""Every world."""
