"""Replay against an obvious version that never forgets, three times around the ring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from core.streams import Play
from core.tables import decision, step
from playfield.memory.replay import Replay, ReplayMemory
from playfield.memory.rows import RowRing, RowShape
from playfield.types import Batch, Clock

FRAME = (1, 2, 1)


def memory(spec: Replay, games: int, seed: int = 0) -> ReplayMemory:
    return spec.build(games, FRAME, "uint8", np.random.default_rng(seed))


def valid(play: Play, spec: Replay) -> set[tuple[int, int]]:
    """Transitions of which every row that they need is among the newest `size`."""
    size, total = spec.capacity // play.games, len(play.rows[0])
    held = range(max(0, total - size), total)
    return {
        (row, game)
        for game in range(play.games)
        for row in held
        if not play.rows[game][row].last
        and all(needed in held for needed in range(max(0, row - spec.stack + 1), row + spec.n_step + 1))
    }


def check(play: Play, spec: Replay, batch: Batch) -> None:
    allowed = valid(play, spec)
    for i, key in enumerate(batch.key.tolist()):
        row, game = divmod(key, play.games)
        assert (row, game) in allowed
        reward, discount, length = play.ahead(row, game, spec.n_step, spec.discount, spec.reward_clip)
        assert torch.equal(batch.obs[i], play.stack(row, game, spec.stack))
        assert torch.equal(batch.next_obs[i], play.stack(row + length, game, spec.stack))
        assert torch.equal(batch.obs[i], play.acted[row][game])  # learnt from what was acted on
        assert torch.equal(batch.next_obs[i], play.acted[row + length][game])
        assert batch.action[i].item() == play.rows[game][row + 1].action
        assert batch.reward[i].item() == pytest.approx(reward, abs=1e-5)
        assert batch.discount[i].item() == pytest.approx(discount, abs=1e-6)
    assert batch.weight.tolist() == [1.0] * spec.batch


@settings(max_examples=20)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 8),
    st.sampled_from([None, 1.0]),
)
def test_every_batch_is_one_that_the_naive_version_could_give(
    seed: int, games: int, stack: int, n: int, room: int, clip: float | None
):
    size = n + stack + 1 + room
    spec = Replay(
        capacity=size * games,
        start_frames=0,
        batch=8,
        every_frames=1,
        n_step=n,
        discount=0.5,
        stack=stack,
        reward_clip=clip,
    )
    it, play, frames = memory(spec, games, seed), Play(seed, games), 0
    checked = 0
    for _ in range(3 * size + 2):
        play.feed(it)
        frames += 1
        for batch in it.batches(Clock(frames=frames)):
            check(play, spec, batch)
            checked += 1
    # From the first row with n rows behind it on, every frame is served: the debt of before is kept.
    assert checked == frames


@pytest.mark.parametrize("rows", [20, 47])
def test_samples_are_uniform_over_all_valid_transitions(rows: int):
    spec = Replay(capacity=2 * 24, start_frames=0, batch=400, every_frames=1, n_step=2, stack=3)
    it, play = memory(spec, 2, seed=5), Play(6, 2)
    for _ in range(rows):
        play.feed(it)
    keys = torch.cat([batch.key for batch in it.batches(Clock(frames=30))]).numpy()
    expected = sorted(row * 2 + game for row, game in valid(play, spec))
    found, counts = np.unique(keys, return_counts=True)
    assert found.tolist() == expected
    assert chisquare(counts).pvalue > 0.01


def test_no_transition_starts_where_an_episode_ended():
    play = Play(0, 1, ends=0.9)
    spec = Replay(capacity=100, start_frames=0, batch=500, every_frames=1, n_step=1, stack=2)
    it = memory(spec, 1)
    for _ in range(100):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    ends = {row for row, said in enumerate(play.rows[0]) if said.last}
    assert len(ends) > 20
    assert not ends & set(batch.key.tolist())


def test_truncation_bootstraps_and_termination_does_not():
    spec = Replay(capacity=400, start_frames=0, batch=500, every_frames=1, n_step=3, discount=0.5, stack=1)
    it, play = memory(spec, 1), Play(3, 1)
    for _ in range(400):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    by_kind: dict[str, set[float]] = {"terminated": set(), "truncated": set()}
    for key, discount in zip(batch.key.tolist(), batch.discount.tolist(), strict=True):
        following = play.rows[0][key + 1]
        if following.last:
            by_kind["terminated" if following.discount == 0.0 else "truncated"].add(discount)
    assert by_kind == {"terminated": {0.0}, "truncated": {0.5}}


@given(st.integers(1, 20), st.integers(0, 60), st.lists(st.integers(0, 40), max_size=12))
def test_batches_by_frames_are_exact(every: int, start: int, pauses: list[int]):
    it, play = memory(Replay(capacity=50, start_frames=start, every_frames=every, batch=2, stack=1), 1), Play(0, 1)
    for _ in range(10):
        play.feed(it)
    frames = served = 0
    for pause in pauses:
        frames += pause
        clock = Clock(frames=frames)
        served += len(list(it.batches(clock)))
        assert served == max(0, frames - start) // every
        assert it.observing_frames(clock) == max(0, start - frames)
        assert it.learning_frames(clock) == max(0, frames - start)


def test_batches_that_fell_due_while_nothing_could_be_sampled_are_made_up_for():
    it, play = memory(Replay(capacity=50, start_frames=0, every_frames=2, batch=2, n_step=3, stack=1), 1), Play(0, 1)
    play.feed(it)
    assert list(it.batches(Clock(frames=9))) == []
    for _ in range(3):
        play.feed(it)
    assert len(list(it.batches(Clock(frames=11)))) == 5


def test_a_debt_is_kept_when_the_loop_stops_between_two_batches():
    it, play = memory(Replay(capacity=50, start_frames=0, every_frames=1, batch=2, stack=1), 1), Play(0, 1)
    for _ in range(5):
        play.feed(it)
    due = it.batches(Clock(frames=10))
    for _ in range(4):
        next(due)
    assert len(list(it.batches(Clock(frames=10)))) == 6


def test_a_million_frames_fit_into_8_gigabytes():
    ring = RowRing(RowShape(size=8, games=2, frame_shape=(84, 84, 1), frame_dtype="uint8", stack=4))
    assert 84 * 84 < ring.bytes_per_row() <= 7200
    assert ring.bytes_per_row() * 1_000_000 < 8e9
    assert ring.bytes_per_row() * ring.shape.size * ring.shape.games == sum(
        c.numel() * c.element_size() for c in ring.columns.values()
    )


def test_pixels_stay_bytes_in_memory_and_in_batches():
    it, play = memory(Replay(capacity=50, start_frames=0, every_frames=1, batch=2), 1), Play(0, 1)
    for _ in range(9):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    assert it.rows.columns["frame"].dtype == batch.obs.dtype == batch.next_obs.dtype == torch.uint8


def test_after_frames_0_to_9_the_newest_stack_is_6_to_9():
    ring = RowRing(RowShape(size=5, games=1, frame_shape=(1,), frame_dtype="float32", stack=4))
    for number in range(10):
        ring.add(step(np.array([[number]], np.float32), [0], [1], [number == 0], [False]), decision([0]))
    assert ring.newest_obs().tolist() == [[6, 7, 8, 9]]


def test_channels_of_stacked_frames_lie_frame_by_frame():
    ring = RowRing(RowShape(size=4, games=1, frame_shape=(1, 2, 3), frame_dtype="uint8", stack=2))
    for number in (0, 10):
        frame = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.uint8) + np.uint8(number)
        ring.add(step(frame, [0], [1], [number == 0], [False]), decision([0]))
    assert ring.newest_obs()[0, :, 0].tolist() == [[1, 4], [2, 5], [3, 6], [11, 14], [12, 15], [13, 16]]


@pytest.mark.parametrize("field", ["capacity", "batch", "every_frames", "n_step", "stack"])
def test_settings_of_nothing_are_refused(field: str):
    with pytest.raises(ValueError, match=f"memory.{field} must be 1 or more"):
        Replay(**{field: 0})


def test_a_capacity_too_small_for_its_games_is_refused():
    with pytest.raises(ValueError, match="each of 16 games"):
        memory(Replay(capacity=64), 16)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Replay(discount=1.01)
