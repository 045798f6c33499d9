"""A process that opens hostile files one after the other, and tells of each what came of it and what it tried to do."""

from __future__ import annotations

import importlib
import io
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault.watched import Watch, warm_up
from playfield.cli.about import find_recipe
from playfield.cli.commands import USER_MISTAKES, one_sentence
from playfield.cli.results import EVALUATIONS
from playfield.cli.runs import begin_of, known
from playfield.demonstrations.recording import FRAMES, read_recording
from playfield.foreign.child import _say
from playfield.games.desktop.games import game_file
from playfield.messages import hear
from playfield.recipes import AnyRecipe
from playfield.settings import from_plain
from playfield.sinks.evaluations import read_evaluations
from playfield.storage.foreign import convert, read_tensors
from playfield.storage.frame_log import Seen, Shown
from playfield.storage.model import read_model
from playfield.storage.run import Run
from playfield.storage.tapes import Tapes
from playfield.storage.tree import digest
from playfield.study import grid_from_json
from playfield.types import Clock

MOST_MEMORY = 2 << 30
"""Bytes of address space that opening one file may take besides what is there before."""
MOST_SECONDS = 20
"""After which opening a file counts as hanging."""


def open_model(path: Path) -> None:
    from_plain(AnyRecipe, read_model(path).recipe)


def open_run(path: Path) -> None:
    run = Run.open(path)
    loaded = run.load()
    digest(loaded.tree)
    if loaded.warnings:
        raise ValueError(loaded.warnings[0])
    known(run)


def open_recording(path: Path) -> None:
    recording = read_recording(path)
    if recording.has_frames:
        for _ in Seen(path / FRAMES, Shown(recording.about.frame_shape, "uint8")):
            pass


def open_records(path: Path) -> None:
    begin_of(Run.open(path), Clock(), 0)
    read_evaluations(path / "results" / EVALUATIONS)


def open_tapes(path: Path) -> None:
    for _ in (tapes := Tapes(path)):
        pass
    if tapes.warning is not None:
        raise ValueError(tapes.warning)


def open_foreign(path: Path) -> None:
    convert(read_tensors(path), {}, 3)


def open_as_the_child(kind: str, path: Path) -> None:
    """What the process that reads such a file would do, without another process."""
    out = io.BytesIO()
    _say(kind, path, out)
    out.seek(0)
    while (header := hear(out.read)[0])["kind"] == "row":
        pass
    if header["kind"] == "refused":
        raise ValueError(f"{path} {header['why']}")


def open_naively(path: Path) -> None:
    """As much of the world opens files: what must be noticed here."""
    importlib.import_module("pickle").loads(path.read_bytes())


OPENERS: dict[str, Callable[[Path], Any]] = {
    "naive": open_naively,
    "foreign": open_foreign,
    "model": open_model,
    "run": open_run,
    "recipe": lambda path: find_recipe(str(path)),
    "game": lambda path: game_file(str(path)),
    "tapes": open_tapes,
    "recording": open_recording,
    "records": open_records,
    "study": lambda path: grid_from_json(path.read_text(encoding="utf-8")),
    "minari": lambda path: open_as_the_child("minari", path / "data"),
    "serpent": lambda path: open_as_the_child("serpent", path),
}


def main() -> None:
    hostile = json.loads(Path(sys.argv[1]).read_text())
    watch = Watch()

    def late(number: int, frame: object) -> None:
        raise AssertionError(f"it took more than {MOST_SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    for good in json.loads(Path(sys.argv[2]).read_text()):  # so that all that is imported late is there
        OPENERS[good["kind"]](Path(good["path"]))
    warm_up()
    before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (before + MOST_MEMORY, before + MOST_MEMORY))
    for each in hostile:
        said, kind = "opened", ""
        signal.alarm(MOST_SECONDS)
        try:
            with watch.watched():
                OPENERS[each["kind"]](Path(each["path"]))
        except USER_MISTAKES as error:
            said, kind = one_sentence(error), "refused"
        except BaseException as error:
            said, kind = f"{type(error).__name__}: {error}", "traceback"
        signal.alarm(0)
        print(json.dumps({**each, "said": said[:2000], "kind_of_end": kind, "done": watch.done}), flush=True)
    status = Path("/proc/self/status").read_text()  # getrusage would tell of the process that started this one too
    peak = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({"peak": peak}), flush=True)


if __name__ == "__main__":
    main()
