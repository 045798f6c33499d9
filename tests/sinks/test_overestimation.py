"""What was expected beside what came of it: by hand, and against the obvious way over a whole session."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from core import tables
from core.toys import small_session
from playfield.events import Learned, Stepped
from playfield.sinks.overestimation import Hindsight, LearntReward, Overestimation, discounted_returns
from playfield.types import Clock

from .stories import feed, learned

NOTHING = Hindsight(None, None)


def stepped(
    value: float, reward: float = 0.0, discount: float = 1.0, *, first: bool = False, last: bool = False
) -> Stepped:
    step = tables.step(np.zeros((1, 1), np.float32), [reward], [discount], [first], [last])
    return Stepped(clock=Clock(), action=np.zeros(1, np.int64), step=step, value=np.array([value], np.float32))


def half(clip: float | None = None, scale: float = 1.0) -> Overestimation:
    return Overestimation(LearntReward(discount=0.5, clip=clip, scale=scale))


EPISODE = [stepped(3.0, 1.0), stepped(1.0), stepped(2.0, 2.0, 0.0, last=True)]
BEGIN = stepped(0.0, first=True)
TURN = stepped(9.0, first=True)
"""The first row of the next episode: the value is of the frame on which the one before ended."""


def test_returns_by_hand():
    reward, discount = np.array([1.0, 0.0, 2.0]), np.array([0.5, 0.5, 0.5])
    assert discounted_returns(reward, discount, 0.0).tolist() == [1.5, 1.0, 2.0]
    assert discounted_returns(reward, discount, 8.0).tolist() == [2.5, 3.0, 6.0]


def test_an_episode_by_hand():
    it = half()
    feed(it.take, [learned(0, 1, 1.0), BEGIN, *EPISODE, TURN])
    # expected 3, 1, 2; returned 1 + 0.5 * 1, 0 + 0.5 * 2, 2: too much by 1.5, 0 and 0
    assert it.read() == Hindsight(pytest.approx(0.5), pytest.approx(1.5))
    assert it.read() == NOTHING  # each episode is told once


def test_rewards_are_scaled_and_clipped_as_the_memory_does():
    it = half(clip=1.0, scale=0.75)
    feed(it.take, [learned(0, 1, 1.0), BEGIN, *EPISODE, TURN])
    # learnt rewards 0.75, 0 and 1: returns 1, 0.5 and 1
    assert it.read() == Hindsight(pytest.approx((2 + 0.5 + 1) / 3), pytest.approx(2.5 / 3))


def test_a_time_limit_is_worth_what_the_agent_expected_there():
    it = half()
    feed(it.take, [learned(0, 1, 1.0), BEGIN, stepped(5.0, 1.0, 1.0, last=True), TURN])
    assert it.read() == Hindsight(5.0 - (1.0 + 0.5 * 9.0), 1.0 + 0.5 * 9.0)


def test_nothing_flows_past_a_lost_life():
    it = half()
    feed(it.take, [learned(0, 1, 1.0), BEGIN, stepped(1.0, 1.0, 0.0), stepped(4.0, 4.0, 0.0, last=True), TURN])
    assert it.read() == Hindsight(0.0, 2.5)


def test_episodes_that_were_not_seen_whole_or_began_before_learning_are_left_out():
    it = half()
    feed(it.take, [learned(0, 1, 1.0), *EPISODE, TURN])
    assert it.read() == NOTHING  # as after a resume: its beginning was not seen
    feed(it.take, [*EPISODE[:2]])
    assert it.read() == NOTHING  # it goes on
    before = half()
    feed(before.take, [BEGIN, *EPISODE[:2], learned(0, 1, 1.0), EPISODE[2], TURN])
    assert before.read() == NOTHING
    feed(before.take, [*EPISODE, TURN])
    assert before.read().overestimation == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["dqn", "pqn"])
def test_a_whole_session_against_the_obvious_way(name: str):
    session = small_session(name)
    memory = session.agent.memory.spec
    learnt = LearntReward(discount=memory.discount, scale=memory.reward_scale, clip=memory.reward_clip)
    it = Overestimation(learnt)
    told = list(islice(session.play(float("inf")), 600))
    feed(it.take, told)
    begun = next(number for number, event in enumerate(told) if isinstance(event, Learned))
    steps = [event for event in told[begun:] if isinstance(event, Stepped)]
    excess: list[float] = []
    for game in range(session.games.spec.games):
        firsts = [t for t, event in enumerate(steps) if event.step.first[game]]
        for begin, end in pairwise(firsts):
            for t in range(begin + 1, end):
                value, worth, factor = float(steps[t].value[game]), 0.0, 1.0
                for event in steps[t:end]:
                    worth += factor * max(-1.0, min(1.0, float(event.step.reward[game])))
                    factor *= memory.discount * float(event.step.discount[game])
                excess.append(value - (worth + factor * float(steps[end].value[game])))
    assert len(excess) > 50
    assert it.read().overestimation == pytest.approx(np.mean(excess), rel=1e-4)
