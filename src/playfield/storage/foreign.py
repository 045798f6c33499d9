"""Weights from other libraries' files: their tensors are read and renamed, the programs in them are never run.

A file of torch.save is a zip archive of raw numbers and one pickle that says how they make tensors. A pickle is a
program; here a machine of some twenty opcodes reads the few that a mapping of tensors needs, imports nothing, calls
nothing, and refuses everything else.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from playfield.settings import shortened
from playfield.storage.archive import Archive, open_archive
from playfield.storage.files import DamagedFile, read_capped
from playfield.storage.tensors import MOST_HEADER_BYTES, from_raw, unpack

MOST_FILE_BYTES = 1 << 30
MOST_PICKLE_BYTES = 1 << 20
"""A tensor takes about a hundred; what is larger would only keep us busy."""
MOST_TENSOR_BYTES = 1 << 30
MOST_USES = 8
"""How many times as large as the file its tensors may be together: several can be views of the same numbers."""
MOST_AXES = 8
MOST_MARKS = 1000

STORAGES: dict[str, torch.dtype] = {
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ShortStorage": torch.int16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
}
SYMBOLS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {name}" for name in STORAGES),
}
"""The only names a pickle may speak; they stand for themselves and are never looked up."""
POLICY = "policy.pth"
"""The member of a Stable-Baselines3 archive that holds the networks; no other member of it is opened."""

WANTED = "give safetensors, torch.save of a state_dict, or a Stable-Baselines3 zip"
"""What to do where a file is of no kind that is read."""


class NotOnlyTensors(ValueError):
    """A file wants more than to give numbers: code to run, or objects to make."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} holds code or objects other than tensors ({what}); Playfield reads only tensors: save the "
            "network's state_dict alone, with torch 1.6 or newer, or as safetensors"
        )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their names there: safetensors, torch.save of a state_dict, or Stable-Baselines3.

    Raises: DamagedFile where the file is cut, altered or of another kind; NotOnlyTensors where it holds more.
    """
    data = read_capped(path, MOST_FILE_BYTES)
    if data[:4] == b"PK\3\4":
        archive = open_archive(path, data)
        if POLICY in archive.sizes:
            archive = open_archive(path / POLICY, archive.read(POLICY))
        return _torch_tensors(archive)
    if 2 <= int.from_bytes(data[:8], "little") <= min(MOST_HEADER_BYTES, len(data)) and data[8:9] == b"{":
        return unpack(path, data)
    if data[:1] == b"\x80":
        raise NotOnlyTensors(path, "a bare pickle, as torch wrote before 1.6")
    raise DamagedFile(path, f"is no file of weights: {WANTED}")


@dataclass(frozen=True, slots=True)
class _Symbol:
    name: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """A block of numbers in the archive."""

    key: str
    dtype: torch.dtype
    elements: int


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor as a view of a storage, in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Refused(Exception):
    """The pickle asks for something that a mapping of tensors does not need."""


def _torch_tensors(archive: Archive) -> dict[str, Tensor]:
    """The tensors that a torch.save archive maps names to."""
    pickles = [name for name in archive.sizes if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise DamagedFile(archive.path, f"is no archive of torch.save, which has one data.pkl: {WANTED}")
    folder = pickles[0].removesuffix("data.pkl")
    if archive.sizes.keys() & {f"{folder}constants.pkl"} or any(n.startswith(f"{folder}code/") for n in archive.sizes):
        raise NotOnlyTensors(archive.path, "a TorchScript program")
    if f"{folder}byteorder" in archive.sizes and archive.read(f"{folder}byteorder") != b"little":
        raise DamagedFile(archive.path, "has numbers in big-endian order, which are not read")
    if archive.sizes[pickles[0]] > MOST_PICKLE_BYTES:
        raise NotOnlyTensors(archive.path, f"a pickle of {archive.sizes[pickles[0]]} bytes")
    try:
        views = _views(_unpickled(archive.read(pickles[0])))
        _check_bytes(views, sum(archive.sizes.values()))
        storages = {view.storage: _numbers(archive, folder, view.storage) for view in views.values()}
        return {name: _viewed(name, view, storages[view.storage]) for name, view in views.items()}
    except _Refused as refusal:
        raise NotOnlyTensors(archive.path, str(refusal)) from None
    except (IndexError, KeyError) as error:
        raise DamagedFile(archive.path, "is damaged: its pickle was cut or altered") from error
    except (ValueError, OverflowError, RuntimeError) as error:
        raise DamagedFile(archive.path, f"does not describe tensors that it holds: {error}") from error


def _views(value: Any) -> dict[str, _View]:
    if type(value) is not dict:
        raise _Refused(f"a {_kind(value)} in the place of a state_dict")
    views = _items(value)
    for name, view in views.items():
        if type(view) is not _View:
            raise _Refused(f"the entry {name!r} is a {_kind(view)}")
    return views


def _check_bytes(views: Mapping[str, _View], held: int) -> None:
    needed = sum(math.prod(view.shape) * view.storage.dtype.itemsize for view in views.values())
    most = min(MOST_TENSOR_BYTES, MOST_USES * held)
    if needed > most:
        raise ValueError(f"its tensors would need {shortened(needed)} bytes, more than the {most} allowed")


def _numbers(archive: Archive, folder: str, storage: _Storage) -> Tensor:
    data = archive.read(f"{folder}data/{storage.key}")
    if len(data) != storage.elements * storage.dtype.itemsize:
        raise ValueError(f"storage {storage.key!r} has {len(data)} bytes for {storage.elements} of {storage.dtype}")
    return from_raw(data, storage.dtype, (storage.elements,))


def _viewed(name: str, view: _View, numbers: Tensor) -> Tensor:
    """A tensor of its own memory with the elements of the view, all of which lie inside and none of which twice."""
    if len(view.shape) != len(view.strides) or len(view.shape) > MOST_AXES:
        raise ValueError(f"{name!r} has {len(view.shape)} axes and {len(view.strides)} strides")
    if min((view.offset, *view.shape, *view.strides)) < 0:
        raise ValueError(f"{name!r} has a negative size, stride or offset")
    reach = 1 if math.prod(view.shape) else 0  # from the first element to behind the last; there may be none
    for stride, length in sorted((s, n) for s, n in zip(view.strides, view.shape, strict=True) if reach and n != 1):
        if stride < reach:
            raise ValueError(f"{name!r} has strides that make its elements overlap")
        reach += stride * (length - 1)
    if view.offset + reach > len(numbers):
        raise ValueError(f"{name!r} reaches beyond the end of its storage")
    return numbers.as_strided(view.shape, view.strides, view.offset).clone(memory_format=torch.contiguous_format)


class _Machine:
    """What a pickle builds: a stack, the stacks below its marks, and a memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.argument: Any = None
        """Of the opcode at work."""

    def skip(self) -> None:
        """Nothing to do."""

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def push_argument(self) -> None:
        self.stack.append(self.argument)

    def last(self, count: int) -> tuple[Any, ...]:
        if len(self.stack) < count:
            raise IndexError
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return items

    def mark(self) -> None:
        if len(self.below) >= MOST_MARKS:
            raise _Refused(f"more than {MOST_MARKS} marks in one another")
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> tuple[Any, ...]:
        items, self.stack = tuple(self.stack), self.below.pop()
        return items

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def set_items(self, items: tuple[Any, ...]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise _Refused("SETITEMS of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str:
                raise _Refused(f"a key which is a {_kind(key)}")
            target[key] = value

    def symbol(self, name: str) -> None:
        if name not in SYMBOLS:
            raise _Refused(ascii(name.replace(" ", ".")))
        self.push(_Symbol(name))

    def stack_global(self) -> None:
        module, name = self.last(2)
        if type(module) is not str or type(name) is not str:
            raise _Refused("STACK_GLOBAL of what is no name")
        self.symbol(f"{module} {name}")

    def storage(self) -> None:
        match self.last(1)[0]:
            case ("storage", _Symbol(name), str(key), str(), elements) if _is_count(elements) and key.isalnum():
                kind = name.removeprefix("torch ")
                if kind not in STORAGES:
                    raise _Refused(f"a storage of {kind}")
                self.push(_Storage(key, STORAGES[kind], elements))
            case _:
                raise _Refused("BINPERSID of what is no storage")

    def reduce(self) -> None:
        called, arguments = self.last(2)
        if type(called) is not _Symbol:
            raise _Refused(f"REDUCE of a {_kind(called)}")
        match called.name, arguments:
            case "collections OrderedDict", ():
                self.push({})
            case "torch._utils _rebuild_tensor_v2", (_Storage() as storage, offset, shape, strides, bool(), dict(), *_):
                if not _are_counts((offset,)) or not _are_counts(shape) or not _are_counts(strides):
                    raise _Refused("a tensor whose sizes are no numbers")
                self.push(_View(storage, offset, shape, strides))
            case "torch._utils _rebuild_parameter", (_View() as view, bool(), dict()):
                self.push(view)
            case name, _:
                raise _Refused(f"REDUCE of {name.replace(' ', '.')}")

    def build(self) -> None:
        """The `_metadata` that a state_dict carries says nothing about numbers."""
        (state,) = self.last(1)
        if type(self.stack[-1]) is not dict or type(state) is not dict or list(_items(state)) != ["_metadata"]:
            raise _Refused(f"BUILD of a {_kind(self.stack[-1])}")


def _items(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value)


def _kind(value: Any) -> str:
    return type(value).__name__.strip("_").lower()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _are_counts(values: Any) -> bool:
    return type(values) is tuple and all(_is_count(value) for value in cast(tuple[Any, ...], values))


_STEPS: dict[str, Callable[[_Machine], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _Machine.skip),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), _Machine.push_argument),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE"), _Machine.push_argument),
    "NONE": lambda machine: machine.push(None),
    "NEWTRUE": lambda machine: machine.push(True),
    "NEWFALSE": lambda machine: machine.push(False),
    "EMPTY_DICT": lambda machine: machine.push({}),
    "EMPTY_TUPLE": lambda machine: machine.push(()),
    "TUPLE": lambda machine: machine.push(machine.since_mark()),
    "TUPLE1": lambda machine: machine.push(machine.last(1)),
    "TUPLE2": lambda machine: machine.push(machine.last(2)),
    "TUPLE3": lambda machine: machine.push(machine.last(3)),
    "MARK": _Machine.mark,
    "SETITEM": lambda machine: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine: machine.set_items(machine.since_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda machine: machine.remember(machine.argument)),
    "MEMOIZE": lambda machine: machine.remember(len(machine.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine: machine.push(machine.memo[machine.argument])),
    "GLOBAL": lambda machine: machine.symbol(machine.argument),
    "STACK_GLOBAL": _Machine.stack_global,
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
"""What each opcode does to the machine; those that are not here are refused."""


def _unpickled(data: bytes) -> Any:
    """The one value that a pickle leaves, made of dictionaries, tuples, texts, numbers and views of storages."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in _STEPS:
            raise _Refused(opcode.name)
        machine.argument = argument
        _STEPS[opcode.name](machine)
    if machine.below or len(machine.stack) != 1:
        raise ValueError("its pickle is unfinished")
    return machine.stack[0]


@dataclass(frozen=True, slots=True)
class Same:
    """Elements as they lie."""

    def arranged(self, tensor: Tensor, actions: int) -> Tensor:
        """The tensor as our layer wants it."""
        return tensor


@dataclass(frozen=True, slots=True)
class QuantileMajor:
    """Rows come quantile by quantile, and in each action by action; ours action by action."""

    def arranged(self, tensor: Tensor, actions: int) -> Tensor:
        """The tensor as our layer wants it.

        Raises: ValueError where the rows are no multiple of the actions.
        """
        if len(tensor) % actions:
            raise ValueError(f"{len(tensor)} rows are no multiple of this game's {actions} actions")
        return tensor.unflatten(0, (-1, actions)).transpose(0, 1).flatten(0, 1)


Order = Same | QuantileMajor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A tensor by its name there and its name here."""

    theirs: str
    ours: str
    order: Order = Same()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A kind of foreign network, and where its tensors go."""

    name: str
    recipe: str
    """The recipe that it most likely wants."""
    renames: tuple[Rename, ...]
    ignored: tuple[str, ...] = ()
    """How names begin or end that play has no use for."""
    notes: tuple[str, ...] = ()
    """How its players saw the game, as far as that differs from here."""


def _linear(renames: Mapping[str, str], order: Order = Same()) -> tuple[Rename, ...]:  # noqa: B008 - frozen
    """Layers of a weight and a bias each."""
    return tuple(
        Rename(theirs=f"{theirs}.{part}", ours=f"{ours}.{part}", order=order)
        for theirs, ours in renames.items()
        for part in ("weight", "bias")
    )


def _noisy(renames: Mapping[str, str]) -> tuple[Rename, ...]:
    """Noisy layers: the means and the scales of a weight and a bias each."""
    parts = {"weight_mu": "weight", "bias_mu": "bias", "weight_sigma": "weight_sigma", "bias_sigma": "bias_sigma"}
    return tuple(
        Rename(theirs=f"{theirs}.{theirs_part}", ours=f"{ours}.{ours_part}")
        for theirs, ours in renames.items()
        for theirs_part, ours_part in parts.items()
    )


_GYM_FRAMES = (
    "trained on the NoFrameskip-v4 rules of Gym: no sticky actions, up to 30 no-ops, and FIRE pressed for it after "
    "every lost life, which nobody does here",
    "it saw colour frames joined by maximum, then greyed, and shrunk with area interpolation",
    "as here, the stack is oldest frame first and pixels are divided by 255",
)
_RAINBOW_FRAMES = (
    "trained on the emulator's own grey frames, shrunk with bilinear interpolation before two are joined by maximum",
    "as here, the stack is oldest frame first and pixels are divided by 255; evaluations play without noise",
)
_SB3_CONVOLUTIONS = {"cnn.0": "torso.1", "cnn.2": "torso.4", "cnn.4": "torso.7", "linear.0": "head.0"}
_CLEANRL_ATARI = {
    "network.0": "torso.1",
    "network.2": "torso.4",
    "network.4": "torso.7",
    "network.7": "head.0",
    "network.9": "head.3",
}
_RAINBOW_HEAD = {
    "fc_h_v": "head.value.0",
    "fc_h_a": "head.advantage.0",
    "fc_z_v": "head.value.3",
    "fc_z_a": "head.advantage.3",
}


def _stable_baselines(network: str, name: str, recipe: str, order: Order) -> tuple[Source, Source]:
    """The convolutional and the fully connected policy."""
    features = {f"{network}.features_extractor.{theirs}": ours for theirs, ours in _SB3_CONVOLUTIONS.items()}
    hidden = {f"{network}.{network}.0": "torso.0", f"{network}.{network}.2": "head.0"}
    return (
        Source(
            name=f"{name}, CnnPolicy",
            recipe=recipe,
            renames=(*_linear(features), *_linear({f"{network}.{network}.0": "head.3"}, order)),
            ignored=(f"{network}_target.",),
            notes=_GYM_FRAMES,
        ),
        Source(
            name=f"{name}, MlpPolicy",
            recipe="dqn_classic",
            renames=(*_linear(hidden), *_linear({f"{network}.{network}.4": "head.3"}, order)),
            ignored=(f"{network}_target.",),
        ),
    )


SOURCES = (
    *_stable_baselines("q_net", "Stable-Baselines3 DQN", "dqn", Same()),
    *_stable_baselines("quantile_net", "Stable-Baselines3 QR-DQN", "qr_dqn", QuantileMajor()),
    Source(
        name="CleanRL DQN, Atari",
        recipe="dqn",
        renames=_linear(_CLEANRL_ATARI),
        notes=_GYM_FRAMES,
    ),
    Source(
        name="CleanRL DQN, classic control",
        recipe="dqn_classic",
        renames=_linear({"network.0": "torso.0", "network.2": "head.0", "network.4": "head.3"}),
    ),
    Source(
        name="Kaixhin's Rainbow",
        recipe="rainbow",
        renames=(*_linear({"convs.0": "torso.1", "convs.2": "torso.4", "convs.4": "torso.7"}), *_noisy(_RAINBOW_HEAD)),
        ignored=("_epsilon",),
        notes=_RAINBOW_FRAMES,
    ),
    Source(
        name="Kaixhin's Rainbow, data-efficient",
        recipe="der",
        renames=(*_linear({"convs.0": "torso.1", "convs.2": "torso.4"}), *_noisy(_RAINBOW_HEAD)),
        ignored=("_epsilon",),
        notes=_RAINBOW_FRAMES,
    ),
)


class Converted(NamedTuple):
    """Foreign tensors as the state of one of our networks."""

    weights: dict[str, Tensor]
    source: Source


def convert(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], actions: int) -> Converted:
    """Foreign tensors under our names and in our order; `own` is the state of the network they are for.

    Raises: ValueError naming the tensor that does not fit.
    """
    source = _source(tensors, own)
    used = {rename.ours: rename for rename in source.renames}
    for ours in own:
        if ours not in used:
            raise ValueError(f"{source.name} has nothing for {ours!r} of this recipe; try --recipe {source.recipe}")
    for ours, rename in used.items():
        if ours not in own:
            raise ValueError(
                f"this recipe has no place for {rename.theirs!r} of {source.name}; try --recipe {source.recipe}"
            )
    weights = {ours: _fitted(tensors[used[ours].theirs], used[ours], own[ours], actions) for ours in own}
    return Converted(weights, source)


def _source(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Source:
    """Of which kind these tensors are, by their names alone."""
    if tensors.keys() == own.keys():
        same = tuple(Rename(theirs=name, ours=name) for name in own)
        return Source(name="a network of Playfield's own names", recipe="dqn", renames=same)
    for source in SOURCES:
        known = {name for name in tensors if not name.startswith(source.ignored) and not name.endswith(source.ignored)}
        if known == {rename.theirs for rename in source.renames}:
            return source
    some = ", ".join(ascii(name) for name in sorted(tensors)[:3])
    kinds = ", ".join(dict.fromkeys(source.name.split(",")[0] for source in SOURCES))
    raise ValueError(
        f"these {len(tensors)} tensors ({some} ...) have the names of no known network ({kinds}); rename them as this "
        f"recipe does ({', '.join(list(own)[:3])} ...) and save them as safetensors"
    )


def _fitted(tensor: Tensor, rename: Rename, like: Tensor, actions: int) -> Tensor:
    if not tensor.is_floating_point():
        raise ValueError(f"{rename.theirs!r} is of {tensor.dtype}, not of floating-point numbers")
    if tensor.shape != like.shape:
        raise ValueError(
            f"{rename.theirs!r} is {_shape_text(tensor)} where {rename.ours!r} of this recipe and game is "
            f"{_shape_text(like)}: another game, other actions, or another size of network"
        )
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{rename.theirs!r} holds numbers that are not finite")
    return rename.order.arranged(tensor, actions).to(like.dtype)


def _shape_text(tensor: Tensor) -> str:
    return " x ".join(str(length) for length in tensor.shape) or "one number"
