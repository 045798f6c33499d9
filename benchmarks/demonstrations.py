"""Ten minutes of recorded play, and the same agent with and without them.

    .venv/bin/python benchmarks/demonstrations.py refgame --folder shown
    .venv/bin/python benchmarks/demonstrations.py pong --folder shown

A script that sees the agent's own frames (`scripted.py`) plays ten minutes of the game's time, which are recorded as
`playfield record` does. A small `dqfd` then learns from them and plays on; beside it learns the same agent without
demonstrations: no updates before the first action, and its own exploration, which falls from chance. Both play equally
many frames of their own. Whole games of the greedy policy are scored, raw: of the first agent also before it played.

Everything but the wall time is decided by the seeds. A training that is already in the folder is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from playfield.agent import DeepAgent
from playfield.build import build_policy, build_session
from playfield.demonstrations import About, DemonstrationWriter, Recording, demonstrations, read_recording
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import Evaluated
from playfield.explore import EpsilonGreedy
from playfield.games.make import make_games
from playfield.games.protocol import nature
from playfield.imitation import Imitation
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Conv, Draws, Dueling
from playfield.optimizers import Adam
from playfield.recipes import RECIPES, Recipe
from playfield.rng import Rng
from playfield.schedules import Linear
from playfield.score.statistics import stratified_bootstrap
from playfield.session import Session
from playfield.storage import fingerprint
from scripted import BACKGROUND, PongScript, RefgameScript, Script

MINUTES = 10.0
SCRIPT_SEED, EVALUATION_SEED = 7, 1_000_003
BEGIN, WITH, WITHOUT = "with, before it played", "with", "without"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What is compared on one game."""

    script: Script
    recipe: Recipe
    """Of the agent with demonstrations; `frames` are those that both play themselves."""
    games: int
    """Whole games of an evaluation."""
    epsilons: tuple[float, ...]
    """Chances of a random action in evaluations; of 0 too, where a game without chance repeats what was shown."""
    exploring_frames: int
    """Emulator frames in which the agent without demonstrations goes from chance to the other's epsilon."""
    observing_frames: int
    """Emulator frames that it plays by chance before it learns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What an agent scored, and what that took."""

    who: str
    seed: int
    epsilon: float
    scores: list[float]
    updates: int
    minutes: float
    """Of wall time, training only, from the beginning."""


class Centred(nn.Module):
    """Pixels in [0, 1] to numbers that are 0 in Pong's empty court, and of the size of 1 where the ball is."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return (x - BACKGROUND / 255.0) * 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Court(Conv):
    """Convolutions over pixels that were centred first.

    Without, a ball of two grey pixels is so little beside the court that imitation stays with the commonest action.
    """

    def build(self, shape: tuple[int, ...], draws: Draws) -> tuple[nn.Module, int]:
        torso, features = Conv.build(self, shape, draws)
        pixels, *layers = torso.children()
        return nn.Sequential(pixels, Centred(), *layers), features


def small(**changes: object) -> Recipe:
    """DQfD at a size for one CPU thread."""
    return RECIPES["dqfd"].but(head=Dueling(hidden=128), **changes)


def memory(**changes: object) -> Replay:
    """That of DQfD, with other numbers."""
    spec = RECIPES["dqfd"].memory
    assert isinstance(spec, Replay)
    return replace(spec, **changes)


def contests() -> dict[str, Contest]:
    """Both games, at sizes for one CPU thread."""
    refgame = small(
        name="dqfd_refgame",
        games=2,
        torso=Conv(layers=((16, 4, 2), (32, 3, 2))),
        memory=memory(capacity=20_000, every_frames=2, n_step=1, discount=0.95, stack=2),
        optimizer=Adam(lr=1e-3, eps=1e-8),
        target=Copy(every_frames=400),
        imitation=Imitation(pretrain_updates=1_000, n_step=4),
        frames=2_000,
    )
    pong = small(
        name="dqfd_pong",
        games=4,
        protocol=nature(frame_size=(42, 42), actions=("NOOP", "RIGHT", "LEFT"), max_frames=18_000),
        torso=Court(layers=((16, 6, 3), (32, 3, 2), (32, 3, 1))),
        memory=memory(capacity=100_000, every_frames=16),
        optimizer=Adam(lr=1e-3, eps=1e-5),
        target=Copy(every_frames=8_000),
        imitation=Imitation(pretrain_updates=4_000),
        frames=40_000,
    )
    return {
        "refgame": Contest(
            script=RefgameScript(),
            recipe=refgame,
            games=20,
            epsilons=(0.0,),
            exploring_frames=500,
            observing_frames=100,
        ),
        "pong": Contest(
            script=PongScript(),
            recipe=pong,
            games=10,
            epsilons=(0.0, 0.01),
            exploring_frames=10_000,
            observing_frames=2_000,
        ),
    }


def without(contest: Contest) -> Recipe:
    """The same agent for which there is nothing to learn from before it plays, and which has to explore."""
    recipe, spec = contest.recipe, contest.recipe.memory
    assert recipe.imitation is not None
    assert isinstance(spec, Replay)
    return recipe.but(
        name=f"{recipe.name}_alone",
        imitation=replace(recipe.imitation, pretrain_updates=0),
        memory=replace(spec, start_frames=contest.observing_frames),
        explore=EpsilonGreedy(Linear(1.0, 0.01, over_frames=contest.exploring_frames)),
    )


def record(game: str, contest: Contest, folder: Path) -> Recording:
    """Ten minutes of the script; those that are there already are read."""
    if not folder.exists():
        games = make_games(game, contest.recipe.protocol, 1, 1)
        writer = DemonstrationWriter(folder, About.of(games.spec, "agent", "script", fingerprint.take()))
        step = games.begin(Rng(SCRIPT_SEED).numpy("episodes"))
        writer.begin(step)
        while writer.frames < MINUTES * 60.0 * games.spec.frames_per_second:
            if step.first[0]:
                contest.script.begin()
            action = contest.script.act(step.frame[0])
            games.send(np.array([action]))
            step = games.recv()
            writer.add(action, step)
        writer.close()
        games.close()
    return read_recording(folder)


def evaluated(recipe: Recipe, game: str, session: Session[DeepAgent], contest: Contest) -> list[float]:
    """Raw scores of whole games, greedy but for the recipe's `eval_epsilon`."""
    games = make_games(game, recipe.protocol, 10 if game == "pong" else 4, 1)
    policy = build_policy(recipe, games.spec, session.agent.weights(), Rng(EVALUATION_SEED))
    plan = EvaluationPlan(episodes=contest.games, seed=EVALUATION_SEED, policy_name="greedy", clock=session.clock)
    told = [event for event in evaluate(policy, games, plan) if isinstance(event, Evaluated)]
    games.close()
    return list(told[0].scores)


def trained(game: str, contest: Contest, seed: int, recording: Recording | None) -> list[Scored]:
    """One training, scored at its end, and where it has demonstrations before its first action too."""
    recipe = without(contest) if recording is None else contest.recipe
    shown = None
    if recording is not None:
        alone = make_games(game, recipe.protocol, 1, 1)
        shown = demonstrations(recording, alone, recipe.memory.stack)
        alone.close()
    games = make_games(game, recipe.protocol, recipe.games, 1)
    session = build_session(recipe, games, seed, shown=shown)
    found: list[Scored] = []
    spent, began = 0.0, time.perf_counter()

    def score(who: str) -> None:
        nonlocal spent, began
        spent += (time.perf_counter() - began) / 60.0
        updates = session.agent.updates
        for epsilon in contest.epsilons:
            scores = evaluated(recipe.but(eval_epsilon=epsilon), game, session, contest)
            print(f"{game} seed {seed} {who}, epsilon {epsilon}: {scores}, {spent:.1f} min", flush=True)
            found.append(Scored(who=who, seed=seed, epsilon=epsilon, scores=scores, updates=updates, minutes=spent))
        began = time.perf_counter()

    pretraining = session.pretraining
    for _ in session.play(recipe.frames):
        if pretraining and not session.pretraining:
            pretraining = False
            score(BEGIN)
    score(WITHOUT if recording is None else WITH)
    games.close()
    return found


def table(found: list[Scored], contest: Contest) -> str:
    """Mean and interval of every agent: games are resampled within each seed."""
    lines = [
        "| agent | frames of own play | updates | epsilon | mean | 95 % interval | seeds | minutes |",
        "|---|---:|---:|---:|---:|---|---|---:|",
    ]
    for who, epsilon in product((BEGIN, WITH, WITHOUT), contest.epsilons):
        of = [scored for scored in found if (scored.who, scored.epsilon) == (who, epsilon)]
        if not of:
            continue
        strata = [scored.scores for scored in of]
        between = stratified_bootstrap(strata, lambda x: np.mean(x, axis=-1), np.random.default_rng(0))
        seeds = ", ".join(f"{scored.seed}: {np.mean(scored.scores):.2f}" for scored in of)
        minutes = ", ".join(f"{scored.minutes:.1f}" for scored in of)
        frames = 0 if who == BEGIN else contest.recipe.frames
        lines.append(
            f"| {who} | {frames:,} | {of[0].updates:,} | {epsilon} | {np.mean(strata):.2f} | "
            f"{between.low:.2f} to {between.high:.2f} | {seeds} | {minutes} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Record, train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", choices=sorted(contests()))
    parser.add_argument(
        "--folder", type=Path, default=Path("shown"), help="where the recording and all scores are kept"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    contest = contests()[asked.game]
    asked.folder.mkdir(parents=True, exist_ok=True)
    recording = record(asked.game, contest, asked.folder / f"{asked.game}-script")
    scores = [episode.score for episode in recording.episodes]
    print(f"recorded {recording.frames:,} frames, {len(scores)} episodes, mean score {np.mean(scores):.2f}", flush=True)
    found: list[Scored] = []
    for seed in asked.seeds:
        for shown in (recording, None):
            kept = asked.folder / f"{asked.game}-{seed}-{'without' if shown is None else 'with'}.json"
            if not kept.exists():
                made = [asdict(scored) for scored in trained(asked.game, contest, seed, shown)]
                kept.write_text(json.dumps(made, indent=2))
            found += [Scored(**plain) for plain in json.loads(kept.read_text())]
    print(table(found, contest))


if __name__ == "__main__":
    main()
