"""Heads: value and advantages, the order of outputs, and the gradient that goes into the torso."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from playfield.networks import Chance, Dense, Draws, Dueling, Factored, Head, LayerNorm, Noisy, NoisyLinear, Plain
from playfield.settings import from_plain, to_plain

FEATURES, ACTIONS, OUTPUTS = 5, 3, 4


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), Chance(torch.Generator().manual_seed(seed + 1)))


def features(batch: int = 2) -> Tensor:
    return torch.randn(batch, FEATURES, generator=torch.Generator().manual_seed(7))


def last(stream: nn.Module) -> nn.Linear:
    """The last layer of one stream."""
    layer = stream if isinstance(stream, nn.Linear) else list(stream.children())[-1]
    assert isinstance(layer, nn.Linear)
    return layer


STREAMS = pytest.mark.parametrize("streams", ["separate", "shared"])


@STREAMS
def test_advantages_of_zero_give_the_value_to_every_action(streams):
    head = Dueling(hidden=6, streams=streams).build(FEATURES, (ACTIONS,), OUTPUTS, draws())
    with torch.no_grad():
        last(head.advantage).weight.zero_()
        last(head.advantage).bias.zero_()
    out = head(features()).unflatten(1, (ACTIONS, OUTPUTS))
    value = head.value(head.shared(features()))
    for action in range(ACTIONS):
        assert torch.equal(out[:, action], value)


@STREAMS
def test_the_same_number_added_to_all_advantages_changes_nothing(streams):
    head = Dueling(hidden=6, streams=streams).build(FEATURES, (ACTIONS,), OUTPUTS, draws())
    before = head(features()).detach()
    with torch.no_grad():
        last(head.advantage).bias += torch.tensor([1.0, -2.0, 0.5, 8.0]).repeat(ACTIONS)  # by output, for all actions
    torch.testing.assert_close(head(features()).detach(), before, atol=1e-5, rtol=0)


@STREAMS
def test_value_and_advantages_worked_by_hand(streams):
    head = Dueling(hidden=6, streams=streams).build(FEATURES, (3,), 2, draws())
    with torch.no_grad():
        for stream in (head.value, head.advantage):
            last(stream).weight.zero_()
        last(head.value).bias.copy_(torch.tensor([10.0, 20.0]))
        last(head.advantage).bias.copy_(torch.tensor([1.0, 5.0, 2.0, 6.0, 6.0, 7.0]))
    # advantages by action: (1, 5), (2, 6), (6, 7); their means: 3 and 6
    assert head(features(1)).tolist() == [[8.0, 19.0, 9.0, 20.0, 13.0, 21.0]]


def test_advantages_of_axes_worked_by_hand():
    head = Factored(hidden=6).build(FEATURES, (2, 3), 2, draws())
    with torch.no_grad():
        for stream in (head.value, head.advantage):
            last(stream).weight.zero_()
        last(head.value).bias.copy_(torch.tensor([100.0, 200.0]))
        last(head.advantage).bias.copy_(torch.tensor([1.0, 0.0, 3.0, 8.0, 10.0, 5.0, 20.0, 5.0, 60.0, 5.0]))
    # first axis (1, 0), (3, 8), less their mean (2, 4): (-1, -4), (1, 4)
    # second axis (10, 5), (20, 5), (60, 5), less (30, 5): (-20, 0), (-10, 0), (30, 0)
    first = [100 - 1 - 20, 196, 100 - 1 - 10, 196, 100 - 1 + 30, 196]
    second = [100 + 1 - 20, 204, 100 + 1 - 10, 204, 100 + 1 + 30, 204]
    assert head(features(1)).tolist() == [[*first, *second]]


@STREAMS
@pytest.mark.parametrize("outputs", [1, 4])
def test_of_one_axis_a_factored_head_is_dueling_bit_for_bit(streams, outputs):
    given = []
    for kind in (Dueling, Factored):
        head = kind(hidden=6, streams=streams).build(FEATURES, (7,), outputs, draws())
        x = features(9).requires_grad_()
        out = head(x)
        out.square().sum().backward()
        given.append([out.detach(), x.grad, *head.state_dict().values(), *[p.grad for p in head.parameters()]])
    assert all(torch.equal(a, b) for a, b in zip(*given, strict=True))


def test_dueling_knows_of_no_axes():
    one, several = (Dueling(hidden=6).build(FEATURES, axes, 2, draws()) for axes in ((6,), (2, 3)))
    assert torch.equal(one(features()), several(features()))


def test_a_factored_head_grows_with_the_sum_of_the_choices():
    head = Factored(hidden=7).build(9, (3, 4, 5), 51, draws())
    assert last(head.advantage).weight.shape == ((3 + 4 + 5) * 51, 7)
    assert head(torch.zeros(2, 9)).shape == (2, 3 * 4 * 5 * 51)


def test_a_choice_moves_all_actions_that_hold_it_alike():
    head = Factored(hidden=6).build(FEATURES, (2, 3, 2), 1, draws())
    before = head(features()).detach()
    with torch.no_grad():
        last(head.advantage).bias[2 + 1] += 3.0  # of the second axis the second choice: +3 there, less a mean of 1
    moved = (head(features()).detach() - before).unflatten(1, (2, 3, 2))
    expected = torch.tensor([-1.0, 2.0, -1.0])[None, None, :, None].expand_as(moved)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", [Plain(hidden=6), Dueling(hidden=6), Dueling(hidden=6, streams="shared")])
def test_all_outputs_of_one_action_lie_side_by_side(head: Head):
    built = head.build(FEATURES, (ACTIONS,), OUTPUTS, draws())
    before = built(features()).detach()
    assert before.shape == (2, ACTIONS * OUTPUTS)
    stream = built.advantage if isinstance(head, Dueling) else built
    with torch.no_grad():
        last(stream).bias[1 * OUTPUTS + 2] += 30.0  # of action 1, output 2
    moved = (built(features()).detach() - before).unflatten(1, (ACTIONS, OUTPUTS))
    assert set(moved[0].abs().gt(1.0).nonzero()[:, 1].tolist()) == {2}
    assert moved[0, :, 2].argmax() == 1


def test_the_gradient_into_the_torso_is_scaled_and_nothing_else():
    gradients, outputs, weights = [], [], []
    for scale in (1.0, 0.25):
        head = Dueling(hidden=6, gradient_scale=scale).build(FEATURES, (ACTIONS,), OUTPUTS, draws())
        x = features().requires_grad_()
        out = head(x)
        out.square().sum().backward()
        gradients.append(x.grad)
        outputs.append(out.detach())
        weights.append([p.grad for p in head.parameters()])
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(gradients[0] * 0.25, gradients[1])
    assert gradients[0].abs().sum() > 0
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_published_scale_of_the_gradient():
    """Two streams of slope 1 send back 1 each; the torso is told √2 instead of 2."""
    head = Dueling(hidden=1).build(1, (2,), 1, draws())
    with torch.no_grad():
        for p in head.parameters():
            p.zero_()
        for stream in (head.value, head.advantage):
            stream[0].weight.fill_(1.0)
        last(head.value).weight.fill_(1.0)
        last(head.advantage).weight.copy_(torch.tensor([[1.0], [-1.0]]))
    x = torch.ones(1, 1, requires_grad=True)
    head(x)[0, 0].backward()  # v + A_0 - mean A = x + x - 0
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(math.sqrt(2))


def test_layers_of_two_streams_and_of_a_shared_one():
    def kinds(head: Dueling) -> list[tuple[int, ...]]:
        return [tuple(p.shape) for n, p in head.build(9, (4,), 51, draws()).named_parameters() if n.endswith("weight")]

    assert kinds(Dueling(hidden=7)) == [(7, 9), (51, 7), (7, 9), (4 * 51, 7)]
    assert kinds(Dueling(hidden=7, streams="shared")) == [(7, 9), (51, 7), (4 * 51, 7)]


def test_the_two_streams_start_from_different_weights():
    head = Dueling(hidden=7).build(9, (4,), 1, draws())
    assert not torch.equal(head.value[0].weight, head.advantage[0].weight)


@pytest.mark.parametrize(("head", "layers"), [(Plain(hidden=6), 2), (Dueling(hidden=6), 4), (Factored(hidden=6), 4)])
def test_the_layer_setting_makes_every_layer(head: Head, layers: int):
    for layer, kind in ((Dense(), nn.Linear), (Noisy(0.1), NoisyLinear)):
        changed = type(head)(hidden=6, layer=layer)
        built = changed.build(FEATURES, (ACTIONS,), OUTPUTS, draws())
        assert sum(isinstance(m, kind) for m in built.modules()) == layers
        assert sum(isinstance(m, nn.Linear | NoisyLinear) for m in built.modules()) == layers


@pytest.mark.parametrize("head", [Plain, Dueling])
def test_noisy_means_are_the_weights_of_a_dense_head(head: type[Plain] | type[Dueling]):
    dense = head(hidden=6).build(FEATURES, (ACTIONS,), OUTPUTS, draws())
    noisy = head(hidden=6, layer=Noisy()).build(FEATURES, (ACTIONS,), OUTPUTS, draws()).eval()
    assert torch.equal(dense(features()), noisy(features()))


def test_norms_stand_before_the_relus_of_both_streams():
    head = Dueling(hidden=6, norm=LayerNorm()).build(FEATURES, (ACTIONS,), 1, draws())
    for stream in (head.value, head.advantage):
        assert [type(m).__name__ for m in stream] == ["Linear", "_ChannelsLastNorm", "ReLU", "Linear"]


@pytest.mark.parametrize(
    "head",
    [
        Plain(hidden=3, layer=Noisy(0.1)),
        Dueling(layer=Noisy(), streams="shared", gradient_scale=1.0),
        Factored(hidden=5, streams="shared"),
    ],
)
def test_settings_and_back(head: Head):
    assert from_plain(Head, to_plain(head)) == head


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"gradient_scale": 0.0}, {"gradient_scale": math.inf}])
@pytest.mark.parametrize("head", [Dueling, Factored])
def test_impossible_settings_are_refused(head, wrong):
    with pytest.raises(ValueError, match=rf"head\.{next(iter(wrong))} must be"):
        head(**wrong)
