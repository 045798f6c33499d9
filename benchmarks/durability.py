"""What persistence costs: pauses of checkpoints, resume, disk, share of a processor; and Stable-Baselines3 beside it.

    .venv/bin/python benchmarks/durability.py --frames 1_000_000
    .venv/bin/python benchmarks/durability.py --frames 100_000 --peer

Frames of random play of eight Atari games fill the rings of a memory. As in a training they are handed to the disk as
they come, and a checkpoint with the weights of a Nature DQN and its Adam is saved after every tenth of them; then all
is loaded again into fresh rings, by a process of its own. The share of a processor is that of the time spent in our
storage at 1,000 frames a second. With --peer a DQN of Stable-Baselines3 with as many transitions is saved and loaded,
each in a process of its own. It is no dependency: pip install --target FOLDER stable-baselines3, and PYTHONPATH=FOLDER.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from playfield.batch import Rows
from playfield.games.atari import AtariGames
from playfield.games.protocol import AtariProtocol
from playfield.storage.log import CHUNK_ROWS
from playfield.storage.run import Run

GAMES = ("pong", "breakout", "space_invaders", "qbert", "seaquest", "asterix", "montezuma_revenge", "battle_zone")
CHECKPOINTS = 10
SIDE = 84


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=lambda text: int(text.replace("_", "")), default=100_000)
    parser.add_argument("--peer", action="store_true", help="Stable-Baselines3 too, which must be importable")
    parser.add_argument("--folder", type=Path, help="of the run; by default a temporary one")
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.resume:
        resume(given.resume, given.frames // len(GAMES))
        return
    cores = os.cpu_count()
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, {cores} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        ours(Path(folder), given.frames)
        if given.peer:
            theirs(Path(folder), given.frames)


def ours(folder: Path, frames: int) -> None:
    """Fill, save as one goes, and load."""
    rows = frames // len(GAMES)
    rings = new_rings(rows)
    run = Run.create(folder, "run", recipe={}, protocol={}, game="eight", seed=0, fingerprint={})
    learner = nature_learner()
    ahead, pauses, first = 0.0, list[float](), 0.0
    with run.writing():
        run.cut_back(None)
        for row, frame in enumerate(screens(rows)):
            rings["frame"][row] = torch.from_numpy(frame)
            rings["action"][row] = row % 4
            stop = row + 1
            if stop % CHUNK_ROWS and stop % (rows // CHECKPOINTS):
                continue
            memory = {"rows": Rows(start=0, stop=stop, columns=rings)}
            begun = time.perf_counter()
            if stop % (rows // CHECKPOINTS) == 0:
                run.save({"learner": learner, "memory": memory}, stop)
                pauses.append(time.perf_counter() - begun)
            else:
                run.write_ahead({"memory": memory})
                ahead += time.perf_counter() - begun
    first, *later = pauses
    spent = ahead + sum(later)
    size = sum(path.stat().st_size for path in (run.path / "rows").rglob("*.pfl"))
    print(f"frames stored        {rows * len(GAMES):,}, of {len(GAMES)} games")
    middle, longest = statistics.median(later), max(later)
    print(f"pause of a save      median {middle:.3f} s, longest {longest:.3f} s; the first {first:.3f} s")
    print(f"disk of the frames   {size / 1e6:,.0f} MB, {size / (rows * len(GAMES)):.0f} bytes each")
    print(f"share of a processor {spent / (rows * len(GAMES) / 1000.0):.2%} at 1,000 frames a second")
    print(f"peak memory          {peak() / 1e9:.1f} GB, of which the rings are {rows * len(GAMES) * SIDE**2 / 1e9:.1f}")
    resumed = [sys.executable, __file__, "--resume", str(run.path), "--frames", str(frames)]
    for _ in range(3):
        subprocess.run(resumed, check=True)
        subprocess.run([sys.executable, "-c", TOUCH, str(rows * len(GAMES) * SIDE**2)], check=True)


TOUCH = """
import sys, time
import numpy as np
memory = np.empty(int(sys.argv[1]), np.uint8)
begun = time.perf_counter()
memory[::4096] = 1
print(f"a byte in each page  {time.perf_counter() - begun:.1f} s: what the system takes to hand out as much memory")
"""


def resume(path: Path, rows: int) -> None:
    """Load the newest checkpoint of a run in this new process, as a resume does."""
    begun = time.perf_counter()
    loaded = Run.open(path).load()
    loaded.tree["memory"]["rows"].read_into(new_rings(rows))
    print(f"resume               {time.perf_counter() - begun:.1f} s, peak memory {peak() / 1e9:.1f} GB")


def new_rings(rows: int) -> dict[str, torch.Tensor]:
    """Columns as a memory has them."""
    games = len(GAMES)
    return {
        "frame": torch.empty((rows, games, SIDE, SIDE, 1), dtype=torch.uint8),
        "action": torch.zeros((rows, games), dtype=torch.int64),
        "reward": torch.zeros((rows, games)),
        "discount": torch.ones((rows, games)),
    }


def screens(rows: int) -> Iterator[np.ndarray]:
    """Frames of all games at random play, one row after the other."""
    draws = np.random.default_rng(0)
    games = [AtariGames(name, AtariProtocol(), 1, 1) for name in GAMES]
    yield np.concatenate([each.begin(draws).frame for each in games])
    for _ in range(rows - 1):
        for each in games:
            each.send(draws.integers(0, len(each.spec.actions), 1))
        yield np.concatenate([each.recv().frame for each in games])
    for each in games:
        each.close()


def nature_learner() -> dict[str, torch.Tensor]:
    """As many numbers as online and target network and Adam's two moments have."""
    return {name: torch.randn(1_693_362) for name in ("online", "target", "first moment", "second moment")}


def peak() -> int:
    """Bytes of memory that this process ever held."""
    status = Path("/proc/self/status").read_text()  # getrusage would tell of the process that started this one too
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


PEER = """
import resource, sys, time
import gymnasium, numpy as np
from gymnasium import spaces
from stable_baselines3 import DQN

class Screens(gymnasium.Env):
    observation_space = spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = spaces.Discrete(4)
    def reset(self, *, seed=None, options=None):
        return np.zeros((4, 84, 84), np.uint8), {}
    def step(self, action):
        return np.zeros((4, 84, 84), np.uint8), 0.0, False, False, {}

what, folder, transitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
if what == "save":
    agent = DQN("CnnPolicy", Screens(), buffer_size=transitions, optimize_memory_usage=False, device="cpu")
    buffer = agent.replay_buffer
    frames = np.load(folder + "/frames.npy", allow_pickle=False)
    for at in range(transitions):
        stack = frames[np.arange(at, at + 4) % len(frames)]
        buffer.observations[at, 0], buffer.next_observations[at, 0] = stack, stack
    buffer.pos, buffer.full = 0, True
    before = peak()
    begun = time.perf_counter()
    agent.save(folder + "/peer")
    agent.save_replay_buffer(folder + "/peer_buffer")
else:
    begun, before = time.perf_counter(), peak()
    agent = DQN.load(folder + "/peer", Screens(), buffer_size=1, device="cpu")
    agent.load_replay_buffer(folder + "/peer_buffer")
print(f"{what} {time.perf_counter() - begun:.1f} s, peak memory {peak() / 1e9:.1f} GB ({before / 1e9:.1f} before)")
"""


def theirs(folder: Path, transitions: int) -> None:
    """The same number of transitions in a DQN of Stable-Baselines3."""
    frames = np.stack([frame[0, ..., 0] for _, frame in zip(range(5_000), screens(5_000), strict=False)])
    np.save(folder / "frames.npy", frames)
    for what in ("save", "load"):
        command = [sys.executable, "-W", "ignore", "-c", PEER, what, str(folder), str(transitions)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        print(f"Stable-Baselines3    {said.stdout.strip() or said.stderr.strip().splitlines()[-1]}")
    size = sum((folder / name).stat().st_size for name in ("peer.zip", "peer_buffer.pkl") if (folder / name).exists())
    print(f"Stable-Baselines3    {size / 1e6:,.0f} MB on disk")


if __name__ == "__main__":
    main()
