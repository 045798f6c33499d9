"""Which next value is backed up: pure functions from networks and a batch to a policy at the next observation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from playfield.returns import Returns
from playfield.types import Batch

QFunction = Callable[[Shaped[Tensor, "B ..."]], Returns]


class Next(NamedTuple):
    """What is backed up: `policy` chooses among `returns`, each with `bonus`; `reward` is added to the batch's."""

    returns: Returns
    policy: Float[Tensor, "B A"]
    bonus: Float[Tensor, "B A"] | float
    reward: Float[Tensor, "B"] | float


class Bootstrap(Protocol):
    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next: ...


@dataclass(frozen=True, slots=True)
class Greedy:
    """The target network both chooses and values the next action: Q-learning.

        y = r + γ max_a q⁻(s', a)

    Source: Watkins (1989); Mnih et al. (2015).
    """

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        return Next(returns, _certain(returns.mean.argmax(1), returns), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Double:
    """The online network chooses the next action, the target network values it.

        y = r + γ q⁻(s', argmax_a q(s', a))

    Source: van Hasselt, Guez & Silver (2016) eq. 4.
    Neutral: equal networks give `Greedy`.
    """

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs)
        return Next(returns, _certain(online(batch.next_obs).mean.argmax(1), returns), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is bootstrapped: the memory delivered whole (λ-)returns as rewards, with discount 0.

    One cheap look at a single next observation gives returns of the right kind; their value is multiplied by 0.
    """

    def __call__(self, online: QFunction, target: QFunction, batch: Batch) -> Next:
        returns = target(batch.next_obs[:1])
        return Next(returns, torch.zeros_like(returns.mean), 0.0, 0.0)


def _certain(action: Int64[Tensor, "B"], returns: Returns) -> Float[Tensor, "B A"]:
    return functional.one_hot(action, returns.mean.shape[1]).to(returns.mean.dtype)
