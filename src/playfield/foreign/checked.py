"""HDF5 as far as it is read: plain numbers and texts in the file itself, of bounded size."""

from __future__ import annotations

import importlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MOST_FILE_BYTES = 64 << 30
MOST_VALUE_BYTES = 1 << 28
MOST_PICTURE_BYTES = 1 << 25
MOST_SIDE = 4096

Array = np.ndarray


class Refused(Exception):
    """A file is not what is read here; the message goes on after its name."""


def open_file(path: Path) -> Any:
    """The HDF5 file, opened for reading alone.

    Raises: Refused.
    """
    h5py: Any = importlib.import_module("h5py")
    if path.stat().st_size > MOST_FILE_BYTES:
        raise Refused(f"has {path.stat().st_size / 1e9:,.0f} GB, and at most {MOST_FILE_BYTES / 1e9:,.0f} are read")
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise Refused("is no HDF5 file, or a damaged one") from error


def member(group: Any, name: str) -> Any:
    """What a group holds under a name, if that lies in the file itself: a link could lead anywhere.

    Raises: Refused where there is nothing, or a link.
    """
    h5py: Any = importlib.import_module("h5py")
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise Refused(f"has no {name!r} of its own")
    return group[name]


def dataset(group: Any, name: str) -> Any:
    """A data set whose numbers lie in the file itself.

    Raises: Refused.
    """
    h5py: Any = importlib.import_module("h5py")
    found = member(group, name)
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise Refused(f"keeps {name!r} somewhere else")
    return found


def numbers(found: Any, what: str) -> Array:
    """All of a data set of numbers.

    Raises: Refused.
    """
    if found.dtype.kind not in "biuf" or found.dtype.itemsize > 8:
        raise Refused(f"has {what} that is no number")
    if math.prod(found.shape or ()) * found.dtype.itemsize > MOST_VALUE_BYTES:
        raise Refused(f"has {what} of more than {MOST_VALUE_BYTES:,} bytes")
    return np.asarray(found[()])


def number(found: Any, what: str) -> float:
    """The one number of a data set.

    Raises: Refused.
    """
    if found.shape != ():
        raise Refused(f"has {what} that is no number")
    value = float(numbers(found, what))
    if not math.isfinite(value):
        raise Refused(f"has {what} that is no number")
    return value


def picture(data: bytes, kind: str) -> Array:
    """The pixels of a PNG or JPEG, as uint8 `H W 3`.

    Raises: Refused.
    """
    if len(data) > MOST_PICTURE_BYTES:
        raise Refused(f"has a picture of {len(data):,} bytes, and at most {MOST_PICTURE_BYTES:,} are read")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            if max(image.size) > MOST_SIDE:
                raise Refused(f"has a picture of {image.size[0]} x {image.size[1]}, larger than {MOST_SIDE} a side")
            return np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Refused(f"has a picture that is no {kind}, or a damaged one") from error
