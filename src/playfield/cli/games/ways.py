"""How `games new` comes to a game: by one way, with the displays and clocks that go with it."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.game_file import Clock
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.windows import NoWindow

Place = Literal["own", "here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way, what it is called and asked for, and which clocks it takes; the first is meant where none is given."""

    option: str
    question: str
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


WAYS = {
    "program": Way(
        option="--argv",
        question="program and arguments",
        own=("virtual", "real", "suspend"),
        here=("real", "suspend"),
        instead="--window TITLE, or another --argv",
    ),
    "page": Way(
        option="--url",
        question="address of the page, or path of its file",
        own=("javascript", "real"),
        instead="another --url",
    ),
    "window": Way(
        option="--attach-title",
        question="title of the window, or a part of it",
        here=("real",),
        instead="another --attach-title, --attach-group or --attach-pid, once the game is there",
    ),
    "steam": Way(
        option="--steam",
        question="number of the app, which its page in the shop has in its address",
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
    except (NoWindow, NoDisplayServer, Hung) as error:
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
        (r"; set screen\.place to \"own\", or (?=type)", "; "),
        (r": playfield games doctor .*", "; try --clock real"),
    )
    for pattern, instead in advice:
        sentence = re.sub(pattern, instead, sentence)
    return sentence
