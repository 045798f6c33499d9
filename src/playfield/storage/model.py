"""The `.playfield` file: a trained agent without its run. Opening one reads numbers and texts, and runs nothing.

An uncompressed zip archive of exactly four members:

model.json           what it is, see `Card`, and the number of the format
recipe.json          the recipe, every setting stated
weights.safetensors  the online network
checksums.json       for each of the others its length and the BLAKE2b-16 of its bytes
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from playfield.settings import from_plain, to_plain
from playfield.storage.archive import Archive, open_archive, pack_archive
from playfield.storage.files import (
    DamagedFile,
    FileRecord,
    new_hash,
    parse_json,
    read_capped,
    require_new,
    sync_directory,
    temporary_name,
    write_new,
    writing_to,
)
from playfield.storage.tensors import pack, unpack

SUFFIX = ".playfield"
FORMAT = 1
CARD, RECIPE, WEIGHTS, CHECKSUMS = "model.json", "recipe.json", "weights.safetensors", "checksums.json"
MOST_MODEL_BYTES = 1 << 30
MOST_TEXT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """An evaluation of exactly the weights it lies beside."""

    protocol: str
    """The rules it was played under; a score means nothing without them."""
    policy: str
    seed: int
    scores: tuple[float, ...]
    """Of each whole game."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model is."""

    game: str
    """As given on the command line."""
    protocol: str
    """The rules it was trained under, or is meant for."""
    actions: tuple[str, ...]
    """What each output stands for, in order."""
    obs_shape: tuple[int, ...]
    """Of one observation: `(K*C, H, W)` for pixels, `(K*N,)` for vectors."""
    frames: int | None
    """Emulator frames of its training; None where nobody knows."""
    seed: int | None
    """Of its training; None where nobody knows."""
    evaluation: Scores | None
    """The newest one."""
    fingerprint: tuple[tuple[str, str], ...]
    """Of the process that saved the weights."""
    origin: str
    """The run and checkpoint, or the foreign file, that the weights are from."""
    notes: tuple[str, ...]
    """What else somebody who plays it should know."""
    licence: str
    """Of the weights, in its exporter's words."""
    created: str
    """ISO 8601 text in UTC."""
    playfield: str
    """Version that made the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained agent."""

    card: Card
    recipe: Any
    """As plain JSON values."""
    weights: Mapping[str, Tensor]
    """The state of the online network."""


def write_model(path: Path, model: Model) -> int:
    """Writes a model file, which appears whole or not at all; the answer is how many bytes it has.

    Raises: FileExistsError where something of that name is there, ValueError where the name cannot be one, NoSpace,
    WriteFailed.
    """
    require_new(path, SUFFIX)
    if not all(text.isprintable() for text in _texts(to_plain(model.card))):
        raise ValueError(f"{path} would hold a text with characters that cannot be shown; write it without them")
    members = {
        CARD: _text({"format": FORMAT, **to_plain(model.card)}),
        RECIPE: _text(model.recipe),
        WEIGHTS: b"".join(pack(model.weights)),
    }
    records = {name: _record(data).plain() for name, data in members.items()}
    data = pack_archive({**members, CHECKSUMS: _text(records)})
    temporary = temporary_name(path)
    try:
        write_new(temporary, [data])
        _claim(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)
    return len(data)


def read_model(path: Path) -> Model:
    """The model in a file, every byte of it verified.

    Raises: DamagedFile naming the member that is not what was written.
    """
    return _model_in(open_archive(path, read_capped(path, MOST_MODEL_BYTES)))


def _model_in(archive: Archive) -> Model:
    path = archive.path
    expected = {CARD, RECIPE, WEIGHTS, CHECKSUMS}
    if odd_ones := sorted(archive.sizes.keys() ^ expected):
        odd = odd_ones[0]
        raise DamagedFile(path, f"is no model: {odd!r} {'is missing' if odd in expected else 'has no place in it'}")
    for name in (CARD, RECIPE, CHECKSUMS):
        if archive.sizes[name] > MOST_TEXT_BYTES:
            raise DamagedFile(path / name, f"has {archive.sizes[name]} bytes, more than the {MOST_TEXT_BYTES} allowed")
    records = _records(path, archive)
    members = {name: _verified(archive, name, record) for name, record in records.items()}
    return Model(
        card=_card(path, members[CARD]),
        recipe=parse_json(path / RECIPE, members[RECIPE]),
        weights=unpack(path / WEIGHTS, members[WEIGHTS]),
    )


def _records(path: Path, archive: Archive) -> dict[str, FileRecord]:
    plain = parse_json(path / CHECKSUMS, archive.read(CHECKSUMS))
    try:
        records = {name: FileRecord.parse(record) for name, record in plain.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DamagedFile(path / CHECKSUMS, "is no list of checksums") from error
    if records.keys() != {CARD, RECIPE, WEIGHTS}:
        raise DamagedFile(path / CHECKSUMS, "does not name exactly the other members")
    return records


def _verified(archive: Archive, name: str, record: FileRecord) -> bytes:
    data = archive.read(name)
    if _record(data) != record:
        raise DamagedFile(archive.path, f"is damaged: its member {name!r} was altered")
    return data


def _card(path: Path, data: bytes) -> Card:
    plain = parse_json(path / CARD, data)
    if not isinstance(plain, dict):
        raise DamagedFile(path / CARD, "is not the description of a model")
    given = cast(dict[str, Any], plain)
    if (found := given.pop("format", None)) != FORMAT:
        raise DamagedFile(path / CARD, f"has format {found!r}; this version of Playfield reads {FORMAT}")
    try:
        card: Card = from_plain(Card, given)
    except (TypeError, ValueError) as error:
        raise DamagedFile(path / CARD, f"is not the description of a model: {error}") from error
    # A text from a stranger must not steer the terminal that shows it.
    if not all(text.isprintable() for text in _texts(to_plain(card))):
        raise DamagedFile(path / CARD, "has a text with characters that cannot be shown")
    if min((*card.obs_shape, card.frames or 0, card.seed or 0)) < 0:
        raise DamagedFile(path / CARD, "has a negative number where none can be")
    return card


def _texts(plain: Any) -> list[str]:
    if isinstance(plain, str):
        return [plain]
    children: list[Any] = []
    if isinstance(plain, dict):
        children = list(cast(dict[str, Any], plain).values())
    elif isinstance(plain, list):
        children = cast(list[Any], plain)
    return [text for child in children for text in _texts(child)]


def _text(plain: Any) -> bytes:
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _record(data: bytes) -> FileRecord:
    digest = new_hash()
    digest.update(data)
    return FileRecord(len(data), digest.hexdigest())


def _claim(temporary: Path, path: Path) -> None:
    """Gives a finished file its name, unless somebody else took it meanwhile."""
    try:
        with writing_to(path):
            os.link(temporary, path)
    except FileExistsError:
        require_new(path, SUFFIX)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        # A disk without links: the name is looked at once more, which leaves only an instant.
        require_new(path, SUFFIX)
        os.rename(temporary, path)
