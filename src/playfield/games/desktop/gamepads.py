"""A gamepad that does not exist: hands of another kind, for games that are played with one.

Untested on a real machine: the tests have stand-ins for evdev and vgamepad, which write down what they are told.
"""

from __future__ import annotations

import importlib
from collections.abc import Set as AbstractSet
from typing import Any, Literal, Protocol, cast, get_args

from playfield.extras import install_extra

Pad = Literal[
    "A", "B", "X", "Y", "LB", "RB", "LT", "RT", "BACK", "START", "GUIDE", "L3", "R3", "UP", "DOWN", "LEFT", "RIGHT",
    "LEFT_STICK_UP", "LEFT_STICK_DOWN", "LEFT_STICK_LEFT", "LEFT_STICK_RIGHT",
    "RIGHT_STICK_UP", "RIGHT_STICK_DOWN", "RIGHT_STICK_LEFT", "RIGHT_STICK_RIGHT",
]  # fmt: skip
"""What can be held on a gamepad: buttons, triggers pulled through, the cross, and sticks pushed to their edge.

Two directions of a stick together are a diagonal; two that oppose each other leave it in the middle.
"""
PADS: tuple[Pad, ...] = get_args(Pad)
Side = Literal["LEFT_STICK", "RIGHT_STICK"]
SIDES: tuple[Side, ...] = get_args(Side)


class Gamepad(Protocol):
    """A gamepad that a game takes for a real one."""

    def control(self, name: Pad, *, down: bool) -> None:
        """Press or push something, or let go of it; the game sees it once it is settled."""
        ...

    def settle(self) -> None:
        """Let the game see all this at once."""
        ...

    def close(self) -> None:
        """Let go of everything and pull the plug; done twice it does nothing."""
        ...


class NoGamepad(Exception):
    """No gamepad can be made here; the message says what lacks."""


def direction(held: AbstractSet[str], stick: str) -> tuple[int, int]:
    """Where a stick, or with an empty name the cross, is pushed: right and up, each -1, 0 or 1."""
    up, down, left, right = (f"{stick}_{way}".lstrip("_") in held for way in ("UP", "DOWN", "LEFT", "RIGHT"))
    return right - left, up - down


_LINUX_BUTTONS: dict[str, str] = {
    "A": "BTN_A", "B": "BTN_B", "X": "BTN_X", "Y": "BTN_Y", "LB": "BTN_TL", "RB": "BTN_TR", "BACK": "BTN_SELECT",
    "START": "BTN_START", "GUIDE": "BTN_MODE", "L3": "BTN_THUMBL", "R3": "BTN_THUMBR",
}  # fmt: skip
_LINUX_TRIGGERS = {"LT": "ABS_Z", "RT": "ABS_RZ"}
_LINUX_STICKS = {"LEFT_STICK": ("ABS_X", "ABS_Y"), "RIGHT_STICK": ("ABS_RX", "ABS_RY"), "": ("ABS_HAT0X", "ABS_HAT0Y")}
FULL, PULLED = 32767, 255
UINPUT = "/dev/uinput"
"""Through which programs make devices on Linux."""


class LinuxGamepad:
    """A gamepad of the kernel's, made through /dev/uinput; every program on the machine sees it."""

    def __init__(self, evdev: Any) -> None:
        """Raises: NoGamepad where the kernel makes none."""
        self._codes: Any = evdev.ecodes.ecodes
        axes = [(f"ABS_{axis}", -FULL, FULL) for axis in ("X", "Y", "RX", "RY")]
        axes += [(axis, 0, PULLED) for axis in _LINUX_TRIGGERS.values()]
        axes += [(axis, -1, 1) for axis in _LINUX_STICKS[""]]
        events = {
            self._codes["EV_KEY"]: [self._codes[button] for button in _LINUX_BUTTONS.values()],
            self._codes["EV_ABS"]: [
                (self._codes[axis], evdev.AbsInfo(0, low, high, 0, 0, 0)) for axis, low, high in axes
            ],
        }
        # Games know gamepads by maker and model, and this one's buttons by heart.
        known = {"name": "Microsoft X-Box 360 pad", "vendor": 0x045E, "product": 0x028E, "version": 0x0114}
        try:
            self._device: Any = evdev.UInput(events, **known)
        except (OSError, evdev.UInputError) as error:
            raise NoGamepad(
                f"no gamepad can be made ({error}); let this user write there: sudo modprobe uinput && "
                f"sudo setfacl -m u:$USER:rw {UINPUT}"
            ) from error
        self._held: set[str] = set()
        self._open = True

    def control(self, name: Pad, *, down: bool) -> None:
        """Press or push something, or let go of it."""
        (self._held.add if down else self._held.discard)(name)
        if name in _LINUX_BUTTONS:
            self._write("EV_KEY", _LINUX_BUTTONS[name], int(down))
        elif name in _LINUX_TRIGGERS:
            self._write("EV_ABS", _LINUX_TRIGGERS[name], PULLED if down else 0)
        else:
            stick = name.rpartition("_")[0]
            right, up = direction(self._held, stick)
            full = FULL if stick else 1
            # Upwards is the negative end of an axis on Linux.
            for axis, value in zip(_LINUX_STICKS[stick], (right * full, -up * full), strict=True):
                self._write("EV_ABS", axis, value)

    def _write(self, kind: str, code: str, value: int) -> None:
        self._device.write(self._codes[kind], self._codes[code], value)

    def settle(self) -> None:
        """Let the game see all this at once."""
        self._device.syn()

    def close(self) -> None:
        """Let go of everything and pull the plug."""
        if not self._open:
            return
        self._open = False
        for name in sorted(self._held):
            self.control(cast(Pad, name), down=False)
        self._device.syn()
        self._device.close()


_WINDOWS_BUTTONS: dict[str, str] = {
    "A": "A", "B": "B", "X": "X", "Y": "Y", "LB": "LEFT_SHOULDER", "RB": "RIGHT_SHOULDER", "BACK": "BACK",
    "START": "START", "GUIDE": "GUIDE", "L3": "LEFT_THUMB", "R3": "RIGHT_THUMB", "UP": "DPAD_UP", "DOWN": "DPAD_DOWN",
    "LEFT": "DPAD_LEFT", "RIGHT": "DPAD_RIGHT",
}  # fmt: skip


class WindowsGamepad:
    """A gamepad of the ViGEm bus, a driver that vgamepad brings along and Windows asks about once."""

    def __init__(self, vgamepad: Any) -> None:
        """Raises: NoGamepad where the driver is not there."""
        self._buttons: Any = vgamepad.XUSB_BUTTON
        try:
            self._device: Any = vgamepad.VX360Gamepad()
        except Exception as error:  # vgamepad has no errors of its own
            raise NoGamepad(f"no gamepad can be made ({error}); install the ViGEm bus driver, and try again") from error
        self._held: set[str] = set()
        self._open = True

    def control(self, name: Pad, *, down: bool) -> None:
        """Press or push something, or let go of it."""
        (self._held.add if down else self._held.discard)(name)
        if name in _WINDOWS_BUTTONS:
            button = getattr(self._buttons, f"XUSB_GAMEPAD_{_WINDOWS_BUTTONS[name]}")
            (self._device.press_button if down else self._device.release_button)(button=button)
        elif name in ("LT", "RT"):
            pull = self._device.left_trigger_float if name == "LT" else self._device.right_trigger_float
            pull(value_float=float(down))
        else:
            stick = name.rpartition("_")[0]
            push = self._device.left_joystick_float if stick == "LEFT_STICK" else self._device.right_joystick_float
            right, up = direction(self._held, stick)
            push(x_value_float=float(right), y_value_float=float(up))

    def settle(self) -> None:
        """Let the game see all this at once."""
        self._device.update()

    def close(self) -> None:
        """Let go of everything and pull the plug, which the device does when nothing holds it any more."""
        if not self._open:
            return
        self._open = False
        self._device.reset()
        self._device.update()
        self._device = None


def make_gamepad(platform: str) -> Gamepad:
    """A gamepad on this system.

    Raises: NoGamepad; ModuleNotFoundError with the command that installs what lacks.
    """
    if platform == "win32":
        return WindowsGamepad(import_gamepad("vgamepad"))
    if platform.startswith("linux"):
        return LinuxGamepad(import_gamepad("evdev"))
    raise NoGamepad(f"no gamepad can be made on {platform}; give the choices keys instead of pads")


def import_gamepad(module: str) -> Any:
    """The package that makes gamepads.

    Raises: ModuleNotFoundError with the command that installs it; NoGamepad where its driver does not answer.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"gamepads need {module}; install it with: {install_extra('gamepad')}") from None
    except Exception as error:  # vgamepad asks for its driver while it is imported
        raise NoGamepad(f"no gamepad can be made ({error}); install the ViGEm bus driver, and try again") from error
