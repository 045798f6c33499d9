"""Make the files of one version, once, before it is released: python tests/fault/golden/make.py VERSION

They are never made again: what they show is that later versions read them.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch

from playfield.cli.commands import run_command
from playfield.cli.train import Train
from playfield.storage.run import Run
from playfield.storage.tree import digest

RUNS = {
    "deep": ("dqn_classic", "gym:CartPole-v1", ("games=2", "torso.hidden=[8]", "memory.start_frames=40")),
    "linear": ("sarsa_lambda", "gym:MountainCar-v0", ("encoder.size=512",)),
}
FRAMES = 400


def main(version: str) -> None:
    torch.set_num_threads(1)
    folder = Path(__file__).with_name(version)
    folder.mkdir()
    expected: dict[str, object] = {}
    for name, (recipe, game, overrides) in RUNS.items():
        what = {"recipe": recipe, "game": game, "overrides": overrides, "name": name, "frames": FRAMES}
        Train(**what, episodes=0, threads=1, keep=2, runs=folder).run()
        shutil.rmtree(folder / name / "results")
        (folder / name / ".lock").unlink()
        expected[name] = digest(Run.open(folder / name).load().tree)
    run_command(["export", "deep", str(folder / "deep.playfield"), "--runs", str(folder)])
    run_command(
        ["record", "catch", "--policy", "random", "--episodes", "3", "--name", "catch", "--out", str(folder / "demos")]
    )
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
