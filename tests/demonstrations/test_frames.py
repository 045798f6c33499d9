"""Recordings with their frames, of games that cannot be played again; and gaps, where a person meant no action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.tables import step as table_step
from core.toys import small_games
from demonstrations.shown import follow
from playfield.demonstrations import About, DemonstrationWriter, demonstrations, read_recording, rows, seen_in
from playfield.demonstrations.recording import FRAMES, GAPS, TAPES, gap_count
from playfield.demonstrations.rows import Row, split_at_gaps
from playfield.games.games import Games
from playfield.memory.rows import RowRing
from playfield.rng import Rng
from playfield.storage.files import AppendFile, DamagedFile
from playfield.storage.frame_log import CHUNK_ROWS, FrameLog, Seen, SeenRow, Shown
from playfield.storage.tapes import TapeLog

COLUMNS = ("frame", "action", "reward", "discount", "first", "last")


def real_time() -> Games:
    """Catch that says of itself that it does not replay, and that does not."""
    games = small_games(1)
    games.spec = replace(games.spec, replays=False)

    def resume(*_: object) -> None:
        raise AssertionError("it was played again")

    games.resume = resume
    return games


def write(folder: Path, frames: int, games: Games, gaps: frozenset[int] = frozenset()) -> None:
    """So many frames of play; the steps of those numbers, from 0, were not meant."""
    about = About.of(games.spec, "person", "", {})
    writer = DemonstrationWriter(folder, about, seen_in(games.spec))
    step = games.begin(Rng(0).numpy("episodes"))
    writer.begin(step)
    while writer.frames < frames:
        action = follow(step)
        games.send(np.array([action]))
        step = games.recv()
        writer.add(action, step, gap=writer.frames in gaps and not step.first[0])
    writer.close()


def columns(ring: RowRing) -> dict[str, torch.Tensor]:
    return {name: ring.columns[name][: ring.stop] for name in COLUMNS}


@pytest.mark.parametrize("gaps", [frozenset[int](), frozenset([0, 5, 6, 7, 30]), frozenset(range(8, 40))])
def test_what_was_seen_is_what_playing_again_shows(gaps: frozenset[int], tmp_path: Path):
    """The twin: the same play of a game that replays, which is kept as tapes alone."""
    write(tmp_path / "seen", 200, real_time(), gaps)
    write(tmp_path / "taped", 200, small_games(1), gaps)
    seen, taped = read_recording(tmp_path / "seen"), read_recording(tmp_path / "taped")
    assert (seen.has_frames, taped.has_frames) == (True, False)
    assert seen.episodes == taped.episodes
    assert seen.gaps == taped.gaps
    assert bool(gaps) == (tmp_path / "seen" / GAPS).exists()
    shown, again = demonstrations(seen, real_time(), 4), demonstrations(taped, small_games(1), 4)
    assert shown.frames == again.frames == 200 - sum(sum(marks) for marks in seen.gaps.values())
    for name, column in columns(shown.rows).items():
        assert torch.equal(column, columns(again.rows)[name]), name
    assert shown.rows.stop > 2 * CHUNK_ROWS


def row(number: int, *, last: bool = False, discount: float = 1.0) -> Row:
    told = table_step(np.array([[number]]), [float(number)], [discount], [number == 0], [last])
    return Row(told, number % 3)


def told(split: Iterator[Row]) -> list[tuple[int, float, float, str]]:
    return [
        (int(r.step.frame[0, 0]), float(r.step.reward[0]), float(r.step.discount[0]),
         "(" * bool(r.step.first[0]) + "." * bool(r.step.last[0]))
        for r in split
    ]  # fmt: skip


def test_a_gap_ends_what_came_before_it_and_begins_what_comes_after():
    five = [row(n, last=n == 4, discount=0.0 if n == 4 else 1.0) for n in range(5)]
    #  actions 0 1 2 3, of which 1 leads from row 1 to row 2
    assert told(split_at_gaps(iter(five), bytes([0, 1, 0, 0]))) == [
        (0, 0, 1, "("), (1, 1, 1, "."), (2, 0, 1, "("), (3, 3, 1, ""), (4, 4, 0, "."),
    ]  # fmt: skip
    assert told(split_at_gaps(iter(five), bytes([0, 1, 1, 0]))) == [
        (0, 0, 1, "("), (1, 1, 1, "."), (3, 0, 1, "("), (4, 4, 0, "."),
    ]  # fmt: skip
    assert told(split_at_gaps(iter(five), bytes([1, 0, 1, 1]))) == [(1, 0, 1, "("), (2, 2, 1, ".")]
    assert told(split_at_gaps(iter(five), bytes([1, 1, 1, 1]))) == []
    assert told(split_at_gaps(iter(five), bytes(4))) == told(iter(five))


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_exactly_the_transitions_that_were_meant_are_left(marks: list[bool]):
    whole = [row(n, last=n == len(marks)) for n in range(len(marks) + 1)]
    left = list(split_at_gaps(iter(whole), bytes(marks)))
    meant = [(n, n + 1) for n, gap in enumerate(marks) if not gap]
    found = [(int(a.step.frame[0, 0]), int(b.step.frame[0, 0])) for a, b in pairwise(left) if not a.step.last[0]]
    assert found == meant
    # Every part begins with a first row, and ends with a last one.
    assert [bool(r.step.first[0]) for r in left] == [True, *(bool(r.step.last[0]) for r in left)][:-1][: len(left)]
    assert not left or left[-1].step.last[0]
    assert gap_count(bytes(marks)) == "".join(map(str, map(int, marks))).replace("0", " ").split().__len__()


def test_no_window_of_frames_or_steps_crosses_a_gap(tmp_path: Path):
    write(tmp_path / "play", 30, real_time(), frozenset([4]))
    ring = demonstrations(read_recording(tmp_path / "play"), real_time(), 3).rows
    first = ring.columns["first"][:, 0].nonzero()[:, 0].tolist()
    assert first[1] == 5
    game = torch.tensor([0])
    stack = ring.obs(torch.tensor([5]), game)
    assert not stack[0, :2].any()
    assert torch.equal(stack[0, 2:], ring.columns["frame"][5, 0].movedim(-1, 0))
    _, _, last = ring.ahead(torch.tensor([2]), game, 3, 0.9)
    assert last[:, 0].tolist() == [False, True, False]  # row 4 is the end of what came before


def test_a_crash_costs_the_episode_that_was_under_way(tmp_path: Path):
    games = real_time()
    writer = DemonstrationWriter(tmp_path / "play", About.of(games.spec, "person", "", {}), seen_in(games.spec))
    step = games.begin(np.random.default_rng(0))
    writer.begin(step)
    for _ in range(200):
        games.send(np.array([follow(step)]))
        step = games.recv()
        writer.add(follow(step), step)
    played = writer.episodes
    recording = read_recording(tmp_path / "play")  # nobody closed it
    assert len(recording.episodes) == played
    shown = demonstrations(recording, games, 1)
    assert int(shown.rows.columns["last"][: shown.rows.stop].sum()) == played


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "play", 100, real_time(), frozenset([7]))
    return tmp_path / "play"


def test_every_altered_byte_of_the_frames_is_found(folder: Path):
    data = (folder / FRAMES).read_bytes()
    for at in range(0, len(data), 7):
        (folder / FRAMES).write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        with pytest.raises(DamagedFile, match=FRAMES):
            demonstrations(read_recording(folder), real_time(), 1)


def test_frames_that_do_not_fit_the_tapes_are_told(folder: Path, tmp_path: Path):
    data = (folder / FRAMES).read_bytes()
    (folder / FRAMES).write_bytes(data[:-5])
    with pytest.raises(DamagedFile, match=r"holds .* rows where episode \d+ has [\d,]+; take .* playfield \w+ \S+"):
        demonstrations(read_recording(folder), real_time(), 1)
    write(tmp_path / "other", 130, real_time())
    (folder / FRAMES).write_bytes((tmp_path / "other" / FRAMES).read_bytes())
    (folder / TAPES).write_bytes((tmp_path / "other" / TAPES).read_bytes()[:-1])
    games = real_time()
    about = read_recording(folder)
    first, *others = about.episodes
    short = replace(about, gaps={}, episodes=(replace(first, actions=first.actions[:-1]), *others))
    with pytest.raises(DamagedFile, match="more rows of episode 1 than were played"):
        demonstrations(short, games, 1)
    other = replace(about, gaps={}, episodes=(replace(first, score=7.0), *others))
    with pytest.raises(DamagedFile, match="does not fit the tape of episode 1, which scored 7"):
        demonstrations(other, games, 1)
    strange = replace(about, gaps={}, episodes=(replace(first, actions=b"\7" * len(first.actions)), *others))
    with pytest.raises(ValueError, match="holds action 7"):
        demonstrations(strange, games, 1)


def test_gaps_that_do_not_fit_the_tapes_are_told(folder: Path):
    tape = read_recording(folder).episodes[0]
    for marks in (bytes(len(tape.actions) + 1), b"\2" * len(tape.actions)):
        (folder / GAPS).unlink()
        file = AppendFile(folder / GAPS)
        TapeLog(file).add(replace(tape, actions=marks))
        file.close()
        with pytest.raises(DamagedFile, match="does not fit the tape of episode 1"):
            read_recording(folder)


def test_more_than_is_read_at_once_is_refused_before_anything_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rows, "MOST_FRAME_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 0 GB are read; record less in one folder"):
        demonstrations(read_recording(folder), real_time(), 1)


def test_a_recording_that_was_never_meant_is_nothing_to_learn_from(tmp_path: Path):
    write(tmp_path / "play", 30, real_time(), frozenset(range(30)))
    with pytest.raises(ValueError, match="holds nothing to learn from: keys were held that are no action"):
        demonstrations(read_recording(tmp_path / "play"), real_time(), 1)


def test_frames_of_another_shape_or_kind_are_refused(folder: Path, tmp_path: Path):
    with pytest.raises(DamagedFile, match=r"has frames of uint8 \[6, 6, 1\], where uint8 \[8, 8, 1\] was expected"):
        list(Seen(folder / FRAMES, Shown((8, 8, 1), "uint8")))
    with pytest.raises(DamagedFile, match="where float32"):
        list(Seen(folder / FRAMES, Shown((6, 6, 1), "float32")))
    log = FrameLog(AppendFile(tmp_path / "frames.log"), Shown((2,), "float32"))
    with pytest.raises(ValueError, match=r"where .* was said"):
        log.add(SeenRow(np.zeros(2), 0.0, 1.0, 1))
    with pytest.raises(ValueError, match="only up to"):
        FrameLog(AppendFile(tmp_path / "frames.log"), Shown((1 << 14, 1 << 14), "uint8"))


def test_numbers_that_are_none_are_refused(tmp_path: Path):
    for row_of in (SeenRow(np.zeros(2, np.float32), np.nan, 1.0, 1), SeenRow(np.zeros(2, np.float32), 0.0, 0.5, 1),
                   SeenRow(np.full(2, np.inf, np.float32), 0.0, 1.0, 1)):  # fmt: skip
        path = tmp_path / f"{row_of.reward}{row_of.discount}.log"
        file = AppendFile(path)
        log = FrameLog(file, Shown((2,), "float32"))
        log.begin(1)
        log.add(row_of)
        log.end()
        file.close()
        with pytest.raises(DamagedFile, match="are no numbers"):
            list(Seen(path, Shown((2,), "float32")))
