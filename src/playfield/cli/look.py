"""Commands that look at a run or a model file: evaluate, watch, video; at runs only: plot."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
import tyro
from torch import nn

from playfield.agent import Policy, RandomPolicy
from playfield.build import build_policy
from playfield.cli.counts import Switch
from playfield.cli.demos.film import Wanted, film_recording
from playfield.cli.machine import device_asked_for
from playfield.cli.models import Opened, game_spec, model_path, open_model
from playfield.cli.results import (
    EVALUATION_SEED,
    Evaluation,
    film_now,
    filmed,
    newest_evaluation,
    play_episode,
    plot_run,
    points,
    report,
    report_model,
    results_folder,
    write_film,
)
from playfield.cli.runs import Known, find_run, find_runs, free_file, known, new_file, state_of
from playfield.demonstrations import is_recording
from playfield.events import Tape
from playfield.games.atari import atari_names
from playfield.games.desktop.games import does_replay
from playfield.games.films import require_replay
from playfield.games.games import GameSpec
from playfield.games.make import is_game, nearest
from playfield.games.protocol import PROTOCOLS, AtariProtocol
from playfield.learner import load_weights
from playfield.recipes import RECIPES
from playfield.rng import Rng
from playfield.sinks.analytics_plots import analytics_figure, load_trace
from playfield.sinks.plots import PICTURES, load_curve, plot_runs, save_plot
from playfield.sinks.video import View
from playfield.storage.run import Loaded, NoCheckpoint, Run
from playfield.storage.tapes import Tapes
from playfield.study import slug
from playfield.types import Clock, Tree

Positional = tyro.conf.Positional
Who = Literal["agent", "random"]


def load_checkpoint(run: Run, checkpoint: str | None = None) -> Loaded:
    """A run's newest checkpoint to play from, the `best`, or the one named.

    Raises: NoCheckpoint; DamagedFile.
    """
    if checkpoint == "best":
        best = run.best()
        if best is None:
            raise NoCheckpoint(
                f"the run {run.name!r} has no best checkpoint yet: it is chosen by the mean score of episodes, "
                "and too few had ended when it was saved; leave --checkpoint out for the newest"
            )
        checkpoint = best.checkpoint
    try:
        loaded = run.load(checkpoint, to_play=True)
    except NoCheckpoint as error:
        if checkpoint is None:
            raise
        there = ", ".join(manifest.checkpoint for manifest in run.checkpoints()) or "none"
        raise NoCheckpoint(f"{error}; it has: {there}") from error
    for sentence in loaded.warnings:
        print(f"note: {sentence}", flush=True)
    if loaded.warnings:
        print(f"note: checkpoint {loaded.checkpoint} at {loaded.clock_frames:,} frames is what plays", flush=True)
    return loaded


def load_network(run: Run, network: nn.Module, checkpoint: str | None = None) -> Loaded:
    """Fill a network with a run's weights.

    Raises: ValueError where the weights are of another network; NoCheckpoint; DamagedFile.
    """
    loaded = load_checkpoint(run, checkpoint)
    with state_of(loaded):
        load_weights(network, saved_weights(loaded))
    return loaded


def saved_weights(loaded: Loaded) -> Tree:
    """What the agent had learnt."""
    agent = loaded.tree["agent"]
    return agent["learner"]["network"] if "learner" in agent else agent["weights"]


def trained(run: Run, checkpoint: str | None = None) -> tuple[Tree, Clock]:
    """What the run's agent has learnt, and the clock it was saved at."""
    loaded = load_checkpoint(run, checkpoint)
    with state_of(loaded):
        return saved_weights(loaded), Clock(**{name: int(value) for name, value in loaded.tree["clock"].items()})


def protocol_named(name: str | None, own: AtariProtocol, *games: str) -> AtariProtocol:
    """Other rules for the same eyes and hands, for such games; the own ones if no name is given.

    Raises: ValueError naming the protocols there are, or a game that has rules of its own.
    """
    if name is None:
        return own
    for game in games:
        if is_game(game) and game not in atari_names():
            raise ValueError(f"{game} has rules of its own; --protocol is for the games of the Atari emulator")
    if name not in PROTOCOLS:
        raise ValueError(f"there is no protocol {name!r}; choose one of: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name](frame_size=own.frame_size, crop=own.crop, actions=own.actions)


def same_actions(protocol: AtariProtocol, trained_under: AtariProtocol, names: tuple[str, ...]) -> AtariProtocol:
    """Other rules with exactly the actions that an agent was trained with, in their order."""
    if protocol == trained_under:
        return protocol
    full = trained_under.full_action_set or protocol.full_action_set
    return replace(protocol, full_action_set=full, actions=names)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Play whole games with a trained agent, without learning, and print the table of scores.

    Scores and the film of the best game go into the run's results, or next to the model file.
    """

    name: Positional[str]
    """The run's name, the path of its directory, or a model file."""
    episodes: int = 30
    """Whole games to play."""
    checkpoint: str | None = None
    """`best`, or the name of a checkpoint; by default the newest."""
    protocol: str | None = None
    """Atari rules other than the run's: nature or machado."""
    seed: int = EVALUATION_SEED
    """Of the games and the policy."""
    device: str = "cpu"
    """Where the network is, wherever it learnt: cpu, cuda or, of several graphics cards, cuda:1."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        device = device_asked_for(self.device)  # before anything is read: that takes a while
        if (path := model_path(self.name, self.runs)) is not None:
            return self._model(open_model(path), device)
        run = find_run(self.name, self.runs)
        of = known(run)
        own = of.recipe.protocol
        other = protocol_named(self.protocol, own, of.game)
        if other != own:
            other = same_actions(other, own, game_spec(of, own).actions)
        weights, clock = trained(run, self.checkpoint)
        report(run, of, weights, clock, self._evaluation(other, device))
        return 0

    def _model(self, opened: Opened, device: torch.device) -> int:
        if self.checkpoint is not None:
            raise ValueError(f"{opened.path} holds one set of weights; leave --checkpoint out")
        own = opened.of.recipe.protocol
        other = same_actions(protocol_named(self.protocol, own, opened.of.game), own, opened.spec.actions)
        report_model(opened, self._evaluation(other, device))
        return 0

    def _evaluation(self, protocol: AtariProtocol, device: torch.device) -> Evaluation:
        return Evaluation(episodes=self.episodes, seed=self.seed, protocol=protocol, device=device)


@dataclass(frozen=True, slots=True)
class _Player:
    """Somebody to look at: the agent of a run or a model file, or chance."""

    of: Known
    policy: Policy
    protocol: AtariProtocol


def _player(name: str, who: Who, root: Path, seed: int) -> _Player:
    """The agent of a run or a model file, or random play of its game or of the game itself."""
    if (path := model_path(name, root)) is not None:
        opened = open_model(path)
        policy = build_policy(opened.of.recipe, opened.spec, opened.network.state_dict(), Rng(seed))
        return _Player(opened.of, policy if who == "agent" else _chance(opened.spec, seed), opened.of.recipe.protocol)
    run = None if who == "random" and is_game(name) else _run_or_game(name, who, root)
    of = Known(RECIPES["dqn"], name, 0, {}) if run is None else known(run)
    spec = game_spec(of, of.recipe.protocol)
    if run is None or who == "random":
        return _Player(of, _chance(spec, seed), of.recipe.protocol)
    weights, _ = trained(run)
    return _Player(of, build_policy(of.recipe, spec, weights, Rng(seed)), of.recipe.protocol)


def _run_or_game(name: str, who: Who, root: Path) -> Run:
    """The run of that name.

    Raises: as `find_run`, and where chance plays naming the nearest games.
    """
    try:
        return find_run(name, root)
    except FileNotFoundError as error:
        if who == "agent":
            raise
        games = f"the nearest games are: {nearest(name)}"
        raise FileNotFoundError(f"{name!r} is neither a game nor a run; {games}") from error


def _chance(spec: GameSpec, seed: int) -> RandomPolicy:
    return RandomPolicy(len(spec.actions), Rng(seed).numpy("policy"))


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch whole games in a window: of a run's newest agent, of a model file, or of random play of any game.

    Escape or closing the window ends it, F1 pauses it.
    """

    name: Positional[str]
    """The run's name, the path of its directory, a model file, or, with --policy random, a game."""
    policy: Who = "agent"
    """Who plays."""
    view: View = "game"
    """The screen; the stack of frames the network sees, oldest left; or its oldest, middle and newest frame in red,
    green and blue, so that movement shows."""
    games: int | None = None
    """Games to watch; by default until the window is closed."""
    seed: int = 0
    """Of the games and the policy."""
    scale: int | None = None
    """Window pixels for each pixel of the game; by default 3, and 1 of a large picture."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        from playfield.sinks.window import Window

        window: Window | None = None
        for number in itertools.count() if self.games is None else range(self.games):
            player = _player(self.name, self.policy, self.runs, self.seed + number)  # anew: a run may be training on
            require_replay(player.of.game)
            window = window or Window(scale=self.scale)
            print(f"game {number + 1}: being played, then shown", flush=True)
            tape, score = play_episode(player.of, player.policy, self.seed + number, player.protocol)
            pictures, window.frames_per_second = filmed(player.of, tape, protocol=player.protocol, view=self.view)
            print(f"game {number + 1}: {points(score)}", flush=True)
            if not all(window.show(p, f"{self.name}: game {number + 1}, {points(score)}") for p in pictures):
                break
        if window is not None:
            window.close()
        return 0


@dataclass(frozen=True, slots=True)
class _Filmed:
    """One game to film, and what it is called."""

    of: Known
    tape: Tape
    protocol: AtariProtocol
    label: str


@dataclass(frozen=True, slots=True)
class Video:
    """Film one game: a run's best evaluated game or a training episode of it, a recorded one, or one played now.

    Played now is a game of a model file's agent (`evaluate` films its best of many), of random play, or of a desktop
    game that does not play again.
    """

    name: Positional[str]
    """The run's name, the path of its directory or of a recording's, a model file, or, with --policy random, a game."""
    policy: Who = "agent"
    """Who plays."""
    view: View = "game"
    """The screen; the stack of frames the network sees, oldest left; or its oldest, middle and newest frame in red,
    green and blue, so that movement shows."""
    episode: int | None = None
    """Number of a training episode or of a recorded one, instead of the best game."""
    out: Path | None = None
    """The MP4 to write, a new file; by default in the run's results, in the recording, or next to the model file."""
    seed: int = 0
    """Of a game played now."""
    scale: int | None = None
    """Film pixels for each pixel of the game; by default 1, and more for pictures that are low."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        if is_recording(Path(self.name)):
            wanted = Wanted(episode=self.episode, view=self.view, out=self.out, scale=self.scale)
            return film_recording(Path(self.name), wanted)
        model = model_path(self.name, self.runs)
        if self.policy == "random" or model is not None:
            return self._played_now(model)
        run = find_run(self.name, self.runs)
        of = known(run)
        if self.episode is None and not does_replay(of.game):
            player = _player(self.name, self.policy, self.runs, self.seed)
            return self._filmed_now(player, new_file(self.out, results_folder(run) / f"game_{self.seed}.mp4", ".mp4"))
        tape, label = self._taped(run)
        stem = f"episode_{self.episode}" if self.episode is not None else "best_game"
        path = new_file(self.out, results_folder(run) / f"{stem}{self._seen}.mp4", ".mp4")
        return self._filmed(_Filmed(of, tape, of.recipe.protocol, label), path)

    @property
    def _seen(self) -> str:
        return "" if self.view == "game" else f"_{self.view}"

    def _played_now(self, model: Path | None) -> int:
        if model is not None and self.episode is not None:
            raise ValueError(f"{model} has no training episodes; leave --episode out")
        player = _player(self.name, self.policy, self.runs, self.seed)
        usual = Path(f"random_{slug(player.of.game)}{self._seen}.mp4")
        if model is not None and self.policy == "agent":
            usual = model.with_name(f"{model.stem}.game_{self.seed}{self._seen}.mp4")
        path = new_file(self.out, free_file(usual), ".mp4")
        if not does_replay(player.of.game):
            return self._filmed_now(player, path)
        tape, score = play_episode(player.of, player.policy, self.seed, player.protocol)
        label = f"{'random play' if self.policy == 'random' else f'seed {self.seed}'}, {points(score)}"
        return self._filmed(_Filmed(player.of, tape, player.protocol, label), path)

    def _filmed_now(self, player: _Player, path: Path) -> int:
        """A game that does not play again is filmed while it is played."""
        if self.view != "game":
            require_replay(player.of.game)
        score, count = film_now(path, player.of, player.policy, self.seed, self.scale)
        print(f"film     {path}: played now, {points(score)}, {count:,} pictures")
        return 0

    def _filmed(self, made: _Filmed, path: Path) -> int:
        count = write_film(path, made.of, made.tape, protocol=made.protocol, view=self.view, scale=self.scale)
        print(f"film     {path}: {made.label}, {count:,} pictures")
        return 0

    def _taped(self, run: Run) -> tuple[Tape, str]:
        if self.episode is not None:
            recorded = Tapes(run.path / "tapes.log").episode(self.episode)
            tape = Tape(seed=recorded.seed, actions=recorded.actions)
            return tape, f"training episode {self.episode}, {points(recorded.score)}"
        evaluated = newest_evaluation(run)
        if evaluated is None:
            raise ValueError(
                f"{run.name} was not evaluated yet: `playfield evaluate {run.name}` does it and films the best game; "
                "or choose a training episode with --episode"
            )
        return evaluated.best, f"best of {len(evaluated.scores)} evaluated games, {points(max(evaluated.scores))}"


@dataclass(frozen=True, slots=True)
class Plot:
    """Draw the learning curve of a run, or of several in one picture; or what one run's agent did, with --actions."""

    names: Positional[tuple[str, ...]]
    """Names or paths of runs."""
    out: Path | None = None
    """The PNG or SVG to write, a new file; by default in the run's results, or learning_curves.png for several."""
    actions: Switch = 0
    """Instead of the learning curve: shares of the actions, expected values and rewards within episodes of one run
    that was trained with --analytics."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        found = find_runs(self.names, self.runs)
        if self.actions:
            if len(found) > 1:
                raise ValueError("--actions draws one run at a time; name one")
            return self._actions(found[0])
        if len(found) == 1 and self.out is None:
            print(f"curve    {plot_run(found[0])}")
            return 0
        path = new_file(self.out, free_file(Path("learning_curves.png")), *PICTURES)
        save_plot(plot_runs([load_curve(run.path) for run in found]), path)
        print(f"curves   {path}")
        return 0

    def _actions(self, run: Run) -> int:
        of = known(run)
        trace = load_trace(run.path)  # before a folder is made for its picture
        path = new_file(self.out, results_folder(run) / "actions.png", *PICTURES)
        save_plot(analytics_figure(trace, f"{of.game}, {of.recipe.name}, seed {of.seed}"), path)
        print(f"actions  {path}")
        return 0
