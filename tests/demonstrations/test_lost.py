"""A recording of a game that is lost: what was played before is kept, the action that it did not survive is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.toys import small_games
from demonstrations.shown import follow
from playfield.cli import play, record
from playfield.cli.demos import film
from playfield.cli.demos.list import DemosList
from playfield.cli.demos.show import DemosShow
from playfield.cli.results import scores_text
from playfield.demonstrations import About, DemonstrationWriter, Recording, demonstrations, read_recording, seen_in
from playfield.demonstrations.recording import TAPES
from playfield.games import films
from playfield.games.each import EachGame, Lost, Outcome
from playfield.games.toys import Catch
from playfield.sinks.window import Window
from playfield.storage import AppendFile, RecordedEpisode, TapeLog, Tapes
from playfield.types import Mouse

WHOLE = (6 - 1) * 3
"""Actions of a game of three drops on a field of six."""


class Fragile(Catch):
    """Catch that is lost at the fifth step of every other game."""

    begun = 0

    def __init__(self) -> None:
        super().__init__(size=6, drops=3)

    def reset(self, seed: int) -> np.ndarray:
        self.begun, self.played = self.begun + 1, 0
        return super().reset(seed)

    def step(self, action: int) -> Outcome:
        self.played += 1
        said = super().step(action)
        return said if self.begun % 2 or self.played < 5 else Outcome(said.frame, 9.0, truncated=True, lost="it fell")


def recorded(folder: Path, *, replays: bool, first: bool) -> Recording:
    """Three games of which every other is lost: the second, or the first too."""
    spec = replace(small_games(1).spec, replays=replays)
    solo = Fragile()
    solo.begun = int(first)
    games = EachGame(spec, [solo])
    writer = DemonstrationWriter(folder, About.of(spec, "chance", "", {}), seen_in(spec))
    step, lost = games.begin(np.random.default_rng(2)), 0
    writer.begin(step)
    while writer.episodes < 3:
        action = follow(step)
        games.send(np.array([action]))
        step = games.recv()
        lost += bool(step.lost)
        writer.add(action, step)
    writer.close()
    assert lost == 1 + first
    return read_recording(folder)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("replays", [False, True])
def test_a_recording_of_lost_games_is_learnt_from_as_far_as_they_were_played(
    replays: bool, first: bool, tmp_path: Path
):
    recording = recorded(tmp_path / "play", replays=replays, first=first)
    lengths = [4, WHOLE, 4] if first else [WHOLE, 4, WHOLE]
    assert [len(episode.actions) for episode in recording.episodes] == lengths
    assert [episode.frames for episode in recording.episodes] == lengths
    assert [episode.truncated for episode in recording.episodes] == [length == 4 for length in lengths]
    assert [episode.lost for episode in recording.episodes] == [length == 4 for length in lengths]
    games = small_games(1)
    games.spec = replace(games.spec, replays=replays)
    rows = demonstrations(recording, games, 1).rows
    assert rows.stop == sum(lengths) + 3
    ends = rows.columns["last"][: rows.stop, 0].nonzero()[:, 0].tolist()
    assert rows.columns["discount"][ends, 0].tolist() == [float(length == 4) for length in lengths]


def test_a_lost_game_has_no_score_in_what_is_told_of_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Whole games score 3 points each, and the lost one more than they."""
    monkeypatch.setenv("COLUMNS", "200")
    folder = recorded(tmp_path / "play", replays=True, first=False).folder
    file = AppendFile(folder / TAPES)
    TapeLog(file).add(RecordedEpisode(episode=4, game=0, seed=0, score=9.0, frames=1, truncated=True, actions=b"\x00",
                                      lost=True))  # fmt: skip
    file.close()
    recording = read_recording(folder)
    scores = [episode.score for episode in recording.whole]
    assert scores == [3.0, 3.0]
    DemosShow("play", out=tmp_path).run()
    said = capsys.readouterr().out
    assert "score    3.00 on average, 3 to 3; 2 lost games have none" in said
    assert [line.split()[-2] for line in said.splitlines() if re.match(r"\W+[24] ", line)] == ["lost", "lost"]
    DemosList(tmp_path).run()
    assert re.search(r"\b4 +│ +[\d]+ +│ +3\.00 ", capsys.readouterr().out)
    assert film._episode(recording, None).episode == 1  # pyright: ignore[reportPrivateUsage]
    assert Tapes(folder / TAPES).best() == recording.episodes[0]


def test_where_every_game_was_lost_there_is_no_score():
    assert scores_text([], 2) == "none, since all 2 games were lost"


def test_a_recording_of_a_game_that_is_lost_again_and_again_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def hopeless(*_: object) -> EachGame:
        solo = Fragile()
        solo.step = lambda action: Outcome(Catch.step(solo, action).frame, 0.0, truncated=True, lost="it fell")
        return EachGame(replace(small_games(1).spec, name="catch"), [solo])

    monkeypatch.setattr(record, "supervised_games", hopeless)
    with pytest.raises(Lost, match="catch was lost 4 times within a minute, at last because it fell"):
        record.Record("catch", policy="random", frames=100, out=tmp_path).run()


class Hand(Window):
    """A person's window that is nowhere, with a finger on one key."""

    def __init__(self) -> None:
        self.open, self.shown = True, 0

    def show(self, frame: np.ndarray, caption: str = "") -> bool:
        self.shown += 1
        return True

    def held(self) -> frozenset[str]:
        return frozenset(["Left"])

    def mouse(self) -> Mouse:
        return Mouse()

    def close(self) -> None:
        self.open = False


def test_what_a_person_plays_of_a_game_that_is_lost_ends_before_the_action_that_it_did_not_survive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    window = Hand()
    monkeypatch.setattr(Fragile, "begun", 1)
    monkeypatch.setitem(films.TOYS, "catch", Fragile)
    monkeypatch.setattr(play, "spec_of", lambda *_: replace(small_games(1).spec, name="catch", replays=False))
    monkeypatch.setattr(play, "Window", lambda **_: window)
    play.Play("catch", record=1, episodes=1, name="mine", out=tmp_path).run()
    assert "game 1: 0 points, lost: it fell" in capsys.readouterr().out
    recording = read_recording(tmp_path / "mine")
    (episode,) = recording.episodes
    assert (len(episode.actions), episode.frames, episode.truncated, episode.lost) == (4, 4, True, True)
    assert window.shown == 5
    games = small_games(1)
    games.spec = replace(games.spec, name="catch", replays=False)
    assert demonstrations(recording, games, 1).rows.stop == 5
