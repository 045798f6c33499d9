"""A conversation with a browser in the Chrome DevTools protocol, over two pipes: no port is open to anybody else."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections import deque
from typing import IO, Any, cast

MOST_BYTES = 1 << 26
"""Of one answer: a browser that says more without an end is not believed."""
MOST_EVENTS = 1000
"""Events that are kept until somebody waits for them; older ones are forgotten."""
ANSWER_SECONDS = 30.0
"""Real time within which a browser answers; a loaded machine takes a second."""

CRASHED = "Target crashed"
"""What is answered to a call that a page has not outlived."""


class BrowserGone(Exception):
    """The browser, or the page in it, has ended."""


class BrowserSilent(Exception):
    """The browser has not answered in time."""


class BrowserRefused(Exception):
    """The browser, or a script in its page, answered with an error; the message is its own."""


class Conversation:
    """Calls to a browser and its answers, as JSON texts that each end with a zero byte."""

    def __init__(self, writing: IO[bytes], reading: IO[bytes]) -> None:
        self._writing, self._reading = writing, reading
        self._said = bytearray()
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._calls = 0
        self._session: str | None = None

    def attach(self, target: str) -> None:
        """Speak with that page from now on.

        Raises: as `call`.
        """
        answer = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = str(answer["sessionId"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a call.

        Raises: BrowserGone, BrowserSilent, BrowserRefused.
        """
        return self.answer(self.ask(method, **parameters))

    def ask(self, method: str, **parameters: Any) -> int:
        """Call without waiting for the answer: the call's number, for `answer`.

        Raises: BrowserGone.
        """
        self._calls += 1
        message: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        try:
            self._writing.write(json.dumps(message).encode() + b"\0")
            self._writing.flush()
        except (BrokenPipeError, ValueError) as error:
            raise BrowserGone("the browser has ended") from error
        return self._calls

    def answer(self, number: int, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The answer to the call of that number.

        Raises: BrowserGone, BrowserSilent, BrowserRefused.
        """
        until = time.monotonic() + seconds
        while (message := self._message(until)).get("id") != number:
            if "method" in message:
                self._events.append(message)
        if "error" in message:
            said = str(message["error"].get("message", message["error"]))
            raise BrowserGone("the page has crashed") if said == CRASHED else BrowserRefused(said)
        return cast("dict[str, Any]", message.get("result", {}))

    def event(self, method: str, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """What comes with the oldest event of that name that nobody has waited for yet.

        Raises: BrowserGone, BrowserSilent.
        """
        for kept in self._events:
            if kept["method"] == method:
                self._events.remove(kept)
                return cast("dict[str, Any]", kept.get("params", {}))
        until = time.monotonic() + seconds
        while (message := self._message(until)).get("method") != method:
            if "method" in message:
                self._events.append(message)
        return cast("dict[str, Any]", message.get("params", {}))

    def value(self, expression: str) -> Any:
        """What an expression in the page's own language is worth; a promise is waited for.

        Raises: BrowserGone, BrowserSilent, BrowserRefused where it throws.
        """
        return self.value_asked(self.ask_value(expression))

    def ask_value(self, expression: str) -> int:
        """The same without waiting: the call's number, for `value_asked`.

        Raises: BrowserGone.
        """
        return self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)

    def value_asked(self, number: int, seconds: float = ANSWER_SECONDS) -> Any:
        """What the expression that was asked for is worth.

        Raises: as `value`.
        """
        answer = self.answer(number, seconds)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserRefused(str(details.get("exception", {}).get("description", details.get("text"))))
        return answer["result"].get("value")

    def close(self) -> None:
        """Hang up: a browser that is spoken with over pipes ends by that."""
        for pipe in (self._writing, self._reading):
            with contextlib.suppress(BrokenPipeError):  # what was not yet written is for a browser that is gone
                pipe.close()

    def _message(self, until: float) -> dict[str, Any]:
        while (end := self._said.find(b"\0")) < 0:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._reading], [], [], left)[0]:
                raise BrowserSilent("the browser does not answer")
            part = os.read(self._reading.fileno(), 1 << 16)
            if not part:
                raise BrowserGone("the browser has ended")
            self._said += part
            if len(self._said) > MOST_BYTES:
                raise BrowserSilent(f"the browser says more than {MOST_BYTES:,} bytes at once")
        message = cast("dict[str, Any]", json.loads(self._said[:end]))
        del self._said[: end + 1]
        if message.get("method") == "Inspector.targetCrashed":
            raise BrowserGone("the page has crashed")
        return message
