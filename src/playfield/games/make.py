"""From a name on the command line to games that can be played."""

from __future__ import annotations

from playfield.games.atari import AtariGames, atari_names
from playfield.games.desktop.game_file import shipped_games
from playfield.games.desktop.games import SUFFIX, desktop_games, is_desktop_game
from playfield.games.games import Games
from playfield.games.gymnasium_games import PREFIX, gymnasium_games
from playfield.games.protocol import AtariProtocol
from playfield.games.toys import TOYS, toy_games
from playfield.settings import nearest as nearest_words


class UnknownGame(ValueError):
    """No game has that name; the message offers the nearest ones."""


def known_games() -> list[str]:
    """Every game with a name of its own; any `gym:ID` can be played besides."""
    return sorted([*atari_names(), *TOYS, *shipped_games()])


def is_game(name: str) -> bool:
    """Whether the name is that of a game, and not, for instance, of a run."""
    return name.startswith(PREFIX) or is_desktop_game(name) or name in known_games()


def names_code(name: str) -> bool:
    """Whether the name of a game would load a module or start a program of its writer's choice."""
    return imports_code(name) or name.endswith(SUFFIX)


def imports_code(name: str) -> bool:
    """Whether the name of a game would load a module."""
    return name.startswith(PREFIX) and ":" in name.removeprefix(PREFIX)


def nearest(name: str) -> str:
    """The three known games whose names are most like `name`."""
    return nearest_words(name, known_games())


def check_game(name: str) -> None:
    """Raises: UnknownGame with the three nearest names."""
    if not is_game(name):
        raise UnknownGame(f"there is no game {name!r}; the nearest are: {nearest(name)}")


def make_games(name: str, protocol: AtariProtocol, games: int, threads: int = 0) -> Games:
    """G copies of a game. `protocol` and `threads` are for Atari games; 0 threads means one per core.

    Raises: UnknownGame with the three nearest names; ValueError where the game cannot be played.
    """
    if games < 1:
        raise ValueError(f"at least 1 game must be played, not {games}")
    if name.startswith(PREFIX):
        return gymnasium_games(name, games)
    if name in TOYS:
        return toy_games(name, games)
    if is_desktop_game(name):
        return desktop_games(name, games)
    check_game(name)
    return AtariGames(name, protocol, games, threads)
