"""Named streams: the same whatever else is drawn, different from each other, and restored exactly."""

from __future__ import annotations

import json

import pytest
import torch

from playfield.rng import Rng


def numpy_draws(rng: Rng, name: str) -> list[int]:
    return rng.numpy(name).integers(0, 2**40, 4).tolist()


def torch_draws(rng: Rng, name: str) -> list[float]:
    return torch.rand(4, generator=rng.torch(name)).tolist()


@pytest.mark.parametrize("draw", [numpy_draws, torch_draws])
def test_a_stream_depends_on_seed_and_name_only(draw):
    busy = Rng(7)
    for name in ("a", "b", "c"):
        numpy_draws(busy, "other " + name)
        torch_draws(busy, "other " + name)
    assert draw(busy, "x") == draw(Rng(7), "x")
    assert draw(Rng(7), "x") != draw(Rng(8), "x")
    assert draw(Rng(7), "x") != draw(Rng(7), "y")


def test_a_name_asked_for_twice_goes_on():
    rng = Rng(1)
    first = numpy_draws(rng, "x")
    assert numpy_draws(rng, "x") != first


def test_the_state_survives_json_and_goes_on_in_a_fresh_tree():
    rng = Rng(3)
    rng.numpy("n").integers(0, 9, dtype="uint32")  # leaves half of a 64-bit draw behind
    torch_draws(rng, "t")
    tree = rng.state()
    plain = json.loads(json.dumps({"seed": tree["seed"], "numpy": tree["numpy"]}))
    fresh = Rng(99)
    held = fresh.numpy("n")  # an object that holds its generator sees the restored state
    fresh.load({**plain, "torch": {name: state.clone() for name, state in tree["torch"].items()}})
    assert (
        held.integers(0, 2**31, 3, dtype="uint32").tolist()
        == rng.numpy("n").integers(0, 2**31, 3, dtype="uint32").tolist()
    )
    assert torch_draws(fresh, "t") == torch_draws(rng, "t")
    assert numpy_draws(fresh, "new") == numpy_draws(rng, "new")  # names not yet used, too


def test_a_saved_state_does_not_move_on():
    rng = Rng(3)
    rng.numpy("n")
    rng.torch("t")
    tree = rng.state()
    expected = (numpy_draws(rng, "n"), torch_draws(rng, "t"))
    fresh = Rng(3)
    fresh.load(tree)
    assert (numpy_draws(fresh, "n"), torch_draws(fresh, "t")) == expected


def test_children_differ_from_each_other_and_from_their_parent():
    rng = Rng(5)
    streams = [numpy_draws(r, "x") for r in (rng, rng.child("a"), rng.child("b"), rng.child("a").child("a"))]
    assert len({tuple(s) for s in streams}) == 4
    assert numpy_draws(Rng(5).child("a"), "x") == streams[1]


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="not -1"):
        Rng(-1)
