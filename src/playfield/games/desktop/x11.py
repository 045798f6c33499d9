"""One connection to an X display: keys and pointer through XTEST, and the windows that there are."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, NamedTuple

from playfield.extras import install_extra
from playfield.games.desktop.key_names import no_key
from playfield.games.desktop.windows import Window, WindowMatch, the_window

MOST_DEEP = 4
"""Levels of windows below the root that are looked through; toolkits nest theirs two or three deep."""
ANSWER_SECONDS = 5.0
"""Real time within which a display must take another connection of ours."""


class Pointer(NamedTuple):
    """The mouse, on the whole display."""

    buttons: frozenset[int]
    """Those that are down: 1 left, 2 middle, 3 right."""
    x: int
    y: int


class X11:
    """A connection to one display."""

    def __init__(self, name: str) -> None:
        """Raises: ModuleNotFoundError with the command that installs python-xlib; OSError where there is no display."""
        self._name, self._torn = name, False
        self._known: list[Window] | None = None
        self._connection: Any = self._connected()
        self._newer_name: Any = self._display.intern_atom("_NET_WM_NAME")
        self._pid_name: Any = self._display.intern_atom("_NET_WM_PID")
        self._xlib: Any = importlib.import_module("Xlib.X")
        self._xtest: Any = importlib.import_module("Xlib.ext.xtest")
        self._keysyms: Any = importlib.import_module("Xlib.XK")
        self._error: Any = importlib.import_module("Xlib.error")

    def _connected(self) -> Any:
        try:
            made: Any = importlib.import_module("Xlib.display").Display(self._name)
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                f"desktop games need python-xlib; install it with: {install_extra('desktop')}"
            ) from None
        except Exception as error:  # Xlib's own errors have no common base
            raise OSError(f"the display {self._name} cannot be reached ({error})") from error
        # Without threads Xlib's locks are none; these two are all of it that is left half done where a signal tears us
        # out: what has been received in part, and a request that is counted but not sent.
        for name in ("send_and_recv", "send_request"):
            setattr(made.display, name, self._tearing(getattr(made.display, name)))
        return made

    def _tearing(self, speak: Callable[..., Any]) -> Callable[..., Any]:
        """The same; but it is known where a signal has torn us out of it."""

        def spoken(*said: Any, **more: Any) -> Any:
            try:
                return speak(*said, **more)
            except (KeyboardInterrupt, SystemExit):
                self._torn = True
                raise

        return spoken

    def _connected_again(self) -> Any:
        """Raises: OSError where the display is gone, or does not answer within ANSWER_SECONDS."""
        answer: Future[Any] = Future()

        def connect() -> None:
            try:
                made = self._connected()
            except OSError as error:
                if answer.set_running_or_notify_cancel():
                    answer.set_exception(error)
                return
            if answer.set_running_or_notify_cancel():
                answer.set_result(made)
            else:
                made.display.socket.close()  # nobody waits for it any longer

        # Xlib waits for ever for a display that hangs: the thread does so until that answers or is ended.
        threading.Thread(target=connect, daemon=True).start()
        try:
            return answer.result(ANSWER_SECONDS)
        except TimeoutError:
            raise OSError(f"the display {self._name} does not answer within {ANSWER_SECONDS:g} s") from None
        finally:
            answer.cancel()  # which does nothing to an answer that is there

    @property
    def _display(self) -> Any:
        """The connection; another one once a signal has torn us out of a call, which the old waits for.

        Raises: OSError where no other can be made.
        """
        if self._torn:
            old, self._connection = self._connection, self._connected_again()
            old.display.socket.close()  # only now: a display of our own ends with its last connection
            self._known, self._torn = None, False
        return self._connection

    def close(self) -> None:
        """Close the connection, whether or not the other side has done so; no other is made for it."""
        if not self._torn and self.is_alive:
            self._connection.close()
        else:
            self._connection.display.socket.close()

    def is_shown(self, window: Window) -> bool:
        """Whether a window that was found is there and shown."""
        found = self._attributes(window)
        return found is not None and bool(found.map_state == self._xlib.IsViewable)

    def keycode(self, key: str) -> int:
        """The code of a key by its X name: `Left`, `space`, `a`, `Return`.

        Raises: ValueError where no key of this display has that name.
        """
        keysym = self._keysyms.string_to_keysym(key)
        code = self._display.keysym_to_keycode(keysym) if keysym else 0
        if not code:
            raise no_key(key)
        return int(code)

    def key(self, code: int, *, down: bool) -> None:
        """Press or release a key."""
        self._xtest.fake_input(self._display, self._xlib.KeyPress if down else self._xlib.KeyRelease, code)

    def button(self, number: int, *, down: bool) -> None:
        """Press or release a button of the mouse; 1 is the left, 4 and 5 turn its wheel."""
        self._xtest.fake_input(self._display, self._xlib.ButtonPress if down else self._xlib.ButtonRelease, number)

    def move(self, x: int, y: int) -> None:
        """Move the pointer to a place on the display."""
        self._xtest.fake_input(self._display, self._xlib.MotionNotify, x=x, y=y)

    def is_down(self, code: int) -> bool:
        """Whether a key is down, whoever presses it."""
        return bool(self._display.query_keymap()[code // 8] & 1 << code % 8)

    def pointer(self) -> Pointer:
        """What the mouse does, whoever moves it."""
        found: Any = self._display.screen().root.query_pointer()
        down = (number for number in (1, 2, 3) if found.mask & self._xlib.Button1Mask << number - 1)
        return Pointer(frozenset(down), int(found.root_x), int(found.root_y))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the display in pixels."""
        shape = self._display.screen().root.get_geometry()
        return int(shape.width), int(shape.height)

    @property
    def is_alive(self) -> bool:
        """Whether the display answers."""
        try:
            self._display.sync()
        except Exception:  # Xlib's own errors have no common base
            return False
        return True

    def exists(self, window: Window) -> bool:
        """Whether a window is not closed; it may be hidden."""
        return self._attributes(window) is not None

    def _attributes(self, window: Window) -> Any:
        """What the display says of a window; None where it is closed."""
        try:
            return self._display.create_resource_object("window", window.number).get_attributes()
        except (self._error.BadWindow, self._error.BadDrawable):
            return None

    def place(self, window: Window) -> tuple[int, int, int, int] | None:
        """Left, top, width and height of a window now; None where it is closed or hidden."""
        if not self.is_shown(window):
            return None
        found: Any = self._display.create_resource_object("window", window.number)
        try:
            shape, corner = found.get_geometry(), self._display.screen().root.translate_coords(found, 0, 0)
        except (self._error.BadWindow, self._error.BadDrawable):
            return None  # it closed while we looked
        return int(corner.x), int(corner.y), int(shape.width), int(shape.height)

    def settle(self) -> None:
        """Wait until the display has done all this and has told those whom it concerns."""
        # The first answer says that our requests are done, the second that their events were sent.
        self._display.sync()
        self._display.sync()
        self._heed()

    def forget(self) -> None:
        """Be as a new display is: the pointer in the corner, the keyboard nobody's."""
        self.move(0, 0)
        self._display.set_input_focus(self._xlib.PointerRoot, self._xlib.RevertToPointerRoot, self._xlib.CurrentTime)
        self.settle()

    def focus(self, window: Window) -> None:
        """Let a window have the keyboard, and the pointer over it: without a window manager nobody else does."""
        self.move(window.left + window.width // 2, window.top + window.height // 2)
        self._display.create_resource_object("window", window.number).set_input_focus(
            self._xlib.RevertToPointerRoot, self._xlib.CurrentTime
        )
        self.settle()

    def windows(self) -> list[Window]:
        """Every window that has a title or a class, or is shown below the root.

        They are asked for one by one, which takes longer than a step of a small game: only where the display has told
        that one has come, gone, moved, been shown or been renamed since. Of a game that rests under the virtual clock
        it has told all, as its picture is all there.
        """
        self._heed()
        if self._known is None:
            root = self._display.screen().root
            root.change_attributes(event_mask=self._xlib.SubstructureNotifyMask)  # before looking: nothing is missed
            self._known = list(self._below(root, 1))
        return list(self._known)

    def _heed(self) -> None:
        """Take what the display has told; we ask to be told of nothing but windows."""
        while self._display.pending_events():
            self._display.next_event()
            self._known = None

    def find(self, match: WindowMatch) -> Window | None:
        """The one shown window that matches; None while there is none.

        Raises: NoWindow where more than one does.
        """
        return the_window(match, self.windows())

    def is_focused(self, window: Window) -> bool:
        """Whether keys go to that window, or to one within it."""
        focus: Any = self._display.get_input_focus().focus
        if focus == self._xlib.PointerRoot:
            focus = self._under_pointer()
        return not isinstance(focus, int) and window.number in self._with_parents(focus)

    def _under_pointer(self) -> Any:
        pointed: Any = self._display.screen().root.query_pointer().child
        return pointed

    def _with_parents(self, window: Any) -> Iterator[int]:
        try:
            while not isinstance(window, int):
                yield int(window.id)
                window = window.query_tree().parent
        except (self._error.BadWindow, self._error.BadDrawable):
            return  # it closed while we looked

    def _title(self, window: Any) -> str:
        # SDL writes only the newer of the two.
        newer = window.get_full_property(self._newer_name, self._xlib.AnyPropertyType)
        name = newer.value if newer is not None else window.get_wm_name()
        return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")

    def _pid(self, window: Any) -> int | None:
        found = window.get_full_property(self._pid_name, self._xlib.AnyPropertyType)
        return int(found.value[0]) if found is not None and len(found.value) == 1 else None

    def _children(self, window: Any) -> list[Any]:
        try:
            return list(window.query_tree().children)
        except (self._error.BadWindow, self._error.BadDrawable):
            return []  # it closed while we looked

    def _below(self, parent: Any, depth: int, left: int = 0, top: int = 0) -> Iterator[Window]:
        told = self._xlib.SubstructureNotifyMask | self._xlib.PropertyChangeMask
        for child in self._children(parent):
            try:
                child.change_attributes(event_mask=told, onerror=self._error.CatchError(self._error.BadWindow))
                shape, state = child.get_geometry(), child.get_attributes()
                title, group, pid = self._title(child), child.get_wm_class(), self._pid(child)
            except (self._error.BadWindow, self._error.BadDrawable):
                continue  # it closed while we looked
            x, y = left + shape.x, top + shape.y
            yield Window(
                number=child.id, title=title, group=" ".join(group or ()), left=x, top=y, width=shape.width,
                height=shape.height, mapped=state.map_state == self._xlib.IsViewable, pid=pid,
            )  # fmt: skip
            if depth < MOST_DEEP:
                yield from self._below(child, depth + 1, x, y)
