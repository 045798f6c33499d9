"""The linear learners of the textbook, each as it stands there: a value with its numbers, and a few compiled lines.

All learn q(s, a) = wᵀx(s, a) from one transition at a time. Where a world has a single action, q(s, ·) is v(s), and
what is Sarsa elsewhere is TD there: TD(0) is `Sarsa`, TD(λ) `SarsaLambda`, true online TD(λ) `TrueOnlineSarsaLambda`.

Notation: here (S, A), there (S', A'), γ' = γ, or 0 where S' ends the episode; α is divided by the number of features
that are 1 at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from playfield.linear.compiled import compiled
from playfield.linear.encoders import Code
from playfield.linear.features import add_scaled, dot
from playfield.linear.traces import Traces, accumulate, clear, fade, follow, let_go, no_traces, replace
from playfield.settings import setting
from playfield.types import Array


class Seen(NamedTuple):
    """An observation, as far as it matters to a learner: features, values and probabilities of all actions."""

    feature: Int64[Array, "A K"]
    value: Float64[Array, "K"]
    q: Float64[Array, "A"]
    pi: Float64[Array, "A"]


class Transition(NamedTuple):
    """What happened between two observations."""

    action: int
    reward: float
    discount: float
    """0.0 where the episode ended there, else 1.0; gamma is not in it."""
    last: bool
    """The episode is over, by its end or because it was cut off."""
    next_action: int
    """0 where it is not chosen yet."""


# A learner is a value with its numbers. Its `build` makes a mind that knows nothing yet: a named tuple of numbers and
# arrays, `weights` among them, on which its compiled functions work.
# It also says of itself whether it learns before the next action is chosen (`learns_first`), as the book has it for
# whatever does not learn from that action, and whether it needs the probability of every action (`averages`).
Begin = Callable[[Any], None]
"""An episode begins."""
Judge = Callable[[Any, Seen], None]
"""Write q for the features seen."""
Learn = Callable[[Any, Seen, Transition, Seen, np.random.Generator], None]
"""Learn from a transition: the mind, here, what happened, there."""
Cut = Callable[[Any, Seen, int], None]
"""The episode is cut off where it is: what waited for its rest learns from what is seen and the action chosen there."""
RanAway = Callable[[Any, Seen, Transition], bool]
"""Whether weights have diverged, in any set that the mind has: those of the newest step, at an episode's end all."""

LIMIT = 1e6
"""Weights beyond it have diverged: no return of these worlds is near it."""


class Mind(NamedTuple):
    """What one-step methods need."""

    weights: Float64[Array, "F"]
    alpha: float
    gamma: float


@compiled
def _forget_nothing(mind: Any) -> None:
    pass


@compiled
def _linear(mind: Any, seen: Seen) -> None:
    for action in range(len(seen.q)):
        seen.q[action] = dot(mind.weights, seen.feature[action], seen.value)


@compiled
def _beyond_limit(weights: Float64[Array, "F"], index: Int64[Array, "K"], last: bool) -> bool:
    sensible = True
    for feature in index:
        sensible &= abs(weights[feature]) <= LIMIT
    if last:
        # Learners that wait have changed other weights than those of the newest step.
        for weight in weights:
            sensible &= abs(weight) <= LIMIT
    return not sensible


@compiled
def _one_set_ran_away(mind: Any, here: Seen, went: Transition) -> bool:
    return _beyond_limit(mind.weights, here.feature[went.action], went.last)


@compiled
def _learn_sarsa(mind: Mind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    x = here.feature[went.action]
    following = dot(mind.weights, there.feature[went.next_action], there.value)
    error = went.reward + mind.gamma * went.discount * following - dot(mind.weights, x, here.value)
    add_scaled(mind.weights, mind.alpha * error, x, here.value)


@compiled
def _learn_expected(mind: Mind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    x = here.feature[went.action]
    following = 0.0
    for action in range(len(there.pi)):
        following += there.pi[action] * dot(mind.weights, there.feature[action], there.value)
    error = went.reward + mind.gamma * went.discount * following - dot(mind.weights, x, here.value)
    add_scaled(mind.weights, mind.alpha * error, x, here.value)


@compiled
def _best(mind: Any, there: Seen) -> float:
    best = -np.inf
    for action in range(len(there.q)):
        best = max(best, dot(mind.weights, there.feature[action], there.value))
    return best


@compiled
def _learn_q(mind: Mind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    x = here.feature[went.action]
    following = _best(mind, there)
    error = went.reward + mind.gamma * went.discount * following - dot(mind.weights, x, here.value)
    add_scaled(mind.weights, mind.alpha * error, x, here.value)


def _check(alpha: float, gamma: float, name: str = "alpha") -> None:
    if not 0.0 < alpha < math.inf:
        raise ValueError(f"{name} must be above 0")
    if not 0.0 <= gamma <= 1.0:
        raise ValueError("gamma must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sarsa:
    """One-step semi-gradient Sarsa, and TD(0) where there is a single action.

        w ← w + α [R + γ' wᵀx(S', A') − wᵀx(S, A)] x(S, A)

    Source: Sutton & Barto (2018) section 10.1 and 9.3.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_forget_nothing)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)

    @property
    def learn(self) -> Learn:
        return _learn_sarsa

    def build(self, code: Code) -> Mind:
        return Mind(np.zeros(code.features), self.alpha / code.shares, self.gamma)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSarsa:
    """Sarsa whose next value is averaged over the policy instead of sampled from it.

        w ← w + α [R + γ' Σ_a π(a|S') wᵀx(S', a) − wᵀx(S, A)] x(S, A)

    Source: van Seijen et al. (2009); Sutton & Barto (2018) eq. 6.9.
    Neutral: under a greedy policy it is `QLearning`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")

    learns_first: ClassVar[bool] = True
    averages: ClassVar[bool] = True
    begin: ClassVar[Begin] = staticmethod(_forget_nothing)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)

    @property
    def learn(self) -> Learn:
        return _learn_expected

    def build(self, code: Code) -> Mind:
        return Mind(np.zeros(code.features), self.alpha / code.shares, self.gamma)


@dataclass(frozen=True, slots=True, kw_only=True)
class QLearning:
    """Learns of the greedy policy whatever policy acts.

        w ← w + α [R + γ' max_a wᵀx(S', a) − wᵀx(S, A)] x(S, A)

    Source: Watkins (1989); Sutton & Barto (2018) eq. 6.8.
    Neutral: with a single action it is `Sarsa`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")

    learns_first: ClassVar[bool] = True
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_forget_nothing)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)

    @property
    def learn(self) -> Learn:
        return _learn_q

    def build(self, code: Code) -> Mind:
        return Mind(np.zeros(code.features), self.alpha / code.shares, self.gamma)


class DoubleMind(NamedTuple):
    """Two sets of weights that teach each other."""

    weights: Float64[Array, "F"]
    """The first set; values to act by are the mean of both."""
    second: Float64[Array, "F"]
    alpha: float
    gamma: float


@compiled
def _judge_double(mind: DoubleMind, seen: Seen) -> None:
    for action in range(len(seen.q)):
        first = dot(mind.weights, seen.feature[action], seen.value)
        seen.q[action] = 0.5 * (first + dot(mind.second, seen.feature[action], seen.value))


@compiled
def _either_set_ran_away(mind: DoubleMind, here: Seen, went: Transition) -> bool:
    x = here.feature[went.action]
    return _beyond_limit(mind.weights, x, went.last) or _beyond_limit(mind.second, x, went.last)


@compiled
def _learn_double(mind: DoubleMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    own, other = mind.weights, mind.second
    if draws.random() < 0.5:
        own, other = other, own
    best, best_value = 0, -np.inf
    for action in range(len(there.q)):
        value = dot(own, there.feature[action], there.value)
        if value > best_value:
            best, best_value = action, value
    x = here.feature[went.action]
    following = dot(other, there.feature[best], there.value)
    error = went.reward + mind.gamma * went.discount * following - dot(own, x, here.value)
    add_scaled(own, mind.alpha * error, x, here.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleQLearning:
    """Q-learning with two sets of weights: one chooses the next action, the other values it; chance says which learns.

        w₁ ← w₁ + α [R + γ' w₂ᵀx(S', argmax_a w₁ᵀx(S', a)) − w₁ᵀx(S, A)] x(S, A)

    Source: van Hasselt (2010); Sutton & Barto (2018) eq. 6.10.
    Neutral: with a single action both sets come to the same values.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")

    learns_first: ClassVar[bool] = True
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_forget_nothing)
    judge: ClassVar[Judge] = staticmethod(_judge_double)
    ran_away: ClassVar[RanAway] = staticmethod(_either_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)

    @property
    def learn(self) -> Learn:
        return _learn_double

    def build(self, code: Code) -> DoubleMind:
        return DoubleMind(np.zeros(code.features), np.zeros(code.features), self.alpha / code.shares, self.gamma)


class Window(NamedTuple):
    """The newest transitions of an episode, whose learning has to wait; places are reused as in a ring."""

    feature: Int64[Array, "L K"]
    value: Float64[Array, "L K"]
    reward: Float64[Array, "L"]
    following: Float64[Array, "L"]
    """What came after, by the weights of then."""
    span: Int64[Array, "2"]
    """How many transitions were written in this episode, and how many of them have been learnt from."""


def _window(length: int, active: int) -> Window:
    return Window(
        np.zeros((length, active), np.int64),
        np.zeros((length, active)),
        np.zeros(length),
        np.zeros(length),
        np.zeros(2, np.int64),
    )


class WindowMind(NamedTuple):
    """What methods need that look several steps ahead."""

    weights: Float64[Array, "F"]
    alpha: float
    gamma: float
    lambda_: float
    window: Window


@compiled
def _begin_window(mind: WindowMind) -> None:
    mind.window.span[:] = 0


@compiled
def _write(window: Window, here: Seen, went: Transition, following: float) -> None:
    place = window.span[0] % len(window.reward)
    window.feature[place] = here.feature[went.action]
    window.value[place] = here.value
    window.reward[place] = went.reward
    window.following[place] = following
    window.span[0] += 1


@compiled
def _learn_from_oldest(mind: WindowMind, target: float) -> None:
    window = mind.window
    place = window.span[1] % len(window.reward)
    x, value = window.feature[place], window.value[place]
    add_scaled(mind.weights, mind.alpha * (target - dot(mind.weights, x, value)), x, value)
    window.span[1] += 1


@compiled
def _learn_n_step(mind: WindowMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    window = mind.window
    length = len(window.reward)
    _write(window, here, went, 0.0)
    waiting = window.span[0] - window.span[1]
    if waiting < length and not went.last:
        return
    target = went.discount * dot(mind.weights, there.feature[went.next_action], there.value)
    _settle_n_step(mind, target, waiting if went.last else 1)


@compiled
def _settle_n_step(mind: WindowMind, target: float, count: int) -> None:
    """Let the oldest transitions that wait learn; `target` is what came after the newest."""
    window = mind.window
    length = len(window.reward)
    following = target
    for back in range(1, window.span[0] - window.span[1] + 1):
        place = (window.span[0] - back) % length
        following = window.reward[place] + mind.gamma * following
        # At the episode's end all that wait learn, the oldest first, so every return has to be kept.
        window.following[place] = following
    for _ in range(count):
        _learn_from_oldest(mind, float(window.following[window.span[1] % length]))


@compiled
def _cut_n_step(mind: WindowMind, here: Seen, action: int) -> None:
    waiting = mind.window.span[0] - mind.window.span[1]
    if waiting > 0:
        _settle_n_step(mind, dot(mind.weights, here.feature[action], here.value), waiting)


LONGEST = 2**16
"""Steps that a Monte-Carlo learner looks ahead; where an episode is longer, the rest is bootstrapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NStepSarsa:
    """Sarsa, and TD, whose target holds n rewards before it bootstraps.

        G = Σ_{k=1..n} γ^{k−1} R_{t+k} + γⁿ wᵀx(S_{t+n}, A_{t+n}),   w ← w + α [G − wᵀx_t] x_t at time t + n

    Source: Sutton & Barto (2018) section 10.2 and 9.4.
    Neutral: n=1 is `Sarsa`; n=none is gradient Monte Carlo, which learns at the end of the episode.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    n: int | None = setting(4, "rewards in a target; none for all that come")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_window)
    cut: ClassVar[Cut] = staticmethod(_cut_n_step)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        if self.n is not None and not 1 <= self.n <= LONGEST:
            raise ValueError(f"n must be 1 or more and at most {LONGEST:,}; none takes all rewards of an episode")

    @property
    def learn(self) -> Learn:
        return _learn_n_step

    def build(self, code: Code) -> WindowMind:
        window = _window(self.n or LONGEST, code.active)
        return WindowMind(np.zeros(code.features), self.alpha / code.shares, self.gamma, 0.0, window)


@compiled
def _learn_offline_lambda(
    mind: WindowMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator
) -> None:
    window = mind.window
    length = len(window.reward)
    # The weights stay as they are until the episode is over, so that values can be taken down on the way.
    _write(window, here, went, went.discount * dot(mind.weights, there.feature[went.next_action], there.value))
    if went.last or window.span[0] == length:
        _settle_offline_lambda(mind)


@compiled
def _settle_offline_lambda(mind: WindowMind) -> None:
    window = mind.window
    length = len(window.reward)
    target = window.following[(window.span[0] - 1) % length]
    for back in range(1, window.span[0] + 1):
        place = window.span[0] - back
        mixed = (1.0 - mind.lambda_) * window.following[place] + mind.lambda_ * target
        target = window.reward[place] + mind.gamma * mixed
        window.following[place] = target
    for place in range(window.span[0]):
        _learn_from_oldest(mind, float(window.following[place]))
    window.span[:] = 0


@compiled
def _cut_offline_lambda(mind: WindowMind, here: Seen, action: int) -> None:
    if mind.window.span[0] > 0:
        _settle_offline_lambda(mind)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineLambdaReturn:
    """Learns from λ-returns when the episode is over: what traces bring forward to every step.

        G_t = R + γ' [(1 − λ) wᵀx_{t+1} + λ G_{t+1}],   w ← w + α [G_t − wᵀx_t] x_t for all t, at the end

    Source: Sutton & Barto (2018) section 12.1.
    Neutral: lambda_=1 is gradient Monte Carlo.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    lambda_: float = setting(0.9, "how far targets look ahead: 0 one step, 1 to the end")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_window)
    cut: ClassVar[Cut] = staticmethod(_cut_offline_lambda)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check_lambda(self.lambda_)

    @property
    def learn(self) -> Learn:
        return _learn_offline_lambda

    def build(self, code: Code) -> WindowMind:
        window = _window(LONGEST, code.active)
        return WindowMind(np.zeros(code.features), self.alpha / code.shares, self.gamma, self.lambda_, window)


def _check_lambda(lambda_: float) -> None:
    if not 0.0 <= lambda_ <= 1.0:
        raise ValueError("lambda_ must lie between 0 and 1")


class TraceMind(NamedTuple):
    """What methods with traces need."""

    weights: Float64[Array, "F"]
    alpha: float
    gamma: float
    lambda_: float
    traces: Traces
    old: Float64[Array, "1"]
    """Q(S', A') by the weights before the last update: the Q_old of true online methods."""


def _trace_mind(learner: SarsaLambda | TrueOnlineSarsaLambda | WatkinsQ | TrueOnlineQ, code: Code) -> TraceMind:
    return TraceMind(
        np.zeros(code.features),
        learner.alpha / code.shares,
        learner.gamma,
        learner.lambda_,
        no_traces(code.features),
        np.zeros(1),
    )


@compiled
def _begin_traces(mind: TraceMind) -> None:
    clear(mind.traces)
    mind.old[0] = 0.0


@compiled
def _sarsa_error(mind: TraceMind, here: Seen, went: Transition, there: Seen) -> float:
    following = dot(mind.weights, there.feature[went.next_action], there.value)
    value = dot(mind.weights, here.feature[went.action], here.value)
    return went.reward + mind.gamma * went.discount * following - value


@compiled
def _mark_dutch(mind: TraceMind, x: Int64[Array, "K"], value: Float64[Array, "K"]) -> None:
    factor = mind.gamma * mind.lambda_
    amount = 1.0 - mind.alpha * factor * dot(mind.traces.z, x, value)
    fade(mind.traces, factor)
    accumulate(mind.traces, amount, x, value)


@compiled
def _learn_accumulating(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    fade(mind.traces, mind.gamma * mind.lambda_)
    accumulate(mind.traces, 1.0, here.feature[went.action], here.value)
    follow(mind.weights, mind.alpha * _sarsa_error(mind, here, went, there), mind.traces)


@compiled
def _learn_replacing(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    fade(mind.traces, mind.gamma * mind.lambda_)
    replace(mind.traces, here.feature[went.action], here.value)
    follow(mind.weights, mind.alpha * _sarsa_error(mind, here, went, there), mind.traces)


@compiled
def _learn_clearing(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    fade(mind.traces, mind.gamma * mind.lambda_)
    for action in range(len(here.q)):
        let_go(mind.traces, here.feature[action], here.value)
    replace(mind.traces, here.feature[went.action], here.value)
    follow(mind.weights, mind.alpha * _sarsa_error(mind, here, went, there), mind.traces)


@compiled
def _learn_dutch(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    _mark_dutch(mind, here.feature[went.action], here.value)
    follow(mind.weights, mind.alpha * _sarsa_error(mind, here, went, there), mind.traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class SarsaLambda:
    """Sarsa(λ), and TD(λ), with traces: every error corrects all that led to it, the more the newer.

        δ = R + γ' wᵀx(S', A') − wᵀx(S, A),   w ← w + α δ z
        z ← γλz + x   accumulating
        z ← γλz, then z_i = x_i where x_i is not 0   replacing
        the same, and z_i = 0 for the features of the other actions in S   clearing
        z ← γλz + (1 − αγλ zᵀx) x   dutch

    Source: Sutton & Barto (2018) section 12.2, 12.5 and 12.7.
    Neutral: lambda_=0 is `Sarsa`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    lambda_: float = setting(0.9, "how slowly traces fade: 0 at once, 1 never")
    trace: Literal["accumulating", "replacing", "clearing", "dutch"] = setting(
        "replacing", "how the newest features are marked"
    )

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_traces)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check_lambda(self.lambda_)

    @property
    def learn(self) -> Learn:
        return {
            "accumulating": _learn_accumulating,
            "replacing": _learn_replacing,
            "clearing": _learn_clearing,
            "dutch": _learn_dutch,
        }[self.trace]

    def build(self, code: Code) -> TraceMind:
        return _trace_mind(self, code)


@compiled
def _true_online(mind: TraceMind, here: Seen, went: Transition, following: float) -> None:
    x = here.feature[went.action]
    value = dot(mind.weights, x, here.value)
    error = went.reward + mind.gamma * following - value
    ahead = value - mind.old[0]
    _mark_dutch(mind, x, here.value)
    follow(mind.weights, mind.alpha * (error + ahead), mind.traces)
    add_scaled(mind.weights, -mind.alpha * ahead, x, here.value)
    mind.old[0] = following


@compiled
def _learn_true_online(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    following = went.discount * dot(mind.weights, there.feature[went.next_action], there.value)
    _true_online(mind, here, went, following)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueOnlineSarsaLambda:
    """What learning from λ-returns would give at every step, at the cost of a trace: true online Sarsa(λ) and TD(λ).

        δ = R + γ' Q' − Q,   z ← γλz + (1 − αγλ zᵀx) x,   w ← w + α (δ + Q − Q_old) z − α (Q − Q_old) x,   Q_old ← Q'

    Source: van Seijen & Sutton (2014); van Seijen et al. (2016); Sutton & Barto (2018) section 12.5 and 12.7.
    Neutral: lambda_=0 is `Sarsa`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    lambda_: float = setting(0.9, "how slowly traces fade: 0 at once, 1 never")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_traces)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check_lambda(self.lambda_)

    @property
    def learn(self) -> Learn:
        return _learn_true_online

    def build(self, code: Code) -> TraceMind:
        return _trace_mind(self, code)


@compiled
def _learn_watkins(mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    x = here.feature[went.action]
    following = _best(mind, there)
    explores = dot(mind.weights, there.feature[went.next_action], there.value) < following
    error = went.reward + mind.gamma * went.discount * following - dot(mind.weights, x, here.value)
    fade(mind.traces, mind.gamma * mind.lambda_)
    replace(mind.traces, x, here.value)
    follow(mind.weights, mind.alpha * error, mind.traces)
    if explores:
        clear(mind.traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatkinsQ:
    """Watkins' Q(λ): Q-learning with replacing traces that are cut when an action explores.

        δ = R + γ' max_a wᵀx(S', a) − wᵀx(S, A),   w ← w + α δ z,   z ← 0 where A' is not the best

    Source: Watkins (1989); Sutton & Barto (2018) section 12.10.
    Neutral: lambda_=0 is `QLearning`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    lambda_: float = setting(0.9, "how slowly traces fade: 0 at once, 1 never")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_traces)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check_lambda(self.lambda_)

    @property
    def learn(self) -> Learn:
        return _learn_watkins

    def build(self, code: Code) -> TraceMind:
        return _trace_mind(self, code)


@compiled
def _learn_true_online_q(
    mind: TraceMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator
) -> None:
    best = _best(mind, there)
    chosen = dot(mind.weights, there.feature[went.next_action], there.value)
    _true_online(mind, here, went, went.discount * best)
    if chosen < best:
        clear(mind.traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueOnlineQ:
    """True online Q(λ): `TrueOnlineSarsaLambda` towards the best next action; an action that explores begins anew.

    Source: Altahhan's lesson 14 asks for it; van Seijen et al. (2016) section 7 for the update.
    Neutral: under a greedy policy it is `TrueOnlineSarsaLambda`.
    """

    alpha: float = setting(0.5, "step size, divided by the number of features that are 1 at once")
    gamma: float = setting(1.0, "discount of the next value")
    lambda_: float = setting(0.9, "how slowly traces fade: 0 at once, 1 never")

    learns_first: ClassVar[bool] = False
    averages: ClassVar[bool] = False
    begin: ClassVar[Begin] = staticmethod(_begin_traces)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_one_set_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check_lambda(self.lambda_)

    @property
    def learn(self) -> Learn:
        return _learn_true_online_q

    def build(self, code: Code) -> TraceMind:
        return _trace_mind(self, code)


class ActorMind(NamedTuple):
    """Preferences to act by, and values to judge by."""

    weights: Float64[Array, "F"]
    """Of the preferences, which stand where other learners have q."""
    values: Float64[Array, "F"]
    """Of the state's value, over the features of its first action."""
    alpha: float
    critic_alpha: float
    gamma: float
    so_far: Float64[Array, "1"]
    """γ to the power of the steps of this episode."""


@compiled
def _begin_actor(mind: ActorMind) -> None:
    mind.so_far[0] = 1.0


@compiled
def _actor_or_critic_ran_away(mind: ActorMind, here: Seen, went: Transition) -> bool:
    actor = _beyond_limit(mind.weights, here.feature[went.action], went.last)
    return actor or _beyond_limit(mind.values, here.feature[0], went.last)


@compiled
def _learn_actor_critic(mind: ActorMind, here: Seen, went: Transition, there: Seen, draws: np.random.Generator) -> None:
    following = mind.gamma * went.discount * dot(mind.values, there.feature[0], there.value)
    error = went.reward + following - dot(mind.values, here.feature[0], here.value)
    add_scaled(mind.values, mind.critic_alpha * error, here.feature[0], here.value)
    for action in range(len(here.pi)):
        slope = (1.0 if action == went.action else 0.0) - here.pi[action]
        add_scaled(mind.weights, mind.alpha * mind.so_far[0] * error * slope, here.feature[action], here.value)
    mind.so_far[0] *= mind.gamma


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorCritic:
    """A softmax policy over linear preferences, judged by a linear value of the state.

        δ = R + γ' v(S') − v(S),   w_v ← w_v + α_v δ x(S),   w ← w + α γᵗ δ [x(S, A) − Σ_a π(a|S) x(S, a)]

    The gradient is that of a temperature of 1; another one's 1/τ is left to alpha.
    Source: Sutton & Barto (2018) section 13.5, one step.
    """

    alpha: float = setting(0.1, "step size of the preferences, divided by the number of features that are 1 at once")
    critic_alpha: float = setting(0.5, "step size of the value, divided likewise")
    gamma: float = setting(1.0, "discount of the next value")

    learns_first: ClassVar[bool] = True
    averages: ClassVar[bool] = True
    begin: ClassVar[Begin] = staticmethod(_begin_actor)
    judge: ClassVar[Judge] = staticmethod(_linear)
    ran_away: ClassVar[RanAway] = staticmethod(_actor_or_critic_ran_away)

    def __post_init__(self) -> None:
        _check(self.alpha, self.gamma)
        _check(self.critic_alpha, self.gamma, "critic_alpha")

    @property
    def learn(self) -> Learn:
        return _learn_actor_critic

    def build(self, code: Code) -> ActorMind:
        return ActorMind(
            np.zeros(code.features),
            np.zeros(code.features),
            self.alpha / code.shares,
            self.critic_alpha / code.shares,
            self.gamma,
            np.ones(1),
        )


LearnerSpec = (
    Sarsa
    | ExpectedSarsa
    | QLearning
    | DoubleQLearning
    | NStepSarsa
    | OfflineLambdaReturn
    | SarsaLambda
    | TrueOnlineSarsaLambda
    | WatkinsQ
    | TrueOnlineQ
    | ActorCritic
)
"""Every learner."""
