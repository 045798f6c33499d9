"""`games calibrate`: the digits of a region are learnt from what it shows, and named by a person."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro
from jaxtyping import UInt8

from playfield.cli.games.play import check_steps
from playfield.cli.games.results import new_folder, save_picture
from playfield.cli.lab.progress import progress
from playfield.games.desktop.calibration import (
    UNNAMED,
    Crops,
    Glyph,
    drawn,
    found_glyphs,
    ink,
    mask_from,
    named,
    reader_of,
    run_together,
    unnamed,
    with_patterns,
)
from playfield.games.desktop.checking import Policy, policy_actions
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, shipped_games
from playfield.games.desktop.games import game_file
from playfield.games.desktop.pictures import glyph_sheet
from playfield.games.desktop.readers import Colour, Digits
from playfield.storage.files import replace_file
from playfield.types import Array

EPISODE = 500
"""Steps after which another episode begins, so that the numbers are not all of one."""


@dataclass(frozen=True, slots=True)
class GamesCalibrate:
    """Learn the digits of a region: playfield games calibrate NAME --region score --as digits"""

    name: tyro.conf.Positional[str]
    """A desktop game, or a game file ending in .toml."""
    region: str
    """Region in which the number stands."""
    kind: Annotated[Literal["digits"], tyro.conf.arg(name="as")] = "digits"
    """What is learnt."""
    glyphs: str | None = None
    """The digits, in the order of the sheet, ? for a glyph that is none; asked where this is a terminal."""
    ink: Colour | None = None
    """Red, green and blue of the digits' pixels; by default the commonest besides that of the region's border."""
    tolerance: int | None = None
    """How far each of red, green and blue may be from it."""
    cell: int = 0
    """Width of a digit in pixels, of a font whose digits touch; 0 where blank columns part them."""
    gap: int = 0
    """Pixels at the right of a cell that are not looked at."""
    steps: int = 2000
    """Steps to play."""
    seed: int = 0
    """Of the first episode and of the actions: the same glyphs come in the same order."""
    policy: Policy = "random"
    """By chance, or every action in turn."""
    out: Path = Path("calibrations")
    """Folder of the sheet."""

    def run(self) -> int:
        check_steps(self.steps)
        file = game_file(self.name)
        reader_name, reader = reader_of(file, self.region)
        crops = self._crops(file)
        learning = self._learning(reader, crops)
        found = found_glyphs(crops.different, learning.colour, learning.tolerance, learning.cell, learning.gap)
        asked = unnamed(found, learning.patterns)
        different = len(crops.different)
        print(f"looked    {crops.looked:,} times at {self.region}; {different:,} looks, {len(found)} glyphs")
        if joined := run_together(asked):
            print(f"note      {len(joined)} glyphs are digits that touch: no empty column parts them (give --cell)")
        if not asked:
            print(f"known     all of them{_lacking(learning)}")
            return 0
        names = self._names(file, asked)
        if names is None:
            return 0
        learnt = replace(learning, patterns=named(asked, names, learning.patterns))
        print(f"learnt    {reader_name}: {''.join(learnt.patterns)}{_lacking(learnt)}")
        print(f"written   {self._write(reader_name, learnt)}")
        return 0

    def _learning(self, reader: Digits | None, crops: Crops) -> Digits:
        if reader is None:
            return Digits(
                region=self.region,
                colour=self.ink or ink(crops.different),
                tolerance=self.tolerance or 0,
                cell=self.cell,
                gap=self.gap,
            )
        if self.ink is not None or self.tolerance is not None or self.cell or self.gap:
            raise ValueError(
                f"the file has a reader of {self.region} already; mend its colour, tolerance and cells there, "
                "without --ink, --tolerance, --cell and --gap"
            )
        return reader

    def _crops(self, file: GameFile) -> Crops:
        crops = Crops(file.regions[self.region])
        actions = policy_actions(file, self.policy, self.steps, self.seed)
        with closing(DesktopGame(file)) as game, progress("playing", self.steps) as advance:
            for begin in range(0, self.steps, EPISODE):
                _look(game, actions[begin : begin + EPISODE], self.seed + begin // EPISODE, crops.add)
                advance(begin + EPISODE, f"{len(crops.different)} looks")
        return crops

    def _names(self, file: GameFile, asked: Sequence[Glyph]) -> str | None:
        """A name for each; none where nobody is there to ask."""
        if self.glyphs is not None:
            return self.glyphs
        folder = new_folder(self.out, f"{file.name}-{self.region}")
        save_picture(folder / "glyphs.png", glyph_sheet([mask_from(glyph.pattern) for glyph in asked]))
        print(f"sheet     {folder / 'glyphs.png'}: {len(asked)} glyphs to be named")
        if sys.stdin.isatty():
            return "".join(_ask(number, glyph) for number, glyph in enumerate(asked, 1))
        for number, glyph in enumerate(asked, 1):
            print(f"glyph {number}, seen in {glyph.seen} looks\n{drawn(glyph.pattern)}")
        print(f"now       {self._again()} --glyphs {UNNAMED * len(asked)!r}, with a digit in place of each {UNNAMED}")
        return None

    def _again(self) -> str:
        """The same command: what is played decides which glyphs come, and in which order."""
        words = ["playfield", "games", "calibrate", self.name, "--region", self.region]
        words += ["--steps", str(self.steps), "--seed", str(self.seed), "--policy", self.policy]
        if self.ink is not None:
            words += ["--ink", *map(str, self.ink)]
        if self.tolerance is not None:
            words += ["--tolerance", str(self.tolerance)]
        words += ["--cell", str(self.cell), "--gap", str(self.gap)] if self.cell else []
        return shlex.join(words)

    def _write(self, reader_name: str, learnt: Digits) -> Path:
        shipped = shipped_games().get(self.name)
        source = shipped or Path(self.name)
        target = Path(f"{self.name}.toml") if shipped is not None else source
        if shipped is not None and target.exists():
            raise FileExistsError(
                f"{target} is there already: playfield games calibrate {target} --region {self.region}"
            )
        text = with_patterns(source.read_text(encoding="utf-8"), reader_name, learnt)
        replace_file(target, text.encode())
        return target


def _lacking(reader: Digits) -> str:
    missing = [digit for digit in "0123456789" if digit not in reader.patterns]
    return f"; not seen yet: {' '.join(missing)} (more --steps, or another --policy)" if missing else ""


def _look(game: DesktopGame, actions: Sequence[int], seed: int, look: Callable[[UInt8[Array, "H W 3"]], None]) -> None:
    game.begin(seed)
    look(game.seen)
    for action in actions:
        if not game.play(action):
            break
        look(game.seen)


def _ask(number: int, glyph: Glyph) -> str:
    print(drawn(glyph.pattern))
    while True:
        said = input(f"glyph {number}: which digit is it ({UNNAMED} for none)? ").strip() or UNNAMED
        if len(said) == 1 and said in f"0123456789{UNNAMED}":
            return said
