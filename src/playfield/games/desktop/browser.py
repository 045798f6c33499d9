"""A page as a game: Chromium with a profile of its own, spoken with over pipes, showing nothing but the page."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, Popen

from playfield.extras import apt_install
from playfield.games.desktop.cdp import BrowserGone, BrowserRefused, BrowserSilent, Conversation
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.programs import OwnProgram
from playfield.games.desktop.windows import NoWindow, Window, WindowMatch

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
"""How Chromium is called on different systems."""
BLANK = "data:text/html,"
"""The page before the page. Of a new tab, which about:blank is, the keyboard would belong to the address bar."""
START_SECONDS = 60.0
"""Real time within which a browser shows its first page, and its page is there: that may come over a network."""
LOOK_SECONDS = 0.01
LONGEST_HOME = 60
"""Letters of a home in which a browser can have its socket: the name of one has 108 at most, of which it adds 45."""
MARK_ROWS = 1
"""Rows below the page's picture that a browser's window has besides: the JavaScript clock writes there."""
SPARE = 1
"""Columns and rows of its display that a browser leaves free: it makes no window quite as large as that."""
_PIPES = 'exec "$@" 3<&0 4>&1 </dev/null >&2'
"""Chromium takes what is said to it from file 3, and answers in file 4."""


class Browser:
    """A Chromium that was started by us, and the page it shows."""

    def __init__(self, file: GameFile, process: Popen[bytes], said: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._file = file
        self._program = OwnProgram(process, said, file.window, guard=None)  # it ends when its pipes do
        self.page = Conversation(process.stdin, process.stdout)

    @property
    def match(self) -> WindowMatch:
        """Which window is its."""
        return self._program.match

    @property
    def is_running(self) -> bool:
        """Whether its first process is there: the others end with it."""
        return self._program.is_running

    @property
    def pid(self) -> int | None:
        """The number of its first process and of its group."""
        return self._program.pid

    def shown(self, window: Window) -> None:
        """The process is known already."""

    def last_words(self) -> str:
        """The last line it wrote."""
        return self._program.last_words()

    def end(self) -> None:
        """Kill the whole group, and hang up."""
        self._program.end()
        self.page.close()

    def open(self, script: str | None = None) -> None:
        """Show the game's page, in which a script of ours comes first; returns early where the browser is gone.

        Raises: NoWindow where the page does not load.
        """
        with contextlib.suppress(BrowserGone):
            try:
                self._meet()
                if script is not None:
                    self.page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
                self._load()
            except BrowserSilent as error:
                raise self._no_page("it takes too long") from error
            except BrowserRefused as error:
                raise self._no_page(str(error)) from error

    def wait_for_focus(self) -> None:
        """Wait until the page has the keyboard, which its window has already; returns early where the browser is gone.

        Raises: NoWindow.
        """
        with contextlib.suppress(BrowserGone):
            self.page.call("Page.bringToFront")
            until = time.monotonic() + START_SECONDS
            while not self.page.value("document.hasFocus()"):
                if time.monotonic() > until:
                    raise self._no_page("it does not take the keyboard")
                time.sleep(LOOK_SECONDS)

    def _meet(self) -> None:
        """Speak with the first page, as soon as there is one."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for target in self.page.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page":
                    self.page.attach(target["targetId"])
                    self.page.call("Page.enable")
                    self.page.call("Inspector.enable")
                    self.page.call("Emulation.setScrollbarsHidden", hidden=True)
                    return
            time.sleep(LOOK_SECONDS)
        raise BrowserSilent("the browser shows no page")

    def _load(self) -> None:
        url = self._file.launch.url or ""
        answer = self.page.call("Page.navigate", url=url)
        # Pages of the browser's own, the game of the dinosaur among them, are shown as errors.
        if "errorText" in answer and not url.startswith("chrome:"):
            raise BrowserRefused(answer["errorText"])
        self.page.event("Page.loadEventFired", START_SECONDS)

    def _no_page(self, why: str) -> NoWindow:
        return NoWindow(
            f"the page {self._file.launch.url} of {self._file.name} cannot be played ({why}); mend launch.url, then: "
            f"playfield games launch {typed_name(self._file)}"
        )


class BrowserLauncher:
    """What starts a browser, each time with a profile that nobody has used."""

    lasting = False

    def __init__(self, file: GameFile, folder: Path) -> None:
        """Raises: ValueError where Chromium is not there, or the page's file is not."""
        self._file, self._folder = file, folder
        self._program = browser(file)
        page = file.launch.page_file
        if page is not None and not page.is_file():
            raise ValueError(
                f"the page {page} of {file.name} is not there; mend launch.url, then: "
                f"playfield games launch {typed_name(file)}"
            )

    def start(self, environment: Mapping[str, str]) -> Browser:
        """A new browser; under the JavaScript clock it has no page yet, since the clock must be in the page first.

        Raises: NoWindow where the page does not load.
        """
        home, launch = self._folder / "home", self._file.launch
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        variables = {
            **os.environ, "HOME": str(home), "TZ": "UTC", "LANGUAGE": "en_US", **launch.environment, **environment,
        }  # fmt: skip
        if len(str(home)) <= LONGEST_HOME:
            variables["TMPDIR"] = str(home)  # where a browser that is killed leaves a folder each time
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            variables.pop(name, None)  # they would lead out of the home
        with (self._folder / "said").open("wb") as said:
            process = Popen(
                ["/bin/sh", "-c", _PIPES, "sh", str(self._program), *self._arguments(home)], env=variables, cwd=home,
                start_new_session=True, stdin=PIPE, stdout=PIPE, stderr=said,
            )  # fmt: skip
        started = Browser(self._file, process, self._folder / "said")
        if self._file.timing.clock != "javascript":
            try:
                started.open()
            except BaseException:
                started.end()
                raise
        return started

    def _arguments(self, home: Path) -> list[str]:
        screen, ours = self._file.screen, self._file.timing.clock == "javascript"
        # As many pictures as are drawn: a limit of 60 a second is one of real time.
        unlimited = ["--disable-frame-rate-limit"] if ours else []
        return [
            "--remote-debugging-pipe", f"--user-data-dir={home / 'profile'}",
            # Nothing but the page, as large as the file says and as it is drawn everywhere.
            "--kiosk", "--window-position=0,0", f"--window-size={screen.width},{screen.height + MARK_ROWS}",
            "--force-device-scale-factor=1", "--force-color-profile=srgb", "--lang=en-US", "--disable-gpu",
            "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", *unlimited,
            # Nothing that asks, sounds, fetches or outlives.
            "--no-first-run", "--no-default-browser-check", "--noerrdialogs", "--deny-permission-prompts",
            "--mute-audio", "--autoplay-policy=no-user-gesture-required", "--password-store=basic", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
            "--disable-breakpad",
            *_without_sandbox(), BLANK,
        ]  # fmt: skip


def _without_sandbox() -> list[str]:
    """Chromium refuses to run as root in its sandbox; everybody else has one. The second word silences its warning."""
    return ["--no-sandbox", "--test-type"] if os.geteuid() == 0 else []


def browser(file: GameFile) -> Path:
    """The browser that shows a game.

    Raises: ValueError with the package that brings it.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        package = file.launch.package or "chromium"
        raise ValueError(
            f"the game {typed_name(file)} needs the program chromium, which is not here: {apt_install(package)}"
        )
    return Path(found)
