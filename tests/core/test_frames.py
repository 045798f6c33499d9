"""Every way to keep frames gives what frames that are kept as they are give, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.runs import outcome, resume, train
from core.streams import Play
from core.tables import clone, decision, step
from core.toys import ADAPTED, small_games
from playfield.batch import Batch, into_ring
from playfield.build import build_session
from playfield.memory.frames import CHUNK_ROWS, Packed, Raw, Spilled, Store
from playfield.memory.priorities import Proportional, Sampler, Uniform
from playfield.memory.replay import Replay, ReplayMemory
from playfield.memory.rows import RowRing, RowShape
from playfield.settings import from_plain, override, to_plain
from playfield.storage.tree import digest
from playfield.types import Array, Clock

STORES: dict[str, Store] = {"packed": Packed(), "spilled": Spilled()}
every_store = pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())


class WrittenLater:
    """A log in memory that has what was written until it is told to write more, and never what nobody may ask for."""

    def __init__(self) -> None:
        self.frames: dict[int, Array] = {}
        self.stop = 0
        self.reads = 0

    def write(self, rows: RowRing, upto: int) -> None:
        games = torch.arange(rows.shape.games)
        for row in range(max(self.stop, rows.start), upto):
            self.frames[row] = rows.take("frame", torch.full_like(games, row), games).numpy()
        self.stop = max(self.stop, upto)
        self.frames = {row: frame for row, frame in self.frames.items() if row >= rows.start}

    def read(self, start: int, stop: int, game: int) -> Array:
        self.reads += 1
        return np.stack([self.frames[row][game] for row in range(start, stop)])


def memory(spec: Replay, games: int, seed: int = 0) -> ReplayMemory:
    return spec.build(games, (1, 2, 1), "uint8", np.random.default_rng(seed))


def same(one: Batch, other: Batch) -> None:
    assert all(a is b or torch.equal(a, b) for a, b in zip(one, other, strict=True))


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(2 * CHUNK_ROWS + 3, 7 * CHUNK_ROWS),
    st.sampled_from([Uniform(), Proportional(offset=1e-6)]),
    st.sampled_from([*STORES.values()]),
)
def test_a_memory_of_any_store_draws_the_batches_of_the_raw_one(
    seed: int, games: int, stack: int, n: int, size: int, sampler: Sampler, store: Store
):
    spec = Replay(
        capacity=size * games, start_frames=0, batch=8, every_frames=5, n_step=n, stack=stack, sampler=sampler
    )
    raw, kept, play = memory(spec, games), memory(replace(spec, store=store), games), Play(seed, games)
    draws, log = np.random.default_rng(seed), WrittenLater()
    if isinstance(store, Spilled):
        kept.rows.rest_on(log)
    for row in range(3 * size):
        said = play.next()
        raw.add(*said)
        kept.add(*said)
        assert torch.equal(raw.newest_obs(), kept.newest_obs())
        for one, other in zip(raw.batches(Clock(frames=row)), kept.batches(Clock(frames=row)), strict=True):
            same(one, other)
            raw.feedback(one.key, one.reward.abs())
            kept.feedback(one.key, one.reward.abs())
        if row % 13 == 12:
            log.write(kept.rows, int(draws.integers(log.stop, row + 2)))
        if row == 2 * size or row == size // 2:
            assert digest(raw.state()) == digest(kept.state())
    # Of a small ring most frames are among the newest, which are kept as they are.
    assert isinstance(store, Packed) or size < 5 * CHUNK_ROWS or log.reads > 0


def test_a_log_that_comes_a_whole_ring_late_costs_no_frame():
    """As on a full disk: what was never written stays packed in memory."""
    size = 6 * CHUNK_ROWS
    spec = Replay(capacity=size, start_frames=0, batch=64, every_frames=1)
    raw, kept, play, log = memory(spec, 1), memory(replace(spec, store=Spilled()), 1), Play(0, 1), WrittenLater()
    kept.rows.rest_on(log)
    for row in range(4 * size):
        said = play.next()
        raw.add(*said)
        kept.add(*said)
        if row == 2 * size + CHUNK_ROWS:
            log.write(kept.rows, row + 1)
        if row > size:
            for one, other in zip(raw.batches(Clock(frames=row)), kept.batches(Clock(frames=row)), strict=True):
                same(one, other)
    assert log.reads > 0


def test_no_rows_change_nothing():
    frames = Packed().build((4 * CHUNK_ROWS, 1, 1, 2, 1), "uint8")
    into_ring(frames, 0, torch.zeros(0, 1, 1, 2, 1, dtype=torch.uint8))
    into_ring(frames, 0, torch.full((1, 1, 1, 2, 1), 7, dtype=torch.uint8))
    assert frames[0:1].flatten().tolist() == [7, 7]


@pytest.mark.parametrize("stores", [(Raw(), Packed()), (Packed(), Raw()), (Packed(), Packed()), (Packed(), Spilled())])
@pytest.mark.parametrize("rows", [1, 15, 16, 40, 100, 133])
def test_what_one_store_has_saved_another_goes_on_with(stores: tuple[Store, Store], rows: int):
    spec = Replay(capacity=120, start_frames=0, batch=8, every_frames=3, n_step=3, stack=4)
    raw, play = memory(spec, 2), Play(4, 2)
    one, other = (memory(replace(spec, store=store), 2) for store in stores)
    for _ in range(rows):
        said = play.next()
        raw.add(*said)
        one.add(*said)
    other.load(clone(one.state()))
    other._served = raw._served
    other._draws.bit_generator.state = raw._draws.bit_generator.state
    for row in range(rows, rows + 80):
        said = play.next()
        raw.add(*said)
        other.add(*said)
        assert torch.equal(raw.newest_obs(), other.newest_obs())
        for a, b in zip(raw.batches(Clock(frames=row)), other.batches(Clock(frames=row)), strict=True):
            same(a, b)
    assert digest(raw.state()) == digest(other.state())


@every_store
@pytest.mark.parametrize("name", ["dqn", "rainbow"])
def test_a_training_is_the_same_to_the_last_weight(name: str, store: Store):
    recipe = ADAPTED[name]
    assert isinstance(recipe.memory, Replay)
    digests = set[str]()
    for kind in (Raw(), store):
        given = recipe.but(memory=replace(recipe.memory, every_frames=2, store=kind))
        session = build_session(given, small_games(given.games), seed=3)
        for _ in session.play(400):
            pass
        assert session.agent.learner.updates > 100
        digests.add(digest(session.state()))
    assert len(digests) == 1


@every_store
def test_a_run_of_any_store_comes_to_the_same_and_is_resumed_exactly(store: Store, tmp_path: Path):
    """400 rows in a ring of 300; saves and stops lie where chunks and blocks of the log are not full."""
    kind = (f"memory.store={type(store).__name__}",)
    assert train("dqn", tmp_path, "raw", 410) == 0
    assert train("dqn", tmp_path, "stopped", 203, kind, save_every_frames=30) == 0
    assert resume(tmp_path, "stopped", frames=410) == 0
    assert outcome(tmp_path, "stopped").digest == outcome(tmp_path, "raw").digest


def test_rows_come_in_order():
    ring = RowRing(RowShape(size=5, games=1, frame_shape=(1,), frame_dtype="float32", stack=1, store=Packed()))
    ring.add(step(np.zeros((1, 1), np.float32), [0], [1], [True], [False]), decision([0]))
    with pytest.raises(ValueError, match="put at place 3, where the next is 1"):
        ring.columns["frame"][3:4] = torch.zeros(1, 1, 1)


def test_a_plain_picture_takes_little_room_and_noise_its_own():
    """16 rows of a picture that does not change are one frame of zstd of a few dozen bytes."""
    shape = RowShape(size=320, games=1, frame_shape=(84, 84, 1), frame_dtype="uint8", stack=4, store=Packed())
    for noise, least, most in ((False, 0, 10), (True, 7056, 7080)):
        ring, draws = RowRing(shape), np.random.default_rng(0)
        for _ in range(320):
            frame = draws.integers(0, 256 if noise else 1, (1, 84, 84, 1), np.uint8)
            ring.add(step(frame, [0], [1], [False], [False]), decision([0]))
        packed = [chunk for chunk in ring.columns["frame"]._chunks if chunk is not None]
        assert len(packed) == 20
        assert least <= sum(map(len, packed)) / 320 <= most


def test_a_million_atari_frames_are_promised_500_megabytes():
    spec = Replay(capacity=1_000_000, store=Packed())
    memory = replace(spec, capacity=32_000).build(1, (84, 84, 1), "uint8", np.random.default_rng(0))
    assert memory.rows.shape.store == Packed()
    assert 490e6 < Packed().most_bytes((1_000_000, 1, 84, 84, 1), "uint8") < 500e6
    assert memory.most_bytes() == Packed().most_bytes((32_000, 1, 84, 84, 1), "uint8") + 32_000 * 12


def test_a_store_is_chosen_like_any_setting_and_older_files_mean_raw():
    assert override(Replay(), {"store": "Packed"}) == Replay(store=Packed())
    plain = to_plain(Replay(store=Spilled()))
    assert from_plain(Replay, plain) == Replay(store=Spilled())
    del plain["store"]
    assert from_plain(Replay, plain) == Replay()
    del plain["stack"]
    with pytest.raises(ValueError, match="leaves out stack; a recipe file states every setting"):
        from_plain(Replay, plain)
