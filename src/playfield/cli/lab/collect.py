"""`lab collect`: frames of a game that is played at random; nothing is learnt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from playfield.cli.lab.progress import progress
from playfield.cli.runs import result_name
from playfield.features.frames import Rows, collect, pixel_games, require_new, save, stamped
from playfield.games.atari import atari_names
from playfield.games.make import UnknownGame, is_game, nearest
from playfield.games.protocol import PROTOCOLS, AtariProtocol
from playfield.score import scoring_text
from playfield.storage import fingerprint
from playfield.study import slug

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class LabCollect:
    """Frames of a game played at random, to learn features from: playfield lab collect GAME --frames 40000"""

    game: Positional[str]
    """A game that shows pixels; `playfield games` lists them."""
    frames: int = 40_000
    """Emulator frames to play; an action lasts several of them."""
    seed: int = 0
    """Of the episodes and of the actions."""
    protocol: str | None = None
    """Rules of an Atari game: nature, the default, or machado."""
    size: int | None = None
    """Side of a frame in pixels, of an Atari game; 84 by default."""
    crop: tuple[int, int, int, int] | None = None
    """Of the 210 x 160 screen of an Atari game only what lies between these: top, bottom, left, right."""
    name: str | None = None
    """Name of the folder; by default made from the game."""
    out: Path = Path("lab")
    """Folder of the results."""

    def run(self) -> int:
        name = result_name(self.name, f"frames-{slug(self.game)}", self.out)
        folder = self.out / name
        require_new(folder)
        games = pixel_games(self.game, self._rules())
        try:
            with progress("playing by chance", self.frames) as advance:

                def on_rows(rows: Rows) -> None:
                    advance(rows.frames, f"{rows.rows:,} rows, {rows.episodes:,} episodes")

                recording = collect(games, self.frames, self.seed, on_rows)
        finally:
            games.close()
        size = save(stamped(recording, fingerprint.take()), folder)
        about, shape = recording.about, recording.frame.shape
        print(f"game     {about.game}, {scoring_text(about.protocol)}, random play, seed {about.seed}")
        print(f"frames   {about.frames:,} of the emulator, {games.spec.frames_per_action} an action")
        print(
            f"rows     {about.rows:,} of {shape[1]} x {shape[2]} x {shape[3]} pixels, {about.episodes:,} whole episodes"
        )
        print(f"disk     {size / 1e6:,.1f} MB of {recording.frame.nbytes / 1e6:,.1f} MB in memory\nresults  {folder}")
        return 0

    def _rules(self) -> AtariProtocol:
        if not is_game(self.game):
            raise UnknownGame(f"there is no game {self.game!r}; the nearest are: {nearest(self.game)}")
        given = [f"--{name}" for name in ("protocol", "size", "crop") if getattr(self, name) is not None]
        if given and self.game not in atari_names():
            raise ValueError(f"{given[0]} is for the games of the Atari emulator; {self.game} has rules of its own")
        name = self.protocol or "nature"
        if name not in PROTOCOLS:
            raise ValueError(f"there is no protocol {name!r}; choose one of: {', '.join(PROTOCOLS)}")
        side = 84 if self.size is None else self.size
        return PROTOCOLS[name](frame_size=(side, side), crop=self.crop)
