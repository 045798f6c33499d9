"""Zip archives that lie of themselves, and pickles that no library writes."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from fault.made import Made, holding
from playfield.storage.archive import pack_archive
from playfield.storage.model import CARD, CHECKSUMS, RECIPE, WEIGHTS, write_model
from storage.test_model import example, members, sealed

EOCD, CENTRAL = b"PK\5\6", b"PK\1\2"


def archives(folder: Path) -> Iterator[Made]:
    folder.mkdir(parents=True, exist_ok=True)
    good = folder / "archive.playfield"
    if not good.exists():
        write_model(good, example())
    parts = members(good)
    for name, data in [*_altered(good.read_bytes()), *_rebuilt(parts), *_checksums(parts), *_cards(parts)]:
        yield holding("model", name, data, ".playfield")
    for name, data in [*_torch_archives(), *_pickles()]:
        yield holding("foreign", name, data, ".pth")


def _altered(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Where one number of the directory is another: (what, place in the entry or at the end, format, value)."""
    entry, end = data.find(CENTRAL), data.rfind(EOCD)
    in_entry = {"encrypted": (8, 1), "packed in way 99": (10, 99), "packed by bzip2": (10, 12),
                "packed by lzma": (10, 14),
                "whose member has a name of 64 KB": (28, 0xFFFF), "with 64 KB of extras": (30, 0xFFFF),
                "whose member has a comment": (32, 0xFFFF)}  # fmt: skip
    longs = {"of another checksum": (entry + 16, 0xDEADBEEF), "whose member begins at the end": (entry + 42, len(data)),
             "whose member begins at 4 GB": (entry + 42, 2**32 - 1), "whose member begins in another": (entry + 42, 5),
             "whose directory has no bytes": (end + 12, 0), "whose directory has 4 GB": (end + 12, 2**32 - 1),
             "whose directory lies beyond": (end + 16, 2**32 - 2),
             "whose directory lies at 0": (end + 16, 0)}  # fmt: skip
    numbers = [(what, entry + at, "<H", value) for what, (at, value) in in_entry.items()]
    numbers += [(what, at, "<I", value) for what, (at, value) in longs.items()]
    for what, at, layout, value in [*numbers, ("with a comment", end + 20, "<H", 9)]:
        changed = bytearray(data)
        struct.pack_into(layout, changed, at, value)
        yield what, bytes(changed)
    yield "behind other bytes", b"#!/bin/sh\ntouch canary\n" + data[:-22] + data[-22:-6] + b"\0\0\0\1" + data[-2:]
    yield "before other bytes", data + b"#!/bin/sh"
    yield "twice", data[:-22] + data
    name = data.find(b"model.json")
    yield "whose member is called otherwise inside", data[:name] + b"evil0.json" + data[name + 10 :]
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2**62, 2**62, 2**62, 2**62)
    yield (
        "whose large end lies",
        data[:-22] + end64 + struct.pack("<4sIQI", b"PK\6\7", 0, len(data) - 22, 1) + data[-22:],
    )


def _rebuilt(parts: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    good, rest = sealed(parts), [(name, data) for name, data in parts.items() if name != CHECKSUMS]
    for name in (
        "MODEL.JSON",
        "model.json ",
        "model.json:stream",
        "model․json",
        "ｍodel.json",
        "model.json/",
        "\u200bmodel.json",
    ):
        yield f"with {name!r} besides", _zip([*good.items(), (name, b"{}")])
    for name in (CARD, RECIPE, WEIGHTS, CHECKSUMS):
        yield f"with {name} twice", _zip([*good.items(), (name, good[name])])
        yield f"without {name}", _zip([(other, data) for other, data in good.items() if other != name])
        yield (
            f"whose {name} is empty",
            _zip(sealed({**parts, name: b""}).items() if name != CHECKSUMS else [*rest, (CHECKSUMS, b"")]),
        )
    yield "with 60,000 members", _zip([*good.items(), *((f"m{n}", b"") for n in range(60_000))])
    yield "in an archive", _zip([("a.playfield", _zip(good.items()))])
    for name in (CARD, RECIPE):
        yield f"whose {name} has 2 MB", _zip(sealed({**parts, name: b" " * (2 << 20) + parts[name]}).items())
        yield (
            f"whose {name} is UTF-16 and cut",
            _zip(sealed({**parts, name: parts[name].decode().encode("utf-16")[:-1]}).items()),
        )


def _checksums(parts: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    right = json.loads(sealed(parts)[CHECKSUMS])
    size, digest = right[CARD]
    for name, value in {
        "a list": [], "null": None,
        "without a member": {CARD: right[CARD]}, "of a path": {**right, "../../x": [1, "00"]},
        "of texts": {**right, CARD: "xy"}, "of negative bytes": {**right, CARD: [-size, digest]},
        "of other bytes": {**right, CARD: [size + 1, digest]}, "of fewer digits": {**right, CARD: [size, digest[:-1]]},
        "in capitals": {**right, CARD: [size, digest.upper()]}, "of numbers": {**right, CARD: [size, 7]},
        "of three": {**right, CARD: [size, digest, 0]}, "of a float": {**right, CARD: [float(size), digest]},
        "of a bool": {**right, CARD: [True, digest]}, "of 2^70 bytes": {**right, CARD: [2**70, digest]},
    }.items():  # fmt: skip
        yield (
            f"with checksums {name}",
            _zip([*((n, d) for n, d in parts.items() if n != CHECKSUMS), (CHECKSUMS, json.dumps(value).encode())]),
        )
    yield (
        "with checksums of many digits",
        _zip(
            [
                *((n, d) for n, d in parts.items() if n != CHECKSUMS),
                (CHECKSUMS, b'{"model.json":[' + b"9" * 100_000 + b',""]}'),
            ]
        ),
    )


def _cards(parts: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    card = json.loads(parts[CARD])
    for key, values in {
        "licence": ("\x1b[31mMIT", "\u202eTIM", "\ud800", "a\0b", "\r"), "notes": (["\x9b"], ["\u2069"], "x", [["x"]]),
        "actions": (["\x1b"], {"0": "A"}, "NOOP"), "obs_shape": ([-1], ["2"], [[2]]), "seed": ([1], True, -1),
        "evaluation": ({}, {"type": "Card"}, {**card["evaluation"], "scores": ["x"]}, {**card["evaluation"], "os": 1}),
        "fingerprint": ([["a"]], [["a", "\x1b"]], {"a": "b"}), "type": ("Model", "os.system", None, 7),
    }.items():  # fmt: skip
        for value in values:
            text = json.dumps({**card, key: value}).encode()
            yield f"whose card's {key} is {str(value)!r:.30}", _zip(sealed({**parts, CARD: text}).items())
    for number in ("NaN", "1e400", "-Infinity", "9" * 400, "9" * 5000):
        text = json.dumps({**card, "evaluation": {**card["evaluation"], "scores": ["#"]}}).replace('"#"', number)
        yield f"with a score of {number[:9]}", _zip(sealed({**parts, CARD: text.encode()}).items())


def _zip(items: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two of one name
            for name, data in items:  # type: ignore[attr-defined]
                archive.writestr(name, data)
    return buffer.getvalue()


def _torch_archives() -> Iterator[tuple[str, bytes]]:
    tensor = torch.arange(6.0)
    buffer = io.BytesIO()
    torch.save({"w": tensor}, buffer)  # noqa: TID251
    parts = {name: data for name, data in _members(buffer.getvalue()).items() if "serialization" not in name}
    folder = next(iter(parts)).split("/")[0]
    yield "torch, big-endian", pack_archive({**parts, f"{folder}/byteorder": b"big"})
    yield "torch, two pickles", pack_archive({**parts, "other/data.pkl": b"."})
    yield "torch, a program besides", pack_archive({**parts, f"{folder}/code/x.py": b"import os"})
    yield "torch, constants besides", pack_archive({**parts, f"{folder}/constants.pkl": b"."})
    yield "torch, no numbers", pack_archive({name: data for name, data in parts.items() if "/data/" not in name})
    yield "torch, fewer numbers", pack_archive({n: d[:-4] if "/data/" in n else d for n, d in parts.items()})
    yield "torch, more numbers", pack_archive({n: d + bytes(4) if "/data/" in n else d for n, d in parts.items()})
    yield "Stable-Baselines3 whose policy is no archive", pack_archive({"policy.pth": b"\x80\x02."})
    yield "Stable-Baselines3 in itself", pack_archive({"policy.pth": pack_archive({"policy.pth": b""})})
    yield "Stable-Baselines3 whose policy is compressed", _deflated({"policy.pth": bytes(10_000_000)})


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _deflated(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _pickles() -> Iterator[tuple[str, bytes]]:
    """Pickles of tensors alone, as far as their opcodes go: {"w": a view of storage 0, which has six floats}."""

    def number(value: int) -> bytes:
        return b"\x8a" + bytes([size := (value.bit_length() + 8) // 8]) + value.to_bytes(size, "little", signed=True)

    def view(
        offset: int = 0, shape: tuple[int, ...] = (6,), strides: tuple[int, ...] = (1,), key: str = "0", count: int = 6
    ) -> bytes:
        storage = b"(X\7\0\0\0storagectorch\nFloatStorage\nX" + struct.pack("<I", len(key)) + key.encode()
        storage += b"X\3\0\0\0cpu" + number(count) + b"tQ"
        sizes = b"".join(b"(" + b"".join(map(number, each)) + b"t" for each in (shape, strides))
        hooks = b"\x89ccollections\nOrderedDict\n)R"
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + sizes + hooks + b"tR"

    def file(*views: bytes, before: bytes = b"") -> bytes:
        items = b"".join(b"X\4\0\0\0%04d" % n + each for n, each in enumerate(views))
        return pack_archive({"a/data.pkl": b"\x80\x02" + before + b"}(" + items + b"u.", "a/data/0": bytes(24)})

    yield "views of no stride, a terabyte", file(view(shape=(2**38,), strides=(0,)))
    yield "views that overlap", file(view(shape=(3, 3), strides=(1, 1)))
    yield "views beyond the end", file(view(offset=1))
    yield "views from 2^47", file(view(offset=2**47, shape=(0,)))
    yield "views of nine axes", file(view(shape=(1,) * 9, strides=(1,) * 9))
    yield "views of 2^47 to the eighth", file(view(shape=(2**47,) * 8, strides=(1,) * 8))
    yield "views of fewer strides", file(view(shape=(2, 3), strides=(3,)))
    yield "views of negative strides", file(view(strides=(-1,)))
    yield "views of a storage elsewhere", file(view(key="../../data/0"))
    yield "views of a storage that is not there", file(view(key="7"))
    yield "views of a storage of 2^47", file(view(count=2**47))
    yield "one storage seen 60 times", file(*[view()] * 60)
    yield "numbers of 2,000 digits", file(view(offset=2**2000 - 1))
    yield "what was never remembered", file(b"h\x63")
    yield "one value under every key", pack_archive({"a/data.pkl": b"\x80\x02}(X\1\0\0\0a}u."})
    yield "keys that are numbers", pack_archive({"a/data.pkl": b"\x80\x02}K\1K\1s."})
    yield "keys that are tuples", pack_archive({"a/data.pkl": b"\x80\x02})K\1s."})
    yield "a million dictionaries", pack_archive({"a/data.pkl": b"\x80\x02" + b"}" * 1_000_000 + b"."})
    yield "tuples in tuples", pack_archive({"a/data.pkl": b"\x80\x02)" + b"\x85" * 1_000_000 + b"."})
    yield "doubled thirty times", pack_archive({"a/data.pkl": b"\x80\x02)q\0" + b"h\0h\0\x86q\0" * 100_000 + b"."})
    yield "nothing at all", pack_archive({"a/data.pkl": b""})
    yield "a stop alone", pack_archive({"a/data.pkl": b"."})
    yield "two values", pack_archive({"a/data.pkl": b"\x80\x02}}."})
    yield "an extension", pack_archive({"a/data.pkl": b"\x80\x02\x82\x01."})
    yield "buffers from outside", pack_archive({"a/data.pkl": b"\x80\x05\x97."})
    yield "a text that is no text", pack_archive({"a/data.pkl": b"\x80\x02X\2\0\0\0\xff\xfe."})
    yield "an integer in words", pack_archive({"a/data.pkl": b"Ios.system\n."})
    yield "a long of 100,000 digits", pack_archive({"a/data.pkl": b"L" + b"9" * 100_000 + b"L\n."})
