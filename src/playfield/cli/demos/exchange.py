"""`demos import` and `demos export`: recordings of other programs, and ours for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from playfield.cli.about import find_recipe
from playfield.cli.demos.find import DEMOS, find_recording
from playfield.cli.play import gaps_text, keys_in
from playfield.cli.runs import result_name
from playfield.demonstrations import About, Player, is_recording, read_recording, require_recordable
from playfield.demonstrations.imported import Target, import_rows, looks_of
from playfield.demonstrations.minari_export import export_minari, require_minari
from playfield.foreign.checked import Refused
from playfield.foreign.minari import data_folder, read_metadata
from playfield.foreign.reader import Kind, NoForeignRecording, foreign_rows
from playfield.games.desktop.games import game_file, is_desktop_game
from playfield.games.games import GameSpec
from playfield.games.make import make_games, names_code
from playfield.storage import fingerprint
from playfield.study import slug

Positional = tyro.conf.Positional


@dataclass(frozen=True, slots=True)
class DemosImport:
    """Take over somebody's recording with its frames: playfield demos import FILE.h5 --game GAME

    Read are input recordings of SerpentAI (HDF5) and data sets of Minari (folders), by a process of its own.
    """

    file: Positional[Path]
    """SerpentAI's `datasets/NAME_input_recording.h5`, or the folder of a data set of Minari."""
    game: str
    """The game it is of: a name from `playfield games`, gym:ID or a game file, whose actions say what keys mean."""
    recipe: str = "dqn"
    """The recipe that will be trained: an Atari game is played by its rules."""
    player: Player | None = None
    """Who played; by default a person of SerpentAI's recordings, an agent of Minari's."""
    name: str | None = None
    """Name of the recording; by default made from game and file."""
    out: Path = DEMOS
    """Folder of the recordings."""

    def run(self) -> int:
        require_recordable(self.game)
        kind, path = self._source()
        games = make_games(self.game, find_recipe(self.recipe).protocol, 1, 1)
        games.close()
        spec = games.spec
        if kind == "minari":
            _check_actions(path, spec)
        name = result_name(self.name, f"{slug(self.game)}-{slug(self.file.stem or 'minari')}", self.out)
        sight = game_file(self.game).sight if is_desktop_game(self.game) else None
        target = Target(
            source=str(self.file),
            spec=spec,
            keys=keys_in(self.game, spec),
            looks=looks_of(str(self.file), spec, sight),
        )
        about = About.of(spec, self.player or ("person" if kind == "serpent" else "agent"), "", fingerprint.take())
        came = import_rows(foreign_rows(kind, path), target, self.out / name, about)
        print(f"read     {came.episodes:,} episodes, {came.frames:,} frames, from {self.file}")
        if came.gaps:
            print(f"gaps     {gaps_text(came.gaps, came.unmeant)}")
            print(f"         for instance: {', '.join(came.unknown)}")
        print(f"results  {came.folder}")
        return 0

    def _source(self) -> tuple[Kind, Path]:
        """What is to be read, and how."""
        if self.file.is_dir():
            if is_recording(self.file):
                raise ValueError(f"{self.file} is a recording of Playfield already: `playfield demos show {self.file}`")
            if (folder := data_folder(self.file)) is None:
                raise ValueError(f"{self.file} holds no data set of Minari, which has a data/metadata.json")
            return "minari", folder.absolute()
        if not self.file.is_file():
            raise FileNotFoundError(f"there is no file {self.file}; name the .h5 of SerpentAI or the folder of Minari")
        return "serpent", self.file.absolute()


def _check_actions(path: Path, spec: GameSpec) -> None:
    try:
        count = read_metadata(path / "metadata.json").actions
    except (Refused, OSError) as error:
        raise NoForeignRecording(f"{path} {error}; nothing of it was kept") from error
    if count != len(spec.actions):
        raise ValueError(
            f"{path} has {count} actions, and {spec.name} has {len(spec.actions)}: {' '.join(spec.actions)}; name the "
            "game that it is of with --game, or a recipe that plays with those actions with --recipe"
        )


@dataclass(frozen=True, slots=True)
class DemosExport:
    """Write a recording as a data set of Minari: playfield demos export NAME FOLDER

    Needs Minari and h5py: `playfield doctor` tells how they are installed. Minari finds it below
    MINARI_DATASETS_PATH/playfield.
    """

    name: Positional[str]
    """Of the recording, or the path of its folder."""
    folder: Positional[Path]
    """The folder to write, whose last part is the data set's name, for instance catch-person-v0."""
    game: str | None = None
    """Where it was recorded from a game file, that file: a recording starts no program by itself."""
    recipe: str = "dqn"
    """The recipe by whose rules an Atari game was recorded."""
    out: Path = DEMOS
    """Folder of the recordings."""

    def run(self) -> int:
        require_minari()
        recording = read_recording(find_recording(self.name, self.out))
        game = self.game or recording.about.game
        if self.game is None and names_code(game):
            raise ValueError(f"{self.name} was recorded from the game file {game}; name it yourself: --game {game}")
        games = make_games(game, find_recipe(self.recipe).protocol, 1, 1)
        try:
            count = export_minari(recording, games, self.folder)
        finally:
            games.close()
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file()) / 1e6
        print(f"data set {self.folder}, {count:,} episodes, {size:,.1f} MB")
        print(f"opened   by minari.MinariDataset('{self.folder / 'data'}')")
        return 0
