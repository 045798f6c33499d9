"""What a game shows while it is learnt from: what never changes is told once it should have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from threading import Lock

from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.readers import Gone, ReaderSpec, Still

LONG = 1000
"""Steps in which a reader should have changed."""


class NothingHappens(ValueError):
    """No action changes what a game shows; the message says what to write."""


class OverAtOnce(ValueError):
    """An episode is over before its first step; the message says what to write."""


def note(sentence: str) -> None:
    """Tell the person at the terminal."""
    print(f"note: {sentence}", file=sys.stderr, flush=True)


class Watch:
    """What all copies of a game have shown in their first steps, taken together."""

    def __init__(self, file: GameFile, tell: Callable[[str], None] = note, copies: int = 1) -> None:
        """Judged is after `LONG` steps of each of the `copies`: many together may not have come to any end by then."""
        self._file, self._tell = file, tell
        self._long = LONG * copies
        self._steps = 0
        self._moved = False
        self._first: dict[str, float] = {}
        self._changed: set[str] = set()
        self._lock = Lock()  # copies are played in threads

    def begins(self, values: Mapping[str, float]) -> None:
        """An episode begins with these readings."""
        with self._lock:
            self._compare(values)

    def step(self, values: Mapping[str, float], *, moved: bool) -> None:
        """A step was played; `moved` says whether the picture changed in it.

        Raises: NothingHappens where no picture has changed in all this time.
        """
        with self._lock:
            if self._steps >= self._long:
                return
            self._steps += 1
            self._moved = self._moved or moved
            self._compare(values)
            if self._steps == self._long:
                self._judge()

    def _compare(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if self._first.setdefault(name, value) != value:
                self._changed.add(name)

    def _judge(self) -> None:
        game = typed_name(self._file)
        if not self._moved:
            raise NothingHappens(
                f"the picture of {self._file.name} has not changed in {self._long:,} steps, whatever was pressed: the "
                f"game may still be at its menu; mend [[begin]] or [[axes]], then: playfield games check {game}"
            )
        for name, value in self._first.items():
            if name not in self._changed and should_change(self._file.readers[name]):
                self._tell(never_changed(name, value, self._long, game))


def should_change(reader: ReaderSpec) -> bool:
    """Whether a reader that says the same for long is suspicious."""
    return not isinstance(reader, Gone | Still)


def never_changed(name: str, value: float, steps: int, game: str) -> str:
    """What to say of a reader that has not changed."""
    return (
        f"the reader {name!r} was {value:g} at all {steps:,} steps: compare its region with the picture, or play "
        f"otherwise: playfield games check {game} --policy scripted"
    )


def over_at_once(file: GameFile, over: Mapping[str, float]) -> OverAtOnce:
    """The error of an episode that begins with its end."""
    said = " and ".join(f"{name} is {value:g}" for name, value in over.items())
    return OverAtOnce(
        f"{file.name} is over before its first step ({said}): what begins it does not leave its menu, or the reader is "
        f"wrong; mend [[begin]] or [readers], then: playfield games check {typed_name(file)}"
    )
