"""Frames are those of the game, come back bit for bit, and are split by whole episodes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.recorded import catch, rigged
from playfield.events import Tape
from playfield.features.frames import (
    ABOUT,
    ROWS,
    Recording,
    collect,
    episodes_of,
    load,
    new_folder,
    pixel_games,
    protocol_of,
    returns,
    save,
    split,
)
from playfield.games.protocol import nature
from playfield.games.toys import toy_games
from playfield.storage.files import DamagedFile


def test_frames_are_those_of_the_game_played_again() -> None:
    found = catch(frames=1100)  # more rows than are kept in one piece
    number = episodes_of(found)
    for episode, seed in enumerate(found.seeds):
        rows = np.flatnonzero(number == episode)
        for back in (len(rows) - 1, 1, 0):
            actions = bytes(found.action[rows[1 : back + 1]].tolist())
            games = toy_games("catch", 1)
            step = games.resume(np.random.default_rng(0), [Tape(seed=int(seed), actions=actions)])
            row = rows[back]
            assert (step.frame[0] == found.frame[row]).all()
            assert (step.reward[0], step.discount[0]) == (found.reward[row], found.discount[row])
            assert (step.first[0], step.last[0]) == (found.first[row], found.last[row])


def test_atari_frames_are_those_of_the_protocol_and_every_action_is_four() -> None:
    protocol = nature(frame_size=(20, 24), crop=(34, 194, 0, 160))
    games = pixel_games("pong", protocol)
    found = collect(games, 400, 1, lambda rows: None)
    assert found.frame.shape == (101, 20, 24, 1)
    assert found.about.frames == 400
    assert protocol_of(found.about) == protocol
    tape = Tape(seed=int(found.seeds[0]), actions=bytes(found.action[1:].tolist()))
    again = games.resume(np.random.default_rng(0), [tape])
    games.close()
    assert (again.frame[0] == found.frame[-1]).all()
    assert len(np.unique(found.action)) == 6


def test_rows_come_back_bit_for_bit(tmp_path: Path) -> None:
    found = catch()
    assert save(found, tmp_path / "a") == (tmp_path / "a" / ROWS).stat().st_size
    back = load(tmp_path / "a")
    assert back.about == found.about
    for name in ("frame", "action", "reward", "discount", "first", "last", "seeds"):
        was, now = getattr(found, name), getattr(back, name)
        assert was.dtype == now.dtype
        np.testing.assert_array_equal(was, now)
    with pytest.raises(FileExistsError, match="exists, and nothing is overwritten"):
        save(found, tmp_path / "a")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def write(half: bool) -> None:
        with new_folder(tmp_path / "a") as unfinished:
            assert not (tmp_path / "a").exists()
            (unfinished / "x").write_text("half")
            if half:
                raise KeyError

    with pytest.raises(KeyError):
        write(half=True)
    assert not list(tmp_path.iterdir())
    write(half=False)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x"]


@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
def test_no_episode_is_in_both_parts(share: float, seed: int) -> None:
    found = catch()
    parts = split(found, share, np.random.default_rng(seed))
    number = episodes_of(found)
    assert not set(number[parts.train]) & set(number[parts.test])
    assert sorted([*parts.train, *parts.test]) == list(range(len(found.frame)))
    assert set(number[parts.test]) == set(parts.test_episodes)
    assert set(number[parts.train]) == set(parts.train_episodes)
    whole = int(found.last.sum())
    assert len(parts.test_episodes) == min(max(round(share * whole), 1), whole - 1)
    # The last episode was cut short: how it would have ended is not known, so it is never tested on.
    assert not found.last[-1]
    assert len(found.seeds) - 1 not in parts.test_episodes


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, float("nan")])
def test_a_share_must_leave_something_on_both_sides(share: float) -> None:
    with pytest.raises(ValueError, match="--test-share must lie between 0 and 1"):
        split(catch(), share, np.random.default_rng(0))


def test_one_episode_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="hold 1 whole episode of catch, and a split by whole episodes needs 2"):
        split(catch(frames=60), 0.3, np.random.default_rng(0))


def test_returns_by_hand() -> None:
    rewards = [0.0, 1.0, 0.0, 4.0, 0.0, 2.0, 8.0]
    found = rigged(np.zeros((7, 2, 2, 1), np.uint8), rewards, [0, 4], [3], [1, 1, 1, 0, 1, 0, 1])
    # A lost life (discount 0 in row 5) hides the 8 from row 4; the second episode was cut short.
    assert returns(found, 0.5).tolist() == [1 + 0.5 * 2, 2.0, 4.0, 0.0, 2.0, 8.0, 0.0]


def test_games_without_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gym:CartPole-v1 shows 4 numbers and no pixels"):
        pixel_games("gym:CartPole-v1", nature())


def _written(columns: dict[str, np.ndarray], compress: bool = True) -> bytes:
    data = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(data, **columns)
    return data.getvalue()


def _columns(found: Recording) -> dict[str, np.ndarray]:
    names = ("frame", "action", "reward", "discount", "first", "last", "seeds")
    return {name: getattr(found, name) for name in names}


Damage = Callable[[dict[str, np.ndarray]], object]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda c: c.pop("reward"), "altered or cut"),
        (lambda c: c.update(frame=c["frame"].astype(np.float32)), "frame is float32 of 4 dimensions"),
        (lambda c: c.update(frame=c["frame"][:-1]), "its columns have others"),
        (lambda c: c.update(action=c["action"][:-1]), "its columns have others"),
        (lambda c: c.update(action=c["action"] + 3), "an action that the game has not"),
        (lambda c: c.update(reward=c["reward"] * np.float32(np.nan)), "its rewards are no numbers"),
        (lambda c: c.update(first=~c["first"]), "its episodes are not as many"),
        (lambda c: c.update(first=np.roll(c["first"], 1)), "do not follow on each other"),
        (lambda c: c.update(seeds=np.array([{}] * len(c["seeds"]))), "seeds is object"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, damage: Damage, reason: str) -> None:
    save(catch(), tmp_path / "a")
    columns = _columns(catch())
    damage(columns)
    (tmp_path / "a" / ROWS).write_bytes(_written(columns))
    with pytest.raises(DamagedFile, match=reason):
        load(tmp_path / "a")


def test_a_cut_or_altered_file_is_refused(tmp_path: Path) -> None:
    save(catch(), tmp_path / "a")
    path = tmp_path / "a" / ROWS
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"PK" + whole[4:], whole[:200] + b"\xff" * 40 + whole[240:]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFile):
            load(tmp_path / "a")
    path.unlink()
    with pytest.raises(DamagedFile, match="is missing"):
        load(tmp_path / "a")


def test_a_column_that_says_it_is_huge_is_not_made(tmp_path: Path) -> None:
    save(catch(), tmp_path / "a")
    path = tmp_path / "a" / ROWS
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    shape = str(catch().action.shape).encode()
    assert members["action.npy"].count(shape) == 1
    header = members["action.npy"].replace(shape + b", }" + b" " * 16, b"(9999999999999999,), }" + b" " * 2)
    assert header != members["action.npy"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**members, "action.npy": header}.items():
            archive.writestr(name, data)
    with pytest.raises(DamagedFile):
        load(tmp_path / "a")


def test_what_frames_are_of_is_checked(tmp_path: Path) -> None:
    save(catch(), tmp_path / "a")
    path = tmp_path / "a" / ABOUT
    whole = json.loads(path.read_text())
    for change in ({"game": 3}, {"rows": True}, {"rows": 5}, {"more": 1}, {"actions": [1]}, {"game": "\x1b[2J"}):
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(DamagedFile):
            load(tmp_path / "a")


def test_a_recording_says_what_it_is_of() -> None:
    about = catch().about
    assert (about.game, about.seed, about.frames, about.rows) == ("catch", 3, 600, len(catch().frame))
    assert about.episodes == 10
    assert replace(about, frames=1) != about
