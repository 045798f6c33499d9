"""What this machine has of what a desktop game needs. Nothing is ever installed: what lacks is told."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from playfield.extras import EXTRAS, ExtraName, apt_install, install_extra, is_installed
from playfield.games.desktop.browser import browser
from playfield.games.desktop.game_file import PYTHON, GameFile, read_game, shipped_games
from playfield.games.desktop.gamepads import UINPUT
from playfield.games.desktop.installed_readers import NotEnabled, require_enabled
from playfield.games.desktop.programs import program, steam
from playfield.games.desktop.readers import Packaged
from playfield.games.desktop.stages import NoStage, stage_for
from playfield.games.desktop.virtual_clock import NoCompiler, library

UNTESTED = "untested on a real machine"
"""Of what only stand-ins have been put through the tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a game needs."""

    name: str
    found: str | None
    """Where it is; none where it is not."""
    how: str
    """What brings it: a command, or a sentence that ends with one."""
    purpose: str = ""
    """What it is for, where that is not the game that was asked about."""


def requirements(file: GameFile) -> tuple[Requirement, ...]:
    """Everything that a game needs here: a stage, a clock, what starts it, a gamepad, readers of packages."""
    clock = [_clock()] if file.timing.clock == "virtual" else []
    gamepad = [_gamepad()] if file.needs_gamepad else []
    readers = [_reader(reader.name) for reader in file.readers.values() if isinstance(reader, Packaged)]
    return (*_stage(file), *clock, *_start(file), *gamepad, *readers)


def lacking(file: GameFile) -> list[Requirement]:
    """What is not there."""
    return [each for each in requirements(file) if each.found is None]


def system_requirements() -> tuple[Requirement, ...]:
    """What desktop games need of this system, packages of Python aside, and the programs of those that come with us."""
    if sys.platform != "linux":
        return ()
    files = [read_game(path) for _, path in sorted(shipped_games().items())]
    programs = [
        replace(each, name=file.name, purpose="the game" if file.launch.command else "the game, and pages as games")
        for file in files if file.launch.command[:1] != (PYTHON,) for each in _start(file)
    ]  # fmt: skip
    return (
        replace(_display_server(), purpose="desktop games on displays of their own"),
        replace(_clock(), purpose="exact desktop games; a C compiler builds it once"),
        replace(_display(), purpose='games whose file says screen.place = "here"'),
        *programs,
        replace(_uinput(), purpose="games that are played with a gamepad"),
    )


def _stage(file: GameFile) -> list[Requirement]:
    """What the stage needs on which the file is played on this system."""
    try:
        stage = stage_for(file, sys.platform, os.environ)
    except NoStage as error:
        return [Requirement(name="stage", found=None, how=str(error))]
    match stage:
        case "own":
            return [_display_server(), _package("Xlib", "python-xlib", "desktop")]
        case "x11":
            return [_display(), _package("mss", "mss", "desktop"), _package("Xlib", "python-xlib", "desktop")]
        case "wayland" | "windows":
            modules = [package.module for package in EXTRAS[stage].here()]
    return [
        Requirement(name="stage", found=f"{stage}; {UNTESTED}", how=""),
        *(_package(module, module, stage) for module in modules),
    ]


def _gamepad() -> Requirement:
    module = "vgamepad" if sys.platform == "win32" else "evdev"
    needed = _package(module, "gamepad", "gamepad")
    if needed.found is None:
        return needed
    if module == "evdev" and (kernel := _uinput()).found is None:
        return replace(kernel, name="gamepad")
    return replace(needed, found=f"{module}; {UNTESTED}")


def _uinput() -> Requirement:
    found = UINPUT if os.access(UINPUT, os.W_OK) else None
    return Requirement(name=UINPUT, found=found, how=f"sudo modprobe uinput && sudo setfacl -m u:$USER:rw {UINPUT}")


def _display_server() -> Requirement:
    return Requirement(name="Xvfb", found=shutil.which("Xvfb"), how=apt_install("xvfb"))


def _clock() -> Requirement:
    try:
        found, how = str(library()), ""
    except NoCompiler as error:
        found, how = None, str(error)
    return Requirement(name="virtual clock", found=found, how=how)


def _package(module: str, name: str, extra: ExtraName) -> Requirement:
    return Requirement(name=name, found="installed" if is_installed(module) else None, how=install_extra(extra))


def _display() -> Requirement:
    how = 'type this in a terminal on your desktop, or set screen.place to "own"'
    return Requirement(name="your display", found=os.environ.get("DISPLAY") or None, how=how)


def _start(file: GameFile) -> list[Requirement]:
    """A program that starts it, where it is started."""
    if file.launch.command:
        return [_program("program", program, file)]
    if file.launch.url is not None:
        return [_program("program", browser, file)]
    return [_program("steam", steam, file)] if file.launch.steam is not None else []


def _program(name: str, find: Callable[[GameFile], Path], file: GameFile) -> Requirement:
    try:
        found, how = str(find(file)), ""
    except ValueError as error:
        found, how = None, str(error)
    return Requirement(name=name, found=found, how=how)


def _reader(name: str) -> Requirement:
    try:
        offered = require_enabled(name)
        found, how = f"{name}, enabled, of {offered.package} {offered.version}", ""
    except NotEnabled as error:
        found, how = None, str(error)
    return Requirement(name="reader", found=found, how=how)
