"""Rollouts against a recursion over single games, and how their minibatches are paced."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.streams import Play
from playfield.batch import Batch
from playfield.memory.rollout import Rollout, RolloutMemory
from playfield.types import Clock

FRAME = (1, 2, 1)


def memory(spec: Rollout, games: int, seed: int = 0) -> RolloutMemory:
    return spec.build(games, FRAME, "uint8", np.random.default_rng(seed))


def target(play: Play, spec: Rollout, row: int, game: int, end: int) -> float:
    """G of the transition that starts at `row`, in a rollout that ends at row `end`."""
    said = play.rows[game][row + 1]
    reward = said.reward if spec.reward_clip is None else max(-spec.reward_clip, min(spec.reward_clip, said.reward))
    if row + 1 == end or said.last:
        following = said.value
    else:
        following = (1 - spec.lambda_) * said.value
        if spec.lambda_ > 0 and said.discount > 0:
            following += spec.lambda_ * target(play, spec, row + 1, game, end)
    return reward + spec.discount * said.discount * following


@dataclass
class Session:
    """The calls that an agent would make, one step after the other."""

    spec: Rollout
    games: int
    seed: int = 0
    served: list[list[Batch]] = field(default_factory=list)
    """Batches at each call; call i comes when rows 0..i are there."""

    def __post_init__(self) -> None:
        self.play, self.memory = Play(self.seed, self.games), memory(self.spec, self.games, self.seed)
        self.play.feed(self.memory)

    def go(self, calls: int) -> list[list[Batch]]:
        for _ in range(calls):
            self.served.append(list(self.memory.batches(Clock())))
            self.play.feed(self.memory)
        return self.served


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    games=st.integers(1, 3),
    steps=st.integers(2, 6),
    stack=st.integers(1, 4),
    epochs=st.integers(1, 3),
    pace=st.sampled_from(["at_once", "spread"]),
    lambda_=st.sampled_from([0.0, 0.5, 1.0]),
    clip=st.sampled_from([None, 1.0]),
)
def test_every_valid_transition_once_in_each_epoch_with_the_naive_target(
    seed: int, games: int, steps: int, stack: int, epochs: int, pace, lambda_: float, clip: float | None
):
    minibatches = max(1, games * steps // 3)
    spec = Rollout(
        steps=steps,
        epochs=epochs,
        minibatches=minibatches,
        discount=0.5,
        lambda_=lambda_,
        stack=stack,
        reward_clip=clip,
        pace=pace,
    )
    session = Session(spec, games, seed)
    rollouts = 4
    session.go(rollouts * steps + 1 + steps)
    play, batches = session.play, [b for served in session.served for b in served]
    for begin in range(0, rollouts * steps, steps):
        end = begin + steps
        allowed = [row * games + g for row in range(begin, end) for g in range(games) if not play.rows[g][row].last]
        count = min(minibatches, len(allowed))
        for _ in range(epochs):
            epoch, batches = batches[:count], batches[count:]
            assert sorted(key for b in epoch for key in b.key.tolist()) == allowed
            sizes = [len(b.key) for b in epoch]
            assert max(sizes) - min(sizes) <= 1
            for b in epoch:
                check(play, spec, b, end)


def check(play: Play, spec: Rollout, batch: Batch, end: int) -> None:
    for i, key in enumerate(batch.key.tolist()):
        row, game = divmod(key, play.games)
        assert batch.reward[i].item() == pytest.approx(target(play, spec, row, game, end), abs=1e-4)
        assert batch.action[i].item() == play.rows[game][row + 1].action
        assert torch.equal(batch.obs[i], play.acted[row][game])
        assert torch.equal(batch.obs[i], play.stack(row, game, spec.stack))
    assert not batch.discount.any()
    assert batch.weight.tolist() == [1.0] * len(batch.key)


def test_truncation_bootstraps_from_its_last_frame_and_termination_does_not():
    spec = Rollout(steps=40, epochs=1, minibatches=1, discount=0.5, lambda_=0.9, stack=1, reward_clip=None)
    session = Session(spec, 2, seed=1)
    (batch,) = [b for served in session.go(44) for b in served]
    seen = set()
    for key, goal in zip(batch.key.tolist(), batch.reward.tolist(), strict=True):
        row, game = divmod(key, 2)
        said = session.play.rows[game][row + 1]
        if said.last:
            bootstrap = 0.5 * said.value if said.discount == 1.0 else 0.0
            assert goal == pytest.approx(said.reward + bootstrap, abs=1e-5)
            seen.add(said.discount)
    assert seen == {0.0, 1.0}


def test_a_rollout_is_learnt_from_as_soon_as_its_last_value_is_known():
    session = Session(Rollout(steps=4, epochs=2, minibatches=3, pace="at_once"), 2)
    # Rows 0..4 are the rollout; the value of row 4 comes with row 5, and call 5 sees it.
    assert [len(b) for b in session.go(14)] == [0, 0, 0, 0, 0, 6, 0, 0, 0, 6, 0, 0, 0, 6]


def test_spread_learning_is_even_and_done_before_the_next_rollout_settles():
    session = Session(Rollout(steps=4, epochs=2, minibatches=3, pace="spread"), 2)
    assert [len(b) for b in session.go(17)] == [0] * 5 + [1, 2, 1, 2] * 3
    steps = [
        {key // 2 for b in session.served[5 + 4 * i + j] for key in b.key.tolist()} for i in range(3) for j in range(4)
    ]
    for i, rows in enumerate(steps):
        begin = 4 * (i // 4)
        assert rows <= set(range(begin, begin + 4))


def test_both_paces_serve_the_same_batches():
    served = []
    for pace in ("at_once", "spread"):
        session = Session(Rollout(steps=6, epochs=2, minibatches=4, stack=2, pace=pace), 3)
        served.append([b for batches in session.go(6 * 5 + 5) for b in batches][: 4 * 8])
    for one, other in zip(*served, strict=True):
        assert all(a is b or torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_epochs_are_shuffled_anew():
    session = Session(Rollout(steps=16, epochs=2, minibatches=1), 4)
    first, second = [b for batches in session.go(18) for b in batches]
    assert first.key.tolist() != second.key.tolist()
    assert first.key.tolist() != sorted(first.key.tolist())


def test_no_minibatch_is_empty_where_ends_leave_too_few_transitions():
    session = Session(Rollout(steps=2, epochs=2, minibatches=2, stack=1), 1, seed=2)
    session.play.ends = 0.9
    sizes = [len(b.key) for batches in session.go(60) for b in batches]
    assert set(sizes) == {1}
    assert len(sizes) < 4 * 28  # some rollouts did have an end in them


def test_rows_of_forgotten_rollouts_are_not_kept():
    session = Session(Rollout(steps=4, epochs=1, minibatches=1, stack=3), 2)
    session.go(40)
    rows = session.memory.state()["rows"]
    assert rows.stop - rows.start <= 2 * 5 + 3


def test_learning_begins_with_the_first_frame():
    it = memory(Rollout(steps=4, minibatches=4), 2)
    assert it.observing_frames(Clock(frames=0)) == 0
    assert it.learning_frames(Clock(frames=123)) == 123


@pytest.mark.parametrize("field", ["steps", "epochs", "minibatches", "stack"])
def test_settings_of_nothing_are_refused(field: str):
    with pytest.raises(ValueError, match=f"memory.{field} must be 1 or more"):
        Rollout(**{field: 0})


def test_more_minibatches_than_transitions_are_refused():
    with pytest.raises(ValueError, match=r"2 games x 4 steps are fewer than memory\.minibatches=9"):
        memory(Rollout(steps=4, minibatches=9), 2)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Rollout(lambda_=1.5)
