"""Laws that no type checker sees: one random source, nothing pickled, one loss, documents that run."""

from __future__ import annotations

import ast
import dataclasses
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from playfield.recipes import ALL_RECIPES, LinearRecipe, Recipe

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "playfield").rglob("*.py"))

BANNED_CALLS = {
    "torch.load",
    "torch.save",
    "torch.manual_seed",
    "torch.seed",
    "torch.rand",
    "torch.randn",
    "torch.randint",
    "torch.randperm",
    "torch.set_default_device",
    "torch.set_default_dtype",
    "torch.set_default_tensor_type",
    "numpy.random.seed",
    "np.random.seed",
    "np.random.rand",
    "np.random.randn",
    "np.random.randint",
    "np.random.choice",
    "np.load",
    "eval",
    "exec",
    "__import__",
}
BANNED_IMPORTS = {"pickle", "random", "marshal", "shelve", "dill", "cloudpickle", "joblib"}


def calls(tree: ast.AST) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_reaches_pickle_eval_or_global_chance(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not BANNED_CALLS & set(calls(tree))
    assert not BANNED_IMPORTS & imports(tree)


def test_the_law_catches_what_it_bans() -> None:
    tree = ast.parse("import pickle\nfrom random import choice\ntorch.load('x')\neval('1')")
    assert {"torch.load", "eval"} <= BANNED_CALLS & set(calls(tree))
    assert imports(tree) & BANNED_IMPORTS == {"pickle", "random"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_fit_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{path.name}: {node.name} is too long"


def test_inheritance_is_one_deep() -> None:
    """Every class is abstract or final: none of ours has a base of ours that is not a Protocol."""
    bases: dict[str, list[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(b).split("[")[0] for b in node.bases]
    for name, parents in bases.items():
        for parent in parents:
            if parent in bases and "Exception" not in bases[parent]:  # an exception may be one of another kind
                assert "Protocol" in bases[parent], f"{name} inherits from {parent}"


NO_INGREDIENTS = {
    "Recipe": "holds them",
    "AtariProtocol": "rules of the game",
    "Constant": "a number over time",
    "Linear": "a number over time",
    "Exponential": "a number over time",
    "Piecewise": "a number over time",
    "LinearRecipe": "holds them",
    "Vector": "what the game shows, as it is",
    "Settled": "says that the memory has bootstrapped already",
}
LACKING = {
    "Dense": ({"Source", "Neutral"}, "what noisy layers are without noise"),
    "NoNorm": ({"Source", "Neutral"}, "nothing"),
    "Relu": ({"Source", "Neutral"}, "what a leaky one is at slope 0"),
    "Greedy": ({"Neutral"}, "what the other bootstraps are at their neutral settings"),
    "Uniform": ({"Neutral"}, "what priorities are at alpha=0"),
    "NoTarget": ({"Neutral"}, "what a recipe is without a target network"),
    "Copy": ({"Neutral"}, "NoTarget takes its place"),
    "UniformInit": ({"Neutral"}, "weights have to start somehow"),
    "OrthogonalInit": ({"Neutral"}, "weights have to start somehow"),
    "Grid": ({"Neutral"}, "a grid as fine as the frame shows every pixel"),
    "Learnt": ({"Neutral"}, "takes the place of what is seen as it is"),
    "Sarsa": ({"Neutral"}, "what the other linear learners are at their neutral settings"),
    "Tabular": ({"Neutral"}, "what every encoder is where each of its features is one state"),
    "ActorCritic": ({"Neutral"}, "learns preferences, as no other linear learner does"),
    "NormalInit": ({"Neutral"}, "weights have to start somehow"),
}
"""Classes of a recipe that are exempt from a line, and why."""


def settings_classes(hint: object, found: dict[str, type]) -> dict[str, type]:
    """Every class that a setting of this type can hold, at any depth."""
    for option in typing.get_args(hint):
        settings_classes(option, found)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint.__name__ not in found:
        found[hint.__name__] = hint
        for inner in typing.get_type_hints(hint).values():
            settings_classes(inner, found)
    return found


OF_RECIPES = {**settings_classes(LinearRecipe, {}), **settings_classes(Recipe, {})}


def stated(cls: type) -> set[str]:
    return {line for line in ("Source", "Neutral") if re.search(rf"\b{line}: \S", cls.__doc__ or "")}


@pytest.mark.parametrize("name", sorted(set(OF_RECIPES) - set(NO_INGREDIENTS)))
def test_every_ingredient_states_its_source_and_its_neutral_setting(name: str) -> None:
    lacking, _ = LACKING.get(name, (set[str](), ""))
    assert stated(OF_RECIPES[name]) == {"Source", "Neutral"} - lacking


def test_the_law_of_ingredients_finds_them_all_and_sees_what_is_missing() -> None:
    assert {"RMSProp", "RankBased", "MBConv", "EpsilonGreedy", "ImplicitQuantiles", "Rollout"} <= set(OF_RECIPES)
    assert set(NO_INGREDIENTS) | set(LACKING) <= set(OF_RECIPES), "the exemptions name classes that are gone"
    assert stated(type("Silent", (), {"__doc__": "Source: none. Neutral:"})) == {"Source"}


def readme() -> str:
    return (ROOT / "README.md").read_text()


def test_the_readme_python_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", readme(), re.DOTALL)
    assert code is not None
    short = code[1].replace("20_000", "600")
    done = subprocess.run([sys.executable, "-c", short], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 8, "eight games of catch end within 600 frames"


def test_the_readme_names_commands_and_recipes_that_exist() -> None:
    from playfield.cli.commands import COMMANDS
    from playfield.games.atari import atari_names

    used = re.findall(r"^playfield (\w+)(?: (\w+))?(.*)", readme(), re.MULTILINE)
    assert len(used) > 8
    assert {command for command, _, _ in used} <= set(COMMANDS)
    trained = [(word, rest) for command, word, rest in used if command == "train"]
    assert {word for word, rest in trained if "--budget" not in rest} <= set(ALL_RECIPES)
    assert {word for word, rest in trained if "--budget" in rest} <= set(atari_names())


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_starts_a_second_time_without_set_up() -> None:
    """What `make train` would run, once the environment stands: the training and nothing else."""
    planned = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "-o", ".venv/.user", "-o", ".venv/.dev", "train"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    lines = planned.stdout.splitlines()
    assert len(lines) == 1
    assert "playfield train pong_laptop pong" in lines[0]


def test_every_test_that_the_map_of_sources_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+\.py)::(\w+)", (ROOT / "docs" / "sources.md").read_text()))
    assert len(named) > 100
    for path, test in sorted(named):
        text = (ROOT / "tests" / path).read_text()
        assert f"def {test}(" in text, f"docs/sources.md names {path}::{test}"


def test_decisions_are_short() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [p.name[:4] for p in pages] == [f"{i:04d}" for i in range(1, len(pages) + 1)]
    for page in pages:
        assert len(page.read_text().splitlines()) <= 20, f"{page.name} is longer than 20 lines"


def test_the_page_of_the_family_is_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import make_family; print(make_family.page(), end='')"],
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == (ROOT / "docs" / "family.md").read_text(), "run: python docs/make_family.py"
