"""What can be installed besides Playfield, what for, and by which command; Playfield itself installs nothing."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import Final, Literal, get_args

ExtraName = Literal[
    "classic", "comet", "desktop", "gamepad", "hdf5", "minari", "mlflow", "notebook", "tensorboard", "tune", "wandb",
    "wayland", "window", "windows",
]  # fmt: skip
"""Of an extra, as in `playfield[desktop]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package from an index of Python's."""

    module: str
    """What is imported of it."""
    requirement: str
    """What an installer is told: its name there, with the versions that go with Playfield."""
    platform: str | None = None
    """`sys.platform` where it is needed; everywhere, where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Packages for one purpose."""

    purpose: str
    packages: tuple[Package, ...]

    def here(self) -> tuple[Package, ...]:
        """Those that are needed on this system; none where the purpose is not one of this system's."""
        return tuple(each for each in self.packages if each.platform in (None, sys.platform))

    def lacking(self) -> tuple[Package, ...]:
        """Those of them that this Python does not find."""
        return tuple(each for each in self.here() if not is_installed(each.module))


_PYGAME: Final = Package(module="pygame", requirement="pygame-ce>=2.5,<3")
_H5PY: Final = Package(module="h5py", requirement="h5py>=3.11,<4")
_LINUX_EVDEV: Final = Package(module="evdev", requirement="evdev>=1.9,<3", platform="linux")

EXTRAS: Final[dict[ExtraName, Extra]] = {
    "window": Extra(purpose="a live window: watch, play, lab run --live", packages=(_PYGAME,)),
    "desktop": Extra(
        purpose="desktop games",
        packages=(
            Package(module="mss", requirement="mss>=10.2,<11"),
            _PYGAME,
            Package(module="Xlib", requirement="python-xlib>=0.33,<0.34"),
        ),
    ),
    "wayland": Extra(
        purpose="desktop games on a Wayland desktop",
        packages=(
            Package(module="pipewire_capture", requirement="pipewire-capture>=0.3,<0.4", platform="linux"),
            _LINUX_EVDEV,
        ),
    ),
    "windows": Extra(
        purpose="desktop games on Windows",
        packages=(
            Package(module="dxcam", requirement="dxcam[cv2]>=0.3,<0.4", platform="win32"),
            Package(module="pydirectinput", requirement="pydirectinput-rgx>=2.1,<3", platform="win32"),
            Package(module="win32gui", requirement="pywin32>=306", platform="win32"),
        ),
    ),
    "gamepad": Extra(
        purpose="desktop games that are played with a gamepad",
        packages=(_LINUX_EVDEV, Package(module="vgamepad", requirement="vgamepad>=0.2,<0.3", platform="win32")),
    ),
    "classic": Extra(
        purpose="films of classic control",
        packages=(Package(module="pygame", requirement="gymnasium[classic-control]>=1.2,<2"),),
    ),
    "hdf5": Extra(purpose="recordings in HDF5: demos import", packages=(_H5PY,)),
    "minari": Extra(
        purpose="data sets of Minari: demos export",
        packages=(Package(module="minari", requirement="minari>=0.5.4,<0.6"), _H5PY),
    ),
    "tune": Extra(
        purpose="search over settings: tune", packages=(Package(module="optuna", requirement="optuna>=4,<5"),)
    ),
    "notebook": Extra(
        purpose="pictures in a notebook", packages=(Package(module="IPython", requirement="ipykernel>=6,<8"),)
    ),
    "tensorboard": Extra(
        purpose="TensorBoard: train --log tensorboard",
        packages=(Package(module="tensorboard", requirement="tensorboard>=2.18,<3"),),
    ),
    "wandb": Extra(
        purpose="Weights & Biases: train --log wandb",
        packages=(Package(module="wandb", requirement="wandb>=0.19,<1"),),
    ),
    "comet": Extra(
        purpose="Comet: train --log comet", packages=(Package(module="comet_ml", requirement="comet_ml>=3.47,<4"),)
    ),
    "mlflow": Extra(
        purpose="MLflow: train --log mlflow", packages=(Package(module="mlflow", requirement="mlflow>=3,<4"),)
    ),
}
"""What pyproject.toml offers to people who play; the packages of those who work on Playfield are not among it."""
assert set(EXTRAS) == set(get_args(ExtraName))


def is_installed(module: str) -> bool:
    """Whether this Python finds a module; it is not imported."""
    return importlib.util.find_spec(module) is not None


def install_extra(extra: ExtraName) -> str:
    """The command that installs an extra's packages for this very Python.

    It names the packages, not `playfield[...]`: whoever runs a clone would get another Playfield, or none, by that.
    """
    return pip_install(*(each.requirement for each in EXTRAS[extra].here() or EXTRAS[extra].packages))


def pip_install(*words: str) -> str:
    """A command of pip's that installs for this very Python, to be typed into a shell."""
    return " ".join([shell_word(sys.executable), "-m pip install", *(shell_word(word) for word in words)])


def apt_install(*packages: str) -> str:
    """The command that installs packages on Debian and what comes of it."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return f"{'' if root else 'sudo '}apt-get install {' '.join(packages)}"


def shell_word(word: str) -> str:
    """A word as the shell of this system takes it for one, to be typed into it: `<` would read from a file."""
    if sys.platform != "win32":
        return shlex.quote(word)
    # Windows' own rule for arguments, but that its shell takes some signs for itself outside of quotation marks.
    quoted = subprocess.list2cmdline([word])
    return f'"{word}"' if quoted == word and any(sign in word for sign in "<>&|^()") else quoted
