"""On a graphics card: the same run as on the processor within rounding, nothing waited for, checkpoints for both.

None of this was ever run: no machine with a card was at hand. `make test` says so where it skips them.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from core.toys import ADAPTED, small_games
from playfield.build import build_agent, build_session
from playfield.device import HOST, Late, allow, device_named
from playfield.events import Learned
from playfield.memory.replay import Replay
from playfield.recipes import Recipe
from playfield.rng import Rng
from playfield.runners import CudaGraphs, Runner, eager, recorded
from playfield.session import Session

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card here: not measured")

RECIPES = ["dqn", "rainbow", "iqn", "btr", "pqn", "hl_gauss", "actor_critic", "dqn, convolutions"]
UPDATES = 12
"""Few: differences of rounding grow with every action that they turn."""


def recipe_named(name: str) -> Recipe:
    recipe = ADAPTED[name]
    return recipe.with_overrides(["memory.every_frames=2"]) if isinstance(recipe.memory, Replay) else recipe


def losses(name: str, device: torch.device, runner: Runner) -> list[float]:
    recipe = recipe_named(name)
    games, rng = small_games(recipe.games), Rng(3)
    session = Session(build_agent(recipe, games.spec, rng, device=device, runner=runner), games, rng)
    found: list[float] = []
    for event in session.play(float("inf")):
        if isinstance(event, Learned):
            found.append(event.loss)
            if event.updates == UPDATES:
                break
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_the_losses_are_those_of_the_processor_within_rounding(name: str):
    cuda = device_named("cuda")
    here = losses(name, HOST, eager)
    assert losses(name, cuda, eager) == pytest.approx(here, rel=1e-3, abs=1e-5)
    assert losses(name, cuda, recorded(CudaGraphs(cuda))) == pytest.approx(here, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", ["dqn", "rainbow", "btr", "pqn"])
def test_updates_wait_for_nothing(name: str):
    recipe, cuda = recipe_named(name), device_named("cuda")
    session = build_session(recipe, small_games(recipe.games), 3, device=cuda)
    agent = session.agent
    for event in session.play(float("inf")):
        if isinstance(event, Learned) and event.updates == 40:
            break
    batch = next(agent.memory.batches(session.clock), None) or agent.memory._batch(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        update = agent.learner.step(batch, 0)
        agent.memory.feedback(batch.key, update.surprise)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert update.loss == update.loss, "looked at last: this is where the host waits"


def test_a_checkpoint_of_one_device_is_read_on_the_other():
    recipe, cuda = recipe_named("rainbow"), device_named("cuda")
    there = build_session(recipe, small_games(recipe.games), 3, device=cuda)
    for _ in there.play(120):
        pass
    here: Session[Any] = build_session(recipe, small_games(recipe.games), 4)
    here.load(there.state())
    assert {p.device for p in here.agent.learner.network.parameters()} == {HOST}
    back = build_session(recipe, small_games(recipe.games), 5, device=cuda)
    back.load(here.state())
    assert {p.device for p in back.agent.learner.network.parameters()} == {cuda}
    for session in (here, back):
        for _ in session.play(200):
            pass


def test_two_runs_are_bit_for_bit_the_same_where_algorithms_are_deterministic():
    torch.use_deterministic_algorithms(True)  # CUBLAS_WORKSPACE_CONFIG=:4096:8 has to be set outside
    try:
        cuda = device_named("cuda")
        one, same = (losses("rainbow", cuda, recorded(CudaGraphs(cuda))) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert one == same


def test_multiplications_are_in_full_unless_a_recipe_allows_less():
    cuda = device_named("cuda")
    draws = torch.Generator().manual_seed(0)
    a, b = (torch.empty(512, 512).normal_(generator=draws) for _ in range(2))
    errors: list[float] = []
    for precision in ("float32", "tf32"):
        allow(precision, cuda)
        errors.append(float((a.to(cuda) @ b.to(cuda)).cpu().double().sub(a.double() @ b.double()).abs().max()))
    allow("float32", cuda)
    assert errors[0] < 1e-3 < errors[1]


def test_a_late_number_is_that_of_the_moment_it_set_out():
    number = torch.ones(1, device=device_named("cuda"))
    late = Late(number)
    number.zero_()
    assert late[0] == 1.0
