"""What a run will need of this machine, found out before it starts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from playfield.agent import DeepAgent
from playfield.build import build_network
from playfield.cli.machine import memory_bytes, resident_bytes
from playfield.device import HOST, card_bytes
from playfield.memory.frames import PACKED_SHARE, Packed, Raw, Spilled, Store
from playfield.memory.replay import Replay, ReplayMemory
from playfield.networks import obs_shape
from playfield.recipes import AnyRecipe, Recipe
from playfield.rng import Rng
from playfield.session import Session
from playfield.storage.checkpoint import MOST_TENSOR_BYTES
from playfield.storage.run import RESERVE_BYTES
from playfield.storage.tree import flatten

_BUSY_SHARE = 0.95
"""Of a machine's memory, what a run may need at most: the system wants some, too."""
_COPIES = 2.0
"""Of what a batch leaves for its gradient, so much is needed at the most: what is kept, and gradients of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Bytes that a run will take at most, of frames no more varied than Atari's."""

    program: float
    """Of the program itself, its networks as they begin, and the games' processes."""
    rows: float
    """Of the replay memory once it is full."""
    learning: float
    """Of gradients, the optimiser's means, and a batch on its way through the network."""
    checkpoints: float
    """Disk for those that are kept at a time, without the replay memory."""
    log: float = 0.0
    """Disk for the replay memory."""
    state: float = 0.0
    """Of the tensors of one checkpoint."""
    device: torch.device = HOST
    """Where rows and learning are; the program itself is always in working memory."""

    @property
    def memory(self) -> float:
        """Working memory, all together."""
        return self.program + (self.rows + self.learning if self.device == HOST else 0.0)

    @property
    def card(self) -> float:
        """Memory of the graphics card."""
        return 0.0 if self.device == HOST else self.rows + self.learning

    @property
    def disk(self) -> float:
        """Disk, all together."""
        return self.checkpoints + self.log

    def text(self) -> str:
        """One line that says so."""
        remembered = f"({self.rows / 1e9:.2f} for what is remembered)"
        memory, disk = f"{self.memory / 1e9:.2f} GB of memory at most", f"{self.disk / 1e9:.2f} GB of disk"
        if self.device == HOST:
            return f"{memory} {remembered}, no graphics card, {disk}"
        return f"{memory}, {self.card / 1e9:.2f} GB on {self.device} {remembered}, {disk}"


def needs_of(recipe: AnyRecipe, session: Session[Any], keep: int) -> Needs:
    """What a session will need that has not begun yet; `keep` is how many checkpoints stay."""
    program = float(resident_bytes() or 0)
    tensors = flatten(session.agent.state()).tensors.values()
    state = float(sum(_size(tensor) for tensor in tensors))
    checkpoints = RESERVE_BYTES + (keep + 3.0) * state
    if not isinstance(session.agent, DeepAgent) or not isinstance(recipe, Recipe):
        return Needs(program=program, rows=0.0, learning=0.0, checkpoints=checkpoints)
    memory = session.agent.memory
    device = next(session.agent.learner.network.parameters()).device
    if isinstance(memory, ReplayMemory) and device == HOST:
        program = max(0.0, program - memory.filled_bytes())  # which is among the rows
    parameters = sum(_size(parameter) for parameter in session.agent.learner.network.parameters())
    # Gradients and two running means; and of those, what checkpoints will have that the optimiser has not made yet.
    return Needs(
        program=program,
        rows=memory.most_bytes(),
        learning=3.0 * parameters + _batch_bytes(recipe, session),
        checkpoints=checkpoints + (keep + 3.0) * 2.0 * parameters,
        log=PACKED_SHARE * memory.raw_bytes(),
        state=state + 2.0 * parameters,
        device=device,
    )


def require_memory(needs: Needs, recipe: AnyRecipe, session: Session[Any]) -> None:
    """Refuse a run that this machine, or the group of processes it is in, has not the memory for.

    Raises: ValueError with what to type instead.
    """
    if needs.state > MOST_TENSOR_BYTES:
        raise ValueError(
            f"the networks and what the optimiser keeps of them would take {needs.state / 1e9:.1f} GB, and a "
            f"checkpoint holds {MOST_TENSOR_BYTES / 1e9:.1f} GB: choose smaller layers (torso, head.hidden)"
        )
    places = [(needs.memory, memory_bytes(), "of memory"), (needs.card, card_bytes(needs.device), f"on {needs.device}")]
    for needed, limit, where in places:
        if limit is not None and needed > _BUSY_SHARE * limit:
            raise ValueError(
                f"the run will need {needed / 1e9:.1f} GB {where}, and there are {limit / 1e9:.1f} GB: "
                f"{_suggestion(needs, needed, recipe, session, _BUSY_SHARE * limit)}; --anyway begins all the same"
            )


def check_room(folder: Path, needs: Needs) -> None:
    """Refuse a run whose checkpoints have no room on the disk of a folder; say where its memory may have none.

    Raises: ValueError.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(there)
    if usage.total == 0:  # no disk, such as /proc: what it takes is found out by writing
        return
    if usage.free < needs.checkpoints:
        raise ValueError(
            f"the disk of {there} has {usage.free / 1e6:,.0f} MB left, and the run's checkpoints alone need "
            f"{needs.checkpoints / 1e6:,.0f} MB: free some, or give the folder of another disk with --runs"
        )
    if usage.free < needs.disk:
        free = f"{usage.free / 1e9:.1f} GB left"
        print(f"note: the memory may take {needs.log / 1e9:.1f} GB of the disk of {there}, which has {free}")


def _suggestion(needs: Needs, needed: float, recipe: AnyRecipe, session: Session[Any], limit: float) -> str:
    """Which settings would fit, where `needed` is more than the limit."""
    memory = session.agent.memory if isinstance(session.agent, DeepAgent) else None
    if not isinstance(memory, ReplayMemory) or not isinstance(recipe, Recipe) or not isinstance(recipe.memory, Replay):
        return "a recipe with smaller networks or fewer games would need less"
    rest, ways = limit - (needed - needs.rows), list[str]()
    stores: tuple[Store, ...] = (Packed(), Spilled()) if needs.device == HOST else ()
    for store in stores if isinstance(recipe.memory.store, Raw) else stores[1:]:
        if (rows := memory.most_bytes_in(store)) <= rest:
            total = (needed - needs.rows + rows) / 1e9
            ways.append(f"memory.store={type(store).__name__} needs {total:.1f} GB at most")
            break
    fixed = memory.fixed_bytes()
    if (capacity := _rounded(recipe.memory.capacity * (rest - fixed) / (needs.rows - fixed))) > 0:
        ways.append(f"memory.capacity={capacity:_} fits")
    return ", ".join(ways) or "close other programs' share of it, or take fewer games"


def _rounded(number: float) -> int:
    """Two digits of a number, rounded down."""
    unit = 10 ** max(0, len(str(int(max(0.0, number)))) - 2)
    return int(max(0.0, number)) // unit * unit


def _batch_bytes(recipe: Recipe, session: Session[Any]) -> float:
    """What a batch takes on its way through the network and back: measured with one sample, on a network of its own."""
    memory = recipe.memory
    spec = session.games.spec
    batch = memory.batch if isinstance(memory, Replay) else -(-memory.steps * recipe.games // memory.minibatches)
    network = build_network(recipe, spec, Rng(0))
    known = {parameter.data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in known:
            kept[tensor.data_ptr()] = _size(tensor)
        return tensor

    obs = torch.zeros(1, *obs_shape(spec.frame_shape, memory.stack), dtype=getattr(torch, spec.frame_dtype))
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        mean = network(obs).mean
    del mean
    frames = 2.0 * obs.numel() * (1 + torch.float32.itemsize)  # two observations, as bytes and as numbers
    return batch * (frames + _COPIES * sum(kept.values()))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
