"""Recipes as values: their numbers (all of them are in `published.py`), JSON, overrides, and what they refuse."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playfield.bootstrap import Double, Greedy
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.networks import Conv, LayerNorm, NoNorm, Plain, UniformInit
from playfield.optimizers import Adam, RMSProp
from playfield.recipes import ALL_RECIPES, RECIPES, recipe_from_json
from playfield.returns import Expectation
from playfield.schedules import Constant, Exponential, Linear, Piecewise
from playfield.settings import UnknownSetting, difference, explain, paths

STEP = 4  # emulator frames of one decision
NATURE_LAYERS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))


def test_numbers_of_dqn():
    dqn = RECIPES["dqn"]
    assert dqn.games == 1
    assert dqn.torso == Conv(layers=NATURE_LAYERS, norm=NoNorm(), init=UniformInit())
    assert dqn.head == Plain(hidden=512, norm=NoNorm(), init=UniformInit(), output_init=UniformInit(), bias="each")
    assert dqn.returns == Expectation(huber=1.0)
    assert dqn.bootstrap == Greedy()
    assert dqn.explore == EpsilonGreedy(Linear(1.0, 0.1, over_frames=1_000_000 * STEP))
    assert dqn.memory == Replay(
        capacity=1_000_000,
        start_frames=50_000 * STEP,
        batch=32,
        every_frames=4 * STEP,
        n_step=1,
        discount=0.99,
        stack=4,
        reward_clip=1.0,
    )
    assert dqn.optimizer == RMSProp(lr=2.5e-4, decay=0.95, eps=0.01 / 32**2, clip_norm=None)
    assert dqn.target == Copy(every_frames=10_000 * STEP)
    assert dqn.eval_epsilon == 0.05
    assert dqn.frames == 50_000_000 * STEP
    nature = dqn.protocol
    assert (nature.repeat_action_probability, nature.noop_max, nature.frame_skip) == (0.0, 30, 4)
    assert (nature.life_loss_ends_return, nature.max_frames, nature.frame_size) == (True, 108_000, (84, 84))


def test_numbers_of_double():
    changed = {path: value for path, _, value in difference(RECIPES["dqn"], RECIPES["double"]) if path != "about"}
    assert changed == {
        "name": "double",
        "bootstrap": "Double",
        "head.bias": "shared",
        "explore.epsilon.end": 0.01,
        "target.every_frames": 30_000 * STEP,
        "eval_epsilon": 0.001,
    }
    assert RECIPES["double"].bootstrap == Double()


def test_every_recipe_is_listed_under_its_own_name_and_says_what_it_is():
    for name, recipe in ALL_RECIPES.items():
        assert recipe.name == name
        assert len(recipe.about) > 40


@pytest.mark.parametrize("name", sorted(ALL_RECIPES))
def test_every_setting_is_explained(name: str):
    recipe = ALL_RECIPES[name]
    silent = [path for path, _ in paths(recipe) if not explain(recipe, path)]
    assert silent == []


@pytest.mark.parametrize("name", sorted(ALL_RECIPES))
def test_json_and_back(name: str):
    assert recipe_from_json(ALL_RECIPES[name].to_json()) == ALL_RECIPES[name]


POSITIVE = st.integers(1, 10**9)
NUMBERS = st.floats(1e-9, 1e6, allow_nan=False)
SHARES = st.floats(0, 1, allow_nan=False)
SCHEDULES = st.one_of(
    st.builds(Constant, SHARES),
    st.builds(Linear, SHARES, SHARES, POSITIVE),
    st.builds(Exponential, SHARES, SHARES, POSITIVE),
    st.lists(st.tuples(NUMBERS, SHARES), min_size=1, max_size=4, unique_by=lambda p: p[0]),
)


EPSILON_GREEDY = sorted(name for name, recipe in RECIPES.items() if isinstance(recipe.explore, EpsilonGreedy))


@given(
    st.sampled_from(EPSILON_GREEDY),
    SCHEDULES,
    st.one_of(
        st.builds(RMSProp, NUMBERS, NUMBERS, NUMBERS, st.none() | NUMBERS),
        st.builds(Adam, NUMBERS, NUMBERS, st.none() | NUMBERS),
    ),
    st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE), min_size=1, max_size=4),
    st.text(max_size=20).filter(str.isprintable),
)
def test_any_recipe_survives_json(name: str, schedule, optimizer, layers, about: str):
    if isinstance(schedule, list):
        schedule = Piecewise(tuple(sorted(schedule)))
    recipe = RECIPES[name].but(
        explore=EpsilonGreedy(schedule), optimizer=optimizer, torso=Conv(layers=tuple(layers)), about=about
    )
    again = recipe_from_json(recipe.to_json())
    assert again == recipe
    assert difference(again, recipe) == []
    assert again.to_json() == recipe.to_json()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not a recipe in JSON"),
        ("[]", "one JSON object"),
        ('{"type": "Replay"}', "one of: LinearRecipe, Recipe"),
        ('{"type": "Recipe", "memory": {"type": "Path"}}', "memory cannot be 'Path'; it is one of: Replay, Rollout"),
        ('{"type": "Recipe", "memory": {"type": "Copy"}}', "memory cannot be 'Copy'"),
        ('{"type": "Recipe", "memori": 3}', "nearest are: memory"),
    ],
)
def test_json_that_is_no_recipe_is_refused(text: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        recipe_from_json(text)


def test_impossible_pairs_in_json_are_refused_too():
    plain = json.loads(RECIPES["pqn"].to_json())
    plain["target"] = {"type": "Copy", "every_frames": 100}
    with pytest.raises(ValueError, match="use target=NoTarget"):
        recipe_from_json(json.dumps(plain))


def test_overrides_by_path():
    recipe = RECIPES["dqn"].with_overrides(["memory.n_step=5", " optimizer = Adam ", "optimizer.lr=1e-3", "frames=1e6"])
    assert recipe.memory == dataclasses.replace(RECIPES["dqn"].memory, n_step=5)
    assert recipe.optimizer == Adam(lr=1e-3)
    assert recipe.frames == 1_000_000


def test_a_choice_comes_before_its_settings_whatever_the_order():
    recipe = RECIPES["dqn"].with_overrides(["optimizer.lr=0.5", "memory.n_step=3", "optimizer=Adam", "memory=Replay"])
    assert recipe.optimizer == Adam(lr=0.5)
    assert recipe.memory.n_step == 3


@pytest.mark.parametrize(
    "override",
    [
        "optimizer.lr=-1",
        "optimizer.lr=NaN",
        "memory.reward_clip=-1",
        "memory.start_frames=-5",
        "explore.epsilon.start=3",
        "head.hidden=0",
        "torso.layers=[[32, 8, 0]]",
    ],
)
def test_values_that_cannot_work_are_refused(override: str):
    with pytest.raises(ValueError, match=r"epsilon|optimizer|reward_clip|start_frames|hidden|layers"):
        RECIPES["dqn"].with_overrides([override])


def test_overrides_of_nested_choices_and_tuples():
    recipe = RECIPES["pqn"].with_overrides(
        ["torso.layers=[[8, 3, 1]]", "torso.norm.over=map", "explore.epsilon=Constant", "explore.epsilon.value=0.1"]
    )
    assert recipe.torso.layers == ((8, 3, 1),)
    assert recipe.torso.norm == LayerNorm(over="map", eps=1e-6)
    assert recipe.explore.epsilon == Constant(0.1)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["memory"], "write path=value"),
        (["memory.n_steps=3"], "nearest are: memory.n_step, "),
        (["memory.n_step=three"], "memory.n_step must be a whole number, not 'three'"),
        (["memory.n_step=0"], "memory.n_step must be 1 or more"),
        (["eval_epsilon=2"], "between 0 and 1"),
        (["games=0"], "1 or more"),
        (["memory=Rollout"], "use bootstrap=Settled"),
        (["bootstrap=Settled"], "only a Rollout memory"),
        (["target.every_frames=0"], "target.every_frames must be 1 or more"),
    ],
)
def test_overrides_that_make_no_sense_are_refused(overrides: list[str], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        RECIPES["dqn"].with_overrides(overrides)


def test_settings_of_the_class_that_was_not_chosen_are_unknown():
    with pytest.raises(UnknownSetting):
        RECIPES["pqn"].with_overrides(["memory.n_step=3"])


def test_pqn_takes_no_target_network():
    with pytest.raises(ValueError, match="use target=NoTarget"):
        RECIPES["pqn"].but(target=Copy())
