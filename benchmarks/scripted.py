"""Players that follow a few rules and see what an agent sees: one newest frame, and what they remember of those before.

They know nothing of a game but its pixels, so what they record could have been recorded by a person.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

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


BACKGROUND = 87.0
"""Of Pong's court."""


class PongScript:
    """Keeps the paddle beside the ball, and its end there that sends the ball away from the opponent.

    The paddle glides on for three decisions after a key is let go. A key is pressed where the paddle, left alone, would
    come to rest too far from where the ball will be in two decisions: what is shown follows from four frames.
    """

    TOP, BOTTOM = 7, 38
    """Rows of the court in a frame of 42 x 42."""
    OWN, THEIRS, BETWEEN = slice(36, 38), slice(4, 6), slice(6, 36)
    """Columns of the paddles and of the ball on its way."""
    MIDDLE, HIGHEST, LOWEST = 22.5, 6.4, 38.4
    """Rows: the court's middle, and those between which the paddle is wanted."""
    GLIDE = (2.6, 0.8, 0.2)
    """Rows that the paddle moves in the decisions after that of a key: measured."""
    AHEAD = 2.0
    """Decisions."""
    END = 0.8
    """Rows from the paddle's middle to where it hits the ball."""

    PATIENCE = 1.0
    """Rows that the paddle may be off before a key is pressed, which moves it by almost five."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the ball and the keys."""
        self._ball: tuple[float, float] | None = None
        self._paddle = self.MIDDLE
        self._keys = (0, 0, 0)

    def act(self, frame: UInt8[Array, "H W 1"]) -> int:
        """NOOP, RIGHT (up) or LEFT (down)."""
        ink = np.abs(frame[self.TOP : self.BOTTOM, :, 0] - BACKGROUND)
        ink[ink < 4.0] = 0.0
        self._paddle = _middle(ink[:, self.OWN].sum(1), self.TOP, self._paddle)
        glides = sum(sum(self.GLIDE[ago:]) * key for ago, key in enumerate(self._keys))
        off = min(max(self._goal(ink), self.HIGHEST), self.LOWEST) - (self._paddle + glides)
        key = 0 if abs(off) <= self.PATIENCE else 1 if off > 0 else -1
        self._keys = (key, *self._keys[:2])
        return {0: 0, -1: 1, 1: 2}[key]

    def _goal(self, ink: Float[Array, "H W"]) -> float:
        """The row where the paddle shall be soon."""
        before, self._ball = self._ball, _centre(ink[:, self.BETWEEN], self.TOP, self.BETWEEN.start)
        if before is None or self._ball is None:
            return self.MIDDLE
        down, right = self._ball[0] - before[0], self._ball[1] - before[1]
        soon = self._ball[0] + self.AHEAD * down
        if right <= 0.2:
            return soon
        # Below the ball the paddle's upper end hits it, and it flies up.
        opponent = _middle(ink[:, self.THEIRS].sum(1), self.TOP, self.MIDDLE)
        return soon + (self.END if opponent > self.MIDDLE else -self.END)


def _middle(ink: Float[Array, "H"], top: int, otherwise: float) -> float:
    return float((ink * np.arange(top, top + len(ink))).sum() / ink.sum()) if ink.sum() > 0 else otherwise


def _centre(ink: Float[Array, "H W"], top: int, left: int) -> tuple[float, float] | None:
    """Row and column of the ball; None where none is seen."""
    if ink.sum() <= 10.0:
        return None
    return _middle(ink.sum(1), top, 0.0), _middle(ink.sum(0), left, 0.0)
