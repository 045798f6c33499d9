"""The clock inside a page: everything that a page learns the time from is ours, and passes only when we let it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.needs import has_chromium, has_display
from playfield.games.desktop.browser import Browser
from playfield.games.desktop.clocks import Hung
from playfield.games.desktop.game import DesktopGame
from playfield.games.desktop.game_file import read_game
from playfield.games.desktop.javascript_clock import JavascriptClock
from playfield.games.desktop.measure import first_difference, picture_hashes
from playfield.games.desktop.parts import EPOCH

pytestmark = [has_display, has_chromium]

SEED = 77
EMPTY = """<!doctype html><title>Empty</title><style>@keyframes go { to { translate: 100px } }</style>
<script>const first = [Math.random(), Math.random(), Math.random()], log = [];
let begun = 0; const at = () => Math.round(performance.now() - begun);</script>"""
FILE = """
name = "empty"
[launch]
url = "empty.html"
[screen]
width = 512
height = 200
[timing]
clock = "javascript"
[[axes]]
name = "keys"
choices = [{label = "NONE"}, {label = "BOTH", keys = ["a", "b"]}]
"""


SHOWN = """const show = (ms) => {
  const colour = Math.round(ms * 16) % (1 << 24);
  document.body.style.background = `#${colour.toString(16).padStart(6, "0")}`;
};"""
WAYS = {
    "captured": "const later = setTimeout, now = performance.now.bind(performance);"
    "const again = () => { show(now()); later(again, 7) }; again();",
    "styled": "document.body.animate([{ background: '#000' }, { background: '#fff' }], 3000);",
    "worker": "const made = `setInterval(() => postMessage(performance.timeOrigin % 1e6 + performance.now()), 5)`;"
    "new Worker(URL.createObjectURL(new Blob([made]))).onmessage = (event) => show(event.data);",
    "inner frame": "const inner = document.body.appendChild(document.createElement('iframe')).contentWindow;"
    "const again = () => { show(inner.Date.now() % 1e6); setTimeout(again, 7) }; again();",
}
"""Ways of a page to learn the time. Those of workers and inner frames lead past the clock."""


class Page:
    """A page under the clock: what it is told to do, and what it has written down while time passed."""

    def __init__(self, game: DesktopGame) -> None:
        self.game = game

    def value(self, expression: str) -> Any:
        program = self.game.program
        assert isinstance(program, Browser)
        return program.page.value(expression)

    def log(self, script: str, *ms: int) -> list[Any]:
        """What is written down from a twentieth of a second on, where a frame has just been drawn."""
        self.game.advance(50 - self.value("Math.round(performance.now()) % 50"))
        self.value(f"log.length = 0; begun = performance.now(); {script}; 0")
        for each in ms:
            self.game.advance(each)
        return self.value("log")


@pytest.fixture(name="page", scope="module")
def a_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "empty.html").write_text(EMPTY)
    (folder / "empty.toml").write_text(FILE)
    game = DesktopGame(read_game(folder / "empty.toml"))
    try:
        game.begin(SEED)
        yield Page(game)
    finally:
        game.close()


def test_frames_timers_and_intervals_come_in_the_order_of_their_time(page: Page):
    script = """
      setTimeout((word) => log.push([word, at()]), 30, "late");
      setTimeout(() => log.push(["soon", at()]), 10);
      const every = setInterval(() => log.push(["every", at()]), 20);
      setTimeout(() => clearInterval(every), 45);
      const never = setTimeout(() => log.push(["never", at()]), 5); clearTimeout(never);
      const draw = () => { log.push(["frame", at()]); if (at() < 50) requestAnimationFrame(draw) };
      requestAnimationFrame(draw);
      cancelAnimationFrame(requestAnimationFrame(() => log.push(["no frame", at()])));
    """
    found = page.log(script, 50)
    assert found == [
        ["soon", 10], ["frame", 17], ["every", 20], ["late", 30], ["frame", 33], ["every", 40], ["frame", 50],
    ]  # fmt: skip


def test_what_a_timer_has_promised_is_done_before_the_next(page: Page):
    script = """
      setTimeout(() => { log.push("a"); Promise.resolve().then(() => 0).then(() => log.push("of a")) }, 5);
      setTimeout(() => log.push("b"), 5);
    """
    assert page.log(script, 10) == ["a", "of a", "b"]


def test_timers_that_set_timers_come_to_an_end(page: Page):
    # Five follow at once, as in every browser, then one every 4 ms.
    script = "const again = () => { log.push(at()); if (at() < 20) setTimeout(again, 0) }; setTimeout(again, 0)"
    assert page.log(script, 100) == [0, 0, 0, 0, 0, 4, 8, 12, 16, 20]


def test_an_error_in_a_callback_is_the_pages_own(page: Page):
    script = """
      addEventListener("error", (event) => log.push(event.message), { once: true });
      setTimeout(() => { throw new Error("oops") }, 1); setTimeout(() => log.push("on"), 2);
    """
    assert page.log(script, 10)[:2] == ["Uncaught Error: oops", "on"]


def test_dates_are_those_of_the_seed_and_stand_still(page: Page):
    now = page.value("[Date.now(), new Date().getTime(), +new (class extends Date {})(), Date.parse(Date() + ' UTC')]")
    assert EPOCH + SEED <= now[0] / 1000 < EPOCH + SEED + 60
    assert now[0] == now[1] == now[2]
    assert page.value("[new Date(5).getTime(), new Date() instanceof Date, new Date(2020, 1, 2).getDate()]") == [
        5,
        True,
        2,
    ]
    time.sleep(0.2)
    assert page.value("Date.now()") == now[0]
    page.game.advance(250)
    assert page.value("Date.now()") == now[0] + 250


def mulberry32(seed: int, count: int) -> list[float]:
    """Chance as its author writes it down."""
    found: list[float] = []
    for _ in range(count):
        seed = (seed + 0x6D2B79F5) % 2**32
        mixed = (seed ^ seed >> 15) * (seed | 1) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (mixed | 61)) % 2**32
        found.append((mixed ^ mixed >> 14) / 2**32)
    return found


def test_chance_is_that_of_the_seed(page: Page):
    assert page.value("first") == mulberry32(SEED, 3)
    assert page.value("crypto.randomUUID() !== crypto.randomUUID()")


def test_movement_of_a_style_follows_the_time_and_its_end_is_told(page: Page):
    script = """
      const box = document.body.appendChild(document.createElement("p"));
      box.style.animation = "go 1s linear forwards";
      box.addEventListener("animationend", () => log.push(at()));
      globalThis.box = box;
    """
    assert page.log(script, 50) == []
    places = [page.value("getComputedStyle(box).translate")]
    for _ in range(3):
        time.sleep(0.05)
        page.game.advance(200)
        places.append(page.value("getComputedStyle(box).translate"))
    # It begins to move with the first frame, after a sixtieth of a second.
    assert [round(float(place.removesuffix("px")), 2) for place in places] == [3.33, 23.33, 43.33, 63.33]
    page.game.advance(400)
    assert page.value("log") == [1017]


def test_keys_have_arrived_before_their_time_passes(page: Page):
    script = """
      globalThis.note = (event) => log.push(event.type + event.key);
      addEventListener("keydown", note); addEventListener("keyup", note);
    """
    page.log(script)
    for action in (1, 0, 1, 1, 0):
        page.game.play(action)
    assert page.value("log") == ["keydowna", "keydownb", "keyupa", "keyupb"] * 2
    page.value("removeEventListener('keydown', note); removeEventListener('keyup', note)")


def test_questions_are_answered_for_the_page(page: Page):
    assert page.log("setTimeout(() => log.push(confirm('?'), prompt('?'), open('about:blank')), 1)", 5) == [
        True,
        None,
        None,
    ]


def test_no_time_passes_before_the_fence_has_arrived(page: Page, monkeypatch: pytest.MonkeyPatch):
    clock = page.game.clock
    assert isinstance(clock, JavascriptClock)
    before = page.value("performance.now()")
    with monkeypatch.context() as planted:
        planted.setattr(clock, "_hang_seconds", 1.0)
        planted.setattr(clock, "_press_fence", lambda: None)
        with pytest.raises(Hung, match="has not come to rest within 1 s"):
            page.game.advance(50)
        assert page.value("performance.now()") == before
    page.game.begin(SEED)  # in this page a call still waits


@pytest.mark.parametrize("way", WAYS)
def test_a_page_that_gets_past_the_clock_is_noticed(way: str, tmp_path: Path):
    (tmp_path / "empty.html").write_text(f"<!doctype html><body><script>{SHOWN}{WAYS[way]}</script>")
    (tmp_path / "empty.toml").write_text(FILE)
    file = read_game(tmp_path / "empty.toml")
    courses = [picture_hashes(file, SEED, [0] * 12)[0] for _ in range(2)]
    assert len(set(courses[0])) > 6
    assert (first_difference(courses) is None) == (way in ("captured", "styled"))
