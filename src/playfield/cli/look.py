"""Commands that look at a run: evaluate, watch, video, plot, compare."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from torch import nn

from playfield.agent import Policy, RandomPolicy
from playfield.build import build_network, build_policy
from playfield.cli.results import (
    EVALUATION_SEED,
    Evaluation,
    filmed,
    newest_evaluation,
    play_episode,
    plot_run,
    report,
    results_folder,
    write_film,
)
from playfield.cli.runs import Known, find_run, known, recipe_label
from playfield.events import Evaluated, Tape
from playfield.games.games import GameSpec
from playfield.games.make import is_game, make_games
from playfield.games.protocol import PROTOCOLS, AtariProtocol
from playfield.learner import load_weights
from playfield.recipes import RECIPES
from playfield.rng import Rng
from playfield.score import human_normalised, iqm, scoring_text, stratified_bootstrap
from playfield.sinks.plots import load_curve, plot_runs, save_plot
from playfield.sinks.video import View
from playfield.storage.run import Loaded, NoCheckpoint, Run
from playfield.storage.tapes import Tapes
from playfield.types import Clock

Positional = tyro.conf.Positional
Who = Literal["agent", "random"]


def load_network(run: Run, network: nn.Module, checkpoint: str | None = None) -> Loaded:
    """Fill a network with a run's weights: of the newest checkpoint, of the `best`, or of the one named.

    Raises: ValueError where the weights are of another network; NoCheckpoint; DamagedFile.
    """
    if checkpoint == "best":
        best = run.best()
        if best is None:
            raise NoCheckpoint(
                f"the run {run.name!r} has no best checkpoint yet: it is chosen by the mean score of episodes, "
                "and too few had ended when it was saved; leave --checkpoint out for the newest"
            )
        checkpoint = best.checkpoint
    loaded = run.load(checkpoint)
    for sentence in loaded.warnings:
        print(f"note: {sentence}", flush=True)
    if loaded.warnings:
        print(f"note: checkpoint {loaded.checkpoint} at {loaded.clock_frames:,} frames is what plays", flush=True)
    load_weights(network, loaded.tree["agent"]["learner"]["network"])
    return loaded


def game_spec(of: Known, protocol: AtariProtocol) -> GameSpec:
    """What the game is, without keeping it open."""
    games = make_games(of.game, protocol, 1, threads=1)
    games.close()
    return games.spec


def trained(run: Run, of: Known, checkpoint: str | None = None) -> tuple[nn.Module, Clock]:
    """The run's network with its weights, and the clock it was saved at."""
    network = build_network(of.recipe, game_spec(of, of.recipe.protocol), Rng(0).torch("weights"))
    loaded = load_network(run, network, checkpoint)
    return network, Clock(**{name: int(value) for name, value in loaded.tree["clock"].items()})


def protocol_named(name: str | None, own: AtariProtocol) -> AtariProtocol:
    """Other rules for the same eyes and hands; the own ones if no name is given.

    Raises: ValueError naming the protocols there are.
    """
    if name is None:
        return own
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
    """Play whole games with a run's agent, without learning, and print the table of scores."""

    name: Positional[str]
    """The run's name, or the path of its directory."""
    episodes: int = 30
    """Whole games to play."""
    checkpoint: str | None = None
    """`best`, or the name of a checkpoint; by default the newest."""
    protocol: str | None = None
    """Atari rules other than the run's: nature or machado."""
    seed: int = EVALUATION_SEED
    """Of the games and the policy."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        run = find_run(self.name, self.runs)
        of = known(run)
        own = of.recipe.protocol
        other = same_actions(protocol_named(self.protocol, own), own, game_spec(of, own).actions)
        network, clock = trained(run, of, self.checkpoint)
        report(run, of, network, clock, Evaluation(episodes=self.episodes, seed=self.seed, protocol=other))
        return 0


@dataclass(frozen=True, slots=True)
class _Player:
    """Somebody to look at: a run's agent, or chance."""

    of: Known
    run: Run | None
    policy: Policy
    protocol: AtariProtocol


def _player(name: str, who: Who, root: Path, seed: int) -> _Player:
    """The run's agent, or random play of a run's game or of the game itself."""
    run = None if who == "random" and is_game(name) else find_run(name, root)
    of = Known(RECIPES["dqn"], name, 0, {}) if run is None else known(run)
    spec = game_spec(of, of.recipe.protocol)
    if run is None or who == "random":
        return _Player(of, run, RandomPolicy(len(spec.actions), Rng(seed).numpy("policy")), of.recipe.protocol)
    network, _ = trained(run, of)
    return _Player(of, run, build_policy(of.recipe, spec, network, Rng(seed)), of.recipe.protocol)


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch whole games in a window: of a run's newest agent, or of random play of any game."""

    name: Positional[str]
    """The run's name, the path of its directory, or, with --policy random, a game."""
    policy: Who = "agent"
    """Who plays."""
    view: View = "game"
    """The screen, the stack of frames the network sees, or the stack as colours so that movement shows."""
    games: int | None = None
    """Games to watch; by default until the window is closed."""
    seed: int = 0
    """Of the games and the policy."""
    scale: int = 3
    """Window pixels for each pixel of the game."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        from playfield.sinks.window import Window

        window: Window | None = None
        for number in itertools.count() if self.games is None else range(self.games):
            player = _player(self.name, self.policy, self.runs, self.seed + number)  # anew: a run may be training on
            window = window or Window(scale=self.scale)
            print(f"game {number + 1}: being played, then shown", flush=True)
            tape, score = play_episode(player.of, player.policy, self.seed + number, player.protocol)
            pictures, window.frames_per_second = filmed(player.of, tape, protocol=player.protocol, view=self.view)
            print(f"game {number + 1}: {score:g} points", flush=True)
            if not all(window.show(p, f"{self.name}: game {number + 1}, {score:g} points") for p in pictures):
                break
        if window is not None:
            window.close()
        return 0


@dataclass(frozen=True, slots=True)
class Video:
    """Film one game: of a run's best evaluated game, of a training episode, or of random play of any game."""

    name: Positional[str]
    """The run's name, the path of its directory, or, with --policy random, a game."""
    policy: Who = "agent"
    """Who plays."""
    view: View = "game"
    """The screen, the stack of frames the network sees, or the stack as colours so that movement shows."""
    episode: int | None = None
    """Number of a training episode, instead of the best evaluated game."""
    out: Path | None = None
    """The MP4 to write; by default in the run's results."""
    seed: int = 0
    """Of random play."""
    scale: int = 1
    """Film pixels for each pixel of the game."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        if self.policy == "agent":
            run = find_run(self.name, self.runs)
            of, protocol = known(run), known(run).recipe.protocol
            tape, label = self._taped(run)
            folder = results_folder(run)
        else:
            player = _player(self.name, self.policy, self.runs, self.seed)
            of, protocol, folder = player.of, player.protocol, Path()
            tape, score = play_episode(of, player.policy, self.seed, protocol)
            label = f"random play, {score:g} points"
        stem = f"episode_{self.episode}" if self.episode is not None else "best_game"
        name = f"{stem if self.policy == 'agent' else 'random_' + of.game.replace(':', '-').replace('/', '-')}"
        path = self.out or folder / f"{name}{'' if self.view == 'game' else '_' + self.view}.mp4"
        count = write_film(path, of, tape, protocol=protocol, view=self.view, scale=self.scale)
        print(f"film     {path}: {label}, {count:,} pictures")
        return 0

    def _taped(self, run: Run) -> tuple[Tape, str]:
        if self.episode is not None:
            recorded = Tapes(run.path / "tapes.log").episode(self.episode)
            tape = Tape(seed=recorded.seed, actions=recorded.actions)
            return tape, f"training episode {self.episode}, {recorded.score:g} points"
        evaluated = newest_evaluation(run)
        if evaluated is None:
            raise ValueError(
                f"{run.name} was not evaluated yet: `playfield evaluate {run.name}` does it and films the best game; "
                "or choose a training episode with --episode"
            )
        return evaluated.best, f"best of {len(evaluated.scores)} evaluated games, {max(evaluated.scores):g} points"


@dataclass(frozen=True, slots=True)
class Plot:
    """Draw the learning curve of a run, or of several in one picture."""

    names: Positional[tuple[str, ...]]
    """Names or paths of runs."""
    out: Path | None = None
    """The PNG to write; by default in the run's results, or learning_curves.png for several."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        found = [find_run(name, self.runs) for name in self.names]
        if not found:
            raise ValueError("name at least one run; `playfield runs` lists them")
        if len(found) == 1 and self.out is None:
            print(f"curve    {plot_run(found[0])}")
            return 0
        path = self.out or Path("learning_curves.png")
        save_plot(plot_runs([load_curve(run.path) for run in found]), path)
        print(f"curves   {path}")
        return 0


@dataclass(frozen=True, slots=True)
class Compare:
    """Set the newest evaluations of runs side by side; runs of the same recipe and game are taken together."""

    names: Positional[tuple[str, ...]]
    """Names or paths of runs."""
    runs: Path = Path("runs")
    """Folder of the runs."""

    def run(self) -> int:
        found = [find_run(name, self.runs) for name in self.names]
        if not found:
            raise ValueError("name at least one run; `playfield runs` lists them")
        groups: dict[tuple[str, str], dict[str, list[Evaluated]]] = {}
        for run in found:
            evaluated = newest_evaluation(run)
            if evaluated is None:
                print(f"note: {run.name} was not evaluated yet; `playfield evaluate {run.name}` does it")
                continue
            key = (evaluated.game, scoring_text(evaluated.protocol))
            groups.setdefault(key, {}).setdefault(recipe_label(known(run).recipe), []).append(evaluated)
        if not groups:
            raise ValueError("none of these runs was evaluated yet, so there is nothing to compare")
        for (game, protocol), recipes in sorted(groups.items()):
            Console().print(_comparison(game, protocol, recipes))
        return 0


def _comparison(game: str, protocol: str, recipes: dict[str, list[Evaluated]]) -> Table:
    """One game under one protocol: scores under different rules never stand in one table."""
    table = Table(title=f"{game}\n{protocol}", title_justify="left", title_style="")
    table.add_column("recipe", overflow="fold")
    for column in ("runs", "games", "frames", "mean", "IQM, 95 % interval", "human"):
        table.add_column(column, justify="right")
    for recipe, evaluations in sorted(recipes.items()):
        scores = [e.scores for e in evaluations]
        every = np.concatenate([np.asarray(s) for s in scores])
        interval = stratified_bootstrap(scores, iqm, np.random.default_rng(0))
        frames = sorted({e.clock.frames for e in evaluations})
        table.add_row(
            recipe,
            str(len(scores)),
            str(len(every)),
            " to ".join(f"{f / 1e6:.3g}M" for f in dict.fromkeys((frames[0], frames[-1]))),
            f"{every.mean():,.2f}",
            f"{float(iqm(every)):,.2f} ({interval.low:,.2f} to {interval.high:,.2f})",
            _normalised(game, float(every.mean())),
        )
    return table


def _normalised(game: str, score: float) -> str:
    try:
        return f"{human_normalised(game, score):.1%}"
    except ValueError:
        return "-"
