"""MLflow as a tracker, where that package is installed."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from playfield.sinks.tracker import Point, TrackedRun, Value, install_text

MOST_METRICS: Final = 1000
"""Metrics that MLflow takes at once."""
MOST_PARAMETERS: Final = 100
"""Parameters that it takes at once."""
MOST_LETTERS: Final = 6000
"""Letters of a parameter's value."""


class MLflow:
    """A run of MLflow; MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and the names of its own login are heeded."""

    def __init__(self, run: TrackedRun, now: Callable[[], float] = time.time) -> None:
        """Raises: ModuleNotFoundError with the command that installs the package; whatever the service does."""
        try:
            mlflow: Any = importlib.import_module("mlflow")
            self._entities: Any = importlib.import_module("mlflow.entities")
        except ImportError:
            raise ModuleNotFoundError(install_text("MLflow", "mlflow")) from None
        self._now = now
        self._client: Any = mlflow.MlflowClient()
        if run.known_as is not None:
            self._id = run.known_as
            self._client.update_run(self._id, status="RUNNING")
        else:
            made = self._client.create_run(self._experiment(run), run_name=run.name)
            self._id = str(made.info.run_id)

    def _experiment(self, run: TrackedRun) -> str:
        if run.project is None and "MLFLOW_EXPERIMENT_ID" in os.environ:
            return os.environ["MLFLOW_EXPERIMENT_ID"]
        name = run.project or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "playfield"
        found = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if found is None else found.experiment_id)

    @property
    def known_as(self) -> str:
        return self._id

    def hyperparameters(self, values: Mapping[str, Value]) -> None:
        told = [self._entities.Param(key, str(value)[:MOST_LETTERS]) for key, value in values.items()]
        for begin in range(0, len(told), MOST_PARAMETERS):
            self._client.log_batch(self._id, params=told[begin : begin + MOST_PARAMETERS])

    def metrics(self, points: Sequence[Point]) -> None:
        stamp = int(1000 * self._now())
        told = [self._entities.Metric(point.key, point.value, stamp, point.frames) for point in points]
        for begin in range(0, len(told), MOST_METRICS):
            self._client.log_batch(self._id, metrics=told[begin : begin + MOST_METRICS])

    def text(self, key: str, text: str) -> None:
        self._client.set_tag(self._id, key, text)

    def artifact(self, path: Path) -> None:
        self._client.log_artifact(self._id, str(path))

    def close(self) -> None:
        self._client.set_terminated(self._id)
