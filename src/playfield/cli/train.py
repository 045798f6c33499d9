"""`train` and `resume`."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import sys
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from playfield.agent import DeepAgent
from playfield.budgets import BUDGETS, Budget, choose
from playfield.build import build_network, build_session, latents_of, require_host
from playfield.cli.about import find_recipe
from playfield.cli.budgets import budget_line, find_budget, require_device
from playfield.cli.counts import Count, OptionalCount, Switch
from playfield.cli.look import load_network, protocol_named, saved_weights
from playfield.cli.machine import cores, device_asked_for
from playfield.cli.needs import check_room, needs_of, require_memory
from playfield.cli.results import Evaluation, plot_run, report, results_folder
from playfield.cli.runs import Known, begin_of, find_run, free_name, known, state_of
from playfield.cli.shown import shown_in
from playfield.cli.training import RESUMABLE, Interruption, NeverFinite, NotFinite, Plan, Sink, Training
from playfield.device import device_text, use_deterministic_algorithms
from playfield.events import EpisodeEnded, Event, PhaseChanged, Stopped
from playfield.extras import shell_word
from playfield.features.latents import Latents, load_latents
from playfield.games.desktop.games import SUFFIX, is_desktop_game
from playfield.games.each import EachGame, Lost, Pace
from playfield.games.games import Games
from playfield.games.make import is_game, make_games
from playfield.games.supervised import supervised_games
from playfield.linear.agent import Diverged, LinearAgent
from playfield.memory.priorities import Uniform
from playfield.memory.replay import Replay
from playfield.memory.rollout import Rollout
from playfield.recipes import ALL_RECIPES, AnyRecipe, LinearRecipe, Recipe
from playfield.recipes.linear_recipe import Learnt
from playfield.rng import Rng
from playfield.score import scoring_text
from playfield.session import Session
from playfield.settings import to_plain
from playfield.sinks.analytics import FILE as ANALYTICS_FILE
from playfield.sinks.analytics import Analytics, Open, Played
from playfield.sinks.console_lines import Lines, Telling, console_lines
from playfield.sinks.eventlog import EventLog
from playfield.sinks.metrics import Metrics
from playfield.sinks.overestimation import LearntReward
from playfield.sinks.progress import Limits, Progress
from playfield.sinks.recent import Begin
from playfield.sinks.services import Service, begun, require
from playfield.sinks.tracker import TrackedRun, flat
from playfield.sinks.tracking import FILE as TRACKING_FILE
from playfield.sinks.tracking import Ledger, Tracking
from playfield.storage import fingerprint
from playfield.storage.files import NoSpace, writing_to
from playfield.storage.run import Loaded, NoCheckpoint, Run, check_name
from playfield.storage.tapes import RecordedEpisode, TapeLog
from playfield.study import never_learns, slug
from playfield.types import Clock

Positional = tyro.conf.Positional

MOST_ROLL_BACKS = 3
"""In one session, to places that differ; at the same place again the settings are to blame."""


@dataclass(frozen=True, slots=True)
class Train:
    """Train an agent: playfield train RECIPE GAME [path=value ...], or train GAME --budget BUDGET [path=value ...]"""

    recipe: Positional[str]
    """A name from `playfield recipes`, or a path to a recipe in JSON; with --budget, which chooses it, the game."""
    game: Positional[str] = ""
    """A name from `playfield games`, or gym:ID for any Gymnasium environment."""
    overrides: Positional[tuple[str, ...]] = ()
    """Settings to change, for instance memory.n_step=3; `playfield recipes RECIPE` lists them."""
    name: str | None = None
    """Name of the run; by default made from recipe, game and seed."""
    seed: int = 0
    """Everything random grows from it."""
    frames: OptionalCount = None
    """Stop after this many emulator frames; by default what the recipe says."""
    minutes: float | None = None
    """Stop after this many minutes."""
    budget: str | None = None
    """10min-cpu, 1h-gpu or overnight: choose recipe and minutes by what is measured; see `playfield budgets`."""
    until_score: float | None = None
    """Stop when the last --over complete episodes reach this mean score; by default what the recipe says."""
    over: int | None = None
    """Complete training episodes that --until-score looks at; by default what the recipe says."""
    episodes: int = 30
    """Whole games of the final evaluation; 0 for none."""
    protocol: str | None = None
    """Atari rules instead of the recipe's: nature (no sticky actions) or machado (sticky actions, all actions)."""
    observe_with: str | None = None
    """A run whose agent fills the memory before learning begins, instead of chance."""
    demonstrations: Path | None = None
    """Folder of a recording that fills the memory before anything is played; `playfield record` writes it."""
    features: Path | None = None
    """Folder of an autoencoder's latents, for a linear learner to see by; `playfield lab autoencode` writes it."""
    save_every_frames: Count = 1_000_000
    """Save after this many emulator frames ..."""
    save_every_minutes: float = 5.0
    """... and after this many minutes, whichever comes first."""
    keep: int = 3
    """Newest checkpoints kept, besides the best."""
    keep_every: int | None = None
    """Keep every so-many-th checkpoint for good, too."""
    threads: int | None = None
    """Threads for the network; by default one for each core, less one where emulators run beside it."""
    tensorboard: bool = False
    """Write TensorBoard files too, into the run directory; the same as --log tensorboard."""
    log: Annotated[tuple[Service, ...], tyro.conf.UseAppendAction] = ()
    """A service that is told of the run, also after a resume; may be given more than once. See docs/telemetry.md."""
    project: str | None = None
    """Its project or experiment there; by default what the service's own settings say, or else playfield."""
    analytics: Switch = 0
    """Write every action, with its label and what was expected of it, and every reward to analytics.jsonl."""
    device: str | None = None
    """Where the network and its memory live: cpu, cuda or, of several graphics cards, cuda:1; by default cpu."""
    deterministic: Switch = 0
    """Let a graphics card give the same bits in every run, which takes longer; a processor always does."""
    lines: Lines | None = None
    """Print console lines as this set-up does, on standard output."""
    dry_run: Switch = 0
    """Say what the run would need of this machine, and start nothing."""
    anyway: Switch = 0
    """Begin even where the run will need more memory than there is."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        if self.budget is not None:
            return self._chosen(find_budget(self.budget)).run()
        if not self.game:
            raise ValueError(_what_to_type(self.recipe))
        if self.name is not None:
            check_name(self.name)
        recipe = self._recipe()
        plan = self._plan(recipe)
        device = settled_device(plan, recipe)
        set_threads(self.threads, recipe, self.game)
        games = games_of(self.game, recipe)
        with closed_unless_played(games) as opened:
            shown = shown_in(self.demonstrations, recipe, games)
            latents = latents_in(self.features, recipe)
            session = build_session(recipe, games, self.seed, latents, shown, device=device)
            needs = needs_of(recipe, session, plan.keep)
            if self.dry_run:
                print(f"needs    {needs.text()}", flush=True)
            if not self.anyway:
                require_memory(needs, recipe, session)
            if self.dry_run:
                return 0
            check_room(self.runs, needs)
            warm_up(session, recipe, plan, self.runs)
            require(plan.services)
            run = self._run(recipe, plan, games, device_text(device))
            print(f"run      {run.path}\nrecipe   {recipe.name}\ngame     {self.game}, {games_text(games)}")
            print(f"{size_text(session.agent)}\nneeds    {needs.text()}", flush=True)
            if not games.spec.replays:
                print(f"resume   {games.spec.resume}, which is cut off then: {self.game} does not replay", flush=True)
            if (sentence := never_learns(recipe, plan.frames + (shown.frames if shown else 0))) is not None:
                print(f"note: {sentence}", flush=True)
            opened.pop_all()
        with run.writing():
            return pursue(run, Known(recipe, self.game, self.seed, {}), session, plan, Begin())

    def _chosen(self, budget: Budget) -> Train:
        """The same command with what the budget chooses, which is told.

        Raises: ValueError where something contradicts the budget; UnknownGame.
        """
        words = tuple(word for word in (self.game, *self.overrides) if word)
        if any("=" not in word for word in words):
            raise ValueError(
                f"a budget chooses the recipe itself: type `playfield train GAME --budget {budget.name}`, "
                f"or `playfield train RECIPE GAME --minutes {budget.minutes:g}`"
            )
        if self.minutes is not None:
            raise ValueError(f"--budget {budget.name} says --minutes {budget.minutes:g} already: leave one of them out")
        if self.device is not None and self.device.partition(":")[0] != budget.device:
            raise ValueError(
                f"--budget {budget.name} is for {budget.device}, and --device says {self.device}: leave one of them out"
            )
        choice = choose(budget, self.recipe)
        require_device(budget)
        print(budget_line(budget, choice))
        if words or self.protocol is not None or self.frames is not None:
            print("note: what is expected is of the recipe as it is, without settings of your own")
        return dataclasses.replace(
            self,
            recipe=choice.recipe,
            game=self.recipe,
            overrides=words,
            minutes=budget.minutes,
            device=self.device or budget.device,
            budget=None,
        )

    def _run(self, recipe: AnyRecipe, plan: Plan, games: Games, device: str) -> Run:
        stem = f"{recipe.name}-{slug(self.game)}-s{self.seed}"
        name = free_name(stem, self.runs) if self.name is None else self.name
        if self.name is None and name != stem:
            print(f"note: a run {stem} exists; `{command_name()} resume {stem}` goes on with it, this one is new")
        run = Run.create(
            self.runs,
            name,
            recipe=to_plain(recipe),
            protocol=games.spec.protocol,
            game=self.game,
            seed=self.seed,
            fingerprint=fingerprint.take(device),
            plan=dataclasses.asdict(plan),
            resume=games.spec.resume,
        )
        _set_up(run, plan, device)
        return run

    def _plan(self, recipe: AnyRecipe) -> Plan:
        return Plan(
            frames=recipe.frames if self.frames is None else self.frames,
            minutes=self.minutes,
            until_score=recipe.until_score if self.until_score is None else self.until_score,
            over=recipe.over_episodes if self.over is None else self.over,
            episodes=self.episodes,
            save_every_frames=self.save_every_frames,
            save_every_minutes=self.save_every_minutes,
            keep=self.keep,
            keep_every=self.keep_every,
            tensorboard=self.tensorboard,
            log=self.log,
            project=self.project,
            analytics=self.analytics > 0,
            lines=self.lines,
            device=self.device or "cpu",
            deterministic=self.deterministic > 0,
            observe_with=self.observe_with,
            demonstrations=None if self.demonstrations is None else str(self.demonstrations.absolute()),
            features=None if self.features is None else str(self.features.absolute()),
        )

    def _recipe(self) -> AnyRecipe:
        recipe = find_recipe(self.recipe)
        recipe = recipe.but(protocol=protocol_named(self.protocol, recipe.protocol, self.game))
        if self.features is not None:
            if not isinstance(recipe, LinearRecipe):
                raise ValueError(f"--features are for linear learners; {recipe.name} learns to see by itself")
            recipe = recipe if isinstance(recipe.view, Learnt) else recipe.but(view=Learnt())
        recipe = recipe.with_overrides(list(self.overrides))
        if self.features is not None and not isinstance(getattr(recipe, "view", None), Learnt):
            raise ValueError("--features are seen by view=Learnt; leave one of --features and view=... out")
        return recipe


def _what_to_type(word: str) -> str:
    """What was meant by `playfield train WORD`.

    Raises: ValueError where the word is neither a game nor a recipe, or no budget is made for such a game.
    """
    budget = next(iter(BUDGETS))
    if word in BUDGETS:
        return f"{word} is a budget; say what is to be played: playfield train pong --budget {word}"
    if word not in ALL_RECIPES and is_game(word):
        game, recipe = shell_word(word), choose(BUDGETS[budget], word).recipe
        return (
            f"{word} is a game; say which recipe is to play it: playfield train {recipe} {game}; or let a budget "
            f"choose the recipe: playfield train {game} --budget {budget}"
        )
    game = "gym:MountainCar-v0" if isinstance(find_recipe(word), LinearRecipe) else "pong"
    return (
        f"say what is to be played: playfield train {shell_word(word)} {game}; or let a budget choose "
        f"the recipe: playfield train pong --budget {budget}"
    )


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a run from its newest checkpoint, exactly as if it had never stopped.

    What is given here stays the run's own; a limit can be replaced by another one, not taken away.
    """

    name: Positional[str]
    """The run's name, or the path of its directory."""
    frames: OptionalCount = None
    """A new limit in emulator frames."""
    minutes: float | None = None
    """A new limit in minutes, counted over all sessions."""
    until_score: float | None = None
    """A new mean score at which to stop."""
    episodes: int | None = None
    """Whole games of the final evaluation; 0 for none."""
    device: str | None = None
    """Where the network and its memory live from now on; by default where they did."""
    deterministic: Switch = 0
    """Let a graphics card give the same bits each time from now on."""
    lines: Lines | None = None
    """Print console lines as this set-up does; by default as before."""
    log: Annotated[tuple[Service | Literal["none"], ...], tyro.conf.UseAppendAction] = ()
    """A service that is told of the run from now on, or none; by default those as before."""
    threads: int | None = None
    """Threads for the network; by default as the run began."""
    anyway: Switch = 0
    """Go on even where the run will need more memory than there is."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        run = find_run(self.name, self.runs)
        of = known(run)
        may_change = ("frames", "minutes", "until_score", "episodes", "lines", "device")
        given: dict[str, Any] = {name: value for name in may_change if (value := getattr(self, name)) is not None}
        if self.log:
            given |= {"log": tuple(service for service in self.log if service != "none"), "tensorboard": False}
        if self.deterministic:
            given["deterministic"] = True
        plan = Plan(**{**of.plan, **given})
        require(plan.services)
        device = settled_device(plan, of.recipe)
        _set_up(run, plan, device_text(device))
        set_threads(self.threads, of.recipe, of.game, was=run.about.fingerprint.get("torch threads"))
        with run.writing():
            loaded = None if run.is_untouched() else run.load()
            for sentence in loaded.warnings if loaded else ():
                run.note(sentence)
            for sentence in (
                (*loaded.warnings, *_set_back(run, loaded), *_changes(loaded, run.device)) if loaded else ()
            ):
                print(f"note: {sentence}", flush=True)
            _require_game_file(of.game)
            games = games_of(of.game, of.recipe)
            with closed_unless_played(games) as opened:
                # What is seen by comes back from the run itself: the folder it was taken from may be gone.
                latents = latents_in(plan.features, of.recipe) if loaded is None else saved_latents(of.recipe, loaded)
                shown = shown_in(plan.demonstrations, of.recipe, games) if loaded is None else None
                session = build_session(of.recipe, games, of.seed, latents, shown, device=device)
                if not self.anyway:
                    require_memory(needs_of(of.recipe, session, plan.keep), of.recipe, session)
                self._stand(run, of, session, plan, loaded)
                if given:
                    run.replan(dataclasses.asdict(plan))
                if session.clock.frames >= plan.frames:
                    print(
                        f"nothing left to do: {session.clock.frames:,} frames are played; --frames sets a new limit, "
                        f"and `{command_name()} evaluate {run.name}{_folder_option(run)}` plays what was learnt"
                    )
                    return 0
                opened.pop_all()
            return pursue(run, of, session, plan, _begin(run, session, plan))

    def _stand(self, run: Run, of: Known, session: Session[Any], plan: Plan, loaded: Loaded | None) -> None:
        """Let a session stand where the run was saved, or at its beginning where it never was, and say so."""
        if loaded is None:
            warm_up(session, of.recipe, plan, run.path.parent)
            print(f"note: {run.path} was stopped before its first save: it begins at its beginning", flush=True)
            return
        _load(session, run, loaded)  # before anything is cut back: it may find that the games do not come back
        _check_limit(self.frames, session.clock)
        run.cut_back(loaded)
        if run.gave_up is not None:
            print(f"note: {run.gave_up}; the same settings lead there again", flush=True)
        print(f"resumed  {run.path} at {session.clock.frames:,} frames, checkpoint {loaded.checkpoint}")
        spec = session.games.spec
        if not spec.replays:
            print(f"resume   {spec.resume}, which was cut off: the next step begins another", flush=True)


def _require_game_file(game: str) -> None:
    """Raises: FileNotFoundError where a run is of a game file that is not here any more."""
    if game.endswith(SUFFIX) and not Path(game).is_file():
        raise FileNotFoundError(
            f"the run is of the game file {game}, which is not here; put it back, or go to the folder where it lies, "
            "and type this again"
        )


def _load(session: Session[Any], run: Run, loaded: Loaded) -> None:
    """Let a session stand where the run was saved, and say where its game file is another than it was.

    Raises: as `Session.load`; ValueError with what to do where it fails and the game file is another.
    """
    spec = session.games.spec
    is_same = run.about.protocol.get("file") == spec.protocol.get("file")
    try:
        with state_of(loaded):
            session.load(loaded.tree)
    except (ValueError, Lost) as error:
        if is_same:
            raise
        raise ValueError(
            f"{spec.name} is not as it was when the run began ({error}); put it back as it was, or start a new run"
        ) from error
    if not is_same:
        print(f"note: {spec.name} is not as it was when the run began; the run goes on with it as it is", flush=True)


def games_of(game: str, recipe: AnyRecipe) -> Games:
    """What a run plays. A linear learner is so fast that asking another process for every step would slow it down.

    Raises: UnknownGame with the three nearest names; ValueError where the game cannot be played.
    """
    make = make_games if isinstance(recipe, LinearRecipe) else supervised_games
    return make(game, recipe.protocol, recipe.games)


@contextmanager
def closed_unless_played(games: Games) -> Generator[ExitStack]:
    """Games that are closed where nobody takes them over by `pop_all`: a refusal leaves no game behind."""
    with ExitStack() as opened:
        opened.callback(games.close)
        yield opened


def latents_in(folder: str | Path | None, recipe: AnyRecipe) -> Latents | None:
    """What a linear learner that sees by learnt features starts with.

    Raises: DamagedFile.
    """
    sees = isinstance(recipe, LinearRecipe) and isinstance(recipe.view, Learnt)
    return load_latents(Path(folder)) if sees and folder is not None else None


def saved_latents(recipe: AnyRecipe, loaded: Loaded) -> Latents | None:
    """What a saved agent sees by; None where that is not learnt.

    Raises: ValueError where it is damaged.
    """
    with state_of(loaded):
        return latents_of(recipe, saved_weights(loaded)) if isinstance(recipe, LinearRecipe) else None


def _check_limit(frames: int | None, clock: Clock) -> None:
    """Refuse a limit that lies behind the run: it would take the place of the one it has.

    Raises: ValueError.
    """
    if frames is not None and frames <= clock.frames:
        raise ValueError(
            f"--frames {frames:,} lies behind the run, of which {clock.frames:,} frames are played; give more than that"
        )


def warm_up(session: Session[Any], recipe: AnyRecipe, plan: Plan, root: Path) -> None:
    """Let the agent of the run that the plan names, if it names one, fill the memory of a session that begins.

    Raises: ValueError where nothing is observed before learning; FileNotFoundError where `root` has no such run.
    """
    if plan.observe_with is None:
        return
    if session.agent.observing_frames(session.clock) == 0 or isinstance(recipe, LinearRecipe):
        raise ValueError(f"--observe-with has nothing to do: {recipe.name} learns from its beginning on")
    network = build_network(recipe, session.games.spec, Rng(0), device_asked_for(plan.device)).eval()
    load_network(find_run(plan.observe_with, root), network)
    session.agent.warm_up_with(network)


def pursue(run: Run, of: Known, session: Session[Any], plan: Plan, begin: Begin) -> int:
    """Train to the end of the plan, going back to the newest checkpoint where what was learnt becomes useless.

    Raises: NotFinite where that happens again at the same place, or too often; NeverFinite; Diverged.
    """
    places: set[int] = set()
    begun_at = time.monotonic() - begin.elapsed_seconds
    interruption = Interruption(lambda: session.games.hurry())
    while True:
        try:
            return _pursue_once(run, of, session, plan, begin, interruption)
        except NotFinite as error:
            if error.place in places or len(places) == MOST_ROLL_BACKS:
                again = "again" if error.place in places else "once more"
                run.give_reserve()  # the reason needs room too
                run.give_up(f"training ended at {error.clock.frames:,} frames: {error.what} {again}")
                raise
            places.add(error.place)
            found = error.with_traceback(None)
        # Only here, where no traceback holds what was at work: a large memory has no room beside another.
        session.release()
        gc.collect()
        with interruption.watching():  # who asks for a stop meanwhile gets it before anything is played again
            session, begin = _roll_back(run, of, plan, found)
            if interruption.asked is not None:  # of games that were not there yet
                session.games.hurry()
        begin = dataclasses.replace(begin, elapsed_seconds=time.monotonic() - begun_at)
        done = f"went back to {session.clock.frames:,} frames and goes on from there, once"
        run.note(f"{found.clock.frames} frames: {found.what}; {done}")
        print(f"note: {found.what} at {found.clock.frames:,} frames; {done}", flush=True)


def _roll_back(run: Run, of: Known, plan: Plan, found: NotFinite) -> tuple[Session[Any], Begin]:
    """A session that stands at the newest checkpoint, as a resumed one does.

    Raises: NeverFinite where there is none; ValueError, Lost.
    """
    try:
        loaded = run.load()
    except NoCheckpoint as nothing:
        why = f"and {nothing}" if run.checkpoints() else "before anything was saved"
        raise NeverFinite(found, why) from None
    for sentence in loaded.warnings:
        run.note(sentence)
        print(f"note: {sentence}", flush=True)
    games = games_of(of.game, of.recipe)
    with closed_unless_played(games) as opened:
        device = device_of(plan, of.recipe)
        session = build_session(of.recipe, games, of.seed, saved_latents(of.recipe, loaded), device=device)
        session.load(loaded.tree)
        run.cut_back(loaded)
        opened.pop_all()
    return session, _begin(run, session, plan)


def _begin(run: Run, session: Session[Any], plan: Plan) -> Begin:
    """From where displays and console lines go on; some lines count all episodes."""
    scores = plan.over if plan.lines is None else session.clock.episodes
    return begin_of(run, session.clock, session.agent.updates, scores)


def _pursue_once(
    run: Run, of: Known, session: Session[Any], plan: Plan, begin: Begin, interruption: Interruption
) -> int:
    """Train to the end of the plan, then evaluate, plot and film; or save and say how to go on."""
    if isinstance(session.agent, DeepAgent):
        session.agent.rest_on(run.reader("agent/memory/rows", "frame"))  # where the state tree has them
    with ExitStack() as stack:
        with ExitStack() as playing:
            playing.callback(session.games.close)
            # Before a live display takes standard output over; services may also ask for a key.
            told: list[Sink] = [*_lines(of.recipe, session, plan, begin), *_trackings(run, plan, begin, stack)]
            limits = Limits(
                until_frames=plan.frames,
                minutes=_minutes_left(plan, begin),
                pretrain_until_updates=begin.updates + session.agent.pretraining_updates,
            )
            progress = Progress(limits, begin=begin, frames_per_step=frames_per_step(session.games))
            playing.callback(progress.close)

            def display(event: Event) -> None:
                for sink in (*told, progress):
                    sink(event)

            if (standing := session.standing()) is not None:
                display(standing)
            sinks = _sinks(run, of.recipe, session, plan, begin)
            training = Training(
                session=session,
                run=run,
                plan=plan,
                sinks=sinks,
                display=display,
                elapsed_seconds=begin.elapsed_seconds,
                scores=deque(begin.scores[-plan.over :]),
            )
            try:
                with interruption.watching():
                    stopped = training.pursue(interruption)
            except Diverged as error:
                run.give_up(f"training ended at {session.clock.frames:,} frames: {error}")
                raise
        if not _tell_of_stop(training, stopped, of, interruption):
            return RESUMABLE
        run.give_reserve()  # nothing is saved any more, and results need room too
        with _results_missing(run):
            _conclude(run, of, session, plan, [*told, *(sink for sink in sinks if isinstance(sink, Analytics))])
        return 0


def _tell_of_stop(training: Training, stopped: Stopped, of: Known, interruption: Interruption) -> bool:
    """Say why a training stopped and, where it has not come to its end, how to go on; whether it has."""
    agent, run = training.session.agent, training.run
    if isinstance(agent, LinearAgent) and (used := agent.code.used()) is not None and used[1]:
        print("note: the index table is full, so that tiles share weights; give it more places with encoder.size")
    print(f"stopped  {stopped.reason}; saved at {training.session.clock.frames:,} frames", flush=True)
    lost = training.losses.too_many is not None
    if lost and is_desktop_game(of.game):
        print(f"see what is wrong with: {command_name()} games launch {shell_word(of.game)}", flush=True)
    if interruption.asked is None and not lost and not training.full_too_long:
        return True
    print(f"go on with: {command_name()} resume {run.name}{_folder_option(run)}", flush=True)
    return False


def pace_of(games: Games) -> Pace | None:
    """What is told of steps that come late; None of games that wait for the agent."""
    return games.pace if isinstance(games, EachGame) else None


@contextmanager
def _results_missing(run: Run) -> Generator[None]:
    """Where results find no room, or nobody waits for them, say that the run itself is whole, and how they are made.

    Raises: NoSpace.
    """
    again = f"{command_name()} evaluate {run.name}{_folder_option(run)}"
    try:
        with writing_to(run.path / "results"):
            yield
    except (KeyboardInterrupt, SystemExit):
        print(f"results are not complete, and the run is saved whole; make them with: {again}", flush=True)
        raise
    except NoSpace as full:
        besides = f"results are missing, and the run is saved whole; make room, then: {again}"
        raise NoSpace(full.path, besides) from full


def _folder_option(run: Run) -> str:
    return "" if run.path.parent == Path("runs") else f" --runs {run.path.parent}"


def _conclude(run: Run, of: Known, session: Session[Any], plan: Plan, told: Sequence[Sink]) -> None:
    """Evaluate, plot and film, and tell of it."""
    if plan.episodes > 0:
        for sink in told:
            sink(PhaseChanged(clock=session.clock, phase="evaluating"))
        evaluation = Evaluation(episodes=plan.episodes, device=device_asked_for(plan.device))
        evaluated = report(run, of, session.agent.weights(), session.clock, evaluation)
        for sink in told:
            sink(evaluated)
    else:
        print(f"curve    {plot_run(run)}\nrun      {run.path}", flush=True)
    results = (results_folder(run) / name for name in ("learning_curve.png", "best_game.mp4"))
    for path in (path for path in results if path.is_file()):
        for sink in told:
            if isinstance(sink, Tracking):
                sink.artifact(path)


def command_name() -> str:
    """How this program was called, so that what is printed can be typed: a new user has nothing on the search path."""
    called = Path(sys.argv[0])
    if called.stem != "playfield" or shutil.which("playfield") == str(called.absolute()):
        return "playfield"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)


def _minutes_left(plan: Plan, begin: Begin) -> float | None:
    return None if plan.minutes is None else max(0.0, plan.minutes - begin.elapsed_seconds / 60.0)


def _lines(recipe: AnyRecipe, session: Session[Any], plan: Plan, begin: Begin) -> list[Sink]:
    """What prints the lines that the plan asks for, if it asks for any."""
    if plan.lines is None:
        return []
    agent = session.agent
    sampler = recipe.memory.sampler if isinstance(recipe.memory, Replay) else Uniform()

    def beta(clock: Clock) -> float | None:
        return None if isinstance(sampler, Uniform) else sampler.beta(agent.memory.learning_frames(clock))

    # On a terminal the live display makes room for what is printed; elsewhere it must not catch what goes to a file.
    file = None if sys.stdout.isatty() else sys.stdout
    telling = Telling(
        say=partial(print, file=file, flush=True),
        begin=begin,
        epsilon=agent.epsilon,
        beta=beta,
        frames_per_step=frames_per_step(session.games),
        until_score=plan.until_score,
        over=plan.over,
    )
    return [console_lines(plan.lines, telling)]


def _trackings(run: Run, plan: Plan, begin: Begin, stack: ExitStack) -> list[Tracking]:
    """Who tells the plan's services, each gone on with where it knows the run.

    Raises: ModuleNotFoundError; ValueError with what a service says.
    """
    ledger = Ledger(run.path / TRACKING_FILE)
    trackings: list[Tracking] = []
    for service in plan.services:
        tracked = TrackedRun(
            name=run.name,
            id=run.about.id,
            folder=run.path.absolute(),
            labels=(run.about.game, str(run.about.recipe.get("name", ""))),
            project=plan.project,
            known_as=ledger.known_as(service),
        )
        tracking = Tracking(service, begun(service, tracked), ledger, begin=begin)
        stack.callback(tracking.close)
        if tracked.known_as is None:
            about = run.about.plain()
            told = ("game", "seed", "recipe", "protocol", "plan", "fingerprint", "playfield")
            tracking.hyperparameters(flat({name: about[name] for name in told}))
        trackings.append(tracking)
    return trackings


def _sinks(run: Run, recipe: AnyRecipe, session: Session[Any], plan: Plan, begin: Begin) -> list[Sink]:
    pace = pace_of(session.games)
    metrics = Metrics(
        run.append_file("metrics.jsonl"),
        every_frames=max(1, min(10_000, plan.frames // 200)),
        begin=begin,
        learnt=learnt_reward(recipe),
        pace=dict if pace is None else pace.take,
    )
    tapes = TapeLog(run.append_file("tapes.log"))

    def keep_tape(event: Event) -> None:
        if isinstance(event, EpisodeEnded):
            tapes.add(recorded(event))

    sinks: list[Sink] = [
        EventLog(run.append_file("events.jsonl")),
        metrics,
        keep_tape,
    ]
    if plan.analytics:
        sinks.append(Analytics(run.append_file(ANALYTICS_FILE), played(session)))
    return sinks


def played(session: Session[Any]) -> Played:
    """What is played, with the episodes that a resumed session goes on with."""
    going_on: list[Open] | None = None
    if session.step is not None:
        kept = session.tape.state()["open"]
        going_on = [Open(steps=len(e["actions"]), life_scores=list(e["life_scores"])) for e in kept]
    return Played(actions=session.games.spec.actions, frames_per_step=frames_per_step(session.games), open=going_on)


def frames_per_step(games: Games) -> int:
    """Emulator frames that one step of all games lasts."""
    return games.spec.games * games.spec.frames_per_action


def learnt_reward(recipe: AnyRecipe) -> LearntReward:
    """What a recipe makes of rewards before it learns from them."""
    if isinstance(recipe, LinearRecipe):
        return LearntReward(discount=recipe.learner.gamma, scale=1.0, clip=None)
    memory = recipe.memory
    return LearntReward(discount=memory.discount, scale=memory.reward_scale, clip=memory.reward_clip)


def recorded(event: EpisodeEnded) -> RecordedEpisode:
    """An ended episode as the tape log keeps it."""
    return RecordedEpisode(
        episode=event.episode,
        game=event.game,
        seed=event.tape.seed,
        score=event.score,
        frames=event.frames,
        truncated=event.truncated,
        actions=event.tape.actions,
        lost=event.lost,
    )


def device_of(plan: Plan, recipe: AnyRecipe) -> torch.device:
    """Where a plan wants a recipe's network and memory.

    Raises: ValueError where that is not here, or the recipe cannot be there.
    """
    device = device_asked_for(plan.device)
    require_host(recipe, device)
    return device


def settled_device(plan: Plan, recipe: AnyRecipe) -> torch.device:
    """The same, with this process made to calculate there as the plan wants, before anything is done there.

    Raises: as `device_of`.
    """
    device = device_of(plan, recipe)
    if plan.deterministic and device.type == "cuda":
        use_deterministic_algorithms()
    return device


def _set_up(run: Run, plan: Plan, device: str) -> None:
    """How a run that is being written keeps its checkpoints, and what they say of its device."""
    run.keep_last, run.keep_every, run.device = plan.keep, plan.keep_every, device


def set_threads(threads: int | None, recipe: AnyRecipe, game: str, was: object = None) -> None:
    """Give the network its threads: results are bit-identical only for equal numbers."""
    if threads is not None and threads < 1:
        raise ValueError("--threads must be 1 or more")
    spread = isinstance(recipe, Recipe) and isinstance(recipe.memory, Rollout) and recipe.memory.pace == "spread"
    beside = 1 if spread or is_desktop_game(game) else 0  # emulators, or a display and the games on it
    # One frame at a time is too little work to share: threads that wait for each other make it slower.
    usual = max(1, cores() - beside) if isinstance(recipe, Recipe) else 1
    torch.set_num_threads(threads or (was if isinstance(was, int) else usual))


def games_text(games: Games) -> str:
    """How many copies, under which rules, with which actions."""
    copies = f"{games.spec.games} copies" if games.spec.games > 1 else "1 copy"
    rules = scoring_text(games.spec.protocol) if games.spec.protocol else "its own rules"
    return f"{copies}\nprotocol {rules}\nactions  {' '.join(games.spec.actions)}"


def size_text(agent: DeepAgent | LinearAgent) -> str:
    """How many numbers are learnt."""
    if isinstance(agent, LinearAgent):
        return f"weights  {agent.code.features:,}, of which {agent.code.active} decide an action's value at a time"
    sizes = [parameter.numel() for parameter in agent.learner.network.parameters()]
    return f"network  {sum(sizes):,} parameters in {len(sizes)} tensors"


def _set_back(run: Run, loaded: Loaded) -> list[str]:
    """What it means that a damaged checkpoint is not used."""
    newest = max((manifest.frames for manifest in run.checkpoints()), default=0)
    if newest <= loaded.clock_frames:
        return []
    return [f"so the run goes back from {newest:,} to {loaded.clock_frames:,} frames and plays what came between again"]


def _changes(loaded: Loaded, device: str) -> list[str]:
    changed = fingerprint.differences(loaded.fingerprint, fingerprint.take(device))
    return [*changed, "so the run goes on, but not bit for bit as it would have"] if changed else []
