"""One gradient step: the loss, the weights of its samples, the clip, the optimiser, the target network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from playfield.batch import Batch, Distance
from playfield.bootstrap import Bootstrap, Next, QFunction
from playfield.device import HOST, Late
from playfield.diagnostics import PROBE_EVERY, Look, effective_share, look, policy_churn
from playfield.events import Diagnostics
from playfield.imitation import Imitation, large_margin, squares
from playfield.networks import chance_of
from playfield.optimizers import BuildsOptimizer, load_optimizer_state, optimizer_state, rate, set_rate
from playfield.returns import Return
from playfield.runners import Runner, eager
from playfield.settings import setting
from playfield.types import Tree


@dataclass(frozen=True, slots=True)
class Copy:
    """A target network that becomes the online network at intervals. Source: Mnih et al. (2015)."""

    every_frames: int = setting(40_000, "emulator frames between copies")

    def __post_init__(self) -> None:
        if self.every_frames < 1:
            raise ValueError("target.every_frames must be 1 or more; use NoTarget for no target network")


@dataclass(frozen=True, slots=True)
class NoTarget:
    """The online network is its own target. Source: PQN (Gallici et al., 2024)."""


Target = Copy | NoTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRule:
    """How gradients are made and used."""

    bootstrap: Bootstrap
    target: Target
    optimizer: BuildsOptimizer
    imitation: Imitation | None = None


class Descent(NamedTuple):
    """What one gradient step found, on the device."""

    numbers: Float[Tensor, "N"]
    """Loss, gradient norm before clipping, mean prediction; and the share of clipped targets where there is one."""
    surprise: Float[Tensor, "B"]


class Probed(NamedTuple):
    """What a closer look before and after a gradient step found."""

    dormant_units: float | None
    policy_churn: float
    effective_sample_size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one gradient step found. Its numbers are waited for when they are looked at, and not before."""

    numbers: Late
    """Those of `Descent`."""
    surprise: Float[Tensor, "B"]
    samples: int
    most_grad_norm: float
    """Length to which longer gradients were shortened."""
    probed: Probed | None
    """None where the step was not probed."""

    @property
    def loss(self) -> float:
        """Mean loss of the batch, weighted as it was descended."""
        return self.numbers[0]

    @property
    def grad_norm(self) -> float:
        """Global gradient norm before clipping."""
        return self.numbers[1]

    @property
    def mean_q(self) -> float:
        """Mean predicted return of the batch's actions."""
        return self.numbers[2]

    @property
    def diagnostics(self) -> Diagnostics:
        """Signs of health."""
        return Diagnostics(
            samples=self.samples,
            clipped_grad_norm=min(self.grad_norm, self.most_grad_norm),
            clipped_targets=self.numbers[3] if len(self.numbers) > 3 else None,
            **({} if self.probed is None else self.probed._asdict()),
        )


def td_loss(online: QFunction, target: QFunction, batch: Batch, bootstrap: Bootstrap) -> tuple[Distance, Tensor]:
    """How far predicted returns are from what happened plus what is expected next; and the mean prediction.

        distance(z(s, a),  r + γ z⁻(s', ·) under the bootstrap's policy)

    The only temporal-difference loss there is; algorithms differ in `bootstrap` and in the kind of returns.
    """
    with torch.no_grad():
        following = bootstrap(online, target, batch)
        goal = None if following is None else _goal(following, batch)
    predicted = online(batch.obs).at(batch.action)
    if goal is None:
        with torch.no_grad():  # a return of the right kind, multiplied by 0
            goal = predicted.backup(batch.reward, batch.discount)
    return predicted.distance(goal), predicted.mean.detach().mean()


def _goal(following: Next, batch: Batch) -> Return:
    bonus = following.bonus if isinstance(following.bonus, Tensor) else torch.zeros_like(following.policy)
    return following.returns.under(following.policy, bonus).backup(batch.reward + following.reward, batch.discount)


def imitation_loss(network: nn.Module, target: QFunction, batch: Batch, rule: LearningRule) -> Float[Tensor, ""]:
    """What learning from demonstrations adds to the loss of a batch: the one place where it does.

        λ₁ J_n + λ₂ J_E + λ₃ ‖w‖²,   means over the whole batch, weighted as its samples are

    Source: Hester et al. (2018) eq. 5.
    Neutral: weights of 0 give 0, and nothing is computed.
    """
    spec, total = rule.imitation, batch.reward.new_zeros(())
    if spec is None:
        return total
    shown = batch.demonstrated if spec.margin_weight > 0 else None
    if batch.far is not None or shown is not None:
        seen = network(batch.obs)
        if batch.far is not None:
            ahead = batch._replace(**batch.far._asdict())
            far, _ = td_loss(lambda obs: seen if obs is batch.obs else network(obs), target, ahead, rule.bootstrap)
            total = total + spec.n_step_weight * (batch.weight * far.loss).mean()
        if shown is not None:
            behind = large_margin(seen.mean, batch.action, spec.margin) * shown
            total = total + spec.margin_weight * (batch.weight * behind).mean()
    return total + spec.l2_weight * squares(network) if spec.l2_weight > 0 else total


class Learner:
    """Holds the online and target networks and takes gradient steps."""

    def __init__(
        self,
        network: nn.Module,
        target: nn.Module,
        rule: LearningRule,
        *,
        probe_every: int = PROBE_EVERY,
        runner: Runner = eager,
    ) -> None:
        self.network, self.target, self.rule = network, target, rule
        self.probe_every, self._runner = probe_every, runner
        self._weights = list(network.parameters())
        self.optimizer = rule.optimizer.build(self._weights)
        limit = rule.optimizer.clip_norm
        self._most_grad_norm = float("inf") if limit is None else limit
        self._run = runner(self._descend, chance_of(network))
        self.updates = 0
        self._copies = 0

    def step(self, batch: Batch, learning_frames: int) -> Update:
        """One optimiser step on the weighted mean loss of the batch, of the size due by frames since learning began."""
        set_rate(self.optimizer, rate(self.rule.optimizer.lr, learning_frames))
        before = look(self.network, batch.obs) if self.probe_is_due else None
        found = self._run(batch)
        self.updates += 1
        return Update(
            numbers=Late(found.numbers),
            surprise=found.surprise,
            samples=len(batch.key),
            most_grad_norm=self._most_grad_norm,
            probed=None if before is None else self._probed(before, batch),
        )

    def _descend(self, batch: Batch) -> Descent:
        """The whole step on the device: nothing here looks at a value or depends on one."""
        distance, mean_q = td_loss(self.network, self.target, batch, self.rule.bootstrap)
        loss = (batch.weight * distance.loss).mean()
        if self.rule.imitation is not None:
            loss = loss + imitation_loss(self.network, self.target, batch, self.rule)
        for weight in self._weights:
            weight.grad = None
        loss.backward()
        grad_norm = clip(self._weights, self._most_grad_norm)
        self.optimizer.step()
        outside = [] if distance.outside is None else [distance.outside.mean().detach()]
        return Descent(torch.stack([loss.detach(), grad_norm, mean_q, *outside]), distance.surprise)

    def _probed(self, before: Look, batch: Batch) -> Probed:
        after = look(self.network, batch.obs)
        return Probed(after.dormant, policy_churn(before.greedy, after.greedy), effective_share(batch.weight))

    @property
    def probe_is_due(self) -> bool:
        """Whether the next step is one of those that are looked at closely: by their number alone."""
        return (self.updates + 1) % self.probe_every == 0

    def refresh_target(self, learning_frames: int) -> None:
        """Copy the online network into the target if that is due, by frames since learning began."""
        if (
            isinstance(self.rule.target, Copy)
            and (due := learning_frames // self.rule.target.every_frames) > self._copies
        ):
            self.target.load_state_dict(self.network.state_dict())
            self._copies = due

    def state(self) -> Tree:
        tree = {
            "network": dict(self.network.state_dict()),
            "optimizer": optimizer_state(self.optimizer),
            "updates": self.updates,
            "copies": self._copies,
        }
        return tree if self.target is self.network else {**tree, "target": dict(self.target.state_dict())}

    def load(self, tree: Tree) -> None:
        load_weights(self.network, tree["network"])
        if self.target is not self.network:
            load_weights(self.target, tree["target"])
        load_optimizer_state(self.optimizer, tree["optimizer"])
        self._run = self._runner(self._descend, chance_of(self.network))  # a recording knows the old state's places
        self.updates, self._copies = int(tree["updates"]), int(tree["copies"])


def clip(weights: list[nn.Parameter], limit: float) -> Float[Tensor, ""]:
    """Shorten the gradients together to a norm of `limit` where it is more; what it was.

    Neutral: an infinite limit leaves them as they are, and so does any limit that they keep.
    """
    norm = nn.utils.get_total_norm([p.grad for p in weights if p.grad is not None], foreach=True)
    # The host looks before it multiplies by 1; elsewhere the answer would be waited for.
    if norm.device != HOST or not float(norm) + 1e-6 <= limit:  # PyTorch divides by the norm and 1e-6
        nn.utils.clip_grads_with_norm_(weights, limit, norm, foreach=True)
    return norm


def load_weights(network: nn.Module, weights: Tree) -> None:
    """Fill the network with weights of exactly its own names and shapes.

    Raises: ValueError naming what does not fit.
    """
    own = network.state_dict()
    for name in {*own, *weights}:
        if name not in own or name not in weights or own[name].shape != weights[name].shape:
            raise ValueError(
                f"these weights are of another network: {name!r} does not fit; use the recipe they came from"
            )
    network.load_state_dict(dict(weights))
