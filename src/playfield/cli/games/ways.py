"""How `games new` comes to a game: by one way, with the displays and clocks that go with it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.draft import exactly
from playfield.games.desktop.game_file import Clock, Launch, scheme_of
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.shared_display import DisplayTaken
from playfield.games.desktop.stages import NoStage
from playfield.games.desktop.windows import NoWindow, WindowMatch

Place = Literal["own", "here"]
Said = str | int | WindowMatch
"""What a person says of the game: in a terminal a text, else the value of an option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way, what it is called and asked for, and which clocks it takes; the first is meant where none is given."""

    option: str
    question: str
    launch: Callable[[Said, Path], Launch]
    """What a game file in a folder says of this way; raises ValueError where that is nothing."""
    takes_window: bool = False
    """Whether the game's window is told apart from others by --window."""
    own: tuple[Clock, ...] = ()
    """On a display of its own; none where it has none."""
    here: tuple[Clock, ...] = ()
    """On the person's display."""
    instead: str
    """What to try where no window of the game is found."""

    def place(self, asked: Place | None, platform: str) -> Place:
        """The display that was asked for, or else the one that is usual.

        Raises: ValueError where the game cannot be shown there.
        """
        places: list[Place] = [*(["own"] if self.own else []), *(["here"] if self.here else [])]
        if asked is None:
            return places[-1] if platform == "win32" else places[0]  # Windows has no display of our own
        if asked not in places:
            raise ValueError(f"{self.option} goes with --place {places[0]}, not with {asked}: leave --place out")
        return asked

    def clock(self, asked: Clock | None, place: Place) -> Clock:
        """The clock that was asked for, or else the best of those that there can be.

        Raises: ValueError where it is none of those.
        """
        clocks = self.own if place == "own" else self.here
        if asked is None:
            return clocks[0]
        if asked not in clocks:
            raise ValueError(
                f"{self.option} with --place {place} goes with --clock {' or '.join(clocks)}, not with {asked}: "
                "give one of these, or leave --clock out"
            )
        return asked


def _program(said: Said, _folder: Path) -> Launch:
    try:
        return Launch(command=_command(str(said)))
    except ValueError as error:
        raise ValueError(f"--argv {str(said)!r} starts no program ({error}); write it as in a shell") from error


def _command(said: str) -> tuple[str, ...]:
    """The words of a command; it is run in a home of its own, from where a path from here leads nowhere."""
    program, *arguments = shlex.split(said) or [""]
    whole = [str(Path(each).absolute()) if os.path.exists(each) else each for each in (program, *arguments)]
    return (whole[0] if os.sep in program else program, *whole[1:]) if program else ()


def _page(said: Said, folder: Path) -> Launch:
    """The page as a file in that folder names it."""
    url = str(said)
    if scheme_of(url):
        return Launch(url=url)
    if not Path(url).is_file():
        raise ValueError(
            f"there is no page {url}; give --url the path of a file, or an address with http:// or https://"
        )
    return Launch(url=os.path.relpath(Path(url).resolve(), folder.resolve()))


def _window(said: Said, _folder: Path) -> Launch:
    return Launch(attach=said if isinstance(said, WindowMatch) else WindowMatch(title=exactly(str(said))))


def _steam(said: Said, _folder: Path) -> Launch:
    if re.fullmatch(r"\d{1,10}", str(said)) is None:
        raise ValueError(f"{said} is no number of an app; its page in Steam's shop has it in its address")
    return Launch(steam=int(str(said)))


WAYS = {
    "program": Way(
        option="--argv",
        question="program and arguments",
        launch=_program,
        takes_window=True,
        own=("virtual", "real", "suspend"),
        here=("real", "suspend"),
        instead="--window TITLE, or another --argv",
    ),
    "page": Way(
        option="--url",
        question="address of the page, or path of its file",
        launch=_page,
        own=("javascript", "real"),
        instead="another --url",
    ),
    "window": Way(
        option="--attach-title",
        question="title of the window, or a part of it",
        launch=_window,
        here=("real",),
        instead="another --attach-title, --attach-group or --attach-pid, once the game is there",
    ),
    "steam": Way(
        option="--steam",
        question="number of the app, which its page in the shop has in its address",
        launch=_steam,
        takes_window=True,
        here=("real",),
        instead="--window TITLE, or another --steam",
    ),
}
"""By what a person calls it."""


@contextmanager
def told_in_options(way: Way) -> Generator[None]:
    """What went wrong, with what to change among the options: there is no file yet in which it could be mended."""
    try:
        yield
    except (NoWindow, NoDisplayServer, NoStage, DisplayTaken, Hung) as error:
        raise type(error)(in_options(str(error), way)) from error
    except ValueError as error:
        raise ValueError(in_options(str(error), way)) from error


def in_options(sentence: str, way: Way) -> str:
    """A sentence about a game file, as one about the options of which the file is made."""
    advice = (
        (r"; (mend (launch|\[)|say more under|start it, or mend ).*", f"; try {way.instead}"),
        (r"; set \[screen\] to (\d+) x (\d+) or more, then: .*", r"; try --screen \1 \2"),
        (r"; move it, then: .*", "; move it, then try again"),
        (r"; mend it, then: .*", "; mend --keys or --begin"),
        (r"; set screen\.place to \"own\", or (?=type)", "; give --place own, or " if way.own else "; "),
        (r", or set screen\.place to \"own\"$", ", or give --place own" if way.own else ""),
        (r": playfield games doctor .*", "; try --clock real"),
    )
    for pattern, instead in advice:
        sentence = re.sub(pattern, instead, sentence)
    return sentence
