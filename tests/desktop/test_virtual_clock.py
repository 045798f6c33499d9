"""The virtual clock under small programs: time is what we say, and passes only when we let it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop.needs import has_compiler
from playfield.games.desktop.virtual_clock import NoCompiler, VirtualClock, library

pytestmark = has_compiler

EPOCH = 1_600_000_000


@contextmanager
def program(folder: Path, source: str, epoch: int = EPOCH) -> Iterator[tuple[VirtualClock, subprocess.Popen[str]]]:
    clock = VirtualClock(folder, epoch)
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", source], env=clock.environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        yield clock, process
    finally:
        process.kill()
        process.communicate()


def said(folder: Path, source: str, seconds: float = 20.0, step: float = 0.25, epoch: int = EPOCH) -> list[str]:
    """What a program writes, of which the last line is always END."""
    whole = f"import time\n{source}\nprint('END', flush=True)\ntime.sleep(1000)"
    with program(folder, whole, epoch) as (clock, process):
        for _ in range(round(seconds / step)):
            clock.move(step)
            assert clock.wait(30)
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "END":
            lines.append(process.stdout.readline().strip())
            assert lines[-1] or process.poll() is None
        return lines[:-1]


def test_the_wall_clock_begins_at_the_epoch_and_sleeping_moves_it(tmp_path: Path):
    began = time.monotonic()
    lines = said(
        tmp_path, "for s in (0, 1.5, 10):\n    time.sleep(s); print(round(time.time(), 2), round(time.monotonic(), 2))"
    )
    assert [line.split() for line in lines] == [
        [f"{EPOCH}.0", "1000.0"], [f"{EPOCH + 1.5}", "1001.5"], [f"{EPOCH + 11.5}", "1011.5"],
    ]  # fmt: skip
    assert time.monotonic() - began < 15, "twenty seconds of the game take far less of ours"


@pytest.mark.parametrize(
    "wait",
    [
        "import select; select.select([], [], [], 0.7)",
        "import select; select.poll().poll(700)",
        "import select; select.epoll().poll(0.7)",
        "import threading; threading.Event().wait(0.7)",
        "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire(timeout=0.7)",
        "import threading; c = threading.Condition(); c.acquire(); c.wait(0.7)",
        "import ctypes; ctypes.CDLL(None).usleep(700000)",
        "import asyncio; asyncio.run(asyncio.sleep(0.7))",
    ],
)
def test_every_way_of_waiting_takes_the_time_it_says(wait: str, tmp_path: Path):
    (line,) = said(tmp_path, f"a = time.time()\n{wait}\nprint(time.time() - a)", seconds=2)
    assert 0.7 <= float(line) < 0.72


TIMER = """
import ctypes, os, select, struct
libc = ctypes.CDLL(None)
fd = libc.timerfd_create(1, 0)
spec = struct.pack("qqqq", 0, 200_000_000, 0, 500_000_000)  # every 0.2 s, first after 0.5 s
a = time.time()
libc.timerfd_settime(fd, 0, spec, None)
for _ in range(3):
    select.select([fd], [], [], 9)
    print(round(time.time() - a, 2), struct.unpack("q", os.read(fd, 8))[0])
p = select.epoll(); p.register(fd, select.EPOLLIN)
print(p.poll(0.1), round(time.time() - a, 2))
print(len(p.poll(5)), round(time.time() - a, 2))
"""


def test_timers_that_are_polled_go_off_in_our_time(tmp_path: Path):
    assert said(tmp_path, TIMER, seconds=5) == ["0.5 1", "0.7 1", "0.9 1", "[] 1.0", "1 1.1"]


SEMAPHORE = """
import ctypes, struct
libc = ctypes.CDLL(None)
sem = ctypes.create_string_buffer(32)
libc.sem_init(sem, 0, 0)
until = time.time() + 0.6
spec = struct.pack("qq", int(until), int(until % 1 * 1e9))
a = time.time()
print(libc.sem_timedwait(sem, spec), round(time.time() - a, 1))
mutex, cond = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
libc.pthread_mutex_init(mutex, None); libc.pthread_cond_init(cond, None); libc.pthread_mutex_lock(mutex)
until = time.time() + 0.8
spec = struct.pack("qq", int(until), int(until % 1 * 1e9))
a = time.time()
print(libc.pthread_cond_timedwait(cond, mutex, spec), round(time.time() - a, 1))
"""


def test_semaphores_and_conditions_of_the_c_library_wait_in_our_time(tmp_path: Path):
    etimedout = 110
    assert said(tmp_path, SEMAPHORE, seconds=4) == ["-1 0.6", f"{etimedout} 0.8"]


def test_other_threads_follow_even_where_main_waits_for_them(tmp_path: Path):
    source = """
import threading
a = time.time()
def follow():
    for _ in range(3):
        time.sleep(0.5)
    print("followed", time.time() - a >= 1.5, flush=True)
t = threading.Thread(target=follow); t.start()
t.join(); print("joined", flush=True)
"""
    with program(tmp_path, f"import time\n{source}\ntime.sleep(1000)") as (clock, process):
        for _ in range(4):
            clock.move(0.5)
            assert clock.wait(30)
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in range(2)] == ["followed True", "joined"]
        assert clock.rescued() > 0


def test_who_waits_by_reading_the_clock_comes_to_an_end(tmp_path: Path):
    (line,) = said(tmp_path, "a = time.time()\nwhile time.time() < a + 0.3: pass\nprint(round(time.time() - a, 2))", 2)
    assert line == "0.3"


CHANCE = """
import ctypes, os, random
libc = ctypes.CDLL(None)
entropy = ctypes.create_string_buffer(13)
libc.getentropy(entropy, 13)
print(os.urandom(12).hex(), entropy.raw.hex(), random.SystemRandom().random(), random.random())
print(os.urandom(4) != os.urandom(4))
"""


def test_the_systems_chance_is_of_the_epoch(tmp_path: Path):
    first, again, other = (said(tmp_path, CHANCE, 1, epoch=EPOCH + seed) for seed in (0, 0, 1))
    assert first == again
    assert set(first[0].split()) & set(other[0].split()) == set()
    assert first[1] == "True"


def may_settle_addresses() -> bool:
    done = subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.skipif(not may_settle_addresses(), reason="this system lets nobody choose where programs lie")
def test_things_lie_at_the_same_addresses_in_every_process(tmp_path: Path):
    source = "print([id(object()), id([]), id(time)], list({object() for _ in range(9)})[0])"
    assert said(tmp_path, source, 1) == said(tmp_path, source, 1)


def test_at_the_horizon_the_game_rests_until_it_is_moved(tmp_path: Path):
    source = "import time\nwhile True:\n    time.sleep(0.1); print(time.time(), flush=True)"
    with program(tmp_path, source) as (clock, process):
        assert clock.wait(30)
        clock.move(0.35)
        assert clock.wait(30)
        assert process.stdout is not None
        assert [float(process.stdout.readline()) - EPOCH for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3], abs=1e-3)
        assert clock.seconds == 0.35
        time.sleep(0.3)
        assert clock.seconds == 0.35
        assert clock.was_taken


def test_a_program_that_never_rests_is_told_from_one_that_does(tmp_path: Path):
    with program(tmp_path, "while True: pass") as (clock, _):
        assert not clock.wait(0.5)


def test_a_game_ends_with_whoever_started_it(tmp_path: Path):
    source = f"""
import subprocess, sys, time
from pathlib import Path
from playfield.games.desktop.virtual_clock import VirtualClock
clock = VirtualClock(Path({str(tmp_path)!r}), 0)
p = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(9999)"], env=clock.environment())
assert clock.wait(30)
print(p.pid, flush=True)
import os; os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    until = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_library_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.cache_clear()
    made = library()
    assert made.parent == tmp_path / "playfield"
    before = made.stat().st_mtime_ns
    library.cache_clear()
    assert library().stat().st_mtime_ns == before
    library.cache_clear()


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    library.cache_clear()
    with pytest.raises(NoCompiler, match="apt-get install gcc libc6-dev"):
        library()
    library.cache_clear()
