"""Which next value is backed up: pure functions from networks and a batch to a policy at the next observation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from playfield.batch import Batch
from playfield.returns import Returns
from playfield.settings import setting

QFunction = Callable[[Shaped[Tensor, "B ..."]], Returns]


class Next(NamedTuple):
    """What is backed up: `policy` chooses among `returns`, each with `bonus`; `reward` is added to the batch's."""

    returns: Returns
    policy: Float[Tensor, "B A"]
    bonus: Float[Tensor, "B A"] | float
    reward: Float[Tensor, "B"] | float


class Bootstrap(Protocol):
    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next | None:
        """What is backed up; None where all discounts are 0, so that nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Greedy:
    """The target network both chooses and values the next action: Q-learning.

        y = r + γ max_a q⁻(s', a)

    Source: Watkins (1989); Mnih et al. (2015).
    """

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        return Next(returns, _certain(returns.mean), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Double:
    """The online network chooses the next action, the target network values it.

        y = r + γ q⁻(s', argmax_a q(s', a))

    Source: van Hasselt, Guez & Silver (2016) eq. 4.
    Neutral: equal networks give `Greedy`.
    """

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        return Next(returns, _certain(online(batch.next_obs).mean), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """Every next action is valued, as often as an epsilon-greedy policy takes it: Expected Sarsa.

        y = r + γ Σ_a π(a|s') q⁻(s', a)

    Source: van Seijen et al. (2009).
    Neutral: epsilon=0 gives `Greedy`.
    """

    epsilon: float = setting(0.01, "probability of a random action in the policy that is valued")

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon <= 1.0:
            raise ValueError("bootstrap.epsilon must lie between 0 and 1")

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        best = _certain(returns.mean)
        return Next(returns, (1.0 - self.epsilon) * best + self.epsilon / best.shape[1], 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Munchausen:
    """A soft policy is valued with its entropy, and the log probability of the action taken is added to the reward.

        y = r + α clip(τ log π(a|s), l₀, 0) + γ Σ_a' π(a'|s') [q⁻(s', a') − τ log π(a'|s')],   π = softmax(q⁻ / τ)

    Source: Vieillard, Pietquin & Geist (2020) eq. 4; BTR takes the log probability from the online network.
    Neutral: alpha=0 and temperature → 0 give `Greedy`.
    """

    alpha: float = setting(0.9, "how much of the scaled log probability is added to the reward")
    temperature: float = setting(0.03, "tau, the softness of the policy")
    low: float = setting(-1.0, "smallest scaled log probability that is added")
    log_policy: Literal["target", "online"] = setting("target", "network that the log probability is taken from")

    def __post_init__(self) -> None:
        if not 0.0 <= self.alpha <= 1.0 or self.temperature <= 0 or self.low > 0:
            raise ValueError("bootstrap.alpha lies between 0 and 1, temperature above 0 and low at 0 or below")

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        following = scaled_log_policy(returns.mean, self.temperature)
        before = scaled_log_policy(
            (online if self.log_policy == "online" else target)(batch.obs).mean, self.temperature
        )
        taken = before.gather(1, batch.action[:, None])[:, 0].clamp(self.low, 0.0)
        return Next(returns, (following / self.temperature).exp(), -following, self.alpha * taken)


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is bootstrapped: the memory delivered whole (λ-)returns as rewards, with discount 0."""

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> None:
        return None


BootstrapSpec = Greedy | Double | Expected | Munchausen | Settled
"""Every bootstrap."""


def scaled_log_policy(q: Float[Tensor, "B A"], temperature: float) -> Float[Tensor, "B A"]:
    """τ log softmax(q / τ), without the overflow of a small τ.

    Source: Vieillard, Pietquin & Geist (2020), appendix B.1.
    """
    ahead = q - q.amax(1, keepdim=True)
    return ahead - temperature * torch.logsumexp(ahead / temperature, 1, keepdim=True)


def _certain(value: Float[Tensor, "B A"]) -> Float[Tensor, "B A"]:
    """The policy that takes the best action."""
    return functional.one_hot(value.argmax(1), value.shape[1]).to(value.dtype)
