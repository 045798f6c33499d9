"""A policy and a value from one network: what an actor-critic predicts, behind the verbs of a return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int64
from torch import Tensor

from playfield.batch import Distance
from playfield.settings import setting


@dataclass(frozen=True, slots=True)
class JudgedAction:
    """The action taken, what its observation is worth, and how probable the policy makes it."""

    value: Float[Tensor, "B"]
    log_pi: Float[Tensor, "B"] | None
    """Log probability of the action; None in a target."""
    entropy: Float[Tensor, "B"] | None
    spec: PolicyAndValue

    @property
    def mean(self) -> Float[Tensor, "B"]:
        return self.value

    def backup(self, reward: Float[Tensor, "B"], discount: Float[Tensor, "B"]) -> JudgedAction:
        return JudgedAction(reward + discount * self.value, None, None, self.spec)

    def distance(self, target: JudgedAction) -> Distance:
        """The critic's squared error, and the actor's step up the advantage.

            c ½ (v − G)² − (G − v) log π(a|s) − β H(π)

        Source: Mnih et al. (2016), algorithm S3, with the advantage held fixed in the actor's term.
        """
        assert self.log_pi is not None
        assert self.entropy is not None
        advantage = target.value - self.value
        loss = (
            self.spec.value_weight * 0.5 * advantage.square()
            - advantage.detach() * self.log_pi
            - self.spec.entropy_weight * self.entropy
        )
        return Distance(loss, advantage.detach().abs())


@dataclass(frozen=True, slots=True)
class PolicyAndValues:
    """Log probabilities of all actions and the value of the observation."""

    log_pi: Float[Tensor, "B A"]
    value: Float[Tensor, "B"]
    spec: PolicyAndValue

    @property
    def mean(self) -> Float[Tensor, "B A"]:
        """Log probabilities: the best action is the most probable one."""
        return self.log_pi

    def worth(self, mean: Float[Tensor, "B A"]) -> Float[Tensor, "B"]:
        return self.value

    def at(self, action: Int64[Tensor, "B"]) -> JudgedAction:
        entropy = -(self.log_pi.exp() * self.log_pi).sum(1)
        return JudgedAction(self.value, self.log_pi.gather(1, action[:, None])[:, 0], entropy, self.spec)

    def under(self, policy: Float[Tensor, "B A"], bonus: Float[Tensor, "B A"]) -> JudgedAction:
        """The value of the observation, whatever policy is asked for: a critic knows its own policy only."""
        return JudgedAction(self.value, None, None, self.spec)


@dataclass(frozen=True, slots=True)
class PolicyAndValue:
    """Learn a stochastic policy and the value of observations under it.

    Source: Mnih et al. (2016), advantage actor-critic, with one network for both.
    Neutral: value_weight=1, with entropy_weight=0 and one action, is regression on the return.
    """

    outputs: ClassVar[int] = 2
    value_weight: float = setting(0.5, "weight of the critic's half squared error beside the actor's loss")
    entropy_weight: float = setting(0.01, "reward for staying undecided, in nats")

    def __post_init__(self) -> None:
        if self.value_weight <= 0 or self.entropy_weight < 0:
            raise ValueError("returns.value_weight must be above 0 and returns.entropy_weight 0 or more")

    def read(self, raw: Float[Tensor, "B A 2"]) -> PolicyAndValues:
        """Network outputs: a preference for each action, and its share of the observation's value."""
        return PolicyAndValues(raw[:, :, 0].log_softmax(1), raw[:, :, 1].mean(1), self)
