"""The commands of games: which there are, and desktop games as files."""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from playfield.cli.games.calibrate import GamesCalibrate
from playfield.cli.games.check import GamesCheck
from playfield.cli.games.doctor import GamesDoctor
from playfield.cli.games.list import GamesList
from playfield.cli.games.new import GamesNew
from playfield.cli.games.play import GamesCapture, GamesLaunch
from playfield.cli.games.readers import GamesDisableReader, GamesEnableReader, GamesReaders
from playfield.cli.games.show import GamesShow

GAMES_COMMANDS = {
    "list": GamesList,
    "show": GamesShow,
    "new": GamesNew,
    "launch": GamesLaunch,
    "capture": GamesCapture,
    "check": GamesCheck,
    "calibrate": GamesCalibrate,
    "doctor": GamesDoctor,
    "readers": GamesReaders,
    "enable-reader": GamesEnableReader,
    "disable-reader": GamesDisableReader,
}


@dataclass(frozen=True, slots=True)
class Games:
    """List the games that can be played; playfield games list|show|new|launch|capture|check|calibrate|doctor|readers"""

    like: tyro.conf.Positional[str] = ""
    """Only names that contain this."""

    def run(self) -> int:
        return GamesList(like=self.like).run()
