"""A recipe: everything that makes one algorithm, as one frozen value that prints, compares and serialises."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

from playfield.bootstrap import BootstrapSpec, Greedy, Munchausen, Settled
from playfield.device import Precision
from playfield.explore import EpsilonGreedy, Explore, Sampled
from playfield.games.protocol import AtariProtocol
from playfield.imitation import Imitation
from playfield.learner import Copy, Target
from playfield.memory.priorities import Uniform
from playfield.memory.replay import Replay
from playfield.memory.rollout import Rollout
from playfield.networks import Conv, Dense, Head, Plain, Torso
from playfield.optimizers import OptimizerSpec, RMSProp
from playfield.returns import Categorical, Expectation, HLGauss, PolicyAndValue, ReturnSpec
from playfield.settings import override_texts, setting, to_plain

MOST_GAMES = 4_096
"""Copies that may be played together; a recipe from a stranger must not fill the memory with them."""
MOST_FRAMES = 10**12
"""More emulator frames than anybody can play; a larger number is a slip of the keyboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One algorithm with all its numbers."""

    name: str = setting("dqn", "name of the recipe")
    about: str = setting("", "what it is, which source it follows, and where it departs from it")
    games: int = setting(1, "copies of the game played together")
    protocol: AtariProtocol = setting(AtariProtocol(), "how Atari games are played; other games have their own rules")
    torso: Torso = setting(Conv(), "from stacked frames to features")
    head: Head = setting(Plain(), "from features to action values")
    returns: ReturnSpec = setting(Expectation(), "what is predicted about the return of each action")
    bootstrap: BootstrapSpec = setting(Greedy(), "which next value is backed up")
    explore: Explore = setting(EpsilonGreedy(), "how actions are tried out while training")
    memory: Replay | Rollout = setting(Replay(), "what is remembered and when it is learnt from")
    optimizer: OptimizerSpec = setting(RMSProp(), "how gradients become steps")
    target: Target = setting(Copy(), "the network that values next observations")
    imitation: Imitation | None = setting(
        None, "how demonstrations are learnt from; none to take them for own experience, where any are given"
    )
    precision: Precision = setting(
        "float32",
        "how exactly a graphics card multiplies in the network; a processor always does so in float32",
        newer=True,
    )
    eval_epsilon: float = setting(0.05, "probability of a random action in evaluations")
    frames: int = setting(200_000_000, "emulator frames of a full training, where no other limit is given")
    until_score: float | None = setting(
        None, "training is over at this mean score of the last `over_episodes`, where no other limit is given"
    )
    over_episodes: int = setting(30, "complete training episodes that `until_score` looks at")

    def __post_init__(self) -> None:
        rollout, settled = isinstance(self.memory, Rollout), isinstance(self.bootstrap, Settled)
        if rollout and not settled:
            raise ValueError(
                "a Rollout memory delivers whole returns, so there is nothing to bootstrap: use bootstrap=Settled"
            )
        if settled and not rollout:
            raise ValueError("bootstrap=Settled learns from whole returns, which only a Rollout memory delivers")
        if rollout and isinstance(self.target, Copy):
            raise ValueError("a Rollout memory has no use for a target network: use target=NoTarget")
        self._check_predictions()
        self._check_imitation()
        if self.games < 1 or self.frames < 1 or self.over_episodes < 1:
            raise ValueError("games, frames and over_episodes must be 1 or more")
        if self.games > MOST_GAMES or self.frames > MOST_FRAMES:
            raise ValueError(f"at most {MOST_GAMES:,} games can be played together, for at most {MOST_FRAMES:,} frames")
        if not 0.0 <= self.eval_epsilon <= 1.0:
            raise ValueError("eval_epsilon must lie between 0 and 1")

    def _check_predictions(self) -> None:
        critic = isinstance(self.returns, PolicyAndValue)
        if isinstance(self.bootstrap, Munchausen) and isinstance(self.returns, Categorical):
            raise ValueError(
                "bootstrap=Munchausen moves every action's return by its own bonus, which the fixed atoms of "
                "returns=Categorical cannot follow: use returns=ImplicitQuantiles, Quantiles, HLGauss or Expectation"
            )
        if critic != isinstance(self.explore, Sampled):
            raise ValueError("returns=PolicyAndValue and explore=Sampled need each other: a policy is sampled from")
        if critic and not isinstance(self.memory, Rollout):
            raise ValueError("returns=PolicyAndValue learns from its own newest games: use a Rollout memory")
        if critic and not isinstance(self.head, Plain):
            raise ValueError("returns=PolicyAndValue has a value of its own: use head=Plain")
        if self.head.layer != Dense() and self.eval_epsilon > 0:
            raise ValueError(
                "a network with noisy layers is evaluated by its mean weights, without chance: use eval_epsilon=0"
            )
        if isinstance(self.returns, Categorical | HLGauss):
            self._check_support(self.returns.low, self.returns.high)

    def _check_imitation(self) -> None:
        if self.imitation is None:
            return
        if not isinstance(self.memory, Replay):
            raise ValueError("imitation needs a memory that holds demonstrations: use a Replay memory")
        if self.imitation.bonus > 0 and isinstance(self.memory.sampler, Uniform):
            raise ValueError(
                "imitation.bonus is added to priorities, and memory.sampler=Uniform has none: use "
                "memory.sampler=Proportional, or imitation.bonus=0"
            )

    def _check_support(self, low: float, high: float) -> None:
        clip = self.memory.reward_clip
        if clip is not None and (high < clip or low > -clip):
            raise ValueError(
                f"returns from {low:g} to {high:g} cannot hold a single reward of {clip:g} or {-clip:g}: "
                "widen returns.low and returns.high, or lower memory.reward_clip"
            )

    def but(self, **changes: Any) -> Self:
        """The same recipe with other values for some fields."""
        return dataclasses.replace(self, **changes)

    def with_overrides(self, overrides: list[str]) -> Recipe:
        """The same recipe with settings given as `path=value` texts.

        Raises: UnknownSetting naming the nearest paths; ValueError for a wrong value or an impossible pair.
        """
        return override_texts(self, overrides)

    def to_json(self) -> str:
        """The recipe as text that `recipe_from_json` reads back to an equal value."""
        return json.dumps(to_plain(self), indent=2)
