"""A desktop game as a game: it is reset and stepped, and what it shows is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from jaxtyping import UInt8

from playfield.games.desktop.actions import Action, Choice, HeldInputs
from playfield.games.desktop.attention import Attention
from playfield.games.desktop.clocks import GameClock, Hung
from playfield.games.desktop.game_file import GameFile, typed_name
from playfield.games.desktop.gamepads import Gamepad
from playfield.games.desktop.own_display import NoDisplayServer
from playfield.games.desktop.pace import Pace
from playfield.games.desktop.parts import clock_of, gamepad_of, launcher_of, prepare_clock, stage_of
from playfield.games.desktop.pixels import grey, same
from playfield.games.desktop.programs import Program
from playfield.games.desktop.readers import Gone, Readings, Unreadable, WindowState, needs_windows, prepare
from playfield.games.desktop.scratch import Scratch
from playfield.games.desktop.shared_display import DisplayLock
from playfield.games.desktop.stage import SharedStage, Stage
from playfield.games.desktop.watching import OverAtOnce, Watch, over_at_once
from playfield.games.desktop.windows import NoWindow, Window
from playfield.games.each import Lost, Outcome
from playfield.types import Array

LOOK_MS = 50
"""Of the game, between two looks for its window."""
DISPLAY_GONE = "its display is gone"
"""As a part of a sentence about a lost game."""
MOST_TORN = 3
"""Pictures in a row that a game in real time may have been drawing just then, so that another is taken."""


class DesktopGame:
    """One copy of a game: where it is shown, how it is started and how its time passes are parts that its file names.

    Every episode is a new process, so that nothing is left of the last, unless the file says that one goes on.

    Raises at its making: NoDisplayServer, NoCompiler, NotEnabled, DisplayTaken; ValueError where the program is not
    there.
    """

    def __init__(
        self, file: GameFile, pace: Pace | None = None, watch: Watch | None = None, *, by_person: bool = False
    ) -> None:
        """`pace` is told how late steps come, where the game does not wait, `watch` what is read; copies share them.

        `by_person`: somebody plays it with hands of their own, so that no action is pressed here.
        """
        self.file = file
        self._by_person = by_person
        self.pace = pace or Pace()
        self._watch = watch
        prepare(file.readers)
        self._scratch = Scratch()
        self._folder = self._scratch.path
        self._display_lock: DisplayLock | None = None
        self._stage: Stage | None = None
        self._gamepad: Gamepad | None = None
        self._program: Program | None = None
        self._clock: GameClock | None = None
        self._was_played = self._halted = False
        self._held: HeldInputs | None = None
        self._attention: Attention | None = None
        try:
            self._display_lock = DisplayLock(file.name) if file.screen.place == "here" else None
            self._launcher = launcher_of(file, self._folder)
            self._open_stage()
            prepare_clock(file)
        except BaseException:
            self.close()
            raise
        self._windows = needs_windows(list(file.readers.values()))

    def reset(self, seed: int) -> UInt8[Array, "h w C"]:
        """Start the game anew at the time of day that the seed stands for, and press what begins an episode.

        Raises: NoWindow, Hung, Unreadable, OverAtOnce, and others where the display is gone; instead of these `Lost`,
        where it was played before: then it is not the file that is wrong.
        """
        try:
            self.begin(seed)
            self._read = self._first_look()
        except Exception as error:
            if not self._was_played or (reason := self._what_happened(error)) is None:
                raise
            self._end_program()
            raise Lost(f"it cannot be begun again: {reason}") from error
        self._was_played = True
        if self._watch is not None:
            self._watch.begins(self._read)
        self._grey = self._in_sight()
        return self.file.sight.of_grey(self._grey, self._grey)

    def begin(self, seed: int) -> None:
        """The same, without reading anything: for whoever looks at a game that cannot be read yet.

        Raises: NoWindow, Hung.
        """
        if not self.stage.is_alive:
            self._end_program()
            self.stage.close()
            self._open_stage()
        self._let_go()
        if not (self._launcher.lasting and self.is_running):
            self._end_program()
            self._start(seed)
            self.stage.focus(self._window)
            self._held = HeldInputs(self.stage, self, self._gamepad, _middle(self._window))
        held = self._held
        assert held is not None, "a game that lasts was begun before"
        self.clock.play()
        for press in self.file.begin:
            pressed = Choice(label="", keys=press.keys, buttons=press.buttons, at=press.at, pads=press.pads)
            if self._is_attended(held):
                held.take(Action("", (pressed,)))
            self.advance(press.ms)
        held.release()
        self._steps = self._still = 0
        self._picture = self.picture()
        self._readers = Readings(self.file.readers, self.file.regions)

    def step(self, action: int) -> Outcome:
        """Hold the action's keys for a step of the game's time; a game that does not survive it is told as lost.

        Raises: Unreadable, NothingHappens.
        """
        try:
            if not self.play(action):
                return self._ended()
            before, self._read = self._read, self._look()
        except Exception as error:
            if (reason := self._what_happened(error)) is None:
                raise
            return self._given_up(reason)
        if self._watch is not None:
            self._watch.step(self._read, moved=self._still == 0)
        over = any(self._read[name] != 0.0 for name in self.file.over)
        return Outcome(
            self._frame(),
            self._reward(before),
            terminated=over,
            truncated=not over and self._steps >= self.file.most_steps,
            life_lost=self.file.lives is not None and self._read[self.file.lives] < before[self.file.lives],
        )

    def play(self, action: int) -> bool:
        """The same, without reading anything; False where the game's process is gone.

        Raises: Hung, NoWindow.
        """
        self.hold(action)
        self.advance(self.file.timing.step_ms)
        self._steps += 1
        if not self.is_running:
            return False
        picture = self.picture()
        if not self.is_running:
            return False  # whatever was seen may have been the empty display
        self._still = self._still + 1 if same(picture, self._picture) else 0
        self._picture = picture
        return True

    def hold(self, action: int) -> None:
        """Press what the action presses, once the person lets us; no time of the game passes."""
        assert self._held is not None
        if self._is_attended(self._held) and not self._by_person:
            self._held.take(self.file.actions[action])

    def _is_attended(self, held: HeldInputs) -> bool:
        return self._attention is None or self._attention.wait(self._window, held, self.clock)

    def advance(self, ms: int) -> None:
        """Let so much of the game's time pass.

        Raises: Hung.
        """
        with self._named():
            self.clock.advance(ms / 1000.0)

    @property
    def seen(self) -> UInt8[Array, "H W 3"]:
        """The newest picture that a step has left."""
        return self._picture

    @property
    def window(self) -> Window:
        """The game's window, as it was found."""
        return self._window

    @property
    def stage(self) -> Stage:
        """Where it is shown."""
        assert self._stage is not None
        return self._stage

    @property
    def clock(self) -> GameClock:
        """How the time of the present process passes; there is none before the first episode."""
        assert self._clock is not None
        return self._clock

    @property
    def program(self) -> Program:
        """The present process; there is none before the first episode."""
        assert self._program is not None
        return self._program

    def _ended(self) -> Outcome:
        """The end of an episode whose process is gone: a true one where the file reads it, else the game is lost."""
        if not self.stage.is_alive:  # which games do not outlive: that is no end of theirs
            return self._given_up(DISPLAY_GONE)
        if any(isinstance(self.file.readers[name], Gone) for name in self.file.over):
            return Outcome(self._frame(), 0.0, terminated=True)
        return self._given_up(self._process_ended())

    def _given_up(self, reason: str) -> Outcome:
        """The end of an episode whose game is lost; its processes end now, the next episode begins with new ones."""
        self._end_program()
        return Outcome(self._frame(), 0.0, truncated=True, lost=reason)

    def _what_happened(self, error: Exception) -> str | None:
        """Why a game that was sound is so no longer; None where the error is of another kind."""
        if not self.stage.is_alive:
            return DISPLAY_GONE
        if isinstance(error, Hung | NoDisplayServer):
            return str(error)
        if not self.is_running:
            return self._process_ended()
        return str(error) if isinstance(error, NoWindow) else None

    def _process_ended(self) -> str:
        words = "none" if self._program is None else self._program.last_words()
        return f"its process ended (its last words: {words})"

    def readings(self) -> dict[str, float]:
        """What every reader made of the newest picture."""
        return dict(self._read)

    def _first_look(self) -> dict[str, float]:
        """A game in real time may not have drawn everything yet, or still fade out its last end."""
        waited = self.file.timing.appear_ms if self.clock.replays else 0
        while True:
            try:
                read = self._look()
                over = {name: read[name] for name in self.file.over if read[name] != 0.0}
                if not over:
                    return read
                raise over_at_once(self.file, over)
            except (Unreadable, OverAtOnce):
                if waited >= self.file.timing.appear_ms:
                    raise
            self.advance(LOOK_MS)
            waited += LOOK_MS
            self._picture = self.picture()

    def _look(self) -> dict[str, float]:
        for _ in range(0 if self.clock.replays else MOST_TORN):
            with contextlib.suppress(Unreadable):
                return self._readers.of(self._picture, self.state())
            self._picture = self.picture()
        try:
            return self._readers.of(self._picture, self.state())
        except Unreadable as error:
            raise Unreadable(f"{error}; playfield games check {typed_name(self.file)} shows what it sees") from error

    def picture(self) -> UInt8[Array, "H W 3"]:
        """The game's window as a person would see it; where it was closed, another one like it.

        Raises: NoWindow.
        """
        try:
            return self.stage.grab(self._window)
        except NoWindow:
            window = self._shown_window()
            if window is None or (window.width, window.height) != (self._window.width, self._window.height):
                raise
            self._window = window
            return self.stage.grab(window)

    def middle(self, region: str) -> tuple[int, int]:
        """Where on the display the middle of a region is."""
        found, (left, top) = self.file.regions[region], self.stage.corner(self._window)
        return left + found.left + found.width // 2, top + found.top + found.height // 2

    def halt(self) -> None:
        """End the process, and let no other begin: whatever is under way in another thread is over soon."""
        self._halted = True
        if (program := self._program) is not None:
            program.end()

    def close(self) -> None:
        """End the game, then its display: a game that loses its display may spin for ever.

        Whoever is interrupted in the midst of it, or fails, still goes on to the end of it.
        """
        with contextlib.ExitStack() as ends:  # the last comes first
            ends.callback(self._scratch.close)
            for part in (self._display_lock, self._stage, self._gamepad):
                if part is not None:
                    ends.callback(part.close)
            ends.callback(self._end_program)
            if self._attention is not None:  # a display of ours is gone with all that is held on it
                with contextlib.suppress(Exception):  # as may be one of a person
                    self._let_go()

    def _let_go(self) -> None:
        """Keys stay down on a display whoever is gone, and are not pressed again then."""
        if self._held is not None:
            self._held.release()

    def _start(self, seed: int) -> None:
        """A new process, up to where its window is shown."""
        self.stage.forget()
        self._clock = clock_of(self.file, self._folder, seed, self.stage, self.pace)
        self._program = self._launcher.start({**self.stage.environment(), **self._clock.environment()})
        if self._halted:
            self._program.end()  # it was begun in the very moment
        with self._named():
            self._clock.begin(self._program)
        self._window = self._find_window()
        self._program.shown(self._window)
        self._wait_until_drawn()

    def _open_stage(self) -> None:
        """A display, on which no key is held by us."""
        self._stage = stage = stage_of(self.file, self._folder)
        if self._gamepad is None:
            self._gamepad = gamepad_of(self.file)  # before the game, which may look for one only when it begins
        check_key_names(self.file, stage.keycode)
        self._attention = Attention(self.file, stage, self.pace) if isinstance(stage, SharedStage) else None
        self._held = None

    def _find_window(self) -> Window:
        waited, attached = 0, self.file.launch.attach is not None
        while (window := self._shown_window()) is None:
            if attached or waited >= self.file.timing.appear_ms or not self.is_running:
                raise NoWindow(f"{self._unseen()}, then: playfield games launch {typed_name(self.file)}")
            self.advance(LOOK_MS)
            waited += LOOK_MS
        _check_place(self.file, window, self.stage.size)
        return window

    def _wait_until_drawn(self) -> None:
        """In real time a window is there before anything is drawn in it, and before the game hears keys."""
        waited = 0
        while not self.clock.replays and waited < self.file.timing.appear_ms and _is_blank(self.picture()):
            self.advance(LOOK_MS)
            waited += LOOK_MS

    def _unseen(self) -> str:
        """What to say where no window appeared."""
        file, match = self.file, self.program.match
        told = ", ".join(repr(w.title) for w in self.stage.windows() if w.mapped and w.title) or "none"
        if file.launch.attach is not None:
            return (
                f"no window of {file.name} is there ({match}; shown windows: {told}); start it, or mend launch.attach"
            )
        mend = "launch.command" if file.launch.command else "launch.url" if file.launch.url else "launch.steam"
        ended = "" if self.is_running else " before it ended"
        words = self.program.last_words()
        return (
            f"no window of {file.name} appeared{ended} ({match}; shown windows: {told}; its last words: {words}); "
            f"mend {mend} or [window]"
        )

    def _shown_window(self) -> Window | None:
        try:
            return self.stage.find(self.program.match)
        except NoWindow as error:
            more = str(error) if self.file.launch.attach is None else str(error).replace("[window]", "launch.attach")
            raise NoWindow(f"{more}, then: playfield games launch {typed_name(self.file)}") from error

    @contextmanager
    def _named(self) -> Generator[None]:
        """A clock knows no names of games."""
        try:
            yield
        except Hung as error:
            raise type(error)(f"{self.file.name} {error}: playfield games doctor {typed_name(self.file)}") from error

    @property
    def is_running(self) -> bool:
        """Whether the game's process is there."""
        return self._program is not None and self._program.is_running

    def _end_program(self) -> None:
        if self._program is not None:
            self._program.end()
            self._program = None
        if self._clock is not None:
            self._clock.close()

    def state(self) -> WindowState:
        """What is known of the game besides its picture."""
        shown = [w for w in self.stage.windows() if w.mapped] if self._windows else []
        return WindowState(
            sizes=tuple((w.width, w.height) for w in shown),
            titles=tuple(w.title for w in shown),
            running=self.is_running,
            still_steps=self._still,
        )

    def _reward(self, before: Mapping[str, float]) -> float:
        total = 0.0
        for part in self.file.rewards:
            grown = self._read[part.reader] - before[part.reader]
            total += part.scale * (grown if part.falls else max(0.0, grown))
        return total

    def _frame(self) -> UInt8[Array, "h w C"]:
        before, self._grey = self._grey, self._in_sight()
        return self.file.sight.of_grey(self._grey, before)

    def _in_sight(self) -> UInt8[Array, "h w"]:
        region = self.file.sight.region
        return grey(self._picture if region is None else self.file.regions[region].of(self._picture))


def check_key_names(file: GameFile, check: Callable[[str], object]) -> None:
    """See that there is every key that is ever pressed: `check` raises ValueError where there is none of a name.

    Raises: ValueError naming the file and the place in it.
    """
    places = [(f"[[begin]], step {number}", press.keys) for number, press in enumerate(file.begin, 1)]
    places += [
        (f"the choice {each.label!r} of the axis {axis.name!r}", each.keys)
        for axis in file.axes
        for each in axis.choices
    ]
    for place, keys in places:
        for key in keys:
            try:
                check(key)
            except ValueError as error:
                name = typed_name(file)
                raise ValueError(f"{name}, {place}: {error}; mend it, then: playfield games launch {name}") from error


def _middle(window: Window) -> tuple[int, int]:
    """Where a stage leaves the pointer once a window has the focus."""
    return window.left + window.width // 2, window.top + window.height // 2


def _is_blank(picture: UInt8[Array, "H W 3"]) -> bool:
    return bool((picture == picture[0, 0]).all())


def _check_place(file: GameFile, window: Window, size: tuple[int, int]) -> None:
    right, bottom = window.left + window.width, window.top + window.height
    width, height = max(size[0], window.width, right), max(size[1], window.height, bottom)
    if min(window.left, window.top) < 0 or right > size[0] or bottom > size[1]:
        own = f"set [screen] to {width} x {height} or more"
        raise ValueError(
            f"the window of {file.name} ({window.width} x {window.height} at {window.left}, {window.top}) does not fit "
            f"on its display; {own if file.screen.place == 'own' else 'move it'}, then: "
            f"playfield games launch {typed_name(file)}"
        )
    for name, region in file.regions.items():
        if region.left + region.width > window.width or region.top + region.height > window.height:
            raise ValueError(
                f"the region {name!r} ({region.width} x {region.height} at {region.left}, {region.top}) lies outside "
                f"the window, which is {window.width} x {window.height}; mend [regions], then: "
                f"playfield games launch {typed_name(file)}"
            )
