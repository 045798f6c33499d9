"""Faults in real windows: a game is killed, stopped, closed, hidden, and robbed of its display."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from desktop.needs import has_compiler, has_display
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import game_from, shipped_games
from playfield.games.desktop.own_stage import OwnStage
from playfield.games.desktop.windows import NoWindow

pytestmark = [has_display, has_compiler]

REFGAME = shipped_games()["refgame"]

STAY, LEFT = 0, 1


def patient(hang_ms: int) -> str:
    """The reference game, given up only after so long: a loaded machine may need longer than usual to begin it."""
    return REFGAME.read_text().replace("step_ms = 100", f"step_ms = 100\nhang_ms = {hang_ms}")


def killed(game: DesktopGame) -> None:
    assert game.program.pid is not None
    os.killpg(game.program.pid, signal.SIGKILL)


def stopped(game: DesktopGame) -> None:
    assert game.program.pid is not None
    os.killpg(game.program.pid, signal.SIGSTOP)
    game.clock._hang_seconds = 0.5  # type: ignore[attr-defined]


def window_of(game: DesktopGame) -> Any:
    assert isinstance(game.stage, OwnStage)
    return game.stage._x11._display.create_resource_object("window", game.window.number)


def closed(game: DesktopGame) -> None:
    """As a click on its cross does."""
    from Xlib.protocol.event import ClientMessage

    window, display = window_of(game), window_of(game).display
    atom = game.stage._x11._display.intern_atom  # type: ignore[attr-defined]
    told = [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0]
    window.send_event(ClientMessage(window=window, client_type=atom("WM_PROTOCOLS"), data=(32, told)))
    display.flush()


def hidden(game: DesktopGame) -> None:
    window_of(game).unmap()
    game.stage.settle()


def destroyed(game: DesktopGame) -> None:
    window_of(game).destroy()
    game.stage.settle()


def robbed(game: DesktopGame) -> None:
    assert isinstance(game.stage, OwnStage)
    game.stage.display._process.kill()
    game.stage.display._process.wait()


FAULTS: dict[str, tuple[Callable[[DesktopGame], None], str]] = {
    "killed": (killed, "its process ended"),
    "stopped": (stopped, "has not come to rest within 0.5 s"),
    "closed": (closed, "its process ended"),
    "hidden": (hidden, "the window 'Playfield reference game' is gone"),
    "destroyed": (destroyed, "its process ended|the window 'Playfield reference game' is gone"),
    "robbed": (robbed, "its display is gone"),
}


@pytest.fixture(name="game", scope="module")
def a_game() -> Iterator[DesktopGame]:
    game = DesktopGame(game_from(patient(300_000), "refgame.toml"))
    yield game
    game.close()


def begun(game: DesktopGame) -> np.ndarray:
    game.reset(3)
    game.step(LEFT)
    return game.picture()


@pytest.mark.parametrize("name", FAULTS)
def test_a_lost_game_ends_its_episode_as_a_time_limit_does_and_begins_anew(game: DesktopGame, name: str):
    fault, reason = FAULTS[name]
    sound = begun(game)
    program, display = game._program, game.stage.environment()
    fault(game)
    outcome = next(said for _ in range(5) if (said := game.step(STAY)).lost is not None)
    assert (outcome.terminated, outcome.truncated, outcome.reward) == (False, True, 0.0)
    assert re.search(reason, outcome.lost)
    assert program is not None
    assert not program.is_running
    assert np.array_equal(begun(game), sound)
    assert (game.stage.environment() == display) or name == "robbed"


def test_a_process_that_does_not_outlive_its_display_is_lost_also_where_its_end_is_one_of_the_game():
    text = (
        patient(300_000)
        .replace('over = ["over"', 'over = ["over", "gone"')
        .replace("[readers.", '[readers.gone]\nkind = "gone"\n\n[readers.', 1)
    )
    game = DesktopGame(game_from(text, "refgame.toml"))
    try:
        begun(game)
        assert "gone" in game.file.over
        robbed(game)
        killed(game)
        outcome = game.step(LEFT)
        assert (outcome.terminated, outcome.lost) == (False, "its display is gone")
    finally:
        game.close()


def test_a_game_that_never_could_be_begun_is_told_by_its_own_sentence_and_not_as_lost():
    text = REFGAME.read_text().replace('"-m", "playfield.games.desktop.refgame"', '"-c", "raise SystemExit(1)"')
    game = DesktopGame(game_from(text, "x"))
    try:
        with pytest.raises(NoWindow, match="no window of refgame appeared"):
            game.reset(0)
    finally:
        game.close()
