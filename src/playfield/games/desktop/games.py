"""G copies of a desktop game, one display each."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, read_game, shipped_games
from playfield.games.each import EachGame
from playfield.games.games import GameSpec

SUFFIX = ".toml"
"""Of a game file."""


def is_desktop_game(name: str) -> bool:
    """Whether a name is that of a desktop game: one that comes with Playfield, or a game file."""
    return name.endswith(SUFFIX) or name in shipped_games()


def game_file(name: str) -> GameFile:
    """The game of that name, or in that file.

    Raises: FileNotFoundError; ValueError where the file describes none.
    """
    path = shipped_games().get(name, Path(name))
    if not path.is_file():
        raise FileNotFoundError(f"there is no game file {name}")
    return read_game(path)


def desktop_games(name: str, games: int) -> EachGame:
    """G copies of a desktop game, each in a process and on a display of its own.

    Raises: as `game_file` and `DesktopGame`.
    """
    file = game_file(name)
    solos: list[DesktopGame] = []
    try:
        for _ in range(games):
            solos.append(DesktopGame(file))
    except BaseException:
        for solo in solos:
            solo.close()
        raise
    height, width = file.sight.size
    spec = GameSpec(
        name=name,
        games=games,
        actions=tuple(action.label for action in file.actions),
        frame_shape=(height, width, len(file.sight.channels)),
        frame_dtype="uint8",
        frames_per_action=1,
        frames_per_second=1000.0 / file.timing.step_ms,
        replays=file.timing.replays,
        waits=file.timing.clock != "real",
        protocol={
            "name": "desktop",
            "game": file.name,
            "clock": file.timing.clock,
            "step_ms": file.timing.step_ms,
            "most_steps": file.most_steps,
            "file": hashlib.blake2b(repr(file).encode(), digest_size=8).hexdigest(),
            "frame_skip": 1,
            "repeat_action_probability": 0.0,
        },
    )

    def halt() -> None:
        for solo in solos:
            solo.halt()

    return EachGame(spec, solos, ThreadPoolExecutor(games), halt)
