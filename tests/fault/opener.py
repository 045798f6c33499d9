"""A process that opens hostile files one after the other, and tells of each what came of it and what it tried to do."""

from __future__ import annotations

import importlib
import json
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from playfield.cli.about import find_recipe
from playfield.cli.commands import USER_MISTAKES, one_sentence
from playfield.cli.runs import known
from playfield.games.desktop import readers, tables
from playfield.games.desktop.game_file import game_from
from playfield.recipes import AnyRecipe
from playfield.settings import from_plain
from playfield.storage.foreign import read_tensors
from playfield.storage.model import read_model
from playfield.storage.run import Run
from playfield.storage.tapes import Tapes
from playfield.storage.tree import digest

MOST_MEMORY = 2 << 30
"""Bytes of address space that opening one file may take besides what is there before."""
MOST_SECONDS = 20
"""After which opening a file counts as hanging."""
FORBIDDEN = (
    "compile", "exec", "marshal.loads", "pickle.find_class", "subprocess.Popen", "socket.", "os.system", "os.exec",
    "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.chmod", "shutil.",
    "ctypes.", "webbrowser.", "urllib.", "code.__new__", "os.truncate", "os.putenv",
)  # fmt: skip
WRITES = 0x1 | 0x2 | 0x40


def open_model(path: Path) -> None:
    from_plain(AnyRecipe, read_model(path).recipe)


def open_run(path: Path) -> None:
    run = Run.open(path)
    loaded = run.load()
    digest(loaded.tree)
    if loaded.warnings:
        raise ValueError(loaded.warnings[0])
    known(run)


def open_naively(path: Path) -> None:
    """As much of the world opens files: what must be noticed here."""
    importlib.import_module("pickle").loads(path.read_bytes())


OPENERS: dict[str, Callable[[Path], Any]] = {
    "naive": open_naively,
    "foreign": read_tensors,
    "model": open_model,
    "run": open_run,
    "recipe": lambda path: find_recipe(str(path)),
    "game": lambda path: game_from(path.read_text(), str(path)),
    "tapes": lambda path: list(Tapes(path)),
}


def main() -> None:
    hostile = json.loads(Path(sys.argv[1]).read_text())
    done: list[str] = []
    watching = False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event == "open":
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if flags & WRITES:
                done.append(f"open {arguments[0]!r} to write")
        elif event == "import":
            if arguments[0] not in sys.modules and not str(arguments[0]).startswith("encodings"):
                done.append(f"import {arguments[0]}")
        elif event.startswith(FORBIDDEN):
            done.append(f"{event} {arguments!r}"[:200])

    def late(number: int, frame: object) -> None:
        raise AssertionError(f"it took more than {MOST_SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    sys.addaudithook(watch)
    for good in json.loads(Path(sys.argv[2]).read_text()):  # so that all that is imported late is there
        OPENERS[good["kind"]](Path(good["path"]))
    "".encode("raw_unicode_escape")  # a codec is imported when it is first used
    for cls in vars(readers).values():  # and annotations of ours are compiled when they are first looked at
        if isinstance(cls, type) and is_dataclass(cls):
            tables._hints(cls)
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (before + MOST_MEMORY, before + MOST_MEMORY))
    for each in hostile:
        said, kind = "opened", ""
        del done[:]
        watching = True
        signal.alarm(MOST_SECONDS)
        try:
            OPENERS[each["kind"]](Path(each["path"]))
        except USER_MISTAKES as error:
            said, kind = one_sentence(error), "refused"
        except BaseException as error:
            said, kind = f"{type(error).__name__}: {error}", "traceback"
        watching = False
        signal.alarm(0)
        print(json.dumps({**each, "said": said[:2000], "kind_of_end": kind, "done": done}), flush=True)
    status = Path("/proc/self/status").read_text()  # getrusage would tell of the process that started this one too
    peak = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({"peak": peak}), flush=True)


if __name__ == "__main__":
    main()
