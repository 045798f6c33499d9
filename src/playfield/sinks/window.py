"""A live window on a game, for `playfield watch`."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from playfield.extras import install_extra
from playfield.silence import silent_errors
from playfield.types import Array

INVISIBLE = ("offscreen", "dummy")
NO_DISPLAY = "There is no display to open a window on; `playfield video` writes a film instead."


class NoDisplay(Exception):
    """There is no display to open a window on."""


class Window:
    """Shows frames at the speed of the game until the person closes the window or presses Escape."""

    def __init__(self, *, frames_per_second: float = 60.0, scale: int = 3) -> None:
        """The window opens with the first frame, which gives it its size; whether it can is found out at once.

        Raises: ModuleNotFoundError with the command that installs pygame-ce; NoDisplay where there is none.
        """
        if scale < 1:
            raise ValueError(f"The scale of the window is a whole number from 1 up, not {scale}.")
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            self._pygame: Any = importlib.import_module("pygame")
        except ImportError:
            raise ModuleNotFoundError(f"A window needs pygame-ce; install it with: {install_extra('window')}") from None
        self.frames_per_second = frames_per_second
        """Pictures shown in a second; may be changed from game to game."""
        self._scale = scale
        self._screen: Any = None
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
        height, width = frame.shape[0] * self._scale, frame.shape[1] * self._scale
        if self._screen is None or self._screen.get_size() != (width, height):
            self._screen = self._pygame.display.set_mode((width, height))
        self._pygame.display.set_caption(caption)
        surface = self._pygame.surfarray.make_surface(np.ascontiguousarray(frame.swapaxes(0, 1)))
        self._screen.blit(self._pygame.transform.scale(surface, (width, height)), (0, 0))
        self._pygame.display.flip()
        self._ticks.tick(self.frames_per_second)
        self.open = not any(self._asks_to_close(event) for event in self._pygame.event.get())
        return self.open

    def _asks_to_close(self, event: Any) -> bool:
        pygame = self._pygame
        return event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)

    def held(self) -> frozenset[str]:
        """Names of the keys that are down, as X names them; a gamepad's stick and first buttons count as keys.

        What is held is known as of the last `show`.
        """
        pressed = self._pygame.key.get_pressed()
        names = {name for code, name in self._keys.items() if pressed[code]}
        return frozenset(names.union(*(_held_on(pad) for pad in self._pads)))

    def _listen(self) -> None:
        pygame = self._pygame
        words = {"left": "Left", "right": "Right", "up": "Up", "down": "Down", "space": "space", "return": "Return",
                 "tab": "Tab", "backspace": "BackSpace", "left shift": "Shift_L", "right shift": "Shift_R",
                 "left ctrl": "Control_L", "right ctrl": "Control_R", "left alt": "Alt_L"}  # fmt: skip
        letters = "abcdefghijklmnopqrstuvwxyz0123456789"
        self._keys: dict[int, str] = {
            pygame.key.key_code(word): name
            for word, name in {**words, **dict(zip(letters, letters, strict=True))}.items()
        }
        pygame.joystick.init()
        self._pads: list[Any] = [pygame.joystick.Joystick(number) for number in range(pygame.joystick.get_count())]

    def close(self) -> None:
        """Close the window."""
        self.open = False
        self._pygame.display.quit()


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
