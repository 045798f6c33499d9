"""A linear learner as an agent: it plays any game, one decision at a time, and can be saved between any two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float64, Int64

from playfield.events import Learned
from playfield.linear.compiled import compiled, compiled_anew, entry
from playfield.linear.encoders import EncoderSpec
from playfield.linear.features import dot
from playfield.linear.learners import (
    ActorCritic,
    ExpectedSarsa,
    LearnerSpec,
    NStepSarsa,
    OfflineLambdaReturn,
    Seen,
    Transition,
    Window,
)
from playfield.linear.play import Player, choose, look, ready, unseen, value
from playfield.linear.policies import PolicySpec, chance_at
from playfield.linear.traces import Traces
from playfield.linear.views import View
from playfield.types import Array, Clock, Decision, Step, Tree


class Parts(NamedTuple):
    """What a linear agent is made of, besides its view."""

    learner: LearnerSpec
    encoder: EncoderSpec
    policy: PolicySpec


class Happened(NamedTuple):
    """What an action brought, besides what is seen next."""

    action: int
    reward: float
    discount: float
    last: bool


class Diverged(ValueError):
    """The weights ran away; the message names the step size and what is usual."""


def usual_step_size(learner: LearnerSpec) -> str:
    """The largest step size that usually does well, in words."""
    lambda_ = getattr(learner, "lambda_", None)
    if getattr(learner, "trace", None) == "accumulating" and lambda_ is not None:
        return f"about 1 - lambda = {max(1.0 - lambda_, 0.01):.2g}"
    return "about 1"


@compiled_anew
def _begin(player: Player, observation: Float64[Array, "N"], here: Seen, draws: np.random.Generator) -> int:
    """See the first observation of an episode; the action."""
    player.begin(player.mind)
    look(player, observation, here)
    return choose(player, here, draws)


@compiled_anew
def _see(player: Player, observation: Float64[Array, "N"], seen: Seen, draws: np.random.Generator) -> int:
    """The action for an observation."""
    look(player, observation, seen)
    return choose(player, seen, draws)


Telling = Callable[[Any, Seen, int], float]
"""What a learner takes an observation to be worth, given an action that was chosen in it."""


@compiled
def _chosen(mind: Any, seen: Seen, action: int) -> float:
    return seen.q[action]


@compiled
def _best(mind: Any, seen: Seen, action: int) -> float:
    return seen.q.max()


@compiled
def _average(mind: Any, seen: Seen, action: int) -> float:
    return (seen.pi * seen.q).sum()


@compiled
def _critic(mind: Any, seen: Seen, action: int) -> float:
    return dot(mind.values, seen.feature[0], seen.value)


class _Telling(NamedTuple):
    """How a learner's one-step error is told."""

    here: Telling
    there: Telling


def _telling(learner: LearnerSpec) -> _Telling:
    if isinstance(learner, ActorCritic):
        return _Telling(_critic, _critic)
    if isinstance(learner, ExpectedSarsa):
        return _Telling(_chosen, _average)
    return _Telling(_chosen, _best if learner.learns_first else _chosen)


@compiled_anew
def _learn(
    player: Player, telling: _Telling, seen: tuple[Seen, Seen], happened: Happened, observation: Float64[Array, "N"],
    draws: np.random.Generator,
) -> tuple[int, float, bool]:  # fmt: skip
    """See what an action led to and learn from it; the next action, the one-step error, and whether all is well."""
    here, there = seen
    player.played[0] += 1
    look(player, observation, there)
    next_action = 0 if player.learns_first else choose(player, there, draws)
    # A lost life ends for the learner what goes on in the game: no value flows across it, and no trace.
    over = happened.last or happened.discount == 0.0
    went = Transition(happened.action, happened.reward, happened.discount, over, next_action)
    # By the weights of now, which may have changed since it was seen; into arrays of its own, for it changes nothing.
    now = Seen(here.feature, here.value, np.empty(len(here.q)), np.empty(len(here.q)))
    value(player, now)
    error = went.reward + player.mind.gamma * went.discount * telling.there(player.mind, there, went.next_action)
    error -= telling.here(player.mind, now, went.action)
    player.learn(player.mind, here, went, there, draws)
    sound = not player.ran_away(player.mind, here, went)
    if over and not happened.last:
        player.begin(player.mind)
    if player.learns_first:
        value(player, there)
        next_action = choose(player, there, draws)
    return next_action, error, sound


class LinearAgent:
    """One linear learner at play with one game, which it sees through a view and an encoder."""

    def __init__(self, parts: Parts, view: View, actions: int, draws: np.random.Generator) -> None:
        """Raises: ValueError where the encoder cannot encode what the view shows."""
        self.learner, self.view = parts.learner, view
        self.code = parts.encoder.build(view.observations, actions)
        self.player = ready(parts.learner, parts.policy, self.code)
        self._draws = draws
        self._here, self._there = unseen(actions, self.code.active), unseen(actions, self.code.active)
        observation = np.zeros(len(view.observations.low))
        self._begin = entry(_begin, (self.player, observation, self._here, draws))
        happened = Happened(0, 0.0, 1.0, False)
        self._telling = _telling(parts.learner)
        seen = (self._here, self._there)
        self._learn = entry(_learn, (self.player, self._telling, seen, happened, observation, draws))
        self._action = 0
        self._updates = 0
        self._learned: Learned | None = None

    def act(self, step: Step, clock: Clock) -> Decision:
        """The action that was chosen when the observation was seen: learning from it may have had to wait for it."""
        worth = _worth(self.player, self.learner, self._here)
        return Decision(action=np.array([self._action]), value=np.array([worth], np.float32))

    def observe(self, decision: Decision, step: Step) -> None:
        """Learn from what the action led to, and choose the next one.

        Raises: Diverged.
        """
        first = bool(step.first[0])
        observation = self.view.see(step.frame[0], first)
        if first:
            self._action = self._begin(self.player, observation, self._here, self._draws)
            return
        here, there = self._here, self._there
        happened = Happened(self._action, float(step.reward[0]), float(step.discount[0]), bool(step.last[0]))
        q = float(here.q[self._action])
        self._action, error, sound = self._learn(
            self.player, self._telling, (here, there), happened, observation, self._draws
        )
        self._here, self._there = there, here
        self._updates += 1
        if not sound:
            raise Diverged(
                f"with learner.alpha={self.learner.alpha:g} the weights ran away (beyond a million); give a smaller "
                f"one: the usual bound here is {usual_step_size(self.learner)}"
            )
        self._learned = Learned(
            clock=Clock(),
            updates=self._updates,
            loss=error**2,
            grad_norm=abs(error) * float(np.sqrt((here.value**2).sum())),
            mean_q=q,
            epsilon=self.epsilon(Clock()),
        )

    def due_updates(self, clock: Clock) -> int:
        """None: it learns while it observes."""
        return 0

    def cut(self) -> None:
        """Learn from what still waited for the rest of the episode; traces are let go of when the next begins."""
        if isinstance(self.learner, NStepSarsa | OfflineLambdaReturn):
            self.learner.cut(self.player.mind, self._here, self._action)

    def learn(self, clock: Clock) -> list[Learned]:
        """What was learnt from the newest step; the learning itself is done, since the next action depended on it."""
        learned, self._learned = self._learned, None
        return [] if learned is None else [replace(learned, clock=clock)]

    @property
    def pretraining_updates(self) -> int:
        """None: it learns from its own steps alone."""
        return 0

    def pretrain(self, clock: Clock) -> list[Learned]:
        """Nothing is learnt before the first step."""
        return []

    def observing_frames(self, clock: Clock) -> int:
        """None: it learns from the first step on."""
        return 0

    def epsilon(self, clock: Clock) -> float:
        """Probability that an action is random, or the temperature of a softmax policy."""
        return float(chance_at(self.player.chance, self.player.played[0]))

    @property
    def updates(self) -> int:
        """Transitions learnt from so far."""
        return self._updates

    def weights(self) -> Tree:
        """All that was learnt, enough to play with."""
        numbers = self.code.numbers
        return {"mind": arrays_of(self.player.mind), "encoder": arrays_of(numbers), "view": self.view.weights()}

    def load_weights(self, tree: Tree) -> None:
        """Take over what another agent of the same set-up has learnt.

        Raises: ValueError where it does not fit.
        """
        fill(self.player.mind, tree["mind"], "mind")
        fill(self.code.numbers, tree["encoder"], "encoder")

    def learnt(self) -> Tree:
        """Nothing: weights that run away are found at once, see `Diverged`."""
        return {}

    def growing(self) -> Tree:
        """Nothing: what is learnt is not kept."""
        return {}

    def state(self) -> Tree:
        return {
            "weights": self.weights(),
            "view": self.view.state(),
            "here": arrays_of(self._here),
            "action": self._action,
            "played": int(self.player.played[0]),
            "updates": self._updates,
            "learned": None if self._learned is None else _told(self._learned),
        }

    def load(self, tree: Tree) -> None:
        """Become what `state()` described.

        Raises: ValueError where it does not fit.
        """
        self.load_weights(tree["weights"])
        self.view.load(tree["view"])
        fill(self._here, tree["here"], "here")
        self._action, self._updates = int(tree["action"]), int(tree["updates"])
        self.player.played[0] = int(tree["played"])
        told = tree["learned"]
        self._learned = None if told is None else Learned(clock=Clock(), updates=self._updates, **told)
        self._check_indices()

    def _check_indices(self) -> None:
        """Refuse a state whose numbers point outside of its arrays: machine code would not look.

        Raises: ValueError.
        """
        actions, features = len(self._here.q), self.code.features
        if not 0 <= self._action < actions:
            raise ValueError(f"the action should be below {actions}, not {self._action}")
        _within("here/feature", self._here.feature, features)
        mind = self.player.mind
        if hasattr(mind, "traces"):
            traces: Traces = mind.traces
            living = int(traces.living[0])
            if not 0 <= living <= features or set(traces.alive[:living]) != set(np.flatnonzero(traces.is_alive)):
                raise ValueError("the traces that are alive are not those that say so")
            _within("mind/traces/alive", traces.alive[:living], features)
        if hasattr(mind, "window"):
            window: Window = mind.window
            end, begin = (int(x) for x in window.span)
            if not 0 <= begin <= end <= begin + len(window.reward):
                raise ValueError("the window's span should lie within the window")
            _within("mind/window/feature", window.feature, features)


class LinearPolicy:
    """Plays by what a linear agent has learnt, without learning: G games side by side, each in a view of its own."""

    def __init__(self, parts: Parts, views: Sequence[View], actions: int, draws: np.random.Generator) -> None:
        """Raises: ValueError where the encoder cannot encode what the views show."""
        self._views, self._learner, self._draws = views, parts.learner, draws
        self._code = parts.encoder.build(views[0].observations, actions)
        self._player = ready(parts.learner, parts.policy, self._code)
        self._seen = unseen(actions, self._code.active)
        observation = np.zeros(len(views[0].observations.low))
        self._see = entry(_see, (self._player, observation, self._seen, draws))

    def load_weights(self, tree: Tree) -> None:
        """Take over what an agent of the same set-up has learnt.

        Raises: ValueError where it does not fit.
        """
        fill(self._player.mind, tree["mind"], "mind")
        # A copy of an index table too: tiles met now for the first time take places in it, whose weights are 0.
        fill(self._code.numbers, tree["encoder"], "encoder")

    def act(self, step: Step) -> Decision:
        """The policy's action for every game."""
        action, worth = np.zeros(len(step.reward), np.int64), np.zeros(len(step.reward), np.float32)
        for game, view in enumerate(self._views):
            observation = view.see(step.frame[game], bool(step.first[game]))
            action[game] = self._see(self._player, observation, self._seen, self._draws)
            worth[game] = _worth(self._player, self._learner, self._seen)
        return Decision(action=action, value=worth)


def _worth(player: Player, learner: LearnerSpec, seen: Seen) -> float:
    """What an observation is worth: the best action's value, or what a critic says."""
    if isinstance(learner, ActorCritic):
        return float(seen.value @ player.mind.values[seen.feature[0]])
    return float(seen.q.max())


def _told(learned: Learned) -> dict[str, float]:
    return {name: getattr(learned, name) for name in ("loss", "grad_norm", "mean_q", "epsilon")}


def _within(path: str, index: Int64[Array, "..."], count: int) -> None:
    if index.size and not (index.min() >= 0 and index.max() < count):
        raise ValueError(f"{path} should hold numbers from 0 to {count - 1}, not {index.min()} to {index.max()}")


def arrays_of(value: Any) -> dict[str, Any]:
    """The arrays of a named tuple, and of those within it, by the names of their fields; all else is fixed."""
    found: dict[str, Any] = {}
    for name, part in value._asdict().items():
        if isinstance(part, np.ndarray):
            found[name] = part
        elif hasattr(part, "_asdict"):
            found[name] = arrays_of(part)
    return found


def fill(value: Any, tree: Any, path: str) -> None:
    """Write the arrays of such a tree into those of a named tuple.

    Raises: ValueError where they are not of the same names, shapes and kinds.
    """
    own = arrays_of(value)
    if not isinstance(tree, Mapping) or own.keys() != tree.keys():
        held = ", ".join(cast("Mapping[str, Any]", tree)) if isinstance(tree, Mapping) else repr(tree)
        raise ValueError(f"{path} should hold {', '.join(own)}, not {held}")
    for name, part in own.items():
        given = tree[name]
        if isinstance(part, dict):
            fill(getattr(value, name), given, f"{path}/{name}")
            continue
        if not isinstance(given, np.ndarray):
            raise ValueError(f"{path}/{name} should be an array")
        if part.shape != given.shape or part.dtype != given.dtype:
            raise ValueError(f"{path}/{name} should be {part.dtype} {part.shape}, not {given.dtype} {given.shape}")
        part[...] = given
