"""The run directory `runs/NAME/`: all that a run is, and the only thing that processes share.

run.json              recipe, game, protocol, seed, fingerprint, plan; only the plan ever changes
events.jsonl, ...     the sinks' files; they grow at their end and are cut back at a resume
tapes.log             finished episodes
gave-up.txt           why training could not go on, until the next checkpoint
incidents.txt         what went wrong and what was done about it, by wall time
checkpoints/00000012  see checkpoint.py
rows/PATH/            the log of each `Rows` leaf of the state, see log.py
.lock                 held by the one writer
.reserve              while somebody writes: room for one more checkpoint where the disk gets full
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from playfield.locks import lock_now
from playfield.storage import checkpoint as checkpoints
from playfield.storage import fingerprint as fingerprints
from playfield.storage.checkpoint import Manifest
from playfield.storage.files import (
    AppendFile,
    DamagedFile,
    FileRecord,
    NoSpace,
    WriteFailed,
    new_hash,
    parse_json,
    read_capped,
    remove_temporaries,
    replace_file,
    set_aside,
    sync,
    sync_directory,
    temporary_name,
    write_new,
    writing_to,
)
from playfield.storage.log import ColumnReader, Fence, RowLog, segment_files
from playfield.storage.tree import flatten
from playfield.types import Tree

_RUN, _LOCK, _CHECKPOINTS, _ROWS = "run.json", ".lock", "checkpoints", "rows"
_GAVE_UP, _MOST_WORDS = "gave-up.txt", 4096
_INCIDENTS, RESERVE = "incidents.txt", ".reserve"
RESERVE_BYTES = 4 << 20
"""Set aside besides what a checkpoint has: for new rows, and for records that wait."""
_MOST_RUN_BYTES = 4 << 20
_REFUSED_IN_NAMES = set('/\\:*?"<>|')


class NameTaken(Exception):
    """A run of that name exists; nothing is ever overwritten."""


class RunBusy(Exception):
    """Another process writes to the run."""


class NoCheckpoint(Exception):
    """The run has no checkpoint that could be loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a run was started with, and its present plan."""

    id: str
    """Distinguishes runs of the same name."""
    name: str
    game: str
    seed: int
    recipe: Any
    """As plain JSON values."""
    protocol: Any
    """As plain JSON values."""
    plan: Any
    """When to stop and how often to save, as plain JSON values."""
    created: str
    """ISO 8601 text in UTC."""
    playfield: str
    """Version that created the run."""
    fingerprint: Mapping[str, Any]
    resume: str = "exact"
    """How exactly it goes on after it was stopped; runs of older versions do not say and are exact."""

    def plain(self) -> dict[str, Any]:
        """The same as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A checkpoint as it came back."""

    tree: Tree
    """The state, with a `LoggedRows` for each `Rows`."""
    checkpoint: str
    clock_frames: int
    score: float | None
    sinks: Mapping[str, FileRecord]
    """Length and checksum of each sink's file when the checkpoint was saved."""
    fingerprint: Mapping[str, Any]
    """Of the process that saved; see `fingerprint.differences`."""
    warnings: tuple[str, ...]
    """One sentence for each damaged file that was met on the way."""
    fences: Mapping[str, Fence] = field(repr=False)


class Listing(NamedTuple):
    """The runs below one directory."""

    runs: list[Run]
    """In order of name."""
    warnings: list[str]
    """One sentence for each run that cannot be opened."""


class Run:
    """One run directory. Reading needs nothing else; writing needs `with run.writing():`."""

    def __init__(self, path: Path, about: About, warnings: tuple[str, ...] = (), *, keep_last: int = 3) -> None:
        if keep_last < 1:
            raise ValueError(f"at least 1 checkpoint must be kept, not {keep_last}")
        self.path = path
        self.about = about
        self.warnings = warnings
        """Sentences about damage that was repaired when the run was opened."""
        self.keep_last = keep_last
        """Newest checkpoints that are kept, besides the best."""
        self.keep_every: int | None = None
        """Of how many checkpoints one is kept for good; None for none."""
        self.device = "cpu"
        """What the device of the network is called, for the fingerprints of checkpoints."""
        self._lock: int | None = None
        self._failed: WriteFailed | None = None
        self._files: dict[str, AppendFile] = {}
        self._logs: dict[str, RowLog] = {}
        self._sinks: dict[str, FileRecord] = {}

    @staticmethod
    def create(
        root: Path,
        name: str,
        *,
        recipe: Any,
        protocol: Any,
        game: str,
        seed: int,
        fingerprint: Mapping[str, Any],
        plan: Any = None,
        resume: str = "exact",
    ) -> Run:
        """A new, empty run; it appears whole or not at all.

        Raises: ValueError where the name cannot be one, NameTaken where it is used, NoSpace.
        """
        check_name(name)
        about = About(
            id=os.urandom(16).hex(),
            name=name,
            game=game,
            seed=seed,
            recipe=recipe,
            protocol=protocol,
            plan=plan,
            created=_now(),
            playfield=metadata.version("playfield"),
            fingerprint=fingerprint,
            resume=resume,
        )
        path = root / name
        _make(path, about)
        return Run(path, about)

    @staticmethod
    def open(path: Path, *, keep_last: int = 3) -> Run:
        """The run in a directory.

        Raises: DamagedFile where run.json is unusable and no checkpoint has a copy of it.
        """
        try:
            return Run(path, _read_about(path / _RUN), keep_last=keep_last)
        except DamagedFile as damage:
            for manifest in _intact_manifests(path)[::-1]:
                with contextlib.suppress(ValueError):
                    about = _about_from(manifest.run)
                    sentence = f"{damage}; the copy in checkpoint {manifest.checkpoint} is used"
                    return Run(path, about, (sentence,), keep_last=keep_last)
            raise

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.path.name

    @contextlib.contextmanager
    def writing(self) -> Generator[Run]:
        """Makes this process the one writer for as long as the context lasts.

        Raises: RunBusy.
        """
        if self._lock is not None:
            raise RunBusy(f"the run {self.name!r} is being written by this process already")
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise WriteFailed(self.path / _LOCK, error) from error
        try:
            self._take_lock(descriptor)
            self._lock = descriptor
            for folder in (self.path, self.path / _CHECKPOINTS, self.path / _ROWS):
                folder.mkdir(exist_ok=True)  # an empty one is easily lost where a run is copied
                remove_temporaries(folder)
            if self.warnings:
                replace_file(self.path / _RUN, _run_text(self.about))
            yield self
        finally:
            self._lock = None
            with contextlib.suppress(OSError):  # else it lies there until the next save
                (self.path / RESERVE).unlink(missing_ok=True)
            try:
                self._let_go()
            finally:
                os.close(descriptor)

    def replan(self, plan: Any) -> None:
        """Give the run another plan, as plain JSON values, from now on.

        Raises: NoSpace, WriteFailed; then the run keeps the plan it had.
        """
        self._require_lock()
        about = replace(self.about, plan=plan)
        replace_file(self.path / _RUN, _run_text(about))
        self.about = about

    def give_up(self, reason: str) -> None:
        """Write down why training could not go on from the newest checkpoint; the next one takes it away again.

        Raises: NoSpace, WriteFailed.
        """
        self._require_lock()
        replace_file(self.path / _GAVE_UP, reason.encode()[:_MOST_WORDS])

    def note(self, incident: str) -> None:
        """Write down what went wrong and what was done about it; nothing that happens later takes it away."""
        words = "".join(letter if letter.isprintable() else " " for letter in incident)
        with contextlib.suppress(OSError), (self.path / _INCIDENTS).open("a", encoding="utf-8") as file:
            file.write(f"{_now()} {words}\n")

    def give_reserve(self) -> None:
        """Give up the room that was set aside, so that one more checkpoint can be saved on a full disk."""
        self._require_lock()
        (self.path / RESERVE).unlink(missing_ok=True)

    @property
    def gave_up(self) -> str | None:
        """Why training could not go on from the newest checkpoint, if it was tried."""
        if not (self.path / _GAVE_UP).is_file():
            return None
        words = read_capped(self.path / _GAVE_UP, _MOST_WORDS).decode(errors="replace")
        return "".join(letter if letter.isprintable() else " " for letter in words)

    def append_file(self, name: str) -> AppendFile:
        """The file of a sink, open for appending; it becomes part of every checkpoint.

        Where the disk stays full for so long that memory is no place to wait either, records are left out, which the
        next save notes as an incident: no training ends because of them.

        Raises: ValueError where the name is not that of a sink's file.
        """
        self._require_lock()
        if not checkpoints.is_sink_name(name):
            raise ValueError(f"{name!r} cannot be the file of a sink: its name must end in .jsonl or .log")
        if name not in self._files or self._files[name].closed:
            self._files[name] = AppendFile(self.path / name, leaves_out=True)
        return self._files[name]

    def flush(self) -> None:
        """Hands all that the sinks wrote to the system, so that other processes see it.

        Raises: NoSpace, with the data kept for the next flush.
        """
        for file in self._files.values():
            if not file.closed:
                file.flush()

    def save(self, tree: Tree, clock_frames: int, score: float | None = None) -> str:
        """Commits a checkpoint, and lets go of those that are no longer kept; the answer is its name.

        Raises: TypeError or ValueError where the tree cannot be stored, NoSpace, WriteFailed. Whatever is raised, every
        earlier checkpoint is as it was; after `WriteFailed` nothing can be saved by this process any more.
        """
        self._require_lock()
        if score is not None and not math.isfinite(score):
            raise ValueError(f"the score of a checkpoint must be a finite number, not {score}")
        with self._stopping_at_failure():
            with writing_to(self.path):
                name = self._commit(tree, clock_frames, score)
            self._let_go_of_old()
            self._keep_reserve(name)
        self._note_left_out()
        return name

    def write_ahead(self, tree: Tree) -> None:
        """Hands rows of a part of the state to the disk, of which the next checkpoint will speak: it has less to do.

        Raises: WriteFailed.
        """
        self._require_lock()
        with self._stopping_at_failure():
            for path, rows in flatten(tree).rows.items():
                if path in self._logs:
                    self._logs[path].write_ahead(rows)

    def reader(self, path: str, column: str) -> ColumnReader:
        """Reads a column of the rows at a path of the state, as far as they are on the disk at the time."""
        self._require_lock()
        return self._logs.setdefault(path, self._log(path, None)).reader(column)

    def load(self, name: str | None = None, *, to_play: bool = False) -> Loaded:
        """The newest checkpoint that is intact, or the one of that name; `to_play` what it remembers is left unread.

        A checkpoint is preferred whose sinks' files are intact too; where only they are damaged everywhere, the newest
        state is used and a warning says so. The one from before the first frame holds nothing of what was played: it
        is not gone back to from a damaged one.

        Raises: NoCheckpoint where none can be loaded, DamagedFile where the one asked for cannot be.
        """
        if name is not None:
            manifest = self._manifest(name)
            found = [str(damage) for damage in checkpoints.damaged_sinks(self.path, manifest.sinks)]
            return self._loaded(manifest, found, to_play=to_play)
        found: list[str] = []
        only_sinks_damaged: str | None = None
        for folder in self._folders()[::-1]:
            try:
                manifest = self._manifest(folder.name)
                if found and self._is_outplayed(manifest):
                    break
                if sinks := [str(damage) for damage in checkpoints.damaged_sinks(self.path, manifest.sinks)]:
                    found += [f"{sentence}; checkpoint {folder.name} is not used" for sentence in sinks]
                    only_sinks_damaged = only_sinks_damaged or folder.name
                    continue
                return self._loaded(manifest, found, to_play=to_play)
            except DamagedFile as damage:
                # A checkpoint that the writer has just let go of is not a damaged one.
                if folder.exists():
                    found.append(f"{damage}; checkpoint {folder.name} is not used")
        if only_sinks_damaged is not None:
            try:
                found.append(
                    f"checkpoint {only_sinks_damaged} is used after all: only records are damaged, not its state"
                )
                return self._loaded(self._manifest(only_sinks_damaged), found, to_play=to_play)
            except DamagedFile as damage:
                found[-1] = f"{damage}; checkpoint {only_sinks_damaged} is not used"
        raise NoCheckpoint(self._nothing_to_load(found))

    def is_untouched(self) -> bool:
        """Whether nothing was ever saved or recorded: the process that made the run was stopped before it began."""
        recorded = (path for path in self.path.iterdir() if checkpoints.is_sink_name(path.name))
        return not self._folders() and not any(path.stat().st_size for path in recorded)

    def cut_back(self, loaded: Loaded | None) -> None:
        """Makes a loaded checkpoint (None: the very beginning) the present: what came after it is undone.

        The sinks' files are cut to their length then, newer checkpoints are put aside and removed at the next save, and
        the logs of rows go on from there in new segments. Without this, a later save writes all rows anew.

        Raises: DamagedFile where the run is too damaged to continue, WriteFailed.
        """
        self._require_lock()
        with contextlib.suppress(NoSpace):  # records that still wait are of what is undone
            self._close_writers()
        for folder in self._folders():
            if loaded is None or folder.name > loaded.checkpoint:
                os.rename(folder, temporary_name(folder))
        sync_directory(self.path / _CHECKPOINTS)
        sinks = loaded.sinks if loaded else {}
        for path in sorted(self.path.iterdir()):
            if checkpoints.is_sink_name(path.name) and path.is_file():
                _truncate(path, sinks[path.name].bytes if path.name in sinks else 0)
        # A damaged record is taken as it is from here on, lest every later checkpoint count as damaged.
        broken = {damage.path.name for damage in checkpoints.damaged_sinks(self.path, sinks)}
        self._sinks = {name: record for name, record in sinks.items() if name not in broken}
        fences = loaded.fences if loaded else {}
        self._logs = {path: self._log(path, fence) for path, fence in fences.items()}
        if loaded is not None:
            self._keep_reserve(loaded.checkpoint)

    def best(self) -> Manifest | None:
        """The checkpoint with the highest score, if any has one; its name is for `load`."""
        return checkpoints.best(self.checkpoints())

    def checkpoints(self) -> list[Manifest]:
        """Every checkpoint with an intact manifest, oldest first."""
        return _intact_manifests(self.path)

    def _commit(self, tree: Tree, clock_frames: int, score: float | None) -> str:
        flat = flatten(tree)
        remove_temporaries(self.path / _CHECKPOINTS)
        fences: dict[str, Fence] = {}
        for path, rows in flat.rows.items():
            self._logs.setdefault(path, self._log(path, None))
            fences[path] = self._logs[path].append(rows)
        sinks = self._sinks | {name: file.sync() for name, file in self._files.items() if not file.closed}
        name = f"{max((int(folder.name) for folder in self._folders()), default=0) + 1:08d}"
        manifest = Manifest(
            checkpoint=name,
            frames=int(clock_frames),
            score=None if score is None else float(score),
            saved=_now(),
            run=self.about.plain(),
            fingerprint=fingerprints.take(self.device),
            rows=fences,
            sinks=sinks,
            files={},
        )
        checkpoints.publish(self.path / _CHECKPOINTS / name, flat, manifest)
        (self.path / _GAVE_UP).unlink(missing_ok=True)
        return name

    def _let_go_of_old(self) -> None:
        """Removes checkpoints that are not kept, and then the segments that none of the kept ones needs."""
        manifests = self.checkpoints()
        best = checkpoints.best(manifests)
        kept = {manifest.checkpoint: manifest for manifest in manifests[-self.keep_last :]}
        if self.keep_every is not None:
            kept |= {m.checkpoint: m for m in manifests if int(m.checkpoint) % self.keep_every == 0}
        if best:
            kept[best.checkpoint] = best
        needed = {
            (checkpoints.folder_name(path), s.number)
            for m in kept.values()
            for path, f in m.rows.items()
            for s in f.segments
        }
        needed |= {(log.folder.name, log.open_segment) for log in self._logs.values() if log.open_segment is not None}
        try:
            # Renamed first, and their names gone from the disk: after a crash, a half-removed checkpoint must not look
            # like a damaged one, nor may one be there whose segments are not.
            gone = [(folder, temporary_name(folder)) for folder in self._folders() if folder.name not in kept]
            for folder, temporary in gone:
                os.rename(folder, temporary)
            if gone:
                sync_directory(self.path / _CHECKPOINTS)
            for _, temporary in gone:
                shutil.rmtree(temporary)
            for folder in (self.path / _ROWS).iterdir():
                for number, path in segment_files(folder):
                    if (folder.name, number) not in needed:
                        path.unlink()
        except OSError as error:
            warnings.warn(f"old files of the run {self.name!r} could not be removed: {error}", stacklevel=3)

    def _note_left_out(self) -> None:
        counts = {name: file.take_left_out() for name, file in self._files.items()}
        if lacks := ", ".join(f"{name} lacks {count:,} records" for name, count in counts.items() if count):
            self.note(f"{lacks}: the disk was full, and memory for those that wait too")

    def _keep_reserve(self, name: str) -> None:
        """Sets aside what a checkpoint like this one takes; where even that does not fit, there is none."""
        size = sum(path.stat().st_size for path in (self.path / _CHECKPOINTS / name).iterdir()) + RESERVE_BYTES
        path = self.path / RESERVE
        if not path.exists() or path.stat().st_size < size:
            path.unlink(missing_ok=True)
            with contextlib.suppress(NoSpace):
                set_aside(path, size)

    def _loaded(self, manifest: Manifest, found: list[str], *, to_play: bool) -> Loaded:
        folder = self.path / _CHECKPOINTS / manifest.checkpoint
        return Loaded(
            tree=checkpoints.read_checkpoint(folder, manifest, self.path / _ROWS, to_play=to_play),
            checkpoint=manifest.checkpoint,
            clock_frames=manifest.frames,
            score=manifest.score,
            sinks=manifest.sinks,
            fingerprint=manifest.fingerprint,
            warnings=(*self.warnings, *found),
            fences=manifest.rows,
        )

    def _manifest(self, name: str) -> Manifest:
        folder = self.path / _CHECKPOINTS / name
        if folder not in self._folders():
            raise NoCheckpoint(f"the run {self.name!r} has no checkpoint {name!r}")
        manifest = checkpoints.read_manifest(folder)
        if manifest.run["id"] != self.about.id:
            raise DamagedFile(folder / checkpoints.MANIFEST, "belongs to another run")
        return manifest

    def _folders(self) -> list[Path]:
        return _folders(self.path)

    def _log(self, path: str, fence: Fence | None) -> RowLog:
        return RowLog(self.path / _ROWS / checkpoints.folder_name(path), self.about.id, fence)

    def _is_outplayed(self, manifest: Manifest) -> bool:
        """Whether a checkpoint is of before the first frame, and a newer one is not, or does not say."""
        frames = {each.checkpoint: each.frames for each in self.checkpoints()}
        newer = (folder.name for folder in self._folders() if folder.name > manifest.checkpoint)
        return manifest.frames == 0 and any(frames.get(name, 1) > 0 for name in newer)

    def _nothing_to_load(self, found: list[str]) -> str:
        again = f"train again under another name, for instance --name {self.name}-2"
        if not found:
            return f"the run {self.name!r} has no checkpoint: wait for its first save, or {again}"
        rows = self.path / _ROWS
        fences = (fence for manifest in self.checkpoints() for fence in manifest.rows.values())
        if any(fence.segments for fence in fences) and not _has_entries(rows):
            return (
                f"the folder {rows} is missing or empty, and every checkpoint of the run {self.name!r} needs the "
                f"replay memory that was in it: put it back from a copy of the run, or {again}"
            )
        return (
            f"no checkpoint of the run {self.name!r} can be loaded: {'; '.join(found)}; "
            f"put back what is missing or damaged from a copy of the run, or {again}"
        )

    def _take_lock(self, descriptor: int) -> None:
        try:
            lock_now(descriptor)
        except BlockingIOError:
            writer = os.read(descriptor, 32).decode(errors="replace").strip()
            raise RunBusy(
                f"the run {self.name!r} is being written by another process (number {writer}): "
                "stop that one first, or train under another --name"
            ) from None
        os.ftruncate(descriptor, 0)
        with contextlib.suppress(OSError):
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def _require_lock(self) -> None:
        if self._lock is None:
            raise RuntimeError("writing to a run needs `with run.writing():`")
        if self._failed:
            raise self._failed

    @contextlib.contextmanager
    def _stopping_at_failure(self) -> Generator[None]:
        """After an error of the disk nothing is written by this process any more.

        Raises: WriteFailed.
        """
        try:
            yield
        except WriteFailed as failure:
            self._failed = failure
            raise
        except OSError as error:
            self._failed = WriteFailed(self.path, error)
            raise self._failed from error

    def _let_go(self) -> None:
        try:
            self._close_writers()
        finally:
            self._sinks, self._logs = {}, {}

    def _close_writers(self) -> None:
        writers, self._files = (*self._files.values(), *self._logs.values()), {}
        with contextlib.ExitStack() as stack:
            for writer in writers:
                stack.callback(writer.close)


def list_runs(root: Path) -> Listing:
    """Every run below `root`."""
    listing = Listing([], [])
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if path.is_dir() and not path.name.startswith(".") and (path / _CHECKPOINTS).is_dir():
            try:
                listing.runs.append(Run.open(path))
            except DamagedFile as damage:
                listing.warnings.append(str(damage))
    return listing


def check_name(name: str) -> None:
    """Refuses what cannot be the name of a directory everywhere.

    Raises: ValueError.
    """
    fits = name.isprintable() and not _REFUSED_IN_NAMES & set(name) and len(name.encode(errors="replace")) <= 100
    if not name or not fits or name[0] in ".- " or name[-1] in ". " or ".tmp-" in name:
        raise ValueError(
            f"{name!r} cannot be the name of a run: use up to 100 letters, digits, dots, dashes and underscores, "
            "not beginning with a dot or a dash"
        )


def _make(path: Path, about: About) -> None:
    temporary = temporary_name(path.with_name(f".{path.name}"))
    try:
        with writing_to(path):
            temporary.mkdir(parents=True)
            (temporary / _CHECKPOINTS).mkdir()
            (temporary / _ROWS).mkdir()
        write_new(temporary / _RUN, [_run_text(about)])
        sync_directory(temporary)
        _claim(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(path.parent)


def _claim(temporary: Path, path: Path) -> None:
    try:
        # Renaming onto anything but an empty directory fails, so two processes cannot both get the name.
        os.rename(temporary, path)
    except OSError as error:
        if not path.exists() and not path.is_symlink():
            raise
        raise NameTaken(
            f"a run named {path.name!r} exists: continue it with `playfield resume {path.name}`, "
            "or choose another name with --name"
        ) from error


def _run_text(about: About) -> bytes:
    plain = about.plain()
    return json.dumps({**plain, "blake2b": _plain_digest(plain)}, indent=2, ensure_ascii=False).encode() + b"\n"


def _plain_digest(plain: Any) -> str:
    digest = new_hash()
    digest.update(json.dumps(plain, sort_keys=True).encode())
    return digest.hexdigest()


def _read_about(path: Path) -> About:
    plain = parse_json(path, read_capped(path, _MOST_RUN_BYTES))
    if not isinstance(plain, dict) or plain.pop("blake2b", None) != _plain_digest(plain):
        raise DamagedFile(path, "was altered: its checksum is not the one recorded")
    try:
        return _about_from(plain)
    except ValueError as error:
        raise DamagedFile(path, f"is not the description of a run that this version reads: {error}") from error


def _about_from(plain: Mapping[str, Any]) -> About:
    """What a run says of itself, every part that is shown to people checked: the file may be a stranger's.

    Raises: ValueError.
    """
    try:
        about = About(**plain)
    except TypeError as error:
        raise ValueError("something is missing, or something else is there") from error
    texts = (about.id, about.name, about.game, about.created, about.playfield, about.resume)
    if not all(type(text) is str and text.isprintable() for text in texts):
        raise ValueError("it has a text that is none, or that cannot be shown")
    if type(about.seed) is not int or type(about.fingerprint) is not dict:
        raise ValueError("its seed or fingerprint is of another kind")
    if not checkpoints.is_shown(about.fingerprint):
        raise ValueError("its fingerprint cannot be shown")
    return about


def _intact_manifests(path: Path) -> list[Manifest]:
    manifests: list[Manifest] = []
    for folder in _folders(path):
        with contextlib.suppress(DamagedFile):
            manifests.append(checkpoints.read_manifest(folder))
    return manifests


def _folders(path: Path) -> list[Path]:
    """Committed checkpoints, oldest first."""
    folder = path / _CHECKPOINTS
    if not folder.is_dir():
        return []
    return sorted(
        entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.name.isascii() and len(entry.name) == 8
    )


def _has_entries(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _truncate(path: Path, length: int) -> None:
    if path.stat().st_size <= length:
        return
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, length)
        sync(descriptor, path)
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__ = [
    "About",
    "Listing",
    "Loaded",
    "NameTaken",
    "NoCheckpoint",
    "NoSpace",
    "Run",
    "RunBusy",
    "check_name",
    "list_runs",
]
