"""Which tracking services there are, and how each is begun."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from playfield.sinks.comet import Comet
from playfield.sinks.mlflow import MLflow
from playfield.sinks.tensorboard import TensorBoard
from playfield.sinks.tracker import TrackedRun, Tracker, install_text
from playfield.sinks.weights_and_biases import WeightsAndBiases

Service = Literal["tensorboard", "wandb", "comet", "mlflow"]
"""Who can be told of a run."""


class _About(NamedTuple):
    title: str
    module: str
    begin: Callable[[TrackedRun], Tracker]
    advice: str
    """What to do where it does not begin."""


_SERVICES: Final[dict[str, _About]] = {
    "tensorboard": _About("TensorBoard", "tensorboard", TensorBoard, "leave --log tensorboard out"),
    "wandb": _About(
        "Weights & Biases",
        "wandb",
        WeightsAndBiases,
        "`wandb login` keeps its key, and WANDB_MODE=offline does without one",
    ),
    "comet": _About(
        "Comet",
        "comet_ml",
        Comet,
        "`comet login` keeps its key, and COMET_START_ONLINE=0 does without one",
    ),
    "mlflow": _About(
        "MLflow",
        "mlflow",
        MLflow,
        "MLFLOW_TRACKING_URI names its server, or a database such as sqlite:///mlflow.db",
    ),
}


def require(services: Iterable[Service]) -> None:
    """Raises: ModuleNotFoundError with the command that installs the package of the first service that lacks it."""
    for service in services:
        about = _SERVICES[service]
        if importlib.util.find_spec(about.module) is None:
            raise ModuleNotFoundError(install_text(about.title, service))


def begun(service: Service, run: TrackedRun) -> Tracker:
    """The run in that service, new or gone on with.

    Raises: ModuleNotFoundError with the command that installs the package; ValueError with what the service says.
    """
    about = _SERVICES[service]
    try:
        return about.begin(run)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # each service has errors of its own, for a missing key or an unreachable server
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{about.title} does not begin: {reason}; {about.advice}") from error
