"""What a killed process leaves is removed by the next, and a person's display is played on by one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from desktop.desk import a_desk, text_here, wait_for
from desktop.needs import has_compiler, has_display
from desktop.test_survival import at_play
from desktop.test_windows import of_folder
from playfield.cli.commands import run_command
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.games import game_file
from playfield.games.desktop.scratch import OWNER, PREFIX, Scratch, remove_orphans
from playfield.games.desktop.shared_display import DisplayLock, DisplayTaken
from playfield.locks import Held, Lock, lock_now


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def orphan(folder: Path) -> Path:
    """As a process leaves it that was killed: nobody has the lock of the owner."""
    (folder / "home").mkdir(parents=True)
    (folder / "home" / "scores").write_text("1")
    (folder / OWNER).write_text("playfield 1\n")
    return folder


@contextmanager
def another(code: str) -> Iterator[int]:
    """The number of a process that has done so much and waits; it is killed at the end, unless it is gone."""
    command = [sys.executable, "-c", f"{code}\nprint('there', flush=True)\nimport time\ntime.sleep(600)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process.pid
        finally:
            process.kill()


@has_display
@has_compiler
def test_the_folder_of_a_game_whose_process_was_killed_goes_when_the_next_begins(temporary: Path):
    with at_play(temporary, "games", "launch", "refgame", "--steps", "1000000") as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
    (left,) = temporary.glob("playfield-game-*")
    assert (left / "home").is_dir()
    wait_for(lambda: not of_folder(temporary))
    with closing(Scratch()) as alive, closing(DesktopGame(game_file("refgame"))) as game:
        assert not left.exists()
        assert alive.path.is_dir()
        game.reset(0)
    assert not list(temporary.iterdir())


def test_a_folder_goes_with_its_owner_and_not_before(temporary: Path):
    with another("from playfield.games.desktop.scratch import Scratch\nscratch = Scratch()"):
        (theirs,) = temporary.iterdir()
        remove_orphans()
        assert theirs.is_dir()
    assert theirs.is_dir()
    remove_orphans()
    assert not theirs.exists()


def test_links_and_what_is_not_ours_are_left_alone(temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    elsewhere, target = orphan(tmp_path / "elsewhere"), tmp_path / "target"
    target.write_text("playfield 1\n")
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)
    orphan(temporary / "other-name")
    (temporary / f"{PREFIX}unowned").mkdir()
    (temporary / f"{PREFIX}linked").mkdir()
    (temporary / f"{PREFIX}linked" / OWNER).symlink_to(target)
    (temporary / f"{PREFIX}file").write_text("")
    inner = orphan(temporary / f"{PREFIX}inner")
    (inner / "out").symlink_to(elsewhere)
    before = {path.name for path in temporary.iterdir()}
    mine = os.geteuid()
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: mine + 1)
        remove_orphans()
        assert inner.is_dir()
    remove_orphans()
    assert before - {path.name for path in temporary.iterdir()} == {inner.name}
    assert (elsewhere / "home" / "scores").read_text() == "1"


@pytest.mark.parametrize(("folder", "file", "text"), [
    ("playfield-notes", "owner", "1"), ("playfield-notes", OWNER, "playfield 1\n"),
    (f"{PREFIX}notes", "owner", "playfield 1\n"), (f"{PREFIX}notes", OWNER, "Ann"), (f"{PREFIX}notes", OWNER, ""),
])  # fmt: skip
def test_a_strangers_folder_of_nearly_our_name_is_left_alone(temporary: Path, folder: str, file: str, text: str):
    theirs = temporary / folder
    theirs.mkdir()
    (theirs / file).write_text(text)
    remove_orphans()
    assert (theirs / file).read_text() == text


def test_a_removal_that_is_cut_short_is_done_by_the_next(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    left = orphan(temporary / f"{PREFIX}left")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *_, **more: None)
        remove_orphans()
    assert (left / "home").is_dir()
    remove_orphans()
    assert not list(temporary.iterdir())


def test_where_a_locked_file_keeps_its_folder_none_is_locked(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    """As on Windows."""
    monkeypatch.setattr("playfield.games.desktop.scratch.CAN_BE_ORPHANS", False)
    with closing(Scratch()) as scratch:
        assert list(scratch.path.iterdir()) == []
    assert not list(temporary.iterdir())


def test_a_lock_is_one_processs_until_it_is_let_go(tmp_path: Path):
    lock = Lock(tmp_path / "lock")
    with pytest.raises(Held, match=f"process {os.getpid()} has the lock"):
        Lock(tmp_path / "lock")
    lock.close()
    lock.close()
    Lock(tmp_path / "lock", create=False).close()
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "other", create=False)
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    with pytest.raises(OSError, match="symbolic links"):
        Lock(tmp_path / "link")


class Msvcrt:
    """What Windows has instead: parts of a file are locked, from where it stands, and those cannot be read."""

    LK_NBLCK = 2
    locked: ClassVar[set[tuple[int, int]]] = set()

    @classmethod
    def locking(cls, file: int, mode: int, size: int) -> None:
        assert (mode, size) == (cls.LK_NBLCK, 1)
        part = os.fstat(file).st_ino, os.lseek(file, 0, os.SEEK_CUR)
        if part in cls.locked:
            raise PermissionError(13, "Permission denied")
        cls.locked.add(part)


def test_windows_keeps_others_out_too_and_lets_them_read_whom_they_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setattr(Msvcrt, "locked", set())
    with closing(Lock(tmp_path / "lock")), pytest.raises(Held, match=f"process {os.getpid()} has the lock"):
        Lock(tmp_path / "lock")
    assert all(place > 100 for _, place in Msvcrt.locked)
    with (tmp_path / "other").open("w+b") as one:
        one.write(b"some")
        one.flush()
        lock_now(one.fileno())
        assert one.tell() == 4
        with (tmp_path / "other").open("rb") as two, pytest.raises(BlockingIOError):
            lock_now(two.fileno())


def test_the_command_line_starts_where_there_is_no_fcntl():
    """As on Windows."""
    code = "import sys\nsys.modules['fcntl'] = None\nimport playfield.cli.commands, playfield.cli.study"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("before", ["", f"playfield {2**22 + 1}\n"])  # no process has so large a number
def test_who_has_just_taken_a_lock_is_waited_for_and_never_taken_for_the_one_before(
    tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "lock"
    path.write_text(before)
    with path.open("r+b") as file:
        lock_now(file.fileno())
        monkeypatch.setattr("playfield.locks.WAIT_SECONDS", 0.02)
        with pytest.raises(Held, match="process unknown has the lock"):
            Lock(path)
        monkeypatch.setattr("playfield.locks.WAIT_SECONDS", 60.0)
        monkeypatch.setattr("time.sleep", lambda _: path.write_text(f"playfield {os.getpid()}\n"))
        with pytest.raises(Held, match=f"process {os.getpid()} has the lock"):
            Lock(path)


def test_where_nobody_knows_who_plays_nobody_is_to_be_killed(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary))
    monkeypatch.setattr("playfield.locks.WAIT_SECONDS", 0.02)
    with (temporary / "playfield-display-_7.lock").open("w") as file:
        lock_now(file.fileno())
        with pytest.raises(DisplayTaken) as told:
            DisplayLock("y")
    assert str(told.value) == (
        "another process plays on your display :7, and y would take its keys: wait for it or stop it first, or set "
        'screen.place to "own"'
    )


def test_a_display_is_kept_until_the_last_game_of_the_process_is_closed(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary))
    path = temporary / "playfield-display-_7.lock"
    first, second = DisplayLock("x"), DisplayLock("y")
    first.close()
    first.close()  # a second time, which is none of the other's
    with pytest.raises(Held):
        Lock(path)
    second.close()
    Lock(path).close()


@pytest.mark.parametrize("runtime", [True, False])
def test_a_display_is_free_again_however_its_process_ends(
    runtime: bool, temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DISPLAY", ":7.0")
    (temporary / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(temporary / ("run" if runtime else "gone")))
    code = "from playfield.games.desktop.shared_display import DisplayLock\nlock = DisplayLock('x')"
    with another(code) as number:
        for name in (":7", ":7.1"):  # screens of one display, with one keyboard
            monkeypatch.setenv("DISPLAY", name)
            with pytest.raises(DisplayTaken, match=rf"process {number} plays on your display :7, .*y would take its"):
                DisplayLock("y")
        monkeypatch.setenv("DISPLAY", ":8")
        DisplayLock("y").close()
        monkeypatch.setenv("DISPLAY", ":7")
    with closing(DisplayLock("y")), closing(DisplayLock("y")):  # one of our games while another waits
        again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"process {os.getpid()} plays on your display :7" in again.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@has_display
def test_a_second_command_on_a_persons_display_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("mss", reason="games on your display need mss: playfield doctor tells how")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "mine.toml").write_text(text_here())
    monkeypatch.chdir(tmp_path)
    with a_desk(tmp_path, monkeypatch) as desk:
        environment = {**desk.environment, "XDG_RUNTIME_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "playfield", "games", "launch", "mine.toml", "--steps", "1000000"]
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as first:
            try:
                wait_for(lambda: any("reference game" in w.title for w in desk.shown()), 120.0)
                small = ("games=1", "torso=Mlp", "memory.capacity=400")
                for second in (("train", "dqn_desktop", "mine.toml", *small), ("games", "launch", "mine.toml")):
                    assert run_command(list(second)) == 2
                    assert capsys.readouterr().err == (
                        f"playfield: process {first.pid} plays on your display {desk.display.name}, and refgame would "
                        f"take its keys: wait for it or stop it first (kill {first.pid}), or set screen.place to "
                        '"own"\n'
                    )
            finally:
                first.kill()
    assert not (tmp_path / "runs").exists()
