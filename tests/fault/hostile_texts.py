"""Recipes, games, studies and foreign data sets in which one word is another than anybody would write."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from demonstrations.foreign_files import Moment, minari, serpent, space
from fault.made import Made, holding
from fault.parsers import SMALL_GAME
from playfield.recipes import RECIPES
from playfield.settings import to_plain

STEERING = ("\x1b[2J", "\u202e", "\x9b31m", "\0", "\ud800", "\u2066", "\r\n")
VARIANT = {"name": "a", "overrides": [], "recipe": to_plain(RECIPES["dqn_toy"])}
STUDY: dict[str, Any] = {"variants": [VARIANT], "games": ["catch"], "seeds": [1], "frames": 9, "episodes": 1}
DEEP = "[" * 100_000 + "]" * 100_000


def texts() -> Iterator[Made]:
    for name, text in _recipes():
        yield holding("recipe", name, text.encode(errors="surrogatepass"), ".json")
    for name, text in _games():
        yield holding("game", name, text.encode(errors="surrogatepass"), ".toml")
    for name, text in _studies():
        yield holding("study", name, text.encode(errors="surrogatepass"), ".json")
    yield from _data_sets()
    yield from _recorded()


def _recipes() -> Iterator[tuple[str, str]]:
    plain = to_plain(RECIPES["dqn"])

    def of(key: str, value: str) -> str:
        return json.dumps({**plain, key: "#"}).replace('"#"', value)

    for key, values in {
        "eval_epsilon": ("1e400", "9" * 400, "-1e-9", "NaN", "[0.05]", '"0.05"', "true", "9" * 100_000),
        "games": ("-0.0", "1e0", "9" * 400, "true", "[[1]]", "0"), "frames": ("1E12", "null", "1000000000001"),
        "over_episodes": ("0", "-9", "1.0"), "until_score": ("1e999", "-Infinity", '"high"'),
        "memory": ("{}",
                   '{"type":"Replay"}', '{"type":7}', '{"type":null}', '{"type":"Recipe"}', '{"type":"../Replay"}'),
        "type": ('"LinearRecipe"', '"Model"', "7", "[]", '"\\u001b[2J"', '"builtins.object"'),
    }.items():  # fmt: skip
        for value in values:
            yield f"whose {key} is {value[:20]}", of(key, value)
    for steering in STEERING:
        if steering != "\r\n":
            yield f"of the name {steering!r}", json.dumps({**plain, "name": steering})
            yield f"with a setting {steering!r}", json.dumps({**plain, steering: 1})
            yield f"with a type {steering!r}", json.dumps({**plain, "type": steering})
    yield "of 2 MB", json.dumps({**plain, "about": "a" * (2 << 20)})
    yield "that is a number", "7"
    yield "that is a list of recipes", json.dumps([plain])
    yield "with a mark of bytes before it", "\ufeff" + json.dumps(plain)
    yield "that says a thing twice, at last wrong", json.dumps(plain)[:-1] + ', "games": "os.system"}'
    yield "with a comma too many", json.dumps(plain)[:-1] + ",}"
    yield "with a deep setting", of("memory", DEEP)
    yield "with a deep table", of("memory", '{"type":' * 50_000 + "1" + "}" * 50_000)


def _games() -> Iterator[tuple[str, str]]:
    def but(old: str, new: str) -> str:
        assert old in SMALL_GAME
        return SMALL_GAME.replace(old, new, 1)

    for value in ("nan", "inf", "-inf", "9" * 400, "9" * 5000, "1979-05-27", '"1"', "true", "[1.0]"):
        yield f"whose reward is {value[:12]} fold", but("scale = 1.0", f"scale = {value}")
    for value in ("-1", "0", "9" * 400, "1e400", "0x10000000000", "50.0", '"50"', "3600001"):
        yield f"whose step is {value[:15]}", but("step_ms = 50", f"step_ms = {value}")
    for value in ('"os"', "7", '"javascript"', "[]", '"\\u001b[2J"'):
        yield f"whose clock is {value}", but('"virtual"', value)
    for key in ('"\\u001b[2J"', '"\\u202e"', '"\\u0000"', '"import"', '"__class__"'):
        yield f"with an entry {key}", f"{key} = 1\n" + SMALL_GAME
        yield f"with a region {key} of nothing", SMALL_GAME + f"[regions.{key}]\nleft = 0\n"
        yield (
            f"with a reader {key} of nowhere",
            SMALL_GAME + f'[readers.{key}]\nkind = "digits"\nregion = {key[:-1]}x"\n',
        )
    for path in ("/etc/passwd", "../x", "a/../../x", "", "a\\u0000b"):
        yield f"with {path!r} in its home", SMALL_GAME + f'[[launch.home]]\npath = "{path}"\ntext = ""\n'
    launch = 'launch.command = ["{python}", "-c", ""]'
    for url in ("javascript:alert(1)", "data:text/html,x", "ftp://x/y", "view-source:http://x", "JAVASCRIPT:x"):
        yield f"at {url}", but(launch, f'launch.url = "{url}"')
    yield "of nothing to start", but(launch, "launch.command = []")
    yield "started in two ways", but(launch, launch + "\nlaunch.steam = 7")
    yield "attached to anything", but(launch, "launch.attach = {}")
    yield "with a command of numbers", but(launch, "launch.command = [7]")
    yield "with a deep command", but(launch, f"launch.command = {DEEP}")
    yield "of a deep name", "a" + ".a" * 100_000 + " = 1\n"
    yield "that says a thing twice", SMALL_GAME + '[timing]\nclock = "real"\n'
    yield "of 2 MB", "#" * (2 << 20) + "\n" + SMALL_GAME
    yield "with half a letter", but('name = "a"', 'name = "\\ud800"')
    yield "with a letter beyond the last", but('name = "a"', 'name = "\\U00110000"')
    yield "of a bare zero byte", SMALL_GAME + "\0"
    axis = "\n".join(f'[[axes]]\nname = "a{n}"\n' + "".join(
        f'[[axes.choices]]\nlabel = "c{n}-{m}"\nkeys = ["k"]\n' for m in range(30)) for n in range(6))  # fmt: skip
    yield "of 729,000,000 actions", SMALL_GAME.split("[[axes]]")[0] + axis
    yield (
        "of no action",
        SMALL_GAME.replace('[[axes]]\nname = "m"\n[[axes.choices]]\nlabel = "up"\nkeys = ["Up"]\n', ""),
    )


def _studies() -> Iterator[tuple[str, str]]:
    for key, values in {
        "variants": (7, [7], [[]], [{**VARIANT, "recipe": "os.system"}], [{**VARIANT, "overrides": 7}], {}, None),
        "games": (7, None), "seeds": (7, ["x"], [None], [[1]]), "frames": ("x", None, []), "episodes": ({}, "x"),
    }.items():  # fmt: skip
        for value in values:
            yield f"whose {key} are {str(value)[:20]}", json.dumps({**STUDY, key: value})
    for key in ("seeds", "frames"):
        value = json.dumps({**STUDY, key: ["#"] if key == "seeds" else "#"}).replace('"#"', "1e400")
        yield f"whose {key} are 1e400", value
    for name, text in {"deep": DEEP, "a list": "[]", "empty": "", "half": '{"variants":', "a number": "1e400"}.items():
        yield f"that is {name}", text


def _data_sets() -> Iterator[Made]:
    frames = np.zeros((3, 4, 4, 1), np.uint8)

    def of(name: str, change: Callable[[Any], object], **about: object) -> Made:
        def write(path: Path) -> None:
            minari(path, [frames], **about)
            h5py: Any = importlib.import_module("h5py")
            with h5py.File(path / "data" / "main_data.hdf5", "r+") as file:
                change(file)

        return Made("minari", name, write)

    def nothing(file: Any) -> None:
        pass

    def replaced(name: str, value: Callable[[Any], object]) -> Callable[[Any], None]:
        def change(file: Any) -> None:
            del file["episode_0"][name]
            value(file["episode_0"])

        return change

    h5py: Any = importlib.import_module("h5py")
    for name, shape in {"endless": "[1e400,1,1]", "none": "[]", "negative": "[-4,4,1]", "of 2^80": f"[{2**80},1,1]",
                        "of words": '["4",4,1]', "of five": "[1,1,1,1,1]"}.items():  # fmt: skip
        box = '{"type":"Box","dtype":"uint8","shape":' + shape + "}"
        yield of(f"whose shape is {name}", nothing, observation_space=box)
    for name, actions in {"endless": '{"type":"Discrete","n":1e400}', "many": '{"type":"Discrete","n":3,"start":1e400}',
                          "deep": "[" * 99_999, "boxes": space("Box", n=3), "nothing": "null"}.items():  # fmt: skip
        yield of(f"whose actions are {name}", nothing, action_space=actions)
    yield of("whose type is another", nothing, observation_space=space("os.system", shape=[4, 4, 1], dtype="uint8"))
    yield of("of objects", nothing, observation_space=space("Box", shape=[4, 4, 1], dtype="object"))
    yield of("of no episodes", lambda file: file.clear())
    yield of(
        "with actions elsewhere",
        replaced("actions", lambda g: g.__setitem__("actions", h5py.ExternalLink("/etc/passwd", "/x"))),
    )
    yield of(
        "with actions behind a link",
        replaced("actions", lambda g: g.__setitem__("actions", h5py.SoftLink("/episode_0/rewards"))),
    )
    yield of(
        "with rewards in a raw file",
        replaced("rewards", lambda g: g.create_dataset("rewards", (2,), "f8", external=[("/etc/passwd", 0, 16)])),
    )
    yield of(
        "with a terabyte of actions",
        replaced("actions", lambda g: g.create_dataset("actions", (2**40,), "u1", chunks=(2**20,), compression="gzip")),
    )
    yield of(
        "with a terabyte of frames",
        replaced(
            "observations",
            lambda g: g.create_dataset(
                "observations", (3, 2**20, 2**20), "u1", chunks=(1, 1024, 1024), compression="gzip"
            ),
        ),
    )
    yield of(
        "with actions that are words", replaced("actions", lambda g: g.create_dataset("actions", data=[b"os", b"rm"]))
    )
    yield of("with an action of 300", replaced("actions", lambda g: g.create_dataset("actions", data=[300, 1])))
    yield of("with half an action", replaced("actions", lambda g: g.create_dataset("actions", data=[0.5, 1.0])))
    yield of("with one action more", replaced("actions", lambda g: g.create_dataset("actions", data=[0, 1, 2])))
    yield of("with a group for its rewards", replaced("rewards", lambda g: g.create_group("rewards")))
    yield of("whose episode is another", lambda file: file.move("episode_0", "episode_7"))
    yield of(
        "whose episode is a link to itself",
        lambda file: (file.clear(), file.__setitem__("episode_0", h5py.SoftLink("/episode_0"))),
    )
    for name, data in {
        "empty": b"",
        "a text": b"import os",
        "cut": b"\x89HDF\r\n\x1a\n" + bytes(40),
        "zeros": bytes(4096),
    }.items():
        yield Made("minari", f"whose file is {name}", lambda path, d=data: _with_data(path, frames, d))


def _with_data(path: Path, frames: np.ndarray, data: bytes) -> None:
    minari(path, [frames])
    (path / "data" / "main_data.hdf5").write_bytes(data)


def _recorded() -> Iterator[Made]:
    def of(name: str, key: str, value: Callable[[Any, str], object]) -> Made:
        def write(path: Path) -> None:
            serpent(path, [Moment(grey=7), Moment(grey=8)], stamps=[1.5, 2.5])
            h5py: Any = importlib.import_module("h5py")
            with h5py.File(path, "r+") as file:
                del file[f"1.5-{key}"]
                value(file, f"1.5-{key}")

        return Made("serpent", name, write, ".h5")

    def stack(*pictures: bytes) -> Callable[[Any, str], object]:
        return lambda file, name: file.create_dataset(name, data=np.array(pictures))

    for name, picture in {"of 65,000 pixels a side": _large_png(65_000), "of 5,000 pixels a side": _large_png(5_000),
                          "that is cut": _large_png(16)[:40], "that is text": b"import os", "of GIF": _gif(),
                          "of zeros": bytes(64) + b"x"}.items():  # fmt: skip
        yield of(f"with a picture {name}", "frames", stack(picture))
    yield of("with a number for a picture", "frames", lambda file, name: file.create_dataset(name, data=7))
    yield of("with no picture", "frames", lambda file, name: file.create_dataset(name, (0,), "S8"))
    yield of("with a group for pictures", "frames", lambda file, name: file.create_group(name))
    yield of("without a reward", "reward", lambda file, name: None)
    yield of("with two rewards", "reward", lambda file, name: file.create_dataset(name, data=[1.0, 2.0]))
    yield of("with a reward in words", "reward", lambda file, name: file.create_dataset(name, data=b"os"))
    yield of(
        "with a reward that is no number", "reward", lambda file, name: file.create_dataset(name, data=float("nan"))
    )
    yield of("with an endless end", "terminal", lambda file, name: file.create_dataset(name, data=float("inf")))
    yield of(
        "with 10,000 keys", "keyboard-inputs-active", lambda file, name: file.create_dataset(name, data=[b"k"] * 10_000)
    )
    yield of(
        "with a key of a megabyte",
        "keyboard-inputs-active",
        lambda file, name: file.create_dataset(name, (1,), "S1000000"),
    )
    yield of(
        "with keys that are numbers", "keyboard-inputs-active", lambda file, name: file.create_dataset(name, data=[7.5])
    )
    yield holding("serpent", "that is no HDF5", b"\x80\x02cos\nsystem\n.", ".h5")


def _large_png(side: int) -> bytes:
    """A picture that is small as a file: its pixels are never given."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(999)))
        + chunk(b"IEND", b"")
        + b"."
    )


def _gif() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, format="GIF")
    return file.getvalue()
