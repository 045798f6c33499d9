"""Atari: the protocol that was asked for is the one that is played, shown by its effects."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from ale_py import roms

from playfield.extras import pip_install
from playfield.games.atari import AtariGames, DamagedRom, atari_names, crop_and_shrink
from playfield.games.gymnasium_games import MissingPackage, UnknownEnvironment, UnsupportedGame, missing_package
from playfield.games.make import UnknownGame, known_games, make_games
from playfield.games.protocol import AtariProtocol, machado, nature
from playfield.score import scoring_text
from playfield.tape import Recorder
from playfield.types import Clock, Step

QUIET = nature(noop_max=0, frame_size=(42, 42))
"""Nothing is left to chance."""


@contextmanager
def playing(name: str, protocol: AtariProtocol, games: int = 1) -> Iterator[AtariGames]:
    atari = AtariGames(name, protocol, games, threads=1)
    yield atari
    atari.close()


def play(atari: AtariGames, actions: list[int], seed: int = 0) -> list[Step]:
    """The first row, then one row per action, which every game plays."""
    steps = [atari.begin(np.random.default_rng(seed))]
    for action in actions:
        atari.send(np.full(atari.spec.games, action))
        steps.append(atari.recv())
    return steps


def column(steps: list[Step], name: str) -> np.ndarray:
    return np.array([getattr(step, name)[0] for step in steps])


# --- lives, ends and limits


@pytest.fixture(scope="module")
def breakout() -> list[Step]:
    """A whole game of Breakout and a bit more: FIRE and move, lose five lives."""
    choose = np.random.default_rng(3)
    with playing("breakout", QUIET) as atari:
        return play(atari, choose.integers(4, size=420).tolist())


def test_a_lost_life_ends_the_return_but_not_the_game(breakout: list[Step]) -> None:
    """Breakout has 5 lives: 4 losses with discount 0 go on, the fifth is the end."""
    end = int(np.flatnonzero(column(breakout, "last"))[0])
    discount = column(breakout, "discount")
    assert (discount[: end + 1] == 0).sum() == 5
    assert discount[end] == 0
    assert not column(breakout, "first")[1 : end + 1].any()
    assert column(breakout, "first")[end + 1]


def test_the_score_is_the_raw_sum_over_the_whole_game(breakout: list[Step]) -> None:
    """Bricks pay in more than one life, and every row repeats the game's one seed."""
    end = int(np.flatnonzero(column(breakout, "last"))[0])
    rewards, discount = column(breakout, "reward")[: end + 1], column(breakout, "discount")[: end + 1]
    lives = np.split(rewards, np.flatnonzero(discount == 0)[:-1] + 1)
    assert len(lives) == 5
    assert sum(life.sum() > 0 for life in lives) >= 2
    assert len(set(column(breakout, "seed")[: end + 1])) == 1


def test_a_game_is_reported_whole_and_by_life(breakout: list[Step]) -> None:
    """D1-B3, D3-B4: neither the points of one life nor clipped ones are called the game's score."""
    end = int(np.flatnonzero(column(breakout, "last"))[0])
    recorder = Recorder(1)
    recorder.begin(breakout[0])
    ended = [e for step in breakout[1:] for e in recorder.add(np.zeros(1, dtype=np.int64), step, Clock())]
    assert len(ended) == 1
    assert ended[0].score == column(breakout, "reward")[: end + 1].sum()
    assert len(ended[0].life_scores) == 5
    assert max(ended[0].life_scores) < ended[0].score == sum(ended[0].life_scores)


def test_without_life_loss_only_the_end_has_discount_0() -> None:
    choose = np.random.default_rng(2)
    with playing("breakout", nature(noop_max=0, life_loss_ends_return=False, frame_size=(42, 42))) as atari:
        steps = play(atari, choose.integers(4, size=420).tolist())
    np.testing.assert_array_equal(column(steps, "discount") == 0, column(steps, "last"))
    assert column(steps, "last").any()


def test_rewards_are_not_clipped() -> None:
    """Space Invaders pays 5 to 30 points a head."""
    choose = np.random.default_rng(0)
    with playing("space_invaders", QUIET) as atari:
        rewards = column(play(atari, choose.integers(6, size=150).tolist()), "reward")
    assert rewards.max() >= 5


@pytest.mark.parametrize(("max_frames", "last_frames"), [(40, 4), (42, 2)])
def test_a_time_limit_ends_the_episode_with_discount_1(max_frames: int, last_frames: int) -> None:
    with playing("pong", nature(noop_max=0, max_frames=max_frames, frame_size=(42, 42))) as atari:
        steps = play(atari, [0] * 12)
    end = -(-max_frames // 4)
    assert column(steps, "last").tolist() == [t == end for t in range(13)]
    assert column(steps, "first").tolist() == [t in (0, end + 1) for t in range(13)]
    assert (column(steps, "discount") == 1).all()
    assert column(steps, "frames").tolist() == [0, *[4] * (end - 1), last_frames, 0, *[4] * (11 - end)]


# --- how an episode starts


def test_games_that_wait_for_fire_are_started() -> None:
    """Without the agent ever pressing FIRE, Breakout's ball is lost within 120 steps; unfired, nothing ever happens."""
    with playing("breakout", QUIET) as atari:
        fired = play(atari, [0] * 120)
    with playing("breakout", nature(noop_max=0, fire_start=False, frame_size=(42, 42))) as atari:
        unfired = play(atari, [0] * 120)
    assert (column(fired, "discount") == 0).sum() == 1
    assert (column(unfired, "discount") == 0).sum() == 0


def test_no_ops_vary_the_start_and_are_not_counted() -> None:
    """The emulator's own counter says how many frames passed before the first decision; FIRE alone takes one."""
    with playing("pong", nature(noop_max=9, frame_size=(42, 42)), games=4) as atari:
        with_noops = atari.begin(np.random.default_rng(0))
        passed = atari._frames.tolist()
    with playing("pong", QUIET) as atari:
        atari.begin(np.random.default_rng(0))
        assert atari._frames.tolist() == [1]
    assert len(set(passed)) > 1
    assert max(passed) <= 9
    assert not with_noops.frames.any()


def test_the_first_frame_is_the_one_after_the_no_ops() -> None:
    """D1-B4: the agent must not decide on a picture that the no-ops have made stale."""
    with playing("seaquest", nature(noop_max=0, fire_start=False, frame_skip=1, frame_size=(42, 42))) as atari:
        course = [step.frame[0] for step in play(atari, [0] * 30)]
    with playing("seaquest", nature(noop_max=30, fire_start=False, frame_size=(42, 42)), games=3) as atari:
        first = atari.begin(np.random.default_rng(0))
        passed = atari._frames.tolist()
    assert min(passed) > 0
    for frame, frames in zip(first.frame, passed, strict=True):
        np.testing.assert_array_equal(frame, course[frames])
        assert (frame != course[0]).any()


def test_a_game_that_ends_during_its_no_ops_is_begun_again() -> None:
    """D1-B4: Pong is lost by idling, and an end that nobody looked at would leave the agent in a dead game."""
    with playing("pong", nature(noop_max=0, fire_start=False, frame_size=(42, 42))) as atari:
        idle = play(atari, [0] * 900)
    length = int(column(idle, "frames")[: int(np.flatnonzero(column(idle, "last"))[0]) + 1].sum())
    with playing("pong", nature(noop_max=8000, fire_start=False, frame_size=(42, 42)), games=2) as atari:
        steps = [atari.begin(np.random.default_rng(0))]
        assert max(atari._frames) > length
        for _ in range(40):
            atari.send(np.zeros(2, dtype=np.int64))
            steps.append(atari.recv())
    assert not np.stack([step.last for step in steps]).any()
    assert (np.stack([step.discount for step in steps]) == 1).all()


# --- what was asked is what is played


@pytest.mark.parametrize("skip", [1, 4, 5])
def test_the_frame_skip_is_the_one_asked_for(skip: int) -> None:
    """Ten actions move the emulator's own frame counter by ten times the frame skip: nothing multiplies it."""
    with playing("pong", nature(noop_max=0, fire_start=False, frame_skip=skip, frame_size=(42, 42))) as atari:
        steps = play(atari, [0] * 10)
        assert int(atari._env.step(np.array([0]))[4]["episode_frame_number"][0]) == 11 * skip
        assert atari.spec.protocol["frame_skip"] == atari.spec.frames_per_action == skip
    assert column(steps, "frames").tolist() == [0] + [skip] * 10


@pytest.mark.parametrize(("sticky", "courses"), [(0.0, 1), (0.25, 3)])
def test_actions_stick_as_often_as_asked(sticky: float, courses: int) -> None:
    """With the same actions and no no-ops, three seeds differ exactly when actions stick."""
    protocol = nature(noop_max=0, repeat_action_probability=sticky, frame_size=(42, 42))
    with playing("pong", protocol, games=3) as atari:
        steps = play(atari, [2, 3, 0, 3, 3, 2, 2, 2] * 5)
        assert atari.spec.protocol["repeat_action_probability"] == sticky
    course = np.stack([step.frame for step in steps])
    assert len({course[:, g].tobytes() for g in range(3)}) == courses


def test_an_ale_environment_of_gymnasium_says_what_it_brings_along() -> None:
    """ALE/Pong-v5 skips 4 frames and sticks by itself; both are named, and its frames are counted as 4 per action."""
    games = make_games("gym:ALE/Pong-v5", nature(), 1)
    games.begin(np.random.default_rng(0))
    games.send(np.array([0]))
    assert games.recv().frames.tolist() == [4]
    assert games.spec.frames_per_action == games.spec.protocol["frame_skip"] == 4
    assert games.spec.protocol["repeat_action_probability"] == 0.25
    assert games.spec.frame_shape == (210, 160, 3)
    games.close()


def test_full_action_set() -> None:
    with playing("pong", machado(frame_size=(42, 42))) as atari:
        assert len(atari.spec.actions) == 18
    with playing("pong", QUIET) as atari:
        assert atari.spec.actions == ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")


def test_a_subset_of_the_actions_means_the_same_as_those_actions() -> None:
    """LEFT RIGHT as 0 and 1 plays like LEFT RIGHT in the whole set, where they are 3 and 2."""
    subset = nature(noop_max=0, actions=("LEFT", "RIGHT"), frame_size=(42, 42))
    pattern = [0, 0, 0, 1, 1, 0, 1, 1, 1, 0] * 3
    with playing("pong", subset) as atari:
        assert atari.spec.actions == ("LEFT", "RIGHT")
        few = play(atari, pattern)
    with playing("pong", QUIET) as atari:
        whole = play(atari, [(3, 2)[a] for a in pattern])
        others = play(atari, [(2, 3)[a] for a in pattern])
    assert [s.frame.tobytes() for s in few] == [s.frame.tobytes() for s in whole]
    assert [s.frame.tobytes() for s in few] != [s.frame.tobytes() for s in others]


def test_an_action_that_the_game_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="pong has no action UP; it has: NOOP FIRE RIGHT"):
        AtariGames("pong", nature(actions=("NOOP", "UP")), 1)


def test_a_crop_is_cut_out_and_shrunk_by_area() -> None:
    """By hand: rows 0..3 and columns 0..3 of a screen, shrunk from 4 x 4 to 2 x 2 by averaging."""
    screen = np.zeros((1, 210, 160), dtype=np.uint8)
    screen[0, :4, :4] = [[10, 20, 0, 0], [30, 40, 0, 0], [0, 0, 100, 100], [0, 0, 100, 100]]
    shrunk = crop_and_shrink(screen, nature(crop=(0, 4, 0, 4), frame_size=(2, 2)))
    np.testing.assert_array_equal(shrunk[0], [[25, 0], [0, 100]])


def test_a_cropped_game_shows_that_part_of_the_screen() -> None:
    whole, part = nature(noop_max=0, frame_size=(210, 160)), nature(crop=(34, 194, 0, 160), frame_size=(160, 160))
    with playing("pong", whole) as atari:
        screens = play(atari, [2] * 20)
    with playing("pong", AtariProtocol(noop_max=0, crop=part.crop, frame_size=part.frame_size)) as atari:
        assert atari.spec.frame_shape == (160, 160, 1)
        cropped = play(atari, [2] * 20)
    for screen, crop in zip(screens, cropped, strict=True):
        np.testing.assert_array_equal(screen.frame[:, 34:194], crop.frame)


# --- the protocol as a value


def test_scoring_says_in_one_line_what_a_score_means() -> None:
    pong = nature(actions=("NOOP", "RIGHT", "LEFT"))
    assert scoring_text(pong.plain()) == (
        "nature: frame skip 4, no sticky actions, up to 30 no-ops, whole games, raw scores, actions NOOP/RIGHT/LEFT"
    )
    assert scoring_text(machado().plain()) == (
        "machado: frame skip 4, sticky actions 0.25, no no-ops, whole games, raw scores, all 18 actions"
    )


def test_plain_values_say_frame_skip_and_stickiness() -> None:
    plain = machado(frame_skip=5).plain()
    assert plain["frame_skip"] == 5
    assert plain["repeat_action_probability"] == 0.25
    assert plain["frame_size"] == [84, 84]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"repeat_action_probability": 1.0}, "repeat_action_probability must be at least 0 and below 1, not 1.0"),
        ({"noop_max": -1}, "noop_max must be 0 or more frames, not -1"),
        ({"frame_skip": 0}, "frame_skip must be at least 1 frame, not 0"),
        ({"max_frames": 3}, "max_frames must hold at least one action, not 3 frames"),
        ({"frame_size": (0, 84)}, "frame_size must be height and width from 1 x 1 to 210 x 160 pixels"),
        ({"crop": (100, 50, 0, 160)}, "crop must be top < bottom"),
        ({"actions": ()}, "actions must name at least one action"),
        ({"actions": ("FIRE", "FIRE")}, "actions names one action twice: FIRE FIRE"),
    ],
)
@pytest.mark.parametrize("protocol", [nature, machado])
def test_nonsense_is_refused(protocol: Callable[..., AtariProtocol], wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        protocol(**wrong)


# --- what cannot be played


def test_a_damaged_rom_never_reaches_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flipped bit is enough; the emulator would hang on such a file."""
    shutil.copy(roms.get_rom_path("pong"), tmp_path / "pong.bin")  # pyright: ignore
    damaged = bytearray((tmp_path / "pong.bin").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "pong.bin").write_bytes(damaged)
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    with pytest.raises(DamagedRom, match=r"the ROM of pong at .* is damaged .* pip install --force-reinstall"):
        AtariGames("pong", QUIET, 1)
    with pytest.raises(DamagedRom, match="the ROM of breakout is missing"):
        AtariGames("breakout", QUIET, 1)


def test_an_unknown_game_gets_the_three_nearest_names() -> None:
    with pytest.raises(UnknownGame, match=r"there is no game 'pongg'; the nearest are: pong, \w+, \w+$"):
        make_games("pongg", nature(), 1)
    assert {"pong", "breakout", "catch", "toy_pong"} <= set(known_games())
    assert len(atari_names()) == 104


def test_an_unknown_environment_gets_the_three_nearest_ids() -> None:
    with pytest.raises(
        UnknownEnvironment, match="no Gymnasium environment 'Cartpol-v1'; the nearest are: CartPole-v1,"
    ):
        make_games("gym:Cartpol-v1", nature(), 1)


@pytest.mark.parametrize(
    ("environment", "what"), [("MountainCarContinuous-v0", "actions Box"), ("Blackjack-v1", "observations Tuple")]
)
def test_an_environment_of_another_kind_is_refused_with_what_is_played(environment: str, what: str) -> None:
    sentence = rf"{environment} has {what}.*; Playfield plays discrete actions on pixels"
    with pytest.raises(UnsupportedGame, match=sentence):
        make_games(f"gym:{environment}", nature(), 1)


@pytest.mark.parametrize(
    ("problem", "packages"),
    [
        (ImportError('Box2D is not installed, run `pip install "gymnasium[box2d]"`'), ("gymnasium[box2d]",)),
        (ImportError("run `pip install swig` and `pip install 'gymnasium[box2d]'`"), ("swig", "gymnasium[box2d]")),
        (ModuleNotFoundError("No module named 'minatar.gym'", name="minatar.gym"), ("minatar",)),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    problem: Exception, packages: tuple[str, ...]
) -> None:
    error = missing_package("Some-v0", problem)
    commands = " && ".join(pip_install(package) for package in packages)
    assert isinstance(error, MissingPackage)
    assert str(error) == f"Some-v0 needs a package that is not installed; install it with: {commands}"
