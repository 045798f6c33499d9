"""The deep agent between its network and its memory: who chooses when, and what is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor, nn

from core.tables import clone
from core.toys import ADAPTED, small_games
from playfield.agent import DeepAgent, RandomPolicy
from playfield.build import build_agent, build_network, build_policy
from playfield.explore import EpsilonGreedy
from playfield.learner import Copy
from playfield.memory.replay import Replay
from playfield.recipes import Recipe
from playfield.returns import ExpectedReturns
from playfield.rng import Rng
from playfield.schedules import Constant, Linear
from playfield.session import Session

GREEDY = ADAPTED["dqn"].but(explore=EpsilonGreedy(Constant(0.0)))


class Always(nn.Module):
    """Prefers one action, whatever it sees."""

    def __init__(self, action: int) -> None:
        super().__init__()
        self.preference = nn.Parameter(nn.functional.one_hot(torch.tensor(action), 3).float())

    def forward(self, obs: Tensor) -> ExpectedReturns:
        return ExpectedReturns(self.preference.expand(len(obs), -1), None)


def agent_of(recipe: Recipe, seed: int = 0) -> DeepAgent:
    return build_agent(recipe, small_games(recipe.games).spec, Rng(seed))


def actions(agent: DeepAgent, recipe: Recipe, frames: int) -> np.ndarray:
    """All actions played until the clock says so, by step and game."""
    session = Session(agent, small_games(recipe.games), Rng(3))
    return np.array([event.action for event in session.play(frames) if type(event).__name__ == "Stepped"])


def test_chance_chooses_while_observing_and_the_network_afterwards():
    assert isinstance(GREEDY.memory, Replay)
    memory = replace(GREEDY.memory, capacity=4000, start_frames=2000, every_frames=10**6)
    recipe = GREEDY.but(games=8, memory=memory, target=Copy(10**6))
    agent = agent_of(recipe)
    agent.learner.network = Always(1)
    played = actions(agent, recipe, 2400)
    observing = 2000 // 8
    assert chisquare(np.bincount(played[:observing].flatten(), minlength=3)).pvalue > 0.01
    assert (played[-20:] == 1).all()


def test_a_warm_up_network_chooses_instead_of_chance():
    agent = agent_of(GREEDY)
    agent.warm_up_with(Always(2))
    assert (actions(agent, GREEDY, 20) == 2).all()


def test_the_warm_up_network_comes_back_after_a_restart():
    spec = small_games(GREEDY.games).spec
    agent = agent_of(GREEDY, seed=1)
    agent.warm_up_with(build_network(GREEDY, spec, Rng(77)))
    restored = agent_of(GREEDY, seed=1)
    restored.load(clone(agent.state()))
    assert actions(restored, GREEDY, 30).tolist() == actions(agent, GREEDY, 30).tolist()
    assert actions(agent_of(GREEDY, seed=1), GREEDY, 30).tolist() != actions(agent, GREEDY, 30).tolist()


def test_epsilon_counts_frames_since_learning_began():
    recipe = ADAPTED["dqn"].but(explore=EpsilonGreedy(Linear(1.0, 0.0, over_frames=100)))
    session = Session(agent_of(recipe), small_games(recipe.games), Rng(0))
    told = [event for event in session.play(120) if type(event).__name__ == "Learned"]
    assert told
    for event in told:
        assert event.epsilon == pytest.approx(1 - (event.clock.frames - 40) / 100)
    assert [event.updates for event in told] == list(range(1, len(told) + 1))


def test_epsilon_stays_at_its_start_while_the_memory_is_filled():
    """D1-B15: counted from the run's first frame, epsilon would be 0 before the network ever chose."""
    assert isinstance(GREEDY.memory, Replay)
    memory = replace(GREEDY.memory, capacity=4000, start_frames=2000, every_frames=10**6)
    explore = EpsilonGreedy(Linear(1.0, 0.0, over_frames=1600))
    recipe = GREEDY.but(games=8, memory=memory, explore=explore, target=Copy(10**6))
    agent = agent_of(recipe)
    agent.learner.network = Always(1)
    session = Session(agent, small_games(8), Rng(3))
    told = [event for event in session.play(3800) if type(event).__name__ == "Stepped"]
    # A step's action was chosen up to 8 frames before its clock. Epsilon is 0.9 or so: one in three is the network's.
    early = np.array([event.action for event in told if 2008 <= event.clock.frames < 2160])
    assert 0.25 < (early == 1).mean() < 0.55
    assert all((event.action == 1).all() for event in told if event.clock.frames > 3608)


def test_the_value_of_a_decision_is_the_best_action_value():
    recipe = ADAPTED["pqn"]
    agent, games = agent_of(recipe), small_games(recipe.games)
    session = Session(agent, games, Rng(0))
    for _ in session.play(30):
        pass
    assert session.step is not None
    with torch.no_grad():
        expected = agent.learner.network(agent.memory.newest_obs()).mean.max(1).values
    assert agent.act(session.step, session.clock).value.tolist() == expected.tolist()


def test_the_target_network_starts_equal_and_apart_and_without_gradients():
    learner = agent_of(ADAPTED["dqn"]).learner
    for one, other in zip(learner.network.parameters(), learner.target.parameters(), strict=True):
        assert torch.equal(one, other)
        assert one.data_ptr() != other.data_ptr()
        assert not other.requires_grad
    without = agent_of(ADAPTED["pqn"]).learner
    assert without.target is without.network


@pytest.mark.parametrize("name", ["dqn", "pqn"])
def test_an_evaluated_policy_sees_what_the_agent_saw(name: str):
    recipe = ADAPTED[name].but(eval_epsilon=0.0)
    games = small_games(recipe.games)
    agent = agent_of(recipe)
    policy = build_policy(recipe, games.spec, agent.weights(), Rng(1))
    session = Session(agent, games, Rng(5))
    for number, event in enumerate(e for e in session.play(120) if type(e).__name__ == "Stepped"):
        policy.act(event.step)
        if number >= recipe.memory.stack:  # before, the policy has not seen as much
            assert torch.equal(policy.newest_obs(), agent.memory.newest_obs())


def test_the_random_policy_is_uniform():
    policy = RandomPolicy(3, np.random.default_rng(0))
    step = small_games(4).begin(np.random.default_rng(0))
    counts = np.bincount(np.concatenate([policy.act(step).action for _ in range(900)]), minlength=3)
    assert chisquare(counts).pvalue > 0.01
