"""What a process does that a reader of strangers' files has no business with."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

from playfield import settings
from playfield.games.desktop import tables
from playfield.games.desktop.game_file import GameFile
from playfield.recipes import AnyRecipe
from playfield.storage.model import Card

FORBIDDEN = (
    "compile", "exec", "marshal.loads", "pickle.find_class", "subprocess.Popen", "socket.", "os.system", "os.exec",
    "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir", "os.link", "os.symlink", "os.chmod", "shutil.",
    "ctypes.", "webbrowser.", "urllib.", "code.__new__", "os.truncate", "os.putenv",
)  # fmt: skip
WRITES = 0x1 | 0x2 | 0x40


class Watch:
    """An ear on everything that Python tells of itself; it hears only while something is `watched`."""

    def __init__(self) -> None:
        self.done: list[str] = []
        """What was done that is forbidden, since it was last asked to watch."""
        self._hears = False
        sys.addaudithook(self._hear)

    @contextmanager
    def watched(self) -> Iterator[None]:
        del self.done[:]
        self._hears = True
        try:
            yield
        finally:
            self._hears = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._hears:
            return
        if event == "open":
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if flags & WRITES:
                self.done.append(f"open {arguments[0]!r} to write")
        elif event == "import":
            if arguments[0] not in sys.modules and not str(arguments[0]).startswith("encodings"):
                self.done.append(f"import {arguments[0]}")
        elif event.startswith(FORBIDDEN):
            self.done.append(f"{event} {arguments!r}"[:200])


def warm_up() -> None:
    """So that nothing of ours is imported or compiled late, which would look like a stranger's doing."""
    for codec in ("raw_unicode_escape", "unicode_escape", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp437"):
        "".encode(codec)  # which is imported when it is first used; JSON may be in any of these
    waiting: list[Any] = [GameFile, Card, AnyRecipe]  # and annotations are compiled when they are first looked at
    seen: set[type] = set()
    while waiting:
        hint = waiting.pop()
        waiting += typing.get_args(hint)
        if isinstance(hint, type) and is_dataclass(hint) and hint not in seen:
            seen.add(hint)
            waiting += [*settings._hints(hint).values(), *tables._hints(hint).values()]
