"""What a desktop game is made of, as its file says: where it is shown, how it is started, how its time passes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playfield.games.desktop.browser import MARK_ROWS, SPARE, BrowserLauncher
from playfield.games.desktop.clocks import GameClock
from playfield.games.desktop.game_file import GameFile
from playfield.games.desktop.gamepads import Gamepad, make_gamepad
from playfield.games.desktop.javascript_clock import JavascriptClock
from playfield.games.desktop.own_stage import OwnStage
from playfield.games.desktop.pace import Pace
from playfield.games.desktop.person_stage import XStage
from playfield.games.desktop.programs import AttachLauncher, CommandLauncher, Launcher, SteamLauncher
from playfield.games.desktop.stage import Stage
from playfield.games.desktop.stages import stage_for
from playfield.games.desktop.virtual_clock import VirtualClock, library
from playfield.games.desktop.wall_clocks import RealClock, SuspendClock
from playfield.games.desktop.wayland_stage import WaylandStage, wayland_modules
from playfield.games.desktop.win32_stage import Win32Stage, windows_modules

EPOCH = 1_500_000_000
"""Wall clock of seed 0, in seconds since 1970: a game that looks at the date finds a sensible one."""
SEEDS = 500_000_000
"""Different wall clocks: the seed's rest by it is added, so that none lies in a future that 32 bits cannot hold."""


def launcher_of(file: GameFile, folder: Path) -> Launcher:
    """What starts the game; made before anything else, since it finds out what lacks.

    Raises: ValueError where that is not there.
    """
    if file.launch.command:
        return CommandLauncher(file, folder)
    if file.launch.url is not None:
        return BrowserLauncher(file, folder)
    if file.launch.steam is not None:
        return SteamLauncher(file)
    assert file.launch.attach is not None, "a game file names one way"
    return AttachLauncher(file.launch.attach)


def stage_of(file: GameFile, folder: Path) -> Stage:
    """The display that the game is shown on.

    Raises: NoStage, NoDisplayServer; ModuleNotFoundError with the command that installs what lacks.
    """
    match stage_for(file, sys.platform, os.environ):
        case "own" if file.launch.url is not None:
            size = (file.screen.width + SPARE, file.screen.height + MARK_ROWS + SPARE)
            return OwnStage(folder, *size, hidden_rows=MARK_ROWS)
        case "own":
            return OwnStage(folder, file.screen.width, file.screen.height)
        case "windows":
            return Win32Stage(windows_modules())
        case "wayland":
            return WaylandStage(wayland_modules())
        case "x11":
            return XStage()


def gamepad_of(file: GameFile) -> Gamepad | None:
    """The gamepad that the game is played with, where its file has choices that hold something on one.

    Raises: NoGamepad; ModuleNotFoundError with the command that installs what lacks.
    """
    return make_gamepad(sys.platform) if file.needs_gamepad else None


def prepare_clock(file: GameFile) -> None:
    """Build what the clock needs, before a game is started or a run begun that could not go on.

    Raises: NoCompiler.
    """
    if file.timing.clock == "virtual":
        library()


def clock_of(file: GameFile, folder: Path, seed: int, stage: Stage, pace: Pace) -> GameClock:
    """The clock of an episode's process; `pace` is told how well it is kept.

    Raises: NoCompiler; ValueError where this machine has no such clock.
    """
    epoch, hang_seconds = EPOCH + seed % SEEDS, file.timing.hang_ms / 1000.0
    if file.timing.clock == "virtual":
        return VirtualClock(folder, epoch, hang_seconds)
    if file.timing.clock == "javascript":
        return JavascriptClock(stage, epoch, seed, hang_seconds)
    if file.timing.clock == "real":
        return RealClock(pace)
    return SuspendClock(pace)
