"""Comet as a tracker, where that package is installed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from playfield.sinks.tracker import Point, TrackedRun, Value, by_frames, install_text


class Comet:
    """An experiment of Comet; COMET_START_ONLINE, COMET_WORKSPACE and its other variables are heeded by itself."""

    def __init__(self, run: TrackedRun) -> None:
        """Raises: ModuleNotFoundError with the command that installs the package; whatever the service does."""
        try:
            comet: Any = importlib.import_module("comet_ml")
        except ImportError:
            raise ModuleNotFoundError(install_text("Comet", "comet")) from None
        config = comet.ExperimentConfig(
            name=run.name,
            tags=list(run.labels),
            offline_directory=None if "COMET_OFFLINE_DIRECTORY" in os.environ else str(run.folder / "comet"),
            # What it would find out by itself, by reaching into other packages: we tell it what is worth knowing.
            auto_metric_logging=False,
            auto_param_logging=False,
            auto_output_logging=False,
            log_code=False,
            log_graph=False,
            parse_args=False,
            display_summary_level=0,
        )
        self._experiment: Any = comet.start(
            project_name=run.project or (None if "COMET_PROJECT_NAME" in os.environ else "playfield"),
            experiment_key=run.known_as or run.id,
            mode="get" if run.known_as else "create",
            experiment_config=config,
        )

    @property
    def known_as(self) -> str:
        return str(self._experiment.get_key())

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        self._experiment.log_parameters(dict(values))

    def metrics(self, points: Sequence[Point]) -> None:
        for frames, values in by_frames(points):
            self._experiment.log_metrics(values, step=frames)

    def text(self, key: str, text: str) -> None:
        self._experiment.log_other(key, text)

    def artifact(self, path: Path) -> None:
        match path.suffix:
            case ".mp4":
                self._experiment.log_video(str(path), name=path.name)
            case ".png":
                self._experiment.log_image(str(path), name=path.name)
            case _:
                self._experiment.log_asset(str(path), file_name=path.name)

    def close(self) -> None:
        self._experiment.end()
