"""A linear learner as an agent: it learns what a plain loop learns, acts by it, and comes back as it was."""

from __future__ import annotations

import copy
import dataclasses
from collections import defaultdict
from typing import Any

import gymnasium
import numpy as np
import pytest

from playfield.agent import nothing_decided
from playfield.build import build_policy, build_session
from playfield.events import EpisodeEnded, Learned, Stepped
from playfield.games.games import GameSpec, Observations
from playfield.games.gymnasium_games import gymnasium_games
from playfield.linear.agent import Diverged, LinearAgent, Parts, arrays_of, fill, usual_step_size
from playfield.linear.encoders import Tabular
from playfield.linear.learners import (
    ActorCritic,
    DoubleQLearning,
    ExpectedSarsa,
    QLearning,
    Sarsa,
    SarsaLambda,
    Transition,
)
from playfield.linear.play import unseen
from playfield.linear.policies import EpsilonGreedy, Softmax
from playfield.linear.views import VectorView, vector_view
from playfield.recipes import LINEAR_RECIPES, LinearRecipe
from playfield.rng import Rng
from playfield.session import Session
from playfield.storage.tree import digest
from playfield.types import Clock, Step

CLIFF = "gym:CliffWalking-v1"


def played(session: Session[LinearAgent], frames: int) -> list[object]:
    return list(session.play(frames))


def cliff_session(recipe: LinearRecipe, seed: int = 3) -> Session[LinearAgent]:
    return build_session(recipe, gymnasium_games(CLIFF, 1), seed)


def table(agent: LinearAgent, states: int = 48) -> np.ndarray:
    """Action values of all states of a tabular learner."""
    return agent.player.mind.weights.reshape(4, states).T


@pytest.mark.parametrize("on_policy", [True, False])
def test_it_learns_what_a_plain_loop_learns(on_policy: bool):
    learner = Sarsa(alpha=0.5, gamma=0.9) if on_policy else QLearning(alpha=0.5, gamma=0.9)
    policy = EpsilonGreedy(epsilon=0.1)
    session = cliff_session(LinearRecipe(encoder=Tabular(), learner=learner, policy=policy))
    played(session, 3000)

    q: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(4))
    environment, draws, seeds = gymnasium.make("CliffWalking-v1"), Rng(3).numpy("explore"), Rng(3).numpy("episodes")
    frames, ended = 0, 0
    state, _ = environment.reset(seed=int(seeds.integers(0, 2**31, dtype=np.uint64)))
    action = policy.choose(0.1, q[state], draws)
    while frames < 3000:
        there, reward, terminated, truncated, _ = environment.step(action)
        frames += 1
        if on_policy:
            next_action = policy.choose(0.1, q[there], draws)
            following = q[there][next_action]
        else:
            following = q[there].max()
        q[state][action] += 0.5 * (float(reward) + 0.9 * following * (not terminated) - q[state][action])
        if not on_policy:
            next_action = policy.choose(0.1, q[there], draws)
        state, action = there, next_action
        if terminated or truncated:
            ended += 1
            state, _ = environment.reset(seed=int(seeds.integers(0, 2**31, dtype=np.uint64)))
            action = policy.choose(0.1, q[state], draws)
    assert session.clock.episodes == ended > 0
    expected = np.stack([q[s] for s in range(48)])
    assert np.abs(table(session.agent) - expected).max() < 1e-12
    assert np.abs(expected).max() > 10.0


@pytest.mark.parametrize("name", LINEAR_RECIPES)
def test_it_goes_on_as_if_it_had_never_stopped(name: str):
    recipe = LINEAR_RECIPES[name].with_overrides(["encoder.size=512", "learner.alpha=0.3"])
    sessions = [build_session(recipe, gymnasium_games("gym:MountainCar-v0", 1), seed=5) for _ in range(2)]
    played(sessions[0], 470)
    state = sessions[0].state()
    kept = digest(state)
    again = build_session(recipe, gymnasium_games("gym:MountainCar-v0", 1), seed=99)
    again.load(state)
    assert digest(again.state()) == kept
    after = [event for event in played(again, 900) if isinstance(event, Learned)]
    whole = [event for event in played(sessions[1], 900) if isinstance(event, Learned)]
    assert digest(again.state()) == digest(sessions[1].state()) != kept
    assert after == whole[-len(after) :]
    assert len(whole) == 899
    assert len(after) == 430, "what was learnt from the step before the save is told after it"


def test_its_report_is_of_the_error_before_it_learnt():
    session = cliff_session(LinearRecipe(encoder=Tabular(), learner=Sarsa(alpha=0.5, gamma=0.9)))
    learned = [event for event in played(session, 3) if isinstance(event, Learned)]
    # The third step is only told of when the loop comes round again.
    assert [event.updates for event in learned] == [1, 2]
    assert learned[0].loss == 1.0
    assert learned[0].grad_norm == 1.0
    assert (learned[0].mean_q, learned[0].epsilon) == (0.0, 0.05)


def test_it_acts_by_its_weights_and_expects_what_they_say():
    session = cliff_session(LinearRecipe(encoder=Tabular(), policy=EpsilonGreedy(), learner=Sarsa(alpha=1e-9)))
    table(session.agent)[:, 2] = 7.0
    steps = [event for event in played(session, 5) if isinstance(event, Stepped)]
    assert [event.action.tolist() for event in steps] == [[2]] * 5
    assert [round(float(event.value[0]), 5) for event in steps if event.value is not None] == [7.0] * 5


def test_a_policy_plays_several_games_by_copied_weights():
    recipe = LinearRecipe(encoder=Tabular(), policy=EpsilonGreedy(epsilon=1.0), learner=Sarsa(alpha=1e-9))
    agent = cliff_session(recipe).agent
    table(agent)[:, 1] = 5.0
    games = gymnasium_games(CLIFF, 3)
    policy = build_policy(recipe, games.spec, agent.weights(), Rng(1))
    table(agent)[:, 3] = 50.0
    step = games.begin(Rng(0).numpy("episodes"))
    assert policy.act(step).action.tolist() == [1, 1, 1]
    assert policy.act(step).value.tolist() == [5.0, 5.0, 5.0]


def test_an_actor_critic_is_evaluated_by_its_softmax():
    recipe = LINEAR_RECIPES["linear_actor_critic"].but(encoder=Tabular())
    assert recipe.eval_policy == Softmax()
    games = gymnasium_games(CLIFF, 1)
    agent = build_session(recipe, games, 0).agent
    policy = build_policy(recipe, games.spec, agent.weights(), Rng(1))
    step = games.begin(Rng(0).numpy("episodes"))
    assert {int(policy.act(step).action[0]) for _ in range(60)} == {0, 1, 2, 3}


def vector_step(number: float, reward: float = 0.0, discount: float = 1.0, first: bool = False, last: bool = False):
    return Step(
        frame=np.eye(3, dtype=np.float32)[[int(number)]],
        reward=np.array([reward], np.float32),
        discount=np.array([discount], np.float32),
        first=np.array([first]),
        last=np.array([last]),
        frames=np.array([0 if first else 1], np.int32),
        seed=np.array([1], np.uint64),
    )


def states_agent(learner: Sarsa | SarsaLambda | ActorCritic | DoubleQLearning, actions: int = 1) -> LinearAgent:
    view = VectorView(Observations(low=(0.0,), high=(2.0,), states=3))
    policy = Softmax() if isinstance(learner, ActorCritic) else EpsilonGreedy()
    return LinearAgent(Parts(learner, Tabular(), policy), view, actions, np.random.default_rng(0))


def weights_after(*steps: Step) -> list[float]:
    agent = states_agent(SarsaLambda(alpha=0.5, gamma=0.5, lambda_=1.0))
    for step in steps:
        agent.observe(agent.act(step, Clock()), step)
    return agent.player.mind.weights.tolist()


def test_a_lost_life_ends_values_and_traces_but_not_the_game():
    # 0 -> 1 (reward 0), 1 -> 2 with a lost life (reward 1), 2 -> 0 (reward 8).
    begun = (vector_step(0, first=True), vector_step(1))
    lost = (*begun, vector_step(2, reward=1.0, discount=0.0))
    assert weights_after(*lost) == [0.25, 0.5, 0.0]
    # Without the lost life the last reward would have gone to 0 and 1 as well: here only 2 is credited, and 0 is
    # worth 0.25 by then: 8 + 0.5 * 0.25 - 0 = 8.125.
    assert weights_after(*lost, vector_step(0, reward=8.0)) == [0.25, 0.5, 4.0625]


def test_a_cut_off_episode_is_worth_what_comes_next_and_an_ended_one_nothing():
    first, again = vector_step(0, first=True), vector_step(1, reward=2.0, last=True)
    learnt = (vector_step(1, first=True), vector_step(2, reward=4.0, discount=0.0, last=True))
    assert weights_after(*learnt, first, again) == [0.5 * (2.0 + 0.5 * 2.0), 2.0, 0.0]
    over = vector_step(1, reward=2.0, discount=0.0, last=True)
    assert weights_after(*learnt, first, over) == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        # Actions are worth 4 and 8 where it comes from, 2 and 10 where it goes; the first is taken here.
        (Sarsa(alpha=0.1), 1.0 + 0.5 * 10.0 - 4.0),
        (QLearning(alpha=0.1, gamma=0.5), 1.0 + 0.5 * 10.0 - 4.0),
        (ExpectedSarsa(alpha=0.1, gamma=0.5), 1.0 + 0.5 * (0.9 * 10.0 + 0.1 * 2.0) - 4.0),
    ],
)
def test_the_loss_is_of_the_error_that_is_learnt_from(learner: Sarsa | QLearning | ExpectedSarsa, error: float):
    view = VectorView(Observations(low=(0.0,), high=(2.0,), states=3))
    learner = dataclasses.replace(learner, gamma=0.5)
    parts = Parts(learner, Tabular(), EpsilonGreedy(epsilon=0.2))
    agent = LinearAgent(parts, view, 2, np.random.default_rng(7))
    q = agent.player.mind.weights.reshape(2, 3)
    q[:, 0], q[:, 1] = (4.0, 8.0), (2.0, 10.0)
    agent.observe(nothing_decided(1), vector_step(0, first=True))
    agent._action = 0
    agent.observe(nothing_decided(1), vector_step(1, reward=1.0))
    (learned,) = agent.learn(Clock())
    assert learned.loss == pytest.approx(error**2)
    assert learned.mean_q == 4.0
    assert q[0, 0] == pytest.approx(4.0 + 0.1 * error)


def test_an_actor_critic_tells_what_its_critic_thinks():
    agent = states_agent(ActorCritic(alpha=0.1, critic_alpha=0.5, gamma=0.5), actions=2)
    agent.player.mind.values[:3] = (3.0, 6.0, 0.0)
    first = vector_step(0, first=True)
    agent.observe(nothing_decided(1), first)
    assert agent.act(first, Clock()).value.tolist() == [3.0]
    agent.observe(nothing_decided(1), vector_step(1, reward=2.0))
    (learned,) = agent.learn(Clock())
    assert learned.loss == (2.0 + 0.5 * 6.0 - 3.0) ** 2
    assert agent.player.mind.values[0] == 3.0 + 0.5 * 2.0


@pytest.mark.parametrize("which", ["critic", "second set"])
def test_every_set_of_weights_can_run_away(which: str):
    learner = ActorCritic(critic_alpha=3e6) if which == "critic" else DoubleQLearning(alpha=0.5)
    agent = states_agent(learner, actions=2)
    if which == "second set":
        agent.player.mind.second[:] = 2e6
    agent.observe(nothing_decided(1), vector_step(0, first=True))
    with pytest.raises(Diverged):
        agent.observe(nothing_decided(1), vector_step(1, reward=1.0))


def test_running_away_is_told_with_the_step_size_and_what_is_usual():
    agent = states_agent(Sarsa(alpha=3e6))
    agent.observe(nothing_decided(1), vector_step(0, first=True))
    with pytest.raises(Diverged, match=r"learner.alpha=3e\+06 .* usual bound here is about 1$"):
        agent.observe(nothing_decided(1), vector_step(1, reward=1.0))
    assert usual_step_size(SarsaLambda(trace="accumulating", lambda_=0.9)) == "about 1 - lambda = 0.1"
    assert usual_step_size(SarsaLambda(trace="replacing", lambda_=0.9)) == "about 1"


def spec(observations: Observations | None) -> GameSpec:
    return GameSpec(
        name="it", games=1, actions=("A",), frame_shape=(2,), frame_dtype="float32", frames_per_action=1,
        frames_per_second=1.0, observations=observations,
    )  # fmt: skip


def test_a_vector_is_held_within_its_limits():
    view = vector_view(spec(Observations(low=(-1.0, 0.0), high=(1.0, 9.0))), ranges=((-0.5, 0.5), (0.0, 4.0)))
    assert view.see(np.array([-3.0, 2.5], np.float32), first=True).tolist() == [-0.5, 2.5]
    assert view.observations == Observations(low=(-0.5, 0.0), high=(0.5, 4.0))


@pytest.mark.parametrize(
    ("observations", "ranges", "sentence"),
    [
        (None, None, "it shows pixels"),
        (Observations(low=(0.0,), high=(4.0,), states=5), ((0.0, 1.0),), "numbered states, which have no ranges"),
        (Observations(low=(0.0, 0.0), high=(1.0, 1.0)), ((0.0, 1.0),), "2 numbers; give as many ranges, not 1"),
    ],
)
def test_views_that_do_not_fit_are_refused(observations, ranges, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        vector_view(spec(observations), ranges)


def test_weights_of_another_agent_are_refused():
    recipe = LinearRecipe(encoder=Tabular())
    weights = dict(cliff_session(recipe).agent.weights())
    games = gymnasium_games("gym:FrozenLake-v1", 1)
    with pytest.raises(ValueError, match=r"mind/weights should be float64 \(64,\), not float64 \(192,\)"):
        build_policy(recipe, games.spec, weights, Rng(0))
    with pytest.raises(ValueError, match="mind should hold weights, not other"):
        fill(cliff_session(recipe).agent.player.mind, {"other": np.zeros(3)}, "mind")


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("sarsa", {"action": 9}, "the action should be below 3, not 9"),
        ("sarsa", {"here": {"feature": 600}}, "here/feature should hold numbers from 0 to 511, not 600 to 600"),
        ("sarsa", {"here": 3}, "should hold"),
        ("sarsa_lambda", {"traces": {"living": 700}}, "the traces that are alive are not those that say so"),
        ("sarsa_lambda", {"traces": {"alive": -5}}, "the traces that are alive are not those that say so"),
        ("n_step_sarsa", {"window": {"span": 10**9}}, "the window's span should lie within the window"),
        ("n_step_sarsa", {"window": {"feature": 4000}}, "mind/window/feature should hold numbers from 0 to 511"),
    ],
)
def test_a_state_that_points_outside_of_its_arrays_is_refused(name: str, change: dict[str, Any], sentence: str):
    """Machine code does not look where an index leads, and a checkpoint may be a stranger's."""
    recipe = LINEAR_RECIPES[name].with_overrides(["encoder.size=512", "learner.alpha=0.3"])
    session = build_session(recipe, gymnasium_games("gym:MountainCar-v0", 1), seed=5)
    played(session, 30)
    state = copy.deepcopy(dict(session.agent.state()))
    for part, new in change.items():
        owner = state if part in state else state["weights"]["mind"]
        if not isinstance(new, dict) or not isinstance(owner[part], dict):
            owner[part] = new
            continue
        for name_of, number in new.items():
            if part == "window" and name_of == "span":
                owner[part][name_of][0] = number
            else:
                owner[part][name_of][...] = number
    fresh = build_session(recipe, gymnasium_games("gym:MountainCar-v0", 1), seed=5)
    with pytest.raises(ValueError, match=sentence):
        fresh.agent.load(state)


def test_arrays_are_found_at_any_depth_and_filled_in_place():
    seen = unseen(2, 3)
    assert list(arrays_of(seen)) == ["feature", "value", "q", "pi"]
    assert arrays_of(Transition(1, 2.0, 1.0, False, 0)) == {}
    before = seen.q
    fill(seen, {**arrays_of(unseen(2, 3)), "q": np.array([1.5, 2.5])}, "here")
    assert before.tolist() == [1.5, 2.5]


def test_recipes_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="need each other"):
        LinearRecipe(learner=ActorCritic())
    with pytest.raises(ValueError, match="need each other"):
        LinearRecipe(policy=Softmax())
    with pytest.raises(ValueError, match="frames and over_episodes"):
        LinearRecipe(frames=0)
    with pytest.raises(ValueError, match="eval_epsilon"):
        LinearRecipe(eval_epsilon=2.0)


def test_its_episodes_are_taped():
    session = cliff_session(LinearRecipe(encoder=Tabular(), learner=Sarsa(alpha=0.5)))
    ended = [event for event in played(session, 3000) if isinstance(event, EpisodeEnded)]
    assert len(ended) > 3
    games = gymnasium_games(CLIFF, 1)
    games.begin(np.random.default_rng(0))
    step = games.resume(np.random.default_rng(0), [ended[2].tape])
    assert bool(step.last[0])
