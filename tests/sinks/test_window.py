"""The live window, on SDL's dummy display."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from playfield.games.desktop.key_names import KEY_NAMES
from playfield.silence import silent_errors
from playfield.sinks.window import HEARD, NoDisplay, Window

pygame = pytest.importorskip("pygame")


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    opened = Window(frames_per_second=1_000.0, scale=2)
    yield opened
    opened.close()


def frame() -> np.ndarray:
    picture = np.zeros((3, 5, 3), np.uint8)
    picture[0, 4] = (10, 200, 30)
    return picture


def test_it_shows_each_pixel_in_its_place_and_the_caption(window: Window):
    assert window.show(frame(), "pong, score 3")
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, np.repeat(np.repeat(frame(), 2, axis=0), 2, axis=1))
    assert pygame.display.get_caption()[0] == "pong, score 3"


@pytest.mark.parametrize(
    "event", [pygame.event.Event(pygame.QUIT), pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE)]
)
def test_closing_the_window_or_escape_ends_it(window: Window, event: object):
    assert window.show(frame())
    pygame.event.post(event)
    assert not window.show(frame())
    assert not window.open
    assert not window.show(frame())


def test_other_keys_do_not_end_it(window: Window):
    window.show(frame())
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE))
    assert window.show(frame())


def key(name: str, kind: int = pygame.KEYDOWN) -> object:
    return pygame.event.Event(kind, key=pygame.key.key_code(name))


def test_a_key_that_is_let_go_of_before_it_is_asked_for_counts_once(window: Window):
    pygame.event.post(key("left"))
    window.show(frame())
    pygame.event.post(key("left", pygame.KEYUP))
    window.show(frame())
    assert window.held() == {"Left"}
    window.show(frame())
    assert window.held() == set()


def test_the_keys_of_game_files_are_heard_but_for_those_of_the_window_itself(window: Window):
    others = {"Prior": "Page_Up", "Next": "Page_Down"}  # X has two names for these
    assert {others.get(name, name) for name in KEY_NAMES} - HEARD == {"Escape", "F1"}
    window.show(frame())
    for name in ("page up", ",", "f12"):
        pygame.event.post(key(name))
    window.show(frame())
    assert window.held() == {"Page_Up", "comma", "F12"}


def test_a_click_counts_once_at_the_pixel_of_the_picture_where_it_was(window: Window):
    """Two window pixels for each of the picture's."""
    window.show(frame())
    assert window.mouse().buttons == set()
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=3, pos=(9, 3)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, button=3, pos=(0, 0)))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=4, pos=(0, 0)))  # a turn of the wheel
    window.show(frame())
    assert window.mouse() == ({3}, (4, 1))
    window.show(frame())
    assert window.mouse().buttons == set()


@pytest.mark.parametrize(("pauses", "held"), [(True, {"Right"}), (False, {"Left", "Right"})])
def test_f1_pauses_and_goes_on_and_what_is_pressed_meanwhile_is_nothing(
    pauses: bool, held: set[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window(frames_per_second=1_000.0, pauses=pauses)
    for name in ("f1", "left", "f1", "right"):
        pygame.event.post(key(name))
    assert window.show(frame())
    assert window.held() == held
    window.close()


def test_escape_ends_a_pause_too(window: Window):
    window.show(frame())
    pygame.event.post(key("f1"))
    pygame.event.post(key("escape"))
    assert not window.show(frame())


def test_large_pictures_are_shown_as_they_are_and_small_ones_larger(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window(frames_per_second=1_000.0)
    for size, shown in (((210, 160), (480, 630)), ((400, 600), (600, 400))):
        window.show(np.zeros((*size, 3), np.uint8))
        assert pygame.display.get_surface().get_size() == shown
    window.close()


@pytest.mark.parametrize("begun", [False, True])
def test_it_opens_again_where_somebody_else_has_ended_pygame(window: Window, begun: bool):
    """As Gymnasium's classic games do when they are closed; the next one begins it anew."""
    window.show(frame())
    pygame.quit()
    if begun:
        pygame.init()
    assert window.show(frame(), "another game")
    assert pygame.display.get_caption()[0] == "another game"
    pygame.event.post(key("left"))
    window.show(frame())
    assert window.held() == {"Left"}


def test_it_asks_the_clock_for_the_speed_of_the_game(window: Window, monkeypatch: pytest.MonkeyPatch):
    asked: list[float] = []

    class Ticks:
        def tick(self, frames_per_second: float) -> None:
            asked.append(frames_per_second)

    monkeypatch.setattr(window, "_ticks", Ticks())
    window.show(frame())
    window.show(frame())
    assert asked == [1_000.0, 1_000.0]


def test_what_is_not_a_picture_is_refused(window: Window):
    with pytest.raises(ValueError, match="A window shows uint8"):
        window.show(np.zeros((3, 5), np.uint8))


def test_without_pygame_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ModuleNotFoundError, match=r"-m pip install 'pygame-ce>=2.5,<3'$"):
        Window(frames_per_second=60.0)


def test_without_a_display_the_way_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    with pytest.raises(NoDisplay, match="no display to open a window on; `playfield video` writes a film"):
        Window(frames_per_second=60.0)


@pytest.mark.parametrize("command", ["play catch", "watch catch --policy random"])
def test_without_a_screen_nothing_is_said_but_our_sentence(command: str, tmp_path: Path):
    told_of_screens = ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "SDL_VIDEODRIVER", "PYGAME_HIDE_SUPPORT_PROMPT")
    environment = {name: value for name, value in os.environ.items() if name not in told_of_screens}
    done = subprocess.run(
        [sys.executable, "-m", "playfield", *command.split()], env=environment, cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    said = "playfield: There is no display to open a window on; `playfield video` writes a film instead.\n"
    assert (done.stdout, done.stderr, done.returncode) == ("", said, 2)


def test_errors_are_silent_in_the_block_alone(capfd: pytest.CaptureFixture[str]):
    with silent_errors():
        os.write(2, b"of a library")
    with pytest.raises(ValueError, match="as ever"), silent_errors():
        raise ValueError("as ever")
    os.write(2, b"after it")
    assert capfd.readouterr().err == "after it"


def test_without_standard_error_an_error_of_the_block_is_that_alone(monkeypatch: pytest.MonkeyPatch):
    def closed(number: int) -> int:
        raise OSError(f"{number} is closed")

    monkeypatch.setattr("playfield.silence.os.dup", closed)
    with pytest.raises(ValueError, match="as ever") as told, silent_errors():
        raise ValueError("as ever")
    assert told.value.__context__ is None


class Pad:
    """A gamepad as SDL tells of it: sticks from -1 to 1, down positive; hats from -1 to 1, up positive."""

    def __init__(self, axes: tuple[float, ...] = (), hat: tuple[int, int] | None = None, down: str = "") -> None:
        self.axes, self.hats, self.down = axes, [] if hat is None else [hat], [sign == "1" for sign in down]
        self.get_numaxes, self.get_axis = self.axes.__len__, self.axes.__getitem__
        self.get_numhats, self.get_hat = self.hats.__len__, self.hats.__getitem__
        self.get_numbuttons, self.get_button = self.down.__len__, self.down.__getitem__


@pytest.mark.parametrize(
    ("pad", "keys"),
    [
        (Pad(), set()),
        (Pad(axes=(0.5, -0.5)), set()),  # not far enough
        (Pad(axes=(-0.6,)), {"Left"}),  # a wheel has a single axis
        (Pad(axes=(0.6, 0.9, 1.0, 1.0)), {"Right", "Down"}),  # the second stick is none of ours
        (Pad(axes=(0.0, -1.0)), {"Up"}),
        (Pad(hat=(1, 1)), {"Right", "Up"}),
        (Pad(axes=(1.0, 0.0), hat=(-1, -1)), {"Down"}),  # stick and cross against each other
        (Pad(down="1010111"), {"space", "Shift_L"}),  # the first, the third; the others are for the game's menus
        (Pad(down="01"), {"Return"}),
    ],
)
def test_a_gamepad_that_sdl_sees_is_held_as_keys(pad: Pad, keys: set[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pads = [Pad(), pad]
    monkeypatch.setattr(pygame.joystick, "get_count", pads.__len__)
    monkeypatch.setattr(pygame.joystick, "Joystick", pads.__getitem__)
    window = Window(frames_per_second=1_000.0)
    try:
        window.show(frame())
        pygame.event.post(key("tab"))
        window.show(frame())
        assert window.held() == keys | {"Tab"}
        assert window.held() == keys  # it is still held, and the key was let go of
    finally:
        window.close()


def test_where_sdl_would_draw_into_memory_unasked_there_is_no_display(monkeypatch: pytest.MonkeyPatch):
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoDisplay, match="no display to open a window on"):
        Window()
    assert not pygame.display.get_init()
