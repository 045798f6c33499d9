"""Recordings of other programs: what is in them, and what becomes of files that were made to do harm."""

from __future__ import annotations

import importlib
import os
import signal
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demonstrations.foreign_files import Moment, minari, png, serpent
from playfield.foreign import child
from playfield.foreign.checked import Refused
from playfield.foreign.minari import data_folder, minari_rows
from playfield.foreign.reader import NoForeignRecording, foreign_rows
from playfield.foreign.serpent import serpent_rows
from playfield.foreign.wire import ForeignRow, row_of, say_row
from playfield.messages import MOST_HEADER_BYTES, Broken, hear

h5py: Any = pytest.importorskip("h5py", reason="recordings in HDF5 need: pip install 'h5py>=3.11,<4'")

PLAY = [
    Moment(grey=10, keys=("KEY_LEFT",), reward=1.0),
    Moment(grey=20, reward=2.0),
    Moment(grey=30, keys=("KEY_SPACE", "KEY_LEFT"), reward=-4.0, terminal=True),
    Moment(grey=40, keys=("KEY_RIGHT",), reward=8.0),
    Moment(grey=50, keys=("KEY_UP",), reward=16.0),
]
#      picture of the row, keys that led to it, reward, discount, ( first . last
ROWS = [
    (10, (), 0.0, 1.0, "("),
    (20, ("KEY_LEFT",), 1.0, 1.0, ""),
    (30, (), 2.0, 1.0, ""),
    (30, ("KEY_LEFT", "KEY_SPACE"), -4.0, 0.0, "."),
    (40, (), 0.0, 1.0, "("),
    (50, ("KEY_RIGHT",), 8.0, 1.0, "."),
]


def plain(row: ForeignRow) -> tuple[int, tuple[str, ...], float, float, str]:
    assert (row.frame.shape, row.frame.dtype) == ((10, 8, 3), np.uint8)
    assert (row.frame == row.frame[0, 0, 0]).all()
    return int(row.frame[0, 0, 0]), row.keys, row.reward, row.discount, "(" * row.first + "." * row.last


def test_a_recording_of_serpent_row_by_row(tmp_path: Path):
    assert [plain(row) for row in serpent_rows(serpent(tmp_path / "a.h5", PLAY))] == ROWS


def test_the_other_process_says_the_same_and_is_gone_afterwards(tmp_path: Path):
    path = serpent(tmp_path / "a.h5", PLAY)
    rows = foreign_rows("serpent", path)
    assert plain(next(rows)) == ROWS[0]
    (own,) = [pid for pid in children() if b"playfield.foreign.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    limits = Path(f"/proc/{own}/limits").read_text()
    assert f"{child.MOST_MEMORY_BYTES}" in limits.split("Max address space")[1].split("\n")[0]
    assert "Max file size             0 " in limits
    assert [plain(row) for row in rows] == ROWS[1:]
    assert own not in children()


def children() -> list[int]:
    found = list[int]()
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def test_whoever_stops_looking_leaves_no_process(tmp_path: Path):
    before = children()
    rows = foreign_rows("serpent", serpent(tmp_path / "a.h5", PLAY * 80, [float(n) for n in range(400)]))
    next(rows)
    assert len(children()) == len(before) + 1
    rows.close()
    assert children() == before


def test_times_are_in_order_of_their_numbers(tmp_path: Path):
    two = [Moment(grey=2, terminal=True), Moment(grey=1)]
    rows = list(serpent_rows(serpent(tmp_path / "a.h5", two, [10.5, 9.5])))
    assert [plain(row)[0] for row in rows] == [1, 2, 2]


def change(name: str, value: Any, **settings: Any) -> Callable[[Path], None]:
    def changed(path: Path) -> None:
        with h5py.File(path, "a") as file:
            if name in file:
                del file[name]
            if value is not None:
                file.create_dataset(name, data=np.array(value), **settings)

    return changed


def link(name: str, to: object) -> Callable[[Path], None]:
    def changed(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[name]
            file[name] = to

    return changed


def outside(path: Path) -> None:
    """The pictures are said to lie in another file."""
    (path.parent / "secret").write_bytes(png(77))
    with h5py.File(path, "a") as file:
        del file["1.0-frames"]
        size = len(png(77))
        there = [(str(path.parent / "secret"), 0, size)]
        file.create_dataset("1.0-frames", (1,), dtype=f"S{size}", external=there)


def virtual(path: Path) -> None:
    with h5py.File(path.parent / "other.h5", "w") as other:
        other["data"] = np.array([png(77)])
    with h5py.File(path, "a") as file:
        del file["1.0-frames"]
        layout = h5py.VirtualLayout((1,), f"S{len(png(77))}")
        layout[:] = h5py.VirtualSource(str(path.parent / "other.h5"), "data", (1,))
        file.create_virtual_dataset("1.0-frames", layout)


def wide_picture() -> bytes:
    """A PNG that says of itself to be 50,000 pixels wide."""
    data = bytearray(png(1))
    data[16:20] = struct.pack(">I", 50_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (lambda path: path.write_bytes(b""), "is no HDF5 file, or a damaged one"),
    "text": (lambda path: path.write_text("hello"), "is no HDF5 file, or a damaged one"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:3000]), "is no HDF5 file, or a damaged one"),
    "no times": (lambda path: h5py.File(path, "w").close(), "is no input recording of SerpentAI's RecorderAgent"),
    "no reward": (change("1.0-reward", None), "has no '1.0-reward' of its own"),
    "many rewards": (change("1.0-reward", [1.0, 2.0]), "has a reward that is no number"),
    "no number": (change("1.0-reward", float("nan")), "has a reward that is no number"),
    "text for an end": (change("1.0-terminal", b"yes"), "has an end that is no number"),
    "a text for a picture": (change("1.0-frames", [b"GIF89a"]), "has a picture that is no PNG"),
    "a JPEG for a PNG": (change("1.0-frames", [png(1, kind="JPEG")]), "has a picture that is no PNG"),
    "no stack": (change("1.0-frames", png(1)), "has frames that are no stack of pictures"),
    "numbers": (change("1.0-frames", [1.0, 2.0]), "has frames that are no stack of pictures"),
    "wide": (change("1.0-frames", [wide_picture()]), "has a picture of 50000 x 10, larger than 4096 a side"),
    "keys": (change("1.0-keyboard-inputs-active", [b"x"] * 1000), "has keys that are none"),
    "key numbers": (change("1.0-keyboard-inputs-active", [1, 2]), "has keys that are none"),
    "a link to another file": (link("1.0-frames", h5py.ExternalLink("/etc/passwd", "/x")), "has no '1.0-frames' of"),
    "a soft link": (link("1.0-reward", h5py.SoftLink("/2.0-reward")), "has no '1.0-reward' of its own"),
    "outside": (outside, "keeps '1.0-frames' somewhere else"),
    "virtual": (virtual, "keeps '1.0-frames' somewhere else"),
}  # fmt: skip


def spoiled(tmp_path: Path, spoil: Callable[[Path], None]) -> Path:
    path = serpent(tmp_path / "a.h5", [Moment(grey=n) for n in range(3)], [1.0, 2.0, 3.0])
    spoil(path)
    return path


@pytest.mark.parametrize(("spoil", "sentence"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_damaged_or_hostile_is_refused(spoil: Callable[[Path], None], sentence: str, tmp_path: Path):
    path = spoiled(tmp_path, spoil)
    with pytest.raises(Refused) as refused:
        list(serpent_rows(path))
    assert sentence in str(refused.value)


def test_what_the_other_process_refuses_is_one_sentence_with_the_file(tmp_path: Path):
    path = spoiled(tmp_path, outside)
    with pytest.raises(NoForeignRecording) as refused:
        list(foreign_rows("serpent", path))
    assert str(refused.value) == f"{path} keeps '1.0-frames' somewhere else; nothing of it was kept"


def test_a_process_that_dies_is_told(tmp_path: Path):
    rows = foreign_rows("serpent", serpent(tmp_path / "a.h5", PLAY * 80, [float(n) for n in range(400)]))
    next(rows)
    for pid in children():
        if b"playfield.foreign.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGSEGV)
    with pytest.raises(NoForeignRecording, match="was ended by SIGSEGV, so it is damaged or too large; nothing of it"):
        list(rows)


def test_a_file_that_never_ends_is_given_up(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.h5")
    before = children()
    with pytest.raises(NoForeignRecording, match=r"nothing was heard for 0\.5 s"):
        list(foreign_rows("serpent", tmp_path / "pipe.h5", silent_seconds=0.5))
    assert children() == before


def test_damage_anywhere_ends_in_a_sentence_or_in_rows(tmp_path: Path):
    """Whatever byte is altered: nothing but a refusal, and no row that is not one."""
    path = serpent(tmp_path / "a.h5", PLAY[:2], [1.0, 2.0])
    data = path.read_bytes()
    refused = 0
    draws = np.random.default_rng(0)
    for at in draws.integers(0, len(data), 150).tolist():
        path.write_bytes(data[:at] + bytes([data[at] ^ int(draws.integers(1, 256))]) + data[at + 1 :])
        try:
            list(serpent_rows(path))
        except (Refused, OSError, KeyError, ValueError, TypeError, RuntimeError):
            refused += 1  # all of these are one sentence of the process that reads
    assert refused > 10


class Said:
    """What a process could say."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, count: int) -> bytes:
        if count > len(self.data):
            raise Broken("it broke off")
        data, self.data = self.data[:count], self.data[count:]
        return data


def said(header: dict[str, object], payload: bytes = bytes(4)) -> ForeignRow:
    row = {"kind": "row", "first": True, "last": False, "reward": 0.0, "discount": 1.0, "seed": 0, "shape": [2, 2],
           "dtype": "uint8", "keys": [], "action": None}  # fmt: skip
    return row_of(row | header, payload)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        ({"shape": [2, 3]}, bytes(4)),
        ({"shape": [-2, -2]}, bytes(4)),
        ({"shape": [2.0, 2]}, bytes(4)),
        ({"shape": [2] * 9}, bytes(4)),
        ({"dtype": "object"}, bytes(4)),
        ({"dtype": "float32", "shape": [1]}, np.array([np.nan], np.float32).tobytes()),
        ({"reward": float("inf")}, bytes(4)),
        ({"reward": 1}, bytes(4)),
        ({"discount": 0.5}, bytes(4)),
        ({"first": 1}, bytes(4)),
        ({"seed": -1}, bytes(4)),
        ({"keys": [1]}, bytes(4)),
        ({"keys": ["x"] * 65}, bytes(4)),
        ({"action": 256}, bytes(4)),
        ({"action": True}, bytes(4)),
    ],
)
def test_nothing_that_is_said_is_believed(header: dict[str, object], payload: bytes):
    assert said({}).frame.shape == (2, 2)
    with pytest.raises(Broken):
        said(header, payload)


def test_a_message_that_is_too_long_is_not_waited_for():
    for lengths in (struct.pack("<IQ", MOST_HEADER_BYTES + 1, 0), struct.pack("<IQ", 1, 1 << 31)):
        with pytest.raises(Broken, match="more than it may"):
            hear(Said(lengths + bytes(100)).read)
    for text in (b"[1]", b"{", b"\xff"):
        with pytest.raises(Broken, match="nothing that can be understood"):
            hear(Said(struct.pack("<IQ", len(text), 0) + text).read)


def test_rows_come_through_as_they_were_said(tmp_path: Path):
    rows = [
        ForeignRow(frame=np.arange(6, dtype=np.uint8).reshape(1, 2, 3), first=True, last=False, keys=("a", "b")),
        ForeignRow(frame=np.array([0.5, -1], np.float32), first=False, last=True, reward=-2.5, discount=0.0, action=3,
                   seed=9),
    ]  # fmt: skip
    with (tmp_path / "said").open("wb") as file:
        for row in rows:
            say_row(file, row)
    heard = Said((tmp_path / "said").read_bytes())
    for row in rows:
        again = row_of(*hear(heard.read))
        assert np.array_equal(again.frame, row.frame)
        assert again.frame.dtype == row.frame.dtype
        for name in ("first", "last", "keys", "reward", "discount", "action", "seed"):
            assert getattr(again, name) == getattr(row, name)


def test_a_data_set_of_minari_row_by_row(tmp_path: Path):
    seen = [np.arange(4 * 2, dtype=np.float64).reshape(4, 2), np.full((2, 2), 9.0)]
    folder = data_folder(minari(tmp_path / "set", seen))
    assert folder == tmp_path / "set" / "data"
    rows = list(minari_rows(folder))
    told = [(r.frame.tolist(), r.action, r.reward, r.discount, r.first, r.last, r.seed) for r in rows]
    assert told == [
        ([0, 1], None, 0.0, 1.0, True, False, 7),
        ([2, 3], 0, 0.0, 1.0, False, False, 7),
        ([4, 5], 1, 0.5, 1.0, False, False, 7),
        ([6, 7], 2, 1.0, 0.0, False, True, 7),
        ([9, 9], None, 0.0, 1.0, True, False, 8),
        ([9, 9], 0, 0.0, 0.0, False, True, 8),
    ]
    assert rows[0].frame.dtype == np.float32


def test_pictures_of_minari_may_be_jpeg(tmp_path: Path):
    seen = np.full((3, 40, 40, 3), 100, np.uint8)
    rows = list(minari_rows(minari(tmp_path / "set", [seen], jpeg=True) / "data"))
    assert len(rows) == 3
    assert abs(rows[1].frame.astype(int) - 100).max() <= 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"action_space": '{"type": "Box"}'}, "has Box actions and Box observations; Discrete and Box are read"),
        ({"observation_space": "{"}, "does not say what is kept"),
        ({"observation_space": None}, "does not say what is kept"),
        ({"observation_space": '{"type": "Box", "dtype": "uint8", "shape": [99999, 99999]}'}, "and shape [99999, 999"),
        ({"observation_space": '{"type": "Box", "dtype": "object", "shape": [2]}'}, "has observations of object"),
        ({"observation_space": '{"type": "Box", "dtype": "uint8", "shape": [3]}'}, "which its metadata do not say"),
    ],
)
def test_a_data_set_that_is_something_else_is_refused(changes: dict[str, object], sentence: str, tmp_path: Path):
    folder = minari(tmp_path / "set", [np.zeros((3, 2), np.uint8)], **changes)
    with pytest.raises(Refused) as refused:
        list(minari_rows(folder / "data"))
    assert sentence in str(refused.value)


def test_no_module_of_the_reading_process_needs_torch():
    """It would be large before it began, and the limit of its memory would say little."""
    for name in ("foreign.child", "foreign.checked", "foreign.minari", "foreign.serpent", "foreign.wire", "messages"):
        source = Path(str(importlib.import_module(f"playfield.{name}").__file__)).read_text()
        imported = [line for line in source.splitlines() if line.lstrip().startswith(("import ", "from "))]
        ours = ("playfield.foreign", "playfield.messages")
        assert not [line for line in imported if "playfield" in line and not any(name in line for name in ours)]
