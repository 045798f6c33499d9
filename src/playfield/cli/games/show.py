"""`games show`: what a game file says, in words or as it stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import tyro

from playfield.cli.counts import Switch
from playfield.extras import shell_word
from playfield.games.desktop.actions import Choice
from playfield.games.desktop.game import check_key_names
from playfield.games.desktop.game_file import PYTHON, GameFile, Launch, Press
from playfield.games.desktop.games import game_bytes, game_file
from playfield.games.desktop.key_names import check_key_name

LONGEST = 60
"""Letters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class GamesShow:
    """What a game file says, in words: playfield games show NAME

    Or the file as it stands, to begin another from it: playfield games show NAME --toml > mine.toml
    """

    name: tyro.conf.Positional[str]
    """A desktop game, or a game file ending in .toml."""
    toml: Switch = 0
    """The file itself."""

    def run(self) -> int:
        file = game_file(self.name)
        check_key_names(file, check_key_name)
        if self.toml:
            sys.stdout.buffer.write(game_bytes(self.name))  # comments in it may be in whatever encoding
            return 0
        for line in described(file):
            print(line)
        return 0


def described(file: GameFile) -> Iterator[str]:
    """A game file, a line for everything in it."""
    yield f"game      {file.name}: {file.about or 'a desktop game'}"
    yield f"launch    {_launched(file.launch)}"
    yield f"screen    {_shown(file)}"
    yield f"clock     {file.timing.clock}, {file.timing.step_ms} ms of the game a step"
    height, width = file.sight.size
    channels = " and ".join(file.sight.channels)
    yield f"sees      {file.sight.region or 'the whole window'}, {channels}, {height} x {width} pixels"
    for name, region in file.regions.items():
        yield f"region    {name}: {region.width} x {region.height} at {region.left}, {region.top}"
    for action, (label, choices) in enumerate(file.actions):
        yield f"action    {action}: {label} ({' and '.join(_does(choice) for choice in choices)})"
    yield from _readings(file)
    begins = ", ".join(_pressed(press) for press in file.begin)
    process = "in the same process" if file.lasts else "as a new process"
    yield f"begins    {process}{', then ' + begins if begins else ''}"
    lives = f"; lives: {file.lives}" if file.lives else ""
    yield f"ends      where one is not 0: {', '.join(file.over) or 'none'}; after {file.most_steps:,} steps{lives}"


def _launched(launch: Launch) -> str:
    package = f"; the package {launch.package} brings it" if launch.package else ""
    if launch.steam is not None:
        return f"Steam's app {launch.steam}"
    if launch.attach is not None:
        return f"none: the game of {launch.attach} runs already"
    command = " ".join(word if word == PYTHON else shell_word(word) for word in launch.command)
    return launch.url or f"{command}{package}"


def _shown(file: GameFile) -> str:
    screen = file.screen
    if screen.place == "here":
        return f"yours; its window is {file.launch.attach or file.window}; {screen.panic} stops everything"
    return f"{screen.width} x {screen.height}; its window is {file.window}"


def _readings(file: GameFile) -> Iterator[str]:
    for name, reader in file.readers.items():
        yield f"reader    {name}: {type(reader).kind}{_settings(reader)}"
    for reward in file.rewards:
        falls = ", falls too" if reward.falls else ""
        yield f"reward    {reward.scale:g} for each by which {reward.reader} grows{falls}"


def _settings(reader: Any) -> str:
    said: list[str] = []
    for each in fields(reader):
        value = getattr(reader, each.name)
        if each.name == "patterns":
            value = "".join(value) or "none learnt yet"
        text = str(value)
        said.append(f"{each.name} {text if len(text) <= LONGEST else text[:LONGEST] + '...'}")
    return f", {', '.join(said)}" if said else ""


def _does(choice: Choice) -> str:
    parts = [*choice.keys, *(f"button {button}" for button in choice.buttons)]
    parts += [f"{pad} of a gamepad" for pad in choice.pads]
    parts += [f"{word} {value}" for word, value in (("at", choice.at), ("by", choice.by), ("to", choice.to)) if value]
    if choice.scroll:
        parts.append(f"scroll {choice.scroll}")
    return " + ".join(parts) or "nothing"


def _pressed(press: Press) -> str:
    held = [
        *press.keys,
        *(f"button {button}" for button in press.buttons),
        *(f"{pad} of a gamepad" for pad in press.pads),
        *([f"at {press.at}"] if press.at else []),
    ]
    return f"{' + '.join(held) or 'a wait'} for {press.ms} ms"
