"""Which stage a game gets is decided here and nowhere else, with one sentence where a system has none for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from playfield.games.desktop.game_file import GameFile, typed_name

Stages = Literal["own", "x11", "wayland", "windows"]


class NoStage(ValueError):
    """The system cannot show the game to us; the message says what to change."""


def stage_for(file: GameFile, platform: str, variables: Mapping[str, str]) -> Stages:
    """The stage of a game on a system with these environment variables.

    Raises: NoStage.
    """
    name, own = typed_name(file), file.screen.place == "own"
    if platform == "darwin":
        raise NoStage(
            f"desktop games cannot be played on macOS, which lets no program see and touch another's window; play "
            f"{name} on Linux, or try: playfield games list"
        )
    if platform == "win32":
        if own:
            raise NoStage(
                f'Windows has no display of its own for a game: set screen.place to "here" and timing.clock to "real" '
                f"in the file, then: playfield games launch {name}"
            )
        return "windows"
    if own:
        return "own"
    if variables.get("WAYLAND_DISPLAY"):
        if _points(file):
            raise NoStage(
                f"the choices of {name} move the pointer, and on Wayland nobody is told where a window stands: set "
                f'screen.place to "own", or log in to an X11 session, then: playfield games launch {name}'
            )
        return "wayland"
    return "x11"  # where there is none, it says so itself


def _points(file: GameFile) -> bool:
    choices = [choice for axis in file.axes for choice in axis.choices]
    return any(choice.at or choice.by or choice.to for choice in choices) or any(press.at for press in file.begin)
