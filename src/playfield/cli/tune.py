"""`tune`: a search over settings of a recipe with Optuna, in which every trial is an ordinary run.

Optuna proposes and nothing more: what was proposed and what came of it is kept in our own `trials.jsonl`, from which
its study is built anew each time. So nothing is ever unpickled, a line cut short by a crash is passed over, and a
search can be read without Optuna.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro
from rich.console import Console

from playfield.cli.cells import Crew, Job, Length, Place, job_for, last_line, newest_row
from playfield.cli.counts import OptionalCount
from playfield.cli.results import newest_evaluation
from playfield.cli.search_space import Dimension, Value, space_from, text_of
from playfield.cli.sheets import Sheet
from playfield.cli.shown import check_shown
from playfield.cli.study import STOPPED, STUDIES, locked, named, prepared
from playfield.cli.training import RESUMABLE, Interruption
from playfield.extras import install_extra, shell_word
from playfield.games.make import make_games
from playfield.recipes import AnyRecipe
from playfield.score import scoring_text
from playfield.settings import to_plain
from playfield.sinks.jsonl import json_line, read_lines
from playfield.storage.files import replace_file
from playfield.storage.run import Run, check_name
from playfield.study import Cell, Variant, never_learns, slug

if TYPE_CHECKING:
    import optuna

Positional = tyro.conf.Positional

State = Literal["begun", "finished", "pruned", "failed"]

STEPS = 10
"""Looks at a trial's training score, evenly over its frames, at which it may be given up."""
PRUNES_AFTER, PRUNES_FROM = 4, 2
"""Trials that are seen to their end before one is given up, and looks that every trial is granted."""
BEST = 10
"""Trials in the table."""


@dataclass(frozen=True, slots=True)
class Tune:
    """Search for better settings: playfield tune RECIPE GAME --space optimizer.lr=log:1e-5..1e-3 memory.n_step=1..10

    The same command goes on with a search that was interrupted, or that is to have more trials.
    """

    recipe: Positional[str]
    """A name from `playfield recipes`, or a path to a recipe in JSON."""
    game: Positional[str]
    """A name from `playfield games`, or gym:ID for any Gymnasium environment."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings that every trial has, for instance games=8."""
    space: tuple[str, ...] = ()
    """What is searched: path=1..10, path=log:1e-5..1e-3, or 'path=A|B' (in quotes, for the shell)."""
    trials: int = 20
    """Trials in all, those of earlier calls counted."""
    frames: OptionalCount = None
    """Emulator frames of each trial; by default what the recipe says."""
    episodes: int = 30
    """Whole games of the evaluation whose mean score is to be as high as possible."""
    seed: int = 0
    """Of every trial and of the search."""
    protocol: str | None = None
    """Atari rules instead of the recipe's: nature or machado."""
    demonstrations: Path | None = None
    """Folder of a recording of the game, that fills the memory of every trial before anything is played."""
    prune: bool = False
    """Give up trials whose training score stays below the median of the others."""
    jobs: int = 1
    """Trials at the same time, each on one thread where there are several."""
    name: str | None = None
    """Name of the search; by default made from recipe and game."""
    studies: Path = STUDIES
    """Folder of studies and searches."""

    def run(self) -> int:
        require_optuna()
        if not self.space:
            raise ValueError(
                "say what to search, for instance: --space optimizer.lr=log:1e-5..1e-3 memory.n_step=1..10"
            )
        if self.trials < 1:
            raise ValueError("--trials must be 1 or more")
        recipe = prepared(self.recipe, self.protocol, self.overrides, [self.game])
        name = self.name or "-".join(slug(each) for each in ("tune", recipe.name, self.game))
        search = Search(
            place=Place(folder=self.studies / name),
            recipe=recipe,
            game=self.game,
            seed=self.seed,
            length=Length(frames=recipe.frames if self.frames is None else self.frames, episodes=self.episodes),
            space=space_from(recipe, self.space),
            demonstrations=named(self.demonstrations),
        )
        search.settle()
        sentence = never_learns(recipe, search.length.frames) if search.demonstrations is None else None
        if sentence is not None:
            print(f"note: {sentence}", flush=True)
        return self._pursue(search, Crew(jobs=self.jobs))

    def _pursue(self, search: Search, crew: Crew) -> int:
        console = Console()
        with locked(search.place.folder):
            work = TuneWork(search, Limits(trials=self.trials, prune=self.prune, alone=self.jobs == 1), console)
            interruption = Interruption()
            with interruption.watching():
                crew.pursue(work, interruption)
        _report(search, console)
        if (best := search.best()) is not None:
            self._say_how_to_use(best, search, console)
        if interruption.asked is not None or work.stopped:
            console.print("stopped  the search is not finished; the same command goes on", highlight=False)
            return RESUMABLE
        return 0 if best is not None else 1

    def _say_how_to_use(self, best: Trial, search: Search, console: Console) -> None:
        """The best settings as a command to copy, and how to find out whether they were luck."""
        rules = () if self.protocol is None else ("--protocol", self.protocol)
        settings = (*self.overrides, *best.overrides(search.space))
        shown = () if search.demonstrations is None else ("--demonstrations", search.demonstrations)
        length = ("--frames", str(search.length.frames), *rules, *shown)
        train = ("playfield", "train", self.recipe, self.game, *settings, *length)
        check = ("playfield", "study", f"{search.place.folder.name}-check", "--recipes", self.recipe)
        grid = ("--games", self.game, "--seeds", f"{self.seed + 1}..{self.seed + 5}")
        lines = (
            f"best     trial {best.number}: {best.value:,.2f}, as a command:",
            " ".join(map(shell_word, train)),
            "the best of many trials of one seed is partly luck; whether it holds for other seeds:",
            " ".join(map(shell_word, (*check, *grid, *length, *settings))),
        )
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def require_optuna() -> None:
    """Say how Optuna is installed where it is missing.

    Raises: ImportError.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError(f"tune needs Optuna, which is missing; install it with: {install_extra('tune')}") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a search goes."""

    trials: int
    prune: bool
    alone: bool
    """Whether a trial may use every core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A proposal, and what came of it so far."""

    number: int
    values: Mapping[str, Value]
    """What was proposed, by path."""
    state: State
    value: float | None = None
    """Mean score of its evaluation; of a pruned one, its last training score."""
    why: str = ""
    """Of a failed one."""
    looks: Mapping[int, float]
    """Training scores on the way, by look."""

    def overrides(self, space: Mapping[str, Dimension]) -> tuple[str, ...]:
        """The proposal as texts `path=value`."""
        return tuple(f"{path}={text_of(space[path], self.values[path])}" for path in space)

    def plain(self) -> dict[str, object]:
        """The same as a line of `trials.jsonl`."""
        looks = {str(step): score for step, score in self.looks.items()}
        about = {"trial": self.number, "values": dict(self.values), "state": self.state, "value": self.value}
        return {**about, "looks": looks, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched, where, and how a trial is scored."""

    place: Place
    recipe: AnyRecipe
    game: str
    seed: int
    length: Length
    space: Mapping[str, Dimension]
    demonstrations: str | None = None
    """Folder of the recording that every trial's memory begins with."""

    @property
    def _file(self) -> Path:
        return self.place.folder / "trials.jsonl"

    def settle(self) -> None:
        """Make the search's folder, or find that it holds this very search.

        Raises: ValueError where it holds another one.
        """
        path = self.place.folder / "tune.json"
        wanted = {
            "game": self.game,
            "seed": self.seed,
            "frames": self.length.frames,
            "episodes": self.length.episodes,
            "space": {name: dimension.text() for name, dimension in self.space.items()},
            "recipe": to_plain(self.recipe),
            "demonstrations": self.demonstrations,
        }
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if other := [name for name in wanted if not isinstance(kept, dict) or kept.get(name) != wanted[name]]:
                raise ValueError(
                    f"{self.place.folder} is a search of other {', '.join(other)}: give this one another --name"
                )
            return
        check_name(self.place.folder.name)
        games = make_games(self.game, self.recipe.protocol, 1, threads=1)
        games.close()
        check_shown(self.demonstrations, self.recipe, games.spec)
        self.place.runs.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(wanted, indent=1) + "\n").encode())

    def trials(self) -> list[Trial]:
        """Every trial as it was last heard of, in order."""
        if not self._file.is_file():
            return []
        found = {
            int(row["trial"]): Trial(
                number=int(row["trial"]),
                values=dict(row["values"]),
                state=row["state"],
                value=row["value"],
                looks={int(step): float(score) for step, score in row["looks"].items()},
                why=str(row["why"]),
            )
            for row in read_lines(self._file)
        }
        return [found[number] for number in sorted(found)]

    def note(self, trial: Trial) -> None:
        """Append what is known of a trial."""
        if self._file.is_file() and (data := self._file.read_bytes()) and not data.endswith(b"\n"):
            replace_file(self._file, data[: data.rfind(b"\n") + 1])  # the last line was cut short by a crash
        with self._file.open("ab") as file:
            file.write(json_line(trial.plain()))

    def cell(self, trial: Trial) -> Cell:
        """The run of a trial.

        Raises: ValueError where its settings do not go together.
        """
        overrides = trial.overrides(self.space)
        recipe = self.recipe.with_overrides(list(overrides))
        variant = Variant(name=f"trial-{trial.number:04d}", recipe=recipe, overrides=overrides)
        return Cell(variant=variant, game=self.game, seed=self.seed, demonstrations=self.demonstrations)

    def best(self) -> Trial | None:
        """The finished trial with the highest score, the earliest of equals."""
        finished = [trial for trial in self.trials() if trial.state == "finished" and trial.value is not None]
        return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


class Proposals:
    """Optuna's side of a search: built from the trials, asked for more."""

    def __init__(self, search: Search) -> None:
        import optuna

        self._search = search
        self._distributions = {path: dimension.distribution() for path, dimension in search.space.items()}
        pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNES_AFTER, n_warmup_steps=PRUNES_FROM)
        self._study = optuna.create_study(direction="maximize", pruner=pruner)
        self._live: dict[int, optuna.Trial] = {}
        for trial in search.trials():
            if trial.state != "begun":
                self._study.add_trial(self._frozen(trial))

    def _frozen(self, trial: Trial) -> optuna.trial.FrozenTrial:
        import optuna

        states = {"finished": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
        return optuna.trial.create_trial(
            params=dict(trial.values),
            distributions=self._distributions,
            state=optuna.trial.TrialState[states[trial.state]],
            value=trial.value if trial.state == "finished" else None,
            intermediate_values=dict(trial.looks),
        )

    def ask(self, number: int, fixed: Mapping[str, Value] | None = None) -> Mapping[str, Value]:
        """What to try as trial `number`; it depends on the trials before and on the seed, on nothing else."""
        import optuna

        chance = int(np.random.SeedSequence([self._search.seed, number]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=chance)
        if fixed is not None:
            self._study.enqueue_trial(dict(fixed))
        live = self._study.ask(self._distributions)
        self._live[number] = live
        return dict(live.params)

    def hopeless(self, number: int, look: int, score: float) -> bool:
        """Take note of a training score; whether the trial had better be given up."""
        self._live[number].report(score, look)
        return bool(self._live[number].should_prune())

    def tell(self, trial: Trial) -> None:
        """What came of a trial."""
        import optuna

        live = self._live.pop(trial.number)
        if trial.state == "finished":
            self._study.tell(live, trial.value)
        else:
            state = optuna.trial.TrialState.PRUNED if trial.state == "pruned" else optuna.trial.TrialState.FAIL
            self._study.tell(live, state=state)


class TuneWork:
    """The trials of a search that are not settled yet, and new ones up to their number."""

    def __init__(self, search: Search, limits: Limits, console: Console) -> None:
        self._search, self._limits, self._console = search, limits, console
        self._proposals = Proposals(search)
        known = search.trials()
        self._begun = [trial for trial in known if trial.state == "begun"]
        self._next = known[-1].number + 1 if known else 0
        self._running: dict[str, tuple[Trial, Cell]] = {}
        self._given_up: set[str] = set()
        self.stopped: list[str] = []
        """Runs that were asked to stop."""

    def begin(self) -> Job | None:
        """A trial that was begun before, or a new one."""
        while self._begun or self._next < self._limits.trials:
            if self._begun:
                trial = self._begun.pop(0)
                self._proposals.ask(trial.number, trial.values)
            else:
                values = self._proposals.ask(self._next)
                trial = Trial(number=self._next, values=values, state="begun", looks={})
                self._next += 1
                self._search.note(trial)
            if (job := self._job(trial)) is not None:
                return job
        return None

    def _job(self, trial: Trial) -> Job | None:
        """The next process of a trial; None where it is settled."""
        try:
            cell = self._search.cell(trial)
            recipe = self._search.place.recipe(cell.variant)
            recipe.parent.mkdir(parents=True, exist_ok=True)
            replace_file(recipe, cell.variant.recipe.to_json().encode())
            job = job_for(self._search.place, cell, self._search.length, alone=self._limits.alone)
        except ValueError as error:
            self._settle(trial, state="failed", why=str(error))
            return None
        if job is None:
            evaluated = newest_evaluation(Run.open(self._search.place.runs / cell.name))
            assert evaluated is not None, "a run that is done has its evaluation"
            self._settle(trial, state="finished", value=float(np.mean(evaluated.scores)))
            return None
        self._running[job.name] = (trial, cell)
        settings = " ".join(trial.overrides(self._search.space))
        self._console.print(f"{job.stage:<8} trial {trial.number}: {settings}", highlight=False, markup=False)
        return job

    def _settle(self, trial: Trial, *, state: State, value: float | None = None, why: str = "") -> None:
        settled = Trial(number=trial.number, values=trial.values, state=state, value=value, looks=trial.looks, why=why)
        self._search.note(settled)
        self._proposals.tell(settled)
        said = why or (f"{value:,.2f}" if value is not None else "")
        self._console.print(f"{state:<8} trial {trial.number}: {said}", highlight=False, markup=False, soft_wrap=True)

    def ended(self, job: Job, code: int) -> Job | None:
        """What a trial still needs after a process of it; nothing where it is settled or was stopped."""
        trial, _ = self._running.pop(job.name)
        if job.name in self._given_up:
            self._settle(trial, state="pruned", value=list(trial.looks.values())[-1])
        elif code in STOPPED:
            self.stopped.append(job.name)
        elif code != 0:
            how = f"killed by signal {-code}" if code < 0 else last_line(job.log)
            self._settle(trial, state="failed", why=f"{how} (all that it said: {job.log})")
        else:
            return self._job(trial)
        return None

    def look(self, running: Sequence[Job]) -> Sequence[Job]:
        """Trials that are to be given up, each named once."""
        return [job for job in running if self._limits.prune and self._is_hopeless(job)]

    def _is_hopeless(self, job: Job) -> bool:
        trial, cell = self._running[job.name]
        row = newest_row(self._search.place.runs / job.name)
        frames, score = row.get("frames"), row.get("score_mean_last_30")
        if job.name in self._given_up or job.stage == "evaluate" or frames is None or score is None:
            return False
        look = int(frames * STEPS / self._search.length.frames)
        if look < 1 or look in trial.looks:
            return False
        seen = Trial(number=trial.number, values=trial.values, state="begun", looks={**trial.looks, look: score})
        self._running[job.name] = (seen, cell)
        if self._proposals.hopeless(trial.number, look, score):
            self._given_up.add(job.name)
        return job.name in self._given_up


def _report(search: Search, console: Console) -> None:
    """Print the best trials, and keep all of them as a table."""
    trials = search.trials()
    finished = sorted(
        (t for t in trials if t.value is not None and t.state == "finished"), key=lambda t: -(t.value or 0)
    )
    counts = {state: sum(t.state == state for t in trials) for state in ("finished", "pruned", "failed", "begun")}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    protocol = {**_protocol(search, finished)}
    conditions = f"{search.length.frames:,} frames of training, seed {search.seed}, {search.length.episodes} games"
    sheet = Sheet(
        title=f"Search {search.place.folder.name}: {search.recipe.name} on {search.game}, {told}",
        about=f"mean evaluation score in points; {scoring_text(protocol)}; {conditions}",
        columns=("settings", "trial", "score"),
        rows=tuple((" ".join(t.overrides(search.space)), str(t.number), f"{t.value:,.2f}") for t in finished),
    )
    folder = search.place.folder / "results"
    folder.mkdir(exist_ok=True)
    replace_file(folder / "trials.md", sheet.markdown().encode())
    shown = Sheet(title=sheet.title, about=sheet.about, columns=sheet.columns, rows=sheet.rows[:BEST])
    shown.show(console)


def _protocol(search: Search, finished: Sequence[Trial]) -> Mapping[str, Any]:
    if not finished:
        return {}
    return Run.open(search.place.runs / search.cell(finished[0]).name).about.protocol
