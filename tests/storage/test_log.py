import contextlib
import errno
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playfield.batch import Rows
from playfield.storage import DamagedFile, NoSpace, Run, digest
from playfield.storage import log as log_module
from playfield.storage.log import RowLog
from storage.examples import SIZE, new_run, rings

steps = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(0, 90)),
        st.tuples(st.just("save"), st.one_of(st.none(), st.integers(-3, 3).map(float))),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("damage"), st.integers(0, 10**6)),
        st.tuples(st.just("back"), st.integers(0, 10)),
    ),
    min_size=4,
    max_size=18,
)


class Player:
    """The obvious twin: rows are functions of their number and of how often the past was undone."""

    def __init__(self):
        self.start = self.stop = 0
        self.columns = rings(0, 0)
        self.salt = 0

    def play(self, count):
        for row in range(self.stop, self.stop + count):
            self.columns["frame"][row % SIZE] = (row * 7 + self.salt) % 256
            self.columns["reward"][row % SIZE] = row + self.salt / 8
        self.stop += count
        self.start = max(self.start, self.stop - SIZE)

    def tree(self):
        return {"salt": self.salt, "rows": Rows(start=self.start, stop=self.stop, columns=self.columns)}

    def become(self, tree):
        rows = tree["rows"]
        self.start, self.stop, self.columns = rows.start, rows.stop, rings(0, 0)
        rows.read_into(self.columns)


@settings(max_examples=30, deadline=None)
@given(steps=steps)
def test_the_log_equals_its_naive_twin(steps, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("playfield.storage.files.os.fsync", lambda descriptor: None)
        patch.setattr(log_module, "CHUNK_ROWS", 8)
        patch.setattr(log_module, "SEGMENT_FRAMES", 48)
        new_run(root)
        compare(root / "pong", steps)
    shutil.rmtree(root)


def compare(path, steps):
    player, saved, stack = Player(), {}, contextlib.ExitStack()
    run = stack.enter_context(Run.open(path).writing())
    with stack:
        for kind, value in steps:
            if kind == "play":
                player.play(value)
            elif kind == "save":
                saved[run.save(player.tree(), player.stop, value)] = digest(player.tree())
                check(run, saved)
            elif saved:
                stack.close()
                run = stack.enter_context(Run.open(path).writing())
                come_back(player, run, saved, kind, value)
        if saved:
            come_back(player, run, saved, "crash", 0)


def come_back(player, run, saved, kind, value):
    names = [manifest.checkpoint for manifest in run.checkpoints()]
    damage = kind == "damage" and len(names) > 1
    if damage:
        victim = run.path / "checkpoints" / names[-1] / "tree.json"
        victim.write_bytes(victim.read_bytes()[:-1])
    loaded = run.load(names[value % len(names)] if kind == "back" else None)
    assert len(loaded.warnings) == damage
    assert kind == "back" or loaded.checkpoint == names[-1 - damage]
    player.become(loaded.tree)
    assert digest(loaded.tree) == digest({"salt": loaded.tree["salt"], "rows": player.tree()["rows"]})
    assert digest(loaded.tree) == saved[loaded.checkpoint]
    run.cut_back(loaded)
    for newer in [name for name in saved if name > loaded.checkpoint]:
        del saved[newer]
    player.salt += 1


def check(run, saved):
    manifests = run.checkpoints()
    names = [manifest.checkpoint for manifest in manifests]
    assert set(names) <= set(saved)
    assert names[-1] == max(saved)
    assert len(names) <= run.keep_last + 1
    assert run.best() is None or run.best().checkpoint in names
    for manifest in manifests:
        assert digest(run.load(manifest.checkpoint).tree) == saved[manifest.checkpoint]
    needed = {segment.number for manifest in manifests for segment in manifest.rows["rows"].segments}
    present = {number for number, _ in log_module.segment_files(run.path / "rows" / "rows")}
    assert needed <= present
    assert len(present - needed) <= 1


def rows_of(start, stop, size=SIZE):
    return Rows(start=start, stop=stop, columns=rings(start, stop, size))


def test_a_save_writes_only_what_is_new(tmp_path, no_fsync):
    log = RowLog(tmp_path / "r" / "x", "id", None)
    log.append(rows_of(0, 30, 400))
    before = (tmp_path / "r/x/seg-00000000.pfl").read_bytes()
    again = log.append(rows_of(0, 30, 400))
    assert (tmp_path / "r/x/seg-00000000.pfl").read_bytes() == before
    fence = log.append(rows_of(0, 33, 400))
    after = (tmp_path / "r/x/seg-00000000.pfl").read_bytes()
    assert after.startswith(before)
    assert again.segments[0].record.bytes == len(before) < len(after) == fence.segments[0].record.bytes
    log.close()


def test_a_resumed_log_leaves_old_bytes_alone(tmp_path, no_fsync):
    folder = tmp_path / "r" / "x"
    log = RowLog(folder, "id", None)
    fence = log.append(rows_of(0, 10))
    log.append(rows_of(0, 20))
    log.close()
    before = (folder / "seg-00000000.pfl").read_bytes()
    resumed = RowLog(folder, "id", fence)
    assert [s.number for s in resumed.append(rows_of(0, 12)).segments] == [0, 1]
    assert (folder / "seg-00000000.pfl").read_bytes() == before
    resumed.close()


def test_rings_that_do_not_fit_are_refused(tmp_path, no_fsync):
    log = RowLog(tmp_path / "r" / "x", "id", None)
    logged = log_module.LoggedRows(tmp_path / "r" / "x", "id", log.append(rows_of(5, 40)))
    log.close()
    good = rings(0, 0)
    with pytest.raises(ValueError, match="'reward' is only in the checkpoint"):
        logged.read_into({"frame": good["frame"]})
    with pytest.raises(ValueError, match="'extra' is only in the rings"):
        logged.read_into(good | {"extra": torch.zeros(SIZE)})
    with pytest.raises(ValueError, match="'reward' has rows of"):
        logged.read_into(good | {"reward": good["reward"].double()})
    with pytest.raises(ValueError, match="35 rows do not fit"):
        logged.read_into(rings(0, 0, 34))
    with pytest.raises(ValueError, match="not in the log"):
        logged.read_into(good, 4, 40)
    small = rings(0, 0, 7)
    logged.read_into(small, 30, 37)
    assert all(torch.equal(small[name], ring) for name, ring in rings(30, 37, 7).items())
    with pytest.raises(DamagedFile, match="belongs to another run"):
        log_module.LoggedRows(tmp_path / "r" / "x", "other", logged._fence).read_into(good)


def test_frames_of_a_game_cost_well_under_a_kilobyte(tmp_path, no_fsync):
    # Structured like Pong: a plain court, two paddles and a ball that move; games differ.
    size, games = 512, 4
    frames = torch.full((size, games, 84, 84), 87, dtype=torch.uint8)
    frames[:, :, :14] = 236
    for row in range(size):
        for game in range(games):
            x, y, paddle = (row * 3 + game * 11) % 80, 14 + (row * 2 + game * 7) % 66, 14 + (row + 9 * game) % 60
            frames[row, game, y : y + 2, x : x + 2] = 236
            frames[row, game, paddle : paddle + 8, 75:77] = 147
            frames[row, game, 74 - paddle // 2 : 80 - paddle // 2, 8:10] = 148
    log = RowLog(tmp_path / "r" / "x", "id", None)
    fence = log.append(Rows(start=0, stop=size, columns={"frame": frames, "reward": torch.zeros(size, games)}))
    log.close()
    cost = sum(segment.record.bytes for segment in fence.segments) / (size * games)
    print(f"{cost:.1f} bytes per frame")
    assert cost < 1_000
    back = {"frame": torch.zeros_like(frames), "reward": torch.ones(size, games)}
    log_module.LoggedRows(tmp_path / "r" / "x", "id", fence).read_into(back)
    assert torch.equal(back["frame"], frames)


def test_rows_written_ahead_are_waited_for_before_a_fence_speaks_of_them(tmp_path, monkeypatch):
    """Also where the disk got full in between, so that their segment is not written to any more."""
    monkeypatch.setattr(log_module, "CHUNK_ROWS", 4)
    run, waited = new_run(tmp_path), []
    log = RowLog(run.path / "rows/x", run.about.id)
    log.append(Rows(start=0, stop=2, columns=rings(0, 2)))
    log.write_ahead(Rows(start=0, stop=12, columns=rings(0, 12)))
    assert log._stop == 10
    monkeypatch.setattr(log_module, "sync", lambda descriptor, path: waited.append(path.name))
    with monkeypatch.context() as patch:
        patch.setattr(log_module, "write_all", full)
        with pytest.raises(NoSpace):
            log.append(Rows(start=0, stop=20, columns=rings(0, 20)))
    assert waited == ["seg-00000000.pfl"]
    fence = log.append(Rows(start=0, stop=20, columns=rings(0, 20)))
    assert [(segment.first, segment.stop) for segment in fence.segments] == [(0, 10), (10, 20)]
    log.close()


def full(*_):
    raise OSError(errno.ENOSPC, "full")


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["play", "ahead", "save", "crash"]), st.integers(1, 40)), max_size=12))
def test_a_reader_of_one_column_sees_what_was_written(steps, tmp_path_factory):
    """Frames of 400 bytes lie game by game, numbers of all games together: both are found, by a reader that goes on."""
    root = tmp_path_factory.mktemp("runs")
    run, stop, readers, stack = new_run(root), 0, {}, contextlib.ExitStack()
    columns = {"frame": torch.zeros(SIZE, 2, 20, 20, dtype=torch.uint8), "reward": torch.zeros(SIZE, 2)}
    with pytest.MonkeyPatch.context() as patch, stack:
        patch.setattr("playfield.storage.files.os.fsync", lambda descriptor: None)
        patch.setattr(log_module, "CHUNK_ROWS", 8)
        patch.setattr(log_module, "SEGMENT_FRAMES", 48)
        stack.enter_context(run.writing())
        for kind, count in [("save", 0), *steps, ("save", 0)]:
            if kind == "play":
                for row in range(stop, stop + count):
                    columns["frame"][row % SIZE] = torch.tensor([row % 251, 255 - row % 251])[:, None, None]
                    columns["reward"][row % SIZE] = torch.tensor([row, -row])
                stop += count
            tree = {"memory": {"rows": Rows(start=max(0, stop - SIZE), stop=stop, columns=columns)}}
            if kind == "ahead":
                run.write_ahead(tree)
            elif kind == "save":
                run.save(tree, stop)
            elif kind == "crash":
                stack.close()
                run = Run.open(run.path)
                stack.enter_context(run.writing())
                loaded = run.load()
                run.cut_back(loaded)
                stop, readers = loaded.clock_frames, {}
                loaded.tree["memory"]["rows"].read_into(columns)
            readers = readers or {name: run.reader("memory/rows", name) for name in columns}
            for name, reader in readers.items():
                first, written = max(0, stop - SIZE), reader.stop
                assert written <= stop
                for start, end in ((first, written), (first + 3, first + 4), (written - 1, written)):
                    if first <= start < end <= written:
                        for game in (0, 1):
                            rows = torch.from_numpy(reader.read(start, end, game))
                            expected = torch.stack([columns[name][row % SIZE, game] for row in range(start, end)])
                            assert torch.equal(rows, expected)
        assert readers["frame"].stop == stop
    shutil.rmtree(root)


def test_a_reader_of_one_column_finds_damage(tmp_path):
    columns = {"frame": torch.ones(64, 1, 20, 20, dtype=torch.uint8)}
    with new_run(tmp_path).writing() as run:
        run.save({"rows": Rows(start=0, stop=64, columns=columns)}, 0)
        reader = run.reader("rows", "frame")
        assert reader.read(3, 5, 0).tolist() == columns["frame"][3:5, 0].tolist()
        (path,) = (run.path / "rows" / "rows").glob("*.pfl")
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(DamagedFile, match="altered record at row 3"):
            reader.read(3, 5, 0)
        with pytest.raises(ValueError, match="row 64 is not in the log"):
            reader.read(64, 70, 0)
