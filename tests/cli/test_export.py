"""`export`, `import`, and model files where a run is named: one file, the same play, one sentence for every mistake."""

from __future__ import annotations

import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest
import torch
from torch import nn

from cli.runs import train
from playfield.build import build_network
from playfield.cli.commands import run_command
from playfield.cli.models import game_spec, model_path, open_model
from playfield.cli.runs import Known, known
from playfield.recipes import RECIPES
from playfield.rng import Rng
from playfield.settings import to_plain
from playfield.storage.model import read_model, write_model
from playfield.storage.run import Run


def playfield(*arguments: object) -> int:
    return run_command([str(a) for a in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was evaluated twice, and one that was not."""
    root = tmp_path_factory.mktemp("runs")
    train("dqn_toy", root, "one", 400, over=2, save_every_frames=150)
    train("dqn_toy", root, "two", 200)
    assert playfield("evaluate", "one", "--episodes", 2, "--seed", 4, "--runs", root) == 0
    assert playfield("evaluate", "one", "--episodes", 3, "--seed", 5, "--runs", root) == 0
    return root


@pytest.fixture
def model(runs: Path, tmp_path: Path) -> Path:
    path = tmp_path / "one.playfield"
    assert playfield("export", "one", path, "--licence", "CC0-1.0", "--runs", runs) == 0
    return path


def scores(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_export_says_what_it_is(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.playfield"
    assert playfield("export", "one", path, "--licence", "CC0-1.0", "--runs", runs) == 0
    card = read_model(path).card
    evaluated = scores(runs / "one" / "results" / "evaluations.jsonl")[-1]
    assert (card.game, card.frames, card.seed, card.licence) == ("catch", 400, 0, "CC0-1.0")
    assert card.actions == game_spec(known(Run.open(runs / "one")), RECIPES["dqn"].protocol).actions
    assert card.obs_shape == (2, 48, 48)
    assert card.evaluation is not None
    assert list(card.evaluation.scores) == evaluated["scores"]
    assert card.evaluation.seed == 5
    assert dict(card.fingerprint)["torch"] == torch.__version__
    assert card.origin.startswith("run 'one', checkpoint 0000000")
    printed = capsys.readouterr().out
    assert "mean of 3 games" in printed
    assert "400 frames" in printed
    assert "CC0-1.0" in printed


def test_a_model_plays_exactly_as_its_run(runs: Path, model: Path) -> None:
    loaded = Run.open(runs / "one").load().tree["agent"]["learner"]["network"]
    ours = open_model(model).network.state_dict()
    assert ours.keys() == loaded.keys()
    assert all(torch.equal(ours[name], loaded[name]) for name in ours)
    assert playfield("evaluate", model, "--episodes", 3, "--seed", 5) == 0
    beside = scores(model.with_name("one.evaluations.jsonl"))[-1]
    of_run = scores(runs / "one" / "results" / "evaluations.jsonl")[-1]
    assert beside["scores"] == of_run["scores"]
    assert beside["best"] == of_run["best"]


def test_an_evaluation_prints_a_table_and_leaves_a_film_next_to_the_file(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert playfield("evaluate", model, "--episodes", 4) == 0
    printed = capsys.readouterr().out
    assert re.search(r"episodes\s+4\b", printed)
    assert imageio_ffmpeg.count_frames_and_secs(str(model.with_name("one.best_game.mp4")))[0] == 56
    assert {path.name for path in model.parent.iterdir()} == {
        "one.playfield",
        "one.best_game.mp4",
        "one.evaluations.jsonl",
    }


def test_a_game_of_a_model_can_be_filmed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert playfield("video", model, "--seed", 3) == 0
    assert imageio_ffmpeg.count_frames_and_secs(str(model.with_name("one.game_3.mp4")))[0] == 56
    assert playfield("video", model, "--view", "net", "--policy", "random", "--out", model.with_name("r.mp4")) == 0
    assert "random play" in capsys.readouterr().out
    assert model.with_name("r.mp4").is_file()


def test_a_model_can_be_watched(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from playfield.sinks import window

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown: list[str] = []
    real = window.Window.show

    def spy(self: window.Window, frame, caption: str = "") -> bool:
        shown.append(caption)
        return real(self, frame, caption)

    monkeypatch.setattr(window.Window, "show", spy)
    assert playfield("watch", model, "--games", 1, "--scale", 1) == 0
    assert len(shown) == 56


def test_any_checkpoint_can_be_exported(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.open(runs / "one")
    best, oldest = run.best(), run.checkpoints()[0]
    assert best is not None
    for wanted, manifest in (("best", best), (oldest.checkpoint, oldest)):
        path = tmp_path / f"{wanted}.playfield"
        assert playfield("export", "one", path, "--checkpoint", wanted, "--runs", runs) == 0
        card = read_model(path).card
        assert card.frames == manifest.frames
        assert card.origin.endswith(manifest.checkpoint)
        weights = run.load(manifest.checkpoint).tree["agent"]["learner"]["network"]
        assert all(torch.equal(weights[name], tensor) for name, tensor in read_model(path).weights.items())
    assert oldest.frames < 400


def test_scores_of_other_weights_are_not_claimed(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert playfield("export", "two", tmp_path / "two.playfield", "--runs", runs) == 0
    assert re.search(r"`playfield evaluate two --checkpoint 0000000\d` makes one", capsys.readouterr().out)
    card = read_model(tmp_path / "two.playfield").card
    assert card.evaluation is None
    assert card.licence == "not stated"
    oldest = Run.open(runs / "one").checkpoints()[0].checkpoint
    assert playfield("export", "one", tmp_path / "old.playfield", "--checkpoint", oldest, "--runs", runs) == 0
    assert read_model(tmp_path / "old.playfield").card.evaluation is None


def test_a_folder_that_ends_as_a_model_does_is_a_run(runs: Path, tmp_path: Path) -> None:
    (runs / "odd.playfield").mkdir(exist_ok=True)
    assert model_path("odd.playfield", runs) is None
    assert model_path("one", runs) is None
    with pytest.raises(FileNotFoundError, match=r"there is no model file none\.playfield"):
        model_path("none.playfield", runs)


def one_sentence_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert playfield(*arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_mistakes_get_one_sentence(runs: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()

    def sentence(*arguments: object) -> str:
        return one_sentence_of(capsys, *arguments)

    assert "exists and is not overwritten" in sentence("export", "one", model, "--runs", runs)
    assert "must end in .playfield" in sentence("export", "one", model.with_name("x.zip"), "--runs", runs)
    assert "there is no folder" in sentence("export", "one", model.parent / "no" / "x.playfield", "--runs", runs)
    fresh = model.with_name("fresh.playfield")
    assert "there is no run 'three'" in sentence("export", "three", fresh, "--runs", runs)
    assert "no checkpoint '7'" in sentence("export", "one", fresh, "--checkpoint", 7, "--runs", runs)
    assert "no best checkpoint" in sentence("export", "two", fresh, "--checkpoint", "best", "--runs", runs)
    assert "leave --checkpoint out" in sentence("evaluate", model, "--checkpoint", "best")
    assert "leave --episode out" in sentence("video", model, "--episode", 3)
    assert "there is no model file" in sentence("evaluate", fresh)
    assert "there is no model file" in sentence("watch", fresh)
    assert model.read_bytes() == before
    assert not fresh.exists()
    model.write_bytes(before[:-100])
    assert "is cut or altered" in sentence("evaluate", model)


def altered(model: Path, *, name: str, recipe: dict[str, object] | None = None, **card: object) -> Path:
    """A model by somebody else, every checksum right."""
    original = read_model(model)
    path = model.with_name(f"{name}.playfield")
    changed = replace(original, card=replace(original.card, **card), recipe=recipe or original.recipe)  # type: ignore[arg-type]
    write_model(path, changed)
    return path


def test_a_model_cannot_choose_what_python_imports(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gymnasium loads the module that stands before a colon in an id."""
    sentinel = model.with_name("it_ran")
    (model.parent / "evil_module.py").write_text(f"import os\nos.mkdir({str(sentinel)!r})\n")
    monkeypatch.syspath_prepend(model.parent)
    evil = altered(model, name="evil", game="gym:evil_module:CartPole-v1")
    for command in (("evaluate", evil), ("video", evil), ("watch", evil)):
        assert "would load a module of the file's choice" in one_sentence_of(capsys, *command)
    assert not sentinel.exists()
    __import__("evil_module")
    assert sentinel.exists(), "the module does what it is said to do where somebody loads it"


def test_a_model_that_does_not_fit_gets_one_sentence(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def sentence(name: str, **changes: object) -> str:
        return one_sentence_of(capsys, "evaluate", altered(model, name=name, **changes))  # type: ignore[arg-type]

    plain = to_plain(known_recipe(model))
    assert "there is no game 'pomg'" in sentence("game", game="pomg")
    assert "or other actions" in sentence("actions", actions=("UP", "STAY", "DOWN"))
    assert "observations of (9,)" in sentence("shape", obs_shape=(9,))
    assert "does not fit this version of Playfield" in sentence("new", recipe={**plain, "surprise": 1})
    assert "cannot be 'os.system'" in sentence("class", recipe={**plain, "torso": {"type": "os.system"}})
    torso = {**plain["torso"], "hidden": [17]}
    assert "these weights are of another network" in sentence("weights", recipe={**plain, "torso": torso})


def known_recipe(model: Path) -> object:
    return open_model(model).of.recipe


def cleanrl(path: Path, entries: int, actions: int) -> Path:
    layers = nn.Sequential(nn.Linear(entries, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, actions))
    torch.save({f"network.{k}": v for k, v in layers.state_dict().items()}, path)  # noqa: TID251
    return path


def test_foreign_weights_become_a_model_that_plays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign, out = cleanrl(tmp_path / "dqn.cleanrl_model", 4, 2), tmp_path / "pole.playfield"
    options = ("--recipe", "dqn_classic", "--game", "gym:CartPole-v1", "--frames", "500k")
    assert playfield("import", foreign, out, *options) == 0
    printed = capsys.readouterr().out
    assert "CleanRL DQN, classic control" in printed
    assert "500,000 frames" in printed
    card = read_model(out).card
    assert (card.frames, card.seed, card.evaluation, card.licence) == (500_000, None, None, "not stated")
    assert card.origin == "file 'dqn.cleanrl_model', CleanRL DQN, classic control"
    theirs = torch.load(foreign, weights_only=True)  # noqa: TID251
    assert torch.equal(read_model(out).weights["head.0.weight"], theirs["network.2.weight"])
    assert playfield("evaluate", out, "--episodes", 2) == 0
    assert re.search(r"episodes\s+2\b", capsys.readouterr().out)


def test_imported_atari_weights_carry_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = RECIPES["dqn"]
    own = build_network(recipe, game_spec(Known(recipe, "pong", 0, {}), recipe.protocol), Rng(1)).state_dict()
    there = {"torso.1": "0", "torso.4": "2", "torso.7": "4", "head.0": "7", "head.3": "9"}
    state = {f"network.{there[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in own.items()}
    torch.save(state, tmp_path / "pong.cleanrl_model")  # noqa: TID251
    out = tmp_path / "pong.playfield"
    assert playfield("import", tmp_path / "pong.cleanrl_model", out, "--recipe", "dqn", "--game", "pong") == 0
    assert "note: trained on the NoFrameskip-v4 rules" in capsys.readouterr().out
    assert any("oldest frame first" in note for note in read_model(out).card.notes)
    assert all(torch.equal(own[name], tensor) for name, tensor in read_model(out).weights.items())


def test_imports_that_cannot_be_get_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.playfield"
    foreign = cleanrl(tmp_path / "dqn.cleanrl_model", 4, 3)

    def sentence(file: Path, *options: str) -> str:
        given = options or ("--recipe", "dqn_classic", "--game", "gym:CartPole-v1")
        return one_sentence_of(capsys, "import", file, out, *given)

    assert "'network.4.weight' is 3 x 84 where 'head.3.weight' of this recipe and game is 2 x 84" in sentence(foreign)
    assert "try --recipe dqn_classic" in sentence(foreign, "--recipe", "dqn", "--game", "pong")
    assert "no recipe 'dnq'" in sentence(foreign, "--recipe", "dnq", "--game", "pong")
    assert "no game 'pomg'" in sentence(foreign, "--recipe", "dqn", "--game", "pomg")
    assert "is missing" in sentence(tmp_path / "none.pth")
    (tmp_path / "noise.playfield").write_bytes(bytes(range(256)) * 8)
    assert "noise.playfield" in (said := sentence(tmp_path / "noise.playfield"))
    assert "is a model" not in said
    assert not out.exists()


def test_a_model_need_not_be_imported(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--recipe", "dqn_toy", "--game", "catch")
    said = one_sentence_of(capsys, "import", model, tmp_path / "again.playfield", *given)
    assert f"{model} is a model of Playfield already: `playfield evaluate {model}` plays it" in said


def test_a_foreign_program_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentinel, evil = tmp_path / "it_ran", tmp_path / "evil.pth"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("evil/data.pkl", f"cos\nsystem\n(S'mkdir {sentinel}'\ntR.".encode())
    sentence = one_sentence_of(
        capsys, "import", evil, tmp_path / "o.playfield", "--recipe", "dqn_classic", "--game", "gym:CartPole-v1"
    )
    assert "holds code or objects other than tensors ('os.system'); Playfield reads only tensors: save" in sentence
    assert not sentinel.exists()
    assert os.listdir(tmp_path) == ["evil.pth"]
