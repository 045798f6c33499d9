"""G copies of a desktop game, one display each."""

from __future__ import annotations

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, read_game, shipped_games, typed_name
from playfield.games.desktop.pace import Pace
from playfield.games.desktop.watching import Watch
from playfield.games.each import EachGame
from playfield.games.games import GameSpec
from playfield.settings import nearest

SUFFIX = ".toml"
"""Of a game file."""


def is_desktop_game(name: str) -> bool:
    """Whether a name is that of a desktop game: one that comes with Playfield, or a game file."""
    return name.endswith(SUFFIX) or name in shipped_games()


def game_file(name: str) -> GameFile:
    """The game of that name, or in that file.

    Raises: FileNotFoundError; ValueError where the file describes none.
    """
    return replace(read_game(_path(name)), typed=name)


def game_bytes(name: str) -> bytes:
    """The file of the game of that name as it stands, once it is known to describe one.

    Raises: as `game_file`.
    """
    game_file(name)
    return _path(name).read_bytes()


def _path(name: str) -> Path:
    path = shipped_games().get(name, Path(name))
    if path.is_file():
        return path
    if name.endswith(SUFFIX):
        raise FileNotFoundError(f"there is no game file {name}; list those that there are with: playfield games list")
    beside = f"; but there is a file {file}: name it so" if Path(file := f"{name}{SUFFIX}").is_file() else ""
    there = nearest(name, list(shipped_games()), len(shipped_games()))
    raise FileNotFoundError(f"{name} is no desktop game: those are {there}, and files ending in {SUFFIX}{beside}")


def desktop_games(name: str, games: int) -> EachGame:
    """G copies of a desktop game, each in a process and on a display of its own.

    Raises: as `game_file` and `DesktopGame`; ValueError where several copies cannot be played side by side.
    """
    file, pace = game_file(name), Pace()
    watch = Watch(file, copies=games)
    if file.screen.place == "here" and games > 1:
        raise ValueError(
            f"{name} is shown on your own display, where one copy has the focus, not {games}: "
            'train with games=1, or set screen.place to "own"'
        )
    if file.needs_gamepad and games > 1:
        raise ValueError(f"{name} is played with a gamepad, which all {games} copies would see: train with games=1")
    if file.timing.clock == "suspend":
        _warn_once_of_suspending(name)
    solos: list[DesktopGame] = []
    try:
        for _ in range(games):
            solos.append(DesktopGame(file, pace, watch))
    except BaseException:
        for solo in solos:
            solo.close()
        raise

    def halt() -> None:
        for solo in solos:
            solo.halt()

    pace_told = None if file.timing.replays else pace
    return EachGame(_spec(name, games, file), solos, ThreadPoolExecutor(games), pace_told, halt)


def _spec(name: str, games: int, file: GameFile) -> GameSpec:
    height, width = file.sight.size
    return GameSpec(
        name=name,
        games=games,
        actions=tuple(action.label for action in file.actions),
        axes=file.factors,
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
            "file": _digest(repr(_placeless(file)).encode()),
            "frame_skip": 1,
            "repeat_action_probability": 0.0,
        },
    )


def does_replay(name: str) -> bool:
    """Whether (seed, actions) plays an episode of that game again; of all but desktop games in time of their own."""
    return not is_desktop_game(name) or game_file(name).timing.replays


def copies_side_by_side(name: str, wanted: int) -> int:
    """How many copies of a game to play at once where that many are wanted: one in real time, which is shared."""
    return wanted if does_replay(name) else 1


def _placeless(file: GameFile) -> GameFile:
    """The game file, in which a page of this machine counts by what it says: it may lie elsewhere on another."""
    page = file.launch.page_file
    if page is None:
        return file
    return replace(file, launch=replace(file.launch, url=f"file:{_digest(page.read_bytes())}"))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def warn_of_suspending(file: GameFile) -> None:
    """Tell what the clock `suspend` is not, where a game has it."""
    if file.timing.clock == "suspend":
        name = typed_name(file)
        print(
            f"note: {name} is stopped between steps, but its clock is not: it never repeats itself, and goes wrong "
            f'where it measures elapsed time; clock = "virtual" is exact: playfield games doctor {name}',
            file=sys.stderr,
        )


@cache
def _warn_once_of_suspending(name: str) -> None:
    """For all copies of a game, and for those that are made later: a training evaluates on others than its own."""
    warn_of_suspending(game_file(name))
