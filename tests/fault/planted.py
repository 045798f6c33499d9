"""Four bugs that persistence has had elsewhere, planted into ours: a harness that does not find them finds nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from playfield.storage import checkpoint, files, log
from playfield.storage import run as run_module
from playfield.storage.checkpoint import Manifest
from playfield.storage.files import temporary_name, write_new
from playfield.storage.run import Run
from playfield.storage.tensors import pack
from playfield.storage.tree import Flat

MODULES = (files, checkpoint, log, run_module)


def _everywhere(patch: pytest.MonkeyPatch, name: str, value: object) -> None:
    for module in MODULES:
        if hasattr(module, name):
            patch.setattr(module, name, value)


def no_fsync(patch: pytest.MonkeyPatch) -> None:
    """Nothing is ever waited for."""
    _everywhere(patch, "sync", lambda descriptor, path: None)


def no_directory_fsync(patch: pytest.MonkeyPatch) -> None:
    """Files are synced, their names are not."""
    _everywhere(patch, "sync_directory", lambda folder: None)


def rename_before_fsync(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint gets its name before its files are on the disk."""

    def publish(folder: Path, flat: Flat, manifest: Manifest) -> None:
        temporary = temporary_name(folder)
        temporary.mkdir()
        with pytest.MonkeyPatch.context() as unsynced:
            unsynced.setattr(files, "sync", lambda descriptor, path: None)
            tensors = write_new(temporary / checkpoint.TENSORS, pack(flat.tensors))
            tree = write_new(temporary / checkpoint.TREE, [checkpoint.json.dumps(flat.plain).encode()])
            named = replace(manifest, files={checkpoint.TENSORS: tensors, checkpoint.TREE: tree})
            write_new(temporary / checkpoint.MANIFEST, [named.text()])
        os.rename(temporary, folder)
        files.sync_directory(folder.parent)
        for path in sorted(folder.iterdir()):
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        files.sync_directory(folder)

    patch.setattr(checkpoint, "publish", publish)


def collect_before_publish(patch: pytest.MonkeyPatch) -> None:
    """Old checkpoints are let go of before the new one is there."""
    commit = Run._commit

    def commit_late(self: Run, *arguments: object) -> str:
        for folder in self._folders():
            shutil.rmtree(folder)
        return commit(self, *arguments)  # type: ignore[arg-type]

    patch.setattr(Run, "_commit", commit_late)


BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    bug.__name__: bug for bug in (no_fsync, no_directory_fsync, rename_before_fsync, collect_before_publish)
}
