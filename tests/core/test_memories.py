"""One suite for every memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from core.streams import Play
from core.tables import clone
from playfield.batch import Batch
from playfield.memory.frames import Packed
from playfield.memory.priorities import Proportional, RankBased
from playfield.memory.replay import Replay, ReplayMemory
from playfield.memory.rollout import Rollout, RolloutMemory
from playfield.types import Clock

GAMES, CALLS = 2, 60
SPECS: dict[str, Replay | Rollout] = {
    "replay": Replay(capacity=40, start_frames=40, batch=4, every_frames=12, stack=2, n_step=1),
    "replay, 3 steps": Replay(capacity=40, start_frames=40, batch=4, every_frames=5, stack=4, n_step=3),
    "proportional": Replay(
        capacity=40, start_frames=40, batch=4, every_frames=5, stack=2, n_step=2, sampler=Proportional(offset=1e-6)
    ),
    "ranked": Replay(
        capacity=40, start_frames=40, batch=4, every_frames=5, stack=2, n_step=2, sampler=RankBased(sort_every=40)
    ),
    "packed": Replay(capacity=110, start_frames=40, batch=4, every_frames=5, stack=4, n_step=3, store=Packed()),
    "rollout at once": Rollout(steps=5, epochs=2, minibatches=3, stack=2),
    "rollout spread": Rollout(steps=5, epochs=2, minibatches=3, stack=4, pace="spread"),
}
every_memory = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def memory(spec: Replay | Rollout, draws: np.random.Generator, games: int = GAMES) -> ReplayMemory | RolloutMemory:
    return spec.build(games, (1, 2, 1), "uint8", draws)


def clocks() -> Iterator[Clock]:
    for call in range(CALLS):
        yield Clock(frames=4 * GAMES * call)


@every_memory
def test_what_comes_out_is_ready_for_a_loss(spec: Replay | Rollout):
    it, play, seen = memory(spec, np.random.default_rng(0)), Play(1, GAMES), 0
    play.feed(it)
    for clock in clocks():
        for b in it.batches(clock):
            size = len(b.key)
            seen += size
            assert size > 0
            assert b.obs.shape == b.next_obs.shape == (size, spec.stack, 1, 2)
            assert b.action.shape == b.reward.shape == b.discount.shape == b.weight.shape == (size,)
            assert b.action.dtype == b.key.dtype == torch.int64
            assert b.reward.dtype == b.discount.dtype == b.weight.dtype == torch.float32
            assert ((b.discount >= 0) & (b.discount <= spec.discount)).all()
            it.feedback(b.key, torch.ones(size))
        play.feed(it)
    assert seen > 0


@every_memory
def test_nothing_is_learnt_while_only_observing(spec: Replay | Rollout):
    it, play = memory(spec, np.random.default_rng(0)), Play(1, GAMES)
    play.feed(it)
    for clock in clocks():
        if it.observing_frames(clock) > 0:
            assert it.learning_frames(clock) == 0
            assert list(it.batches(clock)) == []
        play.feed(it)


@every_memory
def test_the_newest_observation_is_the_naive_stack(spec: Replay | Rollout):
    it, play = memory(spec, np.random.default_rng(0)), Play(1, GAMES)
    for row in range(50):
        play.feed(it)
        for game in range(GAMES):
            assert torch.equal(play.acted[row][game], play.stack(row, game, spec.stack))


@every_memory
@pytest.mark.parametrize("cut", [0, 1, 6, 7, 9, 13, 31, 44])
def test_a_restored_memory_goes_on_identically(spec: Replay | Rollout, cut: int):
    draws = np.random.default_rng(7)
    whole, play = memory(spec, draws), Play(2, GAMES)
    play.feed(whole)
    restored = None
    for call, clock in enumerate(clocks()):
        if call == cut:
            again = copy.deepcopy(draws)
            restored = memory(spec, again)
            restored.load(clone(whole.state()))
            assert torch.equal(restored.newest_obs(), whole.newest_obs())
        expected = list(whole.batches(clock))
        said = play.next()
        whole.add(*said)
        if restored is not None:
            same(expected, list(restored.batches(clock)))
            restored.add(*said)
            assert torch.equal(restored.newest_obs(), whole.newest_obs())
            assert again.bit_generator.state == draws.bit_generator.state


def same(expected: list[Batch], given: list[Batch]) -> None:
    assert len(expected) == len(given)
    for one, other in zip(expected, given, strict=True):
        assert all(a is b or torch.equal(a, b) for a, b in zip(one, other, strict=True))


@every_memory
def test_rows_of_another_number_of_games_are_refused(spec: Replay | Rollout):
    it, play = memory(spec, np.random.default_rng(0), games=1), Play(2, 1)
    for _ in range(10):
        play.feed(it)
    with pytest.raises(ValueError, match="does not fit"):
        memory(spec, np.random.default_rng(0)).load(clone(it.state()))
