"""The peers' own environments, made by the benchmark: never the one that Playfield is installed in."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = {"torch": HERE / "requirements.txt", "dopamine": HERE / "requirements-dopamine.txt"}


class NotInstalled(Exception):
    """An environment could not be made; the message is pip's own."""


def python_of(name: str, folder: Path) -> str:
    """The interpreter of an environment, which is made where it is missing or its pins have changed.

    Raises: NotInstalled.
    """
    if name == "ours":
        return sys.executable
    pins = REQUIREMENTS[name].read_bytes()
    place = folder / f"{name}-{hashlib.blake2b(pins, digest_size=4).hexdigest()}"
    python, done = place / "bin" / "python", place / "installed"
    if not done.exists():
        print(f"making the environment of the peers with {name} in {place} (minutes, once)", flush=True)
        _do([sys.executable, "-m", "venv", "--clear", str(place)])
        _do([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(REQUIREMENTS[name])])
        done.touch()
    return str(python)


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
        raise NotInstalled(said[-1] if said else f"{command[:4]} ended with {done.returncode}")
