"""Evaluations of a run, one JSON line each, with the tape of the best game."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playfield.events import Evaluated, Tape
from playfield.sinks.eventlog import event_row
from playfield.sinks.jsonl import json_line, read_lines
from playfield.types import Clock


def add_evaluation(path: Path, evaluated: Evaluated) -> None:
    """Append one evaluation to the file, whole or not at all."""
    actions = base64.b64encode(evaluated.best.actions).decode("ascii")
    row = {**event_row(evaluated), "best": {"seed": evaluated.best.seed, "actions": actions}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        before, rest = file.tell(), memoryview(json_line(row))
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:  # a part of a line would spoil the one that is written next
            file.truncate(before)
            raise


def read_evaluations(path: Path) -> list[Evaluated]:
    """The evaluations in the file, oldest first; none where there is no file.

    Raises: ValueError naming the file where a line is not an evaluation.
    """
    if not path.is_file():
        return []
    try:
        return [_evaluated(row) for row in read_lines(path)]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} is damaged ({error}); move it away and evaluate again") from error


def _evaluated(row: dict[str, Any]) -> Evaluated:
    best = row["best"]
    return Evaluated(
        clock=Clock(**{name: int(value) for name, value in row["clock"].items()}),
        game=str(row["game"]),
        protocol=dict(row["protocol"]),
        policy=str(row["policy"]),
        seed=int(row["seed"]),
        scores=tuple(float(score) for score in row["scores"]),
        frames=tuple(int(frames) for frames in row["frames"]),
        best=Tape(seed=int(best["seed"]), actions=base64.b64decode(best["actions"], validate=True)),
    )
