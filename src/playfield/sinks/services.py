"""Which tracking services there are, and how each is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from playfield.extras import EXTRAS
from playfield.sinks.comet import Comet
from playfield.sinks.mlflow import MLflow
from playfield.sinks.tensorboard import TensorBoard
from playfield.sinks.tracker import TrackedRun, Tracker, install_text
from playfield.sinks.weights_and_biases import WeightsAndBiases

Service = Literal["tensorboard", "wandb", "comet", "mlflow"]
"""Who can be told of a run."""


class _About(NamedTuple):
    title: str
    begin: Callable[[TrackedRun], Tracker]
    advice: str
    """What to do where it does not begin."""


_SERVICES: Final[dict[Service, _About]] = {
    "tensorboard": _About("TensorBoard", TensorBoard, "leave --log tensorboard out"),
    "wandb": _About(
        "Weights & Biases",
        WeightsAndBiases,
        "`wandb login` keeps its key, and WANDB_MODE=offline does without one",
    ),
    "comet": _About(
        "Comet",
        Comet,
        "`comet login` keeps its key, and COMET_START_ONLINE=0 does without one",
    ),
    "mlflow": _About(
        "MLflow",
        MLflow,
        "MLFLOW_TRACKING_URI names its server, or a database such as sqlite:///mlflow.db",
    ),
}


def require(services: Iterable[Service]) -> None:
    """Raises: ModuleNotFoundError with the command that installs the package of the first service that lacks it."""
    for service in services:
        if EXTRAS[service].lacking():
            raise ModuleNotFoundError(install_text(_SERVICES[service].title, service))


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
