"""One contract for every stage: a display of ours as it is, those of other systems by stand-ins for their packages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from desktop.needs import has_display
from desktop.pretended import HEIGHT, LEFT, SPOT, SPOT_BOX, TOP, WIDTH, Evdev, Pipewire, Windows, shown
from playfield.games.desktop.actions import Action, Choice, HeldInputs
from playfield.games.desktop.attention import interrupt
from playfield.games.desktop.game_file import GameFile, game_from
from playfield.games.desktop.key_names import KEY_NAMES, key_name
from playfield.games.desktop.own_stage import OwnStage
from playfield.games.desktop.programs import FoundProgram
from playfield.games.desktop.readers import Region
from playfield.games.desktop.stage import SharedStage, Stage
from playfield.games.desktop.stages import NoStage, stage_for
from playfield.games.desktop.wayland_stage import NoWaylandStage, WaylandModules, WaylandStage
from playfield.games.desktop.win32_stage import Win32Stage, WindowsModules
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch

TITLE = WindowMatch(title="^Pretended game$")
KEYS = {"Left": ("left", "KEY_LEFT"), "space": ("space", "KEY_SPACE")}


class Case(NamedTuple):
    """A stage with the pretended game on it, and what can be found out behind its back."""

    stage: Stage
    held: Callable[[], set[str]]
    """Which of KEYS are down, by their X names, and mouse buttons as `mouse 1`."""
    pointer: Callable[[], tuple[int, int]] | None
    corner: tuple[int, int]
    closed: Callable[[], bool]
    leave: Callable[[], None] = lambda: None
    """For whoever looked behind its back."""


def on_windows(folder: Path) -> Case:
    system = Windows()
    names = {windows: x11 for x11, (windows, _) in KEYS.items()} | {"mouse left": "mouse 1"}
    stage = Win32Stage(WindowsModules(**system.modules))
    return Case(
        stage, lambda: {names[name] for name in system.seen.held}, lambda: system.seen.pointer, (LEFT, TOP),
        lambda: system.camera.is_released,
    )  # fmt: skip


def on_wayland(folder: Path) -> Case:
    evdev, pipewire = Evdev(), Pipewire()
    names = {linux: x11 for x11, (_, linux) in KEYS.items()} | {"BTN_LEFT": "mouse 1"}
    stage = WaylandStage(WaylandModules(capture=pipewire, evdev=evdev))
    return Case(
        stage, lambda: {names[name] for name in evdev.seen.held}, None, (0, 0),
        lambda: not pipewire.open and not evdev.open,
    )  # fmt: skip


def on_our_own(folder: Path) -> Case:
    stage = OwnStage(folder, 160, 120)
    from Xlib import X
    from Xlib.display import Display

    display: Any = Display(stage.environment()["DISPLAY"])
    root = display.screen().root

    def window(parent: Any, box: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Any:
        red, green, blue = colour
        pixel = red << 16 | green << 8 | blue
        made = parent.create_window(*box, 0, X.CopyFromParent, background_pixel=pixel, override_redirect=True)
        made.map()
        return made

    outer = window(root, (LEFT, TOP, WIDTH, HEIGHT), tuple(int(v) for v in shown()[0, 0]))
    outer.set_wm_name("Pretended game")
    window(outer, SPOT_BOX, SPOT)
    display.sync()

    def held() -> set[str]:
        keys = {x11 for x11 in KEYS if is_down(stage.keycode(x11))}
        mask = root.query_pointer().mask
        return keys | ({"mouse 1"} if mask & X.Button1Mask else set())

    def is_down(code: int) -> bool:
        return bool(display.query_keymap()[code // 8] >> code % 8 & 1)

    def pointer() -> tuple[int, int]:
        found = root.query_pointer()
        return found.root_x, found.root_y

    return Case(stage, held, pointer, (LEFT, TOP), lambda: not stage.is_alive, display.close)


@pytest.fixture(
    name="case",
    params=[
        pytest.param(on_our_own, marks=has_display, id="own"),
        pytest.param(on_windows, id="windows"),
        pytest.param(on_wayland, id="wayland"),
    ],
)
def a_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    case = request.param(tmp_path)
    yield case
    with contextlib.suppress(Exception):  # its display may be gone
        case.leave()
    case.stage.close()


def test_the_window_is_found_where_it_stands(case: Case):
    window = case.stage.find(TITLE)
    assert window is not None
    assert (window.left, window.top, window.width, window.height) == (*case.corner, WIDTH, HEIGHT)
    assert window.mapped
    assert window.number in [each.number for each in case.stage.windows()]
    assert window.left + window.width <= case.stage.size[0]
    assert window.top + window.height <= case.stage.size[1]


def test_a_picture_is_red_green_and_blue_and_nobody_elses(case: Case):
    window = case.stage.find(TITLE)
    assert window is not None
    region = Region(left=3, top=5, width=12, height=7)
    for _ in range(2):  # the second time nothing has been drawn since
        for part, expected in ((None, shown()), (region, region.of(shown()))):
            picture = case.stage.grab(window, part)
            assert picture.dtype == np.uint8
            assert np.array_equal(picture, expected)
            picture[:] = 0


class Nowhere:
    def middle(self, region: str) -> tuple[int, int]:
        return 33, 44


def test_what_is_held_changes_by_the_difference_and_is_let_go_of(case: Case):
    inputs = HeldInputs(case.stage, Nowhere())
    left, both, click = (
        Action("", (Choice(label="", keys=keys, buttons=buttons),))
        for keys, buttons in ((("Left",), ()), (("Left", "space"), ()), ((), (1,)))
    )
    seen = list[set[str]]()
    for action in (left, both, both, left, click):
        inputs.take(action)  # a stand-in refuses what is pressed or released twice
        seen.append(case.held())
    assert seen == [{"Left"}, {"Left", "space"}, {"Left", "space"}, {"Left"}, {"mouse 1"}]
    inputs.take(both)
    inputs.release()
    inputs.release()
    assert case.held() == set()


def test_the_pointer_goes_to_a_place_or_the_system_is_named_that_has_none(case: Case):
    inputs = HeldInputs(case.stage, Nowhere())
    there = Action("", (Choice(label="", at="here"),))
    if case.pointer is None:
        with pytest.raises(NoWaylandStage, match=r'the pointer cannot go to a place.*screen.place = "own"'):
            inputs.take(there)
        return
    inputs.take(there)
    assert case.pointer() == (33, 44)
    window = case.stage.find(TITLE)
    assert window is not None
    case.stage.focus(window)
    assert case.pointer() == (LEFT + WIDTH // 2, TOP + HEIGHT // 2)
    assert case.stage.is_focused(window)


def test_keys_have_the_names_of_x(case: Case):
    codes = [case.stage.keycode(key) for key in ("Left", "Right", "space", "a", "Return", "F1", "Control_L", "KP_5")]
    assert len(set(codes)) == 8
    assert case.stage.keycode("A") == case.stage.keycode("a")
    with pytest.raises(ValueError, match="there is no key 'Turbo'; names are those of X"):
        case.stage.keycode("Turbo")


def test_a_stage_is_closed_once_and_leaves_nothing_open(case: Case):
    assert case.stage.is_alive
    assert not case.closed()
    case.stage.close()
    case.stage.close()
    assert case.closed()
    assert not case.stage.is_alive


def test_the_wheel_turns_once_a_click():
    for stage, seen in _wheels():
        HeldInputs(stage, Nowhere()).take(Action("", (Choice(label="", scroll=-2),)))
        HeldInputs(stage, Nowhere()).take(Action("", (Choice(label="", scroll=1),)))
        assert seen.said == [("wheel", -1), ("wheel", -1), ("wheel", 1)]
        with pytest.raises(ValueError, match="there is no button 12 of the mouse"):
            stage.button(12, down=True)


def _wheels() -> list[tuple[Stage, Any]]:
    windows, evdev = Windows(), Evdev()
    return [
        (Win32Stage(WindowsModules(**windows.modules)), windows.seen),
        (WaylandStage(WaylandModules(capture=Pipewire(), evdev=evdev)), evdev.seen),
    ]


def test_a_person_in_front_of_windows_is_heeded():
    system = Windows()
    stage = Win32Stage(WindowsModules(**system.modules))
    assert isinstance(stage, SharedStage)
    window = stage.find(TITLE)
    assert window is not None
    assert not stage.is_focused(window)
    stage.focus(window)
    assert stage.is_focused(window)
    code = stage.keycode("Left")
    assert not stage.is_down(code)
    system.seen.press("left", True)
    assert stage.is_down(code)
    assert stage.is_there(window)
    del system.table[window.number]
    assert not stage.is_there(window)


def test_two_windows_of_one_name_are_two_on_windows_and_a_minimised_one_is_none():
    system = Windows()
    stage = Win32Stage(WindowsModules(**system.modules))
    assert [window.group for window in stage.windows()] == ["Progman", "SDL_app"]
    system.table[11] = {**system.table[8], "box": (0, 0, 160, 120)}
    with pytest.raises(
        NoWindow, match=r"is what 2 windows are: 'Pretended game' \(40 x 30\), 'Pretended game' \(160 x"
    ):
        stage.find(TITLE)
    system.table[8]["iconic"] = True
    found = stage.find(TITLE)
    assert found is not None
    assert found.number == 11
    assert stage.find(WindowMatch(pid=4, group="Progman")) is not None
    assert stage.find(WindowMatch(title="Another")) is None


def test_on_windows_a_window_that_is_closed_or_minimised_shows_nothing_of_what_lies_behind_it():
    system = Windows()
    stage = Win32Stage(WindowsModules(**system.modules))
    window = stage.find(TITLE)
    assert window is not None
    stage.grab(window)
    system.table[window.number]["iconic"] = True
    with pytest.raises(NoWindow, match="the window 'Pretended game' is closed or hidden"):
        stage.grab(window)
    del system.table[window.number]
    with pytest.raises(NoWindow, match="the window 'Pretended game' is closed or hidden"):
        stage.grab(window)


def test_on_windows_nothing_is_asked_by_a_signal_which_would_end_it(monkeypatch: pytest.MonkeyPatch):
    def ends(pid: int, number: int) -> None:
        raise AssertionError(f"{pid} was ended by {number}")

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("os.kill", ends)
    program = FoundProgram(TITLE)
    program.shown(Window(number=8, title="", group="", left=0, top=0, width=1, height=1, mapped=True, pid=70))
    assert program.is_running
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_windows_that_takes_no_keys_or_gives_no_picture_is_told(monkeypatch: pytest.MonkeyPatch):
    system = Windows()
    stage = Win32Stage(WindowsModules(**system.modules))
    with pytest.raises(ValueError, match="there is no key 'Pause'"):
        stage.keycode("Pause")
    system.taken = False
    with pytest.raises(OSError, match="run it without administrator rights"):
        stage.key(stage.keycode("Left"), down=True)
    monkeypatch.setattr("playfield.games.desktop.win32_stage.TRIES", 2)
    window = stage.find(TITLE)
    assert window is not None
    with pytest.raises(NoWindow, match="the monitor gives no picture; is it locked, or asleep"):
        stage.grab(window)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"available": False}, "no portal that shows windows .*or show the game on a display of its own"),
        ({"picked": False}, "no window was picked; try again, and pick the game's"),
        ({"fails": True}, "no stream"),
        ({"window_invalid": True}, "the window cannot be seen any more .it was closed"),
    ],
)
def test_a_wayland_desktop_that_shows_nothing_leaves_nothing_open(change: dict[str, bool], sentence: str):
    evdev, pipewire = Evdev(), Pipewire()
    for name, value in change.items():
        setattr(pipewire, name, value)
    with pytest.raises((ValueError, RuntimeError, NoWindow), match=sentence):
        WaylandStage(WaylandModules(capture=pipewire, evdev=evdev))
    assert not evdev.open
    assert not pipewire.open


def test_wayland_without_a_keyboard_says_so_before_it_asks_for_a_window():
    pipewire = Pipewire()
    with pytest.raises(NoWaylandStage, match=r"no keyboard can be made .*cannot be opened for writing.*/dev/uinput"):
        WaylandStage(WaylandModules(capture=pipewire, evdev=Evdev(allowed=False)))
    assert not pipewire.open


def test_a_window_that_was_resized_is_no_picture_of_another_size():
    pipewire = Pipewire()
    stage = WaylandStage(WaylandModules(capture=pipewire, evdev=Evdev()))
    window = stage.find(WindowMatch(title="whatever the file says"))
    assert window is not None
    pipewire.picture, pipewire.missing = pipewire.picture[:-1], 0
    with pytest.raises(NoWindow, match="the window was 40 x 30 and is 40 x 29 now; let it keep its size"):
        stage.grab(window)
    assert not isinstance(stage, SharedStage)


FILE = """
name = "it"
{more}
[launch]
command = ["it"]
[[axes]]
name = "move"
choices = [{{label = "STAY"}}, {{label = "GO", {go}}}]
"""
HERE = '[screen]\nplace = "here"\n[timing]\nclock = "real"'


def file(more: str = "", go: str = 'keys = ["Left"]') -> GameFile:
    return game_from(FILE.format(more="", go=go) + more, "it.toml")


@pytest.mark.parametrize(
    ("more", "platform", "variables", "stage"),
    [
        ("", "linux", {}, "own"),
        ("", "linux", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "own"),
        (HERE, "linux", {"DISPLAY": ":0"}, "x11"),
        (HERE, "linux", {}, "x11"),
        (HERE, "linux", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "wayland"),
        (HERE, "win32", {}, "windows"),
    ],
)
def test_which_stage_a_game_gets(more: str, platform: str, variables: dict[str, str], stage: str):
    assert stage_for(file(more), platform, variables) == stage


@pytest.mark.parametrize(
    ("more", "go", "platform", "variables", "sentence"),
    [
        (
            "",
            'keys = ["Left"]',
            "darwin",
            {},
            "cannot be played on macOS.*play it.toml on Linux, or try: playfield games",
        ),
        ("", 'keys = ["Left"]', "win32", {}, 'set screen.place to "here".*then: playfield games launch it.toml'),
        (
            HERE,
            "by = [1, 0]",
            "linux",
            {"WAYLAND_DISPLAY": "w"},
            "the choices of it.toml move the pointer.*games launch",
        ),
    ],
)
def test_a_system_without_a_stage_is_told_in_one_sentence(
    more: str, go: str, platform: str, variables: dict[str, str], sentence: str
):
    with pytest.raises(NoStage, match=sentence) as error:
        stage_for(file(more, go), platform, variables)
    assert "\n" not in str(error.value)


def test_names_of_keys_are_those_that_the_packages_know():
    evdev = pytest.importorskip("evdev", reason="no names of keys without evdev: playfield doctor tells how")
    unknown = [name for name in KEY_NAMES.values() if name.linux not in evdev.ecodes.ecodes]
    assert unknown == []
    assert key_name("Q").windows == "q"
