"""One suite for every `Games`: the life of a row, seeds, and exact resumption from tapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import pytest

from dials import DIALS
from playfield.build import build_network
from playfield.events import Tape
from playfield.games.games import Games
from playfield.games.make import make_games
from playfield.games.protocol import machado, nature
from playfield.games.supervised import supervised_games
from playfield.recipes import RECIPES
from playfield.rng import Rng
from playfield.types import Step

GAMES = 2
SMALL = {"frame_size": (42, 42), "max_frames": 160}
MAKERS: dict[str, Callable[[int], Games]] = {
    "pong": lambda g: make_games("pong", nature(**SMALL), g, threads=1),
    "breakout": lambda g: make_games("breakout", nature(frame_size=(84, 84), max_frames=480), g, threads=1),
    "breakout sticky": lambda g: make_games(
        "breakout", machado(**SMALL, noop_max=8, crop=(30, 200, 8, 152)), g, threads=2
    ),
    "catch": lambda g: make_games("catch", nature(), g),
    "catch_lives": lambda g: make_games("catch_lives", nature(), g),
    "toy_pong": lambda g: make_games("toy_pong", nature(), g),
    "gym:CartPole-v1": lambda g: make_games("gym:CartPole-v1", nature(), g),
    DIALS: lambda g: make_games(DIALS, nature(), g),
    "gym:Acrobot-v1": lambda g: make_games("gym:Acrobot-v1", nature(), g),
    "pong elsewhere": lambda g: supervised_games("pong", nature(**SMALL), g, threads=1),
    "gym:CartPole-v1 elsewhere": lambda g: supervised_games("gym:CartPole-v1", nature(), g),
}
STEPS = {"pong": 130, "pong elsewhere": 130, "breakout": 280, "breakout sticky": 130, "gym:Acrobot-v1": 1100}


@dataclass
class Recording:
    """A stretch of play: every step, the action that followed it, and the seed generator's state at that moment."""

    games: int
    steps: list[Step] = field(default_factory=list)
    actions: list[np.ndarray] = field(default_factory=list)
    chance: list[dict] = field(default_factory=list)

    def tapes(self, at: int) -> list[Tape]:
        """The open episode of every game at step `at`, as an observer would have taped it."""
        return [self._tape(at, game) for game in range(self.games)]

    def _tape(self, at: int, game: int) -> Tape:
        start = max(t for t in range(at + 1) if self.steps[t].first[game])
        played = bytes(int(self.actions[t][game]) for t in range(start, at))
        return Tape(seed=int(self.steps[at].seed[game]), actions=played)


def actions_for(games: Games, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(len(games.spec.actions), size=games.spec.games)


def record(games: Games, steps: int, seed: int = 1) -> Recording:
    chance, choose = np.random.default_rng(seed), np.random.default_rng(seed + 100)
    recording = Recording(games.spec.games)
    step = games.begin(chance)
    for _ in range(steps):
        action = actions_for(games, choose)
        recording.steps.append(step)
        recording.actions.append(action)
        recording.chance.append(chance.bit_generator.state)
        games.send(action)
        step = games.recv()
    recording.steps.append(step)
    return recording


def differences(a: Step, b: Step) -> list[str]:
    return [f.name for f in fields(Step) if not np.array_equal(getattr(a, f.name), getattr(b, f.name))]


@pytest.fixture(scope="module", params=MAKERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def games(name: str) -> Iterator[Games]:
    games = MAKERS[name](GAMES)
    yield games
    games.close()


@pytest.fixture(scope="module")
def played(name: str, games: Games) -> Recording:
    return record(games, STEPS.get(name, 300))


def test_the_recording_holds_several_episodes(played: Recording) -> None:
    """Else the tests below would prove nothing."""
    assert sum(int(step.last.sum()) for step in played.steps) >= 3


def test_shapes_and_types_are_those_of_the_spec(games: Games, played: Recording) -> None:
    g = games.spec.games
    for step in played.steps:
        assert step.frame.shape == (g, *games.spec.frame_shape)
        assert step.frame.dtype == games.spec.frame_dtype
        columns = (step.reward, step.discount, step.first, step.last, step.frames, step.seed)
        assert [c.shape for c in columns] == [(g,)] * 6
        assert [c.dtype for c in columns] == [np.float32, np.float32, np.bool_, np.bool_, np.int32, np.uint64]


def test_an_episode_is_first_then_ordinary_then_last_then_first_again(played: Recording) -> None:
    assert played.steps[0].first.all()
    for before, step in zip(played.steps, played.steps[1:], strict=False):
        np.testing.assert_array_equal(step.first, before.last)
        assert not (step.first & step.last).any()


def test_a_first_row_carries_nothing_of_the_episode_before(played: Recording) -> None:
    for step in played.steps:
        assert (step.reward[step.first] == 0).all()
        assert (step.frames[step.first] == 0).all()
        assert (step.discount[step.first] == 1).all()
        assert set(np.unique(step.discount)) <= {0.0, 1.0}


def test_only_a_first_row_changes_the_seed(played: Recording) -> None:
    for before, step in zip(played.steps, played.steps[1:], strict=False):
        changed = step.seed != before.seed
        np.testing.assert_array_equal(changed, step.first)


def test_every_action_is_accounted_in_frames(games: Games, played: Recording) -> None:
    for step in played.steps:
        ordinary = ~step.first & ~step.last
        assert (step.frames[ordinary] == games.spec.frames_per_action).all()
        assert ((step.frames[step.last] >= 1) & (step.frames[step.last] <= games.spec.frames_per_action)).all()


def test_what_was_handed_out_is_never_written_again(games: Games) -> None:
    step = games.begin(np.random.default_rng(4))
    choose = np.random.default_rng(5)
    kept = []
    for _ in range(60):
        kept.append((step, {f.name: getattr(step, f.name).copy() for f in fields(Step)}))
        games.send(actions_for(games, choose))
        step = games.recv()
    for step, copies in kept:
        for column, copy in copies.items():
            np.testing.assert_array_equal(getattr(step, column), copy)


def test_the_same_seed_gives_the_same_course_and_another_seed_another_start(games: Games, played: Recording) -> None:
    again = record(games, 40)
    for a, b in zip(played.steps, again.steps, strict=False):
        assert not differences(a, b)
    other = record(games, 40, seed=2)
    assert (other.steps[0].seed != played.steps[0].seed).all()
    assert any("frame" in differences(a, b) for a, b in zip(again.steps, other.steps, strict=False))


def test_the_seed_alone_decides_how_an_episode_starts(name: str, games: Games) -> None:
    """With the same actions in every game, different seeds still lead to different frames."""
    step = games.begin(np.random.default_rng(9))
    seen = [step.frame]
    for t in range(14):
        games.send(np.full(games.spec.games, t % len(games.spec.actions)))
        seen.append(games.recv().frame)
    course = np.stack(seen)
    assert len({course[:, g].tobytes() for g in range(games.spec.games)}) > 1


def test_the_action_after_a_last_row_is_ignored(games: Games, played: Recording) -> None:
    at = next(t for t, step in enumerate(played.steps[:-1]) if step.last.any())
    results = []
    for action in (0, len(games.spec.actions) - 1):
        games.resume(generator(played, at), played.tapes(at))
        games.send(np.where(played.steps[at].last, action, played.actions[at]))
        results.append(games.recv())
    assert not differences(*results)


def generator(recording: Recording, at: int) -> np.random.Generator:
    chance = np.random.default_rng(0)
    chance.bit_generator.state = recording.chance[at]
    return chance


def cuts(recording: Recording) -> list[int]:
    """The start, a `last` row, the `first` row after it, the row after that, and one more place."""
    last = [t for t, step in enumerate(recording.steps[:-30]) if step.last.any()]
    chosen = np.random.default_rng(3).integers(1, len(recording.actions) - 30, size=1).tolist()
    return [0, last[0], last[0] + 1, last[-1] + 2, *chosen]


@pytest.mark.parametrize("which", range(5))
def test_resuming_is_exact(games: Games, played: Recording, which: int) -> None:
    at = cuts(played)[which]
    step = games.resume(generator(played, at), played.tapes(at))
    for t in range(at, min(at + 30, len(played.actions))):
        assert not differences(step, played.steps[t]), f"step {t} of a resumption at {at}"
        games.send(played.actions[t])
        step = games.recv()


def test_a_tape_that_outlives_its_episode_is_refused(games: Games, played: Recording) -> None:
    at, game = next((t, int(np.flatnonzero(s.last)[0])) for t, s in enumerate(played.steps) if s.last.any())
    tapes = played.tapes(at)
    length = len(tapes[game].actions)
    tapes[game] = Tape(seed=tapes[game].seed, actions=tapes[game].actions + b"\0")
    with pytest.raises(ValueError, match=f"game {game} has {length + 1} actions, but its episode ended after {length}"):
        games.resume(np.random.default_rng(0), tapes)


@pytest.mark.parametrize(
    ("tapes", "sentence"),
    [
        ([Tape(seed=1, actions=b"")], "1 tapes for 2 games"),
        ([Tape(seed=2**40, actions=b"")] * GAMES, "seed 1099511627776"),
        ([Tape(seed=1, actions=b"\xff")] * GAMES, "action 255"),
    ],
)
def test_a_foreign_tape_is_refused(games: Games, tapes: list[Tape], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        games.resume(np.random.default_rng(0), tapes)


def test_send_and_recv_take_turns(games: Games) -> None:
    games.begin(np.random.default_rng(0))
    action = np.zeros(games.spec.games, dtype=np.int64)
    with pytest.raises(RuntimeError, match="without send"):
        games.recv()
    games.send(action)
    with pytest.raises(RuntimeError, match="without recv"):
        games.send(action)
    games.recv()


def test_closing_in_the_middle_of_a_step_is_allowed(name: str) -> None:
    games = MAKERS[name](1)
    games.begin(np.random.default_rng(0))
    games.send(np.zeros(1, dtype=np.int64))
    games.close()


def test_the_protocol_says_what_was_played(games: Games) -> None:
    assert {"name", "frame_skip", "repeat_action_probability"} <= set(games.spec.protocol)
    assert games.spec.protocol["frame_skip"] == games.spec.frames_per_action


@pytest.mark.parametrize("recipe", RECIPES)
def test_catch_is_large_enough_for_the_torso_of_every_recipe(recipe: str) -> None:
    games = make_games("catch", nature(), 1)
    network = build_network(RECIPES[recipe], games.spec, Rng(0))
    assert next(network.parameters()).shape[1] in (RECIPES[recipe].memory.stack, RECIPES[recipe].memory.stack * 48 * 48)
    games.close()
