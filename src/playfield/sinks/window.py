"""A live window on a game, for `playfield watch` and `playfield play`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from playfield.extras import install_extra
from playfield.silence import silent_errors
from playfield.types import Array, Mouse

INVISIBLE = ("offscreen", "dummy")
SCALE, LARGE = 3, 320
"""Window pixels for each pixel of a picture, if not asked otherwise: 1 where one of its sides has more than so many."""
PAUSE = "F1"
"""The key that pauses what is shown, and goes on with it."""
NO_DISPLAY = "There is no display to open a window on; `playfield video` writes a film instead."


class NoDisplay(Exception):
    """There is no display to open a window on."""


class Window:
    """Shows frames at the speed of the game until the person closes the window or presses Escape; F1 pauses it."""

    def __init__(self, *, frames_per_second: float = 60.0, scale: int | None = None, pauses: bool = True) -> None:
        """The window opens with the first frame, which gives it its size; whether it can is found out at once.

        `pauses`: whether what is shown waits meanwhile, so that there is a pause.

        Raises: ModuleNotFoundError with the command that installs pygame-ce; NoDisplay where there is none.
        """
        if scale is not None and scale < 1:
            raise ValueError(f"The scale of the window is a whole number from 1 up, not {scale}.")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            self._pygame: Any = importlib.import_module("pygame")
        except ImportError:
            raise ModuleNotFoundError(f"A window needs pygame-ce; install it with: {install_extra('window')}") from None
        self.frames_per_second = frames_per_second
        """Pictures shown in a second; may be changed from game to game."""
        self._scale, self._pauses = scale, pauses
        self._times = 1
        """Window pixels for each pixel of the picture that is shown."""
        self._caption = ""
        self._screen: Any = None
        self._went_down: set[int] = set()
        self._clicked: dict[int, tuple[int, int]] = {}
        self._open_display()
        self._listen()
        self._ticks: Any = self._pygame.time.Clock()
        self.open = True
        """False once the person has closed the window."""

    def _open_display(self) -> None:
        try:
            with silent_errors():  # SDL tries everything, and what fails says so; one sentence of ours is enough
                self._pygame.display.init()
        except self._pygame.error as error:
            raise NoDisplay(NO_DISPLAY) from error
        # Without a display SDL quietly draws into memory, unless somebody asked for that (as tests do).
        if self._pygame.display.get_driver() in INVISIBLE and "SDL_VIDEODRIVER" not in os.environ:
            self._pygame.display.quit()
            raise NoDisplay(NO_DISPLAY)

    def show(self, frame: Array, caption: str = "") -> bool:
        """Show one uint8 [H, W, 3] frame when its time has come; False once the person wants no more.

        Raises: ValueError for what is not uint8 [H, W, 3].
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ValueError(f"A window shows uint8 [H, W, 3], not {frame.dtype} {list(frame.shape)}.")
        if not self.open:
            return False
        if self._screen is not None and self._pygame.display.get_surface() is None:
            self._reopen()
        self._times = self._scale or (SCALE if max(frame.shape) <= LARGE else 1)
        height, width = frame.shape[0] * self._times, frame.shape[1] * self._times
        if self._screen is None or self._screen.get_size() != (width, height):
            self._screen = self._pygame.display.set_mode((width, height))
        self._caption = caption
        self._pygame.display.set_caption(caption)
        surface = self._pygame.surfarray.make_surface(np.ascontiguousarray(frame.swapaxes(0, 1)))
        self._screen.blit(self._pygame.transform.scale(surface, (width, height)), (0, 0))
        self._pygame.display.flip()
        self._ticks.tick(self.frames_per_second)
        # One by one: what comes after a pause is not part of it.
        while (event := self._pygame.event.poll()).type != self._pygame.NOEVENT:
            self._take(event)
        return self.open

    def _reopen(self) -> None:
        """Environments of Gymnasium that draw with pygame end it for the whole process when they are closed.

        The next one begins pygame anew, but no window.
        """
        self._open_display()
        self._listen()
        self._screen = None

    def _take(self, event: Any) -> None:
        """One thing that the person has done."""
        pygame = self._pygame
        if self._asks_to_close(event):
            self.open = False
        elif self._pauses and self._asks_to_pause(event):
            self._pause()
        elif event.type == pygame.KEYDOWN:
            self._went_down.add(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button <= BUTTONS_OF_A_MOUSE:
            self._clicked[event.button] = event.pos

    def _asks_to_close(self, event: Any) -> bool:
        pygame = self._pygame
        return event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)

    def _asks_to_pause(self, event: Any) -> bool:
        return event.type == self._pygame.KEYDOWN and event.key == self._pygame.key.key_code(PAUSE)

    def _pause(self) -> None:
        """Wait until the person wants to go on, or no more."""
        self._pygame.display.set_caption(f"{self._caption} - paused, {PAUSE} goes on")
        while self.open and not self._asks_to_pause(event := self._pygame.event.wait()):
            self.open = not self._asks_to_close(event)

    def held(self) -> frozenset[str]:
        """Names of the keys that are down, as X names them; a gamepad's stick and first buttons count as keys.

        What is held is known as of the last `show`. A key that was let go of since it was last asked for counts once.
        """
        pressed, went_down, self._went_down = self._pygame.key.get_pressed(), self._went_down, set()
        names = {name for code, name in self._keys.items() if pressed[code] or code in went_down}
        return frozenset(names.union(*(_held_on(pad) for pad in self._pads)))

    def mouse(self) -> Mouse:
        """What the mouse does in the window, known as `held` is: a click that is over counts once, where it was."""
        pygame, clicked, self._clicked = self._pygame, self._clicked, {}
        pressed = {number for number, down in enumerate(pygame.mouse.get_pressed(), 1) if down}
        place = next(reversed(clicked.values())) if clicked else pygame.mouse.get_pos()
        inside = clicked or pygame.mouse.get_focused()
        at = (place[0] // self._times, place[1] // self._times) if inside else None
        return Mouse(frozenset(pressed | clicked.keys()), at)

    def _listen(self) -> None:
        pygame = self._pygame
        self._keys: dict[int, str] = {pygame.key.key_code(word): name for word, name in KEYS.items()}
        pygame.joystick.init()
        self._pads: list[Any] = [pygame.joystick.Joystick(number) for number in range(pygame.joystick.get_count())]

    def close(self) -> None:
        """Close the window."""
        self.open = False
        self._pygame.display.quit()


KEYS = {
    **{letter: letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789"},
    **{f"keypad {number}": f"KP_{number}" for number in range(10)},
    **{f"f{number}": f"F{number}" for number in range(2, 13)},
    **{name.lower(): name for name in ("Left", "Right", "Up", "Down", "space", "Tab")},
    **{name.lower(): name for name in ("Home", "End", "Insert", "Delete")},
    "return": "Return", "backspace": "BackSpace", "page up": "Page_Up", "page down": "Page_Down",
    "left shift": "Shift_L", "right shift": "Shift_R", "left ctrl": "Control_L", "right ctrl": "Control_R",
    "left alt": "Alt_L", "right alt": "Alt_R", "caps lock": "Caps_Lock", "keypad enter": "KP_Enter",
    "-": "minus", "=": "equal", ",": "comma", ".": "period", "/": "slash", ";": "semicolon", "'": "apostrophe",
    "[": "bracketleft", "]": "bracketright", "\\": "backslash", "`": "grave",
}  # fmt: skip
"""What keys are called by SDL, and by X; Escape and F1 are for the window itself."""
HEARD = frozenset(KEYS.values())
"""X names of the keys that can be played with in a window of ours."""
BUTTONS_OF_A_MOUSE = 3
"""SDL also tells turns of the wheel as buttons, of higher numbers."""
HALF = 0.5
"""How far a stick is pushed before it counts."""
BUTTONS = ("space", "Return", "Shift_L", "Control_L")
"""The keys that a gamepad's first buttons stand for."""


def _held_on(pad: Any) -> set[str]:
    """The keys that a gamepad holds down."""
    across = pad.get_axis(0) if pad.get_numaxes() > 0 else 0.0
    along = pad.get_axis(1) if pad.get_numaxes() > 1 else 0.0
    if pad.get_numhats() > 0:
        hat = pad.get_hat(0)
        across, along = across + hat[0], along - hat[1]
    directions = {"Left": across < -HALF, "Right": across > HALF, "Up": along < -HALF, "Down": along > HALF}
    buttons = {name: bool(pad.get_button(number)) for number, name in enumerate(BUTTONS[: pad.get_numbuttons()])}
    return {name for name, down in {**directions, **buttons}.items() if down}
