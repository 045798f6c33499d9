"""A state tree taken apart into tensors, plain JSON and rows, put together again, and named by a digest."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from playfield.batch import Rows
from playfield.storage.files import new_hash
from playfield.storage.log import Column, LoggedRows, columns_of, row_blocks
from playfield.storage.tensors import CODES, raw, storable
from playfield.types import Tree

_EXACT_IN_JSON = 2**53
_ARRAY_DTYPES = {torch.empty(0, dtype=dtype).numpy().dtype for dtype in CODES if dtype != torch.bfloat16}


class Flat(NamedTuple):
    """A tree in three parts; `plain` names the others' entries by their path, such as `agent/net/0.weight`."""

    tensors: dict[str, Tensor]
    plain: Any
    """Mappings and lists as they were, other leaves as `{"$": kind, ...}`."""
    rows: dict[str, Rows]


def flatten(tree: Tree) -> Flat:
    """The three parts of a tree; tensors share memory with it.

    Raises: TypeError that names the path of a leaf which cannot be stored, ValueError where the tree has no end.
    """
    flat = Flat({}, None, {})
    try:
        return flat._replace(plain=_take_apart(tree, "", flat))
    except RecursionError:
        raise ValueError("the state tree is nested too deeply, or contains itself") from None


def unflatten(plain: Any, tensors: Mapping[str, Tensor], rows: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of those parts: arrays are arrays again, tuples are tuples; tensors lie on the CPU.

    Raises: ValueError where the parts do not belong together.
    """
    used: set[str] = set()
    try:
        tree = _put_together(plain, tensors, rows, used)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the parts of the state tree do not belong together") from error
    if not isinstance(tree, dict) or used != tensors.keys() | rows.keys():
        raise ValueError("the parts of the state tree do not belong together")
    return tree


def digest(tree: Tree) -> str:
    """A name for the whole content of a tree: equal exactly where everything is equal, bit for bit.

    The order of keys, the device of tensors and the place of rows in their rings do not matter.

    Raises: TypeError that names the path of a leaf which cannot be stored.
    """
    total = new_hash()
    for piece in _canonical(tree, ""):
        total.update(len(piece).to_bytes(8, "little"))
        total.update(piece)
    return total.hexdigest()


def _take_apart(value: Any, path: str, flat: Flat) -> Any:
    if isinstance(value, Mapping):
        return {
            "$" + key if key.startswith("$") else key: _take_apart(child, child_path, flat)
            for key, child, child_path in _children(value, path)
        }
    if type(value) in (list, tuple):
        items = [_take_apart(child, _join(path, str(index)), flat) for index, child in enumerate(value)]
        return items if type(value) is list else {"$": "tuple", "items": items}
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return value if abs(value) < _EXACT_IN_JSON else {"$": "int", "hex": hex(value)}
    if type(value) is float:
        return value if np.isfinite(value) else {"$": "float", "hex": struct.pack(">d", value).hex()}
    if isinstance(value, Rows):
        _columns(value, path)
        flat.rows[path] = value
        return {"$": "rows", "at": path}
    kind, tensor = _numbers(value, path)
    flat.tensors[path] = tensor
    return {"$": kind, "at": path}


def _numbers(value: Any, path: str) -> tuple[str, Tensor]:
    """A tensor, array or numpy scalar as (kind, tensor)."""
    if isinstance(value, Tensor) and storable(value):
        return "tensor", value
    if (type(value) is np.ndarray or isinstance(value, np.generic)) and value.dtype in _ARRAY_DTYPES:
        # Equal element types can have two names (unsigned long and long long), of which torch knows one.
        array = np.asarray(value).view(np.dtype(value.dtype.str))
        usable = array.flags.writeable and array.flags.c_contiguous
        kind = "array" if type(value) is np.ndarray else "scalar"
        return kind, torch.from_numpy(array if usable else array.copy(order="C"))
    detail = f" of {value.dtype}" if isinstance(value, Tensor | np.ndarray) else ""
    raise TypeError(f"the state tree has a {type(value).__name__}{detail} at {path!r}, which cannot be stored")


def _columns(rows: Rows, path: str) -> tuple[Column, ...]:
    try:
        return columns_of(rows)
    except ValueError as error:
        raise ValueError(f"the rows at {path!r} of the state tree cannot be stored: {error}") from None


def _put_together(plain: Any, tensors: Mapping[str, Tensor], rows: Mapping[str, Any], used: set[str]) -> Any:
    if isinstance(plain, list):
        return [_put_together(child, tensors, rows, used) for child in plain]
    if not isinstance(plain, dict):
        return plain
    if "$" not in plain:
        return {_key(key): _put_together(child, tensors, rows, used) for key, child in plain.items()}
    match plain:
        case {"$": "tuple", "items": list(items)}:
            return tuple(_put_together(child, tensors, rows, used) for child in items)
        case {"$": "int", "hex": str(text)}:
            return int(text, 16)
        case {"$": "float", "hex": str(text)} if len(text) == 16:
            return struct.unpack(">d", bytes.fromhex(text))[0]
        case {"$": "tensor" | "array" | "scalar" | "rows" as kind, "at": str(path)} if path not in used:
            used.add(path)
            if kind == "rows":
                return rows[path]
            return tensors[path] if kind == "tensor" else _array(tensors[path], kind)
        case _:
            raise ValueError(f"the state tree has an entry of unknown kind {plain.get('$')!r}")


def _key(key: str) -> str:
    key.encode()  # JSON can write half a letter, which is no text
    return key.removeprefix("$")


def _array(tensor: Tensor, kind: str) -> Any:
    array = tensor.numpy()
    return array if kind == "array" else array[()]


def _canonical(value: Any, path: str) -> Iterator[bytes | memoryview]:
    """The tree as a sequence of byte strings, each kind with its own mark."""
    if isinstance(value, Mapping):
        children = sorted(_children(value, path), key=lambda child: child[0])
        yield f"mapping {len(children)}".encode()
        for key, child, child_path in children:
            yield key.encode()
            yield from _canonical(child, child_path)
    elif type(value) in (list, tuple):
        yield f"{type(value).__name__} {len(value)}".encode()
        for index, child in enumerate(value):
            yield from _canonical(child, _join(path, str(index)))
    elif isinstance(value, Rows | LoggedRows):
        yield from _canonical_rows(value, path)
    elif type(value) is float:
        yield b"float " + struct.pack(">d", value)
    elif value is None or type(value) in (bool, int, str):
        text = hex(value) if type(value) is int else str(value)
        yield f"{type(value).__name__} {text}".encode(errors="surrogatepass")
    else:
        kind, tensor = _numbers(value, path)
        yield f"{kind} {CODES[tensor.dtype]} {list(tensor.shape)}".encode()
        yield raw(tensor)


def _canonical_rows(rows: Rows | LoggedRows, path: str) -> Iterator[bytes]:
    if isinstance(rows, Rows):
        columns, blocks = _columns(rows, path), row_blocks(rows)
    else:
        columns, blocks = tuple(rows.columns[name] for name in sorted(rows.columns)), rows.blocks()
    # One hash per column, so that blocks of any length give the same result.
    hashes: dict[str, blake2b] = {column.name: new_hash() for column in columns}
    for _, block in blocks:
        for name, values in block.items():
            hashes[name].update(raw(values))
    yield f"rows {rows.start} {rows.stop} {len(columns)}".encode()
    for column in columns:
        yield column.name.encode(errors="surrogatepass")
        yield f"{CODES[column.dtype]} {list(column.shape)}".encode()
        yield hashes[column.name].digest()


def _children(mapping: Mapping[Any, Any], path: str) -> Iterator[tuple[str, Any, str]]:
    for key, child in mapping.items():
        if type(key) is not str:
            raise TypeError(f"the state tree has the key {key!r} at {path!r}; keys must be text")
        try:
            key.encode()
        except UnicodeEncodeError:
            raise TypeError(f"the state tree has the key {key!r} at {path!r}, which is not valid text") from None
        yield key, child, _join(path, key)


def _join(path: str, key: str) -> str:
    key = key.replace("~", "~0").replace("/", "~1")
    # Safetensors keeps the name __metadata__ for itself; an empty key would leave no trace in the path.
    key = {"__metadata__": "~2", "": "~3"}.get(key, key)
    return f"{path}/{key}" if path else key
