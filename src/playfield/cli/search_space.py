"""What a search may propose for a setting, written as `1..10`, `log:1e-5..1e-3` or `Greedy|Double`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playfield.recipes import AnyRecipe

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Value = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A number from `low` to `high`, both included; `whole` numbers only, or any."""

    low: float
    high: float
    log: bool
    """Whether equal factors are equally likely, rather than equal differences."""
    whole: bool

    def text(self) -> str:
        """As it would be typed."""
        return f"{'log:' if self.log else ''}{_number(self.low)}..{_number(self.high)}"

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def ends(self) -> tuple[Value, ...]:
        """Values that must be possible for the space to make sense."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of several texts."""

    choices: tuple[str, ...]

    def text(self) -> str:
        """As it would be typed."""
        return "|".join(self.choices)

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)

    def ends(self) -> tuple[Value, ...]:
        """Values that must be possible for the space to make sense."""
        return self.choices


Dimension = Between | OneOf


def space_from(recipe: AnyRecipe, texts: Sequence[str]) -> Mapping[str, Dimension]:
    """The space that texts `path=range` describe, checked against the recipe at each range's ends.

    Raises: ValueError for what is no range, for a path given twice, and for values that the recipe refuses.
    """
    space: dict[str, Dimension] = {}
    for text in texts:
        path, equals, range_text = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"{text!r} says nothing to search; write path=1..10, path=log:1e-5..1e-3 or 'path=A|B'")
        if path in space:
            raise ValueError(f"{path} is given twice in --space")
        space[path] = dimension_from(path, range_text)
        for value in space[path].ends():
            recipe.with_overrides([f"{path}={text_of(space[path], value)}"])
    return space


def dimension_from(path: str, text: str) -> Dimension:
    """What a text like `log:1e-5..1e-3` describes.

    Raises: ValueError.
    """
    if "|" in text:
        choices = tuple(choice.strip() for choice in text.split("|"))
        if not all(choices) or len(set(choices)) < len(choices):
            raise ValueError(f"{path}={text}: every choice between the | must be there, and once")
        return OneOf(choices=choices)
    log, numbers = text.startswith("log:"), text.removeprefix("log:")
    low, dots, high = numbers.partition("..")
    if not dots:
        raise ValueError(f"{path}={text} is no range; write 1..10, log:1e-5..1e-3 or 'A|B', or leave it out of --space")
    try:
        ends = float(low.replace("_", "")), float(high.replace("_", ""))
    except ValueError:
        raise ValueError(f"{path}={text}: the ends of a range must be numbers") from None
    if not all(math.isfinite(end) for end in ends) or not ends[0] < ends[1] or (log and ends[0] <= 0):
        raise ValueError(f"{path}={text}: a range goes upwards, and one with log: begins above 0")
    whole = all(re.fullmatch(r"-?[\d_]+", end.strip()) for end in (low, high))
    return Between(low=ends[0], high=ends[1], log=log, whole=whole)


def text_of(dimension: Dimension, value: Value) -> str:
    """A proposed value as it is typed: four digits of a number are enough, and never leave the range."""
    if isinstance(dimension, OneOf) or not isinstance(value, float):
        return str(value)
    return _number(min(max(float(f"{value:.4g}"), dimension.low), dimension.high))


def _number(value: float) -> str:
    return f"{value:.10g}"
