"""Files of one JSON object per line: written by appending, read up to the last complete line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

MOST_LINE_BYTES = 1 << 24


class AppendFile(Protocol):
    """Something that grows at its end; who opens, syncs and truncates it is not a sink's business."""

    def write(self, data: bytes, /) -> object:
        """Append `data`."""
        ...


def json_line(row: Mapping[str, object]) -> bytes:
    return (json.dumps(plain(row), separators=(",", ":"), allow_nan=False) + "\n").encode()


def plain(value: object) -> object:
    """A value that JSON can say; what is not finite becomes null, for JSON has no word for it."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            items = cast(Mapping[object, object], value).items()
            return {str(key): plain(item) for key, item in items}
        case list() | tuple():
            return [plain(item) for item in cast(Iterable[object], value)]
        case np.generic() | np.ndarray():
            return plain(value.tolist())
        case _:
            return value


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no number")


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of a JSONL file, one after the other; a last line cut short by a crash is left out.

    Raises: ValueError naming file and line for a line that is not a JSON object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), start=1):
            if not line.endswith(b"\n"):
                if len(line) == MOST_LINE_BYTES:
                    raise ValueError(f"{path}, line {number}: has more than {MOST_LINE_BYTES:,} bytes.")
                return
            try:
                row = json.loads(line, parse_constant=_refused)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}: not JSON ({error}).") from None
            if not isinstance(row, dict):
                raise ValueError(f"{path}, line {number}: a JSON object was expected, not {type(row).__name__}.")
            yield cast(dict[str, Any], row)
