"""Optimisers against obvious versions, and their state across a restart."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from core.tables import clone
from playfield.optimizers import Adam, AdamW, OptimizerSpec, RAdam, RMSProp, load_optimizer_state, optimizer_state


def weights(seed: int = 0) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    conv = torch.randn(4, 3, 2, 2, generator=generator).to(memory_format=torch.channels_last)
    return [nn.Parameter(torch.randn(3, 5, generator=generator)), nn.Parameter(conv), nn.Parameter(torch.zeros(7))]


def descend(parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, steps: range) -> None:
    for number in steps:
        generator = torch.Generator().manual_seed(number)
        for p in parameters:
            # Laid out in memory as the weight is, which autograd sees to and fused steps rely on.
            p.grad = torch.empty_like(p).copy_(torch.randn(p.shape, generator=generator))
        optimizer.step()


class NaiveRMSProp:
    """The formula of the docstring, in float64."""

    def __init__(self, weight: Tensor) -> None:
        self.weight, self.mean, self.square = weight.double(), 0.0, 0.0

    def step(self, grad: Tensor, lr: float, decay: float, eps: float) -> None:
        g = grad.double()
        self.mean = decay * self.mean + (1 - decay) * g
        self.square = decay * self.square + (1 - decay) * g * g
        self.weight = self.weight - lr * g / (self.square - self.mean**2 + eps).sqrt()


def test_rmsprop_takes_the_step_worked_by_hand():
    weight = nn.Parameter(torch.tensor([1.0]))
    weight.grad = torch.tensor([2.0])
    RMSProp(lr=0.1, decay=0.75, eps=0.25).build([weight]).step()
    # E[g] = 0.5, E[g²] = 1, variance 0.75, + eps = 1: the step is 0.1 * 2 / 1
    assert weight.item() == pytest.approx(0.8)


def test_rmsprop_equals_the_naive_version_over_many_steps():
    parameters = weights()
    naive = [NaiveRMSProp(p.detach()) for p in parameters]
    optimizer = RMSProp(lr=0.01, decay=0.95, eps=1e-3).build(parameters)
    for number in range(20):
        descend(parameters, optimizer, range(number, number + 1))
        for p, twin in zip(parameters, naive, strict=True):
            twin.step(p.grad, 0.01, 0.95, 1e-3)
    for p, twin in zip(parameters, naive, strict=True):
        torch.testing.assert_close(p.detach(), twin.weight.float(), rtol=1e-4, atol=1e-5)


def test_rmsprop_is_not_pytorchs_which_adds_eps_outside_the_root():
    ours, theirs = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    eps = 0.01 / 32**2
    for weight, optimizer in (
        (ours, RMSProp(lr=0.1, decay=0.95, eps=eps).build([ours])),
        (theirs, torch.optim.RMSprop([theirs], lr=0.1, alpha=0.95, eps=eps, centered=True)),
    ):
        weight.grad = torch.tensor([1e-3])
        optimizer.step()
    variance = 0.05 * 1e-6 - (0.05 * 1e-3) ** 2
    assert 1 - ours.item() == pytest.approx(0.1 * 1e-3 / math.sqrt(variance + eps), rel=1e-3)
    assert 1 - theirs.item() == pytest.approx(0.1 * 1e-3 / (math.sqrt(variance) + eps), rel=1e-3)
    assert abs(ours.item() - theirs.item()) > 0.1  # ten times smaller steps for small gradients


def test_natures_numbers_are_the_defaults():
    assert RMSProp() == RMSProp(lr=2.5e-4, decay=0.95, eps=0.01 / 1024, clip_norm=None)


def test_adam_takes_two_steps_worked_by_hand():
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = Adam(lr=0.1, eps=1.0).build([weight])
    weight.grad = torch.tensor([3.0])
    optimizer.step()
    # m = 0.3, v = 0.009, made up for their slow start: 3 and 9; the step is 0.1 * 3 / (√9 + 1)
    assert weight.item() == pytest.approx(1.0 - 0.075)
    weight.grad = torch.tensor([-0.05])
    optimizer.step()
    # m = 0.9 * 0.3 - 0.005 = 0.265 of 1 - 0.9² = 0.19
    # v = 0.999 * 0.009 + 0.0000025 = 0.0089935 of 1 - 0.999² = 0.001999
    second = 0.1 * (0.265 / 0.19) / (math.sqrt(0.0089935 / 0.001999) + 1.0)
    assert weight.item() == pytest.approx(1.0 - 0.075 - second, abs=1e-6)


def test_radam_takes_two_steps_worked_by_hand():
    """The first steps are momentum alone: too few gradients were squared to divide by."""
    weight = nn.Parameter(torch.tensor([5.0]))
    optimizer = RAdam(lr=0.1).build([weight])
    weight.grad = torch.tensor([3.0])
    optimizer.step()
    assert weight.item() == pytest.approx(5.0 - 0.1 * 3.0)
    weight.grad = torch.tensor([-1.0])
    optimizer.step()
    assert weight.item() == pytest.approx(5.0 - 0.3 - 0.1 * (0.17 / 0.19))


def test_radam_equals_the_naive_version():
    """Algorithm 2 of Liu et al. (2020), in float64; its threshold of 4 is 5 in their code, which differs at step 5."""
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer, naive, m, v = RAdam(lr=0.01).build([weight]), 1.0, 0.0, 0.0
    longest = 2 / (1 - 0.999) - 1
    divided = []
    for t, grad in enumerate([2.0, -1.0, 0.5, 4.0, 1.0, -3.0, 2.0, 0.25, 1.0, -2.0], start=1):
        weight.grad = torch.tensor([grad])
        optimizer.step()
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad * grad
        size = longest - 2 * t * 0.999**t / (1 - 0.999**t)
        step = m / (1 - 0.9**t)
        if size > 5:
            rectified = (size - 4) * (size - 2) * longest / ((longest - 4) * (longest - 2) * size)
            step *= math.sqrt(rectified) / math.sqrt(v / (1 - 0.999**t))
            divided.append(t)
        naive -= 0.01 * step
        assert weight.item() == pytest.approx(naive, abs=1e-6)
    assert divided == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("eps", [1e-8, 0.1], ids=str)
def test_radam_steps_as_pytorchs_does(eps: float):
    """From the same weights at every step, but for one rounding of them: ours is made in one pass."""
    ours, theirs = weights(), weights()
    optimizer, twin = RAdam(lr=0.3, eps=eps).build(ours), torch.optim.RAdam(theirs, lr=0.3, eps=eps, foreach=True)
    for step in range(50):
        for group in (*optimizer.param_groups, *twin.param_groups):
            group["lr"] = 0.3 / (1 + step)
        descend(ours, optimizer, range(step, step + 1))
        descend(theirs, twin, range(step, step + 1))
        for weight, same in zip(ours, theirs, strict=True):
            torch.testing.assert_close(weight, same, rtol=3e-7, atol=1e-7)
            weight.data.copy_(same)


def test_adamw_takes_the_step_worked_by_hand():
    weight, bias = nn.Parameter(torch.tensor([[2.0]])), nn.Parameter(torch.tensor([2.0]))
    weight.grad, bias.grad = torch.tensor([[3.0]]), torch.tensor([3.0])
    AdamW(lr=0.1, eps=1.0, weight_decay=0.5).build([weight, bias]).step()
    # Adam's first step: m = 3, √v = 3, so 0.1 * 3 / (3 + 1) = 0.075; and 0.1 * 0.5 * 2 = 0.1 from weights, not biases
    assert weight.item() == pytest.approx(2.0 - 0.1 - 0.075)
    assert bias.item() == pytest.approx(2.0 - 0.075)


def test_adamw_without_decay_is_adam():
    decayed, plain = weights(), weights()
    descend(decayed, AdamW(lr=0.01, eps=1e-3, weight_decay=0.0).build(decayed), range(10))
    descend(plain, Adam(lr=0.01, eps=1e-3).build(plain), range(10))
    assert all(torch.equal(a, b) for a, b in zip(decayed, plain, strict=True))


def test_adamw_refuses_a_decay_that_grows_weights():
    with pytest.raises(ValueError, match="weight_decay must be 0 or more"):
        AdamW(weight_decay=-0.1)


@pytest.mark.parametrize(
    "spec", [RMSProp(lr=0.01), Adam(lr=0.01), AdamW(lr=0.01), RAdam(lr=0.01)], ids=lambda s: type(s).__name__
)
@pytest.mark.parametrize("cut", [0, 1, 7])
def test_a_restored_optimizer_goes_on_bit_for_bit(spec: OptimizerSpec, cut: int):
    whole = weights()
    descend(whole, spec.build(whole), range(14))

    parameters = weights()
    optimizer = spec.build(parameters)
    descend(parameters, optimizer, range(cut))
    saved = clone(optimizer_state(optimizer))
    restored = [nn.Parameter(p.detach().clone()) for p in parameters]
    again = spec.build(restored)
    load_optimizer_state(again, saved)
    descend(restored, again, range(cut, 14))
    for p, q in zip(whole, restored, strict=True):
        assert torch.equal(p, q)


def test_state_of_other_parameters_is_refused():
    with pytest.raises(ValueError, match="2 parameters"):
        load_optimizer_state(RMSProp().build(weights()[:2]), optimizer_state(RMSProp().build(weights())))
