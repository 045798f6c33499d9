"""What the keys of game files, which have X's names, are called by other systems."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple


class KeyName(NamedTuple):
    """One key."""

    x11: str
    windows: str
    """In pydirectinput's table of scan codes."""
    linux: str
    """In the kernel's header of input events."""


def _same(x11: str) -> KeyName:
    return KeyName(x11, x11.lower(), f"KEY_{x11.upper()}")


KEY_NAMES = {
    name.x11: name
    for name in (
        *(_same(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789"),
        *(_same(f"F{number}") for number in range(1, 13)),
        *(_same(word) for word in ("Left", "Right", "Up", "Down", "space", "Tab", "Home", "End", "Insert", "Delete")),
        *(KeyName(f"KP_{number}", f"num{number}", f"KEY_KP{number}") for number in range(10)),
        KeyName("Return", "enter", "KEY_ENTER"),
        KeyName("Escape", "esc", "KEY_ESC"),
        KeyName("BackSpace", "backspace", "KEY_BACKSPACE"),
        KeyName("Page_Up", "pageup", "KEY_PAGEUP"),
        KeyName("Page_Down", "pagedown", "KEY_PAGEDOWN"),
        KeyName("Prior", "pageup", "KEY_PAGEUP"),
        KeyName("Next", "pagedown", "KEY_PAGEDOWN"),
        KeyName("Shift_L", "shiftleft", "KEY_LEFTSHIFT"),
        KeyName("Shift_R", "shiftright", "KEY_RIGHTSHIFT"),
        KeyName("Control_L", "ctrlleft", "KEY_LEFTCTRL"),
        KeyName("Control_R", "ctrlright", "KEY_RIGHTCTRL"),
        KeyName("Alt_L", "altleft", "KEY_LEFTALT"),
        KeyName("Alt_R", "altright", "KEY_RIGHTALT"),
        KeyName("Caps_Lock", "capslock", "KEY_CAPSLOCK"),
        KeyName("KP_Enter", "numpadenter", "KEY_KPENTER"),
        KeyName("minus", "-", "KEY_MINUS"),
        KeyName("equal", "=", "KEY_EQUAL"),
        KeyName("comma", ",", "KEY_COMMA"),
        KeyName("period", ".", "KEY_DOT"),
        KeyName("slash", "/", "KEY_SLASH"),
        KeyName("semicolon", ";", "KEY_SEMICOLON"),
        KeyName("apostrophe", "'", "KEY_APOSTROPHE"),
        KeyName("bracketleft", "[", "KEY_LEFTBRACE"),
        KeyName("bracketright", "]", "KEY_RIGHTBRACE"),
        KeyName("backslash", "\\", "KEY_BACKSLASH"),
        KeyName("grave", "`", "KEY_GRAVE"),
    )
}


def key_name(x11: str) -> KeyName:
    """The key of that X name.

    Raises: ValueError where it is none that other systems are known to have.
    """
    name = KEY_NAMES.get(x11) or (KEY_NAMES.get(x11.lower()) if len(x11) == 1 else None)
    if name is None:
        raise no_key(x11)
    return name


def no_key(x11: str) -> ValueError:
    """What to raise of a name that no key has."""
    return ValueError(f"there is no key {x11!r}; names are those of X, for instance Left, space, Return, a, F1")


def check_key_name(x11: str) -> None:
    """Refuse a name that X has for no key: as much as is known of it without a display.

    Without python-xlib, which has X's names, and without which no game is played on X, any name passes.

    Raises: ValueError.
    """
    try:
        keysyms: Any = importlib.import_module("Xlib.XK")
    except ModuleNotFoundError:
        return
    if x11 not in KEY_NAMES and not keysyms.string_to_keysym(x11):
        raise no_key(x11)
