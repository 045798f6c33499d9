"""`study` and `ablate`: many runs, trained by child processes, reported together."""

from __future__ import annotations

import contextlib
import itertools
import signal
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from playfield.ablation import ablations
from playfield.build import check_fit
from playfield.cli.about import find_recipe, of_network
from playfield.cli.cells import Crew, Job, Length, Place, frames_played, job_for, last_line, stage_of
from playfield.cli.counts import OptionalCount
from playfield.cli.look import protocol_named
from playfield.cli.shown import check_shown
from playfield.cli.study_report import report
from playfield.cli.training import INTERRUPTED, RESUMABLE, Interruption
from playfield.games.games import GameSpec
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol
from playfield.locks import lock_now
from playfield.recipes import AnyRecipe
from playfield.storage.files import DamagedFile, replace_file
from playfield.storage.run import RunBusy, check_name
from playfield.study import (
    Cell,
    Grid,
    Variant,
    grid_differences,
    grid_from_json,
    same_frames,
    seeds_from,
    slug,
    words,
)

Positional = tyro.conf.Positional

STUDIES = Path("studies")
LONGEST_NAME = 80
STOPPED = (RESUMABLE, INTERRUPTED, -signal.SIGINT, -signal.SIGTERM)
"""Exit codes of a process that was asked to stop: before its training, in it, or in the evaluation after it."""


@dataclass(frozen=True, slots=True)
class Study:
    """Train recipes on games with several seeds, and report them together: playfield study --recipes A,B --games C

    The same command, or `playfield study NAME`, goes on with a study that was interrupted.
    """

    name: Positional[str | None] = None
    """Name of the study; by default made from recipes and games. Alone: go on with that study."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings to change in every recipe, for instance memory.n_step=3."""
    recipes: str = ""
    """Recipes with commas between: names from `playfield recipes`, or paths of recipes in JSON."""
    games: str = ""
    """Games with commas between."""
    seeds: str = "0..4"
    """Seeds: 0..4, or 0,1,2."""
    frames: OptionalCount = None
    """Emulator frames of each run; by default what the recipes say, where they agree."""
    episodes: int = 30
    """Whole games of the evaluation that ends each run."""
    protocol: str | None = None
    """Atari rules instead of the recipes': nature or machado."""
    demonstrations: Path | None = None
    """Folder of a recording of the game, that fills the memory of every run before anything is played."""
    jobs: int = 1
    """Runs trained at the same time, each on one thread where there are several."""
    studies: Path = STUDIES
    """Folder of the studies."""

    def run(self) -> int:
        if not self.recipes and not self.games and self.name is not None and not self.overrides:
            if replace(self, name=None, jobs=1, studies=STUDIES) != Study():
                raise ValueError(
                    f"a study stays as it was begun: only --jobs and --studies go with `study {self.name}`"
                )
            return carry_on(_find(self.studies, self.name), None, self.jobs)
        if not self.recipes or not self.games:
            raise ValueError("name what to study: --recipes A,B --games C; or the NAME alone of a study to go on with")
        games = words(self.games)
        recipes = [prepared(name, self.protocol, self.overrides, games) for name in words(self.recipes)]
        grid = Grid(
            variants=tuple(Variant(name=r.name, recipe=r, overrides=self.overrides) for r in recipes),
            games=words(self.games),
            seeds=seeds_from(self.seeds),
            frames=same_frames(recipes) if self.frames is None else self.frames,
            episodes=self.episodes,
            demonstrations=named(self.demonstrations),
        )
        name = self.name or "-".join(slug(each) for each in (*(r.name for r in recipes), "on", *grid.games))
        return carry_on(self.studies / name[:LONGEST_NAME], grid, self.jobs)


@dataclass(frozen=True, slots=True)
class Ablate:
    """Train a recipe, and the recipe without each of its ingredients in turn: playfield ablate RECIPE --games A,B"""

    recipe: Positional[str]
    """A name from `playfield recipes`, or a path to a recipe in JSON."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings to change in the recipe and in everything made from it."""
    games: str = ""
    """Games with commas between."""
    ingredients: str = ""
    """Only these ingredients, with commas between; by default every one that the recipe has."""
    seeds: str = "0..4"
    """Seeds: 0..4, or 0,1,2."""
    frames: OptionalCount = None
    """Emulator frames of each run; by default what the recipe says."""
    episodes: int = 30
    """Whole games of the evaluation that ends each run."""
    protocol: str | None = None
    """Atari rules instead of the recipe's: nature or machado."""
    demonstrations: Path | None = None
    """Folder of a recording of the game, that fills the memory of every run before anything is played."""
    name: str | None = None
    """Name of the study; by default made from recipe and games."""
    jobs: int = 1
    """Runs trained at the same time, each on one thread where there are several."""
    studies: Path = STUDIES
    """Folder of the studies."""

    def run(self) -> int:
        if not self.games:
            raise ValueError(f"name the games: playfield ablate {self.recipe} --games catch,pong")
        whole = of_network(prepared(self.recipe, self.protocol, self.overrides, words(self.games)))
        frames = whole.frames if self.frames is None else self.frames
        variants, sentences = ablations(whole, frames)
        for sentence in sentences:
            print(f"note: {sentence}", flush=True)
        variants = self._chosen(whole, variants)
        grid = Grid(
            variants=(Variant(name=whole.name, recipe=whole, overrides=self.overrides), *variants),
            games=words(self.games),
            seeds=seeds_from(self.seeds),
            frames=frames,
            episodes=self.episodes,
            demonstrations=named(self.demonstrations),
        )
        for variant in variants:
            print(f"{variant.name:<24} {' '.join(variant.overrides)}", flush=True)
        name = self.name or "-".join(slug(each) for each in ("ablate", whole.name, "on", *grid.games))
        return carry_on(self.studies / name[:LONGEST_NAME], grid, self.jobs)

    def _chosen(self, whole: AnyRecipe, variants: list[Variant]) -> list[Variant]:
        known = {variant.name.removeprefix("no "): variant for variant in variants}
        for word in words(self.ingredients):
            if word not in known:
                raise ValueError(f"{whole.name} has no ingredient {word!r} to remove; it has: {', '.join(known)}")
        if not known:
            raise ValueError(f"{whole.name} has no ingredient that could be removed")
        return [known[word] for word in words(self.ingredients)] or variants


def prepared(name: str, protocol: str | None, overrides: Sequence[str], games: Sequence[str]) -> AnyRecipe:
    """The recipe of a study: under the protocol asked for, with overrides, and stopping at no score.

    Runs that stopped where they scored well could not be compared with runs that did not.
    """
    recipe = find_recipe(name)
    recipe = recipe.but(protocol=protocol_named(protocol, recipe.protocol, *games), until_score=None)
    return recipe.with_overrides(list(overrides))


def _find(studies: Path, name: str) -> Path:
    for folder in (studies / name, Path(name)):
        if (folder / "study.json").is_file():
            return folder
    known = sorted(path.parent.name for path in studies.glob("*/study.json"))
    there = f"there are: {', '.join(known)}" if known else "there are none yet"
    raise FileNotFoundError(
        f"there is no study {name!r} in {studies}; {there}. A new one needs --recipes and --games, "
        f"for instance: playfield study {name} --recipes dqn_toy --games catch"
    )


def carry_on(folder: Path, grid: Grid | None, jobs: int, crew: Crew | None = None) -> int:
    """Begin a study or go on with it, until every run is finished or a person interrupts; then report.

    Raises: ValueError where the folder holds a study of another grid; RunBusy.
    """
    crew = crew or Crew(jobs=jobs)
    place = Place(folder=folder)
    grid = _settled(place, grid)
    console = Console()
    for sentence in grid.never_learning():
        console.print(f"note: {sentence}", highlight=False, markup=False, soft_wrap=True)
    with locked(folder), Board(place, grid, console) as board:
        work = StudyWork(place, grid, board, alone=jobs == 1)
        interruption = Interruption()
        with interruption.watching():
            crew.pursue(work, interruption)
    report(place, grid, console)
    for sentence in work.failed:
        console.print(f"failed   {sentence}", highlight=False, markup=False, soft_wrap=True)
    again = f"playfield study {folder.name}" + ("" if folder.parent == STUDIES else f" --studies {folder.parent}")
    if interruption.asked is not None or work.stopped:
        console.print(f"stopped  the study is not finished; go on with: {again}", highlight=False, soft_wrap=True)
        return RESUMABLE
    if work.failed:
        console.print(f"to try what failed again: {again}", highlight=False, soft_wrap=True)
        return 1
    return 0


def _settled(place: Place, grid: Grid | None) -> Grid:
    """The grid of the study in a folder, which is made if there is none."""
    path = place.folder / "study.json"
    if path.is_file():
        kept = grid_from_json(path.read_text(encoding="utf-8"))
        if grid is not None and (other := grid_differences(kept, grid)):
            raise ValueError(
                f"{place.folder} is a study of other {', '.join(other)}: go on with it by "
                f"`playfield study {place.folder.name}`, or give this one another name"
            )
        return kept
    if grid is None:
        raise FileNotFoundError(f"{place.folder} holds no study.json")
    check_name(place.folder.name)
    _check_games(grid)
    for variant in grid.variants:
        recipe = place.recipe(variant)
        recipe.parent.mkdir(parents=True, exist_ok=True)
        replace_file(recipe, variant.recipe.to_json().encode())
    place.runs.mkdir(exist_ok=True)
    replace_file(path, grid.to_json().encode())
    return grid


def _check_games(grid: Grid) -> None:
    """A slip in a name, and a recipe that cannot play a game, are told before anything is made.

    Raises: ValueError, MissingPackage, DamagedFile.
    """
    opened: dict[tuple[str, AtariProtocol], GameSpec] = {}
    built: set[tuple[str, tuple[int, ...], tuple[int, ...]]] = set()
    for game, variant in itertools.product(grid.games, grid.variants):
        rules = (game, variant.recipe.protocol)
        if rules not in opened:
            games = make_games(*rules, 1, threads=1)
            games.close()
            opened[rules] = games.spec
        spec = opened[rules]
        kind = (variant.name, spec.frame_shape, spec.choices)
        if kind in built:
            continue
        built.add(kind)
        try:
            check_fit(variant.recipe, spec, shown=grid.demonstrations is not None)
            check_shown(grid.demonstrations, variant.recipe, spec)
        except ValueError as error:
            raise ValueError(f"{variant.name} cannot play {game}: {error}") from error


def named(folder: Path | None) -> str | None:
    """A folder as it is kept in a plan: found from everywhere."""
    return None if folder is None else str(folder.absolute())


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """While the block runs, no other process works in the folder.

    Raises: RunBusy.
    """
    with (folder / ".lock").open("a") as file:
        try:
            lock_now(file.fileno())
        except BlockingIOError:
            raise RunBusy(f"another process works on {folder}: wait for it, or stop it first") from None
        yield


class StudyWork:
    """The runs of a study that are not finished, in their order."""

    def __init__(self, place: Place, grid: Grid, board: Board, *, alone: bool) -> None:
        self._place, self._board, self._alone = place, board, alone
        self._length = Length(frames=grid.frames, episodes=grid.episodes)
        self._cells = {cell.name: cell for cell in grid.cells()}
        self._left = list(self._cells.values())
        self._begun: set[str] = set()
        self.failed: list[str] = []
        """One sentence for each run that could not be finished."""
        self.stopped: list[str] = []
        """Runs that were asked to stop."""

    def begin(self) -> Job | None:
        """The next unfinished run."""
        while self._left:
            cell = self._left.pop(0)
            if (job := self._job(cell)) is not None:
                self._board.began(job)
                self._begun.add(job.name)
                return job
        return None

    def _job(self, cell: Cell) -> Job | None:
        try:
            job = job_for(self._place, cell, self._length, alone=self._alone)
        except (ValueError, OSError, DamagedFile) as error:
            self.failed.append(f"{cell.name}: {error}")
            return None
        if job is None:
            self._board.ended(cell.name, "finished" if cell.name in self._begun else "found")
        return job

    def ended(self, job: Job, code: int) -> Job | None:
        """What a run still needs after a process of it has ended well; nothing if it ended badly."""
        if code in STOPPED:
            self._board.ended(job.name, "stopped")
            self.stopped.append(job.name)
            return None
        if code != 0:
            self._board.ended(job.name, "failed")
            how = f"killed by signal {-code}" if code < 0 else last_line(job.log)
            self.failed.append(f"{job.name}: {how} (all that it said: {job.log})")
            return None
        cell = self._cells[job.name]
        follows = self._job(cell)
        if follows is not None and follows.stage == job.stage:
            self.failed.append(f"{job.name}: `{job.stage}` ended well but left it unfinished (see {job.log})")
            self._board.ended(job.name, "failed")
            return None
        return follows

    def look(self, running: Sequence[Job]) -> Sequence[Job]:
        """Show how far they are; none is stopped early."""
        self._board.show(running)
        return ()


class Board:
    """How far a study is: bars on a terminal, a line at each beginning and end elsewhere."""

    def __init__(self, place: Place, grid: Grid, console: Console) -> None:
        self._place, self._grid, self._console = place, grid, console
        self._count, self._finished = len(list(grid.cells())), 0
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._total: TaskID | None = None

    def __enter__(self) -> Board:
        length = Length(frames=self._grid.frames, episodes=self._grid.episodes)
        left = 0
        for cell in self._grid.cells():
            with contextlib.suppress(ValueError, OSError, DamagedFile):
                left += stage_of(self._place, cell, length) != "done"
        self._console.print(
            f"study    {self._place.folder}: {self._count} runs, {left} to train or to finish",
            highlight=False,
            soft_wrap=True,
        )
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
            self._bars = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._total = self._bars.add_task("", total=self._count * self._grid.frames)
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def began(self, job: Job) -> None:
        """A process was started."""
        if self._bars is None:
            self._console.print(f"{job.stage:<8} {job.name}", highlight=False)

    def ended(self, name: str, how: str) -> None:
        """A run is finished, was found finished, is stopped or failed."""
        self._finished += how in ("finished", "found")
        if self._bars is None and how != "found":
            text = f"{how:<8} {name} ({self._finished} of {self._count})"
            self._console.print(text, highlight=False, markup=False)
        elif self._bars is not None and name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def show(self, running: Sequence[Job]) -> None:
        """Bring the bars up to date."""
        if self._bars is None or self._total is None:
            return
        played = 0
        for job in running:
            if job.name not in self._tasks:
                self._tasks[job.name] = self._bars.add_task(job.name, total=self._grid.frames)
            frames = frames_played(self._place.runs / job.name)
            self._bars.update(self._tasks[job.name], completed=frames)
            played += frames
        done = f"{self._finished} of {self._count} runs finished"
        self._bars.update(self._total, description=done, completed=self._finished * self._grid.frames + played)
