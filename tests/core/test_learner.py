"""One gradient step: weights, clip, target; each on numbers worked by hand or seen by a spy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import reduce

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from core.tables import Table, batch
from core.toys import ADAPTED, small_games, small_session
from playfield.batch import Batch, joined
from playfield.bootstrap import Greedy
from playfield.build import build_session
from playfield.learner import Copy, Learner, LearningRule, NoTarget, Update, clip, load_weights, td_loss
from playfield.memory.replay import Replay
from playfield.networks import Chance
from playfield.optimizers import Adam
from playfield.schedules import Linear

ZEROS = [[0.0, 0.0, 0.0]] * 4


class SpyOptimizer(SGD):
    """Notes the gradient norm that it is given."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        super().__init__(parameters, lr=1.0)
        self.norms: list[float] = []

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        grads = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
        self.norms.append(float(torch.cat(grads).norm()))
        super().step()


@dataclass(frozen=True)
class Spied:
    """An optimiser's spec whose optimiser notes what it is given."""

    clip_norm: float | None = None
    lr: float | Linear = 1.0

    def build(self, parameters: Iterable[nn.Parameter]) -> SpyOptimizer:
        return SpyOptimizer(list(parameters))


def rule(optimizer: object, target: object = Copy(100)) -> LearningRule:
    return LearningRule(bootstrap=Greedy(), target=target, optimizer=optimizer)  # type: ignore[arg-type]


def learner(clip_norm: float | None, huber: float | None = None) -> Learner:
    network, target = Table(ZEROS, huber), Table(ZEROS, huber)
    return Learner(network, target, rule(Spied(clip_norm)))


def test_the_step_size_follows_its_schedule():
    sizes: list[float] = []
    network = Table(ZEROS)
    it = Learner(network, Table(ZEROS), rule(Spied(lr=Linear(1.0, 0.5, over_frames=100))))
    for frames in (0, 50, 100, 1000):
        it.step(batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.0, 0.0]), frames)
        sizes += [group["lr"] for group in it.optimizer.param_groups]
    assert sizes == [1.0, 0.75, 0.5, 0.5]


def test_a_step_by_hand():
    it = learner(None)
    update = it.step(batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.5, 0.5]), 0)
    # errors -4 and 2; loss (8 + 2) / 2; each gradient error / 2; lr 1
    assert update.loss == 5.0
    assert it.network.q.tolist() == [[2.0, 0, 0], [0, 0, -1.0], [0, 0, 0], [0, 0, 0]]
    assert update.surprise.tolist() == [4.0, 2.0]
    assert update.mean_q == 0.0
    assert update.grad_norm == pytest.approx(5.0**0.5)
    assert it.updates == 1


def test_weights_are_elementwise_and_one_per_sample():
    it = learner(None)
    update = it.step(batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.0, 0.0], weight=[0.25, 1.0]), 0)
    # (0.25 * 8 + 1 * 2) / 2; a (B, B) product of weights and losses would give another mean
    assert update.loss == 2.0
    assert update.surprise.tolist() == [4.0, 2.0]  # D0-B4: priorities are not weighted
    assert it.network.q.tolist() == [[0.5, 0, 0], [0, 0, -1.0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("limit", [4.9, 5.0, 5.1, math.inf])
def test_clipping_is_pytorchs_to_the_bit(limit: float):
    ours, theirs = [[nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))] for _ in range(2)]
    for weights in (ours, theirs):
        weights[0].grad, weights[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    assert clip(ours, limit) == float(nn.utils.clip_grad_norm_(theirs, limit, foreach=True)) == 5.0
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("clip_norm", [0.5, 1.0, 10.0])
def test_gradients_are_short_when_the_optimizer_sees_them(clip_norm: float):
    it = learner(clip_norm)
    update = it.step(batch(action=[0, 2], reward=[60.0, -80.0], discount=[0.0, 0.0]), 0)
    assert update.grad_norm == pytest.approx(50.0)  # before clipping
    assert it.optimizer.norms[0] <= clip_norm * (1 + 1e-6)
    assert it.optimizer.norms[0] == pytest.approx(clip_norm, rel=1e-4)
    # The direction is kept: 3 to 4.
    assert it.network.q[0, 0].item() == pytest.approx(0.6 * clip_norm, rel=1e-4)


def test_short_gradients_are_left_alone():
    clipped, free = learner(10.0), learner(None)
    for it in (clipped, free):
        it.step(batch(action=[0, 2], reward=[3.0, -4.0], discount=[0.0, 0.0]), 0)
    assert clipped.network.q.tolist() == free.network.q.tolist()


def test_gradients_do_not_pile_up():
    it = learner(None)
    same = batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.0, 0.0])
    it.step(same, 0)
    update = it.step(same, 0)
    assert update.loss == 0.5 * (0.5 * 4 + 0.5 * 1)  # errors have halved to -2 and 1


def test_the_target_is_copied_exactly_when_due():
    it = learner(None)
    copied_at = []
    for frames in range(0, 1000, 10):
        it.network.q.data.fill_(frames + 1.0)
        it.refresh_target(frames)
        if it.target.q[0, 0].item() == frames + 1.0:
            copied_at.append(frames)
    assert copied_at == [100, 200, 300, 400, 500, 600, 700, 800, 900]


def test_a_late_copy_does_not_shift_later_ones():
    it = learner(None)
    copied_at = []
    for frames in (50, 130, 199, 201, 550, 599, 600):
        it.network.q.data.fill_(frames)
        it.refresh_target(frames)
        if it.target.q[0, 0].item() == frames:
            copied_at.append(frames)
    assert copied_at == [130, 201, 550, 600]


def test_between_copies_the_target_shares_nothing_with_the_network():
    it = learner(None)
    it.refresh_target(100)
    it.step(batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.0, 0.0]), 0)
    assert it.target.q.tolist() == ZEROS


def test_copying_every_0_frames_is_refused():
    with pytest.raises(ValueError, match="every_frames"):
        Copy(0)


def test_without_a_target_the_network_bootstraps_from_itself():
    network = Table([[0.0, 0, 0], [0, 0, 0], [8.0, 0, 0], [0, 6.0, 0]], huber=None)
    it = Learner(network, network, rule(Spied(), NoTarget()))
    it.refresh_target(10**9)
    assert it.step(batch(action=[0, 0], reward=[0, 0], discount=[0.5, 0.5]), 0).surprise.tolist() == [4.0, 3.0]
    assert "target" not in it.state()


def test_state_of_a_fresh_learner_wipes_a_used_one():
    def fresh() -> Learner:
        network = Table(ZEROS)
        return Learner(network, Table(ZEROS), rule(Adam(lr=1e-3)))

    some = batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.5, 0.5])
    used, expected = fresh(), fresh()
    used.step(some, 0)
    used.load(fresh().state())
    used.step(some, 0)
    expected.step(some, 0)
    assert used.network.q.tolist() == expected.network.q.tolist()
    assert used.updates == expected.updates == 1


def test_weights_of_another_network_are_refused_by_name():
    with pytest.raises(ValueError, match="'q' does not fit"):
        load_weights(Table(ZEROS), {"q": torch.zeros(2, 3)})
    with pytest.raises(ValueError, match="'other' does not fit"):
        load_weights(Table(ZEROS), {"q": torch.zeros(4, 3), "other": torch.zeros(1)})


def test_the_memory_is_told_the_surprise_without_its_weight():
    """D0-B4."""
    session = small_session("prioritized")
    learner, memory = session.agent.learner, session.agent.memory
    step, feedback = learner.step, memory.feedback
    found, told, weights = [], [], []

    def spied_step(some: Batch, frames: int) -> Update:
        found.append(td_loss(learner.network, learner.target, some, learner.rule.bootstrap)[0].surprise)
        weights.append(some.weight)
        return step(some, frames)

    def spied_feedback(key: Tensor, surprise: Tensor) -> None:
        told.append(surprise)
        feedback(key, surprise)

    learner.step, memory.feedback = spied_step, spied_feedback
    for _ in session.play(100):
        pass
    assert torch.cat(weights).min() < 0.8
    assert torch.cat(told).tolist() == torch.cat(found).tolist()


@pytest.mark.parametrize("name", [name for name, recipe in ADAPTED.items() if isinstance(recipe.memory, Replay)])
def test_a_batch_of_one_is_learnt_from_as_in_company(name: str, monkeypatch: pytest.MonkeyPatch):
    """D4-B8: a squeezed axis takes that of the batch along."""
    monkeypatch.setattr(Chance, "normal", lambda _, size: torch.linspace(-1.5, 2.0, size))
    monkeypatch.setattr(Chance, "uniform", lambda _, size, count: torch.linspace(0.1, 0.9, count).expand(size, -1))
    recipe = ADAPTED[name]
    recipe = recipe.but(memory=replace(recipe.memory, batch=1))
    session = build_session(recipe, small_games(recipe.games), seed=0)
    learner, alone = session.agent.learner, []
    step = learner.step

    def spied(one: Batch, frames: int) -> Update:
        alone.append(one)
        return step(one, frames)

    learner.step = spied
    for _ in session.play(80):
        pass
    assert len(alone) == learner.updates >= 8

    def distance(some: Batch) -> tuple[Tensor, Tensor]:
        # Copies, because a pass in training improves spectral estimates.
        found, _ = td_loss(deepcopy(learner.network), deepcopy(learner.target), some, recipe.bootstrap)
        return found.loss.detach(), found.surprise

    together = distance(reduce(joined, alone))
    for said, apart in zip(together, zip(*map(distance, alone), strict=True), strict=True):
        torch.testing.assert_close(torch.cat(apart), said)
