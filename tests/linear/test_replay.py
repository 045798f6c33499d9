"""Looking at runs while they are played: replays, values, parts; and none of it changes a bit of the run."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from linear.runs import car_run
from playfield.linear.encoders import Tabular, TileCoding
from playfield.linear.environments import EnvironmentRun
from playfield.linear.learners import ActorCritic, Sarsa, TrueOnlineSarsaLambda
from playfield.linear.play import LinearRun, Setup
from playfield.linear.policies import EpsilonGreedy, Softmax
from playfield.linear.replay import Bystander
from playfield.linear.studies import Budget, Cell, GrowingCell, play_cell
from playfield.linear.worlds import GymnasiumWorld, MountainCar, RandomWalk, WindyGrid
from playfield.rng import Rng

CAR = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
SMALL_CAR = Setup(world=MountainCar(max_steps=300), encoder=TileCoding(), learner=Sarsa(alpha=0.5))


def everything(run: LinearRun, draws: np.random.Generator) -> list[object]:
    """All that a later episode depends on."""
    mind = run.player.mind
    traces = [part.tolist() for part in getattr(mind, "traces", ()) if isinstance(part, np.ndarray)]
    table = run.code.numbers.table
    kept = [mind.weights.tolist(), table.keys.tolist(), table.counts.tolist(), traces, run.player.played.tolist()]
    return [*kept, draws.bit_generator.state]


def columns(cell: Cell) -> list[np.ndarray]:
    return [cell.steps, cell.rewards, cell.errors, cell.cut_off]


def assert_same(one: Cell, other: Cell) -> None:
    for a, b in zip(columns(one), columns(other), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(one.runs, other.runs, strict=True):
        np.testing.assert_array_equal(a.player.mind.weights, b.player.mind.weights)


# Replays


def test_a_replay_is_what_a_plain_loop_of_best_actions_drives():
    run = car_run(Sarsa(alpha=0.5), seed=2)
    run.play(30)
    replay = Bystander(CAR, run).replay(seed=5)
    draws, state = Rng(5).numpy("replay"), np.zeros(2)
    CAR.world.start(np.zeros(0), state, draws)  # type: ignore[union-attr]
    states, ended = [state.tolist()], False
    while not ended:
        values = run.values(state[None])[0]
        assert (values == values.max()).sum() == 1, "ties are broken by chance"
        _, ended = CAR.world.step(np.zeros(0), state, int(values.argmax()), draws)  # type: ignore[union-attr]
        states.append(state.tolist())
    assert replay.states.tolist() == states
    assert replay.ended
    assert replay.reward == 1 - len(states)
    assert 90 < len(states) < 300
    assert replay.states[-1, 0] == 0.5


def test_its_seed_is_where_it_starts():
    run = car_run(Sarsa(alpha=0.5))
    run.play(20)
    bystander = Bystander(CAR, run)
    first, again, other = bystander.replay(1), bystander.replay(1), bystander.replay(2)
    assert first.states.tolist() == again.states.tolist()
    assert first.states[0, 0] != other.states[0, 0]
    before = bystander.replay(1).states
    run.play(1)
    assert bystander.replay(1).states.tolist() != before.tolist(), "the weights are those of now"


def test_one_that_leads_nowhere_is_left_after_the_most_steps_or_the_limit_of_the_world():
    run = car_run(Sarsa(alpha=0.5))
    for setup, most, steps in ((CAR, 50, 50), (SMALL_CAR, 1000, 300)):
        replay = Bystander(setup, run).replay(most_steps=most)
        assert len(replay.states) == steps + 1
        assert not replay.ended
        assert replay.reward == -steps


def test_looking_in_between_leaves_a_run_as_it_was_to_the_bit():
    """Traces, the index table of tiles, the chance of the run, and everything that it plays afterwards."""
    policy, learner = EpsilonGreedy(epsilon=0.2, factor=0.999), TrueOnlineSarsaLambda(alpha=0.5)
    setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=learner, policy=policy)
    draws = [np.random.default_rng(3) for _ in range(2)]
    watched, alone = (LinearRun(setup, each) for each in draws)
    bystander = Bystander(setup, watched)
    grid = np.random.default_rng(0).uniform((-1.2, -0.07), (0.5, 0.07), (200, 2))
    for episode in range(6):
        before = everything(watched, draws[0])
        replay, values, worth = bystander.replay(episode), bystander.values(grid), bystander.worth(grid)
        assert everything(watched, draws[0]) == before
        assert len(replay.states) > 1
        assert worth.tolist() == values.max(1).tolist()
        assert values.tolist() == watched.values(grid).tolist()
        assert watched.play(1).steps[0] == alone.play(1).steps[0]
    assert everything(watched, draws[0]) == everything(alone, draws[1])
    assert bystander.values(grid).min() < -1.0


def test_a_gymnasium_world_is_replayed_in_an_environment_of_its_own():
    setup = Setup(world=GymnasiumWorld(id="MountainCar-v0"), encoder=TileCoding(), learner=Sarsa(alpha=0.5))
    watched, alone = (EnvironmentRun(setup, np.random.default_rng(1)) for _ in range(2))
    bystander = Bystander(setup, watched)
    for _ in range(4):
        replay = bystander.replay(7)
        assert watched.play(2).steps.tolist() == alone.play(2).steps.tolist()
        np.testing.assert_array_equal(watched.player.mind.weights, alone.player.mind.weights)
    assert replay.states.shape == (201, 2)
    assert not replay.ended
    assert replay.reward == -200
    known = bystander.replay(7).states
    checked = 0
    for (x, v), (_, after) in pairwise(known):
        values = bystander.values(np.array([[x, v]]))[0]
        if (values == values.max()).sum() == 1 and after != 0.0:
            push = 0.001 * (int(values.argmax()) - 1) - 0.0025 * np.cos(3 * x)
            assert after == pytest.approx(np.clip(v + push, -0.07, 0.07), abs=1e-6)
            checked += 1
    assert checked > 100
    bystander.close()


def test_what_an_actor_critic_thinks_of_a_state_is_its_critics_value():
    setup = Setup(world=WindyGrid(), encoder=Tabular(), learner=ActorCritic(), policy=Softmax())
    run = LinearRun(setup, np.random.default_rng(0))
    run.player.mind.values[:70] = np.arange(70.0) - 30.0
    run.player.mind.weights[:] = np.arange(280.0)
    states = np.array([[4.0], [69.0], [0.0]])
    bystander = Bystander(setup, run)
    assert bystander.worth(states).tolist() == [-26.0, 39.0, -30.0]
    assert bystander.values(states)[0].tolist() == [4.0, 74.0, 144.0, 214.0]


# Parts


@pytest.mark.parametrize(
    "setup",
    [CAR, Setup(world=RandomWalk(), encoder=Tabular(), learner=Sarsa(alpha=0.1))],
    ids=lambda setup: setup.world.name,
)
def test_runs_in_parts_are_runs_at_once(setup: Setup):
    budget = Budget(episodes=20, runs=3, first_seed=4, threads=2)
    growing = GrowingCell(setup, budget)
    for part in (1, 2, 7, 10):
        growing.play(part)
    assert growing.left == 0
    assert_same(growing.cell(), play_cell(setup, budget))
    assert np.isnan(growing.cell().errors).all() == (setup is CAR)


def test_a_run_whose_weights_ran_away_is_not_played_on():
    setup = Setup(world=MountainCar(), encoder=TileCoding(), learner=Sarsa(alpha=2.2))
    budget = Budget(episodes=12, runs=6)
    at_once, growing = play_cell(setup, budget), GrowingCell(setup, budget)
    assert 0 < at_once.diverged < 6, "choose another step size for this test"
    while growing.left:
        growing.play(min(5, growing.left))
    assert_same(growing.cell(), at_once)
    assert growing.cell().diverged == at_once.diverged


def test_what_has_been_played_so_far_is_the_beginning():
    growing = GrowingCell(CAR, Budget(episodes=6, runs=2))
    growing.play(2)
    assert growing.played == 2
    assert growing.left == 4
    assert growing.cell().steps.shape == (2, 2)
    before = growing.cell().steps.copy()
    growing.play(4)
    np.testing.assert_array_equal(growing.cell().steps[:, :2], before)


def test_parts_grow_until_they_take_the_time_that_is_asked_for():
    clock = [0.0]

    class Counted(GrowingCell):
        """An episode of all runs takes 1/64 second, and the first one is compiled for a minute."""

        def play(self, episodes: int) -> None:
            clock[0] += episodes / 64 + (60.0 if self.played == 0 else 0.0)
            self.played += episodes

    growing = Counted(CAR, Budget(episodes=120, runs=2))
    ends = list(growing.in_parts(0.5, lambda: clock[0]))
    assert ends == [1, 2, 4, 8, 16, 32, 64, 96, 120]
