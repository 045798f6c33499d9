"""What a network predicts about the return of every action: all that the learner knows of it are two protocols.

The verbs: `mean`, `worth`, `at` and `under` on the returns of all actions; `mean`, `backup` and `distance` on one
chosen return.
"""

from __future__ import annotations

from typing import Protocol, Self

from jaxtyping import Float, Int64
from torch import Tensor

from playfield.batch import Distance


class Return(Protocol):
    """The return of one action per sample, as far as it is represented."""

    @property
    def mean(self) -> Float[Tensor, "B"]:
        """Expected return."""
        ...

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> Self:
        """The return one decision earlier: reward + discount x this."""
        ...

    def distance(self, target: Self) -> Distance:
        """How far this prediction is from `target`, which carries no gradient."""
        ...


class Returns(Protocol):
    """The return of every action."""

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        """Expected return of every action, to choose by; what is drawn at random is drawn anew at every look."""
        ...

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        """Expected return of the observation under the policy that is learnt, given the `mean` that was looked at."""
        ...

    def at(self, action: Int64[Tensor, "B"]) -> Return:
        """The return of the action that was taken."""
        ...

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> Return:
        """The return when `policy` chooses, with `bonus` added to each action's return."""
        ...
