"""Every cut and one altered bit in every byte of a run: found, named, and answered with the previous checkpoint."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fault.amounts import LONG, figure
from playfield.batch import Rows
from playfield.storage import DamagedFile, NoCheckpoint, Run, digest
from playfield.storage.run import Loaded
from storage.examples import new_run


def state(step: int, *, numbers: int = 4) -> dict[str, object]:
    """So small that every byte of its files can be altered in turn."""
    frame = (torch.arange(8)[:, None, None] * torch.arange(260) % 7).to(torch.uint8)
    columns = {"frame": frame, "reward": torch.arange(8.0)[:, None]}
    rows = Rows(start=0, stop=step, columns=columns)
    return {"step": step, "net": {"w": torch.arange(float(numbers)) * step}, "memory": {"rows": rows}}


def written(root: Path, numbers: int) -> Run:
    """Two checkpoints, each by a process of its own, so that each has a segment of rows."""
    run = new_run(root)
    for step in (1, 2):
        again = Run.open(run.path)
        with again.writing():
            if step == 2:
                again.cut_back(again.load())
            again.append_file("events.jsonl").write(b'{"event": %d}\n' % step)
            again.save(state(step, numbers=numbers), step)
    return Run.open(run.path)


@pytest.fixture
def run(tmp_path: Path, no_fsync: None) -> Run:
    return written(tmp_path, numbers=4)


def damages(data: bytes) -> Iterator[bytes]:
    """Every truncation, one altered bit in every byte, and what is longer than it was."""
    for place in range(len(data)):
        yield data[:place]
        altered = bytearray(data)
        altered[place] ^= 1 << (place % 8)
        yield bytes(altered)
    yield data + b"\0"
    yield data + data


def load(run: Run) -> Loaded | NoCheckpoint | DamagedFile:
    try:
        return Run.open(run.path).load()
    except (NoCheckpoint, DamagedFile) as refusal:
        return refusal


@pytest.mark.parametrize("name", ["manifest.json", "tree.json", "tensors.safetensors"])
def test_a_damaged_checkpoint_is_named_and_the_previous_one_loaded(run: Run, name: str) -> None:
    path = run.path / "checkpoints/00000002" / name
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        loaded = load(run)
        assert (loaded.checkpoint, digest(loaded.tree)) == ("00000001", digest(state(1)))
        assert len(loaded.warnings) == 1
        assert str(path) in loaded.warnings[0]
    path.unlink()
    assert load(run).warnings == (f"{path} is missing; checkpoint 00000002 is not used",)
    path.mkdir()
    assert load(run).checkpoint == "00000001"


def test_damaged_rows_are_named_and_only_what_needs_them_is_lost(run: Run) -> None:
    for number, survivor in ((1, "00000001"), (0, None)):
        path = run.path / f"rows/memory.rows/seg-{number:08d}.pfl"
        data = path.read_bytes()
        for damaged in damages(data):
            path.write_bytes(damaged)
            loaded = load(run)
            if damaged.startswith(data):
                assert loaded.checkpoint == "00000002"
                assert digest(loaded.tree) == digest(state(2))
            elif survivor is None:
                assert isinstance(loaded, NoCheckpoint)
                assert str(path) in str(loaded)
            else:
                assert (loaded.checkpoint, digest(loaded.tree)) == (survivor, digest(state(1)))
                assert str(path) in loaded.warnings[0]
        path.write_bytes(data)


def test_rows_altered_after_loading_are_found_when_read(run: Run) -> None:
    loaded = load(run)
    path = run.path / "rows/memory.rows/seg-00000001.pfl"
    data = path.read_bytes()
    for damaged in damages(data):
        if not damaged.startswith(data):
            path.write_bytes(damaged)
            with pytest.raises(DamagedFile, match=r"seg-00000001\.pfl"):
                digest(loaded.tree)


def test_damaged_records_are_named_but_never_cost_the_state(run: Run) -> None:
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
        run.save(state(3), 3)
        assert run.load().warnings == ()


def test_swapped_checkpoints_and_files_are_found(run: Run) -> None:
    first, second = run.path / "checkpoints/00000001", run.path / "checkpoints/00000002"
    shutil.copy(first / "tensors.safetensors", second / "tensors.safetensors")
    assert load(run).checkpoint == "00000001"
    for name in ("manifest.json", "tree.json"):
        shutil.copy(first / name, second / name)
    loaded = load(run)
    assert loaded.checkpoint == "00000001"
    assert "belongs to checkpoint '00000001'" in loaded.warnings[0]


def test_a_checkpoint_of_another_run_is_refused(run: Run, tmp_path: Path) -> None:
    other = new_run(tmp_path, "other")
    with other.writing():
        other.save(state(1), 1)
    shutil.copytree(other.path / "checkpoints/00000001", run.path / "checkpoints/00000009")
    shutil.rmtree(run.path / "checkpoints/00000002")
    shutil.rmtree(run.path / "checkpoints/00000001")
    (run.path / "checkpoints/00000009").rename(run.path / "checkpoints/00000001")
    assert "belongs to another run" in str(load(run))


def test_what_a_crash_left_is_ignored_and_removed(run: Run) -> None:
    (run.path / "checkpoints/00000003.tmp-ab").mkdir()
    (run.path / "checkpoints/00000003.tmp-ab/tree.json").write_text("{")
    (run.path / "run.json.tmp-cd").write_text("")
    assert (load(run).checkpoint, load(run).warnings) == ("00000002", ())
    with run.writing():
        assert not list(run.path.rglob("*.tmp-*"))


def test_random_damage_of_a_large_checkpoint_is_found(tmp_path: Path, no_fsync: None) -> None:
    if not LONG:
        pytest.skip("100,000 damages of a large checkpoint are for `make fault-long`")
    run = written(tmp_path, numbers=200_000)
    rng = np.random.default_rng(7)
    path = run.path / "checkpoints/00000002/tensors.safetensors"
    data = path.read_bytes()
    for damage in range(100_000):
        place = int(rng.integers(len(data)))
        if damage % 2:
            with path.open("r+b") as file:
                file.seek(place)
                file.write(bytes([data[place] ^ 1 << int(rng.integers(8))]))
        else:
            with path.open("r+b") as file:
                file.truncate(place)
        loaded = load(run)
        assert isinstance(loaded, Loaded)
        assert loaded.checkpoint == "00000001", (damage, place)
        assert str(path) in loaded.warnings[0]
        path.write_bytes(data)
    figure("damage", kind="random, of a large checkpoint", bytes=len(data), damages=100_000, found=100_000)
