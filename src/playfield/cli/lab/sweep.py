"""`lab sweep`: a cell for every combination of some settings, and what came of each, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from playfield.cli.lab.sweep_cells import Found, Measured, Sweep, SweepCell, found_of, read_back, write_tables
from playfield.cli.lab.sweep_report import learning_picture, report, sweep_picture
from playfield.cli.lab.words import Words, describe, limit_of, path_of
from playfield.cli.machine import cores
from playfield.cli.runs import result_name
from playfield.cli.study import locked
from playfield.cli.training import RESUMABLE
from playfield.linear.studies import Budget, check_parts, play_cell
from playfield.linear.worlds import GymnasiumWorld, MountainCar, RandomWalk, WindyGrid, WorldSpec
from playfield.sinks.plots import save_plot
from playfield.storage import fingerprint
from playfield.storage.files import remove_temporaries, replace_file
from playfield.study import slug

SETUP, CURVES = "setup.json", "curves.png"
"""By the first file a sweep is known, and by the second, which is written last, that it is finished."""


@dataclass(frozen=True, slots=True)
class LabSweep:
    """Every combination of some settings: playfield lab sweep LEARNER WORLD --over alpha=0.1,0.2,0.5 --over tilings=4,8

    The same command with the --name of a sweep that was interrupted goes on with it.
    """

    words: Annotated[Words, tyro.conf.arg(name="")]
    over: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A setting and its values, for instance alpha=0.1,0.2,0.5 or policy.floor=0,0.01; once for every setting."""
    measure: Measured | None = None
    """By default error where values are predicted, reward on the cliff and in Gymnasium environments, else steps."""
    episodes: int = 500
    """Episodes of every run."""
    runs: int = 20
    """Independent runs of every cell, with seeds one after the other."""
    seed: int = 0
    """Seed of the first run."""
    threads: int | None = None
    """Runs that are played side by side; by default one for each core."""
    name: str | None = None
    """Name of the result, new or of the sweep to go on with; by default made from learner and world."""
    out: Path = Path("lab")
    """Folder of the results."""

    def run(self) -> int:
        sweep = self._sweep()
        stem = f"sweep-{self.words.learner}-{slug(self.words.world)}"
        name = result_name(self.name, stem, self.out)
        limit = limit_of(sweep.cells[0].setup)
        if self.name is None and _goes_on(self.out / stem, sweep.plain(limit)):
            print(f"note: {self.out / stem} is not finished; the same command with --name {stem} goes on with it")
        with locked(_settled(self.out / name, sweep.plain(limit))):
            describe(sweep.cells[0].setup, limit, swept=[path_of(each) for each in sweep.over])
            print(f"over     {sweep.about()}", flush=True)
            try:
                found = _played(sweep, self.out / name)
                pictures = _save_pictures(sweep, found, self.out / name)
            except KeyboardInterrupt:
                more = "" if self.name is not None else f" with --name {name}"
                print(f"stopped  the same command{more} goes on; what is finished is in {self.out / name}")
                return RESUMABLE
        report(sweep, found, name)
        print(f"results  {self.out / name}: cells.csv, curves.csv, {' and '.join(pictures)}")
        return 0

    def _sweep(self) -> Sweep:
        """All cells, each of which can be played.

        Raises: ValueError where something cannot.
        """
        budget = Budget(
            episodes=self.episodes,
            runs=self.runs,
            first_seed=self.seed,
            threads=cores() if self.threads is None else self.threads,
        )
        measure = _measure(self.words.parts().world, self.measure)
        over = _texts(self.words, self.over)
        cells = [_cell(self.words, dict(zip(over, texts, strict=True))) for texts in product(*over.values())]
        return Sweep(over=over, cells=tuple(cells), measure=measure, budget=budget)


def _measure(world: WorldSpec, asked: Measured | None) -> Measured:
    """What is measured in a world.

    Raises: ValueError where what is asked for says nothing there.
    """
    if isinstance(world, RandomWalk):
        if asked in ("steps", "reward"):
            raise ValueError(f"a walk goes by chance whatever is learnt: leave out --measure {asked}, for the error")
        return "error"
    if asked == "error":
        raise ValueError(f"--measure error needs true values, which {world.name} has not: give steps or reward")
    if asked == "steps" and isinstance(world, GymnasiumWorld):
        raise ValueError(f"whether few steps are good in {world.name} is not known: leave out --measure steps")
    return asked or ("steps" if isinstance(world, MountainCar | WindyGrid) else "reward")


def _texts(words: Words, over: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The swept settings with their values, as texts like `alpha=0.1,0.2` have them.

    Raises: ValueError where there is none, or one makes no sense.
    """
    if not over:
        raise ValueError("say what to sweep, for instance: --over alpha=0.1,0.2,0.5")
    if several := [text for text in words.overrides if "," in text and "." not in text.partition("=")[0]]:
        raise ValueError(f"{several[0]} has several values; write --over before every setting that is swept")
    found: dict[str, tuple[str, ...]] = {}
    for text in over:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"{text!r} says nothing to sweep; write NAME=VALUE,VALUE, for instance alpha=0.1,0.2,0.5")
        setting = words.swept(name)
        if setting in found:
            raise ValueError(f"{name} is given twice in --over")
        found[setting] = tuple(value.strip() for value in values.split(","))
        if not all(found[setting]):
            raise ValueError(f"{text!r} leaves a value out; give one before and after every comma")
    return found


def _cell(words: Words, settings: Mapping[str, str]) -> SweepCell:
    words = words.but(settings)
    try:
        setup = words.setup()
        check_parts(setup)
    except ValueError as error:
        label = " ".join(f"{name.rstrip('_')}={text}" for name, text in settings.items())
        raise ValueError(f"the cell {label} cannot be played: {error}") from error
    return SweepCell(values=tuple(words.value_of(name, setup) for name in settings), setup=setup)


def _settled(folder: Path, wanted: Mapping[str, Any]) -> Path:
    """The folder of a new sweep, or of this very one where it is not finished.

    Raises: ValueError where it holds anything else.
    """
    path, now = folder / SETUP, fingerprint.take()
    if path.is_file():
        kept = _kept(path)
        if not kept:
            raise ValueError(f"{path} is not as it was written; choose another name with --name")
        if other := [key for key in wanted if kept.get(key) != wanted[key]]:
            raise ValueError(f"{folder} is a sweep of other {', '.join(other)}; give this one another --name")
        if (folder / CURVES).is_file():
            raise ValueError(f"{folder} is finished, and nothing is overwritten; choose another name with --name")
        for sentence in fingerprint.differences(*(_without_torch(each) for each in (kept["fingerprint"], now))):
            print(f"note: {sentence}, so that cells of then and now may differ in their last digits")
        return folder
    if folder.exists() and any(each.name != ".lock" and ".tmp-" not in each.name for each in folder.iterdir()):
        raise ValueError(f"{folder} exists and is no sweep; choose another name with --name")
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, _json({**wanted, "fingerprint": now}))
    return folder


def _json(about: Mapping[str, Any]) -> bytes:
    """A line for every entry, and for each of many set-ups."""
    setups = ",\n    ".join(json.dumps(each) for each in about["setups"])
    texts = {name: json.dumps(value) for name, value in about.items()} | {"setups": f"[\n    {setups}\n  ]"}
    return ("{\n  " + ",\n  ".join(f'"{name}": {text}' for name, text in texts.items()) + "\n}\n").encode()


def _goes_on(folder: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether this very sweep was begun there, and not finished."""
    kept = _kept(folder / SETUP) if (folder / SETUP).is_file() else {}
    return all(kept.get(key) == wanted[key] for key in wanted) and not (folder / CURVES).is_file()


def _kept(path: Path) -> Mapping[str, Any]:
    """What a set-up file says; nothing where it is damaged."""
    try:
        return {"fingerprint": {}, **json.loads(path.read_bytes())}
    except (ValueError, TypeError):
        return {}


def _without_torch(marks: Mapping[str, object]) -> Mapping[str, object]:
    """What of a fingerprint matters to learners that need no torch."""
    return {name: mark for name, mark in marks.items() if not name.startswith("torch")}


def _played(sweep: Sweep, folder: Path) -> list[Found]:
    """What came of all cells, of which those that are finished are not played again."""
    remove_temporaries(folder)
    found = read_back(sweep, folder)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("playing", total=len(sweep.cells), completed=len(found))
        for number in range(len(found), len(sweep.cells)):
            progress.update(task, description=sweep.label(number))
            found.append(found_of(play_cell(sweep.cells[number].setup, sweep.budget), sweep.measure))
            write_tables(sweep, found, folder)
            progress.update(task, advance=1)
    return found


def _save_pictures(sweep: Sweep, found: Sequence[Found], folder: Path) -> tuple[str, ...]:
    """Draw what was found; the learning curves come last, by which a finished sweep is known."""
    swept = sweep_picture(sweep, found)
    if swept is not None:
        save_plot(swept, folder / "sweep.png")
    save_plot(learning_picture(sweep, found), folder / CURVES)
    return (CURVES,) if swept is None else (CURVES, "sweep.png")
