"""`games new`: a game that nobody has described yet is started and looked at, and its file begun."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from jaxtyping import UInt8

from playfield.cli.games.results import save_picture
from playfield.games.desktop.draft import Draft, draft_text, presses
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import Screen, game_from, shipped_games
from playfield.games.desktop.pictures import annotated
from playfield.games.desktop.windows import NoWindow
from playfield.storage.files import write_new
from playfield.storage.run import check_name
from playfield.types import Array

ARROWS = ("Left", "Right", "Up", "Down", "space")
"""Keys that are tried where none are given."""


@dataclass(frozen=True, slots=True)
class GamesNew:
    """Begin the file of a desktop game: playfield games new NAME --argv "PROGRAM ARGUMENTS" --keys Left Right"""

    name: tyro.conf.Positional[str]
    """Name of the game: NAME.toml and NAME.png are written into this folder."""
    argv: str | None = None
    """Program and arguments, as in a shell; asked where this is a terminal."""
    window: str | None = None
    """Regular expression for the window's title; needed where the game shows more than one window."""
    keys: tuple[str, ...] = ()
    """Keys of the game by their X names: Left, space, a, Return; asked, or the arrows and space."""
    begin: tuple[str, ...] = ()
    """What is pressed until the game can be played: Return, space:500 (milliseconds), wait:1000, Control_L+n."""
    step_ms: int = 50
    """Milliseconds of the game that an action lasts."""
    screen: tuple[int, int] = (1024, 768)
    """Width and height of the game's display."""
    steps: int = 60
    """Steps to look at it, once without a key and once with each."""
    out: Path = Path(".")
    """Folder of the file."""

    def run(self) -> int:
        from playfield.games.desktop.proposals import Course, answer, propose_regions

        target, picture = self._targets()
        draft = self._draft()
        if self.steps < 2:
            raise ValueError(f"--steps must be 2 or more, not {self.steps}")
        with closing(DesktopGame(draft.game())) as game:
            try:
                courses, titles = [], set[str]()
                for action in range(len(draft.keys) + 1):
                    courses.append(_course(game, action, self.steps))
                    titles.add(_title(game))
            except NoWindow as error:
                raise NoWindow(str(error).rsplit("; ", 1)[0] + "; try --window TITLE, or another --argv") from error
            # A window may get its title after it is shown; one that changes while it is played says nothing.
            window = replace(game.window, title=titles.pop() if len(titles) == 1 else "")
        course = Course(idle=courses[0], held=dict(zip(draft.keys, courses[1:], strict=True)))
        regions = propose_regions(course)
        answers = {key: answer(course, key) for key in draft.keys}
        text = draft_text(draft, window, regions, answers)
        game_from(text, str(target))
        shown = annotated(
            courses[0][-1],
            {name: each.region for name, each in regions.items()},
            {name: each.why for name, each in regions.items()},
        )
        write_new(target, [text.encode()])
        save_picture(picture, shown)
        print(f"window    {window.title!r}, {window.width} x {window.height}")
        print(f"regions   {', '.join(regions) or 'none: nothing changed, and nothing looks like writing'}")
        silent = [key for key, step in answers.items() if step is None]
        if silent:
            at_menu = "; is it at a menu? Then add --begin" if len(silent) == len(answers) else ""
            print(f"keys      without any effect: {', '.join(silent)}{at_menu}")
        print(f"written   {target} and {picture}\nnow       edit it, then: playfield games check {target}")
        return 0

    def _targets(self) -> tuple[Path, Path]:
        check_name(self.name)
        if self.name in shipped_games():
            raise ValueError(f"a game {self.name!r} comes with Playfield; choose another name")
        target, picture = self.out / f"{self.name}.toml", self.out / f"{self.name}.png"
        for path in (target, picture):
            if path.exists():
                raise ValueError(f"{path} is there already; choose another name, or remove it")
        return target, picture

    def _draft(self) -> Draft:
        argv = self.argv or _asked("program and arguments: ", "--argv")
        keys = self.keys
        if not keys and self.argv is None:
            keys = tuple(_asked(f"keys, apart by blanks ({' '.join(ARROWS)}): ", "--keys", " ".join(ARROWS)).split())
        width, height = self.screen
        command = tuple(shlex.split(argv))
        draft = Draft(
            name=self.name, command=command, title=self.window, keys=keys or ARROWS, begin=presses(self.begin),
            step_ms=self.step_ms, screen=Screen(width=width, height=height),
        )  # fmt: skip
        return replace(draft, keys=tuple(dict.fromkeys(draft.keys)))


def _asked(question: str, option: str, default: str | None = None) -> str:
    """What the person says; without a person, the option is asked for."""
    if not sys.stdin.isatty():
        raise ValueError(f"without a terminal, `games new` needs {option}")
    said = input(question).strip() or default
    if not said:
        raise ValueError(f"`games new` needs {option}")
    return said


def _title(game: DesktopGame) -> str:
    """Of the game's window as it is now."""
    found = next((each for each in game.stage.windows() if each.number == game.window.number), game.window)
    return found.title


def _course(game: DesktopGame, action: int, steps: int) -> list[UInt8[Array, "H W 3"]]:
    """Pictures from one seed; the first is that before the key."""
    game.begin(0)
    found = [game.seen]
    for _ in range(steps):
        if not game.play(action):
            break
        found.append(game.seen)
    return found
