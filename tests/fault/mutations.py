"""Inputs that differ from others in a few places."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fault.parsers import STRANGE

_VALUE = re.compile(rb'-?[0-9][0-9.eE+-]*|"(?:[^"\\]|\\.)*"|true|false|null|\[\]|\{\}')
_BYTES = b"\0\1\x7f\x80\xff"


@dataclass(slots=True)
class Chance:
    """Small numbers that follow from a large one."""

    seed: int

    def below(self, limit: int) -> int:
        self.seed = (self.seed * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.seed >> 33) % limit


def other_value(data: bytes, chance: Chance) -> bytes:
    """A text in JSON or TOML with another value in the place of one of its own."""
    values = list(_VALUE.finditer(data))
    if not values:
        return data
    there = values[chance.below(len(values))]
    match chance.below(4):
        case 0:
            new = values[chance.below(len(values))][0]
        case 1:
            new = b"[" + there[0] + b"," + there[0] + b"]"
        case _:
            new = STRANGE[chance.below(len(STRANGE))]
    return data[: there.start()] + new + data[there.end() :]


def other_bytes(data: bytes, chance: Chance) -> bytes:
    """Bytes of which a few are others, or are gone, or are there once more."""
    begin = chance.below(len(data) + 1)
    end = min(len(data), begin + 1 + chance.below(1 << chance.below(8)))
    match chance.below(5):
        case 0:
            return data[:begin] + data[end:]
        case 1:
            return data[:end] + data[begin:]
        case 2:
            return data[:begin] + bytes([data[begin] ^ 1 << chance.below(8)]) + data[end:] if begin < end else data
        case 3:
            return data[:begin] + _BYTES[chance.below(len(_BYTES)) :][:1] + data[begin + 1 :]
        case _:
            return data[:begin] + STRANGE[chance.below(len(STRANGE))] + data[begin:]


def mutated(seeds: Sequence[bytes], chance: Chance, text: str) -> bytes:
    """One of the seeds, altered in up to four places."""
    data = seeds[chance.below(len(seeds))]
    for _ in range(1 + chance.below(4)):
        data = (other_value if text and chance.below(3) else other_bytes)(data, chance)
    return data
