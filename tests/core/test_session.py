"""The loop: the order of its calls and events, its clock and phases, and resuming it at any step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.tables import clone, decision, step
from core.toys import ADAPTED, plain, small_games, small_session
from playfield.events import EpisodeEnded, Learned, PhaseChanged, Stepped
from playfield.games.games import GameSpec
from playfield.rng import Rng
from playfield.session import Session
from playfield.storage.tree import digest
from playfield.types import Clock, Decision, Step, Tree

SPEC = GameSpec(
    name="dummy",
    games=2,
    actions=("a", "b", "c"),
    frame_shape=(1,),
    frame_dtype="float32",
    frames_per_action=4,
    frames_per_second=60.0,
)
#           game 0: first, goes on, last, first      game 1: first, goes on, goes on, last
SCRIPT = [
    step(np.full((2, 1), row, np.float32), reward, [1, 1], first, last)
    for row, (reward, first, last) in enumerate(
        [
            ([0, 0], [True, True], [False, False]),
            ([1, 2], [False, False], [False, False]),
            ([4, 8], [False, False], [True, False]),
            ([0, 16], [True, False], [False, True]),
        ]
    )
]


class DummyGames:
    """Says what the script says, and writes down who asked."""

    def __init__(self, calls: list[str]) -> None:
        self.spec, self.calls, self.row = SPEC, calls, 0

    def begin(self, seeds: np.random.Generator) -> Step:
        self.calls.append("begin")
        return SCRIPT[0]

    def send(self, action: np.ndarray) -> None:
        self.calls.append(f"send {action.tolist()}")

    def recv(self) -> Step:
        self.calls.append("recv")
        self.row += 1
        return SCRIPT[self.row]


class DummyAgent:
    """Plays the number of the call; watches for 8 frames, then learns twice a step."""

    pretraining_updates = 0

    def __init__(self, calls: list[str]) -> None:
        self.calls, self.acts = calls, 0

    def act(self, step: Step, clock: Clock) -> Decision:
        self.calls.append(f"act on {step.frame[0, 0]:.0f} at {clock.frames}")
        self.acts += 1
        return decision([self.acts % 3, 0])

    def observe(self, decision: Decision, step: Step) -> None:
        self.calls.append(f"observe {decision.action.tolist()} {step.frame[0, 0]:.0f}")

    def learn(self, clock: Clock) -> list[Learned]:
        self.calls.append(f"learn at {clock.frames}")
        if clock.frames < 8:
            return []
        some = Learned(clock=clock, updates=1, loss=0.0, grad_norm=0.0, mean_q=0.0, epsilon=0.0)
        return [some, replace(some, updates=2)]

    def observing_frames(self, clock: Clock) -> int:
        return max(0, 8 - clock.frames)

    def state(self) -> Tree:
        return {}

    def load(self, tree: Tree) -> None:
        pass


def dummy_session(calls: list[str]) -> Session:
    return Session(DummyAgent(calls), DummyGames(calls), Rng(0))


def test_the_order_of_calls():
    calls: list[str] = []
    for _ in dummy_session(calls).play(20):
        pass
    assert calls == [
        "begin",
        "observe [0, 0] 0",
        "act on 0 at 0",
        "send [1, 0]",
        "learn at 0",
        "recv",
        "observe [1, 0] 1",
        "act on 1 at 8",
        "send [2, 0]",
        "learn at 8",
        "recv",
        "observe [2, 0] 2",
        "act on 2 at 16",
        "send [0, 0]",
        "learn at 16",
        "recv",
        "observe [0, 0] 3",
    ]


def test_the_order_of_events_with_clocks_and_phases():
    told = []
    for event in dummy_session([]).play(20):
        match event:
            case PhaseChanged():
                told.append(f"{event.phase} for {event.remaining_frames} at {event.clock.frames}")
            case Learned():
                told.append(f"learned {event.updates} at {event.clock.frames}")
            case EpisodeEnded():
                told.append(f"game {event.game} ended episode {event.episode} with {event.score} in {event.frames}")
            case Stepped():
                told.append(f"stepped to {event.clock.frames}, {event.clock.steps}, {event.clock.episodes}")
    assert told == [
        "observing for 8 at 0",
        "stepped to 8, 1, 0",
        "training for None at 8",
        "learned 1 at 8",
        "learned 2 at 8",
        "game 0 ended episode 1 with 5.0 in 8",
        "stepped to 16, 2, 1",
        "learned 1 at 16",
        "learned 2 at 16",
        "game 1 ended episode 2 with 26.0 in 12",
        "stepped to 20, 3, 2",  # game 0 began anew: a first row is no frame
    ]


def test_tapes_hold_the_actions_that_were_played_and_skip_ignored_ones():
    ended = [e for e in dummy_session([]).play(20) if isinstance(e, EpisodeEnded)]
    assert [list(e.tape.actions) for e in ended] == [[1, 2], [0, 0, 0]]
    assert all(e.truncated for e in ended)  # discount 1 at their last rows


def test_playing_on_does_not_begin_again():
    calls: list[str] = []
    session = dummy_session(calls)
    for until in (0, 8, 8, 16):
        for _ in session.play(until):
            pass
    assert calls.count("begin") == 1
    assert [c for c in calls if c.startswith("act")] == ["act on 0 at 0", "act on 1 at 8"]
    assert session.clock == Clock(frames=16, steps=2, episodes=1)


STEPS = 50


def events_of(session: Session, steps: int) -> list[list[object]]:
    """Events of each of the next steps; what comes after a step's `Stepped` belongs to the next one."""
    told: list[list[object]] = [[]]
    for event in session.play(float("inf")):
        told[-1].append(plain(event))
        if isinstance(event, Stepped):
            if len(told) == steps:
                break
            told.append([])
    return told


@pytest.mark.parametrize("name", ADAPTED)
def test_a_resumed_run_equals_one_that_was_never_stopped(name: str):
    whole, saved, expected = small_session(name), {0: clone(small_session(name).state())}, []
    after_end = None
    for number in range(1, STEPS + 1):
        expected += events_of(whole, 1)
        assert whole.step is not None
        if after_end is None and number > 20 and whole.step.last.any():
            after_end = number  # an ended episode waits for its successor
        # A rollout of 5 steps is settled at step 21 and at step 26; at 23 it is half learnt from.
        if number in (1, 23, 26) or after_end in (number, number - 1):
            saved[number] = clone(whole.state())
    assert after_end is not None
    assert whole.agent.learner.updates >= 8  # one update for each rollout of 5 steps is the fewest
    final = digest(whole.state())
    for cut, tree in saved.items():
        resumed = small_session(name, seed=99)
        resumed.load(tree)
        if cut:
            assert digest(resumed.state()) == digest(tree)
        told = events_of(resumed, STEPS - cut)
        assert told == expected[cut:], f"cut at {cut}"
        assert digest(resumed.state()) == final, f"cut at {cut}"


def test_a_run_depends_on_its_seed_alone():
    runs = []
    for seed in (1, 1, 2):
        session = small_session("dqn_toy", seed)
        runs.append((events_of(session, 40), digest(session.state())))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]


def test_different_seeds_start_differently():
    starts = {small_games(1).begin(Rng(seed).numpy("episodes")).frame.tobytes() for seed in range(30)}
    assert len(starts) == 6  # one for every column a fruit may fall from


def test_games_that_come_back_otherwise_are_refused():
    session = small_session("dqn")
    events_of(session, 5)
    tree = clone(session.state())
    tree["seen"]["frame"][0, 0, 0, 0] ^= 255
    with pytest.raises(ValueError, match=r"small catch did not come back as it was .* .frame differs"):
        small_session("dqn").load(tree)


@pytest.mark.parametrize("name", ["dqn_toy", "pqn"])
def test_every_tensor_of_the_learner_is_in_the_tree(name: str):
    # What the tree leaves out would be lost.
    session = small_session(name)
    events_of(session, 60)
    before = digest(session.state())
    learner = session.agent.learner
    parts = {"network": list(learner.network.parameters()), "optimizer": []}
    if learner.target is not learner.network:
        parts["target"] = list(learner.target.parameters())
    parts["optimizer"] = [
        v for s in learner.optimizer.state.values() for v in s.values() if isinstance(v, torch.Tensor)
    ]
    for part, tensors in parts.items():
        assert tensors, part
        for tensor in tensors:
            with torch.no_grad():
                kept = tensor.clone()
                tensor.add_(1)
                assert digest(session.state()) != before, part
                tensor.copy_(kept)
    assert digest(session.state()) == before
