"""Signs of health of an update, from a batch and the network that learns from it. They change nothing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from playfield.networks import chance_of

PROBE_EVERY: Final = 1_000
"""Updates from one probe to the next: its two passes of a batch, without gradients, are then less than a thousandth of
the work, and a run of a million emulator frames still has dozens of probes."""
DORMANT_TAU: Final = 0.025
"""Share of its layer's mean activity at or below which a unit is dormant: the smaller of the paper's two in use."""


class Look(NamedTuple):
    """What a network does with a batch."""

    greedy: Int64[Tensor, "B"]
    """The action it thinks best."""
    dormant: float | None
    """Share of dormant units; None without a ReLU."""


def look(network: nn.Module, obs: Shaped[Tensor, "B ..."]) -> Look:
    """Best actions and dormant units, without noise, gradient, or any trace in the network.

    Only activations that are modules of their own are seen: not the ReLUs inside residual blocks.
    """
    activity: list[Tensor] = []

    def note(_module: nn.Module, _given: object, output: Tensor) -> None:
        """Mean size over the batch, and over the map where a unit is a channel."""
        activity.append(output.abs().mean([dim for dim in range(output.ndim) if dim != 1]))

    with ExitStack() as stack:
        stack.enter_context(at_rest(network))
        for module in network.modules():
            if isinstance(module, nn.ReLU | nn.LeakyReLU):
                stack.callback(module.register_forward_hook(note).remove)
        greedy = network(obs).mean.argmax(1)
    return Look(greedy, dormant_share(activity))


@contextmanager
def at_rest(network: nn.Module) -> Generator[None]:
    """The network without noise and gradients; fractions of implicit quantiles are the same ones at each entry.

    The generator that they come from is left as it was found, so that training draws what it would have drawn.
    """
    training, chance = network.training, chance_of(network)
    state = None if chance is None else chance.generator.get_state()
    network.eval()
    try:
        if chance is not None:
            chance.generator.manual_seed(0)
        with torch.no_grad():
            yield
    finally:
        network.train(training)
        if chance is not None and state is not None:
            chance.generator.set_state(state)


def dormant_share(activity: Sequence[Float[Tensor, "_"]]) -> float | None:
    """Share of the units of all layers that are nearly silent beside the others of their layer.

        s_i = E|h_i(x)| / (1/H Σ_k E|h_k(x)|),   dormant where s_i ≤ τ = 0.025

    Source: Sokar, Agarwal, Castro & Evci (2023), "The dormant neuron phenomenon", definition 3.1; units of a
    convolution are its channels. In a layer without any activity all units are dormant.
    """
    if not activity:
        return None
    dormant = sum(int((layer <= DORMANT_TAU * layer.mean()).sum()) for layer in activity)
    return dormant / sum(len(layer) for layer in activity)


def policy_churn(before: Int64[Tensor, "B"], after: Int64[Tensor, "B"]) -> float:
    """Share of the observations whose best action an update changed.

    Source: Schaul, Barreto, Quan & Ostrovski (2022), "The phenomenon of policy churn", eq. 1; here on the batch that
    was learnt from.
    """
    return float((before != after).float().mean())


def effective_share(weight: Float[Tensor, "B"]) -> float:
    """How many samples of equal weight would be as informative as the batch, as a share of it.

        (Σ w)² / (B Σ w²)

    Source: Kish (1965), effective sample size.
    Neutral: equal weights give 1.
    """
    return float(weight.sum().square() / (len(weight) * weight.square().sum()))
