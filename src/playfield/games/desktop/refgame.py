"""A small desktop game of our own: balls fall, a paddle catches them. An ordinary program with a window.

It runs in a process of its own and knows nothing of agents: keys in, pixels out. What it thinks the score is it writes,
if PLAYFIELD_TRUTH names a file, to that file too, so that whoever reads the score off the screen can be proved right.

    python -m playfield.games.desktop.refgame
"""

from __future__ import annotations

import importlib
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

CELL = 16
COLUMNS, ROWS, PADDLE = 16, 18, 3
BALLS = 20
TICK_SECONDS = 0.05
WIDTH, HEIGHT, FIELD_TOP = COLUMNS * CELL, ROWS * CELL + 48, 48
TITLE = "Playfield reference game"

BACKGROUND, BALL, HANDLE, INK = (16, 18, 28), (255, 208, 64), (88, 168, 255), (240, 240, 240)

# Five rows of three pixels for each digit: fonts differ from machine to machine.
GLYPHS = (
    "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
    "111100111001111", "111100111101111", "111001010010010", "111101111101111", "111101111001111",
)  # fmt: skip


class World:
    """The rules, without a window: +1 for a caught ball, and the next one falls; over after so many balls."""

    def __init__(self, seed: int) -> None:
        self._draws = np.random.default_rng(seed)
        self.paddle = (COLUMNS - PADDLE) // 2
        self.caught = self.fallen = 0
        self._drop()

    @property
    def over(self) -> bool:
        return self.fallen == BALLS

    def tick(self, direction: int) -> None:
        """Move the paddle by a cell to either side, and the ball down by one."""
        self.paddle = min(max(self.paddle + direction, 0), COLUMNS - PADDLE)
        self.row += 1
        if self.row < ROWS - 1:
            return
        self.caught += self.paddle <= self.column < self.paddle + PADDLE
        self.fallen += 1
        self._drop()

    def _drop(self) -> None:
        # Never farther than the paddle can go while the ball falls.
        self.row, self.column = 0, int(self._draws.integers(COLUMNS))


def draw(pygame: Any, screen: Any, world: World) -> None:
    """The whole window."""
    screen.fill(BACKGROUND)
    for place, digit in enumerate(f"{world.caught:03d}"):
        for pixel, on in enumerate(GLYPHS[int(digit)]):
            if on == "1":
                x, y = 12 + place * 32 + pixel % 3 * 8, 4 + pixel // 3 * 8
                screen.fill(INK, (x, y, 8, 8))
    if world.over:
        screen.fill(HANDLE, (WIDTH - 60, 12, 48, 24))
    screen.fill(BALL, (world.column * CELL, FIELD_TOP + world.row * CELL, CELL, CELL))
    screen.fill(HANDLE, (world.paddle * CELL, FIELD_TOP + (ROWS - 1) * CELL, PADDLE * CELL, CELL))
    pygame.display.flip()


def main() -> None:
    """Play until the window is closed; the time of day decides where the balls fall, as in most games."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    pygame: Any = importlib.import_module("pygame")
    pygame.display.init()
    screen = pygame.display.set_mode((WIDTH, HEIGHT))
    pygame.display.set_caption(TITLE)
    truth = os.environ.get("PLAYFIELD_TRUTH")
    file = Path(truth).open("a", encoding="utf-8") if truth else None  # noqa: SIM115 (open as long as the game)
    world = World(int(time.time()))
    draw(pygame, screen, world)
    following = time.monotonic() + TICK_SECONDS
    while not any(event.type == pygame.QUIT for event in pygame.event.get()):
        time.sleep(max(0.0, following - time.monotonic()))
        following += TICK_SECONDS
        pygame.event.pump()
        held = pygame.key.get_pressed()
        if not world.over:
            world.tick(int(held[pygame.K_RIGHT]) - int(held[pygame.K_LEFT]))
        draw(pygame, screen, world)
        if file is not None:
            file.write(json.dumps({"caught": int(world.caught), "fallen": world.fallen, "over": world.over}) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
