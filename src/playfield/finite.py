"""Whether what was learnt are still numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from playfield.types import Tree


class NoNumber(ValueError):
    """What is learnt from became infinite or no number at all."""


def first_not_finite(tree: Tree, path: str = "") -> str | None:
    """The path of the first weight, moment or number of a state tree that is not finite; None where all are."""
    for key, value in tree.items():
        where = f"{path}/{key}" if path else key
        if isinstance(value, Mapping):
            if (found := first_not_finite(value, where)) is not None:
                return found
        elif not _finite(value):
            return where
    return None


def _finite(value: object) -> bool:
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    if isinstance(value, list | tuple):
        return all(_finite(each) for each in value)
    if isinstance(value, float | np.ndarray | np.floating):
        return bool(np.isfinite(value).all())
    return True
