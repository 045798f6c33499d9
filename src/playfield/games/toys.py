"""Two small pixel games that learn in seconds: for tests, for first steps, and for machines without an emulator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from playfield.games.each import EachGame, Outcome, Solo
from playfield.games.games import GameSpec
from playfield.types import Array

FRAMES_PER_SECOND = 15.0

WHITE, GREY = 255, 128


class Catch:
    """Fruit falls one pixel per step from a random column; a paddle on the bottom row moves one pixel per step.

    +1 for a fruit that meets the paddle, -1 for one that does not; the episode ends after `drops` fruits. Every fruit
    can be caught, so perfect play scores `drops`. Actions: 0 stays, 1 goes left, 2 goes right.
    With `lives`, every miss costs one (discount 0, the game goes on), and the episode ends with the last of them too.
    `size` counts the game's own pixels, each shown as `scale` x `scale` on the frame.
    """

    actions = ("STAY", "LEFT", "RIGHT")

    def __init__(self, size: int = 12, paddle: int = 3, drops: int = 5, lives: int = 0, scale: int = 1) -> None:
        self._size, self._paddle, self._drops, self._lives_at_start, self._scale = size, paddle, drops, lives, scale

    def reset(self, seed: int) -> UInt8[Array, "H W 1"]:
        """Start with a full number of drops."""
        self._rng = np.random.default_rng(seed)
        self._left = (self._size - self._paddle) // 2
        self._fallen, self._lives = 0, self._lives_at_start
        self._drop()
        return self._frame()

    def step(self, action: int) -> Outcome:
        """Move the paddle, then let the fruit fall."""
        self._left = min(max(self._left + (0, -1, 1)[action], 0), self._size - self._paddle)
        self._row += 1
        if self._row < self._size - 1:
            return Outcome(self._frame(), 0.0)
        caught = self._left <= self._column < self._left + self._paddle
        frame = self._frame()
        self._fallen += 1
        life_lost = self._lives > 0 and not caught
        self._lives -= life_lost
        over = self._fallen == self._drops or (life_lost and self._lives == 0)
        self._drop()
        return Outcome(frame, 1.0 if caught else -1.0, terminated=over, life_lost=life_lost)

    def close(self) -> None:
        """Nothing is open."""

    def _drop(self) -> None:
        # The frame of a landing still shows the old fruit, so the new one is first seen on row 1.
        self._row, self._column = 0, int(self._rng.integers(self._size))

    def _frame(self) -> UInt8[Array, "H W 1"]:
        frame = np.zeros((self._size, self._size, 1), dtype=np.uint8)
        frame[self._size - 1, self._left : self._left + self._paddle] = GREY
        frame[self._row, self._column] = WHITE
        return frame.repeat(self._scale, axis=0).repeat(self._scale, axis=1)


class ToyPong:
    """Pong on 24 x 24 pixels: the agent has the right paddle, and the episode ends when one side has 5 points.

    The ball moves 2 pixels per step sideways and -2 to 2 up or down, as the place where it met the paddle decides.
    The agent's paddle moves 2 pixels per step; the opponent's follows the ball at 1 pixel per step, only while it
    approaches and with an aim that changes at every hit, so a player who meets every ball wins. After 1,500 steps the
    episode is cut off.
    Actions: 0 stays, 1 goes up, 2 goes down.
    """

    actions = ("STAY", "UP", "DOWN")
    size, paddle, points, limit = 24, 5, 5, 1500
    bounce = (-2, -1, 0, 0, 1, 2)
    """Vertical speed after a paddle, by the ball's height on it."""

    def reset(self, seed: int) -> UInt8[Array, "H W 1"]:
        """Start at 0 to 0."""
        self._rng = np.random.default_rng(seed)
        self._mine, self._theirs, self._steps = 0, 0, 0
        self._right = self._left = (self.size - self.paddle) // 2
        self._serve()
        return self._frame()

    def step(self, action: int) -> Outcome:
        """Move the paddles, then the ball."""
        self._steps += 1
        room = self.size - self.paddle
        self._right = min(max(self._right + (0, -2, 2)[action], 0), room)
        if self._dx < 0:
            towards = self._y - 2 + self._aim - self._left  # centres level where the aim is 0
            self._left = min(max(self._left + min(max(towards, -1), 1), 0), room)
        reward = self._fly()
        frame = self._frame()  # shows the ball where it was lost
        if reward:
            self._mine += reward > 0
            self._theirs += reward < 0
            self._serve()
        over = max(self._mine, self._theirs) == self.points
        return Outcome(frame, reward, terminated=over, truncated=not over and self._steps >= self.limit)

    def close(self) -> None:
        """Nothing is open."""

    def _serve(self) -> None:
        self._x, self._y = self.size // 2 - 1, int(self._rng.integers(4, self.size - 5))
        self._dx = int(self._rng.choice((-2, 2)))
        self._dy = int(self._rng.integers(-2, 3))
        self._aim = int(self._rng.integers(-3, 4))

    def _fly(self) -> float:
        """One step of the ball; +1 or -1 where it gets past a paddle."""
        lowest = self.size - 2
        self._x += self._dx
        self._y += self._dy
        if not 0 <= self._y <= lowest:
            self._y = -self._y if self._y < 0 else 2 * lowest - self._y
            self._dy = -self._dy
        if 1 < self._x < self.size - 3:
            return 0.0
        paddle = self._left if self._dx < 0 else self._right
        height = self._y - paddle + 1
        if not 0 <= height < len(self.bounce):
            return 1.0 if self._dx < 0 else -1.0
        self._dx, self._dy = -self._dx, self.bounce[height]
        self._aim = int(self._rng.integers(-3, 4))
        return 0.0

    def _frame(self) -> UInt8[Array, "H W 1"]:
        frame = np.zeros((self.size, self.size, 1), dtype=np.uint8)
        frame[self._left : self._left + self.paddle, 0] = GREY
        frame[self._right : self._right + self.paddle, self.size - 1] = GREY
        frame[self._y : self._y + 2, self._x : self._x + 2] = WHITE
        return frame


TOYS: dict[str, Callable[[], Catch | ToyPong]] = {
    "catch": lambda: Catch(scale=4),
    "catch_lives": lambda: Catch(drops=20, lives=3, scale=4),
    "toy_pong": ToyPong,
}
"""The toy games by their names on the command line; 48 x 48 pixels of Catch are enough for every recipe's torso."""


def toy_games(name: str, games: int) -> EachGame:
    """G copies of a toy game."""
    toys = [TOYS[name]() for _ in range(games)]
    frame = toys[0].reset(0)
    spec = GameSpec(
        name=name,
        games=games,
        actions=toys[0].actions,
        frame_shape=frame.shape,
        frame_dtype="uint8",
        frames_per_action=1,
        frames_per_second=FRAMES_PER_SECOND,
        protocol={"name": "toy", "frame_skip": 1, "repeat_action_probability": 0.0},
    )
    solos: list[Solo] = list(toys)
    return EachGame(spec, solos)
