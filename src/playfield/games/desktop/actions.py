"""What an agent can do in a window: chords of keys and the mouse, by axes that are combined into one list."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, cast

from playfield.games.desktop.gamepads import Gamepad, Pad
from playfield.settings import explained, setting

MOST_ACTIONS = 256
"""Actions are written down as single bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing to do on an axis for as long as the action lasts; with nothing given, to do nothing."""

    label: str = field(metadata=explained("what it is called"))
    keys: tuple[str, ...] = setting((), "keys held down together, by their X names: Left, space, a")
    buttons: tuple[int, ...] = setting((), "mouse buttons held down: 1 left, 2 middle, 3 right")
    at: str | None = setting(None, "region whose middle the pointer goes to first")
    by: tuple[int, int] | None = setting(None, "pixels right and down that the pointer moves first")
    to: str | None = setting(None, "region to which the pointer is dragged with the buttons down")
    scroll: int = setting(0, "turns of the wheel, upwards where positive")
    pads: tuple[Pad, ...] = setting((), "held on a gamepad: A, LB, START, LEFT for its cross, LEFT_STICK_UP")

    def __post_init__(self) -> None:
        if self.at is not None and self.by is not None:
            raise ValueError(f"the choice {self.label!r} moves the pointer at a region or by pixels, not both")
        if self.to is not None and not self.buttons:
            raise ValueError(f"the choice {self.label!r} drags to {self.to!r}, but holds no button")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Choices that exclude each other."""

    name: str = field(metadata=explained("of the axis"))
    choices: tuple[Choice, ...] = field(
        metadata=explained("one thing to do for as long as the action lasts; with nothing given, to do nothing")
    )

    def __post_init__(self) -> None:
        labels = [choice.label for choice in self.choices]
        if not labels:
            raise ValueError(f"the axis {self.name!r} has no choices")
        if len(set(labels)) < len(labels):
            raise ValueError(f"the axis {self.name!r} has two choices of one label")


CONTINUOUS = frozenset({"range", "continuous", "low", "high", "min", "max", "minimum", "maximum", "analog"})
"""What somebody may write who means an axis of numbers."""


def refuse_continuous(axes: object) -> None:
    """Say what is played instead of an axis of numbers, in what a file says of its axes before it is read.

    Raises: ValueError.
    """
    for number, axis in enumerate(_tables(axes)):
        for table in (axis, *_tables(axis.get("choices"))):
            said = sorted(CONTINUOUS & table.keys()) or [
                key for key in ("kind", "type") if isinstance(kind := table.get(key), str) and kind in CONTINUOUS
            ]
            if said:
                raise ValueError(
                    f"axes[{number}] ({axis.get('name', 'without a name')!r}) says {said[0]!r}, and axes that are "
                    "continuous are not supported: cut it into choices, of the pointer for instance "
                    '{label = "LEFT", by = [-20, 0]}, of a stick {label = "LEFT", pads = ["LEFT_STICK_LEFT"]}'
                )


def _tables(found: object) -> list[Mapping[str, object]]:
    listed = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Mapping[str, object]", each) for each in listed if isinstance(each, Mapping)]


Combination = Literal["product", "concatenation"]


class Action(NamedTuple):
    """One entry of the list that an agent chooses from."""

    label: str
    choices: tuple[Choice, ...]


def combined(axes: Sequence[Axis], combination: Combination) -> tuple[Action, ...]:
    """All actions: every choice of one axis with every one of the others, or the choices of one axis after the other's.

    Raises: ValueError where there are none, or more than can be written down.
    """
    counts = [len(axis.choices) for axis in axes]
    count = math.prod(counts) if combination == "product" else sum(counts)
    if not axes or not 1 <= count <= MOST_ACTIONS:  # before they are made: a stranger's file may ask for billions
        raise ValueError(f"a game needs 1 to {MOST_ACTIONS} actions, and these axes make {count if axes else 0}")
    if combination == "product":
        together = itertools.product(*(axis.choices for axis in axes))
        return tuple(Action(" + ".join(choice.label for choice in choices), choices) for choices in together)
    return tuple(Action(choice.label, (choice,)) for axis in axes for choice in axis.choices)


class Hands(Protocol):
    """What keys and pointer are moved with: an X display, or whatever another system has."""

    def keycode(self, key: str) -> int: ...
    def key(self, code: int, *, down: bool) -> None: ...
    def button(self, number: int, *, down: bool) -> None: ...
    def move(self, x: int, y: int) -> None: ...
    def settle(self) -> None: ...


class Places(Protocol):
    """Where regions are, in pixels of the display."""

    def middle(self, region: str) -> tuple[int, int]: ...


class HeldInputs:
    """What is down; an action changes it by the difference, and nothing is ever pressed twice."""

    def __init__(
        self, hands: Hands, places: Places, gamepad: Gamepad | None = None, pointer: tuple[int, int] = (0, 0)
    ) -> None:
        """`pointer` is where the pointer stands, from which it is moved by pixels."""
        self._hands, self._places, self._gamepad = hands, places, gamepad
        self._pads: set[Pad] = set()
        self._keys: set[int] = set()
        self._buttons: set[int] = set()
        self._pointer = pointer

    def take(self, action: Action) -> None:
        """Hold down what the action asks for, and let go of everything else."""
        keys = {self._hands.keycode(key) for choice in action.choices for key in choice.keys}
        buttons = {button for choice in action.choices for button in choice.buttons}
        pads: set[Pad] = {pad for choice in action.choices for pad in choice.pads}
        pointed = any(choice.at or choice.by or choice.scroll or choice.to for choice in action.choices)
        if (keys, buttons, pads) == (self._keys, self._buttons, self._pads) and not pointed:
            return  # nothing to do, and nothing to wait for
        kept = (self._buttons & buttons) - self._elsewhere(action)
        self._let_go(self._keys - keys, self._buttons - kept)
        self._hold(pads)
        for choice in action.choices:
            self._point(choice)
        pressed = keys - self._keys, buttons - kept
        # Before: torn out of it by a signal we let go once too often, and not once too rarely.
        self._keys, self._buttons = self._keys | keys, self._buttons | buttons
        for code in sorted(pressed[0]):
            self._hands.key(code, down=True)
        for button in sorted(pressed[1]):
            self._hands.button(button, down=True)
        for choice in action.choices:
            if choice.to is not None:
                self._go(self._places.middle(choice.to))
        self._hands.settle()
        self._keys, self._buttons = keys, buttons

    def _elsewhere(self, action: Action) -> set[int]:
        """Buttons that click at another place than where the pointer is: held down on the way there they would drag."""
        return {
            button
            for choice in action.choices
            if choice.at is not None and self._places.middle(choice.at) != self._pointer
            for button in choice.buttons
        }

    def release(self) -> None:
        """Let go of everything; of what a signal keeps us from letting go, the next time."""
        if not (self._keys or self._buttons or self._pads):
            return
        self._let_go(self._keys, self._buttons)
        self._hold(set())
        self._hands.settle()
        self._keys, self._buttons = set(), set()

    def _hold(self, pads: set[Pad]) -> None:
        """Hold this on the gamepad, and let go of everything else on it."""
        if self._gamepad is None or pads == self._pads:
            return
        for pad in sorted(self._pads - pads):
            self._gamepad.control(pad, down=False)
        for pad in sorted(pads - self._pads):
            self._gamepad.control(pad, down=True)
        self._pads = pads
        self._gamepad.settle()

    def _let_go(self, keys: set[int], buttons: set[int]) -> None:
        for code in sorted(keys):
            self._hands.key(code, down=False)
        for button in sorted(buttons):
            self._hands.button(button, down=False)

    def _point(self, choice: Choice) -> None:
        if choice.at is not None:
            self._go(self._places.middle(choice.at))
        elif choice.by is not None:
            self._go((self._pointer[0] + choice.by[0], self._pointer[1] + choice.by[1]))
        for _ in range(abs(choice.scroll)):
            wheel = 4 if choice.scroll > 0 else 5
            self._hands.button(wheel, down=True)
            self._hands.button(wheel, down=False)

    def _go(self, place: tuple[int, int]) -> None:
        self._pointer = place
        self._hands.move(*place)
