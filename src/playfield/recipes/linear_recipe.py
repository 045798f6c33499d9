"""A linear recipe: everything that makes one linear learner, as one frozen value, like the recipe of a network."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from playfield.features.grid import Grid
from playfield.games.protocol import AtariProtocol
from playfield.linear.encoders import EncoderSpec, TileCoding
from playfield.linear.learners import ActorCritic, LearnerSpec, Sarsa
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax
from playfield.settings import override_texts, setting, to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """The vector, or the numbered state, that a game shows."""

    ranges: tuple[tuple[float, float], ...] | None = setting(
        None, "lowest and highest of every number, as [[LOW, HIGH], ...]; none for the game's own limits"
    )

    def __post_init__(self) -> None:
        if self.ranges is not None and not all(low < high for low, high in self.ranges):
            raise ValueError("every range needs a lowest number below its highest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What an autoencoder of the game's pixels sees: where the things that move are.

    Source: Finn et al. (2016), deep spatial autoencoders; which one, `train --features` says.
    """

    change: Literal["none", "all"] = setting("none", "all: the change of each number since the frame before as well")


ViewSpec = Vector | Grid | Learnt
"""Every view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearRecipe:
    """One linear learner with all its numbers."""

    name: str = setting("sarsa", "name of the recipe")
    about: str = setting("", "what it is, which source it follows, and where it departs from it")
    protocol: AtariProtocol = setting(AtariProtocol(), "how Atari games are played; other games have their own rules")
    view: ViewSpec = setting(Vector(), "from what a game shows to the numbers that are encoded")
    encoder: EncoderSpec = setting(TileCoding(), "from numbers to the features of every action")
    learner: LearnerSpec = setting(Sarsa(), "how weights are learnt")
    policy: PolicySpec = setting(EpsilonGreedy(epsilon=0.05), "how actions are tried out while training")
    eval_epsilon: float = setting(0.0, "probability of a random action in evaluations; a softmax policy stays as it is")
    frames: int = setting(100_000, "emulator frames of a full training, where no other limit is given")
    until_score: float | None = setting(
        None, "training is over at this mean score of the last `over_episodes`, where no other limit is given"
    )
    over_episodes: int = setting(30, "complete training episodes that `until_score` looks at")

    games: ClassVar[int] = 1
    """Traces and waiting rewards are those of one stream of experience."""
    memory: ClassVar[None] = None
    """It learns from what has just happened."""

    def __post_init__(self) -> None:
        if isinstance(self.learner, ActorCritic) != isinstance(self.policy, Softmax):
            raise ValueError("learner=ActorCritic and policy=Softmax need each other: preferences are sampled from")
        if self.frames < 1 or self.over_episodes < 1:
            raise ValueError("frames and over_episodes must be 1 or more")
        if not 0.0 <= self.eval_epsilon <= 1.0:
            raise ValueError("eval_epsilon must lie between 0 and 1")

    @property
    def eval_policy(self) -> PolicySpec:
        """How actions are chosen in evaluations."""
        return self.policy if isinstance(self.policy, Softmax) else EpsilonGreedy(epsilon=self.eval_epsilon)

    def but(self, **changes: Any) -> Self:
        """The same recipe with other values for some fields."""
        return dataclasses.replace(self, **changes)

    def with_overrides(self, overrides: list[str]) -> LinearRecipe:
        """The same recipe with settings given as `path=value` texts.

        Raises: UnknownSetting naming the nearest paths; ValueError for a wrong value or an impossible pair.
        """
        return override_texts(self, overrides)

    def to_json(self) -> str:
        """The recipe as text."""
        return json.dumps(to_plain(self), indent=2)
