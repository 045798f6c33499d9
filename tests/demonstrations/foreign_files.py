"""Files as SerpentAI's RecorderAgent and Minari write them."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One timestamp of SerpentAI's."""

    grey: int
    """Of the newest picture."""
    keys: tuple[str, ...] = ()
    reward: float = 0.0
    terminal: bool = False


def png(grey: int, size: tuple[int, int] = (10, 8), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), grey, np.uint8)).save(file, format=kind)
    return file.getvalue()


def serpent(path: Path, moments: Sequence[Moment], stamps: Sequence[float] | None = None) -> Path:
    """Four pictures at a time, of which the last is the newest, as SerpentAI stacks them."""
    h5py: Any = importlib.import_module("h5py")
    with h5py.File(path, "w") as file:
        for at, moment in zip(stamps or [1517520748.5 + n for n in range(len(moments))], moments, strict=True):
            file.create_dataset(f"{at}-frames", data=np.array([*map(png, (255, 254, 253, moment.grey))]))
            file.create_dataset(f"{at}-keyboard-inputs", data=np.array([(b"KEY_A", b"0.25")]))
            file.create_dataset(f"{at}-keyboard-inputs-active", data=np.array([key.encode() for key in moment.keys]))
            file.create_dataset(f"{at}-mouse-inputs", data=[])
            file.create_dataset(f"{at}-reward", data=moment.reward)
            file.create_dataset(f"{at}-terminal", data=moment.terminal)
    return path


def space(kind: str, **settings: object) -> str:
    return json.dumps({"type": kind, **settings})


def minari(folder: Path, observations: Sequence[np.ndarray], *, jpeg: bool = False, **changes: object) -> Path:
    """A data set of one episode for each array of observations; its environment is one that must not be made."""
    h5py: Any = importlib.import_module("h5py")
    (folder / "data").mkdir(parents=True)
    shape = list(observations[0].shape[1:])
    about = {
        "data_format": "hdf5", "jpeg_encoding": jpeg, "dataset_id": "x/y-v0", "total_episodes": len(observations),
        "observation_space": space("Box", dtype=str(observations[0].dtype), shape=shape, low=0, high=255),
        "action_space": space("Discrete", dtype="int64", start=0, n=3),
        "env_spec": json.dumps({"id": "os.path:Anything", "entry_point": "os:abort"}),
        "requirements": ["nothing-of-the-kind>=99"],
    } | changes  # fmt: skip
    (folder / "data" / "metadata.json").write_text(json.dumps(about))
    with h5py.File(folder / "data" / "main_data.hdf5", "w") as file:
        for number, seen in enumerate(observations):
            steps = len(seen) - 1
            group = file.create_group(f"episode_{number}")
            group.attrs["seed"] = 7 + number
            group["observations"] = [np.frombuffer(_jpeg(s), np.uint8) for s in seen] if jpeg else seen
            group["actions"] = np.arange(steps) % 3
            group["rewards"] = np.arange(steps, dtype=np.float64) / 2
            group["terminations"] = np.arange(1, steps + 1) == steps
            group["truncations"] = np.zeros(steps, bool)
    return folder


def _jpeg(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, format="JPEG")
    return file.getvalue()
