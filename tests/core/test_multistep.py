"""n-step returns, stacks and λ-returns against obvious versions and tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from playfield.multistep import lambda_returns, n_step, stack

SEEDS = st.integers(0, 2**32 - 1)


def rows(seed: int, steps: int, samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards, discounts and `last` of rows with terminations, truncations and life losses among them."""
    draws = np.random.default_rng(seed)
    kind = draws.choice(4, (steps, samples), p=[0.55, 0.15, 0.15, 0.15])  # goes on, terminated, truncated, life lost
    reward = torch.from_numpy(draws.integers(-4, 5, (steps, samples)).astype(np.float32))
    discount = torch.from_numpy(np.where((kind == 1) | (kind == 3), 0.0, 0.5).astype(np.float32))
    return reward, discount, torch.from_numpy((kind == 1) | (kind == 2))


def naive_n_step(reward: list[float], discount: list[float], last: list[bool]) -> tuple[float, float, int]:
    total, product, length = 0.0, 1.0, 0
    for r, d, end in zip(reward, discount, last, strict=True):
        total += product * r
        product *= d
        length += 1
        if end:
            break
    return total, product, length


@given(SEEDS, st.integers(1, 6), st.integers(1, 5))
def test_n_step_equals_the_naive_version(seed: int, steps: int, samples: int):
    reward, discount, last = rows(seed, steps, samples)
    total, product, length = n_step(reward, discount, last)
    for b in range(samples):
        expected = naive_n_step(reward[:, b].tolist(), discount[:, b].tolist(), last[:, b].tolist())
        assert (total[b].item(), product[b].item(), length[b].item()) == expected


def test_n_step_by_hand():
    # goes on to the end; terminated at 2; truncated at 2; a life lost at 2
    reward = torch.tensor([[1.0, 1, 1, 1], [2, 2, 2, 2], [4, 4, 4, 4]])
    discount = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.5, 0.0, 0.5, 0.0], [0.5, 0.5, 0.5, 0.5]])
    last = torch.tensor([[False] * 4, [False, True, True, False], [False] * 4])
    total, product, length = n_step(reward, discount, last)
    assert total.tolist() == [1 + 1 + 1, 1 + 1, 1 + 1, 1 + 1]
    assert product.tolist() == [0.125, 0.0, 0.25, 0.0]
    assert length.tolist() == [3, 2, 2, 3]


@given(SEEDS)
def test_one_step_is_neutral(seed: int):
    reward, discount, last = rows(seed, 1, 8)
    total, product, length = n_step(reward, discount, last)
    assert torch.equal(total, reward[0])
    assert torch.equal(product, discount[0])
    assert length.tolist() == [1] * 8


def naive_stack(frames: list[int], first: list[bool], newest: int, size: int) -> list[int]:
    stacked = [frames[newest]]
    while len(stacked) < size:
        begun = first[newest - len(stacked) + 1] or stacked[0] == 0
        stacked.insert(0, 0 if begun else frames[newest - len(stacked)])
    return stacked


@given(SEEDS, st.integers(1, 5))
def test_stack_equals_the_naive_version(seed: int, size: int):
    draws = np.random.default_rng(seed)
    frames = np.arange(1, 31)
    first = draws.random(30) < 0.3
    newest = np.arange(size - 1, 30)
    window = newest[None] - np.arange(size - 1, -1, -1)[:, None]
    shown = np.broadcast_to(frames[window][:, :, None, None, None], (*window.shape, 2, 3, 1)).copy()
    stacked = stack(list(torch.from_numpy(shown)), torch.from_numpy(first[window]))
    assert stacked.shape == (len(newest), 2, 3, size)
    for b, row in enumerate(newest):
        expected = naive_stack(frames.tolist(), first.tolist(), int(row), size)
        assert stacked[b, 0, 0].tolist() == expected
        assert (stacked[b] == stacked[b, :1, :1]).all()


def test_after_frames_0_to_9_the_stack_is_6_to_9():
    frames = torch.arange(10)[6:, None, None]
    assert stack(list(frames), torch.zeros(4, 1, dtype=torch.bool)).tolist() == [[6, 7, 8, 9]]


def test_before_the_episode_began_the_stack_is_blank():
    frames = torch.tensor([[6, 6, 6], [7, 7, 7], [8, 8, 8], [9, 9, 9]])[:, :, None]
    first = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]], dtype=torch.bool)
    assert stack(list(frames), first).tolist() == [[0, 7, 8, 9], [0, 0, 0, 9], [0, 0, 8, 9]]


def test_a_stack_of_one_is_the_newest_frame_even_where_it_is_first():
    frame = torch.tensor([[3], [4]], dtype=torch.uint8)
    assert stack([frame], torch.tensor([[True, False]])).tolist() == [[3], [4]]


def test_stacking_does_not_blank_the_frames_that_it_was_given():
    frames = [torch.tensor([[3]]), torch.tensor([[4]])]
    assert stack(frames, torch.tensor([[False], [True]])).tolist() == [[0, 4]]
    assert [frame.item() for frame in frames] == [3, 4]


def naive_lambda(reward: list[float], discount: list[float], value: list[float], lambda_: float) -> list[float]:
    """The mixture written out: (1-λ) Σ λ^(k-1) G^(k), the last horizon with all the weight that is left."""
    size, targets = len(reward), []
    for t in range(size):
        mixed, weight, total, product = 0.0, 1.0, 0.0, 1.0
        for k in range(t, size):
            total += product * reward[k]
            product *= discount[k]
            share = weight if k == size - 1 else weight * (1 - lambda_)
            mixed += share * (total + product * value[k])
            weight *= lambda_
        targets.append(mixed)
    return targets


@given(SEEDS, st.integers(1, 7), st.floats(0, 1))
def test_lambda_returns_equal_the_naive_mixture(seed: int, steps: int, lambda_: float):
    reward, discount, _ = rows(seed, steps, 3)
    value = torch.from_numpy(np.random.default_rng(seed).normal(size=(steps, 3)).astype(np.float32))
    targets = lambda_returns(reward, discount, value, lambda_)
    for b in range(3):
        expected = naive_lambda(reward[:, b].tolist(), discount[:, b].tolist(), value[:, b].tolist(), lambda_)
        assert targets[:, b].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@given(SEEDS)
def test_lambda_0_is_one_step(seed: int):
    reward, discount, _ = rows(seed, 5, 3)
    value = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(lambda_returns(reward, discount, value, 0.0), reward + discount * value)


def test_lambda_1_is_the_whole_discounted_sum_bootstrapped_at_the_rollouts_end():
    reward, discount = torch.tensor([[1.0], [2.0], [4.0]]), torch.full((3, 1), 0.5)
    value = torch.tensor([[100.0], [100.0], [8.0]])
    # 4 + 0.5*8 = 8;  2 + 0.5*8 = 6;  1 + 0.5*6 = 4
    assert lambda_returns(reward, discount, value, 1.0).flatten().tolist() == [4.0, 6.0, 8.0]


def test_pqn_targets_by_hand_with_a_termination():
    reward = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    discount = torch.tensor([[0.5], [0.0], [0.5], [0.5]])  # the episode ends with reward 2
    value = torch.tensor([[8.0], [90.0], [4.0], [16.0]])
    # t=3: 4 + 0.5*16 = 12;  t=2: 3 + 0.5*(0.5*4 + 0.5*12) = 7;  t=1: 2;  t=0: 1 + 0.5*(0.5*8 + 0.5*2) = 3.5
    assert lambda_returns(reward, discount, value, 0.5).flatten().tolist() == [3.5, 2.0, 7.0, 12.0]
