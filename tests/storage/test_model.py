"""The `.playfield` file: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from playfield.recipes import RECIPES, Recipe
from playfield.settings import from_plain, to_plain
from playfield.storage import archive, model
from playfield.storage.files import DamagedFile, new_hash
from playfield.storage.model import CARD, CHECKSUMS, RECIPE, WEIGHTS, Card, Model, Scores, read_model, write_model

CARD_OF_CATCH = Card(
    game="catch",
    protocol="own rules",
    actions=("LEFT", "STAY", "RIGHT"),
    obs_shape=(2, 12, 12),
    frames=400,
    seed=3,
    evaluation=Scores(protocol="own rules", policy="greedy, epsilon 0", seed=7, scores=(1.0, -0.5)),
    fingerprint=(("torch", "2.13.0"), ("torch threads", "1")),
    origin="run 'one', checkpoint 00000002",
    notes=("a note", "über"),
    licence="CC0-1.0",
    created="2026-01-01T00:00:00+00:00",
    playfield="0.1.0",
)


def example(card: Card = CARD_OF_CATCH) -> Model:
    weights = {"torso.1.weight": torch.arange(6.0).view(2, 3), "head.0.bias": torch.tensor([0.5])}
    return Model(card=card, recipe=to_plain(RECIPES["dqn_toy"]), weights=weights)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_model(tmp_path / "a.playfield", example())
    return tmp_path / "a.playfield"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as whole:
        return {name: whole.read(name) for name in whole.namelist()}


def sealed(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The members with checksums that are right."""

    def record(data: bytes) -> list[object]:
        digest = new_hash()
        digest.update(data)
        return [len(data), digest.hexdigest()]

    rest = {name: data for name, data in parts.items() if name != CHECKSUMS}
    return {**rest, CHECKSUMS: json.dumps({name: record(data) for name, data in rest.items()}).encode()}


def rewritten(path: Path, parts: dict[str, bytes], **options: object) -> Path:
    path.unlink()
    with zipfile.ZipFile(path, "w", **options) as whole:  # type: ignore[call-overload]
        for name, data in parts.items():
            whole.writestr(name, data)
    return path


def test_what_goes_in_comes_out(written: Path) -> None:
    back = read_model(written)
    assert back.card == CARD_OF_CATCH
    assert from_plain(Recipe, back.recipe) == RECIPES["dqn_toy"]
    assert {name: tensor.tolist() for name, tensor in back.weights.items()} == {
        "torso.1.weight": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]],
        "head.0.bias": [0.5],
    }


def test_what_is_not_known_comes_out_as_not_known(tmp_path: Path) -> None:
    card = replace(CARD_OF_CATCH, frames=None, seed=None, evaluation=None, notes=())
    write_model(tmp_path / "a.playfield", example(card))
    assert read_model(tmp_path / "a.playfield").card == card


def test_anybody_can_look_inside(written: Path) -> None:
    """An ordinary zip of ordinary files, none compressed; the same model is the same bytes."""
    with zipfile.ZipFile(written) as whole:
        assert whole.namelist() == [CARD, RECIPE, WEIGHTS, CHECKSUMS]
        assert {info.compress_type for info in whole.infolist()} == {zipfile.ZIP_STORED}
    assert json.loads(members(written)[CARD])["format"] == 1
    again = written.with_name("b.playfield")
    assert write_model(again, example()) == written.stat().st_size
    assert again.read_bytes() == written.read_bytes()


def test_nothing_is_overwritten_and_nothing_is_left_behind(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.playfield exists and is not overwritten"):
        write_model(written, example())
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["a.playfield"]


@pytest.mark.parametrize("links", [True, False])
def test_a_name_taken_at_the_last_moment_is_not_overwritten(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.playfield"
    real = model.write_new

    def slow(temporary: Path, pieces: list[bytes]) -> object:
        path.write_text("another's")
        return real(temporary, pieces)

    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "no links on this disk")

    monkeypatch.setattr(model, "write_new", slow)
    if not links:
        monkeypatch.setattr(model.os, "link", no_links)
    with pytest.raises(FileExistsError):
        write_model(path, example())
    assert path.read_text() == "another's"
    assert [p.name for p in tmp_path.iterdir()] == ["a.playfield"]


def test_a_disk_without_links_still_gets_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "no links on this disk")

    monkeypatch.setattr(model.os, "link", no_links)
    write_model(tmp_path / "a.playfield", example())
    assert read_model(tmp_path / "a.playfield").card == CARD_OF_CATCH
    assert len(list(tmp_path.iterdir())) == 1


def test_names_that_cannot_be_a_models(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.playfield"):
        write_model(tmp_path / "a.zip", example())
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_model(tmp_path / "nowhere" / "a.playfield", example())
    with pytest.raises(ValueError, match="cannot be shown"):
        write_model(tmp_path / "a.playfield", example(replace(CARD_OF_CATCH, licence="\x1b[2J")))
    assert not list(tmp_path.iterdir())


def test_every_altered_byte_is_noticed_or_does_not_matter(written: Path) -> None:
    whole, first = written.read_bytes(), read_model(written)
    noticed = 0
    for at in range(0, len(whole), 7):
        written.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
        try:
            back = read_model(written)
        except DamagedFile:
            noticed += 1
            continue
        assert back.card == first.card
        assert back.recipe == first.recipe
        assert all(torch.equal(back.weights[name], first.weights[name]) for name in first.weights)
    assert noticed > 0.9 * len(whole) / 7, "dates and attributes of the zip format may be anything"


def test_an_altered_member_is_named(written: Path) -> None:
    whole = written.read_bytes()
    for name, data in members(written).items():
        at = whole.index(data) + len(data) // 2
        written.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DamagedFile, match=rf"'{name}' was altered"):
            read_model(written)


def test_an_altered_member_with_a_right_zip_checksum_is_named(written: Path) -> None:
    parts = members(written)
    for name in (CARD, RECIPE, WEIGHTS):
        with pytest.raises(DamagedFile, match=rf"'{name}' was altered"):
            read_model(rewritten(written, {**parts, name: parts[name].replace(b"a", b"b", 1)}))


def test_every_cut_is_noticed_and_says_where_the_file_ends(written: Path) -> None:
    whole = written.read_bytes()
    for length in range(0, len(whole), 11):
        written.write_bytes(whole[:length])
        with pytest.raises(DamagedFile, match="is cut or altered"):
            read_model(written)
    written.write_bytes(whole[: whole.index(members(written_again(written, whole))[WEIGHTS]) + 9])
    with pytest.raises(DamagedFile, match=rf"ends inside its member '{WEIGHTS}'"):
        read_model(written)


def written_again(path: Path, whole: bytes) -> Path:
    path.write_bytes(whole)
    return path


def test_members_must_be_exactly_those(written: Path) -> None:
    parts = members(written)
    for name in parts:
        with pytest.raises(DamagedFile, match=rf"'{name}' is missing"):
            read_model(rewritten(written, {other: data for other, data in parts.items() if other != name}))
    with pytest.raises(DamagedFile, match=r"'extra\.py' has no place in it"):
        read_model(rewritten(written, {**parts, "extra.py": b"print()"}))
    with pytest.raises(DamagedFile, match="does not name exactly the other members"):
        read_model(rewritten(written, {**parts, CHECKSUMS: b"{}"}))
    for wrong in (b"[]", b"3", b'{"model.json": 3}', b'{"model.json": [1]}'):
        with pytest.raises(DamagedFile, match="no list of checksums"):
            read_model(rewritten(written, {**parts, CHECKSUMS: wrong}))


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:evil", "a\\evil", "a//b", "./a", "folder/", "x\x00y", "\x1b[2J"]
)
def test_names_that_lead_elsewhere_are_refused(name: str, written: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as whole:
        about = zipfile.ZipInfo("N" * len(name))
        whole.writestr(about, b"")
    # Zipfile itself writes no such name, so it is put in place of a harmless one of the same length.
    data = buffer.getvalue().replace(b"N" * len(name), name.encode())
    with pytest.raises(DamagedFile, match="name which could lead out of the archive"):
        archive.open_archive(written, data)
    written.write_bytes(data)
    with pytest.raises(DamagedFile):
        read_model(written)


def test_two_members_of_one_name_are_refused(written: Path) -> None:
    parts = members(written)
    rewritten(written, parts)
    with zipfile.ZipFile(written, "a") as whole, pytest.warns(UserWarning, match="Duplicate"):
        whole.writestr(WEIGHTS, parts[WEIGHTS])
    with pytest.raises(DamagedFile, match=r"two members named 'weights\.safetensors'"):
        read_model(written)


def test_compressed_members_are_refused_before_they_grow(written: Path) -> None:
    """A bomb: ten megabytes of zeros in ten kilobytes."""
    rewritten(written, {**members(written), WEIGHTS: bytes(10 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert written.stat().st_size < 100_000
    with pytest.raises(DamagedFile, match="is compressed; only stored members are read"):
        read_model(written)


def test_sizes_that_the_file_does_not_have_are_refused(written: Path) -> None:
    """The directory claims that one member has four gigabytes."""
    data = bytearray(written.read_bytes())
    at = data.index(b"PK\1\2")
    struct.pack_into("<II", data, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    written.write_bytes(data)
    with pytest.raises(DamagedFile, match="larger than the file itself"):
        read_model(written)


def test_a_directory_that_would_fill_the_memory_is_not_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_DIRECTORY_BYTES", 100)
    with pytest.raises(DamagedFile, match="has a directory of"):
        read_model(written)


def test_sizes_are_capped(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "MOST_TEXT_BYTES", 100)
    with pytest.raises(DamagedFile, match=r"model\.json has \d+ bytes, more than the 100 allowed"):
        read_model(written)
    monkeypatch.setattr(model, "MOST_MODEL_BYTES", 100)
    with pytest.raises(DamagedFile, match="more than the 100 such a file may have"):
        read_model(written)


def test_an_encrypted_member_is_refused(written: Path) -> None:
    data = bytearray(written.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    written.write_bytes(data)
    with pytest.raises(DamagedFile, match="is encrypted"):
        read_model(written)


def card_with(**changes: object) -> bytes:
    plain = {"format": 1, **to_plain(CARD_OF_CATCH), **changes}
    return json.dumps({name: value for name, value in plain.items() if value is not ...}).encode()


BAD_CARDS = [
    (card_with(format=2), "has format 2; this version of Playfield reads 1"),
    (card_with(frames="many"), "frames must be"),
    (card_with(frames=-1), "a negative number"),
    (card_with(obs_shape=[-2, 3]), "a negative number"),
    (card_with(game=...), "leaves out game"),
    (card_with(code="import os"), "has no setting 'code'"),
    (card_with(type="Recipe"), "cannot be 'Recipe'"),
    (card_with(evaluation={"type": "os.system"}), "evaluation cannot be 'os.system'"),
    (card_with(licence="\x1b]0;title\x07"), "characters that cannot be shown"),
    (card_with(notes=["\x1b[2J"]), "characters that cannot be shown"),
    (b"[]", "is not the description"),
    (b"{", "is not readable JSON"),
    (b'{"format":' + b"[" * 100_000, "is not readable JSON"),
]


@pytest.mark.parametrize(("card", "sentence"), BAD_CARDS, ids=[sentence for _, sentence in BAD_CARDS])
def test_a_description_is_taken_only_as_what_it_must_be(card: bytes, sentence: str, written: Path) -> None:
    """The checksums are right: the file is whole, and made by somebody who means ill or by another version."""
    with pytest.raises(DamagedFile, match=rf"model\.json .*{sentence}"):
        read_model(rewritten(written, sealed({**members(written), CARD: card})))


def test_weights_that_are_none_are_refused(written: Path) -> None:
    for wrong in (b"", b"\x80\x02cos\nsystem\n.", (1 << 40).to_bytes(8, "little") + b"{}"):
        with pytest.raises(DamagedFile, match=r"weights\.safetensors"):
            read_model(rewritten(written, sealed({**members(written), WEIGHTS: wrong})))


def test_no_file_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match="is missing"):
        read_model(tmp_path / "a.playfield")
