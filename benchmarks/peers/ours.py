"""Playfield's side: recipes, games and session of `playfield train`, changed only where the work asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from meter import Meter, asked, repeat

from playfield.agent import DeepAgent
from playfield.build import build_session
from playfield.cli.machine import keep_freed_memory
from playfield.cli.train import games_of, set_threads
from playfield.events import Learned, Stepped
from playfield.games.atari import action_indices, emulators
from playfield.memory.rollout import Rollout
from playfield.recipes import RECIPES, Recipe
from playfield.session import Session
from playfield.types import Clock, Decision

GAME = "pong"
FRAMES = 4
"""Emulator frames of one decision."""
EXPLORE = ("explore.epsilon=Constant", "explore.epsilon.value=0.1")
DQN = ("optimizer=Adam", "optimizer.lr=1e-4")
"""As the peers have it; the Nature recipe's own centred RMSProp is measured as `dqn_rmsprop`."""
MANY = 50
"""Updates between two looks at the clock, where nothing else is done."""


def main() -> None:
    keep_freed_memory()  # as the command `playfield` does
    meter = Meter(asked())
    set_threads(meter.asked.threads, RECIPES["dqn"], GAME)
    PARTS[meter.asked.part](meter)
    meter.report(
        ("playfield", "torch", "ale-py", "numpy"),
        torch_threads=torch.get_num_threads(),
    )


def recipe_of(meter: Meter, name: str, *overrides: str) -> Recipe:
    """A recipe as it is told on the command line, with the numbers that the work asks for."""
    work = meter.asked
    if isinstance(RECIPES[name].memory, Rollout):
        minibatches = max(1, work.games * RECIPES[name].memory.steps // work.batch)
        return RECIPES[name].with_overrides([f"games={work.games}", f"memory.minibatches={minibatches}", *overrides])
    sizes = (f"memory.capacity={work.capacity}", f"memory.start_frames={FRAMES * work.start}")
    return RECIPES[name].with_overrides([f"games={work.games}", f"memory.batch={work.batch}", *sizes, *overrides])


def session_of(meter: Meter, recipe: Recipe) -> Session[DeepAgent]:
    session = build_session(recipe, games_of(GAME, recipe), meter.asked.seed)
    meter.weights = lambda: sum(float(p.detach().abs().sum()) for p in session.agent.learner.network.parameters())
    meter.updates = lambda: session.agent.updates
    return session


def train(meter: Meter, recipe: Recipe) -> None:
    """The loop of a training, until all is measured."""
    go_on(meter, session_of(meter, recipe))


def go_on(meter: Meter, session: Session[DeepAgent]) -> None:
    for event in session.play(float("inf")):
        if isinstance(event, Learned):
            meter.samples += event.diagnostics.samples
        if isinstance(event, Stepped) and meter.tick(event.clock.steps * session.games.spec.games):
            break
    session.games.close()


def train_full(meter: Meter, recipe: Recipe) -> None:
    """The same with a memory that is full: what was played while observing fills it over and over."""
    session = session_of(meter, recipe)
    played = [event for event in session.play(FRAMES * meter.asked.start) if isinstance(event, Stepped)]
    memory = session.agent.memory
    for event in itertools.cycle(played):
        if memory.rows.stop >= memory.rows.shape.size:
            break
        memory.add(event.step, Decision(action=event.action, value=event.value))
    go_on(meter, session)


def ready(meter: Meter, recipe: Recipe) -> tuple[Session[DeepAgent], Clock]:
    """A session whose memory was filled by chance, at the moment in which learning begins."""
    session = session_of(meter, recipe)
    for _ in session.play(FRAMES * meter.asked.start):
        pass
    return session, session.clock


def later(clock: Clock, times: int) -> Clock:
    """When learning will have been due so many times."""
    return Clock(frames=clock.frames + 4 * FRAMES * times, steps=clock.steps, episodes=clock.episodes)


def update(meter: Meter, name: str, *overrides: str) -> None:
    """Draw and learn, without emulator and without acting."""
    session, clock = ready(meter, recipe_of(meter, name, *overrides, f"memory.batches={MANY}"))
    agent, count = session.agent, iter(range(1, 1_000_000))

    def learn() -> int:
        learned = list(agent.learn(later(clock, next(count))))
        meter.samples += sum(event.diagnostics.samples for event in learned)
        return len(learned)

    repeat(meter, learn)
    session.games.close()


def sample(meter: Meter, name: str) -> None:
    """Draw batches; where they are prioritised, set their priorities anew too."""
    session, clock = ready(meter, recipe_of(meter, name, "memory.batches=1_000_000"))
    memory = session.agent.memory
    batches: Iterator = memory.batches(later(clock, 1_000))
    surprise = torch.from_numpy(np.random.default_rng(meter.asked.seed).random(meter.asked.batch, np.float32))

    def draw() -> int:
        batch = next(batches)
        memory.feedback(batch.key, surprise)
        meter.samples += len(batch.key)
        return 1

    repeat(meter, draw)
    session.games.close()


def act(meter: Meter) -> None:
    """Choose greedily for the newest step, again and again."""
    session, clock = ready(meter, recipe_of(meter, "dqn", "explore.epsilon=Constant", "explore.epsilon.value=0"))
    step = session.step
    assert step is not None
    repeat(meter, lambda: len(session.agent.act(step, clock).action))
    session.games.close()


def play(meter: Meter) -> None:
    """Only the games, with random actions."""
    recipe = recipe_of(meter, "pqn")
    games = games_of(GAME, recipe)
    draws = np.random.default_rng(meter.asked.seed)
    games.begin(draws)

    def step() -> int:
        games.send(draws.integers(0, len(games.spec.actions), recipe.games))
        return len(games.recv().reward)

    repeat(meter, step)
    games.close()


def emulate(meter: Meter) -> None:
    """Only ale-py's vector environment under our rules, with as many threads as all else has."""
    work, protocol = meter.asked, RECIPES["pqn"].protocol
    emulator = emulators(GAME, protocol, work.games, num_threads=work.threads)
    draws, (names, _) = np.random.default_rng(work.seed), action_indices(GAME, protocol, emulator)
    emulator.reset(seed=work.seed)

    def step() -> int:
        emulator.step(draws.integers(0, len(names), work.games))
        return work.games

    repeat(meter, step)
    emulator.close()


PARTS: dict[str, Callable[[Meter], None]] = {
    "dqn": lambda meter: train(meter, recipe_of(meter, "dqn", *EXPLORE, *DQN)),
    "dqn_rmsprop": lambda meter: train(meter, recipe_of(meter, "dqn", *EXPLORE)),
    "rainbow": lambda meter: train(meter, recipe_of(meter, "rainbow")),
    "pqn": lambda meter: train(meter, recipe_of(meter, "pqn")),
    "dqn_full": lambda meter: train_full(meter, recipe_of(meter, "dqn", *EXPLORE, *DQN)),
    "prioritized_full": lambda meter: train_full(meter, recipe_of(meter, "prioritized", *EXPLORE)),
    "memory": lambda meter: train(meter, recipe_of(meter, "dqn", *EXPLORE, *DQN)),
    "update": lambda meter: update(meter, "dqn", *DQN),
    "update_rainbow": lambda meter: update(meter, "rainbow"),
    "sampling": lambda meter: sample(meter, "dqn"),
    "sampling_prioritised": lambda meter: sample(meter, "rainbow"),
    "acting": act,
    "emulator": play,
    "ale": emulate,
}

if __name__ == "__main__":
    main()
