"""`games calibrate`: digits of a region are learnt from what it shows and named by a person, or its look is kept."""

from __future__ import annotations

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
from playfield.extras import shell_word
from playfield.games.desktop.calibration import (
    UNNAMED,
    Crops,
    Glyph,
    drawn,
    found_glyphs,
    ink,
    look_reader_of,
    mask_from,
    names_of,
    pattern_of_look,
    reader_of,
    renamed,
    run_together,
    unnamed,
    with_look,
    with_patterns,
)
from playfield.games.desktop.checking import Policy, policy_actions
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, shipped_games
from playfield.games.desktop.games import game_file
from playfield.games.desktop.pictures import glyph_sheet, look_sheet
from playfield.games.desktop.readers import Colour, Digits, Looks, WindowState
from playfield.storage.files import replace_file
from playfield.types import Array

NOTHING_ELSE = WindowState(sizes=(), titles=(), running=True, still_steps=0)
"""A look depends on the picture alone."""
EPISODE = 500
"""Steps after which another episode begins, so that the numbers are not all of one."""


@dataclass(frozen=True, slots=True)
class GamesCalibrate:
    """Learn what a region shows: playfield games calibrate NAME --region score --as digits

    Or keep how it looks at a step: --region lamp --as looks --step 120; `games capture` shows which step that is.
    """

    name: tyro.conf.Positional[str]
    """A desktop game, or a game file ending in .toml."""
    region: str
    """Region in which the number stands, or whose look is kept."""
    kind: Annotated[Literal["digits", "looks"], tyro.conf.arg(name="as")] = "digits"
    """What is learnt: the digits of a number, or how the region looks at one step."""
    step: int | None = None
    """Of looks: the step after which the region looks so; 0 is before the first."""
    share: float | None = None
    """Of looks: the share of the region's pixels that must be as they were; 1 by default."""
    glyphs: str | None = None
    """The digits, in the order of the sheet, ? for a glyph that is none; asked where this is a terminal. A second run
    with a name for every glyph replaces those of the first."""
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
        if self.kind == "looks":
            return self._learn_look(file)
        if self.step is not None or self.share is not None:
            raise ValueError("--step and --share are for --as looks")
        reader_name, reader = reader_of(file, self.region)
        crops = self._crops(file)
        learning = self._learning(reader, crops)
        found = found_glyphs(crops.different, learning.colour, learning.tolerance, learning.cell, learning.gap)
        asked = unnamed(found, learning.patterns)
        different = len(crops.different)
        print(f"looked    {crops.looked:,} times at {self.region}; {different:,} looks, {len(found)} glyphs")
        if joined := run_together(asked):
            print(f"note      {len(joined)} glyphs are digits that touch: no empty column parts them (give --cell)")
        if not asked and self.glyphs is None:
            print(f"known     all of them{_lacking(learning)}")
            print(f"sheet     {self._sheet(file, found)}: {len(found)} glyphs, whose names are in this order")
            print(f"to mend   a wrong one: {self._again()} --glyphs {names_of(found, learning.patterns)}")
            return 0
        names = self._names(file, asked)
        if names is None:
            return 0
        learnt = replace(learning, patterns=renamed(found, names, learning.patterns))
        for change in _changes(names_of(found, learning.patterns), names_of(found, learnt.patterns)):
            print(f"replaced  {change}")
        print(f"learnt    {reader_name}: {''.join(learnt.patterns)}{_lacking(learnt)}")
        print(f"written   {self._write(lambda text: with_patterns(text, reader_name, learnt))}")
        return 0

    def _learn_look(self, file: GameFile) -> int:
        name, reader = look_reader_of(file, self.region)
        learning = self._look_reader(reader)
        crops = self._course(file)
        assert self.step is not None
        if self.step >= len(crops):
            raise ValueError(f"the game was gone after {len(crops) - 1:,} steps; give an earlier --step")
        kept = crops[self.step]
        learnt = replace(learning, pattern=pattern_of_look(kept))
        shown = [number for number, crop in enumerate(crops) if learnt.read(crop, NOTHING_ELSE)]
        folder = new_folder(self.out, f"{file.name}-{self.region}")
        save_picture(folder / "look.png", look_sheet(kept))
        print(f"look      {name} at step {self.step:,}: {folder / 'look.png'}, as it was and what is kept of it")
        print(f"shown     at {len(shown):,} of {len(crops):,} steps, first at step {shown[0]:,}")
        if len(shown) == len(crops):
            print("note      it looks so at every step, so this tells nothing: choose another --step or region")
        print(f"written   {self._write(lambda text: with_look(text, name, learnt))}")
        return 0

    def _look_reader(self, reader: Looks | None) -> Looks:
        """Raises: ValueError where an option is missing, or is for digits."""
        if self.step is None:
            raise ValueError(
                f"--as looks needs --step, after which the region looks so; see when with: playfield games capture "
                f"{self.name} --region {self.region} --every 10"
            )
        if not 0 <= self.step <= self.steps:
            raise ValueError(f"--step must lie between 0 and --steps, which is {self.steps:,}, not at {self.step:,}")
        if self.glyphs is not None or self.ink is not None or self.tolerance is not None or self.cell or self.gap:
            raise ValueError("--glyphs, --ink, --tolerance, --cell and --gap are for --as digits")
        if reader is None:
            return Looks(region=self.region, share=1.0 if self.share is None else self.share)
        if self.share is not None:
            raise ValueError(f"the file has a reader of {self.region} already; mend its share there, without --share")
        return reader

    def _course(self, file: GameFile) -> list[UInt8[Array, "h w 3"]]:
        """The region after every step of one episode, which are the steps of `games capture`."""
        region, found = file.regions[self.region], list[UInt8[Array, "h w 3"]]()
        actions = policy_actions(file, self.policy, self.steps, self.seed)
        with closing(DesktopGame(file)) as game, progress("playing", self.steps) as advance:

            def look(picture: UInt8[Array, "H W 3"]) -> None:
                found.append(region.of(picture).copy())
                advance(len(found) - 1, f"step {len(found) - 1:,}")

            _look(game, actions, self.seed, look)
        return found

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
        print(f"sheet     {self._sheet(file, asked)}: {len(asked)} glyphs to be named")
        if sys.stdin.isatty():
            return "".join(_ask(number, glyph) for number, glyph in enumerate(asked, 1))
        for number, glyph in enumerate(asked, 1):
            print(f"glyph {number}, seen in {glyph.seen} looks\n{drawn(glyph.pattern)}")
        print(f"now       {self._again()} --glyphs {UNNAMED * len(asked)!r}, with a digit in place of each {UNNAMED}")
        return None

    def _sheet(self, file: GameFile, shown: Sequence[Glyph]) -> Path:
        folder = new_folder(self.out, f"{file.name}-{self.region}")
        save_picture(folder / "glyphs.png", glyph_sheet([mask_from(glyph.pattern) for glyph in shown]))
        return folder / "glyphs.png"

    def _again(self) -> str:
        """The same command: what is played decides which glyphs come, and in which order."""
        words = ["playfield", "games", "calibrate", self.name, "--region", self.region]
        words += ["--steps", str(self.steps), "--seed", str(self.seed), "--policy", self.policy]
        if self.ink is not None:
            words += ["--ink", *map(str, self.ink)]
        if self.tolerance is not None:
            words += ["--tolerance", str(self.tolerance)]
        words += ["--cell", str(self.cell), "--gap", str(self.gap)] if self.cell else []
        return " ".join(map(shell_word, words))

    def _write(self, change: Callable[[str], str]) -> Path:
        shipped = shipped_games().get(self.name)
        source = shipped or Path(self.name)
        target = Path(f"{self.name}.toml") if shipped is not None else source
        if shipped is not None and target.exists():
            raise FileExistsError(
                f"{target} is there already: playfield games calibrate {target} --region {self.region}"
            )
        replace_file(target, change(source.read_text(encoding="utf-8")).encode())
        return target


def _changes(before: str, after: str) -> list[str]:
    """What names became of those that glyphs had, one sentence each."""
    pairs = enumerate(zip(before, after, strict=True), 1)
    return [f"glyph {number} was {old}, and is {new}" for number, (old, new) in pairs if old != new and old != UNNAMED]


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
