"""How the same work is done again and again on a device: as it is, or recorded once and played from then on.

Work is a function of tensors without any look at their values. On a graphics card its hundreds of small operations
take the host longer to ask for than the card to do, so they are recorded as one CUDA graph, which plays with the same
tensors in the same places:

    call 1, 2, 3    done as it is; the third notes what is drawn from the network's source of noise
    call 4          recorded, then played
    call 5, ...     what is given is copied into place, noise is drawn into place, played, and what was found copied out

Nothing is done only to be recorded, so both ways make the same updates from the same noise. Recordings are never state.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor

from playfield.networks import Chance, Script

Given = TypeVar("Given")
Found = TypeVar("Found")
Work = Callable[[Given], Found]
"""From a tensor, or named tuples of tensors, to the same."""

REHEARSALS: Final = 3
"""Calls before a recording, in which libraries choose their kernels and optimisers make their state."""
MOST_RECORDINGS: Final = 8
"""Shapes of what is given that are recorded: each holds memory. A rollout's batches have two or three."""


class Runner(Protocol):
    """Chooses how work is done; `chance` is where the work draws its noise."""

    def __call__(self, work: Work[Given, Found], chance: Chance | None, /) -> Work[Given, Found]: ...


class Recorder(Protocol):
    """Does work, and records it."""

    def rehearse(self, work: Callable[[], Found]) -> Found:
        """Do it as it is."""
        ...

    def record(self, work: Callable[[], Found]) -> Callable[[], Found]:
        """What does it again: with the tensors that it used, into those that it gave."""
        ...


def eager(work: Work[Given, Found], _chance: Chance | None, /) -> Work[Given, Found]:
    """The work as it is."""
    return work


def recorded(recorder: Recorder) -> Runner:
    """Records all work with `recorder`."""

    def run(work: Work[Given, Found], chance: Chance | None, /) -> Work[Given, Found]:
        return Recorded(work, chance, recorder)

    return run


def runner_of(device: torch.device) -> Runner:
    """What suits a device."""
    return recorded(CudaGraphs(device)) if device.type == "cuda" else eager


class Repeating:
    """Records nothing: the work is done anew, from the places where a recording would find it."""

    def rehearse(self, work: Callable[[], Found]) -> Found:
        return work()

    def record(self, work: Callable[[], Found]) -> Callable[[], Found]:
        return work


class CudaGraphs:
    """Records work as CUDA graphs, each with memory of its own."""

    def __init__(self, device: torch.device) -> None:
        torch.cuda.set_device(device)  # recordings are played on the stream of the current one
        self._device = device
        self._side = torch.cuda.Stream(device)

    def rehearse(self, work: Callable[[], Found]) -> Found:
        # Not on the stream of everything else: what was made there must not be met again while recording.
        current = torch.cuda.current_stream(self._device)
        self._side.wait_stream(current)
        with torch.cuda.stream(self._side), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This instance was constructed with capturable")
            found = work()
        current.wait_stream(self._side)
        return found

    def record(self, work: Callable[[], Found]) -> Callable[[], Found]:
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on with their own business meanwhile.
        with torch.cuda.graph(graph, stream=self._side, capture_error_mode="thread_local"):
            found = work()

        def again() -> Found:
            graph.replay()
            return found

        return again


class Recorded(Generic[Given, Found]):
    """Work that is recorded, once for every shape of what it is given."""

    def __init__(self, work: Work[Given, Found], chance: Chance | None, recorder: Recorder) -> None:
        self._work, self._chance, self._recorder = work, chance, recorder
        self._rehearsed: dict[object, int] = {}
        self._scripts: dict[object, Script | None] = {}
        self._recordings: dict[object, _Recording[Given, Found]] = {}

    def __call__(self, given: Given) -> Found:
        shape = tuple((tensor.shape, tensor.dtype) for tensor in leaves(given))
        if (recording := self._recordings.get(shape)) is not None:
            return recording(given)
        if shape not in self._scripts:
            return self._rehearse(shape, given)
        made = _Recording(self._work, given, self._scripts[shape], self._recorder)
        self._recordings[shape] = made
        return made(given)

    def _rehearse(self, shape: object, given: Given) -> Found:
        times = self._rehearsed[shape] = self._rehearsed.get(shape, 0) + 1
        if times < REHEARSALS or len(self._scripts) == MOST_RECORDINGS:
            return self._recorder.rehearse(lambda: self._work(given))
        if self._chance is None:
            self._scripts[shape] = None
            return self._recorder.rehearse(lambda: self._work(given))
        with self._chance.noting() as noted:
            found = self._recorder.rehearse(lambda: self._work(given))
        self._scripts[shape] = Script(self._chance, noted)
        return found


class _Recording(Generic[Given, Found]):
    """Work on tensors that stay in their places."""

    def __init__(self, work: Work[Given, Found], given: Given, script: Script | None, recorder: Recorder) -> None:
        self._script = script
        self._places = [torch.empty_like(tensor) for tensor in leaves(given)]
        placed = rebuilt(given, iter(self._places))

        def once() -> Found:
            if script is None:
                return work(placed)
            with script.read():
                return work(placed)

        self._put(given)
        self._again = recorder.record(once)

    def __call__(self, given: Given) -> Found:
        self._put(given)
        if self._script is not None:
            self._script.draw()
        found = self._again()
        # The next call overwrites what was found.
        return rebuilt(found, iter([tensor.clone() for tensor in leaves(found)]))

    def _put(self, given: Given) -> None:
        for place, tensor in zip(self._places, leaves(given), strict=True):
            place.copy_(tensor, non_blocking=True)


def leaves(value: Any) -> list[Tensor]:
    """The tensors of nested named tuples, in order; None is none."""
    if isinstance(value, Tensor):
        return [value]
    return [] if value is None else [tensor for child in value for tensor in leaves(child)]


def rebuilt(value: Given, tensors: Iterator[Tensor]) -> Given:
    """Named tuples of the same kind around other tensors."""
    if isinstance(value, Tensor):
        return cast(Given, next(tensors))
    if value is None:
        return value
    make: Any = type(value)
    return make(*(rebuilt(child, tensors) for child in cast("tuple[Any, ...]", value)))
