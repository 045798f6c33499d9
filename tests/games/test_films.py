"""A film shows the very episode that was taped."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from playfield.events import Tape
from playfield.games.films import Shot, enlarge, film
from playfield.games.make import make_games
from playfield.games.protocol import AtariProtocol, machado, nature
from playfield.types import Step

LUMINANCE = np.array([0.2989, 0.587, 0.114])
ATARI = [
    ("pong", nature(noop_max=9, frame_size=(210, 160), actions=("NOOP", "RIGHT", "LEFT"))),
    ("breakout", nature(frame_size=(210, 160), max_frames=602)),
    ("breakout", machado(frame_size=(210, 160))),
    ("seaquest", machado(frame_size=(210, 160), noop_max=5)),
]


def tape_of(name: str, protocol: AtariProtocol, steps: int) -> tuple[Tape, list[Step]]:
    """At most `steps` random actions of one episode, and what the agent saw."""
    games, choose, played = make_games(name, protocol, 1, threads=1), np.random.default_rng(1), []
    seen = [games.begin(np.random.default_rng(11))]
    while len(played) < steps and not seen[-1].last[0]:
        played.append(int(choose.integers(len(games.spec.actions))))
        games.send(np.array(played[-1:]))
        seen.append(games.recv())
    games.close()
    return Tape(seed=int(seen[0].seed[0]), actions=bytes(played)), seen


def rewards_per_action(shots: list[Shot], seen: list[Step]) -> list[float]:
    """The film's rewards, summed over the frames of each action."""
    ends = np.cumsum([0, *[int(step.frames[0]) for step in seen[1:]]])
    return [sum(s.reward for s in shots[a + 1 : b + 1]) for a, b in pairwise(ends)]


@pytest.mark.parametrize(("name", "protocol"), ATARI, ids=["pong", "truncated", "sticky", "sticky lives"])
def test_an_atari_film_shows_every_emulator_frame_of_the_episode(name: str, protocol: AtariProtocol) -> None:
    tape, seen = tape_of(name, protocol, 180)
    reel = film(name, protocol, tape)
    shots = list(reel.shots)
    assert reel.frames_per_second == 60
    assert len(shots) == 1 + sum(int(step.frames[0]) for step in seen)
    assert rewards_per_action(shots, seen) == [float(step.reward[0]) for step in seen[1:]]
    assert any(step.reward[0] for step in seen)
    # What the agent saw is the maximum over the last two frames of the film, in grey. ale-py shows no new picture
    # at the very end of an episode, so an end is compared one row earlier.
    row = len(seen) - 1 - int(seen[-1].last[0])
    shown = sum(int(step.frames[0]) for step in seen[: row + 1])
    grey = np.stack([s.picture @ LUMINANCE for s in shots[shown - 1 : shown + 1]]).max(axis=0)
    np.testing.assert_allclose(grey, seen[row].frame[0, ..., 0], atol=1.5)


def test_a_toy_film_is_the_enlarged_game() -> None:
    tape, seen = tape_of("catch", nature(), 1000)
    reel = film("catch", nature(), tape)
    shots = list(reel.shots)
    assert len(shots) == len(seen) == 56  # 5 fruits fall 11 rows each
    assert [s.reward for s in shots] == [float(step.reward[0]) for step in seen]
    for shot, step in zip(shots, seen, strict=True):
        assert shot.picture.shape == (192, 192, 3)
        np.testing.assert_array_equal(shot.picture[::4, ::4, :1], step.frame[0])


def test_enlarging_keeps_hard_pixel_edges() -> None:
    large = enlarge(np.array([[[0], [255]], [[7], [0]]], dtype=np.uint8))
    assert large.shape == (160, 160, 3)
    assert {tuple(p) for p in large[:80, 80:].reshape(-1, 3).tolist()} == {(255, 255, 255)}
    assert {tuple(p) for p in large[80:, :80].reshape(-1, 3).tolist()} == {(7, 7, 7)}


def test_a_gymnasium_film_is_rendered_from_the_same_episode() -> None:
    pytest.importorskip("pygame")
    tape, seen = tape_of("gym:CartPole-v1", nature(), 1000)
    reel = film("gym:CartPole-v1", nature(), tape)
    shots = list(reel.shots)
    assert reel.frames_per_second == 50
    assert seen[-1].last[0]
    assert len(shots) == len(seen)
    assert sum(s.reward for s in shots) == sum(float(step.reward[0]) for step in seen)
    assert shots[0].picture.shape == (400, 600, 3)
    assert shots[0].picture.tobytes() != shots[-1].picture.tobytes()


@pytest.mark.parametrize("name", ["pong", "catch"])
def test_a_tape_that_outlives_its_episode_is_refused(name: str) -> None:
    protocol = nature(max_frames=40)
    tape, _ = tape_of(name, protocol, 1000)
    longer = Tape(seed=tape.seed, actions=tape.actions + b"\0")
    with pytest.raises(ValueError, match=f"episode ended after {len(tape.actions)}"):
        list(film(name, protocol, longer))
