"""The only source of chance: a tree of named generators grown from one seed, which can be saved and restored."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from playfield.settings import MOST_COUNT
from playfield.types import Tree

if TYPE_CHECKING:
    import torch


class Rng:
    """Named, independent generators. The same seed and name always give the same stream, whatever else was drawn."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise ValueError(f"the seed must be 0 or greater, not {seed}")
        if seed > MOST_COUNT:  # as settings and model files keep it
            raise ValueError(f"the seed must be at most {MOST_COUNT:,}")
        self.seed = seed
        self._numpy: dict[str, np.random.Generator] = {}
        self._torch: dict[str, torch.Generator] = {}

    def numpy(self, name: str) -> np.random.Generator:
        """The numpy generator of that name, made on first use."""
        if name not in self._numpy:
            self._numpy[name] = np.random.Generator(np.random.PCG64(self._entropy(name)))
        return self._numpy[name]

    def torch(self, name: str) -> torch.Generator:
        """The torch CPU generator of that name, made on first use."""
        import torch  # here, because the linear learners do without

        if name not in self._torch:
            generator = torch.Generator()
            generator.manual_seed(self._entropy(name) % 2**63)
            self._torch[name] = generator
        return self._torch[name]

    def child(self, name: str) -> Rng:
        """An independent tree; it is not part of this one's state."""
        return Rng(self._entropy(name) % 2**63)

    def state(self) -> Tree:
        return {
            "seed": self.seed,
            "numpy": {name: _pcg_state(g) for name, g in sorted(self._numpy.items())},
            "torch": {name: g.get_state() for name, g in sorted(self._torch.items())},
        }

    def load(self, tree: Tree) -> None:
        self.seed = int(tree["seed"])
        for name, plain in tree["numpy"].items():
            _set_pcg_state(self.numpy(name), plain)
        for name, state in tree["torch"].items():
            self._load_torch(name, state)

    def _load_torch(self, name: str, state: object) -> None:
        import torch

        self.torch(name).set_state(torch.as_tensor(state, dtype=torch.uint8))

    def _entropy(self, name: str) -> int:
        digest = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=16).digest()
        return int.from_bytes(digest, "little")


def _pcg_state(generator: np.random.Generator) -> dict[str, str | int]:
    plain = generator.bit_generator.state
    # 128-bit integers do not survive every JSON reader, so they travel as text.
    return {
        "state": str(plain["state"]["state"]),
        "inc": str(plain["state"]["inc"]),
        "has_uint32": int(plain["has_uint32"]),
        "uinteger": int(plain["uinteger"]),
    }


def _set_pcg_state(generator: np.random.Generator, plain: Tree) -> None:
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(plain["state"]), "inc": int(plain["inc"])},
        "has_uint32": int(plain["has_uint32"]),
        "uinteger": int(plain["uinteger"]),
    }
