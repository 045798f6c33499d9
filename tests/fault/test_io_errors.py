"""An error at every single call of a commit: a clean retry or a stop, and never a bad checkpoint."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fault.amounts import LONG, figure
from fault.states import go_on, new_run, small_blocks, state, verify, verify_and_go_on, write_step
from playfield.storage.files import NoSpace, WriteFailed
from playfield.storage.run import Run

CALLS = ("open", "write", "fsync", "rename", "mkdir", "ftruncate", "unlink", "rmdir")
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
SHORT = "short write"
SAVED_BEFORE = (1, 2, 5, 9) if LONG else (5,)


class Fault:
    """Fails the `at`-th call of some kinds below a directory; counts them all."""

    def __init__(self, at: int, kind: str) -> None:
        self.at, self.kind, self.made, self.hit = at, kind, 0, ""

    @contextmanager
    def planted(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self._around(name, getattr(os, name)))
            yield

    def _around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if self.kind == SHORT and name != "write":
                return real(*arguments, **named)
            self.made += 1
            if self.made - 1 != self.at:
                return real(*arguments, **named)
            self.hit = name
            if self.kind == SHORT:
                return real(arguments[0], bytes(arguments[1])[: max(1, len(arguments[1]) // 2)])
            raise OSError(ERRORS[self.kind], os.strerror(ERRORS[self.kind]))

        return call


def outcome(run: Run, step: int, fault: Fault) -> str:
    """Save under a fault, and once more in the same process where that is allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what could not be tidied up is told so, and is no loss
        run.append_file("events.jsonl").write(b"%08d\n" % step)
        try:
            with fault.planted(), small_blocks():
                run.write_ahead(state(step))
                run.save(state(step), step)
            return "saved"
        except NoSpace:
            run.save(state(step), step)  # space came back
            return "saved by a second try"
        except WriteFailed:
            with pytest.raises(WriteFailed):
                run.save(state(step), step)
            return "stopped"


@pytest.mark.parametrize("kind", [*ERRORS, SHORT])
def test_an_error_at_any_call_of_a_commit_is_survived(kind: str, tmp_path: Path) -> None:
    counted: dict[str, int] = {}
    hit: set[str] = set()
    for before in SAVED_BEFORE:
        for at in range(10_000):
            root = tmp_path / f"{before}-{at}"
            root.mkdir()
            run = new_run(root)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fsync", lambda descriptor: None)  # the preparation need not reach the disk
                with run.writing():
                    run.cut_back(None)
                    for step in range(1, before + 1):
                        write_step(run, step)
                    fault = Fault(at, kind)
                    what = outcome(run, before + 1, fault)
            if fault.hit == "":
                break
            hit.add(fault.hit)
            counted[what] = counted.get(what, 0) + 1
            if kind == SHORT:
                assert what == "saved"
            saved = before + 1 if what != "stopped" else before
            verify_and_go_on(run.path, acknowledged=saved, begun=before + 1)
            shutil.rmtree(root)
    assert hit == ({"write"} if kind == SHORT else {"open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir"})
    figure("I/O errors", kind=kind, **counted)


@pytest.mark.parametrize("kind", list(ERRORS))
def test_an_error_at_any_call_of_a_resume_changes_nothing(kind: str, tmp_path: Path) -> None:
    made = 0
    for at in range(10_000):
        root = tmp_path / str(at)
        root.mkdir()
        run = new_run(root)
        with run.writing():
            run.cut_back(None)
            for step in (1, 2, 3):
                write_step(run, step)
            run.append_file("events.jsonl").write(b"lost with the crash\n")
        fault = Fault(at, kind)
        again = Run.open(run.path)
        with fault.planted():
            try:
                with again.writing():
                    go_on(again)
            except (OSError, NoSpace, WriteFailed):
                made += 1
        if fault.hit == "":
            break
        assert verify(run.path, acknowledged=3, begun=3) == 3
        verify_and_go_on(run.path, acknowledged=3, begun=3)
        shutil.rmtree(root)
    assert made > 3
    figure("I/O errors while resuming", kind=kind, calls=at, refused=made)


def test_interrupted_system_calls_are_made_again(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which interrupts system calls for real: apt install strace")
    run = new_run(tmp_path)
    log = tmp_path / "strace"
    command = ["strace", "-f", "-o", str(log), "-e", "trace=write,fsync"]
    every_second = ["-e", "inject=write,fsync:error=EINTR:when=1+2"]
    writer = [sys.executable, str(Path(__file__).with_name("writer.py")), str(run.path), "3"]
    said = subprocess.run([*command, *every_second, *writer], capture_output=True, text=True, check=False)
    if "ptrace" in said.stderr.lower() and "not permitted" in said.stderr.lower():
        pytest.skip("needs the right to trace a process")
    assert said.returncode == 0, said.stderr
    interrupted = log.read_text().count("EINTR")
    assert interrupted > 20
    assert verify(run.path, acknowledged=3, begun=3) == 3
    figure("I/O errors", kind="EINTR", interrupted=interrupted)
