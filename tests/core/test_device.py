"""Tensors of a run live on one device, and the host waits for it at actions only: on a device that is pretended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.pretended import DEVICE, Pretended, WrongDevice
from core.toys import ADAPTED, plain, small_games
from demonstrations.shown import record
from playfield.build import build_policy, build_session
from playfield.demonstrations import demonstrations
from playfield.device import HOST, DoubleBuffer, Late, device_named
from playfield.events import Learned
from playfield.games.make import make_games
from playfield.memory import priorities
from playfield.memory.replay import Replay
from playfield.recipes.linear import LINEAR_RECIPES
from playfield.rng import Rng
from playfield.session import Session
from playfield.storage.tree import digest

UPDATES = 24
HOSTED = {"prioritized_rank": "the heap of ranks is the host's, so it asks for every surprise"}
SAMPLE = ["dqn", "rainbow", "iqn", "btr", "pqn", "hl_gauss", "qr_dqn", "actor_critic", "m_dqn", "dqn, convolutions"]


def play(name: str, device: torch.device) -> tuple[list[Any], Session[Any]]:
    """What a run told up to its last update, and its session."""
    recipe = ADAPTED[name]
    if isinstance(recipe.memory, Replay):
        recipe = recipe.with_overrides(["memory.every_frames=2"])
    session = build_session(recipe, small_games(recipe.games), 7, device=device)
    told: list[Any] = []
    for event in session.play(float("inf")):
        told.append(plain(event))
        if isinstance(event, Learned) and event.updates == UPDATES:
            break
    return told, session


def state_of(session: Any) -> str:
    return digest(session.agent.state())


@pytest.mark.parametrize("name", [*SAMPLE, *HOSTED])
def test_a_run_elsewhere_is_the_same_run_and_waits_for_actions_only(name: str):
    here, own = play(name, HOST)
    with Pretended() as pretended:
        there, other = play(name, DEVICE)
        waits = Counter(pretended.waits)
    assert there == here
    assert state_of(other) == state_of(own)
    agent = other.agent
    networks = [*agent.learner.network.parameters(), *agent.learner.target.parameters()]
    assert all(pretended.is_there(tensor) for tensor in [*networks, *agent.memory.rows.columns.values()])
    # The last step was not told: it was chosen and learnt from, and stopped at the update that was looked for.
    acted = sum(event[0] == "Stepped" for event in there) + 1
    if name in HOSTED:
        assert waits.pop("tolist") == 2 * UPDATES
    assert waits == {"cpu": 2 * acted}


def test_demonstrations_are_learnt_from_elsewhere_too(tmp_path: Path):
    recipe = ADAPTED["dqfd"].but(imitation=replace(ADAPTED["dqfd"].imitation, pretrain_updates=5))
    states: list[str] = []
    for device in (HOST, DEVICE):
        with Pretended() if device == DEVICE else nullcontext():
            shown = demonstrations(record(tmp_path / device.type, 60), small_games(1), recipe.memory.stack)
            session = build_session(recipe, small_games(recipe.games), 3, shown=shown, device=device)
            for event in session.play(float("inf")):
                if isinstance(event, Learned) and event.updates == 12:
                    break
        states.append(state_of(session))
    assert states[0] == states[1]


def test_a_run_goes_on_on_another_device_as_if_it_had_been_there_from_the_beginning():
    def until(session: Session[Any], frames: int) -> Session[Any]:
        for _ in session.play(frames):
            pass
        return session

    recipe, games = ADAPTED["rainbow"], small_games(ADAPTED["rainbow"].games)
    straight = until(build_session(recipe, games, 5), 120)
    with Pretended():
        moved = until(build_session(recipe, small_games(recipe.games), 5, device=DEVICE), 80)
    back = build_session(recipe, small_games(recipe.games), 99)
    back.load(moved.state())
    assert state_of(until(back, 120)) == state_of(straight)
    with Pretended() as pretended:
        away = build_session(recipe, small_games(recipe.games), 98, device=DEVICE)
        away.load(moved.state())
        until(away, 120)
        assert all(pretended.is_there(column) for column in away.agent.memory.rows.columns.values())
    assert state_of(away) == state_of(straight)


def test_an_evaluation_elsewhere_plays_the_same():
    recipe = ADAPTED["dqn"]
    weights = build_session(recipe, small_games(recipe.games), 1).agent.weights()
    played: list[list[Any]] = []
    for device in (HOST, DEVICE):
        games = small_games(2)
        with Pretended() if device == DEVICE else nullcontext():
            policy = build_policy(recipe, games.spec, weights, Rng(4), device=device)
            step = games.begin(np.random.default_rng(2))
            actions: list[Any] = []
            for _ in range(30):
                decision = policy.act(step)
                games.send(decision.action)
                step = games.recv()
                actions.append((decision.action.tolist(), decision.value.tolist()))
        played.append(actions)
    assert played[0] == played[1]


def test_the_pretended_device_finds_what_is_made_in_the_wrong_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        priorities.NoPriorities,
        "draw",
        lambda self, size, frames, uniform: priorities.Drawn(uniform(size), torch.ones(size)),
    )
    with Pretended(), pytest.raises(WrongDevice):
        play("dqn", DEVICE)


def test_the_pretended_device_counts_every_wait():
    with Pretended() as pretended:
        there = torch.arange(4.0, device=DEVICE)
        assert there.device == DEVICE
        float(there.sum()), there[there > 1], there.nonzero(), there.cpu(), there.tolist(), torch.unique(there)
        Late(there)
        torch.arange(3.0).tolist()
        with pytest.raises(WrongDevice):
            there + torch.ones(4)
        with pytest.raises(WrongDevice):
            there.numpy()
    assert sum(pretended.waits.values()) == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gpu", "^'gpu' is no device; choose cpu, cuda or"),
        ("cuda:", "choose cpu, cuda or"),
        ("cuda:one", "choose cpu, cuda or"),
        ("cuda:99", "^cuda:99 (needs a PyTorch that is built for CUDA|is not there: )"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_what_is_missing(text: str, words: str):
    with pytest.raises(ValueError, match=words):
        device_named(text)


def test_a_linear_learner_is_for_the_processor():
    recipe = LINEAR_RECIPES["sarsa"]
    with pytest.raises(ValueError, match="sarsa is a linear learner, which is compiled for the processor"):
        build_session(recipe, make_games("gym:MountainCar-v0", recipe.protocol, 1), 0, device=DEVICE)


class Slow:
    """Copies that take place only when somebody waits for them."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self._begun = 0

    def __call__(self, source: torch.Tensor, into: torch.Tensor) -> Callable[[], object]:
        number, self._begun = self._begun, self._begun + 1

        def wait() -> None:
            self.waiting.append(number)
            into.copy_(source)

        return wait


def test_a_buffer_is_filled_again_only_once_its_values_have_arrived():
    slow, ring = Slow(), torch.zeros(5, 2)
    buffer = DoubleBuffer((2,), torch.float32, begin=slow)
    values = torch.zeros(2)
    for number in range(5):
        buffer.send(values.fill_(number + 1.0), ring[number])  # what was handed over is overwritten at once
    assert slow.waiting == [0, 1, 2]
    assert ring[:3].tolist() == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert ring[3:].tolist() == [[0.0, 0.0], [0.0, 0.0]]  # still on their way


def test_late_numbers_are_those_of_the_moment_they_set_out():
    numbers = torch.tensor([1.5, -2.0])
    late = Late(numbers)
    numbers.zero_()
    assert (len(late), late[0], late[1]) == (2, 1.5, -2.0)
    with Pretended() as pretended:
        there = torch.ones(2, device=DEVICE)
        late = Late(there)
        there.zero_()
        assert (len(late), late[0], late[1]) == (2, 1.0, 1.0)
    assert not pretended.waits
