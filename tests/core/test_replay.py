"""Replay against an obvious version that never forgets, three times around the ring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from core.streams import Play
from core.tables import clone, decision, step
from playfield.batch import Batch
from playfield.memory.priorities import Proportional, RankBased, Sampler, Uniform
from playfield.memory.replay import Replay, ReplayMemory
from playfield.memory.rollout import Rollout
from playfield.memory.rows import RowRing, RowShape
from playfield.schedules import Constant, Linear
from playfield.settings import from_plain, override, to_plain
from playfield.storage.tree import digest, flatten, unflatten
from playfield.types import Clock

FRAME = (1, 2, 1)
SAMPLERS: dict[str, Sampler] = {
    "uniform": Uniform(),
    "proportional": Proportional(alpha=0.6, beta=Linear(0.4, 1.0, over_frames=50), offset=1e-6),
    "proportional, as in DQN Zoo": Proportional(draws="independent", uniform_share=0.1, limit=1.5),
    "proportional, as in Baselines": Proportional(offset=1e-6, weights="memory"),
    "ranked": RankBased(sort_every=40, beta=Constant(0.5)),
}
PRIORITISED = [spec for spec in SAMPLERS.values() if spec != Uniform()]
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())
prioritised = pytest.mark.parametrize("sampler", PRIORITISED, ids=[n for n in SAMPLERS if n != "uniform"])


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
    assert ((batch.weight > 0) & (batch.weight <= 1)).all()
    if spec.sampler == Uniform():
        assert batch.weight.tolist() == [1.0] * spec.batch


@settings(max_examples=20)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 8),
    st.sampled_from([None, 1.0]),
    st.sampled_from(list(SAMPLERS)),
)
def test_every_batch_is_one_that_the_naive_version_could_give(
    seed: int, games: int, stack: int, n: int, room: int, clip: float | None, sampler: str
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
        sampler=SAMPLERS[sampler],
    )
    it, play, frames = memory(spec, games, seed), Play(seed, games), 0
    checked = 0
    for _ in range(3 * size + 2):
        play.feed(it)
        frames += 1
        for batch in it.batches(Clock(frames=frames)):
            check(play, spec, batch)
            it.feedback(batch.key, batch.reward.abs())
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


@every_sampler
def test_no_transition_starts_where_an_episode_ended(sampler: Sampler):
    play = Play(0, 1, ends=0.9)
    spec = Replay(capacity=100, start_frames=0, batch=500, every_frames=1, n_step=1, stack=2, sampler=sampler)
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


@given(st.integers(1, 20), st.integers(1, 3), st.integers(0, 60), st.lists(st.integers(0, 40), max_size=12))
def test_batches_by_frames_are_exact(every: int, batches: int, start: int, pauses: list[int]):
    spec = Replay(capacity=50, start_frames=start, every_frames=every, batches=batches, batch=2, stack=1)
    it, play = memory(spec, 1), Play(0, 1)
    for _ in range(10):
        play.feed(it)
    frames = served = 0
    for pause in pauses:
        frames += pause
        clock = Clock(frames=frames)
        served += len(list(it.batches(clock)))
        assert served == max(0, frames - start) // every * batches
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


@pytest.mark.parametrize("field", ["capacity", "batch", "every_frames", "batches", "n_step", "stack"])
def test_settings_of_nothing_are_refused(field: str):
    with pytest.raises(ValueError, match=f"memory.{field} must be 1 or more"):
        Replay(**{field: 0})


def test_a_capacity_too_small_for_its_games_is_refused():
    with pytest.raises(ValueError, match="each of 16 games"):
        memory(Replay(capacity=64), 16)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Replay(discount=1.01)


# Priorities


def held(it: ReplayMemory) -> dict[int, float]:
    """What the sampler keeps of every slot that is taken: p^alpha, or p for ranks."""
    tree = it.state()["priorities"]
    if "slot" in tree:
        return dict(zip(tree["slot"].tolist(), tree["priority"].tolist(), strict=True))
    powers = tree["powers"]["values"].flatten()
    taken = tree["taken"].nonzero()[:, 0]
    assert len(taken) == (powers > 0).sum()
    return dict(zip(taken.tolist(), powers[taken].tolist(), strict=True))


@pytest.mark.parametrize("sampler", [Proportional(alpha=0.5, offset=1e-6), RankBased(sort_every=40)], ids=["p", "r"])
@pytest.mark.parametrize("stack", [1, 3])
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_priorities_belong_to_their_transitions_three_times_around(
    sampler: Proportional | RankBased, stack: int, seed: int, games: int, n: int
):
    size = n + stack + 5
    spec = Replay(
        capacity=size * games, start_frames=0, batch=4, every_frames=1, n_step=n, stack=stack, sampler=sampler
    )
    it, play, draws = memory(spec, games, seed), Play(seed, games), np.random.default_rng(seed)
    naive: dict[tuple[int, int], float] = {}
    largest, seen = 1.0, torch.zeros(0, dtype=torch.int64)
    for row in range(4 * size):
        play.feed(it)
        now = valid(play, spec)
        naive = {at: naive.get(at, largest) for at in now}
        for batch in it.batches(Clock(frames=row + 1)):
            seen = torch.cat([seen, batch.key])
            # Some keys are of this batch, some were drawn long ago and may have left: those change nothing.
            key = seen[np.unique(draws.integers(0, len(seen), 6))].unique()
            surprise = torch.from_numpy(draws.uniform(0, 3, len(key)).astype(np.float32))
            it.feedback(key, surprise)
            for one, new in zip(key.tolist(), surprise.double().tolist(), strict=True):
                if (at := divmod(one, games)) in now:
                    naive[at] = new + (sampler.offset if isinstance(sampler, Proportional) else 0.0)
                    largest = max(largest, naive[at])
        expected = {(row * games + game) % (size * games): p for (row, game), p in naive.items()}
        if isinstance(sampler, Proportional):
            expected = {slot: p**0.5 for slot, p in expected.items()}
        assert held(it) == pytest.approx(expected, rel=1e-12)
    assert len({key for key in seen.tolist() if divmod(key, games) not in naive}) > size  # so stale keys were told


@prioritised
def test_a_key_that_left_changes_nothing_though_its_slot_is_taken_again(sampler: Sampler):
    spec = Replay(capacity=20, start_frames=0, batch=20, every_frames=1, stack=1, sampler=sampler)
    it, play = memory(spec, 1), Play(0, 1, ends=0.0)
    for _ in range(10):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    for _ in range(20):
        play.feed(it)
    before = digest(clone(it.state()["priorities"]))
    it.feedback(batch.key, torch.full((20,), 0.5))
    assert digest(it.state()["priorities"]) == before
    it.feedback(batch.key + 20, torch.full((20,), 0.5))
    assert digest(it.state()["priorities"]) != before


def test_the_surprising_are_drawn_more_often():
    spec = Replay(
        capacity=400,
        start_frames=0,
        batch=900,
        every_frames=1,
        stack=1,
        sampler=Proportional(alpha=1.0, beta=Constant(1)),
    )
    it, play = memory(spec, 1), Play(0, 1, ends=0.0)
    for _ in range(11):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    it.feedback(torch.arange(10), torch.arange(10.0))  # priorities 0 to 9, of sum 45: 20 samples for each
    (batch,) = it.batches(Clock(frames=2))
    assert np.abs(np.bincount(batch.key, minlength=10) - 20 * np.arange(10)).max() <= 1  # stratified: almost exact
    torch.testing.assert_close(batch.weight, 1.0 / batch.key)


def test_weights_follow_the_frames_since_learning_began():
    beta = Linear(0.0, 1.0, over_frames=100)
    sampler = Proportional(alpha=1.0, beta=beta)
    spec = Replay(capacity=40, start_frames=1000, batch=50, every_frames=50, batches=1, stack=1, sampler=sampler)
    it, play = memory(spec, 1), Play(0, 1, ends=0.0)
    for _ in range(3):
        play.feed(it)
    it.feedback(torch.tensor([0, 1]), torch.tensor([1.0, 4.0]))
    (half,) = it.batches(Clock(frames=1050))
    (whole,) = it.batches(Clock(frames=1100))
    assert set(zip(half.key.tolist(), half.weight.tolist(), strict=True)) == {(0, 1.0), (1, 0.5)}
    assert set(zip(whole.key.tolist(), whole.weight.tolist(), strict=True)) == {(0, 1.0), (1, 0.25)}


def learnt(it: ReplayMemory, rows: int) -> Iterator[Batch]:
    """The batches of one call, each answered with a surprise."""
    for batch in it.batches(Clock(frames=rows)):
        yield batch
        it.feedback(batch.key, (batch.reward - batch.obs.flatten(1).float().mean(1)).abs())


@every_sampler
@pytest.mark.parametrize("cut", [2, 14, 15, 31, 64])
def test_a_restored_memory_draws_the_same_batches_bit_for_bit(sampler: Sampler, cut: int):
    spec = Replay(capacity=30, start_frames=5, batch=6, every_frames=2, batches=3, n_step=2, stack=2, sampler=sampler)
    whole, play, restored = memory(spec, 2), Play(3, 2), None
    for row in range(90):
        if row == cut:
            restored = memory(spec, 2)
            flat = flatten(clone(whole.state()))
            restored.load(unflatten(flat.plain, flat.tensors, flat.rows))
            restored._draws.bit_generator.state = whole._draws.bit_generator.state
        said = play.next()
        whole.add(*said)
        batches = list(learnt(whole, row))
        if restored is not None:
            restored.add(*said)
            for one, other in zip(batches, learnt(restored, row), strict=True):
                assert all(a is b or torch.equal(a, b) for a, b in zip(one, other, strict=True))
            assert digest(whole.state()) == digest(restored.state())


# Rewards


def test_rewards_are_scaled_before_they_are_clipped():
    spec = Replay(capacity=400, start_frames=0, batch=300, every_frames=1, stack=1, reward_scale=0.25, reward_clip=0.5)
    it, play = memory(spec, 1), Play(0, 1)
    for _ in range(300):
        play.feed(it)
    (batch,) = it.batches(Clock(frames=1))
    raw = [play.rows[0][key + 1].reward for key in batch.key.tolist()]
    by_hand = {-3.0: -0.5, -2.0: -0.5, -1.0: -0.25, 0.0: 0.0, 1.0: 0.25, 2.0: 0.5, 3.0: 0.5}
    assert batch.reward.tolist() == [by_hand[reward] for reward in raw]
    assert set(raw) == set(by_hand)


@pytest.mark.parametrize("spec", [Replay(), Rollout()])
@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_reward_scale_of_nothing_is_refused(spec: Replay | Rollout, scale: float):
    with pytest.raises(ValueError, match=r"memory\.reward_scale must be above 0"):
        replace(spec, reward_scale=scale)
    with pytest.raises(ValueError, match=r"memory\.reward_clip must be above 0"):
        replace(spec, reward_clip=0.0)


def test_samplers_are_chosen_and_stated_like_any_setting():
    texts = {"sampler": "Proportional", "sampler.beta": "Constant", "sampler.beta.value": "0.5", "sampler.limit": "100"}
    spec = override(Replay(), texts)
    assert spec == Replay(sampler=Proportional(beta=Constant(0.5), limit=100.0))
    assert from_plain(Replay, to_plain(spec)) == spec
    ranked = Replay(sampler=RankBased(beta=Linear(0.5, 1.0, over_frames=7)))
    assert from_plain(Replay, to_plain(ranked)) == ranked
    with pytest.raises(ValueError, match="'Rank'; it is one of: Proportional, RankBased, Uniform"):
        from_plain(Replay, to_plain(ranked) | {"sampler": {"type": "Rank"}})
