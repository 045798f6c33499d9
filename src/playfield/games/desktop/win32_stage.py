"""The desktop of Windows as a stage: pictures of its primary monitor, keys by scan code, windows by their handles.

Untested on a real machine: the tests have stand-ins for dxcam, pydirectinput and pywin32, which write down what they
are told. Games that ask for administrator rights take no keys from programs that have none, and a covered window shows
what covers it.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from playfield.extras import install_extra
from playfield.games.desktop.key_names import key_name
from playfield.games.desktop.readers import Region
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch, the_only
from playfield.types import Array

BUTTONS = {1: "left", 2: "middle", 3: "right"}
WHEEL = {4: 1, 5: -1}
TO_VIRTUAL, DOWN = 3, 0x8000
"""From scan codes, with those of the grey keys, to Windows' own; the bit of a key that is down now."""
TRIES, TRY_SECONDS = 100, 0.02
"""For the first picture, which comes once anything on the screen is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsModules:
    """The packages through which Windows is seen and touched."""

    capture: Any
    """dxcam."""
    keys: Any
    """pydirectinput."""
    gui: Any
    """win32gui."""
    process: Any
    """win32process."""
    system: Any
    """win32api."""


def windows_modules() -> WindowsModules:
    """Those that are installed.

    Raises: ModuleNotFoundError with the command that installs them.
    """
    try:
        # dxcam first: it makes this process count in true pixels, before anything asks for a place.
        names = ("dxcam", "pydirectinput", "win32gui", "win32process", "win32api")
        capture, keys, gui, process, system = (importlib.import_module(name) for name in names)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"desktop games on Windows need {error.name}; install it with: {install_extra('windows')}"
        ) from None
    return WindowsModules(capture=capture, keys=keys, gui=gui, process=process, system=system)


class Win32Stage:
    """The desktop of the person who sits there, on the primary monitor."""

    def __init__(self, modules: WindowsModules) -> None:
        self._keys, self._gui, self._process, self._system = modules.keys, modules.gui, modules.process, modules.system
        self._keys.FAILSAFE = False  # it raises whenever the pointer happens to be in a corner, which a game may want
        self._camera: Any = modules.capture.create(output_color="RGB")

    def keycode(self, key: str) -> int:
        """The scan code of a key by its X name.

        Raises: ValueError where no key has that name.
        """
        code = self._keys.KEYBOARD_MAPPING.get(key_name(key).windows)
        if not isinstance(code, int):
            raise ValueError(f"the key {key!r} cannot be held down on Windows; choose another")
        return code

    def key(self, code: int, *, down: bool) -> None:
        """Press or release a key.

        Raises: OSError where Windows does not let us.
        """
        done = (self._keys.scancode_keyDown if down else self._keys.scancode_keyUp)(code, _pause=False)
        if not done:
            raise OSError("Windows lets no key through to the game: run it without administrator rights")

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button of the mouse; 4 and 5 turn its wheel.

        Raises: ValueError where there is no such button.
        """
        if number in WHEEL:
            if down:
                self._keys.scroll(WHEEL[number], _pause=False)
        elif number in BUTTONS:
            (self._keys.mouseDown if down else self._keys.mouseUp)(button=BUTTONS[number], _pause=False)
        else:
            raise ValueError(f"there is no button {number} of the mouse; 1 is the left, 2 the middle, 3 the right")

    def move(self, x: int, y: int) -> None:
        """Move the pointer to a place on the monitor."""
        self._keys.moveTo(x, y, _pause=False)

    def settle(self) -> None:
        """Nothing is to be done: Windows has taken everything when it answers."""

    def is_down(self, code: int) -> bool:
        """Whether a key is down, whoever presses it."""
        key: int = self._system.MapVirtualKey(code, TO_VIRTUAL)
        return bool(self._system.GetAsyncKeyState(key) & DOWN)

    def is_there(self, window: Window) -> bool:
        """Whether a window is not closed; it may be hidden."""
        return bool(self._gui.IsWindow(window.number))

    def windows(self) -> list[Window]:
        """Every window of the desktop, by what lies within its frame."""
        found: list[Window] = []

        def take(handle: int, _: object) -> bool:
            found.append(self._window(handle))
            return True

        self._gui.EnumWindows(take, None)
        return [window for window in found if window.title or window.group]

    def _window(self, handle: int) -> Window:
        gui = self._gui
        _, _, width, height = gui.GetClientRect(handle)
        left, top = gui.ClientToScreen(handle, (0, 0))
        _, pid = self._process.GetWindowThreadProcessId(handle)
        return Window(
            number=handle, title=gui.GetWindowText(handle), group=gui.GetClassName(handle), left=left, top=top,
            width=width, height=height, mapped=self._is_shown(handle), pid=pid,
        )  # fmt: skip

    def _is_shown(self, handle: int) -> bool:
        return bool(self._gui.IsWindowVisible(handle)) and not self._gui.IsIconic(handle)

    def find(self, match: WindowMatch) -> Window | None:
        """The one shown window that matches; none lies within another here, so two are two.

        Raises: NoWindow where more than one does.
        """
        return the_only(match, [window for window in self.windows() if window.mapped and match.fits(window)])

    def grab(self, window: Window, region: Region | None = None) -> UInt8[Array, "h w 3"]:
        """A copy of what the monitor shows where the window is now.

        Raises: NoWindow where the window is closed, hidden or of another size, or the monitor shows nothing.
        """
        left, top = self.corner(window)
        box = (left, top, left + window.width, top + window.height)
        # The whole window even for a region: of a monitor that stands still only the same box is given again.
        for _ in range(TRIES):
            frame = self._camera.grab(region=box, new_frame_only=False)
            if frame is not None:
                return np.ascontiguousarray(frame if region is None else region.of(frame))
            time.sleep(TRY_SECONDS)
        raise NoWindow("the monitor gives no picture; is it locked, or asleep?")

    def corner(self, window: Window) -> tuple[int, int]:
        """Where the window is now.

        Raises: NoWindow where it is closed, hidden or of another size.
        """
        if not self.is_there(window) or not self._is_shown(window.number):
            raise NoWindow(f"the window {window.title!r} is closed or hidden")
        now = self._window(window.number)
        if (now.width, now.height) != (window.width, window.height):
            raise NoWindow(f"the window {window.title!r} has another size now; leave it as large as it was")
        return now.left, now.top

    def focus(self, window: Window) -> None:
        """Bring a window to the front, and the pointer over it."""
        self._gui.SetForegroundWindow(window.number)
        self.move(window.left + window.width // 2, window.top + window.height // 2)

    def is_focused(self, window: Window) -> bool:
        """Whether keys go to that window."""
        return bool(self._gui.GetForegroundWindow() == window.number)

    def forget(self) -> None:
        """Nothing is to be done: the desktop is the person's."""

    def environment(self) -> dict[str, str]:
        """Nothing: every program is shown on the desktop."""
        return {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the primary monitor in pixels."""
        return int(self._camera.width), int(self._camera.height)

    @property
    def is_alive(self) -> bool:
        """Whether the monitor can still be seen."""
        return not self._camera.is_released

    def close(self) -> None:
        """Look away."""
        if not self._camera.is_released:
            self._camera.release()
