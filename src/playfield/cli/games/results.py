"""Where the commands of games write, and how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from playfield.cli.runs import free_name
from playfield.study import slug
from playfield.types import Array


def new_folder(out: Path, stem: str) -> Path:
    """A folder that was not there before, so that nothing is written over."""
    folder = out / free_name(slug(stem), out)
    folder.mkdir(parents=True)
    return folder


def save_picture(path: Path, picture: UInt8[Array, "H W 3"]) -> None:
    """Write a picture as PNG."""
    Image.fromarray(np.ascontiguousarray(picture)).save(path)
