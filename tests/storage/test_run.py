import errno
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from playfield.storage import (
    AppendFile,
    DamagedFile,
    NameTaken,
    NoCheckpoint,
    NoSpace,
    Run,
    RunBusy,
    WriteFailed,
    digest,
    fingerprint,
    list_runs,
)
from storage.examples import new_run, state


@pytest.fixture
def run(tmp_path):
    return new_run(tmp_path)


def test_a_run_comes_back_as_it_was_created(run, tmp_path):
    again = Run.open(run.path)
    assert again.about == run.about
    assert (again.about.recipe, again.about.seed, again.about.protocol) == ({"lr": 1e-3}, 3, {"sticky": 0.25})
    new_run(tmp_path, "breakout 2")
    (tmp_path / "not a run").mkdir()
    assert [r.name for r in list_runs(tmp_path).runs] == ["breakout 2", "pong"]


def test_the_plan_and_nothing_else_can_be_replaced(run):
    before = run.about
    with pytest.raises(RuntimeError):
        run.replan({"frames": 7})
    assert Run.open(run.path).about == before
    with run.writing():
        run.replan({"frames": 7})
        name = run.save({"x": 1}, 5)
    again = Run.open(run.path).about
    assert again.plan == {"frames": 7}
    assert replace(again, plan=before.plan) == before
    (run.path / "run.json").write_text("{")
    assert Run.open(run.path).about == again, f"checkpoint {name} has a copy"


def test_a_name_that_exists_is_never_overwritten(run, tmp_path):
    before = sorted((path, path.read_bytes()) for path in run.path.rglob("*") if path.is_file())
    with pytest.raises(NameTaken, match=r"`playfield resume pong`.*--name"):
        new_run(tmp_path)
    assert sorted((path, path.read_bytes()) for path in run.path.rglob("*") if path.is_file()) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NameTaken):
        new_run(tmp_path, "file")
    assert [path.name for path in tmp_path.iterdir() if ".tmp-" in path.name] == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "a\\b", "a\nb", ".hidden", "-x", "x" * 101, "a.tmp-1", "a ", "a:b"]
)
def test_a_name_that_cannot_be_one_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="cannot be the name of a run"):
        new_run(tmp_path, name)


def test_one_writer_per_run(run):
    with run.writing():
        code = "import fcntl,sys; fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        blocked = subprocess.run(
            [sys.executable, "-S", "-c", code, run.path / ".lock"], capture_output=True, check=False
        )
        assert b"BlockingIOError" in blocked.stderr
        with pytest.raises(RunBusy, match="is being written by another process"):
            Run.open(run.path).writing().__enter__()
    with Run.open(run.path).writing():
        pass
    with pytest.raises(RuntimeError, match=r"with run\.writing"):
        run.save({}, 0)


def test_without_a_checkpoint_loading_says_so(run):
    with pytest.raises(NoCheckpoint, match="no checkpoint: wait for its first save"):
        run.load()


def test_the_last_and_the_best_are_kept(run, no_fsync):
    run.keep_last = 2
    with run.writing():
        for step, score in enumerate([1.0, 5.0, None, 2.0, None, None], start=1):
            run.save(state(step), step * 10, score)
        assert [m.checkpoint for m in run.checkpoints()] == ["00000002", "00000005", "00000006"]
        assert run.best().score == 5.0
        assert digest(run.load(run.best().checkpoint).tree) == digest(state(2))
        assert run.load().clock_frames == 60
        with pytest.raises(ValueError, match="finite"):
            run.save(state(7), 70, float("nan"))
    assert not list(run.path.rglob("*.tmp-*"))


def test_one_of_so_many_is_kept_for_good(run, no_fsync):
    run.keep_last, run.keep_every = 2, 3
    with run.writing():
        for step in range(1, 9):
            run.save(state(step), step, score=-step)
    assert [m.checkpoint for m in run.checkpoints()] == ["00000001", "00000003", "00000006", "00000007", "00000008"]
    for manifest in run.checkpoints():
        assert digest(run.load(manifest.checkpoint).tree) == digest(state(manifest.frames))


def test_sinks_are_cut_back_and_newer_checkpoints_put_aside(run, no_fsync):
    with run.writing():
        events, metrics = run.append_file("events.jsonl"), run.append_file("metrics.jsonl")
        for step in (1, 2, 3):
            events.write(b"event %d\n" % step)
            run.save(state(step), step)
            metrics.write(b"metric %d\n" % step)
        late = run.append_file("late.log")
        late.write(b"after")
    (run.path / "notes.txt").write_text("mine")
    again = Run.open(run.path)
    with again.writing():
        loaded = again.load("00000002")
        again.cut_back(loaded)
        assert (run.path / "events.jsonl").read_bytes() == b"event 1\nevent 2\n"
        assert (run.path / "metrics.jsonl").read_bytes() == b"metric 1\n"
        assert (run.path / "late.log").read_bytes() == b""
        assert (run.path / "notes.txt").read_text() == "mine"
        assert again.load().checkpoint == "00000002"
        again.save(state(3), 3)
        assert again.load().warnings == ()
        again.cut_back(None)
        assert (run.path / "events.jsonl").read_bytes() == b""
        with pytest.raises(NoCheckpoint):
            again.load()
        with pytest.raises(ValueError, match="cannot be the file of a sink"):
            again.append_file("../events.jsonl")


def failing(monkeypatch, call, error, budget):
    """Makes an os function fail once `budget` calls have passed."""
    real, calls = getattr(os, call), iter(range(10**9))

    def sometimes(*arguments, **named):
        if next(calls) >= budget:
            raise OSError(error, os.strerror(error))
        return real(*arguments, **named)

    monkeypatch.setattr(f"playfield.storage.files.os.{call}", sometimes)


@pytest.mark.parametrize("call", ["write", "mkdir", "rename"])
def test_a_full_disk_loses_nothing_committed(run, call):
    for budget in range(40):
        with run.writing():
            if budget == 0:
                run.append_file("events.jsonl").write(b"one\n")
                run.save(state(1), 1)
            names = [m.checkpoint for m in run.checkpoints()]
            events = run.append_file("events.jsonl")
            events.write(b"more\n")
            with pytest.MonkeyPatch.context() as patch:
                failing(patch, call, errno.ENOSPC, budget)
                try:
                    run.save(state(5), 5)
                    break
                except NoSpace:
                    pass
            assert not list((run.path / "checkpoints").glob("*.tmp-*"))
            assert [m.checkpoint for m in run.checkpoints()] == names
            assert digest(run.load().tree) == digest(state(1))
            assert digest(run.load(run.save(state(2), 2)).tree) == digest(state(2))
            run.cut_back(run.load("00000001"))
    assert 0 < budget < 39
    assert digest(run.load().tree) == digest(state(5))
    assert run.load().warnings == ()


def test_a_failing_fsync_stops_saving_for_good(run):
    with run.writing():
        run.append_file("events.jsonl").write(b"one\n")
        run.save(state(1), 1)
        for budget in range(6):
            again = Run(run.path, run.about)
            run._let_go()
            again._lock = run._lock
            again.cut_back(again.load())
            with pytest.MonkeyPatch.context() as patch:
                failing(patch, "fsync", errno.EIO, budget)
                with pytest.raises(WriteFailed, match="stopping here"):
                    again.save(state(2), 2)
            with pytest.raises(WriteFailed):
                again.save(state(2), 2)
            assert digest(again.load().tree) == digest(state(1))


def test_a_disk_known_to_be_too_full_is_not_written_to(run, monkeypatch):
    with run.writing():
        run.save(state(1), 1)
        full = os.statvfs(run.path)
        monkeypatch.setattr(
            "playfield.storage.files.os.statvfs", lambda path: os.statvfs_result((*full[:4], 0, *full[5:]))
        )
        with pytest.raises(NoSpace, match="last committed checkpoint is intact"):
            run.save(state(2), 2)
        assert digest(run.load().tree) == digest(state(1))


def test_an_interrupted_flush_goes_on_where_it_stopped(tmp_path):
    file = AppendFile(tmp_path / "events.jsonl")
    file.write(b"abcdef")
    with pytest.MonkeyPatch.context() as patch:
        parts = iter([2, None])
        real = os.write

        def short(descriptor, data):
            if (count := next(parts)) is None:
                raise OSError(errno.ENOSPC, "full")
            return real(descriptor, bytes(data[:count]))

        patch.setattr("playfield.storage.files.os.write", short)
        with pytest.raises(NoSpace):
            file.flush()
    file.write(b"gh")
    assert file.sync().bytes == 8
    file.close()
    assert (tmp_path / "events.jsonl").read_bytes() == b"abcdefgh"


@pytest.mark.parametrize("leaves_out", [False, True])
def test_a_file_that_waits_for_room_takes_no_more_than_memory_has(tmp_path, monkeypatch, leaves_out):
    monkeypatch.setattr(AppendFile, "_BUFFER_BYTES", 4)
    monkeypatch.setattr(AppendFile, "_MOST_WAITING_BYTES", 6)
    file = AppendFile(tmp_path / "events.jsonl", leaves_out=leaves_out)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, "write", errno.ENOSPC, 0)
        file.write(b"abcdef")
        for _ in range(2):
            with nullcontext() if leaves_out else pytest.raises(NoSpace):
                file.write(b"ghi")
    file.write(b"jkl")
    assert file.sync().bytes == 9
    assert file.take_left_out() == (2 if leaves_out else 0)
    assert file.take_left_out() == 0
    file.close()
    assert (tmp_path / "events.jsonl").read_bytes() == b"abcdefjkl"


def test_an_altered_description_of_a_run_is_replaced_by_its_copy(run, no_fsync):
    good = (run.path / "run.json").read_bytes()
    bad = good.replace(b"0.001", b"0.002")
    assert bad != good
    (run.path / "run.json").write_bytes(bad)
    with pytest.raises(DamagedFile, match=r"run\.json was altered"):
        Run.open(run.path)
    assert len(list_runs(run.path.parent).warnings) == 1
    (run.path / "run.json").write_bytes(good)
    with run.writing():
        run.save(state(1), 1)
    (run.path / "run.json").write_bytes(bad)
    again = Run.open(run.path)
    assert again.about == run.about
    assert "run.json" in again.warnings[0]
    with again.writing():
        assert (run.path / "run.json").read_bytes() == good


def test_fingerprints_differ_in_sentences():
    now = fingerprint.take()
    assert json.loads(json.dumps(now)) == now
    assert fingerprint.differences(now, now) == []
    assert fingerprint.differences(
        now | {"torch threads": 2, "torch": "2.9"}, now | {"torch threads": 1, "torch": "2.13"}
    ) == [
        "torch was 2.9 at save and is 2.13 now",
        "torch threads were 2 at save and are 1 now",
    ]
    assert now["torch threads"] == torch.get_num_threads()
