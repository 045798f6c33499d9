"""Which keys a person presses for which action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from playfield.games.desktop.actions import Action

Keys = frozenset[str]
"""Names of keys that are held together, as X names them."""

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
    """Keys for the actions of a desktop game: its own; none where an action takes a pointer or a gamepad."""
    found: list[Keys | None] = []
    for action in actions:
        elsewhere = any(c.buttons or c.at or c.to or c.pads for c in action.choices)
        found.append(None if elsewhere else frozenset(key for choice in action.choices for key in choice.keys))
    return tuple(found)


def chosen(held: AbstractSet[str], keys: Sequence[Keys | None]) -> int:
    """The action of which most keys are held, and no key that is not; without any the first one that needs none.

    Where every action needs a key and none is held it is the first action: a game must be told something.
    """
    fits = [(len(each), -number) for number, each in enumerate(keys) if each is not None and each <= held]
    return -max(fits)[1] if fits else 0


def is_meant(held: AbstractSet[str], keys: Sequence[Keys | None]) -> bool:
    """Whether what is held is just what one of the actions needs; keys that none needs do not reach the game."""
    used = frozenset[str]().union(*(each for each in keys if each is not None))
    return held & used in [each for each in keys if each is not None]
