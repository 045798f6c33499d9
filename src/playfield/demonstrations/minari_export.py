"""A recording as a data set of Minari, for the programs that learn from those."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from playfield.demonstrations.recording import Recording
from playfield.demonstrations.rows import Row, check_same, episodes_of
from playfield.extras import install_extra
from playfield.features.frames import new_folder
from playfield.games.games import Games, GameSpec


def require_minari() -> Any:
    """The module that writes data sets.

    Raises: ModuleNotFoundError with the command that installs it.
    """
    try:
        importlib.import_module("h5py")
        return importlib.import_module("minari")
    except ImportError:
        raise ModuleNotFoundError(
            f"data sets of Minari need it and h5py; install them with: {install_extra('minari')}"
        ) from None


def export_minari(recording: Recording, games: Games, folder: Path) -> int:
    """Write a data set into a new folder, every pixel as it was; the answer is the number of its episodes.

    A gap makes two episodes of one. Discounts, which Minari has not, are among the infos: a lost life ends no episode.

    Raises: ModuleNotFoundError; FileExistsError; ValueError where the recording is of another game; DamagedFile.
    """
    minari = require_minari()
    storage_kind: Any = importlib.import_module("minari.dataset.minari_storage").MinariStorage
    spec = games.spec
    check_same(recording, spec)
    with new_folder(folder) as unfinished:
        storage = storage_kind.new(
            unfinished / "data",
            observation_space=_observations(spec),
            action_space=gymnasium.spaces.Discrete(len(spec.actions)),
            jpeg_encoding=False,  # which would change pixels
        )
        count = 0
        for part in _parts(row for _, rows in episodes_of(recording, games) for row in rows):
            storage.update_episodes([_buffer(part)])
            count += 1
        who = recording.about.name or recording.about.player
        storage.update_metadata(
            {
                "dataset_id": f"playfield/{folder.name}",
                "minari_version": minari.__version__,
                "algorithm_name": who,
                "author": {recording.about.player},
                "description": f"{spec.name}, played by {who}; actions: {' '.join(spec.actions)}",
            }
        )
    return count


def _observations(spec: GameSpec) -> gymnasium.spaces.Box:
    if spec.frame_dtype == "uint8":
        return gymnasium.spaces.Box(0, 255, spec.frame_shape, np.uint8)
    known = spec.observations
    if known is None or known.states is not None:
        return gymnasium.spaces.Box(-np.inf, np.inf, spec.frame_shape, np.float32)
    low, high = (np.array(side, np.float32).reshape(spec.frame_shape) for side in (known.low, known.high))
    return gymnasium.spaces.Box(low, high, spec.frame_shape, np.float32)


def _parts(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if row.step.last[0]:
            yield part
            part = []


def _buffer(part: Sequence[Row]) -> Any:
    buffer: Any = importlib.import_module("minari.data_collector.episode_buffer").EpisodeBuffer
    end = part[-1].step
    true_end = [False] * (len(part) - 2) + [bool(end.discount[0] == 0.0)]
    return buffer(
        seed=int(part[0].step.seed[0]),
        observations=np.stack([row.step.frame[0] for row in part]),
        actions=np.array([row.action for row in part[1:]], np.int64),
        rewards=np.array([row.step.reward[0] for row in part[1:]], np.float32),
        terminations=np.array(true_end),
        truncations=np.array([False] * (len(part) - 2) + [not true_end[-1]]),
        infos={"discount": np.array([row.step.discount[0] for row in part], np.float32)},
    )
