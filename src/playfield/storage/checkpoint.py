"""One checkpoint: a folder that appears whole or not at all, and that says of every byte it rests on what it must be.

tensors.safetensors  the tensors of the state tree
tree.json            the rest of it
manifest.json        one line of JSON and one line with its checksum: files, fences of the logs of rows, lengths and
                     checksums of the sinks' files, clock, score, fingerprint, and what run.json says
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playfield.storage.files import (
    DamagedFile,
    FileRecord,
    new_hash,
    parse_json,
    read_capped,
    read_verified,
    require_space,
    sync_directory,
    temporary_name,
    verify_prefix,
    write_new,
)
from playfield.storage.log import Fence, LoggedRows
from playfield.storage.tensors import pack, unpack
from playfield.storage.tree import Flat, unflatten

FORMAT = 1
TENSORS, TREE, MANIFEST = "tensors.safetensors", "tree.json", "manifest.json"
MOST_TREE_BYTES = 8 << 20
MOST_MANIFEST_BYTES = 8 << 20
"""JSON takes up to thirty times as much memory as it has bytes."""
MOST_TENSOR_BYTES = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a checkpoint is made of."""

    checkpoint: str
    frames: int
    """Emulator frames played when it was saved."""
    score: float | None
    """What `best` compares; None where nothing was evaluated."""
    saved: str
    """When, as ISO 8601 text in UTC."""
    run: Mapping[str, Any]
    """The contents of run.json when this was saved, so that its loss is no loss."""
    fingerprint: Mapping[str, Any]
    rows: Mapping[str, Fence]
    """By path in the state tree."""
    sinks: Mapping[str, FileRecord]
    """By file name in the run directory."""
    files: Mapping[str, FileRecord]
    """By file name in the checkpoint."""

    def text(self) -> bytes:
        """The manifest as a file."""
        plain = {
            "format": FORMAT,
            "checkpoint": self.checkpoint,
            "frames": self.frames,
            "score": self.score,
            "saved": self.saved,
            "run": self.run,
            "fingerprint": self.fingerprint,
            "rows": {path: fence.plain() for path, fence in self.rows.items()},
            "sinks": {name: record.plain() for name, record in self.sinks.items()},
            "files": {name: record.plain() for name, record in self.files.items()},
        }
        return sealed(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode())


def sealed(line: bytes) -> bytes:
    """One line of text, and one line with its checksum."""
    digest = new_hash()
    digest.update(line)
    return line + b"\n" + digest.hexdigest().encode() + b"\n"


def unsealed(path: Path, data: bytes) -> bytes:
    """The line that was sealed.

    Raises: DamagedFile.
    """
    line = data[: max(0, data.find(b"\n"))]
    if sealed(line) != data:
        raise DamagedFile(path, "was altered or cut: its last line is not its checksum")
    return line


def publish(folder: Path, flat: Flat, manifest: Manifest) -> None:
    """Writes a checkpoint; it exists once this returns, and not at all if this raises.

    Everything else that the manifest speaks of must be on the disk already.

    Raises: NoSpace, WriteFailed, ValueError where the tree is too large for the format.
    """
    tensor_bytes = sum(tensor.numel() * tensor.element_size() for tensor in flat.tensors.values())
    text = json.dumps(flat.plain, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > MOST_TREE_BYTES:
        raise ValueError(f"the plain part of the state has {len(text)} bytes; keep long lists of numbers in tensors")
    require_space(folder.parent, tensor_bytes + len(text))
    temporary = temporary_name(folder)
    try:
        temporary.mkdir()
        files = {
            TENSORS: write_new(temporary / TENSORS, pack(flat.tensors)),
            TREE: write_new(temporary / TREE, [text]),
        }
        write_new(temporary / MANIFEST, [replace(manifest, files=files).text()])
        sync_directory(temporary)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(folder.parent)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint, itself intact; the files it speaks of are not looked at.

    Raises: DamagedFile.
    """
    path = folder / MANIFEST
    plain = parse_json(path, unsealed(path, read_capped(path, MOST_MANIFEST_BYTES)))
    try:
        if plain["format"] != FORMAT:
            raise DamagedFile(path, f"has format {plain['format']!r}; this version of Playfield reads {FORMAT}")
        manifest = _parse(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedFile(path, "is not a manifest that this version reads") from error
    if manifest.checkpoint != folder.name:
        raise DamagedFile(path, f"belongs to checkpoint {manifest.checkpoint!r}")
    return manifest


def read_checkpoint(folder: Path, manifest: Manifest, rows_folder: Path, *, to_play: bool) -> dict[str, Any]:
    """The state tree of a checkpoint, every byte of it verified, with `LoggedRows` in the place of `Rows`.

    `to_play`: those rows, which are for learning, are not looked at, and need not be there.
    Raises: DamagedFile.
    """
    rows: dict[str, LoggedRows] = {}
    for path, fence in manifest.rows.items():
        rows[path] = LoggedRows(rows_folder / folder_name(path), str(manifest.run["id"]), fence)
        if not to_play:
            rows[path].verify()
    text = read_verified(folder / TREE, manifest.files[TREE], MOST_TREE_BYTES)
    plain = parse_json(folder / TREE, text)
    data = read_verified(folder / TENSORS, manifest.files[TENSORS], MOST_TENSOR_BYTES)
    tensors = unpack(folder / TENSORS, data)
    try:
        return unflatten(plain, tensors, rows)
    except ValueError as error:
        raise DamagedFile(folder / TREE, f"cannot be used: {error}") from error


def damaged_sinks(folder: Path, sinks: Mapping[str, FileRecord]) -> Iterator[DamagedFile]:
    """The files of sinks in a run directory that are not what the checkpoint says."""
    for name, record in sinks.items():
        try:
            verify_prefix(folder / name, record)
        except DamagedFile as damage:
            yield damage


def best(manifests: Iterable[Manifest]) -> Manifest | None:
    """The checkpoint with the highest score; of equals, the newest."""
    scored = [(manifest.score, manifest.checkpoint, manifest) for manifest in manifests if manifest.score is not None]
    return max(scored, key=lambda entry: entry[:2])[2] if scored else None


def folder_name(path: str) -> str:
    """The name of the folder that holds the rows at a path of the state tree; different for every path.

    Raises: ValueError where the path is too long for a name.
    """
    name = ".".join(quote(part, safe="").replace(".", "%2E") for part in path.split("/"))
    if len(name) > 200:
        raise ValueError(f"the path {path!r} in the state tree is too long for a folder of rows")
    return name


def _parse(plain: Any) -> Manifest:
    files = {name: FileRecord.parse(record) for name, record in plain["files"].items()}
    sinks = {name: FileRecord.parse(record) for name, record in plain["sinks"].items()}
    rows = {path: Fence.parse(fence) for path, fence in plain["rows"].items() if folder_name(path)}
    score = plain["score"]
    right = (
        files.keys() == {TENSORS, TREE}
        and all(is_sink_name(name) for name in sinks)
        and type(plain["frames"]) is int
        and (score is None or (type(score) is float and math.isfinite(score)))
        and type(plain["run"]["id"]) is str
        and type(plain["fingerprint"]) is dict
        and is_shown(plain["fingerprint"])
    )
    if not right:
        raise ValueError("not a manifest")
    return Manifest(
        checkpoint=str(plain["checkpoint"]),
        frames=plain["frames"],
        score=score,
        saved=str(plain["saved"]),
        run=plain["run"],
        fingerprint=plain["fingerprint"],
        rows=rows,
        sinks=sinks,
        files=files,
    )


def is_shown(fingerprint: Mapping[str, Any]) -> bool:
    """Whether a fingerprint is made of texts that can be shown, and of numbers: what differs is told to the person."""
    return all(
        name.isprintable() and (type(value) is int or (type(value) is str and value.isprintable()))
        for name, value in fingerprint.items()
    )


def is_sink_name(name: str) -> bool:
    """Whether a file of the run directory is one that grows at its end and is cut back at a resume."""
    return name.endswith((".jsonl", ".log")) and "/" not in name and not name.startswith(".") and name.isprintable()
