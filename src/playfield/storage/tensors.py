"""Tensors as bytes: the safetensors layout, with limits on what a file may ask for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from playfield.storage.files import DamagedFile

MOST_HEADER_BYTES = 1 << 20

DTYPES: dict[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "U16": torch.uint16,
    "I16": torch.int16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
CODES = {dtype: code for code, dtype in DTYPES.items()}
"""The safetensors name of each element type that can be stored."""


def storable(tensor: Tensor) -> bool:
    """Whether the tensor is a plain block of numbers of a known element type."""
    return tensor.dtype in CODES and tensor.layout == torch.strided and not tensor.is_meta


def raw(tensor: Tensor) -> memoryview:
    """The elements as bytes, in row-major order; shares memory with the tensor where it can."""
    flat = tensor.detach().resolve_neg().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def from_raw(data: bytes | memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """A new tensor with those bytes as its elements."""
    if not math.prod(shape):
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy()).view(dtype).reshape(shape)


def pack(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    """The pieces of a safetensors file, in order.

    Raises: ValueError where there are too many tensors for one file.
    """
    # Wide elements first keeps every tensor aligned.
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": CODES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MOST_HEADER_BYTES:
        raise ValueError(f"{len(tensors)} tensors are too many for one checkpoint: join small ones into larger ones")
    yield len(text).to_bytes(8, "little") + text
    for name in names:
        yield raw(tensors[name])


def unpack(path: Path, data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file; each owns its memory.

    Raises: DamagedFile.
    """
    if int.from_bytes(data[:8], "little") > MOST_HEADER_BYTES:
        raise DamagedFile(path, f"has a header of more than {MOST_HEADER_BYTES} bytes")
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise DamagedFile(path, "is not a safetensors file that this version reads") from error
