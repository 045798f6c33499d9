"""Players that follow a few rules and see what an agent sees: one newest frame, and what they remember of those before.

They know nothing of a game but its pixels, so what they record could have been recorded by a person.
"""

from __future__ import annotations

from itertools import product
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from playfield.rng import Rng
from playfield.types import Array


class Script(Protocol):
    """Chooses an action from the newest frame."""

    def begin(self) -> None:
        """Forget what was seen: a new episode starts."""
        ...

    def act(self, frame: UInt8[Array, "H W 1"]) -> int: ...


class RefgameScript:
    """Keeps the middle of the paddle below the ball of the reference game."""

    def begin(self) -> None:
        """It remembers nothing."""

    def act(self, frame: UInt8[Array, "H W 1"]) -> int:
        """STAY, LEFT or RIGHT."""
        # A cell is two pixels wide and two high; the paddle lies in the two last rows, and the ball may too.
        bright = frame[:, :, 0] > 180
        paddle = np.flatnonzero((frame[-1, :, 0] > 120) & ~bright[-1])
        ball = np.flatnonzero(bright.any(0))
        if len(ball) == 0 or len(paddle) == 0:
            return 0
        off = ball.mean() - paddle.mean()
        return 0 if abs(off) < 2.0 else 1 if off < 0 else 2


class PongScript:
    """Meets the ball where it will arrive at the paddle, at the paddle's end that sends it away from the opponent.

    The paddle goes on for three decisions after a key is let go, so keys are planned: of all ways to press keys in
    the next four decisions, that one is begun which brings the paddle nearest to where it shall be when the ball comes.
    """

    TOP, BOTTOM = 7, 38
    """Rows of the court in a frame of 42 x 42."""
    BACKGROUND = 87.0
    OWN, THEIRS, BETWEEN = slice(36, 38), slice(4, 6), slice(6, 36)
    """Columns of the paddles and of the ball on its way."""
    MIDDLE, ARRIVAL, HIGHEST, LOWEST = 22.5, 36.0, 7.4, 37.4
    """The column at which the ball meets the paddle, and the rows between which it bounces."""
    GLIDE = (1.25, 2.6, 0.8, 0.2)
    """Rows that the paddle moves in the decision of a key and in those after: measured."""
    HASTE = 0.1
    """Rows of accuracy on arrival that a row nearer to it, on the way, is worth."""
    FOLLOWING = 1.0
    """Of the ball's way from the middle, what the paddle goes along while the ball flies away from it."""
    EFFORT = 0.02
    """Rows of accuracy that a pressed key has to be worth."""

    def __init__(self, seed: int = 0) -> None:
        self._draws = Rng(seed).numpy("aims")
        self._plans = _plans(4, 20)
        self._moves = _moves(self.GLIDE, self._plans.shape[1])
        self.begin()

    def begin(self) -> None:
        """Forget the ball and the keys."""
        self._ball: tuple[float, float] | None = None
        self._paddle = self.MIDDLE
        self._keys = [0, 0, 0]
        self._offset, self._coming = 0.0, False

    def act(self, frame: UInt8[Array, "H W 1"]) -> int:
        """NOOP, RIGHT or LEFT."""
        ink = np.abs(frame[self.TOP : self.BOTTOM, :, 0] - self.BACKGROUND)
        ink[ink < 4.0] = 0.0
        self._paddle = _middle(ink[:, self.OWN].sum(1), self.TOP, self._paddle)
        goal, decisions = self._goal(ink)
        arriving = np.clip(self._paddle + self._displacement(decisions), self.HIGHEST, self.BOTTOM + 1)
        way = np.mean([np.abs(self._paddle + self._displacement(float(soon)) - goal) for soon in (1, 2, 3)], axis=0)
        cost = np.abs(arriving - goal) + self.HASTE * way + self.EFFORT * np.abs(self._plans).sum(1)
        key = int(self._plans[int(np.argmin(cost)), 0])
        self._keys = [*self._keys[1:], key]
        return {0: 0, -1: 1, 1: 2}[key]

    def _goal(self, ink: Float[Array, "H W"]) -> tuple[float, float]:
        """The row where the paddle shall be, and in how many decisions."""
        before, self._ball = self._ball, _centre(ink[:, self.BETWEEN], self.TOP, self.BETWEEN.start)
        was, self._coming = self._coming, False
        if before is None or self._ball is None:
            return self.MIDDLE, 6.0
        down, right = self._ball[0] - before[0], self._ball[1] - before[1]
        if right <= 0.2:
            return self.MIDDLE + self.FOLLOWING * (self._ball[0] - self.MIDDLE), 4.0
        self._coming = True
        opponent = _middle(ink[:, self.THEIRS].sum(1), self.TOP, self.MIDDLE)
        if not was:
            self._offset = float(self._draws.uniform(0.3, 1.0))
        decisions = min(max((self.ARRIVAL - self._ball[1]) / right, 0.3), 20.0)
        height = self.LOWEST - self.HIGHEST
        unfolded = (self._ball[0] + down * decisions - self.HIGHEST) % (2 * height)
        arrival = self.HIGHEST + min(unfolded, 2 * height - unfolded)
        # Below the ball the paddle's upper end hits it, and it flies up.
        return arrival + (self._offset if opponent > self.MIDDLE else -self._offset), decisions

    def _displacement(self, decisions: float) -> Float[Array, "P"]:
        """How far the paddle will be from here, under each plan, after so many decisions."""
        whole = int(decisions)
        keys = np.hstack([np.tile(self._keys, (len(self._plans), 1)), self._plans])
        after = np.vstack([np.zeros(len(keys)), self._moves @ keys.T])
        return after[whole] + (decisions - whole) * (after[whole + 1] - after[whole])


def _plans(pressed: int, length: int) -> Int[Array, "P length"]:
    """All ways to press up (-1), nothing (0) or down (1) in the first decisions, and nothing in those that follow."""
    ways = np.array(sorted(product((0, -1, 1), repeat=pressed), key=lambda way: sum(map(abs, way))))
    return np.pad(ways, ((0, 0), (0, length + 1 - pressed)))


def _moves(glide: tuple[float, ...], length: int) -> Float[Array, "length keys"]:
    """Row i times (three past keys, then future ones) is how far the paddle is from here after i + 1 decisions."""
    moves = np.zeros((length, length + 3))
    for decision in range(length):
        for ago, rows in enumerate(glide):
            moves[decision, 3 + decision - ago] = rows
    return moves.cumsum(0)


def _middle(ink: Float[Array, "H"], top: int, otherwise: float) -> float:
    return float((ink * np.arange(top, top + len(ink))).sum() / ink.sum()) if ink.sum() > 0 else otherwise


def _centre(ink: Float[Array, "H W"], top: int, left: int) -> tuple[float, float] | None:
    """Row and column of the ball; None where none is seen."""
    if ink.sum() <= 10.0:
        return None
    return _middle(ink.sum(1), top, 0.0), _middle(ink.sum(0), left, 0.0)
