"""Learnt features against fixed ones, by the same linear learners on the same game: prediction, then control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from playfield.agent import Policy, RandomPolicy
from playfield.evaluate import EvaluationPlan, evaluate
from playfield.events import EpisodeEnded, Evaluated
from playfield.features.frames import Recording, Split, pixel_games, returns
from playfield.features.grid import Grid
from playfield.games.protocol import AtariProtocol
from playfield.linear.agent import Diverged, LinearAgent, LinearPolicy, Parts
from playfield.linear.compiled import compiled_anew
from playfield.linear.encoders import EncoderSpec, OneHot, TileCoding
from playfield.linear.index_table import copy_of
from playfield.linear.learners import LIMIT, LearnerSpec, Seen, Transition, TrueOnlineSarsaLambda
from playfield.linear.play import Player, look, ready, unseen
from playfield.linear.policies import EpsilonGreedy
from playfield.linear.views import View
from playfield.rng import Rng
from playfield.settings import setting
from playfield.tape import Recorder
from playfield.types import Array, Clock

COPIES = 10
"""Games that an evaluation plays side by side, at most."""
EVALUATION_SEED = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How numbers become features, and how far a learner steps with them; what suits one way to see spoils another."""

    encoder: EncoderSpec = setting(TileCoding(), "how the numbers that are seen become features")
    alpha: float = setting(0.3, "step size of control, divided by the number of features that are 1 at once")
    predict_alpha: float = setting(0.1, "step size of prediction, divided likewise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """How learnt and fixed features are compared."""

    latents: Terms = setting(Terms(encoder=TileCoding(tilings=8, tiles=6, size=2**19)), "latents, coded together")
    fixed: Terms = setting(
        Terms(encoder=OneHot(tiles=4), alpha=0.1, predict_alpha=0.01), "the cells of a grid, each coded alone"
    )
    grid: Grid = setting(Grid(), "the fixed way to see")
    lambda_: float = setting(0.9, "how slowly traces fade: 0 at once, 1 never")
    gamma: float = setting(0.99, "discount of the next value")
    policy: EpsilonGreedy = setting(
        EpsilonGreedy(epsilon=0.1, floor=0.01, over_steps=50_000), "which action is taken while learning"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One way to see a game."""

    label: str
    setting: str
    """Where the contest has its terms."""
    view: Callable[[], View]
    """A new one, which has seen nothing."""
    terms: Terms


class Table:
    """What a way to see makes of a recording, row by row as if it was played."""

    def __init__(self, sight: Sight, recording: Recording, on_row: Callable[[int], object]) -> None:
        view = sight.view()
        self.observations = view.observations
        self.numbers = np.zeros((len(recording.frame), len(view.observations.low)))
        for row, frame in enumerate(recording.frame):
            self.numbers[row] = view.see(frame, bool(recording.first[row]))
            on_row(row + 1)


@compiled_anew
def _learn_rows(
    player: Player, numbers: Float64[Array, "R N"], happened: Float64[Array, "R 2"], flags: Bool[Array, "R 2"],
    here: Seen, there: Seen, draws: np.random.Generator,
) -> None:  # fmt: skip
    """Learn from every row in turn: `happened` is reward and discount, `flags` say first and last."""
    for row in range(len(numbers)):
        look(player, numbers[row], there)
        if flags[row, 0]:
            player.begin(player.mind)
        else:
            over = flags[row, 1] or happened[row, 1] == 0.0
            player.learn(player.mind, here, Transition(0, happened[row, 0], happened[row, 1], over, 0), there, draws)
            if over and not flags[row, 1]:
                player.begin(player.mind)
        here, there = there, here


@compiled_anew
def _judge_rows(player: Player, numbers: Float64[Array, "R N"], seen: Seen, values: Float64[Array, "R"]) -> None:
    for row in range(len(numbers)):
        look(player, numbers[row], seen)
        values[row] = seen.q[0]


def _looking(player: Player) -> Player:
    """The player with a copy of its index table: tiles that were never met take no place in it."""
    table = getattr(player.numbers, "table", None)
    return player if table is None else player._replace(numbers=player.numbers._replace(table=copy_of(table)))


def predictions(
    table: Table, encoder: EncoderSpec, learner: TrueOnlineSarsaLambda, recording: Recording, parts: Split, sweeps: int
) -> Iterator[float]:
    """Root mean squared error on the test episodes, before any learning and after each sweep of the training ones.

    With one action for all, q(s, ·) is v(s): true online TD(λ) learns the value of the play that was recorded. From
    the sweep on in which the weights run away it is no number.
    """
    code = encoder.build(table.observations, 1)
    player = ready(learner, EpsilonGreedy(), code)
    draws = Rng(0).numpy("ties")  # never drawn from: there is nothing to choose
    truth = returns(recording, learner.gamma)
    tested = parts.test[~recording.last[parts.test]]
    rows = parts.train
    happened = np.stack([recording.reward[rows], recording.discount[rows]], 1).astype(np.float64)
    flags = np.stack([recording.first[rows], recording.last[rows]], 1)
    here, there = unseen(1, code.active), unseen(1, code.active)
    values = np.zeros(len(tested))
    for sweep in range(sweeps + 1):
        if sweep:
            _learn_rows(player, table.numbers[rows], happened, flags, here, there, draws)
        if not np.abs(player.mind.weights).max() <= LIMIT:
            yield from [float("nan")] * (sweeps + 1 - sweep)
            return
        _judge_rows(_looking(player), table.numbers[tested], there, values)
        yield float(np.sqrt(np.mean((values - truth[tested]) ** 2)))


def error_of_the_mean(recording: Recording, parts: Split, gamma: float) -> float:
    """Root mean squared error on the test episodes of one number for all: the mean return of the training ones."""
    truth = returns(recording, gamma)
    train, test = (truth[rows[~recording.last[rows]]] for rows in (parts.train, parts.test))
    return float(np.sqrt(np.mean((test - train.mean()) ** 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What is played, by which rules, and for how long; the same for every way to see."""

    game: str
    protocol: AtariProtocol
    frames: int
    """Emulator frames of learning."""
    episodes: int
    """Whole games of the evaluation."""
    policy: EpsilonGreedy

    def __post_init__(self) -> None:
        if min(self.frames, self.episodes) < 1:
            raise ValueError("--frames and --episodes must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run."""

    ended: tuple[tuple[int, float], ...]
    """Of every episode of its learning the emulator frames at its end, and its score."""
    evaluated: tuple[float, ...]
    """Scores of whole games, played greedily and without learning; none where the weights ran away."""
    diverged_at: int | None
    """Emulator frames after which the weights ran away; None where they did not."""
    tiles: tuple[int, int] | None
    """Places taken in the index table, and look-ups that found none."""


def play(match: Match, sight: Sight, learner: LearnerSpec, seed: int, on_frames: Callable[[int], object]) -> Outcome:
    """One run: learn for so many frames, then play greedily."""
    games, chance = pixel_games(match.game, match.protocol), Rng(seed)
    try:
        actions = len(games.spec.actions)
        parts = Parts(learner=learner, encoder=sight.terms.encoder, policy=match.policy)
        agent = LinearAgent(parts, sight.view(), actions, chance.numpy("agent"))
        clock, recorder, ended, diverged_at = Clock(), Recorder(1), list[tuple[int, float]](), None
        step = games.begin(chance.numpy("episodes"))
        recorder.begin(step)
        decision = agent.act(step, clock)
        while True:
            try:
                agent.observe(decision, step)
            except Diverged:
                diverged_at = clock.frames
                break
            if clock.frames >= match.frames:
                break
            decision = agent.act(step, clock)
            games.send(decision.action)
            step = games.recv()
            clock = clock.after(step)
            told = recorder.add(decision.action, step, clock)
            whole = (event for event in told if isinstance(event, EpisodeEnded) and not event.lost)
            ended += [(clock.frames, event.score) for event in whole]
            on_frames(clock.frames)
    finally:
        games.close()
    greedy: tuple[float, ...] = ()
    if diverged_at is None:
        views = [sight.view() for _ in range(min(COPIES, match.episodes))]
        policy = LinearPolicy(parts._replace(policy=EpsilonGreedy()), views, actions, chance.numpy("greedy"))
        policy.load_weights(agent.weights())
        greedy = scores_of(policy, match)
    return Outcome(ended=tuple(ended), evaluated=greedy, diverged_at=diverged_at, tiles=agent.code.used())


def scores_of(policy: Policy, match: Match) -> tuple[float, ...]:
    """Scores of whole games, the same games for every policy as far as play does not change them."""
    games = pixel_games(match.game, match.protocol, min(COPIES, match.episodes))
    plan = EvaluationPlan(episodes=match.episodes, seed=EVALUATION_SEED, policy_name="greedy", clock=Clock())
    try:
        evaluated = [event for event in evaluate(policy, games, plan) if isinstance(event, Evaluated)]
    finally:
        games.close()
    return evaluated[-1].scores


def by_chance(match: Match) -> tuple[float, ...]:
    """Scores of random play."""
    games = pixel_games(match.game, match.protocol)
    actions = len(games.spec.actions)
    games.close()
    return scores_of(RandomPolicy(actions, Rng(EVALUATION_SEED).numpy("policy")), match)
