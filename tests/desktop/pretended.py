"""Stand-ins for packages of other systems: they behave as those say they do, and write down what they are told.

They refuse what the real ones would not do twice: a key that is pressed while it is down is a fault of ours.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from playfield.games.desktop.key_names import KEY_NAMES

LEFT, TOP, WIDTH, HEIGHT = 10, 20, 40, 30
BODY, SPOT = (200, 100, 50), (10, 20, 250)
SPOT_BOX = (5, 6, 8, 4)


def shown() -> np.ndarray:
    """What the window of the pretended game shows, as red, green and blue."""
    picture = np.full((HEIGHT, WIDTH, 3), BODY, np.uint8)
    left, top, width, height = SPOT_BOX
    picture[top : top + height, left : left + width] = SPOT
    return picture


class Seen:
    """What hands of any kind have done."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.said: list[tuple[object, ...]] = []
        self.pointer = (0, 0)

    def press(self, name: str, down: bool) -> None:
        assert (name in self.held) != down, f"{name} was {'pressed' if down else 'released'} twice"
        (self.held.add if down else self.held.discard)(name)
        self.said.append((name, down))

    def turn(self, clicks: int) -> None:
        self.said.append(("wheel", clicks))

    def point(self, x: int, y: int) -> None:
        self.pointer = (x, y)
        self.said.append(("pointer", x, y))


class Camera:
    """dxcam's: it gives a picture of a box only where that has changed, or was asked for before."""

    def __init__(self, monitor: np.ndarray) -> None:
        self.height, self.width = monitor.shape[:2]
        self.is_released = False
        self.monitor = monitor
        self.missing = 2
        """Asks before the monitor draws for the first time."""
        self._known: dict[tuple[int, ...], np.ndarray] = {}

    def grab(self, region: tuple[int, int, int, int], new_frame_only: bool = True) -> np.ndarray | None:
        assert not self.is_released
        left, top, right, bottom = region
        assert 0 <= left < right <= self.width
        assert 0 <= top < bottom <= self.height
        if self.missing:
            self.missing -= 1
            return None
        if not self._known:
            self._known[region] = self.monitor[top:bottom, left:right].copy()
        found = self._known.get(region)
        return None if new_frame_only or found is None else found.copy()

    def release(self) -> None:
        assert not self.is_released
        self.is_released = True


class Windows:
    """dxcam, pydirectinput and pywin32 of a desktop with one game and the shell."""

    def __init__(self) -> None:
        self.seen = Seen()
        monitor = np.zeros((120, 160, 3), np.uint8)
        monitor[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH] = shown()
        self.camera = Camera(monitor)
        self.table: dict[int, dict[str, Any]] = {
            7: {"title": "", "group": "Progman", "box": (0, 0, 160, 120), "pid": 4, "iconic": False},
            8: {"title": "Pretended game", "group": "SDL_app", "box": (LEFT, TOP, WIDTH, HEIGHT), "pid": 70,
                "iconic": False},
            9: {"title": "", "group": "", "box": (0, 0, 1, 1), "pid": 4, "iconic": False},
        }  # fmt: skip
        self.front = 7
        self.taken = True
        """Whether Windows lets keys through."""
        self.codes = {name.windows: 100 + n for n, name in enumerate(KEY_NAMES.values())}
        self.codes |= {"left": 0xE04B, "right": 0xE04D, "space": 0x39}

    def _key(self, code: int, down: bool, pause: bool) -> bool:
        assert pause is False
        if self.taken:
            self.seen.press(next(name for name, known in self.codes.items() if known == code), down)
        return self.taken

    @property
    def modules(self) -> dict[str, Any]:
        """As WindowsModules has them."""
        table = self.table

        def create(*, output_color: str) -> Camera:
            assert output_color == "RGB"
            return self.camera

        keys = SimpleNamespace(
            FAILSAFE=True,
            KEYBOARD_MAPPING={**self.codes, "pause": [0xE11D, 0x45]},
            scancode_keyDown=lambda code, _pause=True: self._key(code, True, _pause),
            scancode_keyUp=lambda code, _pause=True: self._key(code, False, _pause),
            mouseDown=lambda button, _pause=True: self.seen.press(f"mouse {button}", True),
            mouseUp=lambda button, _pause=True: self.seen.press(f"mouse {button}", False),
            moveTo=lambda x, y, _pause=True: self.seen.point(x, y),
            scroll=lambda clicks, _pause=True: self.seen.turn(clicks),
        )
        gui = SimpleNamespace(
            EnumWindows=lambda take, more: [take(handle, more) for handle in table],
            GetClientRect=lambda handle: (0, 0, *table[handle]["box"][2:]),
            ClientToScreen=lambda handle, place: tuple(
                a + b for a, b in zip(table[handle]["box"], place, strict=False)
            ),
            GetWindowText=lambda handle: table[handle]["title"],
            GetClassName=lambda handle: table[handle]["group"],
            IsWindow=lambda handle: handle in table,
            IsWindowVisible=lambda handle: 1,
            IsIconic=lambda handle: table[handle]["iconic"],
            SetForegroundWindow=lambda handle: setattr(self, "front", handle),
            GetForegroundWindow=lambda: self.front,
        )
        process = SimpleNamespace(GetWindowThreadProcessId=lambda handle: (1, table[handle]["pid"]))
        down = lambda key: 0x8000 if {v: k for k, v in self.codes.items()}[key - 1] in self.seen.held else 1  # noqa: E731
        system = SimpleNamespace(MapVirtualKey=lambda code, kind: code + 1 if kind == 3 else 0, GetAsyncKeyState=down)
        capture = SimpleNamespace(create=create)
        return {"capture": capture, "keys": keys, "gui": gui, "process": process, "system": system}


class UInputError(Exception):
    """As evdev's."""


class Evdev:
    """evdev, whose devices write down what a reader of them would see once they are told to `syn`."""

    UInputError = UInputError

    def __init__(self, *, allowed: bool = True) -> None:
        self.seen = Seen()
        self.allowed = allowed
        self.open = 0
        self.axes: dict[str, int] = {}
        self.known: dict[str, Any] = {}
        names = [*dict.fromkeys(name.linux for name in KEY_NAMES.values())]
        names += [f"BTN_{n}" for n in ("LEFT", "MIDDLE", "RIGHT", "A", "B", "X", "Y", "TL", "TR", "SELECT", "START",
                                       "MODE", "THUMBL", "THUMBR")]  # fmt: skip
        codes = {name: 30 + number for number, name in enumerate(names)}
        axes = ("X", "Y", "Z", "RX", "RY", "RZ", "HAT0X", "HAT0Y")
        codes |= {f"ABS_{name}": 1000 + number for number, name in enumerate(axes)} | {"REL_WHEEL": 8}
        self.ecodes = SimpleNamespace(ecodes={"EV_KEY": 1, "EV_REL": 2, "EV_ABS": 3, **codes})

    def AbsInfo(self, *numbers: int) -> tuple[int, ...]:  # noqa: N802 (evdev's name)
        assert len(numbers) == 6
        return numbers

    def UInput(self, events: dict[int, list[Any]], **known: Any) -> Evdev:  # noqa: N802
        if not self.allowed:
            raise UInputError('"/dev/uinput" cannot be opened for writing')
        self._may = {(kind, code[0] if isinstance(code, tuple) else code) for kind in events for code in events[kind]}
        self._span = {code[0]: code[1][1:3] for code in events.get(3, [])}
        self.known, self._waiting = known, list[tuple[int, int, int]]()
        self.open += 1
        return self

    def write(self, kind: int, code: int, value: int) -> None:
        assert self.open
        assert (kind, code) in self._may, "the device was not made for that"
        self._waiting.append((kind, code, value))

    def syn(self) -> None:
        names = {code: name for name, code in self.ecodes.ecodes.items() if not name.startswith("EV_")}
        for kind, code, value in self._waiting:
            name = names[code]
            if kind == 1:
                self.seen.press(name, bool(value))
            elif kind == 2:
                self.seen.turn(value)
            else:
                low, high = self._span[code]
                assert low <= value <= high
                self.axes[name] = value
        self._waiting = []

    def close(self) -> None:
        assert self.open
        self.open -= 1


class Pipewire:
    """pipewire_capture, with the person in front of its dialog."""

    def __init__(self) -> None:
        self.available, self.picked, self.fails = True, True, False
        self.window_invalid, self.error = False, None
        self.missing = 2
        """Asks before there is a picture."""
        self.picture = np.dstack([shown()[:, :, ::-1], np.full((HEIGHT, WIDTH), 255, np.uint8)])
        """As blue, green, red and nothing."""
        self.open: set[str] = set()
        self.fd, self.node_id, self.width, self.height = 5, 6, WIDTH + 2, HEIGHT + 2

    def is_available(self) -> bool:
        return self.available

    def PortalCapture(self) -> Pipewire:  # noqa: N802 (its name)
        return self

    def select_window(self) -> Any:
        if not self.picked:
            return None
        self.open.add("session")
        return SimpleNamespace(
            fd=5, node_id=6, width=WIDTH + 2, height=HEIGHT + 2, close=lambda: self.open.discard("session")
        )

    def CaptureStream(self, fd: int, node: int, width: int, height: int, capture_interval: float) -> Pipewire:  # noqa: N802
        assert (fd, node, width, height, capture_interval) == (5, 6, WIDTH + 2, HEIGHT + 2, 0.0)
        return self

    def start(self) -> None:
        if self.fails:
            raise RuntimeError("no stream")
        self.open.add("stream")

    def get_frame(self) -> np.ndarray | None:
        if self.missing:
            self.missing -= 1
            return None
        self.missing = 1  # nothing new until it is drawn again
        return self.picture.copy()

    def stop(self) -> None:
        self.open.discard("stream")


class Vigem:
    """vgamepad, whose device shows what it was told once it is told to `update`."""

    def __init__(self, *, driver: bool = True) -> None:
        self.driver = driver
        self.XUSB_BUTTON = SimpleNamespace(**{f"XUSB_GAMEPAD_{name}": name for name in (
            "A", "B", "X", "Y", "LEFT_SHOULDER", "RIGHT_SHOULDER", "BACK", "START", "GUIDE", "LEFT_THUMB",
            "RIGHT_THUMB", "DPAD_UP", "DPAD_DOWN", "DPAD_LEFT", "DPAD_RIGHT")})  # fmt: skip
        self.seen = Seen()
        self.axes: dict[str, Any] = {}
        self._next: dict[str, Any] = {}
        self._buttons = list[tuple[str, bool]]()

    def VX360Gamepad(self) -> Vigem:  # noqa: N802 (its name)
        if not self.driver:
            raise RuntimeError("VIGEM_ERROR_BUS_NOT_FOUND")
        return self

    def press_button(self, button: str) -> None:
        self._buttons.append((button, True))

    def release_button(self, button: str) -> None:
        self._buttons.append((button, False))

    def left_trigger_float(self, value_float: float) -> None:
        self._next["LT"] = value_float

    def right_trigger_float(self, value_float: float) -> None:
        self._next["RT"] = value_float

    def left_joystick_float(self, x_value_float: float, y_value_float: float) -> None:
        self._next["left"] = (x_value_float, y_value_float)

    def right_joystick_float(self, x_value_float: float, y_value_float: float) -> None:
        self._next["right"] = (x_value_float, y_value_float)

    def update(self) -> None:
        for button, down in self._buttons:
            self.seen.press(button, down)
        self._buttons = []
        self.axes |= self._next

    def reset(self) -> None:
        self._buttons = [(button, False) for button in self.seen.held]
        self._next = {name: (0.0, 0.0) if name in ("left", "right") else 0.0 for name in self.axes}
