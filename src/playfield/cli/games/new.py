"""`games new`: a game that nobody has described yet is started and looked at, and its file begun."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from jaxtyping import UInt8

from playfield.cli.games.results import save_picture
from playfield.cli.games.ways import WAYS, Place, Said, Way, told_in_options
from playfield.games.desktop.draft import ENVIRONMENT, Draft, draft_text, presses
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import (
    Clock,
    GameFile,
    Launch,
    Screen,
    Timing,
    game_from,
    page_beside,
    shipped_games,
)
from playfield.games.desktop.games import warn_of_suspending
from playfield.games.desktop.pictures import annotated
from playfield.games.desktop.proposals import Course, Proposal, answer, propose_regions
from playfield.games.desktop.windows import Window, WindowMatch
from playfield.storage.files import write_new
from playfield.storage.run import check_name
from playfield.types import Array

ARROWS = ("Left", "Right", "Up", "Down", "space")
"""Keys that are tried where none are given."""


SCREEN = (1024, 768)
"""Width and height of a display of its own."""
ALL_WAYS = "--argv, --url, --steam or --attach-title"


@dataclass(frozen=True, slots=True)
class GamesNew:
    """Begin the file of a desktop game: playfield games new NAME --argv "PROGRAM ARGUMENTS" --keys Left Right

    One comes to the game by one of --argv, --url, --steam and --attach-...; a terminal asks where none is given.
    """

    name: tyro.conf.Positional[str]
    """Name of the game: NAME.toml and NAME.png are written into this folder."""
    argv: str | None = None
    """Program and arguments, as in a shell; the paths of files that are here are written as whole ones."""
    url: str | None = None
    """Page that a browser shows: http(s)://, chrome://, or the path of a file."""
    steam: int | None = None
    """Number of an app that Steam starts, on your display."""
    attach_title: str | None = None
    """Regular expression for the title of a window that is there already, on your display."""
    attach_group: str | None = None
    """The same for its class."""
    attach_pid: int | None = None
    """Number of the process that shows it."""
    window: str | None = None
    """Regular expression for the window's title, of a program or of Steam's; needed where several windows are shown."""
    place: Place | None = None
    """own: a display that nobody sees, where there can be one; here: yours."""
    clock: Clock | None = None
    """virtual (a program's) or javascript (a page's) where there can be one, else real; or suspend."""
    keys: tuple[str, ...] = ()
    """Keys of the game by their X names: Left, space, a, Return; asked, or the arrows and space."""
    begin: tuple[str, ...] = ()
    """What is pressed until the game can be played: Return, space:500 (milliseconds), wait:1000, Control_L+n."""
    step_ms: int = 50
    """Milliseconds of the game that an action lasts."""
    screen: tuple[int, int] | None = None
    """Width and height of the game's own display, 1024 and 768 by default."""
    steps: int = 60
    """Steps to look at it, once without a key and once with each."""
    out: Path = Path(".")
    """Folder of the file."""

    def run(self) -> int:
        target, picture = self._targets()
        way, said, was_asked = self._way()
        draft = self._draft(way, said, was_asked=was_asked)
        if self.steps < 2:
            raise ValueError(f"--steps must be 2 or more, not {self.steps}")
        with told_in_options(way):
            window, course = _looked_at(page_beside(draft.game(), self.out), draft.keys, self.steps)
        regions, answers = _found(course)
        text = draft_text(draft, window, regions, answers)
        game_from(text, str(target))
        shown = annotated(
            course.idle[-1],
            {name: each.region for name, each in regions.items()},
            {name: each.why for name, each in regions.items()},
        )
        write_new(target, [text.encode()])
        save_picture(picture, shown)
        warn_of_suspending(replace(draft.game(), typed=str(target)))  # it sends to the file, which is there only now
        print(f"window    {window.title!r}, {window.width} x {window.height}")
        print(f"regions   {', '.join(regions) or 'none: nothing changed, and nothing looks like writing'}")
        if draft.timing.replays:
            _print_silent([key for key, step in answers.items() if step is None], draft.keys, f"{target} and {picture}")
        else:
            print(f"keys      in real time nobody can tell what one does: playfield games capture {target} shows it")
        print(f"written   {target} and {picture}\nnow       edit it, then: playfield games check {target}")
        return 0

    def _targets(self) -> tuple[Path, Path]:
        check_name(self.name)
        if self.name in shipped_games():
            raise ValueError(
                f"a game {self.name!r} comes with Playfield; choose another name, or begin from its file: "
                f"playfield games show {self.name} --toml > my-{self.name}.toml"
            )
        target, picture = self.out / f"{self.name}.toml", self.out / f"{self.name}.png"
        for path in (target, picture):
            if path.exists():
                raise ValueError(f"{path} is there already; choose another name, or remove it")
        return target, picture

    def _way(self) -> tuple[Way, Launch, bool]:
        """The one way that the options name, else what the person says; and whether the person was asked.

        Raises: ValueError where there is none, or more than one.
        """
        attach = WindowMatch(title=self.attach_title, group=self.attach_group, pid=self.attach_pid)
        said: dict[str, Said | None] = {
            "program": self.argv,
            "page": self.url,
            "steam": self.steam,
            "window": None if attach.is_empty else attach,
        }
        given = {name: value for name, value in said.items() if value is not None}
        if len(given) > 1:
            options = " and ".join(WAYS[name].option for name in given)
            raise ValueError(f"one comes to a game by one way, not by {options}: leave out all but one")
        if given:
            ((name, value),) = given.items()
            return WAYS[name], WAYS[name].launch(value, self.out), False
        name = _asked(f"how does one come to it, by {', '.join(WAYS)} (program)", ALL_WAYS, "program")
        if name not in WAYS:
            raise ValueError(f"{name!r} is no way to come to a game; there are: {', '.join(WAYS)}")
        way = WAYS[name]
        return way, way.launch(_asked(way.question, way.option), self.out), True

    def _draft(self, way: Way, launch: Launch, *, was_asked: bool) -> Draft:
        place = way.place(self.place, sys.platform)
        clock = way.clock(self.clock, place)
        if self.window is not None and not way.takes_window:
            takers = " and ".join(each.option for each in WAYS.values() if each.takes_window)
            raise ValueError(f"--window is for {takers}, not for {way.option}: leave it out")
        if self.screen is not None and place == "here":
            raise ValueError("--screen is for a game's own display, not for yours: leave it out")
        keys = self.keys
        if not keys and was_asked:
            keys = tuple(_asked(f"keys, apart by blanks ({' '.join(ARROWS)})", "--keys", " ".join(ARROWS)).split())
        width, height = self.screen or SCREEN
        if launch.command and place == "own":
            launch = replace(launch, environment=ENVIRONMENT)
        return Draft(
            name=self.name,
            launch=launch,
            window=WindowMatch(title=self.window),
            screen=Screen(place=place, width=width, height=height),
            timing=Timing(step_ms=self.step_ms, clock=clock),
            keys=tuple(dict.fromkeys(keys or ARROWS)),
            begin=presses(self.begin),
        )


def _looked_at(file: GameFile, keys: Sequence[str], steps: int) -> tuple[Window, Course]:
    """The game's window, and what it shows without a key and with each.

    Raises: as DesktopGame.
    """
    with closing(DesktopGame(file)) as game:
        courses, titles = list[list[UInt8[Array, "H W 3"]]](), set[str]()
        for action in range(len(keys) + 1):
            courses.append(_course(game, action, steps))
            titles.add(_title(game))
        # A window may get its title after it is shown; one that changes while it is played says nothing.
        window = replace(game.window, title=titles.pop() if len(titles) == 1 else "")
    held = dict(zip(keys, courses[1:], strict=True))
    return window, Course(idle=courses[0], held=held, repeats=file.timing.replays)


def _found(course: Course) -> tuple[dict[str, Proposal], dict[str, int | None]]:
    """The regions that are proposed, and when each key first showed, as far as anybody can tell."""
    return propose_regions(course), {key: answer(course, key) for key in course.held if course.repeats}


def _print_silent(silent: Sequence[str], keys: Sequence[str], written: str) -> None:
    if not silent:
        return
    at_menu = f"; is it at a menu? Then remove {written}, and do it again with --begin Return, or what it asks for"
    some = "; take them out of [[axes]], or look longer: do it again with more --steps than this"
    hint = at_menu if len(silent) == len(keys) else some
    print(f"keys      without any effect: {', '.join(silent)}{hint}")


def _asked(question: str, option: str, default: str | None = None) -> str:
    """What the person says; without a person, the option is asked for."""
    if not sys.stdin.isatty():
        raise ValueError(f"without a terminal, `games new` needs {option}")
    said = input(f"{question}: ").strip() or default
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
