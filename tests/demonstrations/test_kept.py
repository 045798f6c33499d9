"""Demonstrations in a replay memory: kept, drawn, learnt from before the first action, and back after a resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.tables import clone
from core.toys import ADAPTED, plain
from demonstrations.shown import QUICK, imitating, session_of, shown
from playfield.batch import Batch
from playfield.events import Learned, PhaseChanged, Stepped
from playfield.memory.demonstrated import Demonstrations, spread
from playfield.memory.priorities import Proportional, RankBased, Sampler, Uniform
from playfield.memory.rows import RowRing, RowShape
from playfield.recipes import Recipe
from playfield.session import Session
from playfield.storage.tree import digest
from playfield.types import Clock

SAMPLERS: dict[str, Sampler] = {"uniform": Uniform(), "proportional": Proportional(offset=1e-3), "ranked": RankBased()}


@pytest.fixture
def given(tmp_path: Path) -> Demonstrations:
    return shown(tmp_path / "shown")


def frames(session: Session, until: int) -> list[object]:
    return [plain(event) for event in session.play(until)]


def with_sampler(sampler: Sampler, **changes: object) -> Recipe:
    recipe = imitating(bonus=0.0, **changes)
    return recipe.but(memory=replace(recipe.memory, sampler=sampler))


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
@pytest.mark.parametrize("ratio", [None, 0.5])
def test_demonstrations_stay_when_the_memory_overflows(sampler: Sampler, ratio: float | None, given: Demonstrations):
    """A memory of 60 rows for each of two games, of which each plays 200: what was shown is still drawn, whole."""
    session = session_of(with_sampler(sampler, ratio=ratio), given)
    for _ in session.play(400):
        pass
    memory = session.agent.memory
    assert memory.rows.start > 100
    shown_keys = torch.arange(-len(memory._kept), 0)
    memory.feedback(shown_keys, torch.ones(len(shown_keys)))  # so that none is too dull to be drawn
    drawn: list[Batch] = [memory._batch(400) for _ in range(300)]
    keys = {key for batch in drawn for key in batch.key[batch.key < 0].tolist()}
    starts = (~given.rows.columns["last"][:, 0]).nonzero()[:, 0]
    assert keys == set(range(-len(starts), 0))
    for batch in drawn[:50]:
        assert torch.equal(batch.demonstrated, batch.key < 0)
        for i in batch.demonstrated.nonzero()[:, 0].tolist():
            row = starts[-1 - int(batch.key[i])]
            assert torch.equal(batch.obs[i], given.rows.obs(row[None], torch.tensor([0]))[0])
            assert batch.action[i] == given.rows.columns["action"][row + 1, 0]


def test_one_step_and_more_steps_of_a_demonstration_by_hand():
    """Rewards 1, 2, 4, then 8 at the true end; gamma 1/2, near 1 step and far 3."""
    shape = RowShape(size=5, games=1, frame_shape=(1,), frame_dtype="float32", stack=1)
    rows = RowRing(shape)
    rows.columns["frame"][:, 0, 0] = torch.arange(5.0)
    rows.columns["reward"][:, 0] = torch.tensor([0.0, 1.0, 2.0, 4.0, 8.0])
    rows.columns["discount"][:, 0] = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
    rows.columns["first"][0], rows.columns["last"][4] = True, True
    rows.stop = 5
    recipe = with_sampler(Uniform(), n_step=3)
    spec = replace(recipe.memory, stack=1, discount=0.5, reward_clip=None, n_step=1)
    memory = spec.build(1, (1,), "float32", np.random.default_rng(0), recipe.imitation)
    memory.demonstrate(Demonstrations(rows=rows, frames=4))
    some = memory._demonstrated(torch.arange(4), torch.ones(4))
    assert some.far is not None
    assert some.reward.tolist() == [1.0, 2.0, 4.0, 8.0]
    assert some.discount.tolist() == [0.5, 0.5, 0.5, 0.0]
    assert some.next_obs[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert some.far.reward.tolist() == [1 + 1 + 1, 2 + 2 + 2, 4 + 4, 8]
    assert some.far.discount.tolist() == [0.125, 0.0, 0.0, 0.0]
    assert some.far.next_obs[:, 0].tolist() == [3.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_a_fixed_share_of_what_is_learnt_from_is_demonstrations(sampler: Sampler, given: Demonstrations):
    session = session_of(with_sampler(sampler, ratio=0.3), given)
    learner, told = session.agent.learner, []
    step = learner.step

    def spied(batch: Batch, learning_frames: int):
        told.append(int((batch.key < 0).sum()))
        assert len(batch.key) == 8
        return step(batch, learning_frames)

    learner.step = spied
    for _ in session.play(400):
        pass
    assert told[:12] == [8] * 12  # before the first action
    assert len(told) > 60
    assert abs(sum(told[12:]) - 0.3 * 8 * len(told[12:])) < 1


def test_the_bonus_alone_decides_how_often_demonstrations_are_drawn(given: Demonstrations):
    """With equal surprises and alpha 1, P(shown) = n (1 + b) / (n (1 + b) + m)."""
    recipe = imitating(pretrain_updates=0, bonus=3.0)
    recipe = recipe.but(memory=replace(recipe.memory, sampler=Proportional(alpha=1.0), every_frames=10_000))
    session = session_of(recipe, given)
    for _ in session.play(100):
        pass
    memory, keys = session.agent.memory, []
    oldest, games = memory._oldest(), memory.rows.shape.games
    own = torch.arange(oldest * games, memory._newest() * games)
    own = own[~memory.rows.is_last(own // games, own % games)]
    every = torch.cat([own, -1 - torch.arange(len(memory._kept))])
    memory.feedback(every, torch.ones(len(every)))
    keys = torch.cat([memory._batch(0).key for _ in range(500)])
    n, m = 4.0 * len(memory._kept), float(len(own))
    assert float((keys < 0).float().mean()) == pytest.approx(n / (n + m), abs=0.03)


def test_pretraining_comes_before_the_first_action(given: Demonstrations):
    session = session_of(imitating(), given)
    told = []
    acted = session.agent.act
    session.agent.act = lambda step, clock: (told.append("act"), acted(step, clock))[1]
    for event in session.play(20):
        match event:
            case PhaseChanged(phase=phase):
                told.append(phase)
            case Learned(updates=updates) if session.clock.steps == 0:
                told.append(updates)
            case _:
                pass
    assert told[:15] == ["pretraining", *range(1, 13), "training", "act"]


def test_the_target_is_copied_while_pretraining_as_often_as_while_playing(given: Demonstrations):
    """Every 30 frames, and an update stands for 4: after the 8th update, and then the 15th."""
    session = session_of(imitating(pretrain_updates=20), given)
    learner, copied = session.agent.learner, []
    for event in session.play(1):
        if isinstance(event, Learned) and all(
            torch.equal(a, b) for a, b in zip(learner.network.parameters(), learner.target.parameters(), strict=True)
        ):
            copied.append(event.updates)
    assert copied == [8, 15]


@pytest.mark.parametrize("ratio", [None, 0.25])
def test_a_resume_within_pretraining_and_after_is_exact(ratio: float | None, given: Demonstrations):
    recipe = imitating(ratio=ratio)
    whole, trees, expected = session_of(recipe, given), {}, []
    for event in whole.play(90):
        expected.append(plain(event))
        if (isinstance(event, Learned) and whole.pretraining and event.updates in (1, 7)) or (
            isinstance(event, Stepped) and whole.clock.steps in (1, 30)
        ):
            trees[len(expected)] = clone(whole.state())
    assert len(trees) == 4
    for cut, tree in trees.items():
        resumed = session_of(recipe, None, seed=99)
        resumed.load(tree)
        assert digest(resumed.state()) == digest(tree)
        assert [plain(event) for event in resumed.play(90)] == expected[cut:]
        assert digest(resumed.state()) == digest(whole.state())


@pytest.mark.parametrize("name", ["dqn", "dqn_toy", "rainbow", "prioritized_rank"])
def test_imitation_that_is_switched_off_changes_no_bit(name: str):
    plainly = ADAPTED[name]
    off = replace(QUICK, pretrain_updates=0, margin_weight=0.0, n_step_weight=0.0, l2_weight=0.0, bonus=0.0)
    one, other = session_of(plainly, None), session_of(plainly.but(imitation=off), None)
    assert frames(one, 150) == frames(other, 150)
    assert digest(one.state()) == digest(other.state())
    assert one.agent.learner.updates > 8


def test_each_weight_changes_what_is_learnt(given: Demonstrations):
    learnt = set()
    for changes in ({}, {"margin_weight": 0.0}, {"n_step_weight": 0.0}, {"l2_weight": 0.0}, {"bonus": 0.0}):
        session = session_of(imitating(**changes), given)
        frames(session, 60)
        learnt.add(digest(session.agent.weights()))
    assert len(learnt) == 5


def test_without_imitation_what_was_shown_is_own_experience_and_leaves_like_it(given: Demonstrations):
    recipe = ADAPTED["prioritized"]
    session = session_of(recipe, given)
    memory = session.agent.memory
    assert memory.observing_frames(Clock()) == 0  # 60 frames were shown, and 40 are to be observed
    assert memory.learning_frames(Clock(frames=8)) == 8
    before = memory.rows.stop
    pictures = {bytes(frame.numpy().tobytes()) for frame in memory.rows.columns["frame"][:before].flatten(0, 1)}
    real = {bytes(frame.numpy().tobytes()) for frame in given.rows.columns["frame"][:, 0]}
    assert real <= pictures
    frames(session, 8)
    assert session.agent.learner.updates > 0
    drawn = memory._batch(0)
    assert (drawn.key >= 0).all()
    assert drawn.demonstrated is None
    tree = clone(session.state())
    resumed = session_of(recipe, None, seed=5)
    resumed.load(tree)
    assert frames(resumed, 120) == frames(session, 120)


def test_a_few_demonstrations_shorten_what_is_observed_by_as_much(tmp_path: Path):
    few = shown(tmp_path / "few", frames=15)
    memory = session_of(ADAPTED["dqn"], few).agent.memory
    assert memory.observing_frames(Clock(frames=10)) == 40 - 15 - 10
    assert memory.learning_frames(Clock(frames=30)) == 5


def test_episodes_are_spread_over_the_games_without_mixing():
    """Episodes of 3, 2 and 3 rows in two games: the second game gets the third one, and the first a blank end."""
    shape = RowShape(size=8, games=1, frame_shape=(1,), frame_dtype="uint8", stack=1)
    one = RowRing(shape)
    one.columns["frame"][:, 0, 0] = torch.arange(1, 9)
    one.columns["first"][[0, 3, 5]], one.columns["last"][[2, 4, 7]] = True, True
    one.stop = 8
    into = RowRing(replace(shape, size=6, games=2))
    spread(one, into)
    assert into.stop == 5
    assert into.columns["frame"][:5, :, 0].T.tolist() == [[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]]
    assert into.columns["first"][:5].T.tolist() == [[True, False, False, True, True], [True, False, True, False, False]]
    assert into.columns["last"][:5].T.tolist() == [[False, False, True, True, True], [False, True, False, False, True]]
    with pytest.raises(ValueError, match=r"8 rows, which do not fit .* raise memory.capacity"):
        spread(one, RowRing(replace(shape, size=4, games=2)))


@pytest.mark.parametrize("name", ["pqn", "c51"])
def test_demonstrations_that_a_recipe_cannot_take_are_refused(name: str, given: Demonstrations):
    recipe = ADAPTED[name]
    if name == "c51":
        recipe = recipe.with_overrides(["memory.reward_clip=none", "memory.reward_scale=20"])
    with pytest.raises(ValueError, match=r"demonstrations cannot be given|the game gave a reward of"):
        session_of(recipe, given)


def test_pretraining_without_demonstrations_says_what_to_do():
    session = session_of(imitating(), None)
    with pytest.raises(ValueError, match=r"use imitation.pretrain_updates=0"):
        list(session.play(10))
    with pytest.raises(ValueError, match=r"use imitation.ratio=none"):
        list(session_of(imitating(pretrain_updates=0, ratio=0.5), None).play(200))
