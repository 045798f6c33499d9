"""Every parser of a stranger's bytes as a function of them, what to begin with, and what may come of it."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import time
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from demonstrations.foreign_files import space
from fault import layouts
from fault.layouts import PACKED, SEALED, Place, joined, laid_out, parts_of, raw
from fault.watched import Watch
from playfield.cli.commands import USER_MISTAKES, one_sentence
from playfield.cli.runs import known
from playfield.demonstrations.about import read_about
from playfield.foreign.checked import Refused
from playfield.foreign.minari import read_metadata
from playfield.foreign.wire import ForeignRow, row_of, say_row
from playfield.games.desktop.game_file import game_from, shipped_games
from playfield.messages import Broken, hear
from playfield.recipes import LINEAR_RECIPES, RECIPES, AnyRecipe, recipe_from_json
from playfield.settings import from_plain, to_plain
from playfield.sinks.evaluations import read_evaluations
from playfield.sinks.eventlog import read_events
from playfield.storage import checkpoint, frame_log, tapes
from playfield.storage.archive import Archive, open_archive, pack_archive
from playfield.storage.files import DamagedFile, FileRecord, parse_json
from playfield.storage.foreign import _torch_tensors
from playfield.storage.frame_log import Seen, Shown
from playfield.storage.log import Column, Fence, LoggedRows, Segment
from playfield.storage.model import CARD, RECIPE, WEIGHTS, _model_in, write_model
from playfield.storage.run import About, Run, _read_about
from playfield.storage.tapes import Tapes
from playfield.storage.tensors import pack, unpack
from playfield.storage.tree import digest, flatten, unflatten
from storage.test_model import example, members

MOST_SECONDS = 1.0
"""Of a processor, that one input may take."""
MOST_GROWTH = 256 << 20
"""Bytes that the peak of memory may grow by with one input."""
REFUSALS = (*USER_MISTAKES, Refused, Broken)
"""What a parser may raise; `Refused` and `Broken` become sentences in the process that reads for us."""
SHOWN = Shown((2, 3, 1), "uint8")
COLUMNS = (Column("frame", torch.uint8, (1, 256)), Column("reward", torch.float32, (1,)))
FENCED_ROWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """One of them."""

    opens: Callable[[Any], object]
    lays_out: Callable[[bytes], Any] = bytes
    """From an input to what is opened: its bytes, or the path of a file that has them."""
    seeds: Callable[[Path], Iterable[bytes]]
    """Good ones, and such as lead somewhere; files may be made in a folder."""
    modules: tuple[str, ...]
    """Whose branches guide the fuzzer."""
    text: str = ""
    """`json` or `toml`, where mutations should know of it."""
    longest: int = 4096


@dataclass(slots=True)
class Judge:
    """Opens inputs, and tells of each whether anything came of it that must not."""

    watch: Watch = field(default_factory=Watch)
    peak: int = 0

    def complaint(self, parser: Parser, data: bytes) -> str | None:
        """What was wrong, in a line that is the same for the same mistake; None where nothing was."""
        self.peak = self.peak or _peak()
        given = parser.lays_out(data)
        begin, wrong = time.process_time(), None
        try:
            with self.watch.watched():
                parser.opens(given)
        except REFUSALS as error:
            if not one_sentence(error).isprintable():
                wrong = f"a sentence that cannot be shown, of {_place(error)}"
        except BaseException as error:
            wrong = f"{type(error).__name__} at {_place(error)}"
        if self.watch.done:
            wrong = f"forbidden: {' '.join(self.watch.done[0].split()[:2])[:60]}"
        elif wrong is None and (spent := time.process_time() - begin) > MOST_SECONDS:
            wrong = f"slow: {spent:.0f} s"
        grown, self.peak = _peak() - self.peak, _peak()
        return f"memory: {grown >> 26} times 64 MB" if wrong is None and grown > MOST_GROWTH else wrong


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _place(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "playfield" in frame.filename]
    frame = ours[-1] if ours else traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _file(*names: str, seal: layouts.Sealer) -> Callable[[bytes], Path]:
    """How an input becomes a file of that name."""
    place: list[Place] = []

    def lay_out(data: bytes) -> Path:
        if not place:
            place.append(Place(*names))
        return place[0].holding(laid_out(data, seal))

    return lay_out


def _as_it_lies(data: bytes) -> bytes:
    return data[1:]


def _open_model(archive: Archive) -> None:
    from_plain(AnyRecipe, _model_in(archive).recipe)


def _open_archive(data: bytes) -> None:
    archive = open_archive(Path("a.playfield"), data)
    for name in archive.sizes:
        archive.read(name)


def _open_run(path: Path) -> None:
    known(Run(path, _read_about(path)))


def _laid_out_rows(data: bytes) -> LoggedRows:
    """A segment behind a fence that fits it, so that only what is in it can be wrong."""
    file = laid_out(data, layouts.rows)
    segment = Segment(0, FileRecord(len(file), layouts.digest_of(file)), 0, FENCED_ROWS)
    fence = Fence(start=0, stop=FENCED_ROWS, size=FENCED_ROWS, columns=COLUMNS, segments=(segment,))
    return LoggedRows(_SEGMENT(raw(file)).parent, "r", fence)


_SEGMENT = _file("seg-00000000.pfl", seal=_as_it_lies)


def _open_rows(rows: LoggedRows) -> None:
    rows.verify()
    rows.read_into({c.name: torch.empty((FENCED_ROWS, *c.shape), dtype=c.dtype) for c in COLUMNS})


def _open_tree(data: bytes) -> None:
    plain = parse_json(Path("tree.json"), data)
    named = {path: torch.zeros(2) for path in ("net/weight", "a", "b", "step")}
    try:
        tree = unflatten(plain, {path: tensor for path, tensor in named.items() if path.encode() in data}, {})
    except ValueError as error:
        raise DamagedFile(Path("tree.json"), str(error)) from error
    digest(tree)


def _hear(data: bytes) -> None:
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        if count > len(data) - at:
            raise Broken("it broke off")
        at += count
        return data[at - count : at]

    row_of(*hear(read))


def _open_parts(data: bytes) -> None:
    """A fence, a column, a segment: what else a manifest is made of, however it came."""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # which a manifest makes sentences of
        Fence.parse(parse_json(Path("fence.json"), data))


def _good_archives(folder: Path) -> Iterator[bytes]:
    yield pack_archive({"a": b"b", "c/d": b"ef"})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("a", "w", force_zip64=True) as file:
        file.write(bytes(99))
    yield buffer.getvalue()


def _good_model(folder: Path) -> Iterator[bytes]:
    write_model(folder / "a.playfield", example())
    parts = members(folder / "a.playfield")
    for recipe in (json.dumps(to_plain(next(iter(LINEAR_RECIPES.values())))).encode(), parts[RECIPE], b"{}"):
        yield joined([b" ".join(parts[CARD].split()), recipe, parts[WEIGHTS]])


def _good_torch(folder: Path) -> Iterator[bytes]:
    tied = torch.arange(6.0)
    for tensors in ({"w": tied.view(2, 3), "b": tied[:2]}, {"n": torch.nn.Parameter(torch.ones(2)), "h": tied.half()}):
        torch.save(tensors, folder / "a.pth")  # noqa: TID251 - what others write is read here
        parts = members(folder / "a.pth")
        storages = [data for name, data in parts.items() if "/data/" in name]
        yield joined([next(data for name, data in parts.items() if name.endswith("data.pkl")), *storages])


def _good_safetensors(folder: Path) -> Iterator[bytes]:
    yield b"".join(pack({"w": torch.arange(6.0)}))
    yield b"".join(pack({"a": torch.zeros(2, 3, dtype=torch.bool), "b": torch.zeros((), dtype=torch.bfloat16)}))


def _good_tapes(folder: Path) -> Iterator[bytes]:
    about = {"episode": 1, "game": 0, "seed": 7, "score": 1.5, "frames": 40, "truncated": False}
    texts = [json.dumps(about | {"episode": number}).encode() for number in (1, 2)]
    yield joined([texts[0], b"\0\1\2", texts[1], b"\2\2"], SEALED | PACKED)
    yield raw(layouts.records(tapes._MAGIC)(joined([texts[0], b"\1\1"], SEALED | PACKED)))
    yield raw(b"PFTAPES1" + bytes(32))


def _good_frames(folder: Path) -> Iterator[bytes]:
    about = {"episode": 1, "row": 0, "rows": 2, "shape": [2, 3, 1], "dtype": "uint8"}
    narrow = np.array([0, 1, 1, 0], "<f4").tobytes() + np.array([0, 4], "<i4").tobytes()
    payload = bytes(12) + narrow
    yield joined([json.dumps(about).encode(), payload], SEALED | PACKED)
    yield joined([json.dumps(about).encode(), payload, json.dumps(about | {"row": 2}).encode(), payload], 3)
    yield raw(layouts.records(frame_log._MAGIC)(joined([json.dumps(about).encode(), payload], SEALED | PACKED)))


def _good_rows(folder: Path) -> Iterator[bytes]:
    header = json.dumps({"run": "r", "first": 0, "columns": [column.plain() for column in COLUMNS]}).encode()
    for count in (FENCED_ROWS, FENCED_ROWS // 2):
        parts = [header]
        for first in range(0, FENCED_ROWS, count):
            parts += [
                bytes([first, count, 0, 0]),
                bytes(256 * count),
                bytes([first, count, 255, 255]),
                bytes(4 * count),
            ]
        yield joined(parts, SEALED | PACKED)
    yield raw(layouts.rows(joined(parts, SEALED | PACKED)))


def _plain_fence() -> dict[str, Any]:
    segment = Segment(3, FileRecord(700, "00" * 16), 0, 9)
    return Fence(start=2, stop=9, size=8, columns=COLUMNS, segments=(segment,)).plain()


def _plain_run() -> dict[str, Any]:
    return About(
        id="00", name="a", game="pong", seed=3, recipe=to_plain(next(iter(LINEAR_RECIPES.values()))),
        protocol={"sticky": 0.25},
        plan={"frames": 10}, created="2026", playfield="0.1.0", fingerprint={"torch": "2"},
    ).plain()  # fmt: skip


def _good_manifest(folder: Path) -> Iterator[bytes]:
    files = {name: [2, "00"] for name in (checkpoint.TENSORS, checkpoint.TREE)}
    plain = {"format": 1, "checkpoint": "00000001", "frames": 7, "score": 0.5, "saved": "2026", "run": {"id": "00"},
             "fingerprint": {}, "rows": {"memory/rows": _plain_fence()}, "sinks": {"events.jsonl": [3, "00"]},
             "files": files}  # fmt: skip
    yield b"\1" + json.dumps(plain).encode()
    yield b"\1" + json.dumps({**plain, "rows": {}, "score": None}).encode()
    yield raw(layouts.line(b"\1" + json.dumps(plain).encode()))


def _good_tree(folder: Path) -> Iterator[bytes]:
    tree = {
        "step": 3,
        "net": {"weight": torch.zeros(2)},
        "$a": (1, [2**70, float("inf")]),
        "b": np.zeros(2, np.float32),
    }
    yield json.dumps(flatten(tree).plain).encode()
    yield b'{"a":{"$":"scalar","at":"a"},"t":{"$":"tuple","items":[]},"n":{"$":"float","hex":"7ff8000000000000"}}'


def _good_lines(folder: Path) -> Iterator[bytes]:
    yield b'{"event":"EpisodeEnded","score":1.5,"frames":7,"seed":3}\n{"event":"Begun"}\n'
    clock = {"frames": 1, "steps": 2, "episodes": 3}
    yield (
        json.dumps({"event": "Evaluated", "clock": clock, "game": "pong", "protocol": {}, "policy": "p", "seed": 1,
                    "scores": [1.5], "frames": [4], "best": {"seed": 7, "actions": "AAEC"}}).encode() + b"\n"
    )  # fmt: skip


def _good_about(folder: Path) -> Iterator[bytes]:
    plain = {"game": "pong", "protocol": {"sticky": 0.25}, "actions": ["NOOP", "FIRE"], "frames_per_action": 4,
             "frame_shape": [84, 84, 1], "player": "person", "name": "", "fingerprint": {}}  # fmt: skip
    yield json.dumps(plain).encode()


def _good_metadata(folder: Path) -> Iterator[bytes]:
    plain = {"jpeg_encoding": True, "observation_space": space("Box", dtype="uint8", shape=[8, 8, 3]),
             "action_space": space("Discrete", dtype="int64", start=0, n=3)}  # fmt: skip
    yield json.dumps(plain).encode()


def _good_message(folder: Path) -> Iterator[bytes]:
    for frame in (np.zeros((2, 3, 1), np.uint8), np.zeros(4, np.float32)):
        out = io.BytesIO()
        say_row(out, ForeignRow(frame=frame, first=True, last=False, keys=("a",), action=1))
        yield out.getvalue()


SMALL_GAME = """name = "a"
launch.command = ["{python}", "-c", ""]
over = ["r"]
[timing]
step_ms = 50
clock = "virtual"
[regions.all]
left = 0
top = 0
width = 9
height = 9
[[axes]]
name = "m"
[[axes.choices]]
label = "up"
keys = ["Up"]
[readers.r]
kind = "digits"
region = "all"
[[rewards]]
reader = "r"
scale = 1.0
"""


def _games(folder: Path) -> Iterator[bytes]:
    yield SMALL_GAME.encode()
    yield (
        b'name = "a"\nlaunch.url = "a.html"\ntiming.clock = "real"\n'
        + b'axes = [{ choices = [{ label = "b", keys = ["c"] }] }]\n'
    )
    for path in shipped_games().values():
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
        yield "\n".join(lines).encode()


def _recipes(folder: Path) -> Iterator[bytes]:
    for recipe in (RECIPES["dqn"], RECIPES["rainbow"], RECIPES["pqn"], *LINEAR_RECIPES.values()):
        yield json.dumps(to_plain(recipe)).encode()


def _read_all_lines(path: Path) -> None:
    read_events(path)
    read_evaluations(path)


_JSON = ("playfield.settings",)
PARSERS: dict[str, Parser] = {
    "archive": Parser(
        opens=_open_archive,
        seeds=_good_archives,
        modules=("playfield.storage.archive", "zipfile"),
        longest=1024,
    ),
    "model": Parser(
        opens=_open_model,
        lays_out=layouts.model,
        seeds=_good_model,
        modules=("playfield.storage.model", "playfield.storage.tensors", *_JSON),
        text="json",
    ),
    "pickle": Parser(
        opens=_torch_tensors,
        lays_out=layouts.saved_by_torch,
        seeds=_good_torch,
        modules=("playfield.storage.foreign", "pickletools"),
        longest=1024,
    ),
    "safetensors": Parser(
        opens=lambda data: unpack(Path("a.safetensors"), data),
        seeds=_good_safetensors,
        modules=("playfield.storage.tensors", "safetensors.torch"),
        longest=1024,
    ),
    "recipe": Parser(
        opens=lambda data: recipe_from_json(data.decode("utf-8")),
        seeds=_recipes,
        modules=("playfield.settings", "playfield.recipes", "playfield.recipes.recipe"),
        text="json",
    ),
    "game": Parser(
        opens=lambda data: game_from(data.decode("utf-8", "replace"), "a.toml"),
        seeds=_games,
        modules=(
            "playfield.games.desktop.game_file", "playfield.games.desktop.tables", "playfield.games.desktop.actions",
            "playfield.games.desktop.readers", "tomllib._parser",
        ),
        text="toml",
        longest=1024,
    ),
    "tapes": Parser(
        opens=lambda path: list(Tapes(path)),
        lays_out=_file("tapes.log", seal=layouts.records(tapes._MAGIC)),
        seeds=_good_tapes,
        modules=("playfield.storage.records", "playfield.storage.tapes"),
        longest=1024,
    ),
    "frames": Parser(
        opens=lambda path: list(Seen(path, SHOWN)),
        lays_out=_file("frames.log", seal=layouts.records(frame_log._MAGIC)),
        seeds=_good_frames,
        modules=("playfield.storage.records", "playfield.storage.frame_log"),
        longest=1024,
    ),
    "rows": Parser(opens=_open_rows, lays_out=_laid_out_rows, seeds=_good_rows, modules=("playfield.storage.log",)),
    "manifest": Parser(
        opens=lambda path: checkpoint.read_manifest(path.parent),
        lays_out=_file("00000001", "manifest.json", seal=layouts.line),
        seeds=_good_manifest,
        modules=("playfield.storage.checkpoint", "playfield.storage.files", "playfield.storage.log"),
        text="json",
    ),
    "fence": Parser(
        opens=_open_parts,
        seeds=lambda folder: [json.dumps(_plain_fence()).encode()],
        modules=("playfield.storage.log", "playfield.storage.files"),
        text="json",
        longest=1024,
    ),
    "tree": Parser(
        opens=_open_tree, seeds=_good_tree, modules=("playfield.storage.tree",), text="json", longest=1024
    ),
    "run": Parser(
        opens=_open_run,
        lays_out=_file("run.json", seal=layouts.about_run),
        seeds=lambda folder: [b"\1" + json.dumps(_plain_run()).encode()],
        modules=("playfield.storage.run", "playfield.cli.runs", *_JSON),
        text="json",
    ),
    "lines": Parser(
        opens=_read_all_lines,
        lays_out=_file("events.jsonl", seal=_as_it_lies),
        seeds=lambda folder: map(raw, _good_lines(folder)),
        modules=("playfield.sinks.jsonl", "playfield.sinks.evaluations"),
        text="json",
        longest=1024,
    ),
    "recording": Parser(
        opens=read_about,
        lays_out=_file("about.json", seal=_as_it_lies),
        seeds=lambda folder: map(raw, _good_about(folder)),
        modules=("playfield.demonstrations.about",),
        text="json",
        longest=1024,
    ),
    "minari": Parser(
        opens=read_metadata,
        lays_out=_file("metadata.json", seal=_as_it_lies),
        seeds=lambda folder: map(raw, _good_metadata(folder)),
        modules=("playfield.foreign.minari",),
        text="json",
        longest=1024,
    ),
    "wire": Parser(
        opens=_hear, seeds=_good_message, modules=("playfield.foreign.wire", "playfield.messages"), longest=1024
    ),
}  # fmt: skip


def tokens(seeds: Iterable[bytes]) -> list[bytes]:
    """Words that a fuzzer should know of: the names in seeds, and values that nobody expects."""
    found: dict[bytes, None] = {}
    for seed in seeds:
        for part in (seed, *parts_of(seed)):
            for word in part.replace(b"=", b" ").split(b'"')[1:40:2]:
                if 0 < len(word) < 40:
                    found[b'"' + word + b'"'] = None
    return [*list(found)[:200], *STRANGE]


STRANGE = (
    b"NaN", b"-Infinity", b"1e400", b"-0", b"-1", b"0", b"1e-400", b"9" * 400, b"9" * 5000, b"18446744073709551616",
    b"1099511627776", b"[]", b"{}", b"null", b"true", b'""', b'"\\ud800"', b'"\\u0000"', b'"\\u001b[2J"', b'"\\u202e"',
    b'"../../canary"', b"[" * 1200 + b"]" * 1200, b"[[[[0]]]]", b'{"":{"":0}}', b"4.5", b'{"$":"tensor","at":"a"}',
)  # fmt: skip
"""Values in JSON that a parser of ours may not have been written for; most are values in TOML too."""
