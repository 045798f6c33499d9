"""`games list`: every game, and what desktop games lack here."""

from __future__ import annotations

from dataclasses import dataclass

import tyro
from rich.console import Console


@dataclass(frozen=True, slots=True)
class GamesList:
    """List the games that can be played; any Gymnasium environment is played as gym:ID besides."""

    like: tyro.conf.Positional[str] = ""
    """Only names that contain this."""

    def run(self) -> int:
        from playfield.games.make import known_games

        names = [name for name in known_games() if self.like.lower() in name]
        if not names:
            raise ValueError(f"no game's name contains {self.like!r}; `playfield games` lists all")
        console = Console()
        if console.is_terminal:
            console.print(*names, sep="  ", highlight=False)
        else:
            print("\n".join(names))
        aside = Console(stderr=True)
        aside.print(f"{len(names)} games, and any Gymnasium environment as gym:ID (for instance gym:CartPole-v1)")
        for sentence in _desktop_sentences(names):
            aside.print(sentence, highlight=False, markup=False, soft_wrap=True)
        return 0


def _desktop_sentences(names: list[str]) -> list[str]:
    """Of each desktop game whether it can be played here."""
    from playfield.games.desktop.game_file import read_game, shipped_games
    from playfield.games.desktop.requirements import lacking

    found: list[str] = []
    for name, path in sorted(shipped_games().items()):
        if name in names:
            missing = [f"{each.name}: {each.how}" for each in lacking(read_game(path))]
            said = f"cannot be played here ({'; '.join(missing)})" if missing else "can be played here"
            found.append(f"{name} is a desktop game and {said}")
    return found
