"""A person plays a game in its own window, on a display of their own: looked at, recorded as it was seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from desktop.desk import a_desk, can_be_interrupted, text_here, wait_for
from desktop.needs import has_display
from playfield.demonstrations import demonstrations, read_recording
from playfield.games.desktop.games import desktop_games
from playfield.storage.frame_log import Seen, Shown

pytestmark = has_display


def test_what_a_person_does_in_the_games_own_window_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mss", reason="no package for your display: playfield doctor tells how")
    (tmp_path / "mine.toml").write_text(text_here(("most_steps = 400", "most_steps = 100000")))
    with a_desk(tmp_path, monkeypatch) as desk:
        command = [sys.executable, "-m", "playfield", "play", "mine.toml", "--record", "--name", "mine"]
        with subprocess.Popen(
            command,
            env=desk.environment,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=can_be_interrupted,
        ) as person:
            try:
                log = tmp_path / "demos" / "mine" / "frames.log"

                def rows() -> int:
                    assert person.poll() is None, person.stdout and person.stdout.read()
                    shown = Shown((36, 32, 1), "uint8")
                    return sum(len(c.reward) for c in Seen(log, shown)) if log.is_file() else 0

                wait_for(lambda: any("reference game" in w.title for w in desk.shown()), 120.0)
                desk.press("Left", down=True)
                wait_for(lambda: rows() >= 64, 120.0)
                assert desk.held() == ["Left"]  # nobody but the person presses anything
                desk.press("Right", down=True)
                wait_for(lambda: rows() >= 128, 120.0)
                desk.press("Left", down=False)
                wait_for(lambda: rows() >= 192, 120.0)
                assert desk.held() == ["Right"]
                desk.press("F12", down=True)
                said, _ = person.communicate(timeout=120)
            finally:
                person.kill()
        assert person.returncode == 0, said
        assert "play in the game's own window" in said
        assert "gaps     " in said
        recording = read_recording(tmp_path / "demos" / "mine")
        assert recording.has_frames
        assert recording.episodes[-1].truncated  # and before it there may have been whole ones
        actions = b"".join(episode.actions for episode in recording.episodes)
        marks = b"".join(recording.gaps.get(e.episode, bytes(len(e.actions))) for e in recording.episodes)
        begin, end = marks.index(1), marks.rindex(1)
        assert set(actions[begin - 5 : begin]) == {1}
        assert set(marks[begin:end]) == {1}
        assert set(actions[end + 1 :]) == {2}
        monkeypatch.chdir(tmp_path)
        games = desktop_games("mine.toml", 1)
        try:
            shown = demonstrations(recording, games, 4).rows
        finally:
            games.close()
        assert int((~shown.columns["last"][: shown.stop]).sum()) == marks.count(0)
