"""Gamepads by stand-ins for their packages: the same choices make the same movements on both systems."""

from __future__ import annotations

import pytest

from desktop.pretended import Evdev, Vigem
from desktop.test_actions import Hands, Places
from playfield.games.desktop.actions import Action, Choice, HeldInputs
from playfield.games.desktop.game_file import game_from
from playfield.games.desktop.gamepads import (
    PADS,
    LinuxGamepad,
    NoGamepad,
    Pad,
    WindowsGamepad,
    direction,
    import_gamepad,
    make_gamepad,
)
from playfield.games.desktop.games import desktop_games
from playfield.games.keys import keys_of

FILE = """
name = "it"
[launch]
command = ["{python}", "-c", "pass"]
[[axes]]
name = "move"
choices = [{label = "STAY"}, {label = "JUMP", pads = ["A", "LEFT_STICK_LEFT"], keys = ["space"]}]
"""


def held(*pads: Pad) -> Action:
    return Action("", (Choice(label="", pads=pads),))


def test_directions_of_a_stick_add_up():
    assert direction({"LEFT_STICK_UP", "LEFT_STICK_RIGHT"}, "LEFT_STICK") == (1, 1)
    assert direction({"LEFT_STICK_LEFT", "LEFT_STICK_RIGHT", "LEFT_STICK_DOWN"}, "LEFT_STICK") == (0, -1)
    assert direction({"LEFT_STICK_UP", "DOWN"}, "") == (0, -1)
    assert direction({"LEFT_STICK_UP"}, "RIGHT_STICK") == (0, 0)


def test_on_linux_a_change_is_one_report_of_the_difference():
    evdev = Evdev()
    inputs = HeldInputs(Hands(), Places(), LinuxGamepad(evdev))
    inputs.take(held("A", "LEFT_STICK_LEFT", "LEFT_STICK_UP", "LT"))
    assert evdev.seen.held == {"BTN_A"}
    assert evdev.axes == {"ABS_X": -32767, "ABS_Y": -32767, "ABS_Z": 255}  # upwards is negative there
    inputs.take(held("A", "LEFT_STICK_RIGHT", "DOWN"))
    assert evdev.seen.said == [("BTN_A", True)]
    assert evdev.axes == {"ABS_X": 32767, "ABS_Y": 0, "ABS_Z": 0, "ABS_HAT0X": 0, "ABS_HAT0Y": 1}
    inputs.release()
    assert evdev.seen.held == set()
    assert set(evdev.axes.values()) == {0}
    assert evdev.known["name"] == "Microsoft X-Box 360 pad"


def test_on_windows_the_same():
    vigem = Vigem()
    inputs = HeldInputs(Hands(), Places(), WindowsGamepad(vigem))
    inputs.take(held("LB", "RIGHT_STICK_UP", "RT", "UP"))
    assert vigem.seen.held == {"LEFT_SHOULDER", "DPAD_UP"}
    assert vigem.axes == {"right": (0.0, 1.0), "RT": 1.0}
    inputs.take(held("LB", "RIGHT_STICK_LEFT"))
    assert vigem.seen.said == [("LEFT_SHOULDER", True), ("DPAD_UP", True), ("DPAD_UP", False)]
    assert vigem.axes == {"right": (-1.0, 0.0), "RT": 0.0}
    inputs.release()
    inputs.release()
    assert vigem.seen.held == set()
    assert vigem.axes == {"right": (0.0, 0.0), "RT": 0.0}


@pytest.mark.parametrize("pad", PADS)
def test_everything_that_a_file_may_hold_is_there_and_is_let_go_of_when_the_plug_is_pulled(pad: Pad):
    evdev, vigem = Evdev(), Vigem()
    for gamepad, found in ((LinuxGamepad(evdev), evdev), (WindowsGamepad(vigem), vigem)):
        gamepad.control(pad, down=True)
        gamepad.settle()
        assert len(found.seen.held) + sum(value not in (0, (0.0, 0.0)) for value in found.axes.values()) == 1
        gamepad.close()
        gamepad.close()
        assert found.seen.held == set()
        assert all(value in (0, (0.0, 0.0)) for value in found.axes.values())
    assert not evdev.open


def test_what_lacks_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(NoGamepad, match=r"no gamepad can be made .*sudo modprobe uinput && sudo setfacl"):
        LinuxGamepad(Evdev(allowed=False))
    with pytest.raises(NoGamepad, match=r"VIGEM_ERROR_BUS_NOT_FOUND\); install the ViGEm bus driver"):
        WindowsGamepad(Vigem(driver=False))
    with pytest.raises(NoGamepad, match="no gamepad can be made on darwin; give the choices keys instead of pads"):
        make_gamepad("darwin")
    with pytest.raises(
        ModuleNotFoundError,
        match=r"gamepads need no_such_gamepad_package; .* -m pip install 'evdev>=1.9,<3'$",
    ):
        import_gamepad("no_such_gamepad_package")


def test_a_file_says_what_is_held_on_a_gamepad(tmp_path, monkeypatch: pytest.MonkeyPatch):
    game = game_from(FILE, "it.toml")
    assert game.needs_gamepad
    assert game.actions[1].choices[0].pads == ("A", "LEFT_STICK_LEFT")
    assert keys_of(game.actions) == (frozenset(), None)
    assert not game_from(FILE.replace('pads = ["A", "LEFT_STICK_LEFT"], ', ""), "it.toml").needs_gamepad
    with pytest.raises(ValueError, match=r"axes\[0\]\.choices\[1\]\.pads\[0\] should be one of 'A', 'B'"):
        game_from(FILE.replace('"A"', '"Z"'), "it.toml")
    (tmp_path / "it.toml").write_text(FILE)
    with pytest.raises(ValueError, match="is played with a gamepad, which all 2 copies would see: train with games=1"):
        desktop_games(str(tmp_path / "it.toml"), 2)
