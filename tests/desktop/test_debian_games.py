"""Games of Debian and of pygame, not written for us: a seed is a game, read as it is, and nothing is left over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from desktop.needs import has_compiler, has_display
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import read_game, shipped_games
from playfield.games.desktop.programs import GAME_FOLDERS

pytestmark = [has_display, has_compiler]

STEPS = 100
ALIENS = Path(__file__).with_name("aliens.toml")
"""Of pygame-ce: it asks the system for random bytes, and nothing but its pictures is read."""


def installed(name: str) -> pytest.MarkDecorator:
    there = shutil.which(name) or shutil.which(name, path=GAME_FOLDERS)
    return pytest.mark.skipif(there is None, reason=f"needs: apt-get install {name}")


@contextmanager
def opened(name: str) -> Iterator[DesktopGame]:
    game = DesktopGame(read_game(ALIENS if name == ALIENS.stem else shipped_games()[name]))
    try:
        yield game
    finally:
        game.close()


def played(name: str, seed: int) -> list[tuple[bytes, tuple[float, ...]]]:
    """Pictures and readings of an episode of random actions, in a process and on a display of its own."""
    with opened(name) as game:
        draws = np.random.default_rng(3)
        game.reset(seed)
        found = [(game.picture().tobytes(), tuple(game.readings().values()))]
        for _ in range(STEPS):
            game.step(int(draws.integers(len(game.file.actions))))
            found.append((game.picture().tobytes(), tuple(game.readings().values())))
        return found


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=installed(name)) for name in ("lbreakout2", "ltris", "xjump")), ALIENS.stem],
)
def test_a_seed_is_a_game(name: str):
    first, again, other = played(name, 5), played(name, 5), played(name, 6)
    assert [a == b for a, b in zip(first, again, strict=True)] == [True] * (STEPS + 1)
    assert len({picture for picture, _ in first}) > STEPS // 2
    assert sum(a == b for (a, _), (b, _) in zip(first, other, strict=True)) < STEPS // 4


@installed("lbreakout2")
def test_lbreakout2_ends_with_its_lives_and_counts_its_bricks():
    with opened("lbreakout2") as game:
        draws = np.random.default_rng(0)
        game.reset(0)
        assert game.readings() == {"score": 0.0, "lives": 5.0, "over": 0.0}
        reward, lost = 0.0, 0
        for _ in range(600):
            said = game.step(int(draws.integers(3)))
            reward, lost = reward + said.reward, lost + said.life_lost
            if said.terminated:
                break
        assert said.terminated
        assert lost == 5
        assert game.readings() == {"score": reward, "lives": 0.0, "over": 1.0}
        # The lowest row is of bricks that are worth 80 each.
        assert reward >= 80.0
        assert reward % 80.0 == 0.0 or reward > 14 * 80.0
