"""Signs of health on numbers worked by hand; and that looking for them changes nothing."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from core.streams import Play
from core.tables import Table, batch, clone
from core.toys import plain, small_session
from playfield.bootstrap import Greedy
from playfield.diagnostics import dormant_share, effective_share, look, policy_churn
from playfield.events import Learned
from playfield.learner import Copy, Learner, LearningRule
from playfield.memory.priorities import Proportional, RankBased
from playfield.memory.replay import Replay
from playfield.returns import Categorical, ExpectedReturns
from playfield.returns.categorical import CategoricalReturns
from playfield.session import Session
from playfield.storage.tree import digest
from playfield.types import Clock


class Descent:
    """Plain gradient descent as a spec."""

    def __init__(self, lr: float = 1.0, clip_norm: float | None = None) -> None:
        self.lr, self.clip_norm = lr, clip_norm

    def build(self, parameters: object) -> SGD:
        return SGD(parameters, lr=self.lr)  # type: ignore[arg-type]


def learner(network: nn.Module, target: nn.Module, clip_norm: float | None = None, probe_every: int = 1) -> Learner:
    rule = LearningRule(bootstrap=Greedy(), target=Copy(100), optimizer=Descent(clip_norm=clip_norm))  # type: ignore[arg-type]
    return Learner(network, target, rule, probe_every=probe_every)


class Values(nn.Module):
    """Layers whose last one gives action values."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, obs: Tensor) -> ExpectedReturns:
        return ExpectedReturns(self.layers(obs), None)


def dense(weight: list[list[float]]) -> nn.Linear:
    made = nn.Linear(len(weight[0]), len(weight), bias=False)
    made.weight.data = torch.tensor(weight)
    return made


def test_dormant_units_by_hand():
    # means 1 and 2.8: at most 0.025 and 0.07 is dormant
    layers = [torch.tensor([0.0, 1.0, 1.0, 2.0]), torch.tensor([0.06, 0.08, 8.26])]
    assert dormant_share(layers) == 2 / 7
    assert dormant_share([torch.zeros(3), torch.ones(1)]) == 3 / 4  # all of a silent layer
    assert dormant_share([]) is None


def test_a_look_at_a_network_by_hand():
    # hidden units x, -x and 0.001 x: on 1 and 3 they are active by 2, 0 and 0.002 on average, so two are dormant
    network = Values(dense([[1.0], [-1.0], [0.001]]), nn.ReLU(), dense([[1.0, 0.0, 0.0], [0.0, 0.0, 2000.0]]))
    seen = look(network, torch.tensor([[1.0], [3.0]]))
    assert seen.greedy.tolist() == [1, 1]
    assert seen.dormant == 2 / 3
    # on 1 and -1 the first two are alike, by 0.5 each; the third is far below
    assert look(network, torch.tensor([[1.0], [-1.0]])).dormant == 1 / 3


def test_units_of_a_convolution_are_its_channels():
    conv = nn.Conv2d(1, 2, 1, bias=False)
    conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    network = Values(conv, nn.ReLU(), nn.Flatten())
    image = torch.ones(2, 1, 2, 2)
    assert look(network, image).dormant == 1 / 2
    image[0, 0, 0, 0] = -1.0  # now and then the second channel says something
    assert look(network, image).dormant == 0.0


def test_churn_and_effective_samples_by_hand():
    assert policy_churn(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 2, 2, 1])) == 0.5
    assert effective_share(torch.tensor([1.0, 1.0, 1.0, 1.0])) == 1.0
    assert effective_share(torch.tensor([1.0, 0.0, 0.0, 0.0])) == 0.25
    assert effective_share(torch.tensor([2.0, 1.0])) == pytest.approx(9 / 10)


def test_only_every_so_many_updates_are_probed():
    zeros = [[0.0, 0.0, 0.0]] * 4
    it = learner(Table(zeros), Table(zeros), probe_every=3)
    some = batch(action=[0, 2], reward=[4.0, -2.0], discount=[0.0, 0.0], weight=[1.0, 0.5])
    told = [it.step(some, 0).diagnostics for _ in range(7)]
    assert [one.policy_churn is not None for one in told] == [False, False, True, False, False, True, False]
    shares = [one.effective_sample_size for one in told]
    assert [number for number, share in enumerate(shares, start=1) if share is not None] == [3, 6]
    assert shares[2] == pytest.approx(0.9)


def test_the_churn_of_an_update_by_hand():
    # one step of size 1/2 moves action 1 of observation 0 from 0 to 2, above action 0; in observation 1 nothing turns
    table = [[1.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    it = learner(Table(table, huber=None), Table(table, huber=None))
    told = it.step(batch(action=[1, 0], reward=[4.0, 5.0], discount=[0.0, 0.0]), 0).diagnostics
    assert told.policy_churn == 0.5
    assert told.samples == 2
    assert told.dormant_units is None  # a table has no ReLU
    assert told.clipped_targets is None


@pytest.mark.parametrize(("clip_norm", "after"), [(10.0, 10.0), (50.0, 50.0), (None, 50.0)])
def test_the_gradient_norm_before_and_after_clipping(clip_norm: float | None, after: float):
    zeros = [[0.0, 0.0, 0.0]] * 4
    it = learner(Table(zeros, huber=None), Table(zeros, huber=None), clip_norm)
    update = it.step(batch(action=[0, 2], reward=[60.0, -80.0], discount=[0.0, 0.0]), 0)
    assert (update.grad_norm, update.diagnostics.clipped_grad_norm) == (pytest.approx(50.0), pytest.approx(after))


class EvenChances(nn.Module):
    """All three returns are as likely as each other."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.zeros(2, 3))

    def forward(self, obs: Tensor) -> CategoricalReturns:
        return Categorical(-1.0, 1.0, atoms=3).read(self.raw.expand(len(obs), -1, -1))


def test_the_share_of_clipped_targets_by_hand():
    it = learner(EvenChances(), EvenChances())
    # the first target lies at 0, 1 and 2, of which one is outside of [-1, 1]; the second at -1, 0 and 1
    update = it.step(batch(action=[0, 1], reward=[1.0, 0.0], discount=[1.0, 1.0]), 0)
    assert update.diagnostics.clipped_targets == pytest.approx((1 / 3 + 0) / 2)


LOOKED_AT = ["dqn", "iqn", "noisy", "rainbow", "prioritized_rank", "btr", "pqn"]


def played(name: str, probe_every: int, steps: int = 60) -> Session:
    session = small_session(name)
    session.agent.learner.probe_every = probe_every
    for _ in islice((event for event in session.play(float("inf")) if type(event).__name__ == "Stepped"), steps):
        pass
    return session


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_run_that_is_probed_at_every_update_is_the_run_that_is_never_probed(name: str):
    probed, left_alone = played(name, 1), played(name, 10**9)
    assert probed.agent.learner.updates > 10
    assert digest(probed.state()) == digest(left_alone.state())


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_look_leaves_no_trace(name: str):
    session = played(name, 10**9)
    network, obs = session.agent.learner.network, session.agent.memory.newest_obs()
    before, training = digest(session.state()), [module.training for module in network.modules()]
    first, second = look(network, obs), look(network, obs)
    assert first.greedy.tolist() == second.greedy.tolist()
    assert digest(session.state()) == before
    assert [module.training for module in network.modules()] == training
    assert not any(module._forward_hooks for module in network.modules())


def test_the_fractions_of_a_look_are_fixed_and_those_of_training_are_not():
    session = played("iqn", 10**9)
    network, obs = session.agent.learner.network, session.agent.memory.newest_obs()
    first = look(network, obs)
    assert not torch.equal(network(obs).mean, network(obs).mean)
    assert torch.equal(look(network, obs).greedy, first.greedy)
    assert look(network, obs).dormant == first.dormant is not None


@pytest.mark.parametrize("name", ["dqn", "iqn", "prioritized", "prioritized_rank"])
def test_a_resumed_run_is_probed_as_one_that_was_never_stopped(name: str):
    whole = played(name, 3)
    tree = clone(whole.state())
    resumed = small_session(name, seed=99)
    resumed.agent.learner.probe_every = 3
    resumed.load(tree)

    def told(session: Session) -> list[object]:
        events = (event for event in session.play(float("inf")) if isinstance(event, Learned))
        return [plain(event) for event in islice(events, 20)]

    assert told(whole) == told(resumed)


def test_prioritised_recipes_tell_the_age_of_priorities_and_others_do_not():
    for name, has in (("prioritized", True), ("prioritized_rank", True), ("dqn", False), ("pqn", False)):
        session = small_session(name)
        session.agent.learner.probe_every = 1
        events = (event for event in session.play(float("inf")) if isinstance(event, Learned))
        ages = [event.diagnostics.priority_age for event in islice(events, 8) if event.diagnostics is not None]
        assert [age is not None for age in ages] == [has] * 8


@pytest.mark.parametrize("sampler", [Proportional(offset=1e-6), RankBased()], ids=["proportional", "ranked"])
def test_the_age_of_priorities_is_that_of_a_naive_twin(sampler: Proportional | RankBased):
    games, n_step = 2, 2
    spec = Replay(capacity=40, start_frames=40, batch=4, every_frames=5, stack=2, n_step=n_step, sampler=sampler)
    it, play = spec.build(games, (1, 2, 1), "uint8", np.random.default_rng(0)), Play(1, games)
    rated: dict[int, int] = {}
    served, ages = 0, []
    play.feed(it)
    for call in range(80):
        for drawn in it.batches(Clock(frames=4 * games * call)):
            served += 1
            expected = float(np.mean([served - rated[key] for key in drawn.key.tolist()], dtype=np.float32))
            assert it.priority_age(drawn.key) == pytest.approx(expected)
            ages.append(expected)
            it.feedback(drawn.key, torch.ones(4))
            rated.update(dict.fromkeys(drawn.key.tolist(), served))
        play.feed(it)
        row = it.rows.stop - n_step - 1
        rated.update({row * games + game: served for game in range(games)})
    assert len(set(ages)) > 10
