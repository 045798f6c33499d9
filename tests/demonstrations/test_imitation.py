"""What demonstrations add to the loss: on numbers worked by hand, and nothing where it is switched off."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from core.tables import Table, batch
from core.toys import small_games
from playfield.batch import Far
from playfield.bootstrap import Greedy
from playfield.build import build_agent
from playfield.imitation import Imitation, large_margin, squares
from playfield.learner import Learner, LearningRule, NoTarget, imitation_loss
from playfield.recipes import RECIPES
from playfield.rng import Rng

Q = [[1.0, 3.0, 2.0], [1.0, 0.0, 0.5], [2.0, 1.5, 1.0]]


def test_the_large_margin_by_hand():
    q = torch.tensor(Q, requires_grad=True)
    #   demonstrated   rival + margin   behind by         where the demonstrated one leads by 1, margin 0.5: nothing
    #   q[0, 2] = 2    3 + 0.5          1.5
    #   q[1, 0] = 1    0.5 + 0.5        0
    #   q[2, 0] = 2    1.5 + 0.5        0
    behind = large_margin(q, torch.tensor([2, 0, 0]), 0.5)
    assert behind.tolist() == [1.5, 0.0, 0.0]
    behind.sum().backward()
    assert q.grad is not None
    assert q.grad.tolist() == [[0.0, 1.0, -1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_a_lead_of_less_than_the_margin_is_widened_from_both_sides():
    q = torch.tensor([[1.0, 1.5]], requires_grad=True)
    behind = large_margin(q, torch.tensor([1]), 0.75)
    behind.sum().backward()
    assert behind.tolist() == [0.25]
    assert q.grad is not None
    assert q.grad.tolist() == [[1.0, -1.0]]


def test_the_only_action_cannot_be_behind():
    assert large_margin(torch.tensor([[3.0]]), torch.tensor([0]), 0.8).tolist() == [0.0]


def rule(**weights: float) -> LearningRule:
    off = Imitation(n_step_weight=0.0, margin_weight=0.0, l2_weight=0.0)
    return LearningRule(bootstrap=Greedy(), target=NoTarget(), optimizer=_Descent(), imitation=replace(off, **weights))


class _Descent:
    lr, clip_norm = 0.5, None

    def build(self, parameters: object) -> SGD:
        return SGD(parameters, lr=0.5)  # type: ignore[arg-type]


def given() -> tuple[Table, object]:
    """Observations 0 and 1, of which the first is demonstrated; over more steps they lead to 3 and 2."""
    network = Table([[1.0, 3.0], [0.0, 2.0], [4.0, 0.0], [0.0, 1.0]], huber=None)
    some = batch([0, 1], [1.0, 2.0], [0.5, 0.0], weight=[1.0, 0.5])
    far = Far(torch.tensor([2.0, 0.0]), torch.tensor([0.25, 0.5]), torch.tensor([[3.0], [2.0]]))
    return network, some._replace(demonstrated=torch.tensor([True, False]), far=far)


@pytest.mark.parametrize(
    ("weights", "total"),
    [
        ({}, 0.0),
        # Behind by 3 + 0.5 - 1 = 2.5 where it was demonstrated; the mean is over both samples.
        ({"margin_weight": 2.0, "margin": 0.5}, 2.0 * 2.5 / 2),
        # Goals 2 + 0.25 * 1 = 2.25 and 0 + 0.5 * 4 = 2, predicted 1 and 2: half the square of 1.25, then 0.
        ({"n_step_weight": 4.0}, 4.0 * 0.5 * 1.25**2 / 2),
        # 1 + 9 + 4 + 16 + 1
        ({"l2_weight": 0.1}, 3.1),
        (
            {"margin_weight": 2.0, "margin": 0.5, "n_step_weight": 4.0, "l2_weight": 0.1},
            2.5 + 2.0 * 1.25**2 / 2 + 3.1,
        ),
    ],
)
def test_each_term_by_hand(weights: dict[str, float], total: float):
    network, some = given()
    spec = rule(**weights)
    if not weights.get("n_step_weight"):
        some = some._replace(far=None)
    assert imitation_loss(network, network, some, spec).item() == pytest.approx(total)


def test_a_sample_counts_by_its_weight_in_every_term_but_that_of_the_network():
    network, some = given()
    some = some._replace(weight=torch.tensor([0.5, 0.5]))
    spec = rule(margin_weight=2.0, margin=0.5, n_step_weight=4.0, l2_weight=0.1)
    assert imitation_loss(network, network, some, spec).item() == pytest.approx((2.5 + 2.0 * 1.25**2 / 2) / 2 + 3.1)


def test_the_step_descends_the_sum_of_all():
    network, some = given()
    some = some._replace(far=None)
    learner = Learner(network, network, rule(margin_weight=1.0, margin=0.5, l2_weight=0.1))
    before = network.q.detach().clone()
    learner.step(some, 0)  # type: ignore[arg-type]
    # The temporal difference: goals 1 + 0.5 * 4 = 3 and 2; errors -2 and 0, halved by the mean; the margin; L2.
    gradient = 0.1 * 2.0 * before
    gradient[0] += torch.tensor([-1.0, 0.0]) + torch.tensor([-0.5, 0.5])
    torch.testing.assert_close(network.q.detach(), before - 0.5 * gradient)


def test_all_weights_and_biases_are_squared():
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(Tensor([[1.0, 2.0]]))
        layer.bias.copy_(Tensor([3.0]))
    assert squares(layer).item() == 14.0


@pytest.mark.parametrize(("ratio", "size"), [(0.3, 2), (1 / 256, 32), (0.5, 32), (0.0, 8), (1.0, 8)])
def test_the_ratio_is_exact_over_all_batches_together(ratio: float, size: int):
    spec = Imitation(ratio=ratio)
    drawn = [spec.drawn(batches, size) for batches in range(1, 1001)]
    assert sum(drawn) == int(1000 * ratio * size)
    assert max(drawn) - min(drawn) <= 1
    assert [Imitation(ratio=0.3).drawn(n, 2) for n in range(1, 6)] == [0, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("recipe", "overrides", "sentence"),
    [
        ("pqn", ["imitation=Imitation"], "use a Replay memory"),
        ("dqfd", ["memory.sampler=Uniform"], "use memory.sampler=Proportional, or imitation.bonus=0"),
        ("dqfd", ["imitation.ratio=1.5"], "between 0 and 1"),
        ("dqfd", ["imitation.margin=-1"], r"imitation\.margin must be 0 or more"),
        ("dqfd", ["imitation.pretrain_updates=-1"], "must be 0 or more"),
        ("dqfd", ["torso=Mlp", "memory.capacity=12"], "too few for memory.n_step"),
    ],
)
def test_impossible_settings_are_refused(recipe: str, overrides: list[str], sentence: str):
    spec = small_games(1).spec
    with pytest.raises(ValueError, match=sentence):
        build_agent(RECIPES[recipe].with_overrides(overrides), spec, Rng(0))


def test_the_priority_of_a_demonstration_is_the_papers():
    spec = RECIPES["dqfd"]
    assert spec.imitation is not None
    assert spec.memory.sampler.offset == 0.001  # type: ignore[union-attr]
    assert spec.imitation.bonus + 0.001 == 1.0
    assert spec.imitation.margin == 0.8
