"""Which keys and buttons of the mouse a person presses for which action."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from playfield.games.desktop.actions import Action, Choice
from playfield.games.desktop.readers import Region
from playfield.types import Mouse

Keys = frozenset[str]
"""Names of keys that are held together, as X names them; `button 1`, `button 1 at REGION` and `pointer over REGION`."""

AT = " at "

WORDS = {"UP": "Up", "DOWN": "Down", "LEFT": "Left", "RIGHT": "Right", "FIRE": "space", "JUMP": "space"}
IDLE = ("NOOP", "STAY", "NONE", "WAIT")
"""Labels of doing nothing."""
_MADE_OF_WORDS = re.compile(f"(?:{'|'.join(WORDS)}|[ +-])+")


def keys_by_label(labels: Sequence[str]) -> tuple[Keys, ...]:
    """Keys for the actions of a game that knows no keyboard: arrows and space where a label says so, else numbers.

    The first action without words of its own is on 1, the second on 2, and so on.
    """
    found: list[Keys] = []
    for number, label in enumerate(labels, 1):
        upper = label.upper()
        if upper in IDLE:
            found.append(frozenset())
        elif _MADE_OF_WORDS.fullmatch(upper):
            found.append(frozenset(WORDS[word] for word in re.findall("|".join(WORDS), upper)))
        else:
            found.append(frozenset([str(number % 10)]) if number <= 10 else frozenset())
    return tuple(found)


def keys_of(actions: Sequence[Action]) -> tuple[Keys | None, ...]:
    """Keys and buttons for the actions of a desktop game: its own; none where no key and no place of a pointer says it.

    That is so of what is dragged, turned, moved by pixels or held on a gamepad.
    """
    found: list[Keys | None] = []
    for action in actions:
        elsewhere = any(c.by or c.to or c.scroll or c.pads for c in action.choices)
        found.append(None if elsewhere else frozenset(name for choice in action.choices for name in _names(choice)))
    return tuple(found)


def _names(choice: Choice) -> list[str]:
    if choice.at is None:
        pointed = [_button(button) for button in choice.buttons]
    else:
        pointed = [_button(button, choice.at) for button in choice.buttons] or [_over(choice.at)]
    return [*choice.keys, *pointed]


def _button(number: int, region: str | None = None) -> str:
    return f"button {number}" if region is None else f"button {number}{AT}{region}"


def _over(region: str) -> str:
    return f"pointer over {region}"


def is_of_mouse(name: str) -> bool:
    """Whether a name is none of a key; those of keys have no space."""
    return " " in name


def used_by(keys: Sequence[Keys | None]) -> Keys:
    """All names that some action has; a button counts wherever it is pressed, where it is asked for at a region."""
    names = frozenset[str]().union(*(each for each in keys if each is not None))
    return names | {name.partition(AT)[0] for name in names}


def held_by(mouse: Mouse, used: AbstractSet[str], regions: Mapping[str, Region]) -> Keys:
    """What the mouse does, in the names that are used for it; where regions overlap, of the smallest one.

    used: button 1 at door, pointer over door     the left button on the door    is button 1 at door
                                                  the left button beside it      is button 1, which is no action: a gap
                                                  no button, on the door         is pointer over door
    """
    under = _under(mouse.place, regions)
    found = {_first([_button(number, region) for region in under], used) or _button(number) for number in mouse.buttons}
    over = _first([_over(region) for region in under], used)
    if over is not None and not any(AT in name for name in found):
        found.add(over)
    return frozenset(found)


def _under(place: tuple[int, int] | None, regions: Mapping[str, Region]) -> list[str]:
    """Names of the regions in which a place is, the smallest first."""
    if place is None:
        return []
    x, y = place
    inside = [
        (region.width * region.height, name)
        for name, region in regions.items()
        if 0 <= x - region.left < region.width and 0 <= y - region.top < region.height
    ]
    return [name for _, name in sorted(inside)]


def _first(names: Sequence[str], used: AbstractSet[str]) -> str | None:
    return next((name for name in names if name in used), None)


def chosen(held: AbstractSet[str], keys: Sequence[Keys | None]) -> int:
    """The action of which most keys are held, and no key that is not; without any the first one that needs none.

    Where every action needs a key and none is held it is the first action: a game must be told something.
    """
    fits = [(len(each), -number) for number, each in enumerate(keys) if each is not None and each <= held]
    return -max(fits)[1] if fits else 0


def is_meant(held: AbstractSet[str], keys: Sequence[Keys | None]) -> bool:
    """Whether what is held is just what one of the actions needs; keys that none needs do not reach the game."""
    return held & used_by(keys) in [each for each in keys if each is not None]
