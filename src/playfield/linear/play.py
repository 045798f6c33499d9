"""Whole runs of a linear learner in a compiled world, and many runs at once.

The compiled loop is the plain one: see, choose, step, learn. `EnvironmentRun` goes the same way one call at a time, so
that any Gymnasium environment can be played; both end with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float64, Int64

from playfield.linear.compiled import compiled, compiled_anew
from playfield.linear.encoders import Code, Encode, EncoderSpec
from playfield.linear.index_table import copy_of
from playfield.linear.learners import ActorCritic, Begin, Judge, Learn, LearnerSpec, RanAway, Seen, Transition
from playfield.linear.policies import Chance, Choose, EpsilonGreedy, PolicySpec, Probabilities, chance_at
from playfield.linear.worlds import CompiledWorld, Start, StepOf, WorldSpec
from playfield.types import Array

ENDED, CUT_OFF, DIVERGED = 0, 1, 2
"""How an episode went: to its end, to the limit of steps, or until the weights ran away."""


class Truth(NamedTuple):
    """What predictions are compared with: features of all states, and what each is worth. Empty where unknown."""

    feature: Int64[Array, "S 1 K"]
    """Of the first action."""
    value: Float64[Array, "S K"]
    worth: Float64[Array, "S"]
    share: Float64[Array, "S"]
    """How much the error in each state counts; all together 1."""


class Record(NamedTuple):
    """What came of every episode."""

    steps: Int64[Array, "E"]
    rewards: Float64[Array, "E"]
    outcome: Int64[Array, "E"]
    error: Float64[Array, "E"]
    """Root of the mean squared error of predicted values after the episode; nan where the truth is unknown."""


class Player(NamedTuple):
    """A learner, its encoder and its policy, ready to see and act; shared by the compiled loop and `EnvironmentRun`."""

    encode: Encode
    numbers: Any
    begin: Begin
    judge: Judge
    learn: Learn
    ran_away: RanAway
    mind: Any
    choose: Choose
    probabilities: Probabilities
    chance: Chance
    learns_first: bool
    played: Int64[Array, "1"]
    """Steps of all episodes so far, by which the policy's chance falls."""


class _Place(NamedTuple):
    start: Start
    step: StepOf
    numbers: Float64[Array, "P"]
    state: Float64[Array, "N"]
    max_steps: int
    here: Seen
    there: Seen


@compiled
def _unasked(chance: float, q: Float64[Array, "A"], pi: Float64[Array, "A"]) -> None:
    """Stands where nobody needs probabilities."""


def ready(learner: LearnerSpec, policy: PolicySpec, code: Code) -> Player:
    """The parts together, with nothing learnt yet.

    Raises: ValueError where they do not go together.
    """
    if isinstance(learner, ActorCritic) and isinstance(policy, EpsilonGreedy):
        raise ValueError("an actor-critic learns preferences, not values: give it the policy softmax")
    return Player(
        encode=code.encode,
        numbers=code.numbers,
        begin=learner.begin,
        judge=learner.judge,
        learn=learner.learn,
        ran_away=learner.ran_away,
        mind=learner.build(code),
        choose=policy.choose,
        probabilities=policy.probabilities if learner.averages else _unasked,
        chance=policy.chance,
        learns_first=learner.learns_first,
        played=np.zeros(1, np.int64),
    )


def unseen(actions: int, active: int) -> Seen:
    """Room for an observation."""
    return Seen(np.zeros((actions, active), np.int64), np.zeros(active), np.zeros(actions), np.zeros(actions))


@compiled_anew
def look(player: Player, observation: Float64[Array, "N"], seen: Seen) -> None:
    """Write down everything that acting and learning need to know of an observation."""
    player.encode(player.numbers, observation, seen.feature, seen.value)
    value(player, seen)


@compiled_anew
def value(player: Player, seen: Seen) -> None:
    """Judge an observation by what is known now."""
    player.judge(player.mind, seen)
    player.probabilities(chance_at(player.chance, player.played[0]), seen.q, seen.pi)


@compiled_anew
def choose(player: Player, seen: Seen, draws: np.random.Generator) -> int:
    """The policy's action."""
    return player.choose(chance_at(player.chance, player.played[0]), seen.q, draws)


@compiled_anew
def _episode(player: Player, place: _Place, draws: np.random.Generator) -> tuple[int, float, int]:
    here, there = place.here, place.there
    place.start(place.numbers, place.state, draws)
    player.begin(player.mind)
    look(player, place.state, here)
    action = choose(player, here, draws)
    rewards, steps = 0.0, 0
    while True:
        reward, ended = place.step(place.numbers, place.state, action, draws)
        rewards += reward
        steps += 1
        player.played[0] += 1
        cut_off = steps == place.max_steps and not ended
        look(player, place.state, there)
        next_action = 0 if player.learns_first else choose(player, there, draws)
        went = Transition(action, reward, 0.0 if ended else 1.0, ended or cut_off, next_action)
        player.learn(player.mind, here, went, there, draws)
        if player.ran_away(player.mind, here, went):
            return steps, rewards, DIVERGED
        if ended or cut_off:
            return steps, rewards, CUT_OFF if cut_off else ENDED
        if player.learns_first:
            value(player, there)
            next_action = choose(player, there, draws)
        here, there, action = there, here, next_action


@compiled_anew
def _prediction_error(player: Player, truth: Truth) -> float:
    states, total = len(truth.worth), 0.0
    q, pi = np.zeros(1), np.zeros(1)
    for state in range(states):
        player.judge(player.mind, Seen(truth.feature[state], truth.value[state], q, pi))
        total += truth.share[state] * (q[0] - truth.worth[state]) ** 2
    return np.sqrt(total) if states > 0 else np.nan


@compiled_anew
def _episodes(player: Player, place: _Place, draws: np.random.Generator, truth: Truth, record: Record) -> int:
    for episode in range(len(record.steps)):
        steps, rewards, outcome = _episode(player, place, draws)
        record.steps[episode] = steps
        record.rewards[episode] = rewards
        record.outcome[episode] = outcome
        record.error[episode] = _prediction_error(player, truth)
        if outcome == DIVERGED:
            return episode + 1
    return len(record.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Who learns what how: all that a run is but for its seed."""

    world: WorldSpec
    encoder: EncoderSpec
    learner: LearnerSpec
    policy: PolicySpec = EpsilonGreedy()


class LinearRun:
    """One learner in one compiled world, with all its state; plays as many episodes as it is asked for."""

    def __init__(self, setup: Setup, draws: np.random.Generator) -> None:
        assert isinstance(setup.world, CompiledWorld)
        if isinstance(setup.learner, ActorCritic) and len(setup.world.actions) == 1:
            raise ValueError(f"an actor-critic needs actions to choose among, but {setup.world.name} has only one")
        self.setup = setup
        world = self._world = setup.world
        self.code = setup.encoder.build(world.observations, len(world.actions))
        self.player = ready(setup.learner, setup.policy, self.code)
        actions, active = len(world.actions), self.code.active
        self._place = _Place(
            start=world.start,
            step=world.step,
            numbers=world.numbers,
            state=np.zeros(len(world.observations.low)),
            max_steps=-1 if world.max_steps is None else world.max_steps,
            here=unseen(actions, active),
            there=unseen(actions, active),
        )
        self._draws = draws
        self._truth = Truth(np.zeros((0, 1, active), np.int64), np.zeros((0, active)), np.zeros(0), np.zeros(0))

    def compare_with(self, worth: Float64[Array, "S"], share: Float64[Array, "S"] | None = None) -> None:
        """Measure after every episode how far predictions are from the worth of the world's states.

        `share` is how much each state counts; by default all count alike.
        """
        seen = unseen(len(self._world.actions), self.code.active)
        index = np.zeros((len(worth), 1, self.code.active), np.int64)
        value = np.zeros((len(worth), self.code.active))
        for state in range(len(worth)):
            self.code.encode(self.code.numbers, np.array([float(state)]), seen.feature, seen.value)
            index[state], value[state] = seen.feature[:1], seen.value
        self._truth = Truth(index, value, worth, np.full(len(worth), 1.0 / len(worth)) if share is None else share)

    def play(self, episodes: int) -> Record:
        """Play and learn; shorter than asked for where the weights diverge, whose episode is the last."""
        record = Record(
            np.zeros(episodes, np.int64), np.zeros(episodes), np.zeros(episodes, np.int64), np.zeros(episodes)
        )
        count = _episodes(self.player, self._place, self._draws, self._truth, record)
        return Record(*(column[:count] for column in record))

    def values(self, observations: Float64[Array, "S N"]) -> Float64[Array, "S A"]:
        """What the learner thinks of every action in such observations; tiles that were never met are worth 0."""
        # With a copy of an index table, whose places are for what is met while learning.
        table = getattr(self.code.numbers, "table", None)
        numbers = self.code.numbers if table is None else self.code.numbers._replace(table=copy_of(table))
        player = self.player._replace(numbers=numbers)
        seen = unseen(len(self._world.actions), self.code.active)
        q = np.zeros((len(observations), len(seen.q)))
        for row, observation in enumerate(observations):
            look(player, np.ascontiguousarray(observation, np.float64), seen)
            q[row] = seen.q
        return q


class PlaysEpisodes(Protocol):
    """A learner in its world."""

    code: Code

    def play(self, episodes: int) -> Record:
        """Play and learn for so many episodes more."""
        ...


def play_all(runs: Sequence[PlaysEpisodes], episodes: int, threads: int) -> list[Record]:
    """The records of all runs, played side by side.

    Raises: ValueError for no thread.
    """
    if threads < 1:
        raise ValueError("--threads must be 1 or more")

    def play(run: PlaysEpisodes) -> Record:
        return run.play(episodes)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(play, runs))
