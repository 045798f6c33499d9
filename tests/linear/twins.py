"""The learners once more, in plain Python: from section 4.3 of the specification and from Sutton & Barto.

Weights, traces and features are dictionaries; nothing is compiled, nothing is skipped, nothing is done in advance.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from linear.paths import Features, Path, Went

Weights = dict[int, float]


def dot(w: Weights, x: Features) -> float:
    return sum(w[i] * x[i] for i in x)


def add(w: Weights, amount: float, x: Features) -> None:
    for i in x:
        w[i] += amount * x[i]


# One step


def next_sarsa(w: Weights, went: Went) -> float:
    return dot(w, went.there[went.next_action])


def next_expected(w: Weights, went: Went) -> float:
    return sum(p * dot(w, x) for p, x in zip(went.next_pi, went.there, strict=True))


def next_best(w: Weights, went: Went) -> float:
    return max(dot(w, x) for x in went.there)


def one_step(
    w: Weights, paths: Sequence[Path], alpha: float, gamma: float, following: Callable[[Weights, Went], float]
) -> None:
    for path in paths:
        for went in path:
            x = went.here[went.action]
            target = went.reward + gamma * went.discount * following(w, went)
            add(w, alpha * (target - dot(w, x)), x)


def double(
    w: tuple[Weights, Weights], paths: Sequence[Path], alpha: float, gamma: float, coin: Callable[[], float]
) -> None:
    for path in paths:
        for went in path:
            own, other = (w[1], w[0]) if coin() < 0.5 else (w[0], w[1])
            x = went.here[went.action]
            best = max(went.there, key=lambda y, own=own: dot(own, y))
            add(own, alpha * (went.reward + gamma * went.discount * dot(other, best) - dot(own, x)), x)


# Many steps


def n_step_return(w: Weights, path: Path, start: int, n: int, gamma: float) -> float:
    """Of n steps, or of those that are left; what follows them counts unless the episode truly ended."""
    steps = path[start : start + n]
    rewards = sum(gamma**k * went.reward for k, went in enumerate(steps))
    return rewards + gamma ** len(steps) * steps[-1].discount * next_sarsa(w, steps[-1])


def n_step_sarsa(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, n: int | None) -> None:
    for path in paths:
        ahead = n or len(path)
        for t in range(len(path)):
            oldest = t - ahead + 1
            ripe = [s for s in (range(oldest, len(path)) if path[t].last else [oldest]) if s >= 0]
            targets = [n_step_return(w, path, s, ahead, gamma) for s in ripe]
            for s, target in zip(ripe, targets, strict=True):
                x = path[s].here[path[s].action]
                add(w, alpha * (target - dot(w, x)), x)


def monte_carlo(w: Weights, paths: Sequence[Path], alpha: float, gamma: float) -> None:
    """Gradient Monte Carlo over episodes that truly ended: every visit towards the rewards that came."""
    for path in paths:
        for t, went in enumerate(path):
            rewards = sum(gamma**k * later.reward for k, later in enumerate(path[t:]))
            x = went.here[went.action]
            add(w, alpha * (rewards - dot(w, x)), x)


def lambda_return(w: Weights, path: Path, start: int, gamma: float, lambda_: float) -> float:
    """(1 − λ) Σ λ^(n−1) G^(n), the longest with all the weight that is left: eq. 12.3."""
    longest = len(path) - start
    mixed = [lambda_ ** (n - 1) * n_step_return(w, path, start, n, gamma) for n in range(1, longest)]
    return (1 - lambda_) * sum(mixed) + lambda_ ** (longest - 1) * n_step_return(w, path, start, longest, gamma)


def offline_lambda(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float) -> None:
    for path in paths:
        targets = [lambda_return(w, path, t, gamma, lambda_) for t in range(len(path))]
        for went, target in zip(path, targets, strict=True):
            x = went.here[went.action]
            add(w, alpha * (target - dot(w, x)), x)


def online_lambda(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float) -> None:
    """The online λ-return algorithm: at every step all updates of the episode are made anew, with what is known now.

    Source: Sutton & Barto (2018) section 12.4; van Seijen et al. (2016) eq. 5. `after[t]` are the weights w_t^t, with
    which the value of the state at t + 1 is bootstrapped.
    """
    for path in paths:
        first, after = dict(w), [dict(w)]
        for horizon in range(1, len(path) + 1):
            again = dict(first)
            for t in range(horizon):
                returns = [_known_return(after, path, t, n, gamma) for n in range(1, horizon - t + 1)]
                mixed = sum(lambda_**n * g for n, g in enumerate(returns[:-1]))
                target = (1 - lambda_) * mixed + lambda_ ** (len(returns) - 1) * returns[-1]
                x = path[t].here[path[t].action]
                add(again, alpha * (target - dot(again, x)), x)
            after.append(again)
        w.update(after[-1])


def _known_return(after: list[Weights], path: Path, start: int, n: int, gamma: float) -> float:
    return n_step_return(after[start + n - 1], path, start, n, gamma)


# Traces


def sarsa_lambda(
    w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float, trace: str = "accumulating"
) -> None:
    for path in paths:
        z: Weights = defaultdict(float)
        for went in path:
            x = went.here[went.action]
            delta = went.reward + gamma * went.discount * next_sarsa(w, went) - dot(w, x)
            _mark(z, x, alpha, gamma * lambda_, "replacing" if trace == "clearing" else trace)
            if trace == "clearing":
                z.update({i: 0.0 for action, y in enumerate(went.here) for i in y if action != went.action and y[i]})
            add(w, alpha * delta, z)


def _mark(z: Weights, x: Features, alpha: float, fading: float, trace: str) -> None:
    overlap = dot(z, x)
    for i in list(z):
        z[i] *= fading
    match trace:
        case "accumulating":
            add(z, 1.0, x)
        case "replacing":
            z.update({i: x[i] for i in x if x[i] != 0.0})
        case "dutch":
            add(z, 1.0 - alpha * fading * overlap, x)


def true_online_sarsa(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float) -> None:
    for path in paths:
        z: Weights = defaultdict(float)
        old = 0.0
        for went in path:
            x = went.here[went.action]
            value, following = dot(w, x), went.discount * next_sarsa(w, went)
            old = _true_online(w, z, x, (went.reward, value, following, old), alpha, gamma, lambda_)


def true_online_q(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float) -> None:
    """An action that explores begins anew: no traces, and nothing that the next update would still have to mend."""
    for path in paths:
        z: Weights = defaultdict(float)
        old = 0.0
        for went in path:
            x = went.here[went.action]
            value, best, chosen = dot(w, x), next_best(w, went), next_sarsa(w, went)
            old = _true_online(w, z, x, (went.reward, value, went.discount * best, old), alpha, gamma, lambda_)
            if chosen < best:
                z.clear()
                old = went.discount * chosen


def _true_online(
    w: Weights,
    z: Weights,
    x: Features,
    numbers: tuple[float, float, float, float],
    alpha: float,
    gamma: float,
    lambda_: float,
) -> float:
    reward, value, following, old = numbers
    delta = reward + gamma * following - value
    _mark(z, x, alpha, gamma * lambda_, "dutch")
    add(w, alpha * (delta + value - old), z)
    add(w, -alpha * (value - old), x)
    return following


def watkins(w: Weights, paths: Sequence[Path], alpha: float, gamma: float, lambda_: float) -> None:
    for path in paths:
        z: Weights = defaultdict(float)
        for went in path:
            x = went.here[went.action]
            best, chosen = next_best(w, went), next_sarsa(w, went)
            delta = went.reward + gamma * went.discount * best - dot(w, x)
            _mark(z, x, alpha, gamma * lambda_, "replacing")
            add(w, alpha * delta, z)
            if chosen < best:
                z.clear()


# Policies


def softmax(q: Sequence[float], temperature: float = 1.0) -> list[float]:
    weight = [math.exp(value / temperature) for value in q]
    return [one / sum(weight) for one in weight]


def actor_critic(
    theta: Weights, w: Weights, paths: Sequence[Path], alpha: float, critic_alpha: float, gamma: float
) -> None:
    """One-step actor-critic, section 13.5: the value of a state is learnt over the features of its first action."""
    for path in paths:
        so_far = 1.0
        for went in path:
            delta = went.reward + gamma * went.discount * dot(w, went.there[0]) - dot(w, went.here[0])
            add(w, critic_alpha * delta, went.here[0])
            add(theta, alpha * so_far * delta, went.here[went.action])
            for p, x in zip(went.pi, went.here, strict=True):
                add(theta, -alpha * so_far * delta * p, x)
            so_far *= gamma
