"""Weights & Biases as a tracker, where that package is installed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playfield.sinks.tracker import Point, TrackedRun, Value, by_frames, install_text


class WeightsAndBiases:
    """A run of Weights & Biases; WANDB_MODE, WANDB_ENTITY, WANDB_DIR and its other variables are heeded by itself."""

    def __init__(self, run: TrackedRun) -> None:
        """Raises: ModuleNotFoundError with the command that installs the package; whatever the service does."""
        try:
            self._wandb: Any = importlib.import_module("wandb")
        except ImportError:
            raise ModuleNotFoundError(install_text("Weights & Biases", "wandb")) from None
        self._run = self._wandb.init(
            project=run.project or os.environ.get("WANDB_PROJECT") or "playfield",
            name=run.name,
            id=run.known_as or run.id,
            resume="allow" if run.known_as else None,
            tags=list(run.labels),
            dir=None if "WANDB_DIR" in os.environ else str(run.folder),
            settings=self._wandb.Settings(console="off"),  # it would take the live display for the run's output
        )
        # Its own axis would count calls, and refuse a smaller step than it has seen, as after a crash.
        self._run.define_metric("frames")
        self._run.define_metric("*", step_metric="frames")

    @property
    def known_as(self) -> str:
        return str(self._run.id)

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        self._run.config.update(dict(values), allow_val_change=True)

    def metrics(self, points: Sequence[Point]) -> None:
        for frames, values in by_frames(points):
            self._run.log({"frames": frames, **values})

    def text(self, key: str, text: str) -> None:
        self._run.summary[key] = text

    def artifact(self, path: Path) -> None:
        match path.suffix:
            case ".mp4":
                self._run.log({path.stem: self._wandb.Video(str(path), format="mp4")})
            case ".png":
                self._run.log({path.stem: self._wandb.Image(str(path))})
            case _:
                self._run.save(str(path), base_path=str(path.parent), policy="now")

    def close(self) -> None:
        self._run.finish()
