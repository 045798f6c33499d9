"""The conversation with a browser, with a browser that has said everything before it is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from playfield.games.desktop.cdp import BrowserGone, BrowserRefused, BrowserSilent, Conversation


class Said:
    """Both ends of the pipes to a browser that is not there."""

    def __init__(self) -> None:
        hearing, asking = os.pipe()
        reading, saying = os.pipe()
        self.heard, self.says = os.fdopen(hearing, "rb"), os.fdopen(saying, "wb", buffering=0)
        self.talk = Conversation(os.fdopen(asking, "wb"), os.fdopen(reading, "rb"))

    def say(self, *messages: dict[str, Any]) -> None:
        self.says.write(b"".join(json.dumps(message).encode() + b"\0" for message in messages))

    def close(self) -> None:
        self.talk.close()
        self.heard.close()
        self.says.close()


@pytest.fixture(name="browser")
def a_browser() -> Iterator[Said]:
    said = Said()
    yield said
    said.close()


def test_calls_are_numbered_and_an_answer_is_that_of_its_number(browser: Said):
    browser.say({"id": 2, "result": {"b": 2}}, {"id": 3, "result": {"c": 3}})
    browser.talk.ask("First.thing", x=1)
    assert browser.talk.call("Second.thing") == {"b": 2}
    assert browser.talk.call("Third.thing", y=[1, 2]) == {"c": 3}
    heard = os.read(browser.heard.fileno(), 4096).split(b"\0")
    assert [json.loads(each) for each in heard if each] == [
        {"id": 1, "method": "First.thing", "params": {"x": 1}},
        {"id": 2, "method": "Second.thing", "params": {}},
        {"id": 3, "method": "Third.thing", "params": {"y": [1, 2]}},
    ]


def test_whoever_is_attached_is_named_from_then_on(browser: Said):
    browser.say({"id": 1, "result": {"sessionId": "S"}}, {"id": 2, "result": {}})
    browser.talk.attach("T")
    browser.talk.call("Page.enable")
    first, second, _ = os.read(browser.heard.fileno(), 4096).split(b"\0")
    assert json.loads(first)["params"] == {"targetId": "T", "flatten": True}
    assert json.loads(second)["sessionId"] == "S"


def test_what_happens_before_an_answer_is_kept_for_whoever_waits_for_it(browser: Said):
    browser.say(
        {"method": "Page.one", "params": {"n": 1}},
        {"method": "Page.two", "params": {"n": 2}},
        {"id": 1, "result": {}},
        {"method": "Page.one", "params": {"n": 3}},
    )
    browser.talk.call("Page.navigate")
    assert [browser.talk.event(name)["n"] for name in ("Page.two", "Page.one", "Page.one")] == [2, 1, 3]
    with pytest.raises(BrowserSilent):
        browser.talk.event("Page.one", 0.01)


def test_an_answer_may_come_in_pieces(browser: Said):
    text = json.dumps({"id": 1, "result": {"long": "x" * 100_000}}).encode() + b"\0"
    os.set_blocking(browser.says.fileno(), False)
    written = browser.says.write(text[:60_000])
    browser.talk.ask("Page.long")
    with pytest.raises(BrowserSilent):
        browser.talk.answer(1, 0.01)
    browser.says.write(text[written:])
    assert len(browser.talk.answer(1)["long"]) == 100_000


def test_an_error_is_the_browsers_own_sentence(browser: Said):
    browser.say({"id": 1, "error": {"code": -32000, "message": "Cannot navigate"}})
    with pytest.raises(BrowserRefused, match="Cannot navigate"):
        browser.talk.call("Page.navigate")


def test_what_a_script_throws_is_told_and_what_it_is_worth_is_returned(browser: Said):
    thrown = {"text": "Uncaught", "exception": {"description": "TypeError: no"}}
    browser.say(
        {"id": 1, "result": {"result": {"value": [1, "a"]}}},
        {"id": 2, "result": {"result": {}, "exceptionDetails": thrown}},
    )
    assert browser.talk.value("x") == [1, "a"]
    with pytest.raises(BrowserRefused, match="TypeError: no"):
        browser.talk.value("y")


@pytest.mark.parametrize("end", ["hangs up", "crashes", "crashes at the call"])
def test_a_browser_that_has_gone_is_told_from_one_that_is_silent(browser: Said, end: str):
    with pytest.raises(BrowserSilent):
        browser.talk.answer(1, 0.01)
    if end == "hangs up":
        browser.says.close()
    elif end == "crashes":
        browser.say({"method": "Inspector.targetCrashed", "params": {}})
    else:
        browser.say({"id": 1, "error": {"code": -32000, "message": "Target crashed"}})
    with pytest.raises(BrowserGone):
        browser.talk.answer(1)


def test_nobody_is_left_to_be_asked(browser: Said):
    browser.heard.close()
    with pytest.raises(BrowserGone):
        browser.talk.ask("Page.enable")
    browser.talk.close()
    with pytest.raises(BrowserGone):
        browser.talk.ask("Page.enable")
