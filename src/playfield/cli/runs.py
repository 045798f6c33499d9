"""Run directories as the commands need them: named, opened, read and written."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playfield.games.make import is_game
from playfield.recipes import ALL_RECIPES, AnyRecipe
from playfield.settings import ABSENT, difference, from_plain, nearest, setting_text
from playfield.sinks.eventlog import read_events
from playfield.sinks.metrics import read_metrics
from playfield.sinks.recent import LAST, Begin
from playfield.storage.files import require_new
from playfield.storage.run import RESERVE, Loaded, NoCheckpoint, Run, check_name, list_runs
from playfield.types import Clock


@dataclass(frozen=True, slots=True)
class Known:
    """What a run is of."""

    recipe: AnyRecipe
    game: str
    seed: int
    plan: Mapping[str, Any]


def find_run(name: str, root: Path) -> Run:
    """The run of that name in `root`, or at that path.

    Raises: FileNotFoundError naming the nearest runs; NoCheckpoint where a run has lost all of them; DamagedFile.
    """
    for path in (root / name, Path(name)):
        if (path / "checkpoints").is_dir():
            return Run.open(path)
        if (path / "run.json").is_file():
            raise NoCheckpoint(
                f"the run {name!r} has lost its checkpoints: put the folder {path / 'checkpoints'} back from a copy of "
                f"the run, or train again under another name, for instance --name {path.name}-2"
            )
    if Path(name).is_file():
        raise ValueError(
            f"{name} is neither a run nor a model of Playfield, which ends in .playfield; "
            "`playfield import` makes one of other libraries' networks"
        )
    if is_game(name):
        raise FileNotFoundError(f"{name} is a game, not a run; for random play of it add --policy random")
    known = [run.name for run in list_runs(root).runs]
    offer = f"the nearest are: {nearest(name, known)}" if known else f"there are no runs in {root} yet"
    raise FileNotFoundError(f"there is no run {name!r}; {offer}")


def find_runs(names: Sequence[str], root: Path) -> list[Run]:
    """The runs of those names, at least one.

    Raises: as `find_run`; ValueError where no name is given.
    """
    if not names:
        raise ValueError("name at least one run; `playfield runs` lists them")
    return [find_run(name, root) for name in names]


def known(run: Run) -> Known:
    """What the run is of.

    Raises: ValueError where its `run.json` does not fit this version of Playfield.
    """
    about = run.about
    try:
        return Known(from_plain(AnyRecipe, about.recipe), about.game, about.seed, dict(about.plan))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{run.path / 'run.json'} does not fit this version of Playfield: {error}") from error


def recipe_label(recipe: AnyRecipe) -> str:
    """The recipe's name, and every setting that is not as the shipped recipe of that name has it."""
    if recipe.name not in ALL_RECIPES:
        return recipe.name
    changed = [
        f"{path}={setting_text(to)}" for path, _, to in difference(ALL_RECIPES[recipe.name], recipe) if to != ABSENT
    ]
    return " ".join([recipe.name, *changed])


def result_name(given: str | None, stem: str, root: Path) -> str:
    """The name that was asked for, or else a free one that begins with `stem`.

    Raises: ValueError where it cannot be the name of a folder.
    """
    name = free_name(stem, root) if given is None else given
    check_name(name)
    return name


def free_name(stem: str, root: Path, ending: str = "") -> str:
    """`stem`, or `stem-2`, `stem-3`... where that name, with its ending, is taken."""
    taken = {path.name for path in root.iterdir()} if root.is_dir() else set[str]()
    return next(name for each in _numbered(stem) if (name := each + ending) not in taken)


def free_file(usual: Path) -> Path:
    """That file, or one with a number behind its name where it is there already."""
    return usual.with_name(free_name(usual.stem, usual.parent, usual.suffix))


def new_file(asked: Path | None, usual: Path, *endings: str) -> Path:
    """The file that was asked for, which must not be there, or else the usual one as it is.

    Raises: FileExistsError, FileNotFoundError, ValueError where what was asked for is no name of a new file.
    """
    if asked is None:
        return usual
    require_new(asked, *endings)
    return asked


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def begin_of(run: Run, clock: Clock, updates: int, most: int = LAST) -> Begin:
    """From where displays and metrics go on: what the run's own files say, with the last `most` scores."""
    scores, lost = _scores(run)
    path = run.path / "metrics.jsonl"
    with records_of(path):
        rows = read_metrics(path) if path.is_file() else []
        elapsed = float(rows[-1]["elapsed_seconds"] or 0.0) if rows else 0.0
    recent = tuple(scores[-max(most, LAST) :])
    return Begin(clock=clock, updates=updates, scores=recent, lost=lost, elapsed_seconds=elapsed)


def list_summaries(root: Path) -> tuple[list[list[str]], list[str]]:
    """One row of text for each run, and one sentence for each that cannot be read."""
    listing = list_runs(root)
    rows: list[list[str]] = []
    sentences = list(listing.warnings)
    for run in listing.runs:
        try:
            rows.append(_summary(run))
            if run.gave_up is not None:
                sentences.append(f"{run.name}: {run.gave_up}")
        except (ValueError, OSError) as error:
            sentences.append(str(error))
    return rows, sentences


def _summary(run: Run) -> list[str]:
    of = known(run)
    scores, lost = _scores(run)
    recent = scores[-LAST:]
    mean = f"{sum(recent) / len(recent):.2f} ({len(recent)})" if recent else "-"
    newest = run.checkpoints()[-1:]
    size = _size(run.path) / 1e6
    return [
        run.name,
        f"{recipe_label(of.recipe)}, {of.game}, seed {of.seed}"
        + ("" if run.about.resume == "exact" else f", resume {run.about.resume}"),
        f"{newest[0].frames:,}" if newest else "none",
        f"{len(scores):,}" + (f" and {lost:,} lost" if lost else ""),
        mean,
        f"{size:,.1f} MB",
    ]


def _size(folder: Path) -> int:
    """Bytes of the files of a run; one that is just written to may lose some while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() and path.name != RESERVE else 0
    return total


def _scores(run: Run) -> tuple[list[float], int]:
    """Of every whole game that was trained on, oldest first; and how many were lost, which have none."""
    path = run.path / "events.jsonl"
    with records_of(path):
        ended = [row for row in read_events(path) if row["event"] == "EpisodeEnded"] if path.is_file() else []
        scores = [float(row["score"]) for row in ended if not row.get("lost", False)]
        return scores, len(ended) - len(scores)


@contextlib.contextmanager
def records_of(path: Path) -> Generator[None]:
    """Where records are not such as we write, say of which file; it may be a stranger's.

    Raises: ValueError.
    """
    try:
        yield
    except _NOT_OURS as error:
        raise ValueError(f"{path} holds records that are not of a run ({type(error).__name__}: {error})") from error


@contextlib.contextmanager
def state_of(loaded: Loaded) -> Generator[None]:
    """Where a checkpoint is whole but not the state that its recipe asks for, say so; it may be a stranger's.

    Raises: ValueError.
    """
    try:
        yield
    except _NOT_OURS as error:
        raise ValueError(
            f"checkpoint {loaded.checkpoint} is not the state of its run's recipe ({type(error).__name__}: {error}); "
            "take a sound copy of the run, or train again under another --name"
        ) from error


_NOT_OURS = (KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What comes of values that have another shape than ours."""
