"""The agent's side of the JavaScript clock: it puts the clock into a page and moves it, and waits for the paint."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playfield.games.desktop.browser import Browser
from playfield.games.desktop.cdp import BrowserGone, BrowserRefused, BrowserSilent
from playfield.games.desktop.clocks import HANG_SECONDS, Hung
from playfield.games.desktop.programs import Program
from playfield.games.desktop.readers import Region
from playfield.games.desktop.stage import Stage
from playfield.games.desktop.windows import Window

SOURCE = Path(__file__).with_suffix(".js")

FENCE = 202
"""Code of the key F24, which no keyboard has: the page's clock keeps it for itself."""
MARKS = (1 << 24) - 1
"""Different numbers that a row of one colour can carry; 0 is left out."""
FIRST_SECONDS = 0.1
"""Of the page, before anybody looks: six frames, since some draw nothing in their first."""
LOOK_SECONDS = 0.0003
"""Real time between two looks for the mark: shorter sleeps cost more than they save."""
KEY_SECONDS = 0.03
"""Of real time, within which a page that hears keys has heard one."""


def clock_script(epoch_seconds: int, seed: int) -> str:
    """What must run in a page before its own scripts."""
    return f"{SOURCE.read_text()}({epoch_seconds * 1000}, {seed % (1 << 32)});"


class JavascriptClock:
    """The time of one page, which rises only as far as it is told."""

    replays = True

    def __init__(self, stage: Stage, epoch_seconds: int, seed: int, hang_seconds: float = HANG_SECONDS) -> None:
        self._hang_seconds = hang_seconds
        self._stage, self._script = stage, clock_script(epoch_seconds, seed)
        self._marks = 0
        self._browser: Browser | None = None
        self._window: Window | None = None

    def environment(self) -> dict[str, str]:
        """Nothing: the clock goes into the page, not into the browser."""
        return {}

    def begin(self, program: Program) -> None:
        """Put the clock into the page, wait until it is shown and has the keyboard, and let it draw its first picture.

        Raises: NoWindow where the page does not load; Hung.
        """
        assert isinstance(program, Browser), "a game file with this clock is a page"
        self._browser = program
        program.open(self._script)
        until = time.monotonic() + self._hang_seconds
        while (window := self._stage.find(program.match)) is None:
            if not program.is_running or time.monotonic() > until:
                return  # whoever looks for the window next says so
            time.sleep(LOOK_SECONDS)
        self._window = window
        self._stage.focus(window)
        program.wait_for_focus()
        self._wait_for_keys(program, until)
        self.advance(FIRST_SECONDS)

    def _wait_for_keys(self, program: Browser, until: float) -> None:
        """Until the page hears keys, which may be a while after it has the focus: what is pressed before is lost.

        Raises: Hung.
        """
        with self._answering(program):
            while program.page.value("playfieldClock.heard()") == 0:
                if time.monotonic() > until:
                    raise Hung(f"has heard no key within {self._hang_seconds:g} s")
                self._press_fence()
                time.sleep(KEY_SECONDS)
            time.sleep(KEY_SECONDS)  # others may be under way
            program.page.value("playfieldClock.forget()")

    @contextmanager
    def _answering(self, browser: Browser) -> Generator[None]:
        """What it means for the game where its browser does not answer."""
        try:
            yield
        except BrowserGone:
            browser.end()  # a page that has crashed leaves a browser that shows an apology
        except BrowserSilent as error:
            raise Hung(f"has not come to rest within {self._hang_seconds:g} s") from error
        except BrowserRefused as error:
            raise Hung(f"has lost its clock ({error})") from error

    def _press_fence(self) -> None:
        for down in (True, False):
            self._stage.key(FENCE, down=down)
        self._stage.settle()

    def play(self) -> None:
        """A page stands still until time is advanced."""

    def advance(self, seconds: float) -> None:
        """Let the page go on for so long, and wait until the display shows what it has drawn.

        Raises: Hung.
        """
        assert self._browser is not None, "a clock is begun before it is advanced"
        self._marks = self._marks % MARKS + 1
        with self._answering(self._browser):
            asked = self._browser.page.ask_value(f"playfieldClock.advance({round(seconds * 1000.0, 3)}, {self._marks})")
            self._press_fence()
            self._browser.page.value_asked(asked, self._hang_seconds)
            self._wait_for_paint()

    def pause(self) -> None:
        """It stands still whenever nobody advances it."""

    def measured(self) -> Mapping[str, float]:
        """Nothing: this time is always kept."""
        return {}

    def close(self) -> None:
        """Nothing is left of it but the browser, which ends itself."""

    def _wait_for_paint(self) -> None:
        """Until the lowest row has the colour of the newest mark: a display is painted from above."""
        window = self._window
        if window is None:
            return
        row, until = Region(left=0, top=window.height, width=1, height=1), time.monotonic() + self._hang_seconds
        while (shown := self._stage.grab(window, row)[0, 0].tolist()) != list(self._marks.to_bytes(3, "big")):
            if time.monotonic() > until:
                raise Hung(f"was not painted within {self._hang_seconds:g} s (mark {self._marks}, shown {shown})")
            time.sleep(LOOK_SECONDS)
