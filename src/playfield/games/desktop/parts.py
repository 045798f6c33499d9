"""What a desktop game is made of, as its file says: where it is shown, how it is started, how its time passes."""

from __future__ import annotations

from pathlib import Path

from playfield.games.desktop.clocks import GameClock
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.own_stage import OwnStage
from playfield.games.desktop.pace import Pace
from playfield.games.desktop.person_stage import XStage
from playfield.games.desktop.programs import AttachLauncher, CommandLauncher, Launcher, SteamLauncher
from playfield.games.desktop.stage import Stage
from playfield.games.desktop.virtual_clock import VirtualClock
from playfield.games.desktop.wall_clocks import RealClock, SuspendClock

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
    if file.launch.steam is not None:
        return SteamLauncher(file)
    if file.launch.attach is not None:
        return AttachLauncher(file.launch.attach)
    raise ValueError(f"{file.name} cannot be shown by a browser yet; give it a launch.command")


def stage_of(file: GameFile, folder: Path) -> Stage:
    """The display that the game is shown on.

    Raises: NoDisplayServer; ModuleNotFoundError with the command that installs what lacks.
    """
    if file.screen.place == "own":
        return OwnStage(folder, file.screen.width, file.screen.height)
    return XStage()


def clock_of(file: GameFile, folder: Path, seed: int, pace: Pace) -> GameClock:
    """The clock of an episode's process; `pace` is told how well it is kept.

    Raises: NoCompiler; ValueError where this machine has no such clock.
    """
    if file.timing.clock == "virtual":
        return VirtualClock(folder, EPOCH + seed % SEEDS, file.timing.hang_ms / 1000.0)
    if file.timing.clock == "real":
        return RealClock(pace)
    if file.timing.clock == "suspend":
        return SuspendClock(pace)
    raise ValueError(
        f'the clock "{file.timing.clock}" is not there yet; set timing.clock to "virtual", then: '
        f"playfield games doctor {typed_name(file)}"
    )
