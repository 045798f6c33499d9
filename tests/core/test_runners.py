"""Work that is played from fixed places is the same work, bit for bit: with the recording itself left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from core.toys import ADAPTED, plain, small_games
from playfield.agent import nothing_decided
from playfield.build import build_agent
from playfield.device import HOST, arithmetic
from playfield.events import Learned
from playfield.memory.replay import Replay
from playfield.networks import Chance
from playfield.optimizers import RMSProp, load_optimizer_state, optimizer_state, set_rate
from playfield.rng import Rng
from playfield.runners import MOST_RECORDINGS, REHEARSALS, Repeating, Runner, eager, leaves, rebuilt, recorded
from playfield.session import Session
from playfield.storage.tree import digest
from playfield.types import Clock


class Counting:
    """Like `Repeating`, and counts."""

    def __init__(self) -> None:
        self.rehearsed = self.records = self.played = 0

    def rehearse(self, work: Callable[[], Any]) -> Any:
        self.rehearsed += 1
        return work()

    def record(self, work: Callable[[], Any]) -> Callable[[], Any]:
        self.records += 1

        def again() -> Any:
            self.played += 1
            return work()

        return again


def play(name: str, runner: Runner) -> tuple[list[Any], str]:
    recipe = ADAPTED[name]
    if isinstance(recipe.memory, Replay):
        recipe = recipe.with_overrides(["memory.every_frames=2"])
    games, rng = small_games(recipe.games), Rng(11)
    session = Session(build_agent(recipe, games.spec, rng, runner=runner), games, rng)
    session.agent.learner.probe_every = 7
    told: list[Any] = []
    for event in session.play(float("inf")):
        told.append(plain(event))
        if isinstance(event, Learned) and event.updates == 30:
            break
    return told, digest(session.state())


@pytest.mark.parametrize("name", ["dqn", "rainbow", "iqn", "btr", "pqn", "actor_critic", "dqn, convolutions"])
def test_updates_and_actions_from_fixed_places_are_the_same(name: str):
    counting = Counting()
    assert play(name, recorded(counting)) == play(name, eager)
    assert counting.records >= 2, "updates and actions"
    assert counting.played > counting.rehearsed > 0


class Pair(NamedTuple):
    one: Tensor
    other: Tensor | None


def test_the_fourth_call_is_recorded_and_each_shape_apart():
    counting = Counting()
    double = recorded(counting)(lambda given: Pair(given.one * 2, None), None)
    found = [double(Pair(torch.full((size,), float(number)), None)) for number in range(5) for size in (2, 3)]
    assert [each.one.tolist() for each in found[-2:]] == [[8.0] * 2, [8.0] * 3]
    assert [each.one.tolist() for each in found[-4:-2]] == [[6.0] * 2, [6.0] * 3], "overwritten by the next call"
    assert (counting.rehearsed, counting.records, counting.played) == (2 * REHEARSALS, 2, 4)


def test_no_more_shapes_are_recorded_than_there_is_room_for():
    counting = Counting()
    work = recorded(counting)(lambda given: given + 1, None)
    for size in range(1, MOST_RECORDINGS + 4):
        for _ in range(REHEARSALS + 2):
            assert work(torch.zeros(size)).tolist() == [1.0] * size
    assert counting.records == MOST_RECORDINGS


def test_what_is_drawn_into_place_is_what_would_have_been_drawn():
    def work(chance: Chance) -> Callable[[Tensor], Tensor]:
        return lambda x: x + chance.normal(37)[0] * chance.uniform(3, 5).sum() + chance.normal(2)[1]

    drawn: list[list[float]] = []
    for runner in (eager, recorded(Repeating())):
        chance = Chance(torch.Generator().manual_seed(5))
        run = runner(work(chance), chance)
        drawn.append([float(run(torch.zeros(1))) for _ in range(8)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 8


def test_leaves_and_what_is_built_around_others():
    given = (Pair(torch.tensor(1.0), None), Pair(torch.tensor(2.0), torch.tensor(3.0)))
    assert [float(leaf) for leaf in leaves(given)] == [1.0, 2.0, 3.0]
    pair = rebuilt(given[1], iter([torch.tensor(4.0), torch.tensor(5.0)]))
    assert type(pair) is Pair
    assert pair.other is not None
    assert (float(pair.one), float(pair.other)) == (4.0, 5.0)
    assert rebuilt(given[0], iter([torch.tensor(6.0)])).other is None


def test_a_step_size_in_a_tensor_makes_the_same_steps():
    weights: list[Tensor] = []
    for lr in (0.1, torch.tensor(0.1)):
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = RMSProp(lr=0.1).build([weight])
        optimizer.param_groups[0]["lr"] = lr
        for step in range(4):
            set_rate(optimizer, 0.1 / (step + 1))
            weight.grad = torch.tensor([0.5, -0.25]) * (step + 1)
            optimizer.step()
        assert type(optimizer.param_groups[0]["lr"]) is type(lr)
        weights.append(weight.detach())
    torch.testing.assert_close(weights[0], weights[1])


def test_after_a_load_nothing_is_played_from_places_of_before():
    recipe, counting = ADAPTED["dqn_adam"], Counting()
    games, rng = small_games(recipe.games), Rng(1)
    session = Session(build_agent(recipe, games.spec, rng, runner=recorded(counting)), games, rng)
    learner = session.agent.learner
    for event in session.play(float("inf")):
        if isinstance(event, Learned) and event.updates == 8:
            break
    moments = {k: {n: v.clone() for n, v in each.items()} for k, each in optimizer_state(learner.optimizer).items()}
    load_optimizer_state(learner.optimizer, moments)
    before = counting.rehearsed
    learner.load({**learner.state(), "optimizer": moments})
    batch = session.agent.memory._batch(0)
    learner.step(batch, 0)
    assert counting.rehearsed == before + 1


def test_a_processor_calculates_in_full():
    with arithmetic("bfloat16", HOST):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == torch.float32


def test_a_recipe_says_how_exactly_a_card_multiplies_and_a_processor_does_not_care():
    assert ADAPTED["dqn"].precision == "float32"
    with pytest.raises(ValueError, match="precision"):
        ADAPTED["dqn"].with_overrides(["precision=half"])
    recipe, games = ADAPTED["iqn"].with_overrides(["precision=bfloat16"]), small_games(1)
    rough, full = (build_agent(each, games.spec, Rng(0)) for each in (recipe, ADAPTED["iqn"]))
    step = games.begin(Rng(1).numpy("episodes"))
    for agent in (rough, full):
        agent.observe(nothing_decided(1), step)
    assert rough.act(step, Clock(frames=10**6)).value == full.act(step, Clock(frames=10**6)).value
