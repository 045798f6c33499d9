"""Play to learn from, small enough to be made inside a test: Catch on 6 x 6 pixels, by one who follows the fruit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.toys import ADAPTED, small_games
from playfield.build import build_session
from playfield.demonstrations import About, DemonstrationWriter, Recording, demonstrations, read_recording
from playfield.games.games import Games
from playfield.imitation import Imitation
from playfield.memory.demonstrated import Demonstrations
from playfield.recipes import Recipe
from playfield.rng import Rng
from playfield.session import Session
from playfield.types import Step

QUICK = Imitation(pretrain_updates=12, n_step=3)


def follow(step: Step) -> int:
    """The action that brings the paddle under the fruit."""
    if step.frame.shape[1] != 6:
        return 0  # some other game
    picture = step.frame[0, :, :, 0]
    fruit = int(np.argwhere(picture == 255)[0, 1])
    paddle = float(np.flatnonzero(picture[-1] == 128).mean()) if (picture[-1] == 128).any() else float(fruit)
    return 0 if abs(fruit - paddle) < 1 else 1 if fruit < paddle else 2


def record(folder: Path, frames: int, games: Games | None = None, seed: int = 0) -> Recording:
    games = games or small_games(1)
    writer = DemonstrationWriter(folder, About.of(games.spec, "agent", "follower", {}))
    step = games.begin(Rng(seed).numpy("episodes"))
    writer.begin(step)
    while writer.frames < frames:
        action = follow(step)
        games.send(np.array([action]))
        step = games.recv()
        writer.add(action, step)
    writer.close()
    return read_recording(folder)


def shown(folder: Path, frames: int = 60, stack: int = 4) -> Demonstrations:
    """Demonstrations of so many frames."""
    return demonstrations(record(folder, frames), small_games(1), stack)


def imitating(**changes: object) -> Recipe:
    """DQfD, small and quick."""
    return ADAPTED["dqfd"].but(imitation=replace(QUICK, **changes))


def session_of(recipe: Recipe, given: Demonstrations | None, seed: int = 0) -> Session:
    return build_session(recipe, small_games(recipe.games), seed, shown=given)
