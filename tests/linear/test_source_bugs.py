"""What went wrong in the lesson that the lab supersedes, and holds here: a plain test for each (D2, docs/sources)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control import MountainCarEnv
from matplotlib.figure import Figure as Picture
from torch import nn

from linear.runs import car_run
from linear.tiles import asked, tiles_of, widths
from playfield.build import build_session
from playfield.cli.commands import run_command
from playfield.cli.lab.words import WORLDS
from playfield.events import Stepped
from playfield.explore import EpsilonGreedy as DeepEpsilonGreedy
from playfield.games.toys import toy_games
from playfield.linear import figures, studies
from playfield.linear.charts import Curve
from playfield.linear.encoders import EncoderSpec, HashedTiles, OneHot, Tabular, TileCoding
from playfield.linear.environments import EnvironmentRun
from playfield.linear.figures import FIGURES
from playfield.linear.learners import (
    ActorCritic,
    LearnerSpec,
    NStepSarsa,
    OfflineLambdaReturn,
    Sarsa,
    SarsaLambda,
    TrueOnlineSarsaLambda,
)
from playfield.linear.play import CUT_OFF, ENDED, LinearRun, Setup
from playfield.linear.policies import EpsilonGreedy, PolicySpec, Softmax, chance_at
from playfield.linear.studies import Budget, Cell, play_cell
from playfield.linear.worlds import Cliff, GymnasiumWorld, MountainCar, WindyGrid
from playfield.recipes import RECIPES
from playfield.schedules import Constant, Exponential, Linear, Schedule
from playfield.session import Session
from playfield.types import Clock

UP, DOWN, LEFT, RIGHT = range(4)
BACK, COAST, FORWARD = range(3)

# The cliff, with a weight for every state and action: 48 states, the first action's weights first.
WAY = [48 * UP + 36, *(48 * RIGHT + state for state in range(24, 35)), 48 * DOWN + 35]
"""The shortest way along the cliff, 13 steps."""


def on_the_cliff(
    learner: LearnerSpec, max_steps: int, *, likes: list[int], worth: float = -2.0, policy: PolicySpec = EpsilonGreedy()
) -> LinearRun:
    """A run whose weights are `worth` where it shall go, and far below elsewhere."""
    setup = Setup(world=Cliff(max_steps=max_steps), encoder=Tabular(), learner=learner, policy=policy)
    run = LinearRun(setup, np.random.default_rng(0))
    run.player.mind.weights[:] = -1000.0
    run.player.mind.weights[likes] = worth
    return run


def block(action: int, size: int = 48) -> list[int]:
    """The weights of one action, in every state."""
    return list(range(action * size, (action + 1) * size))


def toy_session(*overrides: str, epsilon: Schedule) -> Session:
    """The recipe dqn_toy, which learns nothing here, on catch."""
    recipe = RECIPES["dqn_toy"].with_overrides(["memory.start_frames=80", "memory.every_frames=1000000", *overrides])
    recipe = recipe.but(explore=DeepEpsilonGreedy(epsilon))
    return build_session(recipe, toy_games("catch", recipe.games), 0)


# D2-B1: the agent never asked its network, and chose by chance


@pytest.mark.parametrize(
    ("action", "states", "reward"),
    [(UP, {36, 24, 12, 0}, -10.0), (DOWN, {36}, -10.0), (LEFT, {36}, -10.0), (RIGHT, {36}, -1000.0)],
)
def test_without_chance_the_best_action_is_taken_and_no_other(action: int, states: set[int], reward: float):
    """Ten steps: up along the left wall, against a wall, or over the cliff and back to the start."""
    run = on_the_cliff(Sarsa(alpha=1e-6, gamma=0.5), 10, likes=block(action), worth=1.0)
    before = run.player.mind.weights.copy()
    assert run.play(1).rewards.tolist() == [reward]
    assert set(np.flatnonzero(run.player.mind.weights != before).tolist()) == {48 * action + state for state in states}


@pytest.mark.parametrize("action", range(3))
def test_without_chance_a_deep_agent_takes_the_best_action_of_its_network(action: int):
    session = toy_session(epsilon=Constant(0.0))
    last = [module for module in session.agent.learner.network.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.data.zero_()
    last.bias.data.zero_()
    last.bias.data[action] = 1.0
    steps = [event for event in session.play(240) if isinstance(event, Stepped)]
    acted = [event.action.tolist() for event in steps if event.clock.frames > 88]
    assert acted == [[action] * 8] * 19


# D2-B2: epsilon was set to 1, and decayed from 0.1


def test_epsilon_starts_at_the_value_that_was_set_and_falls_as_stated_to_its_floor():
    steps = (0, 1, 3, 6, 7, 10**9)
    linear = EpsilonGreedy(epsilon=0.8, floor=0.2, over_steps=6).chance
    assert [chance_at(linear, step) for step in steps] == pytest.approx([0.8, 0.7, 0.5, 0.2, 0.2, 0.2], abs=1e-15)
    exponential = EpsilonGreedy(epsilon=0.8, floor=0.05, factor=0.5).chance
    assert [chance_at(exponential, step) for step in steps] == pytest.approx([0.8, 0.4, 0.1, 0.05, 0.05, 0.05])


def test_epsilon_of_a_deep_agent_starts_at_the_value_that_was_set_and_falls_as_stated():
    """Counted in frames since learning began, after 80 of them; before, all is chance."""
    frames = (0, 79, 80, 130, 180, 10**9)
    linear = toy_session(epsilon=Linear(0.9, 0.1, over_frames=100)).agent
    found = [linear.epsilon(Clock(frames=frame)) for frame in frames]
    assert found == pytest.approx([1.0, 1.0, 0.9, 0.5, 0.1, 0.1], abs=1e-15)
    exponential = toy_session(epsilon=Exponential(0.9, 0.1, decay_frames=50)).agent
    found = [exponential.epsilon(Clock(frames=frame)) for frame in frames]
    assert found == pytest.approx([1.0, 1.0, 0.9, 0.1 + 0.8 / np.e, 0.1 + 0.8 / np.e**2, 0.1])


def test_a_run_explores_as_often_as_its_epsilon_says():
    """From 1 to 0 over the first 1,000 of 2,000 steps: 500 by chance, a quarter of them for each action.

    Episodes of one step, at the foot of the cliff. A weight comes nearer to its reward by a thousandth each time that
    its action is taken, so that it counts.
    """
    learner, policy = Sarsa(alpha=0.001, gamma=0.0), EpsilonGreedy(epsilon=1.0, over_steps=1000)
    run = on_the_cliff(learner, 1, likes=block(UP), worth=1e5, policy=policy)
    run.play(2000)
    there = [48 * action + 36 for action in range(4)]
    before, rewards = np.array([1e5, -1000, -1000, -1000]), np.array([-1, -1, -1, -100])
    taken = np.log((run.player.mind.weights[there] - rewards) / (before - rewards)) / np.log(0.999)
    assert taken.sum() == pytest.approx(2000)
    assert taken.tolist() == pytest.approx([1625, 125, 125, 125], abs=40)


# D2-B3: the actor had no critic


def test_an_actor_has_a_critic_that_learns():
    """Three episodes of one step against the left wall: v ← v + ¼ (−1 + ½ v − v)."""
    learner = ActorCritic(critic_alpha=0.25, gamma=0.5)
    setup = Setup(world=WindyGrid(max_steps=1), encoder=Tabular(), learner=learner, policy=Softmax())
    run = LinearRun(setup, np.random.default_rng(0))
    run.player.mind.weights[70 * LEFT + 30] = 1000.0
    for worth in (-0.25, -0.46875, -0.66015625):
        run.play(1)
        assert run.player.mind.values[30] == worth
    assert np.flatnonzero(run.player.mind.values).tolist() == [30]


# D2-B4 and B5: the curves were of another world than the one they were said to be of


def lab(*arguments: object) -> int:
    return run_command(["lab", *(str(argument) for argument in arguments)])


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """Every picture that is saved; what is written is empty."""
    saved: list[Picture] = []

    def save(picture: Picture, path: Path, **_: object) -> None:
        saved.append(picture)
        path.touch()

    monkeypatch.setattr(Picture, "savefig", save)
    return saved


@pytest.mark.parametrize(
    ("world", "folder", "limit", "cut_off"),
    [
        ("mountaincar", "sarsa-mountaincar", 10_000, "no"),
        ("gym:MountainCar-v0", "sarsa-gym-MountainCar-v0", 200, "yes"),
    ],
)
def test_a_result_is_of_the_world_that_it_names(
    tmp_path: Path, pictures: list[Picture], world: str, folder: str, limit: int, cut_off: str
):
    """A beginner needs more than the 200 steps that Gymnasium gives."""
    assert lab("run", "sarsa", world, "--episodes", 2, "--runs", 1, "--out", tmp_path) == 0
    about = json.loads((tmp_path / folder / "setup.json").read_text())
    kind = {"type": "GymnasiumWorld", "id": "MountainCar-v0"} if ":" in world else {"type": "MountainCar"}
    assert about["setup"]["world"].items() >= kind.items()
    assert about["world"] == {"name": world, "max_steps": limit}
    with (tmp_path / folder / "episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cut_off"] for row in rows] == [cut_off] * 2
    assert [int(row["steps"]) > 200 for row in rows] == [cut_off == "no"] * 2
    assert [picture.get_suptitle() for picture in pictures] == [f"Sarsa on {world}"]


def test_the_legend_and_the_data_of_a_figure_name_the_same_curves(tmp_path: Path, pictures: list[Picture]):
    assert lab("figure", "10.3", "--runs", 1, "--episodes", 2, "--out", tmp_path) == 0
    labels = ["n = 1, alpha = 0.5/8", "n = 8, alpha = 0.3/8"]
    with (tmp_path / "figure_10_3.csv").open(newline="") as file:
        assert [row["curve"] for row in csv.DictReader(file)] == [labels[0]] * 2 + [labels[1]] * 2
    for picture in pictures:
        legend = picture.axes[0].get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == labels


CURVES = pytest.mark.parametrize("number", [number for number in FIGURES if number not in ("9.1", "10.1")])
"""Figures of curves that are compared; those two show what one set-up has learnt."""


def drawn(number: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, float, Setup]]:
    """Every point of a figure's curves: its label, where it lies, and the set-up that would be played for it."""
    played: list[Setup] = []

    def play(setup: Setup, budget: Budget, share: object = None) -> Cell:
        played.append(setup)
        nothing = np.zeros((budget.runs, budget.episodes))
        return Cell(steps=nothing, rewards=nothing, errors=nothing, cut_off=nothing > 0.0, runs=[])

    for module in (figures, studies):
        monkeypatch.setattr(module, "play_cell", play)
    for curve in FIGURES[number].make(Budget(episodes=1, runs=1)):
        assert isinstance(curve, Curve)
        yield curve.label, curve.points[-1].x, played[-1]


def stated(label: str) -> list[tuple[str, float]]:
    """The settings that a label states: n, lambda, alpha and what it is divided by, tilings."""
    divided = [
        ("tilings", float(found)) for found in re.findall(r"/(\d+)|(\d+) tiling", label) for found in found if found
    ]
    return [(name, float(number)) for name, number in re.findall(r"(n|lambda|alpha) = ([\d.]+)", label)] + divided


@CURVES
def test_every_curve_of_a_figure_has_a_label_of_its_own_that_states_its_setting(
    number: str, monkeypatch: pytest.MonkeyPatch
):
    swept = FIGURES[number].axes.x.startswith("alpha")
    setups: dict[str, set[Setup]] = {}
    for label, x, setup in drawn(number, monkeypatch):
        learner = setup.learner
        true = {name: getattr(learner, field, None) for name, field in [("n", "n"), ("lambda", "lambda_")]}
        true |= {"alpha": learner.alpha, "tilings": getattr(setup.encoder, "tilings", None)}
        assert stated(label) or "Sarsa(lambda)" in label
        assert all(true[name] == value for name, value in stated(label))
        assert ("true online" in label) == isinstance(learner, TrueOnlineSarsaLambda)
        assert ("off-line" in label) == isinstance(learner, OfflineLambdaReturn)
        for trace in ("accumulating", "replacing"):
            assert trace not in label or getattr(learner, "trace", None) in (trace, "clearing")
        assert ("clearing" in label) == (getattr(learner, "trace", None) == "clearing")
        assert not swept or x == learner.alpha
        same = replace(setup, learner=replace(learner, alpha=1.0)) if swept else setup
        setups.setdefault(label, set()).add(same)
    assert [len(of_label) for of_label in setups.values()] == [1] * len(setups)
    assert len(set.union(*setups.values())) == len(setups) >= 2


# D2-B6: the first state of an episode switched on features of others


def chosen_places(run: LinearRun, action: int) -> list[int]:
    """The weights of an action near where the car starts, once they have places."""
    if isinstance(run.setup.encoder, OneHot):
        return block(action, 18)
    for x in np.linspace(-0.61, -0.39, 100):
        for v in (-0.003, 0.0, 0.003):
            asked(run.code, [x, v], 3)
    keys = run.code.numbers.table.keys
    return np.flatnonzero((keys[:, 0] >= 0) & (keys[:, -1] == action)).tolist()


def features_of(run: LinearRun, places: list[int]) -> set[object]:
    """What these weights belong to: tiles, or the numbers of intervals."""
    if isinstance(run.setup.encoder, OneHot):
        return set(places)
    return {tuple(run.code.numbers.table.keys[place].tolist()) for place in places}


@pytest.mark.parametrize("encoder", [TileCoding(), OneHot()], ids=lambda e: type(e).__name__)
def test_the_first_state_of_every_episode_switches_on_its_own_features_and_no_others(encoder: EncoderSpec):
    """Episodes of one step: what has changed is what the first state switched on.

    The car always coasts, so that nothing but its start is drawn: the starts are those of an equal generator.
    """
    setup = Setup(world=MountainCar(max_steps=1), encoder=encoder, learner=Sarsa(alpha=1e-3))
    run, twin = LinearRun(setup, np.random.default_rng(4)), np.random.default_rng(4)
    run.player.mind.weights[chosen_places(run, COAST)] = 1.0
    for _ in range(4):
        before = run.player.mind.weights.copy()
        run.play(1)
        position = twin.uniform(-0.6, -0.4)
        changed = np.flatnonzero(run.player.mind.weights != before).tolist()
        if isinstance(encoder, OneHot):
            # 9 intervals of the position, then 9 of the velocity, which is 0 and in the middle; 18 for each action.
            expected: set[object] = {18 + int((position + 1.2) / (1.7 / 8)), 18 + 9 + 4}
        else:
            expected = set(tiles_of([position / (1.7 / 8), 0.0], 8, COAST))
        assert len(changed) == len(expected) == (2 if isinstance(encoder, OneHot) else 8)
        assert features_of(run, changed) == expected


class RecordedCar(MountainCarEnv):
    """Gymnasium's car, which remembers where it started."""

    starts: ClassVar[list[list[float]]] = []

    def reset(self, **how):
        observation, more = super().reset(**how)
        self.starts.append(observation.tolist())
        return observation, more


@pytest.fixture
def one_step_car() -> Iterator[str]:
    """An environment whose episodes are cut off after their first step."""
    gymnasium.register("OneStepCar-v0", entry_point=RecordedCar, max_episode_steps=1)
    yield "OneStepCar-v0"
    del gymnasium.registry["OneStepCar-v0"]
    RecordedCar.starts.clear()


def in_gymnasium(environment: str, seed: int) -> EnvironmentRun:
    setup = Setup(world=GymnasiumWorld(id=environment), encoder=OneHot(), learner=Sarsa(alpha=1e-3))
    return EnvironmentRun(setup, np.random.default_rng(seed))


def test_the_first_state_of_every_episode_in_gymnasium_switches_on_its_own_features(one_step_car: str):
    """Its car may show positions up to 0.6."""
    run = in_gymnasium(one_step_car, 0)
    RecordedCar.starts.clear()
    for _ in range(4):
        before = run.player.mind.weights.copy()
        run.play(1)
        position, velocity = RecordedCar.starts[-1]
        assert velocity == 0.0
        changed = np.flatnonzero(run.player.mind.weights != before)
        assert (changed % 18).tolist() == [int((position + 1.2) / (1.8 / 8)), 9 + 4]
        assert len(set((changed // 18).tolist())) == 1
    run.close()


# D2-B7: every episode of every run started at one place


def test_different_seeds_start_differently_and_so_does_every_episode_of_a_run():
    """Episodes of one step, and intervals so small that the weights that changed say where the car was."""
    setup = Setup(world=MountainCar(max_steps=1), encoder=OneHot(tiles=20_000), learner=Sarsa())
    runs = play_cell(setup, Budget(episodes=3, runs=20)).runs
    changed = [np.flatnonzero(run.player.mind.weights) % (2 * 20_001) for run in runs]
    starts = [tuple(sorted({int(place) for place in places if place < 20_001})) for places in changed]
    assert [len(places) for places in starts] == [3] * 20
    assert len(set(starts)) == 20
    assert all(0.6 * 20_000 / 1.7 - 1 <= place < 0.8 * 20_000 / 1.7 for places in starts for place in places)


def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another():
    runs = [car_run(Sarsa(alpha=0.5), seed) for seed in (5, 5, 6)]
    steps = [run.play(4).steps.tolist() for run in runs]
    assert steps[0] == steps[1] != steps[2]
    weights = [run.player.mind.weights.tolist() for run in runs]
    assert weights[0] == weights[1] != weights[2]


def test_in_gymnasium_too_seeds_decide_where_episodes_start(one_step_car: str):
    found = []
    for seed in (0, 0, 1):
        run = in_gymnasium(one_step_car, seed)
        RecordedCar.starts.clear()
        run.play(5)
        run.close()
        found.append([position for position, _ in RecordedCar.starts])
    assert found[0] == found[1]
    assert len({*found[0], *found[2]}) == 10


# D2-B8: features of the velocity began one too early, on that of the goal


@pytest.mark.parametrize("tiles", [8, 16, 32])
@pytest.mark.parametrize("farthest", [0.5, 0.6], ids=["the goal", "beyond the goal in Gymnasium"])
def test_position_and_velocity_share_no_feature_at_the_goal_and_at_the_limits(tiles: int, farthest: float):
    code = OneHot(tiles=tiles).build(replace(MountainCar().observations, high=(farthest, 0.07)), 3)
    found: dict[str, set[int]] = {"position": set(), "velocity": set()}
    for position in (-1.2, -0.5, 0.499, 0.5, farthest):
        for velocity in (-0.07, 0.0, 0.07):
            index, _ = asked(code, [position, velocity], 3)
            assert all(len(set(row)) == 2 for row in index)
            for action, (x, v) in enumerate(index):
                found["position"].add(x - 2 * (tiles + 1) * action)
                found["velocity"].add(v - 2 * (tiles + 1) * action)
    assert found["position"] <= set(range(tiles + 1))
    assert found["velocity"] == {tiles + 1, tiles + 1 + tiles // 2, 2 * tiles + 1}
    assert max(found["position"]) == tiles


# D2-B9: the "index hash table" was a remainder, and large enough that nothing ever collided


CELLS = [[column + 0.5, row + 0.5] for column in range(8) for row in range(8)]


def test_an_index_table_gives_every_tile_its_own_index_until_it_is_full_and_then_counts_those_that_share():
    """One plain grid of 64 tiles, and 50 places."""
    code = TileCoding(tilings=1, size=50).build(widths(2), 1)
    first = [asked(code, cell, 1)[0][0][0] for cell in CELLS[:50]]
    assert (sorted(first), code.used()) == (list(range(50)), (50, 0))
    late = [asked(code, cell, 1)[0][0][0] for cell in CELLS[50:]]
    assert (set(late) <= set(range(50)), code.used()) == (True, (50, 14))
    assert [asked(code, cell, 1)[0][0][0] for cell in CELLS[:50]] == first
    assert code.used() == (50, 14)


def test_plain_hashing_shares_weights_and_keeps_no_count():
    found = {}
    for size in (50, 256, 2**30):
        code = HashedTiles(tilings=1, size=size).build(widths(2), 1)
        found[size] = len({asked(code, cell, 1)[0][0][0] for cell in CELLS})
        assert code.used() is None
    assert found[50] < 50
    assert found[256] < found[2**30] == 64


# D2-B15: a cut-off was taken for an end, or not noticed at all

HALVES = {"alpha": 0.5, "gamma": 0.5}
# How much each step changes what the steps before it are worth, the last step first.
KINDS = pytest.mark.parametrize(
    ("learner", "shares"),
    [
        (Sarsa(**HALVES), [1.0]),
        (NStepSarsa(**HALVES, n=4), [0.5**back for back in range(4)]),
        (SarsaLambda(**HALVES, lambda_=0.5, trace="accumulating"), [0.25**back for back in range(13)]),
        (TrueOnlineSarsaLambda(**HALVES, lambda_=0.5), [0.25**back for back in range(13)]),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, list) else "",
)


def moved(shares: list[float], steps: int, by: float) -> list[float]:
    """What 13 weights of −2 have become after so many steps, of which the last was by so much too low."""
    change = [by * share for share in shares[:steps]]
    return [-2.0 + x for x in [*[0.0] * (steps - len(change)), *change[::-1], *[0.0] * (13 - steps)]]


@KINDS
def test_a_true_end_is_not_bootstrapped(learner: LearnerSpec, shares: list[float]):
    """Each step is worth −2 = −1 + ½ (−2), but the last −1: half of the error is 0.5. What lies behind is no matter."""
    run = on_the_cliff(learner, 13, likes=WAY)
    run.player.mind.weights[[48 * action + 47 for action in range(4)]] = 100.0
    record = run.play(1)
    assert (record.steps.tolist(), record.outcome.tolist()) == ([13], [ENDED])
    assert run.player.mind.weights[WAY].tolist() == moved(shares, 13, 0.5)


@KINDS
def test_a_cut_off_is_bootstrapped(learner: LearnerSpec, shares: list[float]):
    """After 12 steps, before one that is worth 6: −1 + ½ 6 is 4 more than −2, and half of that is learnt."""
    run = on_the_cliff(learner, 12, likes=WAY)
    run.player.mind.weights[WAY[-1]] = 6.0
    record = run.play(1)
    assert (record.steps.tolist(), record.outcome.tolist()) == ([12], [CUT_OFF])
    assert run.player.mind.weights[WAY[:-1]].tolist() == moved(shares, 12, 2.0)[:-1]
    assert run.player.mind.weights[WAY[-1]] == 6.0


def test_a_cut_off_in_gymnasium_is_bootstrapped(one_step_car: str):
    """One step, at a value of 1 + 1 before and after it: both weights lose half of α (−1 + 2 − 2)."""
    run = in_gymnasium(one_step_car, 0)
    run.player.mind.weights[:] = 1.0
    assert run.play(1).outcome.tolist() == [CUT_OFF]
    run.close()
    assert sorted(run.player.mind.weights.tolist())[:3] == [1.0 - 0.0005, 1.0 - 0.0005, 1.0]


def test_an_episode_that_would_never_end_is_cut_off():
    """A car that only coasts never leaves the valley."""
    assert MountainCar().max_steps == 10_000
    run = LinearRun(Setup(world=MountainCar(), encoder=OneHot(), learner=Sarsa(alpha=1e-9)), np.random.default_rng(0))
    run.player.mind.weights[block(COAST, 18)] = 1.0
    record = run.play(2)
    assert (record.steps.tolist(), record.outcome.tolist()) == ([10_000] * 2, [CUT_OFF] * 2)


def test_every_world_of_the_commands_in_which_an_episode_could_be_endless_cuts_it_off():
    limits = {name: world.max_steps for name, world in WORLDS.items() if len(world.actions) > 1}
    assert limits == {"mountaincar": 10_000, "mountaincar200": 200, "cliff": 10_000, "windy": 10_000}


# D2-B19: only the trace of the action that was taken faded; labels stated alpha for lambda


@pytest.mark.parametrize(
    "learner",
    [
        SarsaLambda(**HALVES, lambda_=0.5, trace="accumulating"),
        SarsaLambda(**HALVES, lambda_=0.5, trace="replacing"),
        TrueOnlineSarsaLambda(**HALVES, lambda_=0.5),
    ],
    ids=lambda learner: getattr(learner, "trace", "true online"),
)
def test_the_traces_of_actions_that_were_not_taken_fade_too(learner: LearnerSpec):
    """Up, right, right: with γ λ = ¼ the trace of the one step up is ¼ after the first step right, then ¼ of that."""
    for steps, traces in [(1, [1.0]), (2, [0.25, 1.0]), (3, [0.0625, 0.25, 1.0])]:
        run = on_the_cliff(learner, steps, likes=WAY)
        run.play(1)
        expected = np.zeros(4 * 48)
        expected[WAY[:steps]] = traces
        assert run.player.mind.traces.z.tolist() == expected.tolist()


@CURVES
def test_no_label_states_a_setting_twice(number: str, monkeypatch: pytest.MonkeyPatch):
    """And what is swept along the axis stands there, and in no label."""
    axes = FIGURES[number].axes
    for label, _, _ in drawn(number, monkeypatch):
        names = [name for name, _ in stated(label)]
        assert len(names) == len(set(names))
        assert label.count("alpha") == names.count("alpha") <= (0 if axes.x.startswith("alpha") else 1)
        assert label.count("lambda =") == names.count("lambda")
