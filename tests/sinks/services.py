"""Stand-ins for the packages of tracking services: modules that write down how they were called."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Tape:
    """Every call as (name, positional and named arguments), in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def note(self, name: str, /, *arguments: object, **named: object) -> None:
        self.calls.append((name, *arguments, *([named] if named else [])))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


class Recorded:
    """An object any of whose methods writes down its call; `answers` says what some return."""

    def __init__(self, tape: Tape, **answers: object) -> None:
        self._tape, self._answers = tape, answers

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object, **named: object) -> object:
            self._tape.note(name, *arguments, **named)
            answer = self._answers.get(name)
            return answer(*arguments, **named) if callable(answer) else answer

        return call


class Noted(dict[str, object]):
    """A mapping that also writes down what is put into it."""

    def __init__(self, tape: Tape, name: str) -> None:
        super().__init__()
        self._tape, self._name = tape, name

    def __setitem__(self, key: str, value: object) -> None:
        self._tape.note(self._name, key, value)


def module(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    for key, value in contents.items():
        setattr(made, key, value)
    monkeypatch.setitem(sys.modules, name, made)


def fake_wandb(monkeypatch: pytest.MonkeyPatch) -> Tape:
    tape = Tape()

    def init(**named: object) -> object:
        tape.note("init", **named)
        run = Recorded(tape)
        run.id, run.summary = named["id"], Noted(tape, "summary")
        run.config = SimpleNamespace(update=lambda values, **how: tape.note("config", values, **how))
        return run

    module(
        monkeypatch,
        "wandb",
        init=init,
        Settings=lambda **named: ("settings", named),
        Image=lambda path: ("image", path),
        Video=lambda path, format: ("video", path, format),
    )
    return tape


def fake_comet(monkeypatch: pytest.MonkeyPatch) -> Tape:
    tape = Tape()

    def start(**named: Any) -> object:
        tape.note("start", **named)
        return Recorded(tape, get_key=lambda: named["experiment_key"])

    module(monkeypatch, "comet_ml", start=start, ExperimentConfig=lambda **named: named)
    return tape


def fake_mlflow(monkeypatch: pytest.MonkeyPatch, experiment: object = None) -> Tape:
    tape = Tape()
    client = Recorded(
        tape,
        get_experiment_by_name=experiment,
        create_experiment="made",
        create_run=SimpleNamespace(info=SimpleNamespace(run_id="theirs-7")),
    )
    module(monkeypatch, "mlflow", MlflowClient=lambda: client)
    module(
        monkeypatch,
        "mlflow.entities",
        Param=lambda key, value: (key, value),
        Metric=lambda key, value, stamp, step: (key, value, stamp, step),
    )
    return tape
