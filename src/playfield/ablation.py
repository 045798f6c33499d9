"""What a recipe is without one of its ingredients: a table from ingredients to their neutral settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from playfield.recipes.recipe import Recipe
from playfield.settings import override, paths, setting_text, to_plain
from playfield.study import Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How one ingredient is taken out of a recipe."""

    ingredient: str
    neutral: Mapping[str, str]
    """Settings that switch it off, by path; paths that a recipe lacks are left out. The first one that is there tells
    whether the recipe has the ingredient. A class keeps the settings that its successor has too."""
    present: tuple[str, ...] = ()
    """Classes at the first path that are this ingredient; none means every value but the neutral one."""
    first: Mapping[str, str] = field(default_factory=dict[str, str])
    """Settings, by path, that are changed before, where they are there: they would not go with what is left."""
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Classes elsewhere with which it is taken out like this, by path: a recipe may bring a replacement of its own."""


REMOVALS = (
    Removal(ingredient="n-step", neutral={"memory.n_step": "1"}),
    Removal(
        ingredient="prioritised replay",
        neutral={"memory.sampler": "Uniform"},
        present=("Proportional", "RankBased"),
        first={"imitation.bonus": "0.0"},
    ),
    Removal(
        ingredient="distributional",
        neutral={"returns": "Expectation"},
        present=("Categorical", "Quantiles", "ImplicitQuantiles", "HLGauss"),
    ),
    Removal(ingredient="factored actions", neutral={"head": "Dueling"}, present=("Factored",)),
    Removal(ingredient="dueling", neutral={"head": "Plain"}, present=("Dueling",)),
    Removal(
        ingredient="noisy",
        # The epsilon of the Rainbow paper's ablation, from Dopamine: to 0.01 within 250,000 decisions, 0.001 in tests.
        neutral={
            "head.layer": "Dense",
            "explore": "EpsilonGreedy",
            "explore.epsilon": "Linear",
            "explore.epsilon.start": "1.0",
            "explore.epsilon.end": "0.01",
            "explore.epsilon.over_frames": "1_000_000",
            "eval_epsilon": "0.001",
        },
        present=("Noisy",),
        beside={"explore.epsilon": ("Constant",)},
    ),
    Removal(
        ingredient="noisy",
        neutral={"head.layer": "Dense", "eval_epsilon": "0.001"},
        present=("Noisy",),
        beside={"explore.epsilon": ("Linear", "Exponential", "Piecewise")},
    ),
    Removal(ingredient="double", neutral={"bootstrap": "Greedy"}, present=("Double",)),
    Removal(ingredient="Munchausen", neutral={"bootstrap": "Greedy"}, present=("Munchausen",)),
    Removal(ingredient="expected bootstrap", neutral={"bootstrap": "Greedy"}, present=("Expected",)),
    Removal(ingredient="lambda-returns", neutral={"memory.lambda_": "0.0"}),
    Removal(ingredient="layer norm", neutral={"torso.norm": "NoNorm", "head.norm": "NoNorm"}, present=("LayerNorm",)),
    Removal(ingredient="spectral norm", neutral={"torso.residual_norm": "NoNorm"}, present=("SpectralNorm",)),
    Removal(ingredient="adaptive max-pool", neutral={"torso.pool": "none"}),
    Removal(ingredient="residual torso", neutral={"torso": "Conv"}, present=("Impala", "EfficientNet")),
    Removal(ingredient="target network", neutral={"target": "NoTarget"}),
)
"""Every ingredient that `ablate` knows, and what is left without it."""

TOO_LONG_FOR_EPSILON = 10
"""Exploration that replaces noisy layers ends within this part of the training, however short that is."""


def ablations(recipe: Recipe, frames: int) -> tuple[list[Variant], list[str]]:
    """The recipe without each of its ingredients in turn, and a sentence for each that it cannot do without."""
    variants: list[Variant] = []
    sentences: list[str] = []
    for removal in REMOVALS:
        if not has(recipe, removal):
            continue
        try:
            overrides = removal_overrides(recipe, removal, frames)
            without = recipe.with_overrides(list(overrides))
        except ValueError as error:
            sentences.append(f"{recipe.name} cannot do without {removal.ingredient}: {error}")
            continue
        name = f"no {removal.ingredient}"
        variants.append(Variant(name=name, recipe=without, overrides=overrides))
    return variants, sentences


def has(recipe: Recipe, removal: Removal) -> bool:
    """Whether the recipe has the ingredient."""
    values = dict(paths(recipe))
    if any(path not in values or setting_text(values[path]) not in known for path, known in removal.beside.items()):
        return False
    for path, neutral in removal.neutral.items():
        if path in values:
            text = setting_text(values[path])
            return text in removal.present if removal.present else not _same(text, neutral)
    return False


def _same(left: str, right: str) -> bool:
    try:
        return float(left.replace("_", "")) == float(right.replace("_", ""))
    except ValueError:
        return left == right


def removal_overrides(recipe: Recipe, removal: Removal, frames: int) -> tuple[str, ...]:
    """The texts `path=value` that take the ingredient out; a class hands what it shares on to its successor.

    Raises: ValueError where the recipe cannot do without it.
    """
    pairs: dict[str, str] = {}
    for path, neutral in (*removal.first.items(), *removal.neutral.items()):
        there = dict(paths(override(recipe, pairs)))
        if path not in there or _same(setting_text(there[path]), neutral):
            continue
        pairs[path] = str(min(int(neutral), max(1, frames // TOO_LONG_FOR_EPSILON))) if _is_length(path) else neutral
        pairs |= {kept: text for kept, text in _kept(recipe, pairs, path) if kept not in removal.neutral}
    return tuple(f"{path}={text}" for path, text in pairs.items())


def _is_length(path: str) -> bool:
    return path.endswith("over_frames")


def _kept(recipe: Recipe, pairs: Mapping[str, str], path: str) -> Iterator[tuple[str, str]]:
    """Settings below `path` that the old class and the new one share and whose values the new one has by default."""
    before = {p: v for p, v in paths(recipe) if p.startswith(path + ".")}
    wanted = dict(pairs)
    for p in before:  # parents come before their children
        after = dict(paths(override(recipe, wanted)))
        if p not in after or not _differ(before[p], after[p]):
            continue
        try:
            override(recipe, {**wanted, p: _typed(before[p])})
        except ValueError:
            continue  # a name shared by settings of different kinds
        wanted[p] = _typed(before[p])
        yield p, wanted[p]


def _differ(left: Any, right: Any) -> bool:
    """Whether two values of one setting differ: in class, where both are settings with settings of their own."""
    if hasattr(left, "__dataclass_fields__") and hasattr(right, "__dataclass_fields__"):
        return type(left) is not type(right)
    return left != right


def _typed(value: Any) -> str:
    """A value as `override` reads it back."""
    return json.dumps(to_plain(value)) if isinstance(value, tuple) else setting_text(value)
