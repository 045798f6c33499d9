"""Recordings that many tests share."""

from __future__ import annotations

from functools import cache

import numpy as np

from playfield.features.frames import About, Recording, collect, pixel_games
from playfield.games.protocol import nature


@cache
def catch(frames: int = 600, seed: int = 3) -> Recording:
    """Random play of Catch; an episode is 55 frames."""
    games = pixel_games("catch", nature())
    try:
        return collect(games, frames, seed, lambda rows: None)
    finally:
        games.close()


def rigged(
    frame: np.ndarray, reward: list[float], first: list[int], last: list[int], discount: list[float] | None = None
) -> Recording:
    """A recording of those rows, whose numbers a test can work out."""
    rows = len(frame)
    flags = np.zeros((2, rows), np.bool_)
    flags[0, first] = flags[1, last] = True
    ends = np.where(flags[1], 0.0, 1.0) if discount is None else discount
    about = About(
        game="rigged", protocol={}, actions=("STAY",), seed=0, frames=rows, rows=rows, episodes=len(last),
        fingerprint={},
    )  # fmt: skip
    return Recording(
        about=about,
        frame=frame,
        action=np.zeros(rows, np.int64),
        reward=np.array(reward, np.float32),
        discount=np.array(ends, np.float32),
        first=flags[0],
        last=flags[1],
        seeds=np.arange(len(first), dtype=np.uint64),
    )
