import json
import math
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from playfield.batch import Rows
from playfield.storage.tensors import CODES, pack, unpack
from playfield.storage.tree import digest, flatten, unflatten
from storage.examples import SIZE, rings

DTYPES = sorted(CODES, key=str)
NUMPY = [np.dtype(code) for code in "?bBhHiIqQefd"]


def bits(draw, shape, itemsize, alphabet=255):
    count = math.prod(shape) * itemsize
    return bytearray(draw(st.binary(min_size=count, max_size=count))) if alphabet == 255 else bytearray(count)


@st.composite
def tensors(draw):
    dtype, shape = draw(st.sampled_from(DTYPES)), draw(st.lists(st.integers(0, 3), max_size=3))
    if not math.prod(shape):
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.tensor(draw(st.lists(st.booleans(), min_size=(n := math.prod(shape)), max_size=n))).reshape(shape)
    return torch.frombuffer(bits(draw, shape, dtype.itemsize), dtype=dtype).reshape(shape)


@st.composite
def arrays(draw):
    dtype, shape = draw(st.sampled_from(NUMPY)), tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    data = bits(draw, shape, dtype.itemsize, 0 if dtype.kind == "b" else 255)
    return np.frombuffer(data, dtype=dtype).reshape(shape)


keys = st.one_of(st.sampled_from(["", "$", "$$a", "a/b", "~1", "__metadata__", "..", "0"]), st.text(max_size=4)).filter(
    lambda key: not any("\ud800" <= c <= "\udfff" for c in key)
)
leaves = st.one_of(
    tensors(), arrays(), st.integers(), st.integers(-(2**200), 2**200), st.floats(), st.text(max_size=5), st.booleans(),
    st.none(), st.floats(width=32).map(np.float32), st.integers(0, 2**64 - 1).map(np.uint64),
)  # fmt: skip
nodes = st.recursive(
    leaves,
    lambda child: st.one_of(
        st.lists(child, max_size=3),
        st.lists(child, max_size=3).map(tuple),
        st.dictionaries(keys, child, max_size=4),
    ),
    max_leaves=8,
)
trees = st.dictionaries(keys, nodes, max_size=4)


def through_files(tree, tmp_path):
    flat = flatten(tree)
    return unflatten(
        json.loads(json.dumps(flat.plain, allow_nan=False)), unpack(tmp_path, b"".join(pack(flat.tensors))), flat.rows
    )


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, torch.Tensor):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert not a.numel() or torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))
    elif isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    elif isinstance(a, float):
        assert struct.pack("d", a) == struct.pack("d", b)
    else:
        assert a == b


@settings(max_examples=80, deadline=None)
@given(tree=trees)
def test_a_tree_comes_back_exactly(tree, tmp_path_factory):
    back = through_files(tree, tmp_path_factory.getbasetemp())
    same(tree, back)
    assert digest(tree) == digest(back)


def test_strided_shared_and_parameter_tensors_come_back(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    tree = {
        "a": whole.t(),
        "b": whole,
        "c": whole[1:, ::2],
        "p": torch.nn.Parameter(torch.ones(2)),
        "n": np.arange(6)[::2],
    }
    back = through_files(tree, tmp_path)
    assert all(torch.equal(tree[name], back[name]) for name in "abcp")
    np.testing.assert_array_equal(back["n"], [0, 2, 4])
    back["n"][0] = 5
    back["a"][0] = 5


@pytest.mark.parametrize(
    "leaf",
    [object(), {1, 2}, b"raw", np.array(["x"]), np.array([1j]), np.zeros(2, ">f4"), torch.zeros(2).to_sparse(), 1j],
)
def test_a_leaf_that_cannot_be_stored_is_named_by_its_path(leaf):
    for refuse in (flatten, digest):
        with pytest.raises(TypeError, match="'agent/list/1'"):
            refuse({"agent": {"list": [0, leaf]}})


def test_a_tree_without_end_is_refused():
    tree = {}
    tree["self"] = tree
    with pytest.raises(ValueError, match="contains itself"):
        flatten(tree)


@pytest.mark.parametrize(
    "plain", [[], {"a": {"$": "tensor", "at": "b"}}, {"a": {"$": "exec"}}, {}, {"a": {"$": "int", "hex": 3}}]
)
def test_parts_that_do_not_belong_together_are_refused(plain):
    with pytest.raises(ValueError, match="state tree"):
        unflatten(plain, {"a": torch.zeros(1)}, {})


@settings(max_examples=60, deadline=None)
@given(tree=trees.filter(bool), data=st.data())
def test_digest_ignores_the_order_of_keys_and_sees_every_bit(tree, data):
    assert digest(dict(reversed(tree.items()))) == digest(tree)
    array = data.draw(arrays().filter(lambda a: a.size and a.dtype != bool))
    changed = array.copy()
    flat = changed.reshape(-1).view(np.uint8)
    flat[data.draw(st.integers(0, flat.size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert digest(tree | {"x": array}) != digest(tree | {"x": changed})
    assert digest(tree | {"x": torch.from_numpy(array.view(array.dtype.str).copy())}) != digest(tree | {"x": array})


def test_digest_tells_kinds_and_shapes_apart():
    values = [
        1, 1.0, True, "1", None, [1], (1,), {"1": 1}, {}, [], (), "", -0.0, 0.0, 0, False, float("nan"), 2**70, "None",
        torch.zeros(4), torch.zeros(2, 2), torch.zeros(4, dtype=torch.int32), np.zeros(4, np.float32), np.float32(0),
        [[1], 2], [1, [2]],
    ]  # fmt: skip
    assert len({digest({"x": value}) for value in values}) == len(values)


@pytest.mark.parametrize("size", [SIZE, SIZE + 1, 3 * SIZE])
def test_digest_of_rows_ignores_the_ring_and_sees_the_rows(size):
    def of(start, stop, columns):
        return digest({"rows": Rows(start=start, stop=stop, columns=columns)})

    reference = of(30, 65, rings(30, 65))
    columns = rings(30, 65, size)
    assert of(30, 65, columns) == reference
    columns["reward"][29 % size] += 1 if size > 35 else 0
    assert of(30, 65, columns) == reference
    columns["frame"][64 % size, 1, 299] ^= 1
    assert of(30, 65, columns) != reference
    assert of(31, 65, rings(30, 65)) != reference
