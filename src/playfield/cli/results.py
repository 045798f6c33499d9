"""What comes of a trained agent: evaluations, plots and films, in a run's `results` or next to a model file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from playfield.agent import Policy, nothing_decided
from playfield.build import build_policy
from playfield.cli.models import Opened, game_spec
from playfield.cli.runs import Known
from playfield.device import HOST
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import Evaluated, Tape
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.games import copies_side_by_side, desktop_games, game_file
from playfield.games.films import NoFilm, require_replay
from playfield.games.gymnasium_games import MissingPackage
from playfield.games.protocol import AtariProtocol
from playfield.games.supervised import supervised_games
from playfield.games.supervised_films import supervised_film
from playfield.linear.policies import Softmax
from playfield.memory.rows import RowRing, RowShape
from playfield.recipes import AnyRecipe, LinearRecipe
from playfield.rng import Rng
from playfield.score import evaluation_table
from playfield.sinks.evaluations import add_evaluation, read_evaluations
from playfield.sinks.plots import learning_curve, load_curve, save_plot
from playfield.sinks.progress import Limits, Progress, duration, print_evaluation
from playfield.sinks.video import View, at_true_speed, enlarge, game_view, motion_view, net_view, write_video
from playfield.storage.run import Run
from playfield.types import Array, Clock, Tree

MOST_COPIES = 10
"""Games that an evaluation plays side by side."""
EVALUATIONS = "evaluations.jsonl"
EVALUATION_SEED = 1_000_003
"""Evaluations start from seeds that no training run of a small seed draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a policy is to be evaluated."""

    episodes: int = 30
    seed: int = EVALUATION_SEED
    protocol: AtariProtocol | None = None
    """Other rules than the recipe's."""
    device: torch.device = HOST
    """Where the network is."""

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError("--episodes must be 1 or more")


def scores_text(scores: Sequence[float], episodes: int) -> str:
    """The scores of whole games in words, and how many of those episodes have none since their game was lost."""
    lost = episodes - len(scores)
    if not scores:
        return f"none, since all {lost:,} games were lost"
    without = f"; {lost:,} lost games have none" if lost else ""
    return f"{sum(scores) / len(scores):.2f} on average, {min(scores):g} to {max(scores):g}{without}"


def results_folder(run: Run) -> Path:
    """The run's `results` folder, which is made if need be."""
    folder = run.path / "results"
    folder.mkdir(exist_ok=True)
    return folder


def evaluate_weights(of: Known, weights: Tree, clock: Clock, evaluation: Evaluation) -> Evaluated:
    """Play whole games with an agent's weights and show how they go."""
    recipe = of.recipe
    protocol = evaluation.protocol or recipe.protocol
    games = supervised_games(of.game, protocol, copies_side_by_side(of.game, min(evaluation.episodes, MOST_COPIES)))
    plan = EvaluationPlan(
        episodes=evaluation.episodes,
        seed=evaluation.seed,
        policy_name=policy_name(recipe),
        clock=clock,
    )
    if not games.spec.waits:
        print(f"note: {most_time(game_file(of.game), evaluation.episodes)}", file=sys.stderr, flush=True)
    with closing(games):
        policy = build_policy(recipe, games.spec, weights, Rng(evaluation.seed), device=evaluation.device)
        with closing(Progress(Limits(episodes=evaluation.episodes))) as display:
            for event in evaluate(policy, games, plan):
                display(event)
                if isinstance(event, Evaluated):
                    return event
    raise AssertionError("an evaluation ends with Evaluated")


def most_time(file: GameFile, episodes: int) -> str:
    """How long an evaluation may take of a desktop game that keeps its own time: a sentence."""
    seconds = episodes * file.most_steps * file.timing.step_ms / 1000.0
    return (
        f"{typed_name(file)} is played in real time: {episodes:,} games take {duration(seconds)} at most, if each "
        f"lasts its {file.most_steps:,} steps; --episodes says how many"
    )


def policy_name(recipe: AnyRecipe) -> str:
    """How the recipe plays in evaluations."""
    if isinstance(recipe, LinearRecipe) and isinstance(recipe.eval_policy, Softmax):
        return f"softmax, temperature {recipe.eval_policy.temperature:g}"
    return f"greedy, epsilon {recipe.eval_epsilon:g}"


def report(run: Run, of: Known, weights: Tree, clock: Clock, evaluation: Evaluation) -> Evaluated:
    """Evaluate, print the table, plot the run and film its best game."""
    evaluated = evaluate_weights(of, weights, clock, evaluation)
    print_evaluation(evaluation_table(evaluated, np.random.default_rng(evaluation.seed)))
    add_evaluation(results_folder(run) / EVALUATIONS, evaluated)
    print(f"curve    {plot_run(run)}", flush=True)
    film_best(results_folder(run) / film_name(of, evaluation), of, evaluated, evaluation)
    print(f"run      {run.path}", flush=True)
    return evaluated


def report_model(opened: Opened, evaluation: Evaluation) -> None:
    """Evaluate a model file, print the table, and put scores and the film of its best game next to it."""
    evaluated = evaluate_weights(opened.of, opened.network.state_dict(), opened.clock, evaluation)
    print_evaluation(evaluation_table(evaluated, np.random.default_rng(evaluation.seed)))
    path = opened.beside(EVALUATIONS)
    add_evaluation(path, evaluated)
    print(f"scores   {path}", flush=True)
    film_best(opened.beside(film_name(opened.of, evaluation)), opened.of, evaluated, evaluation)


def points(score: float) -> str:
    """A score with its unit: `1 point`, `-2.5 points`."""
    return f"{score:g} point{'' if abs(score) == 1 else 's'}"


def film_best(path: Path, of: Known, evaluated: Evaluated, evaluation: Evaluation) -> None:
    """Film the best of the evaluated games."""
    try:
        write_film(path, of, evaluated.best, protocol=evaluation.protocol or of.recipe.protocol)
        print(f"film     {path}, the best game: {points(max(evaluated.scores))}", flush=True)
    except (MissingPackage, NoFilm) as error:  # training and evaluation are done and stored; only the film is not
        print(f"film     not made: {error}")


def plot_run(run: Run) -> Path:
    """Draw the run's learning curve into its results."""
    path = results_folder(run) / "learning_curve.png"
    save_plot(learning_curve(load_curve(run.path)), path)
    return path


def film_name(of: Known, evaluation: Evaluation) -> str:
    """`best_game.mp4`, with the protocol's name where it is not the one trained under."""
    other = evaluation.protocol is not None and evaluation.protocol != of.recipe.protocol
    return f"best_game_{evaluation.protocol.name}.mp4" if other and evaluation.protocol else "best_game.mp4"


def newest_evaluation(run: Run) -> Evaluated | None:
    """The evaluation under the run's own protocol that was made last, if there is one."""
    evaluations = read_evaluations(run.path / "results" / EVALUATIONS)
    own = [e for e in evaluations if e.protocol == run.about.protocol]
    return own[-1] if own else None


def write_film(
    path: Path, of: Known, tape: Tape, *, protocol: AtariProtocol, view: View = "game", scale: int | None = None
) -> int:
    """Film one episode from its tape; the answer is the number of pictures."""
    pictures, frames_per_second = filmed(of, tape, protocol=protocol, view=view)
    return write_video(path, pictures, frames_per_second, scale=scale)


def filmed(
    of: Known, tape: Tape, *, protocol: AtariProtocol, view: View
) -> tuple[Iterator[UInt8[Array, "h w 3"]], float]:
    """The pictures of one episode, and how many make a second.

    Raises: NoFilm where the game does not play again.
    """
    require_replay(of.game)
    if view == "game":
        made = supervised_film(of.game, protocol, tape)
        return (game_view(picture) for picture in made), made.frames_per_second
    spec = game_spec(of, protocol)
    rate = spec.frames_per_second / spec.frames_per_action
    draw = net_view if view == "net" else motion_view
    return (enlarge(draw(stack), 3) for stack in stacks(of, tape, protocol)), rate


def film_now(path: Path, of: Known, policy: Policy, seed: int, scale: int | None = None) -> tuple[float, int]:
    """Play one whole desktop game and film it meanwhile: its score and the number of pictures.

    Where the game does not wait, steps that come late are shown longer.
    """
    games = desktop_games(of.game, 1)
    game, score = games.solos[0], 0.0
    assert isinstance(game, DesktopGame)

    def pictures() -> Iterator[UInt8[Array, "h w 3"]]:
        nonlocal score
        step = games.begin(Rng(seed).numpy("evaluation episodes"))
        yield game.seen
        while not step.last[0]:
            games.send(policy.act(step).action)
            step = games.recv()
            score += float(step.reward[0])
            yield game.seen

    try:
        rate = games.spec.frames_per_second
        shown = pictures() if games.spec.waits else at_true_speed(pictures(), rate)
        count = write_video(path, shown, rate, scale=scale)
    finally:
        games.close()
    return score, count


def stacks(of: Known, tape: Tape, protocol: AtariProtocol) -> Iterator[UInt8[Array, "K H W"]]:
    """What a network sees at every decision of an episode.

    Raises: ValueError where the game shows numbers, not pictures; NoFilm, Lost where it is lost meanwhile.
    """
    games = supervised_games(of.game, protocol, 1, threads=1)
    spec, stack = games.spec, 1 if of.recipe.memory is None else of.recipe.memory.stack
    try:
        if len(spec.frame_shape) != 3 or spec.frame_shape[2] != 1:
            raise ValueError(f"{of.game} does not show grey pictures to its agent; use --view game")
        shape = RowShape(size=stack, games=1, frame_shape=spec.frame_shape, frame_dtype=spec.frame_dtype, stack=stack)
        ring = RowRing(shape)
        step = games.resume(np.random.default_rng(0), [Tape(seed=tape.seed, actions=b"")])
        ring.add(step, nothing_decided(1))
        yield ring.newest_obs()[0].numpy()
        for action in tape.actions:
            games.send(np.array([action]))
            step = games.recv()
            if step.lost:
                raise NoFilm(f"{of.game} was lost while its film was made: {step.lost[0]}")
            ring.add(step, nothing_decided(1))
            yield ring.newest_obs()[0].numpy()
    finally:
        games.close()


def play_episode(of: Known, policy: Policy, seed: int, protocol: AtariProtocol) -> tuple[Tape, float]:
    """One whole game by a policy: its tape and its score."""
    games = supervised_games(of.game, protocol, 1, threads=1)
    plan = EvaluationPlan(episodes=1, seed=seed, policy_name="any", clock=Clock())
    try:
        events = list(evaluate(policy, games, plan))
    finally:
        games.close()
    evaluated = events[-1]
    assert isinstance(evaluated, Evaluated)
    return evaluated.best, evaluated.scores[0]
