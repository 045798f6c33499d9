"""Small things that several tests are built from: networks that are tables, steps and batches written out."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from playfield.batch import Batch, Rows, from_ring, into_ring
from playfield.returns import ExpectedReturns
from playfield.types import Decision, Step


class Table(nn.Module):
    """Action values looked up by the single number that an observation holds."""

    def __init__(self, values: Sequence[Sequence[float]], huber: float | None = 1.0) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.tensor(values, dtype=torch.float32))
        self.huber = huber

    def forward(self, obs: Tensor) -> ExpectedReturns:
        return ExpectedReturns(self.q[obs[:, 0].long()], self.huber)


def batch(
    action: Sequence[int],
    reward: Sequence[float],
    discount: Sequence[float],
    weight: Sequence[float] | None = None,
) -> Batch:
    """Sample i goes from observation i to observation B+i."""
    size = len(action)
    rows = torch.arange(2 * size, dtype=torch.float32)[:, None]
    return Batch(
        obs=rows[:size],
        action=torch.tensor(action),
        reward=torch.tensor(reward, dtype=torch.float32),
        discount=torch.tensor(discount, dtype=torch.float32),
        next_obs=rows[size:],
        weight=torch.ones(size) if weight is None else torch.tensor(weight, dtype=torch.float32),
        key=torch.arange(size),
    )


def step(
    frame: Any,
    reward: Sequence[float],
    discount: Sequence[float],
    first: Sequence[bool],
    last: Sequence[bool],
) -> Step:
    """A step of G games; every row that is not first lasts 4 frames."""
    return Step(
        frame=np.asarray(frame),
        reward=np.array(reward, np.float32),
        discount=np.array(discount, np.float32),
        first=np.array(first, np.bool_),
        last=np.array(last, np.bool_),
        frames=np.array([0 if f else 4 for f in first], np.int32),
        seed=np.zeros(len(first), np.uint64),
    )


def decision(action: Sequence[int], value: Sequence[float] | None = None) -> Decision:
    return Decision(
        action=np.array(action, np.int64),
        value=np.zeros(len(action), np.float32) if value is None else np.array(value, np.float32),
    )


def clone(tree: Any) -> Any:
    """A copy of a state tree that shares nothing with it; rows as a ring of exactly the rows held."""
    if isinstance(tree, Rows):
        columns = {}
        for name, column in tree.columns.items():
            columns[name] = torch.zeros(column.shape, dtype=column.dtype)
            into_ring(columns[name], tree.start, from_ring(column, tree.start, tree.stop - tree.start))
        return Rows(start=tree.start, stop=tree.stop, columns=columns)
    if isinstance(tree, Mapping):
        return {key: clone(child) for key, child in tree.items()}
    if isinstance(tree, list):
        return [clone(child) for child in tree]
    return tree.clone() if isinstance(tree, Tensor) else copy.deepcopy(tree)
