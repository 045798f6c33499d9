"""Every way to cut or alter a file of a run: found, named, and answered with the previous checkpoint."""

import shutil

import pytest
from storage_examples import new_run, state

from playfield.storage import DamagedFile, NoCheckpoint, Run, digest

PLACES = 160


@pytest.fixture
def run(tmp_path, no_fsync):
    run = new_run(tmp_path)
    for step in (1, 2):
        again = Run.open(run.path)
        with again.writing():
            if step == 2:
                again.cut_back(again.load())
            again.append_file("events.jsonl").write(b'{"event": %d}\n' % step)
            again.save(state(step, rows=4), step)
    return Run.open(run.path)


def damages(data):
    """Every truncation and one flipped bit in every byte; where there are too many, an even sample of them."""
    stride = max(1, len(data) // PLACES)
    for place in sorted({*range(0, len(data), stride), *range(min(40, len(data))), len(data) - 1}):
        yield data[:place]
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        yield bytes(flipped)
    yield data + b"\0"
    yield data + data


def load(run):
    try:
        return Run.open(run.path).load()
    except (NoCheckpoint, DamagedFile) as refusal:
        return refusal


@pytest.mark.parametrize("name", ["manifest.json", "tree.json", "tensors.safetensors"])
def test_a_damaged_checkpoint_is_named_and_the_previous_one_loaded(run, name):
    path = run.path / "checkpoints/00000002" / name
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        loaded = load(run)
        assert (loaded.checkpoint, digest(loaded.tree)) == ("00000001", digest(state(1, rows=4)))
        assert len(loaded.warnings) == 1
        assert str(path) in loaded.warnings[0]
    path.unlink()
    assert load(run).warnings == (f"{path} is missing; checkpoint 00000002 is not used",)
    path.mkdir()
    assert load(run).checkpoint == "00000001"


def test_damaged_rows_are_named_and_only_what_needs_them_is_lost(run):
    for number, survivor in ((1, "00000001"), (0, None)):
        path = run.path / f"rows/memory.rows/seg-{number:08d}.pfl"
        data = path.read_bytes()
        for damaged in damages(data):
            path.write_bytes(damaged)
            loaded = load(run)
            if damaged.startswith(data):
                assert loaded.checkpoint == "00000002"
                assert digest(loaded.tree) == digest(state(2, rows=4))
            elif survivor is None:
                assert isinstance(loaded, NoCheckpoint)
                assert str(path) in str(loaded)
            else:
                assert (loaded.checkpoint, digest(loaded.tree)) == (survivor, digest(state(1, rows=4)))
                assert str(path) in loaded.warnings[0]
        path.write_bytes(data)


def test_rows_altered_after_loading_are_found_when_read(run):
    loaded = load(run)
    path = run.path / "rows/memory.rows/seg-00000001.pfl"
    data = path.read_bytes()
    for damaged in damages(data):
        if not damaged.startswith(data):
            path.write_bytes(damaged)
            with pytest.raises(DamagedFile, match=r"seg-00000001\.pfl"):
                digest(loaded.tree)


def test_damaged_records_are_named_but_never_cost_the_state(run):
    path = run.path / "events.jsonl"
    data = path.read_bytes()
    half = data[: len(data) // 2]
    for damaged in damages(data):
        path.write_bytes(damaged)
        loaded = load(run)
        if damaged.startswith(data):
            assert (loaded.checkpoint, loaded.warnings) == ("00000002", ())
            continue
        assert str(path) in loaded.warnings[0]
        assert loaded.checkpoint == ("00000001" if damaged.startswith(half) else "00000002")
    path.unlink()
    with run.writing():
        loaded = run.load()
        assert (loaded.checkpoint, len(loaded.warnings)) == ("00000002", 3)
        run.cut_back(loaded)
        run.save(state(3, rows=4), 3)
        assert run.load().warnings == ()


def test_swapped_checkpoints_and_files_are_found(run):
    first, second = run.path / "checkpoints/00000001", run.path / "checkpoints/00000002"
    shutil.copy(first / "tensors.safetensors", second / "tensors.safetensors")
    assert load(run).checkpoint == "00000001"
    for name in ("manifest.json", "tree.json"):
        shutil.copy(first / name, second / name)
    loaded = load(run)
    assert loaded.checkpoint == "00000001"
    assert "belongs to checkpoint '00000001'" in loaded.warnings[0]


def test_a_checkpoint_of_another_run_is_refused(run, tmp_path):
    other = new_run(tmp_path, "other")
    with other.writing():
        other.save(state(1, rows=4), 1)
    shutil.copytree(other.path / "checkpoints/00000001", run.path / "checkpoints/00000009")
    shutil.rmtree(run.path / "checkpoints/00000002")
    shutil.rmtree(run.path / "checkpoints/00000001")
    (run.path / "checkpoints/00000009").rename(run.path / "checkpoints/00000001")
    assert "belongs to another run" in str(load(run))


def test_what_a_crash_left_is_ignored_and_removed(run):
    (run.path / "checkpoints/00000003.tmp-ab").mkdir()
    (run.path / "checkpoints/00000003.tmp-ab/tree.json").write_text("{")
    (run.path / "run.json.tmp-cd").write_text("")
    assert (load(run).checkpoint, load(run).warnings) == ("00000002", ())
    with run.writing():
        assert not list(run.path.rglob("*.tmp-*"))
