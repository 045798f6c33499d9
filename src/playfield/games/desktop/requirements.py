"""What this machine has of what a desktop game needs. Nothing is ever installed: what lacks is told."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass

from playfield.games.desktop.game_file import GameFile
from playfield.games.desktop.programs import program
from playfield.games.desktop.virtual_clock import NoCompiler, library


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a game needs."""

    name: str
    found: str | None
    """Where it is; none where it is not."""
    how: str
    """The sentence that brings it."""


def requirements(file: GameFile) -> tuple[Requirement, ...]:
    """Everything that a game needs here: a display, a clock, python-xlib, its own program."""
    own = file.screen.place == "own"
    shown = [_display_server()] if own else [_display(), _camera()]
    clock = [_clock()] if file.timing.clock == "virtual" else []
    return (*shown, *clock, _xlib(), *_start(file))


def lacking(file: GameFile) -> list[Requirement]:
    """What is not there."""
    return [each for each in requirements(file) if each.found is None]


def _display_server() -> Requirement:
    return Requirement(name="Xvfb", found=shutil.which("Xvfb"), how="apt install xvfb")


def _clock() -> Requirement:
    try:
        found, how = str(library()), ""
    except NoCompiler as error:
        found, how = None, str(error)
    return Requirement(name="virtual clock", found=found, how=how)


def _xlib() -> Requirement:
    there = importlib.util.find_spec("Xlib") is not None
    return Requirement(name="python-xlib", found="installed" if there else None, how="pip install 'playfield[desktop]'")


def _display() -> Requirement:
    how = 'type this in a terminal on your desktop, or set screen.place to "own"'
    return Requirement(name="your display", found=os.environ.get("DISPLAY") or None, how=how)


def _camera() -> Requirement:
    there = importlib.util.find_spec("mss") is not None
    return Requirement(name="mss", found="installed" if there else None, how="pip install 'playfield[desktop]'")


def _start(file: GameFile) -> list[Requirement]:
    """A program that starts it, where it is started."""
    if file.launch.command:
        return [_program(file)]
    if file.launch.steam is not None:
        return [Requirement(name="steam", found=shutil.which("steam"), how="apt-get install steam")]
    return []


def _program(file: GameFile) -> Requirement:
    try:
        found, how = str(program(file)), ""
    except ValueError as error:
        found, how = None, str(error)
    return Requirement(name="program", found=found, how=how)
