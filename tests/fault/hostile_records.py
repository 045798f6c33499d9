"""Logs whose checksums are right and whose contents are not: tapes, frames, rows, and lines of JSON."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from fault import layouts
from fault.layouts import PACKED, SEALED, joined
from fault.made import Made, holding, small_run
from playfield.storage import frame_log, tapes
from playfield.storage.checkpoint import unsealed

TAPE = {"episode": 1, "game": 0, "seed": 7, "score": 1.5, "frames": 40, "truncated": False}
CHUNK = {"episode": 1, "row": 0, "rows": 2, "shape": [2, 3, 1], "dtype": "uint8"}
ABOUT = {"game": "pong", "protocol": {}, "actions": ["NOOP", "FIRE"], "frames_per_action": 4, "frame_shape": [2, 3, 1],
         "player": "person", "name": "", "fingerprint": {}}  # fmt: skip
DEEP = b"[" * 30_000 + b"]" * 30_000
MANY_DIGITS = b"9" * 60_000
_ZSTD = zstandard.ZstdCompressor(level=1)


def records() -> Iterator[Made]:
    yield from _tapes()
    yield from _recordings()
    yield from _frames()
    yield from _segments()
    yield from _lines()


def payloads(size: int) -> Iterator[tuple[str, bytes]]:
    """Compressed bytes that are not so many bytes of one plain frame."""
    data = bytes(size)
    yield "of unknown length", zstandard.ZstdCompressor(write_content_size=False).compress(data)
    yield "that says less than it holds", _with_size(_ZSTD.compress(bytes(200)), 3)
    yield "that says more than it holds", _with_size(_ZSTD.compress(bytes(200)), 255)
    yield "that says 2^62 bytes", b"\x28\xb5\x2f\xfd\xe0" + (1 << 62).to_bytes(8, "little") + b"\1\0\0"
    yield "in two frames", _ZSTD.compress(data) + _ZSTD.compress(data)
    yield "in a frame to be skipped", b"\x50\x2a\x4d\x18" + b"\4\0\0\0" + b"1234"
    yield "with a window of 2 GB", b"\x28\xb5\x2f\xfd\x00\xa8" + b"\1\0\0"
    yield "with a dictionary that is not there", b"\x28\xb5\x2f\xfd\x21\x07" + bytes([size % 256]) + b"\1\0\0"
    yield "that ends early", _ZSTD.compress(np.random.default_rng(0).bytes(size))[:-3]
    yield "that is not compressed", data
    yield "that is empty", b""


def _with_size(frame: bytes, size: int) -> bytes:
    """The length that a frame of up to 255 bytes says of itself is its sixth byte."""
    return frame[:5] + bytes([size]) + frame[6:]


def _tapes() -> Iterator[Made]:
    def file(text: bytes, payload: bytes, how: int = SEALED) -> bytes:
        return layouts.records(tapes._MAGIC)(joined([text, payload], how))

    def tape(name: str, header: Mapping[str, Any] | bytes) -> Made:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return holding("tapes", name, file(text, b"\0\1", SEALED | PACKED), ".log")

    for name, payload in payloads(9):
        yield holding("tapes", f"with a payload {name}", file(json.dumps(TAPE).encode(), payload), ".log")
    for key in TAPE:
        for value in (None, "7", -1, [[]], {"$": "os.system"}, float("nan"), float("inf"), 2**80):
            if (key, value) not in (("score", 2**80),):
                yield tape(f"whose {key} is {str(value)[:12]}", {**TAPE, key: value})
        yield tape(f"without {key}", {name: value for name, value in TAPE.items() if name != key})
    yield tape("lost in words", {**TAPE, "lost": "yes"})
    yield tape("whose seed has 60,000 digits", json.dumps({**TAPE, "seed": "#"}).encode().replace(b'"#"', MANY_DIGITS))
    yield tape("whose score is 1e400", json.dumps({**TAPE, "score": "#"}).encode().replace(b'"#"', b"1e400"))
    yield tape("whose header is deep", DEEP)
    yield tape("whose header is a list", b"[]")
    yield tape("whose header is UTF-16", json.dumps([1]).encode("utf-16"))
    yield tape("whose header is half a letter", b'"\\ud800"')


def write_recording(path: Path, about: object, *logs: tuple[str, bytes]) -> None:
    """A folder with that description, one good tape, and other logs."""
    path.mkdir()
    (path / "about.json").write_bytes(about if isinstance(about, bytes) else json.dumps(about).encode())
    good = layouts.records(tapes._MAGIC)(joined([json.dumps(TAPE).encode(), b"\0"], SEALED | PACKED))
    for name, data in {"tapes.log": good, **dict(logs)}.items():
        (path / name).write_bytes(data)


def _recordings() -> Iterator[Made]:
    values: dict[str, tuple[object, ...]] = {
        "game": ("gym:os:system", "pong\x1b[2J", "\u202egnop", "pong\0", "\ud800", 7, "gym:../../evil:x"),
        "protocol": ([], "x", None),
        "actions": (7, [7], [["NOOP"]], ["\x1b]0;owned\7"], ["\u2066"]),
        "frames_per_action": ("4", 4.5, None, True),
        "frame_shape": (["2"], [2.5], "x", [None]),
        "player": ("root", 7, ""),
        "name": (7, "\x9b31m", "\u200f"),
        "fingerprint": ([], None),
    }
    for key, strange in values.items():
        for value in strange:
            yield _of(f"whose {key} is {value!r}", {**ABOUT, key: value})
    yield _of("that says more", {**ABOUT, "import": "os"})
    for name, text in {
        "deep": DEEP,
        "a list": b"[]",
        "no text": b"\xff\xfe\0",
        "empty": b"",
        "cut": b'{"game":',
    }.items():
        yield _of(f"whose description is {name}", text)
    digits = json.dumps({**ABOUT, "frames_per_action": "#"}).encode().replace(b'"#"', b"9" * 100_000)
    yield _of("with 100,000 digits", digits)
    bomb = b"".join(
        layouts.records(b"")(joined([json.dumps({**TAPE, "episode": n}).encode(), _ZEROS], SEALED)) for n in range(40)
    )
    yield _of("of 2.6 GB of actions in a small file", ABOUT, ("tapes.log", tapes._MAGIC + bomb))
    for name, marks in {"too long": b"\0\0", "of twos": b"\2", "missing": b""}.items():
        gaps = layouts.records(tapes._MAGIC)(joined([json.dumps(TAPE).encode(), marks], SEALED | PACKED))
        yield _of(f"with gaps {name}", ABOUT, ("gaps.log", gaps))


_ZEROS = _ZSTD.compress(bytes(tapes.MOST_ACTIONS))


def _of(name: str, about: object, *logs: tuple[str, bytes]) -> Made:
    return Made("recording", name, lambda path: write_recording(path, about, *logs))


def good_frames() -> bytes:
    """What was seen of the good tape."""
    parts = [json.dumps(CHUNK).encode(), bytes(12 + 8) + np.ones(2, "<f4").tobytes() + bytes(8)]
    return layouts.records(frame_log._MAGIC)(joined(parts, SEALED | PACKED))


def _frames() -> Iterator[Made]:
    def payload(reward: float = 0.0, discount: float = 1.0, frames: int = 4, dtype: str = "u1") -> bytes:
        narrow = np.array([0, reward, 1, discount], "<f4").tobytes() + np.array([0, frames], "<i4").tobytes()
        return np.zeros(12, dtype).tobytes() + narrow

    def of(name: str, data: bytes, **changes: object) -> Made:
        parts = [json.dumps({**CHUNK, **changes}).encode(), data]
        return _of(name, ABOUT, ("frames.log", layouts.records(frame_log._MAGIC)(joined(parts, SEALED | PACKED))))

    yield of("with a reward that is no number", payload(reward=float("nan")))
    yield of("with an endless reward", payload(reward=float("-inf")))
    yield of("with half a discount", payload(discount=0.5))
    yield of("with less than no frames", payload(frames=-4))
    yield of("with frames that are cut", payload()[:-1])
    yield of("with frames that go on", payload() + b"\0")
    for key, values in {
        "rows": (0, -1, 65, 2**62, "2", None, True), "row": (1, -1, "0", None), "episode": (0, 2, -1, None),
        "shape": ([2, 3], [2, -3, -1], [2**40, 2**40, 1], "x", None), "dtype": ("float32", "object", "<M8[ns]", 7),
    }.items():  # fmt: skip
        for value in values:
            yield of(f"of frames whose {key} is {str(value)[:20]}", payload(), **{key: value})
    for name, packed in payloads(36):
        parts = [json.dumps(CHUNK).encode(), packed]
        yield _of(f"of frames {name}", ABOUT, ("frames.log", layouts.records(frame_log._MAGIC)(joined(parts))))


def _segments() -> Iterator[Made]:
    """Rows whose checksums are those that the manifest says, in a segment that is wrong in itself."""

    def of(name: str, change: Callable[[bytes], bytes]) -> Made:
        return Made("run", f"segment {name}", lambda path: _rewritten(small_run(path), change))

    at = 20  # of the text behind the header
    yield of("of another magic", lambda data: b"PFROWS\n\n" + data[8:])
    yield of("of version 9", lambda data: data[:8] + b"\x09" + data[9:])
    yield of("with a text of 4 GB", lambda data: data[:12] + b"\xff\xff\xff\xff" + data[16:])
    yield of("with an altered text", lambda data: data[:at] + b"[" + data[at + 1 :])
    yield of("of another run", lambda data: _other_text(data, lambda text: {**text, "run": "x"}))
    yield of("of other columns", lambda data: _other_text(data, lambda text: {**text, "columns": []}))
    yield of("whose text is a list", lambda data: _other_text(data, lambda text: [text]))
    yield of("that goes on", lambda data: data + b"\0")
    yield of("that is empty", lambda data: b"")
    yield of("that ends early", lambda data: data[:-5])
    for place, what in ((0, "length"), (8, "first row"), (16, "count"), (20, "column"), (24, "game")):
        for value in (0xFFFFFFFE, 0x7FFFFFFF, 9):
            yield of(f"whose {what} is {value}", lambda data, p=place, v=value: _other_number(data, p, v))
    for name, payload in payloads(300):
        yield of(f"with a payload {name}", lambda data, p=payload: _other_payload(data, p))


def _texts_end(data: bytes) -> int:
    return 20 + int.from_bytes(data[12:16], "little")


def _other_text(data: bytes, change: Callable[[Any], object]) -> bytes:
    end = _texts_end(data)
    text = json.dumps(change(json.loads(data[20:end]))).encode()
    return layouts.rows(joined([text])) + data[end:]


def _other_number(data: bytes, place: int, value: int) -> bytes:
    """Of the first record; its checksum is made right where that is possible."""
    begin = _texts_end(data) + place
    return _crc(data[:begin] + value.to_bytes(4, "little") + data[begin + 4 :])


def _other_payload(data: bytes, payload: bytes) -> bytes:
    begin = _texts_end(data)
    length = int.from_bytes(data[begin : begin + 4], "little")
    head = len(payload).to_bytes(4, "little") + data[begin + 4 : begin + 28]
    return _crc(data[:begin] + head + payload + data[begin + 28 + length :])


def _crc(data: bytes) -> bytes:
    begin = _texts_end(data)
    length = int.from_bytes(data[begin : begin + 4], "little")
    crc = zlib.crc32(data[begin + 28 : begin + 28 + length], zlib.crc32(data[begin + 8 : begin + 28]))
    return data[: begin + 4] + crc.to_bytes(4, "little") + data[begin + 8 :]


def _rewritten(path: Path, change: Callable[[bytes], bytes]) -> None:
    segment = next((path / "rows").rglob("seg-*.pfl"))
    data = change(segment.read_bytes())
    segment.write_bytes(data)
    manifest = path / "checkpoints/00000001/manifest.json"
    plain = json.loads(unsealed(manifest, manifest.read_bytes()))
    for fence in plain["rows"].values():
        fence["segments"][0][1:3] = [len(data), layouts.digest_of(data)]
    manifest.write_bytes(layouts.line(b"\1" + json.dumps(plain).encode()))


def _lines() -> Iterator[Made]:
    def of(name: str, file: str, line: bytes) -> Made:
        def write(path: Path) -> None:
            (small_run(path) / file).parent.mkdir(exist_ok=True)
            (path / "events.jsonl").write_bytes(b"")  # in which our small run has no events
            (path / file).write_bytes(line + b"\n")

        return Made("records", f"{file}, {name}", write)

    ended = b'{"event":"EpisodeEnded","score":'
    for name, line in {
        "a deep line": b"[" * 100_000, "a list": b"[]", "no number": ended + b"NaN}", "endless": ended + b"-Infinity}",
        "no event": b"{}", "a score in words": ended + b'"os.system"}', "no score": b'{"event":"EpisodeEnded"}',
        "a score that is a list": ended + b"[1]}", "a score of 400 digits": ended + b"9" * 400 + b"}",
        "a score of 100,000 digits": ended + b"9" * 100_000 + b"}", "no text": b"\xff\xfe", "a terminal": b"\x1b[2J",
        "a line of 17 MB": b"[" + b"0," * (17 << 19) + b"0]", "half a letter": b'"\\ud800"',
    }.items():  # fmt: skip
        yield of(name, "events.jsonl", line)
    for name, line in {"no time": b"{}", "time in words": b'{"elapsed_seconds":"x"}',
                       "a list": b'{"elapsed_seconds":[1]}',
                       "400 digits": b'{"elapsed_seconds":' + b"9" * 400 + b"}"}.items():  # fmt: skip
        yield of(name, "metrics.jsonl", line)
    good = {"clock": {"frames": 1, "steps": 1, "episodes": 1}, "game": "pong", "protocol": {}, "policy": "p", "seed": 1,
            "scores": [1.5], "frames": [4], "best": {"seed": 7, "actions": "AAEC"}}  # fmt: skip
    strange: tuple[tuple[str, object], ...] = (
        ("clock", []), ("clock", {"os": 1}), ("clock", {"frames": "x\x1b[2J"}), ("protocol", 7), ("seed", None),
        ("scores", 7), ("scores", ["x"]), ("frames", [None]), ("best", []), ("best", {"seed": 7, "actions": "\u202e"}),
        ("best", {"seed": "7\x9b", "actions": ""}), ("frames", ["1e9"]), ("scores", [[1]]), ("best", None),
    )  # fmt: skip
    for key, value in strange:
        line = json.dumps({**good, key: value}).encode()
        yield of(f"whose {key} is {str(value)[:20]!r}", "results/evaluations.jsonl", line)
    for key in ("seed", "frames", "scores"):
        for number in (b"1e400", b"9" * 400):
            line = json.dumps({**good, key: "#" if key == "seed" else ["#"]}).encode().replace(b'"#"', number)
            if (key, number) not in (("seed", b"9" * 400), ("frames", b"9" * 400), ("scores", b"1e400")):
                yield of(f"whose {key} is {number[:5].decode()}", "results/evaluations.jsonl", line)
