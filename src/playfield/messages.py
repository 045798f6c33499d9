"""How processes of ours speak to each other: a JSON header and plain bytes, each with its length before it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

_LENGTHS = struct.Struct("<IQ")
MOST_HEADER_BYTES = 1 << 16
MOST_PAYLOAD_BYTES = 1 << 26


class Broken(Exception):
    """What was said is no message, or the other process broke off."""


def message(header: Mapping[str, object], payload: bytes = b"") -> bytes:
    """Something that can be said."""
    text = json.dumps(header).encode()
    return b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload))


def hear(
    read: Callable[[int], bytes],
    most_header_bytes: int = MOST_HEADER_BYTES,
    most_payload_bytes: int = MOST_PAYLOAD_BYTES,
) -> tuple[Mapping[str, Any], bytes]:
    """The next message; `read` gives just as many bytes as it is asked for.

    Raises: Broken; and what `read` raises.
    """
    header_bytes, payload_bytes = _LENGTHS.unpack(read(_LENGTHS.size))
    if header_bytes > most_header_bytes or payload_bytes > most_payload_bytes:
        raise Broken("it said more than it may")
    text, payload = read(header_bytes), read(payload_bytes)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Broken("it said nothing that can be understood") from error
    if not isinstance(header, dict):
        raise Broken("it said nothing that can be understood")
    return cast("dict[str, Any]", header), payload
