"""Products of large layers by another library: the same numbers and gradients as PyTorch's own, but for rounding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.toys import small_session
from playfield.networks import products
from playfield.networks.products import LARGE, affine
from playfield.storage.tree import digest

ENTRIES, UNITS = 1024, 256


@pytest.fixture
def onednn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """oneDNN is asked, whatever the processor; in the list, how many products it made."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch has no oneDNN")
    monkeypatch.setattr(products, "onednn_is_quicker", lambda: True)
    made: list[int] = []
    product = products._product

    def counted(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        made.append(len(made))
        return product(x, weight, bias)

    monkeypatch.setattr(products, "_product", counted)
    return made


def given(*batch: int, units: int = UNITS) -> list[Tensor]:
    source = torch.Generator().manual_seed(1)
    shapes = ((*batch, ENTRIES), (units, ENTRIES), (units,))
    return [torch.randn(shape, generator=source).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("batch", [(1,), (32,), (3, 5)])
def test_values_and_gradients_are_those_of_pytorch(batch: tuple[int, ...], onednn: list[int]) -> None:
    ours, theirs = given(*batch), given(*batch)
    weights = torch.randn((*batch, UNITS), generator=torch.Generator().manual_seed(2))
    for inputs, function in ((ours, affine), (theirs, functional.linear)):
        found = function(*inputs)
        (found * weights).sum().backward()
        inputs.append(found)
    assert len(onednn) == 3
    for own, other in zip(ours[:3], theirs[:3], strict=True):
        assert own.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-5, atol=1e-3)  # sums of up to 1,024 terms of size 1
    torch.testing.assert_close(ours[3], theirs[3], rtol=1e-5, atol=1e-3)


def test_only_asked_gradients_are_made(onednn: list[int]) -> None:
    x, weight, bias = given(4)
    affine(x.detach(), weight, bias).sum().backward()
    assert len(onednn) == 2, "forwards, and for the weights"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_acting_makes_one_product(mode: type, onednn: list[int]) -> None:
    x, weight, bias = given(1)
    with mode():
        found = affine(x, weight, bias)
        torch.testing.assert_close(found, functional.linear(x, weight, bias), rtol=1e-5, atol=1e-3)
    assert len(onednn) == 1


def test_small_layers_and_other_numbers_are_pytorchs(onednn: list[int]) -> None:
    x, weight, bias = given(4, units=UNITS - 1)
    assert weight.numel() < LARGE
    assert torch.equal(affine(x, weight, bias), functional.linear(x, weight, bias))
    x, weight, bias = (tensor.bfloat16() for tensor in given(4))
    assert torch.equal(affine(x, weight, bias), functional.linear(x, weight, bias))
    assert onednn == []


def test_what_comes_out_can_be_changed_in_place(onednn: list[int]) -> None:
    ours, theirs = given(3, 5), given(3, 5)
    for inputs, function in ((ours, affine), (theirs, functional.linear)):
        torch.relu_(function(*inputs)).sum().backward()
    for own, other in zip(ours, theirs, strict=True):
        assert own.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-5, atol=1e-3)


def test_no_rows_and_frozen_weights_are_fine(onednn: list[int]) -> None:
    x, weight, bias = given(0)
    affine(x, weight, bias).sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()
    x, weight, bias = given(4)
    affine(x, weight.detach(), bias.detach()).sum().backward()
    torch.testing.assert_close(x.grad, weight.detach().sum(0).expand(4, -1), rtol=1e-5, atol=1e-3)


def test_a_run_goes_on_to_the_bit(monkeypatch: pytest.MonkeyPatch, onednn: list[int]) -> None:
    monkeypatch.setattr(products, "LARGE", 1)
    whole, half, rest = (small_session("rainbow") for _ in range(3))
    for _ in whole.play(160):
        pass
    for _ in half.play(100):
        pass
    rest.load(half.state())
    for _ in rest.play(160):
        pass
    assert len(onednn) > 1_000
    assert digest(rest.agent.state()) == digest(whole.agent.state())


@pytest.mark.parametrize(
    ("processor", "capability", "quicker"),
    [("AuthenticAMD", "AVX512", True), ("GenuineIntel", "AVX512", False), ("AuthenticAMD", "AVX2", False)],
)
def test_onednn_is_asked_on_amd_with_avx512(
    processor: str, capability: str, quicker: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "processor", {"vendor_id": processor}.get)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert products.onednn_is_quicker.__wrapped__() == quicker
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not products.onednn_is_quicker.__wrapped__()


def test_elsewhere_all_is_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "onednn_is_quicker", lambda: False)
    x, weight, bias = given(4)
    assert torch.equal(affine(x, weight, bias), functional.linear(x, weight, bias))
