"""The recipes of the family against the published numbers; and what is refused."""

from __future__ import annotations

from dataclasses import is_dataclass

import pytest

from core.published import DEPARTURES, DQN
from playfield.bootstrap import Munchausen
from playfield.memory.priorities import Proportional
from playfield.recipes import RECIPES
from playfield.returns import Categorical
from playfield.settings import difference, paths


@pytest.mark.parametrize("name", RECIPES)
def test_the_numbers_are_the_published_ones(name: str):
    """All of them: what is not named as a departure is DQN's."""
    has = {path: type(v).__name__ if is_dataclass(v) else v for path, v in paths(RECIPES[name])}
    published = DQN | DEPARTURES[name]
    assert {path: value for path, value in has.items() if value is not None and path not in ("name", "about")} == {
        path: pytest.approx(value) if type(value) is float else value
        for path, value in published.items()
        if value is not None
    }


@pytest.mark.parametrize(
    ("recipe", "overrides", "sentence"),
    [
        ("m_dqn", ["returns=Categorical"], "use returns=ImplicitQuantiles, Quantiles, HLGauss or Expectation"),
        (
            "c51",
            ["returns.low=0", "returns.high=0.5"],
            "widen returns.low and returns.high, or lower memory.reward_clip",
        ),
        ("hl_gauss", ["returns.high=0.5"], "cannot hold a single reward of 1"),
        ("c51", ["returns.low=3", "returns.high=2"], "must lie below returns.high"),
        ("rainbow", ["eval_epsilon=0.01"], "use eval_epsilon=0"),
        ("noisy", ["eval_epsilon=0.05"], "evaluated by its mean weights"),
        ("dqn", ["returns=PolicyAndValue"], "need each other"),
        ("dqn", ["explore=Sampled"], "need each other"),
        ("dqn", ["explore=Sampled", "returns=PolicyAndValue"], "use a Rollout memory"),
        ("actor_critic", ["head=Dueling"], "use head=Plain"),
        ("actor_critic", ["returns=Expectation"], "need each other"),
        ("prioritized_rank", ["memory.sampler.alpha=1.5"], "alpha"),
        ("prioritized", ["memory.sampler.alpha=-0.1"], "alpha"),
        ("double", ["head.layer=Noisy", "eval_epsilon=0"], "use head.layer=Dense"),
    ],
)
def test_impossible_pairs_are_refused_with_what_to_do(recipe: str, overrides: list[str], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        RECIPES[recipe].with_overrides(overrides)


def test_what_was_refused_is_possible_with_what_the_sentence_says():
    assert isinstance(RECIPES["c51"].with_overrides(["returns.low=-1", "returns.high=1"]).returns, Categorical)
    assert isinstance(RECIPES["m_dqn"].with_overrides(["returns=HLGauss"]).bootstrap, Munchausen)
    assert isinstance(RECIPES["rainbow"].memory.sampler, Proportional)


def test_rainbow_is_dqn_and_ten_lines():
    changed = [path for path, _, _ in difference(RECIPES["dqn"], RECIPES["rainbow"])]
    parts = {path.split(".")[0] for path in changed} - {"name", "about", "memory"}
    remembered = {path.split(".")[1] for path in changed if path.startswith("memory.")}
    assert len(parts) + len(remembered) <= 10
