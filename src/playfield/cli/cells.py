"""Runs trained by child processes, several at a time: a crash ends one of them, an interruption stops all cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from playfield.cli.results import newest_evaluation
from playfield.cli.training import PARENT, Interruption
from playfield.settings import to_plain
from playfield.storage.run import Run
from playfield.study import Cell, Variant, slug

Stage = Literal["train", "resume", "evaluate", "done"]

LOOK_SECONDS = 0.2
"""Between two looks at the children."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """What makes a run whole."""

    frames: int
    """Emulator frames of training."""
    episodes: int
    """Whole games of the evaluation that ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where runs, their recipes and what they print are kept."""

    folder: Path

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / "runs"

    def recipe(self, variant: Variant) -> Path:
        """The file of a variant's recipe."""
        return self.folder / "recipes" / f"{slug(variant.name)}.json"

    def log(self, name: str) -> Path:
        """What the process of a run prints."""
        return self.folder / "logs" / f"{name}.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One child process to be."""

    name: str
    """Of its run."""
    stage: Stage
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    """Beside that of this process."""


class Child(Protocol):
    """A process that was started."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def send_signal(self, sig: int, /) -> None:
        """Send it a signal; nothing happens where it has ended."""
        ...


class Work(Protocol):
    """What there is to do, one job at a time."""

    def begin(self) -> Job | None:
        """The next job; None where there is none to begin now."""
        ...

    def ended(self, job: Job, code: int) -> Job | None:
        """Take note of an end; the answer is what follows on it, if anything does."""
        ...

    def look(self, running: Sequence[Job]) -> Sequence[Job]:
        """Look at what runs; the answer is what is to be stopped early."""
        ...


def start(job: Job) -> Child:
    """A child process in a session of its own: Ctrl-C reaches it only through us, and only once."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        return subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **job.environment, PARENT: str(os.getpid())},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many children work at once, and how they are started."""

    jobs: int
    launch: Callable[[Job], Child] = start
    look_seconds: float = LOOK_SECONDS

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ValueError("--jobs must be 1 or more")

    def pursue(self, work: Work, interruption: Interruption) -> None:
        """Do all the work, or, once a person interrupts, let every child stop cleanly and wait for it."""
        running: list[tuple[Job, Child]] = []
        told = False
        try:
            while True:
                while interruption.asked is None and len(running) < self.jobs and (job := work.begin()) is not None:
                    running.append((job, self.launch(job)))
                if not running:
                    return
                if interruption.asked is not None and not told:
                    told = True
                    for _, child in running:
                        child.send_signal(signal.Signals[interruption.asked])
                time.sleep(self.look_seconds)
                running = self._after_a_look(work, running, go_on=interruption.asked is None)
        finally:
            self._stop([child for _, child in running])

    def _after_a_look(self, work: Work, running: list[tuple[Job, Child]], *, go_on: bool) -> list[tuple[Job, Child]]:
        still: list[tuple[Job, Child]] = []
        for job, child in running:
            code = child.poll()
            if code is None:
                still.append((job, child))
            elif (follows := work.ended(job, code)) is not None and go_on:
                still.append((follows, self.launch(follows)))
        unwanted = work.look([job for job, _ in still])
        for job, child in still:
            if job in unwanted:
                child.send_signal(signal.SIGINT)
        return still

    def _stop(self, children: Sequence[Child]) -> None:
        """Whatever went wrong here, no child is left behind."""
        for child in children:
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60.0
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)


def stage_of(place: Place, cell: Cell, length: Length) -> Stage:
    """What is to be done next for a run.

    Raises: ValueError where the run of that name is of something else; DamagedFile.
    """
    path = place.runs / cell.name
    if not path.is_dir():
        return "train"
    run = Run.open(path)
    about = run.about
    if (about.game, about.seed, about.recipe) != (cell.game, cell.seed, to_plain(cell.variant.recipe)):
        raise ValueError(f"{path} is a run of something else: move it away, or choose another name for this study")
    saved = run.checkpoints()[-1:]
    if not saved or saved[0].frames < length.frames:
        return "resume"
    evaluated = newest_evaluation(run)
    whole = evaluated is not None and evaluated.clock.frames >= length.frames and evaluated.policy != "random"
    return "done" if whole and evaluated is not None and len(evaluated.scores) >= length.episodes else "evaluate"


def job_for(place: Place, cell: Cell, length: Length, *, alone: bool) -> Job | None:
    """The next process for a run; None where it is done. `alone`: it may use every core."""
    stage = stage_of(place, cell, length)
    name, runs = cell.name, ("--runs", str(place.runs))
    match stage:
        case "done":
            return None
        case "train":
            recipe = str(place.recipe(cell.variant))
            what = ("train", recipe, cell.game, "--name", name, "--seed", str(cell.seed))
            threads = () if alone else ("--threads", "1")
            shown = () if cell.demonstrations is None else ("--demonstrations", cell.demonstrations)
            arguments = (*what, "--frames", str(length.frames), "--episodes", str(length.episodes), *threads, *shown)
        case "resume":
            # Somebody may have resumed the run by hand with other limits, which stay.
            arguments = ("resume", name, "--frames", str(length.frames), "--episodes", str(length.episodes))
        case "evaluate":
            arguments = ("evaluate", name, "--episodes", str(length.episodes))
    return Job(
        name=name,
        stage=stage,
        command=(sys.executable, "-m", "playfield", *arguments, *runs),
        log=place.log(name),
        environment={} if alone else {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )


def last_line(log: Path) -> str:
    """What a process said last."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return "it said nothing"
    said = [" ".join(line.split()) for line in lines if line.strip()]
    return said[-1].removeprefix("playfield: ") if said else "it said nothing"


def newest_row(run: Path) -> Mapping[str, float | None]:
    """The newest row of a run's metrics, read from the file's end; empty where there is none yet."""
    path = run / "metrics.jsonl"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            complete = file.read().rpartition(b"\n")[0]
        row = json.loads(complete.rpartition(b"\n")[2] or b"{}")
    except (OSError, ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def frames_played(run: Path) -> int:
    """Emulator frames that a run has played, as far as its files tell."""
    return int(newest_row(run).get("frames") or 0)
