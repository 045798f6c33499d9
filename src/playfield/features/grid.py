"""A fixed way to see pixels, which nobody learnt: the brightest pixel in each cell of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Shaped

from playfield.games.games import Observations
from playfield.settings import setting
from playfield.types import Array, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How a frame is laid out in cells, each with the grey level of its brightest pixel, from 0 to 1.

    With `OneHot`, every cell has a feature for each range of grey levels: nearly the Basic features of Bellemare et
    al. The mean of a cell, instead of its brightest pixel, would lose a ball of two pixels.
    Source: Bellemare et al. (2013), Basic: which colours are in each cell of a grid of 14 x 16.
    """

    rows: int = setting(12, "cells from top to bottom")
    columns: int = setting(12, "cells from left to right")
    previous: bool = setting(True, "the cells of the frame before as well, since one frame does not show movement")

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1:
            raise ValueError("a grid must have 1 row and 1 column or more")


class GridView:
    """See `Grid`; the frame before the first of an episode counts as the first itself."""

    def __init__(self, grid: Grid, frame_shape: tuple[int, ...]) -> None:
        height, width, channels = frame_shape
        if grid.rows > height or grid.columns > width:
            raise ValueError(f"a grid of {grid.rows} x {grid.columns} is finer than frames of {height} x {width}")
        self._grid = grid
        self._top = np.arange(grid.rows) * height // grid.rows
        self._left = np.arange(grid.columns) * width // grid.columns
        cells = grid.rows * grid.columns * channels
        count = cells * (1 + grid.previous)
        self.observations = Observations(low=(0.0,) * count, high=(1.0,) * count)
        self._before = np.zeros(cells)

    def see(self, frame: Shaped[Array, "..."], first: bool) -> Float64[Array, "N"]:
        """The grey level of each cell, row by row."""
        rows = np.maximum.reduceat(frame, self._top, 0)
        cells = np.maximum.reduceat(rows, self._left, 1).ravel() / 255.0
        before, self._before = cells if first else self._before, cells
        return np.concatenate([cells, before]) if self._grid.previous else cells

    def weights(self) -> Tree:
        """None: nothing was learnt to see so."""
        return {}

    def state(self) -> Tree:
        return {"before": self._before.copy()}

    def load(self, tree: Tree) -> None:
        """Become what `state()` described.

        Raises: ValueError where it does not fit.
        """
        before = np.asarray(tree["before"], np.float64)
        if before.shape != self._before.shape:
            raise ValueError(f"view/before should hold {len(self._before)} numbers, not {before.size}")
        self._before = before.copy()
