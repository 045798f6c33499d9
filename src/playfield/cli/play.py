"""`play`: a person at the keyboard or a gamepad; what was played can be kept to learn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from playfield.cli.about import find_recipe
from playfield.cli.counts import Switch
from playfield.cli.runs import result_name
from playfield.demonstrations import About, DemonstrationWriter, require_recordable
from playfield.events import Tape
from playfield.games.desktop.games import game_file, is_desktop_game
from playfield.games.episodes import draw_seeds
from playfield.games.films import Film, Shot, live
from playfield.games.games import GameSpec
from playfield.games.keys import Keys, chosen, keys_by_label, keys_of
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol
from playfield.rng import Rng
from playfield.sinks.window import Window
from playfield.storage import fingerprint
from playfield.study import slug

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class Play:
    """Play a game yourself, with the keyboard or a gamepad: playfield play pong --record

    Escape or closing the window ends it.
    """

    game: Positional[str]
    """A name from `playfield games`, gym:ID or a game file."""
    record: Switch = 0
    """Keep what is played as demonstrations: `playfield train dqfd GAME --demonstrations FOLDER` learns from them."""
    episodes: int | None = None
    """Whole games to play; by default until the window is closed."""
    speed: float = 1.0
    """1 for the game's own; 0.5 for half of it."""
    recipe: str = "dqn"
    """The recipe that will be trained: an Atari game is played by its rules."""
    seed: int = 0
    """Of the games."""
    scale: int = 3
    """Window pixels for each pixel of the game; of a desktop game 1."""
    name: str | None = None
    """Name of the recording; by default made from the game."""
    out: Path = Path("demos")
    """Folder of the recordings."""

    def run(self) -> int:
        if not 0.05 <= self.speed <= 20.0:
            raise ValueError(f"--speed must lie between 0.05 and 20, not at {self.speed:g}")
        if self.episodes is not None and self.episodes < 1:
            raise ValueError("--episodes must be 1 or more")
        protocol = find_recipe(self.recipe).protocol
        spec = spec_of(self.game, protocol)
        keys = keys_in(self.game, spec)
        window = Window(scale=1 if is_desktop_game(self.game) else self.scale)
        writer = self._writer(spec) if self.record else None
        print(legend(spec.actions, keys), flush=True)
        try:
            self._play(window, protocol, keys, writer)
        finally:
            window.close()
            if writer is not None:
                writer.close()
        if writer is not None:
            print(f"results  {writer.folder}")
        return 0

    def _play(
        self, window: Window, protocol: AtariProtocol, keys: tuple[Keys | None, ...], writer: DemonstrationWriter | None
    ) -> None:
        draws = Rng(self.seed).numpy("episodes")
        for number in itertools.count(1) if self.episodes is None else range(1, self.episodes + 1):
            seed = int(draw_seeds(draws, 1)[0])
            actions = bytearray()
            film = live(self.game, protocol, seed, _asked(window, keys, actions))
            window.frames_per_second = film.frames_per_second * self.speed
            played = watched(film, window, self.game)
            end = "" if played.whole else ", not played to its end"
            print(f"game {number}: {played.score:g} points{end}", flush=True)
            if writer is not None and actions:
                tape = Tape(seed=seed, actions=bytes(actions))
                writer.keep(tape, played.score, played.frames, truncated=played.truncated)
            if not window.open:
                return

    def _writer(self, spec: GameSpec) -> DemonstrationWriter:
        require_recordable(self.game)
        name = result_name(self.name, f"{slug(self.game)}-person", self.out)
        return DemonstrationWriter(self.out / name, About.of(spec, "person", "", fingerprint.take()))


class Played(NamedTuple):
    """What came of an episode."""

    score: float
    frames: int
    whole: bool
    truncated: bool
    """Whether it was cut off, by the game or by the person."""


def watched(film: Film, window: Window, name: str) -> Played:
    """Show an episode as it is played, until it is over or the window is closed."""
    score, frames, shot = 0.0, -1, Shot(np.zeros((1, 1, 3), np.uint8), 0.0, None)
    with closing(film.shots):
        for shot in film.shots:
            score, frames = score + shot.reward, frames + 1
            # Where the window was closed, the action that is under way is played to its end, and no other is asked for.
            window.show(shot.picture, f"{name}: {score:g} points")
            if shot.over:
                break
    return Played(score=score, frames=frames, whole=shot.over, truncated=shot.truncated or not shot.over)


def _asked(window: Window, keys: tuple[Keys | None, ...], actions: bytearray) -> Iterator[int]:
    """What is held when an action is asked for; each is written down as it is played."""
    while window.open:
        actions.append(chosen(window.held(), keys))
        yield actions[-1]


def spec_of(game: str, protocol: AtariProtocol) -> GameSpec:
    """What a game is."""
    games = make_games(game, protocol, 1, 1)
    games.close()
    return games.spec


def keys_in(game: str, spec: GameSpec) -> tuple[Keys | None, ...]:
    """The keys for a game's actions."""
    if is_desktop_game(game):
        return keys_of(game_file(game).actions)
    return keys_by_label(spec.actions)


def legend(labels: tuple[str, ...], keys: tuple[Keys | None, ...]) -> str:
    """Which keys do what."""
    lines = [
        f"  {label:<16} {'by pointer or gamepad, not here' if each is None else ' + '.join(sorted(each)) or '-'}"
        for label, each in zip(labels, keys, strict=True)
    ]
    return "\n".join(["keys", *lines, "  Escape ends it"])
