"""Files as a stranger with bad intentions makes them: each must be refused with a sentence, and must do nothing."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from fault.hostile_archives import archives
from fault.hostile_places import places
from fault.hostile_records import records
from fault.hostile_texts import texts
from fault.made import small_run
from playfield.games.desktop.game_file import shipped_games
from playfield.storage.checkpoint import sealed as sealed_line
from playfield.storage.checkpoint import unsealed
from playfield.storage.model import CARD, RECIPE, WEIGHTS, write_model
from playfield.storage.run import _plain_digest
from storage.test_model import example, members, sealed

CANARY = "canary"
"""Name of the file that any code of a hostile file would make, in the folder that it is opened from."""
DEEP = b"[" * 100_000 + b"]" * 100_000
STRANGE_NUMBERS = (
    "NaN",
    "Infinity",
    "-1",
    "1e999",
    "9223372036854775808",
    "18446744073709551617",
    "1.5",
    '"7"',
    "null",
)
STRANGE_VALUES = ("[]", "{}", '"../../canary"', '"\\u001b[2J"', '"os.system"', "true", *STRANGE_NUMBERS)


@dataclass(frozen=True)
class Hostile:
    """One file, and what would be asked to open it."""

    name: str
    kind: str
    path: Path


class Gadget:
    """Pickles as a call of something."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.call = module, name, arguments


GADGETS = (
    Gadget("os", "system", f"touch {CANARY}"),
    Gadget("posix", "system", f"touch {CANARY}"),
    Gadget("subprocess", "Popen", ["touch", CANARY]),
    Gadget("subprocess", "check_output", ["touch", CANARY]),
    Gadget("builtins", "exec", f"open('{CANARY}', 'w')"),
    Gadget("builtins", "eval", f"open('{CANARY}', 'w')"),
    Gadget("builtins", "open", CANARY, "w"),
    Gadget("builtins", "__import__", "antigravity"),
    Gadget("builtins", "getattr", "x", "y"),
    Gadget("builtins", "compile", "1", "x", "eval"),
    Gadget("io", "open", CANARY, "w"),
    Gadget("shutil", "rmtree", "/nowhere"),
    Gadget("shutil", "copyfile", "/etc/hostname", CANARY),
    Gadget("importlib", "import_module", "antigravity"),
    Gadget("runpy", "run_path", "/etc/hostname"),
    Gadget("pty", "spawn", "true"),
    Gadget("code", "interact"),
    Gadget("socket", "create_connection", ("127.0.0.1", 9)),
    Gadget("webbrowser", "open", "http://127.0.0.1:9"),
    Gadget("pickle", "loads", b"."),
    Gadget("torch", "load", "/etc/hostname"),
    Gadget("torch.serialization", "load", "/etc/hostname"),
    Gadget("torch.storage", "_load_from_bytes", b"."),
    Gadget("numpy", "load", "/etc/hostname"),
    Gadget("numpy", "fromfile", "/etc/hostname"),
    Gadget("functools", "partial", print),
    Gadget("operator", "attrgetter", "system"),
    Gadget("codecs", "decode", b"x", "hex"),
    Gadget("asyncio.subprocess", "create_subprocess_shell", f"touch {CANARY}"),
    Gadget("playfield.cli.commands", "run_command", ["runs"]),
)


def _text(value: object) -> bytes:
    """The instructions of protocol 0 that push a value."""
    match value:
        case str():
            return b"V" + value.encode() + b"\n"
        case bytes():
            return b"c_codecs\nencode\n(V" + value.decode("latin-1").encode() + b"\nVlatin1\ntR"
        case int():
            return b"I%d\n" % value
        case list() | tuple():
            return b"(" + b"".join(_text(each) for each in value) + (b"l" if isinstance(value, list) else b"t")
        case _:
            return b"cbuiltins\nprint\n"


def pickles(gadget: Gadget) -> Iterator[tuple[str, bytes]]:
    """The same call by every instruction that can make one."""
    module, name, arguments = gadget.call
    at, rest = f"{module}\n{name}\n".encode(), b"".join(_text(each) for each in arguments)
    yield "reduce", b"\x80\x02c" + at + b"(" + rest + b"tR."
    yield "instance", b"(" + rest + b"i" + at + b"."
    yield "object", b"(c" + at + rest + b"o."
    yield "new object", b"\x80\x02c" + at + b"(" + rest + b"t\x81."
    yield "stack global", b"\x80\x04" + _text(module) + _text(name) + b"\x93(" + rest + b"tR."
    yield "in an entry", b"\x80\x02}X\x01\x00\x00\x00wc" + at + b"(" + rest + b"tRs."


def corpus(folder: Path, kinds: Collection[str] | None = None) -> list[Hostile]:
    """All of them, or those of some kinds, written below a folder."""
    found: list[Hostile] = []

    def add(kind: str, name: str, suffix: str, write: Callable[[Path], object]) -> None:
        if kinds is not None and kind not in kinds:
            return
        path = folder / f"{len(found):04d}{suffix}"
        write(path)
        found.append(Hostile(f"{kind}: {name}", kind, path))

    for name, data in [*_torch_files(), *_tensor_files()]:
        add(
            "foreign", name, ".pth" if name.startswith("pickle") else ".safetensors", lambda p, d=data: p.write_bytes(d)
        )
    for name, data in _models(folder):
        add("model", name, ".playfield", lambda p, d=data: p.write_bytes(d))
    for name, change in _runs():
        add("run", name, "", lambda p, c=change: _run(p, c))
    for name, text in _recipes():
        add("recipe", name, ".json", lambda p, t=text: p.write_bytes(t))
    for name, text in _games():
        add("game", name, ".toml", lambda p, t=text: p.write_bytes(t))
    for name, data in _tapes():
        add("tapes", name, ".log", lambda p, d=data: p.write_bytes(d))
    for file in [*records(), *places(), *archives(folder), *texts()]:
        add(file.kind, file.name, file.suffix, file.write)
    return found


def _zip(parts: dict[str, bytes], **options: object) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:  # type: ignore[call-overload]
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _torch_files() -> Iterator[tuple[str, bytes]]:
    for number, gadget in enumerate(GADGETS):
        ways = list(pickles(gadget))
        for how, data in ways if number < 3 else [ways[number % len(ways)], ways[0]]:
            inside = _zip({"archive/data.pkl": data, "archive/version": b"3\n"})
            yield f"pickle of {'.'.join(gadget.call[:2])} by {how}, in a zip", inside
    yield "pickle, bare", b"\x80\x02}X\x01\x00\x00\x00wK\x01s."
    yield (
        "pickle that never ends",
        _zip({"archive/data.pkl": b"\x80\x02" + b"(" * 1_000_000, "archive/version": b"3\n"}),
    )
    yield (
        "pickle that refers to itself",
        _zip({"archive/data.pkl": b"\x80\x02]q\x00h\x00a.", "archive/version": b"3\n"}),
    )
    yield "pickle with a long of a gigabyte", _zip({"archive/data.pkl": b"\x80\x02\x8b\xff\xff\xff\x3f."})
    yield "pickle with text of 4 GB", _zip({"archive/data.pkl": b"\x80\x02X\xff\xff\xff\xff."})


def _tensor_files() -> Iterator[tuple[str, bytes]]:
    def file(header: object, data: bytes = bytes(16)) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def one(**changes: object) -> dict[str, object]:
        return {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **changes}}

    for shape in ([-4], [2**63], [2**32, 2**32], ["4"], [4.5], [[4]], [5], None, [1] * 100_000):
        yield f"tensors of shape {str(shape)[:20]}", file(one(shape=shape))
    for offsets in ([0, 15], [0, 17], [8, 24], [-8, 8], [16, 0], [0, 2**64], ["0", "16"], [0], None):
        yield f"tensors at {offsets}", file(one(data_offsets=offsets))
    for kind in ("F31", "object", "", None, 7, "F32\n"):
        yield f"tensors of {kind!r}", file(one(dtype=kind))
    overlapping = {name: {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for name in "ab"}
    yield "tensors that overlap", file(overlapping)
    yield "tensors, ten to the fifth", file({f"t{n}": one()["w"] for n in range(100_000)})
    yield "tensors with a deep header", file(b'{"a":' + DEEP + b"}")
    yield "tensors with a header of 2^63", struct.pack("<Q", 2**63) + b"{}"
    yield "tensors with a header beyond the end", struct.pack("<Q", 10_000) + b"{}"
    yield "tensors with a list as header", file(b"[]")
    yield "tensors with no UTF-8", file(b'{"\xff": 1}')
    yield "tensors, empty file", b""


def _models(folder: Path) -> Iterator[tuple[str, bytes]]:
    good = folder / "good.playfield"
    write_model(good, example())
    parts = members(good)
    for bad in (
        "../canary",
        "/tmp/canary",
        "..\\canary",
        "C:\\canary",
        "a/../../canary",
        "canary\0.json",
        "\u202ejson",
        ".",
    ):
        yield f"member named {bad!r}", _zip(sealed({**parts, bad: b"x"}))
    yield "compressed a thousandfold", _zip({**parts, WEIGHTS: bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED)
    for size in (0, 1, 2**31, 2**32 - 1):
        data = bytearray(good.read_bytes())
        at = data.rfind(b"PK\1\2")
        struct.pack_into("<II", data, at + 20, size, size)
        yield f"that lies of {size} bytes", bytes(data)
    link = zipfile.ZipInfo(CARD)
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        for name in (RECIPE, WEIGHTS):
            archive.writestr(name, parts[name])
    yield "with a link", buffer.getvalue()
    card = json.loads(parts[CARD])
    for key in card:
        for value in STRANGE_VALUES[:: 3 if key == "format" else 5]:
            if (key, value) in ACCEPTABLE:
                continue
            text = json.dumps({**card, key: "#"}).replace('"#"', value).encode()
            yield f"whose {key} is {value}", _zip(sealed({**parts, CARD: text}))
    yield "whose card is deep", _zip(sealed({**parts, CARD: DEEP}))
    yield "whose recipe is deep", _zip(sealed({**parts, RECIPE: DEEP}))
    yield "whose recipe is no recipe", _zip(sealed({**parts, RECIPE: b'{"type": "os.system", "name": "touch canary"}'}))
    weights = struct.pack("<Q", 2) + b"{}" + b"PK\3\4"
    yield "whose weights go on", _zip(sealed({**parts, WEIGHTS: weights}))
    yield "that is a pickle", b"\x80\x02}X\x01\x00\x00\x00wK\x01s."
    yield "that is empty", b""


_WORDS = ("game", "protocol", "origin", "licence", "created", "playfield")
_TEXTS = ('"../../canary"', '"os.system"', '"7"')
ACCEPTABLE = {(key, text) for key in _WORDS for text in _TEXTS} | {
    *((key, value) for key in ("seed", "frames") for value in ("null", "9223372036854775808")),
    *((key, "[]") for key in ("fingerprint", "notes", "actions", "obs_shape")),
    ("evaluation", "null"),
}
"""A description may be any text, and what is not known may be left out: nothing is looked up by it."""


def _run(path: Path, change: Callable[[Path], object]) -> None:
    change(small_run(path))


def _resealed(path: Path, change: Callable[[dict], object]) -> None:
    """A manifest that says something else, with a checksum that is right."""
    plain = json.loads(unsealed(path, path.read_bytes()))
    change(plain)
    path.write_bytes(sealed_line(json.dumps(plain).encode()))


def _runs() -> Iterator[tuple[str, Callable[[Path], object]]]:
    newest = Path("checkpoints/00000001")

    def manifest(change: Callable[[dict], object]) -> Callable[[Path], object]:
        return lambda path: _resealed(path / newest / "manifest.json", change)

    def about(**changes: object) -> Callable[[Path], object]:
        def write(path: Path) -> None:
            plain = json.loads((path / "run.json").read_text())
            plain.pop("blake2b")
            plain |= changes
            (path / "run.json").write_text(json.dumps({**plain, "blake2b": _plain_digest(plain)}))
            (path / newest / "manifest.json").unlink()

        return write

    yield "rows elsewhere", manifest(lambda m: m.update(rows={"../../../etc": next(iter(m["rows"].values()))}))
    yield "a file elsewhere", manifest(lambda m: m["files"].update({"../../run.json": [1, "00"]}))
    yield "a record elsewhere", manifest(lambda m: m["sinks"].update({"../events.jsonl": [1, "00"]}))
    yield "a record that is no record", manifest(lambda m: m["sinks"].update({"run.json": [1, "00"]}))
    yield "another format", manifest(lambda m: m.update(format=99))
    for key in ("frames", "score", "files", "sinks", "rows", "run", "fingerprint", "checkpoint"):
        for value in (-(2**70), "os.system", [[]], True):
            if (key, value) != ("frames", -(2**70)):
                yield f"{key} is {str(value)[:12]}", manifest(lambda m, k=key, v=value: m.update({k: v}))
    fence = ("start", "stop", "size", "columns", "segments")
    for key in fence:
        for value in (-1, 2**70, "x", [[0]]):
            yield (
                f"fence of rows, {key} is {str(value)[:8]}",
                manifest(lambda m, k=key, v=value: next(iter(m["rows"].values())).update({k: v})),
            )
    yield (
        "columns of a petabyte",
        manifest(lambda m: next(iter(m["rows"].values())).update(columns=[["frame", "U8", [2**25, 2**25]]])),
    )
    for name in ("tree.json", "tensors.safetensors", "manifest.json"):
        yield f"{name} is deep", lambda path, n=name: (path / newest / n).write_bytes(DEEP)
        yield f"{name} is a link", lambda path, n=name: _linked(path / newest / n)
        yield f"{name} is a pipe", lambda path, n=name: _pipe(path / newest / n)
    yield "run.json is deep, nothing else", lambda path: _only(path, DEEP)
    yield "run.json is a list", lambda path: _only(path, b"[]")
    yield "run.json with more", about(surprise="os.system")
    yield "run.json without a checkpoint", about()


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _pipe(path: Path) -> None:
    import os

    path.unlink()
    os.mkfifo(path)


def _only(path: Path, text: bytes) -> None:
    (path / "run.json").write_bytes(text)
    (path / "checkpoints/00000001/manifest.json").unlink()


def _recipes() -> Iterator[tuple[str, bytes]]:
    from playfield.recipes import RECIPES
    from playfield.settings import to_plain

    plain = to_plain(RECIPES["dqn"])
    for path in ("torso", "head", "memory", "optimizer", "explore", "returns"):
        if path in plain:
            yield (
                f"{path} names code",
                json.dumps({**plain, path: {"type": "os.system", "command": "touch canary"}}).encode(),
            )
            yield f"{path} is a text", json.dumps({**plain, path: "subprocess.Popen"}).encode()
    for key in ("games", "frames"):
        for value in STRANGE_NUMBERS:
            yield f"{key} is {value}", json.dumps({**plain, key: "#"}).replace('"#"', value).encode()
    yield "is deep", DEEP
    yield "is empty", b""
    yield "is no text", b"\xff\xfe\x00"
    yield "has a list for its torso's layers", json.dumps({**plain, "torso": {**plain["torso"], "layers": 7}}).encode()


def _games() -> Iterator[tuple[str, bytes]]:
    good = shipped_games()["refgame"]
    text = (good if isinstance(good, Path) else Path(str(good))).read_text()
    yield (
        "reads by code",
        text.replace('kind = "digits"', 'kind = "os.system"').encode() + b'\n[readers.x]\nkind = "os.system"\n',
    )
    yield "python reader of nobody", text.encode() + b'\n[readers.x]\nkind = "python"\nname = "os:system"\n'
    yield "has an entry more", b'import = "os"\n' + text.encode()
    yield "is deep", b"a = " + DEEP
    yield "is empty", b""
    yield "is no text", b"\xff\xfe\x00"
    yield "waits for ever", text.replace("step_ms = ", "step_ms = 99999999999 # ").encode()
    yield "is as large as the sun", text.replace("width = ", "width = 99999999 # ", 1).encode()


def _tapes() -> Iterator[tuple[str, bytes]]:
    yield "of another kind", b"PFTAPES9" + bytes(64)
    yield "with a record of 2^32", b"PFTAPES1" + b"\xff" * 64
