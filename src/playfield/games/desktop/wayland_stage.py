"""One window of a Wayland desktop as a stage, which the person picks in a dialog; keys come from a keyboard of ours.

Wayland tells nobody which windows there are, where they stand and who has the keyboard, so the window is the one that
was picked, the pointer stays where it is, and the person sees to it that the game has the keyboard. A game that is
started on a display of its own (screen.place = "own") needs none of this and is the better way.

Untested on a real machine: the tests have stand-ins for pipewire-capture and evdev, which write down what they are
told.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from playfield.extras import install_extra
from playfield.games.desktop.key_names import KEY_NAMES, key_name
from playfield.games.desktop.readers import Region
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch
from playfield.types import Array

BUTTONS = {1: "BTN_LEFT", 2: "BTN_MIDDLE", 3: "BTN_RIGHT"}
WHEEL = {4: 1, 5: -1}
TRIES, TRY_SECONDS = 500, 0.02
"""For the first picture, which comes once the window is drawn anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaylandModules:
    """The packages through which a Wayland desktop is seen and touched."""

    capture: Any
    """pipewire_capture."""
    evdev: Any


def wayland_modules() -> WaylandModules:
    """Those that are installed.

    Raises: ModuleNotFoundError with the command that installs them.
    """
    try:
        capture, evdev = (importlib.import_module(name) for name in ("pipewire_capture", "evdev"))
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"games on a Wayland desktop need {error.name}; install it with: {install_extra('wayland')}; "
            'or show the game on a display of its own: screen.place = "own"'
        ) from None
    return WaylandModules(capture=capture, evdev=evdev)


class NoWaylandStage(ValueError):
    """The window cannot be seen, or no keyboard can be made; the message says what to do."""


class WaylandStage:
    """The window that the person has picked, and a keyboard of ours in front of it."""

    def __init__(self, modules: WaylandModules) -> None:
        """Raises: NoWaylandStage."""
        self._codes: Any = modules.evdev.ecodes.ecodes
        self._session: Any = None
        self._stream: Any = None
        self._device: Any = self._keyboard(modules.evdev)
        self._newest: UInt8[Array, "h w 3"] | None = None
        try:
            self._session = session = _picked(modules.capture)
            self._stream = modules.capture.CaptureStream(
                session.fd, session.node_id, session.width, session.height, capture_interval=0.0
            )
            self._stream.start()
            height, width = self._picture().shape[:2]
        except BaseException:
            self.close()
            raise
        self._window = Window(number=1, title="", group="", left=0, top=0, width=width, height=height, mapped=True)

    def _keyboard(self, evdev: Any) -> Any:
        names = [*dict.fromkeys(name.linux for name in KEY_NAMES.values()), *BUTTONS.values()]
        events = {
            self._codes["EV_KEY"]: [self._codes[name] for name in names],
            self._codes["EV_REL"]: [self._codes["REL_WHEEL"]],
        }
        try:
            return evdev.UInput(events, name="Playfield keyboard")
        except (OSError, evdev.UInputError) as error:
            raise NoWaylandStage(
                f"no keyboard can be made ({error}); let this user write to /dev/uinput, or show the game on a display "
                'of its own: screen.place = "own"'
            ) from error

    def keycode(self, key: str) -> int:
        """The kernel's code of a key by its X name.

        Raises: ValueError where no key has that name.
        """
        return int(self._codes[key_name(key).linux])

    def key(self, code: int, *, down: bool) -> None:
        """Press or release a key."""
        self._device.write(self._codes["EV_KEY"], code, int(down))

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button of the mouse; 4 and 5 turn its wheel.

        Raises: ValueError where there is no such button.
        """
        if number in WHEEL:
            if down:
                self._device.write(self._codes["EV_REL"], self._codes["REL_WHEEL"], WHEEL[number])
                self._device.syn()  # two turns within one report would be one
        elif number in BUTTONS:
            self._device.write(self._codes["EV_KEY"], self._codes[BUTTONS[number]], int(down))
        else:
            raise ValueError(f"there is no button {number} of the mouse; 1 is the left, 2 the middle, 3 the right")

    def move(self, x: int, y: int) -> None:
        """Raises: NoWaylandStage, always: nobody knows where the window stands."""
        raise NoWaylandStage(
            "on Wayland nobody is told where a window stands, so the pointer cannot go to a place in it; show the game "
            'on a display of its own: screen.place = "own"'
        )

    def settle(self) -> None:
        """Let the desktop see all this at once."""
        self._device.syn()

    def windows(self) -> list[Window]:
        """The one that was picked."""
        return [self._window]

    def find(self, match: WindowMatch) -> Window | None:
        """The one that was picked, whatever it is called: that is not told."""
        return self._window

    def grab(self, window: Window, region: Region | None = None) -> UInt8[Array, "h w 3"]:
        """A copy of what the window shows.

        Raises: NoWindow once it is closed, or has another size than before.
        """
        picture = self._picture()
        if picture.shape[:2] != (window.height, window.width):
            raise NoWindow(
                f"the window was {window.width} x {window.height} and is {picture.shape[1]} x {picture.shape[0]} now; "
                "let it keep its size"
            )
        return picture if region is None else np.ascontiguousarray(region.of(picture))

    def _picture(self) -> UInt8[Array, "h w 3"]:
        """The newest picture; one that has come before where none has come since."""
        for _ in range(TRIES):
            if self._stream.window_invalid:
                raise NoWindow(f"the window cannot be seen any more ({self._stream.error or 'it was closed'})")
            frame = self._stream.get_frame()
            if frame is not None:
                self._newest = np.ascontiguousarray(frame[:, :, 2::-1])
            if self._newest is not None:
                return self._newest.copy()
            time.sleep(TRY_SECONDS)
        raise NoWindow("the window that was picked shows no picture")

    def corner(self, window: Window) -> tuple[int, int]:
        """Nobody is told; the pointer, which alone would have to know, cannot be moved here."""
        return window.left, window.top

    def focus(self, window: Window) -> None:
        """Nothing can be done: only the person gives the keyboard to a window."""

    def is_focused(self, window: Window) -> bool:
        """True, since it is not told: the person sees to it."""
        return True

    def forget(self) -> None:
        """Nothing is to be done: the desktop is the person's."""

    def environment(self) -> dict[str, str]:
        """Nothing: what we start is shown where we are."""
        return {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window in pixels."""
        return self._window.width, self._window.height

    @property
    def is_alive(self) -> bool:
        """Whether the window can still be seen."""
        return self._stream is not None and not self._stream.window_invalid

    def close(self) -> None:
        """Look away, and pull the keyboard's plug."""
        if self._stream is not None:
            self._stream.stop()
        if self._session is not None:
            self._session.close()
        if self._device is not None:
            self._device.close()
        self._stream = self._session = self._device = None


def _picked(capture: Any) -> Any:
    """What the person picks in the desktop's dialog.

    Raises: NoWaylandStage.
    """
    if not capture.is_available():
        raise NoWaylandStage(
            "this desktop has no portal that shows windows to programs; install xdg-desktop-portal for it, or show the "
            'game on a display of its own: screen.place = "own"'
        )
    try:
        session = capture.PortalCapture().select_window()
    except RuntimeError as error:
        raise NoWaylandStage(f"the desktop does not show its windows ({error}); update it, and try again") from error
    if session is None:
        raise NoWaylandStage("no window was picked; try again, and pick the game's")
    return session
