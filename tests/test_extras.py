"""What can be installed besides is what pyproject.toml offers, and its commands are words of a shell."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from playfield.extras import EXTRAS, apt_install, install_extra, is_installed, pip_install, shell_word

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def test_every_extra_is_told_as_pyproject_has_it():
    told = {
        name: [
            each.requirement + (f"; sys_platform == '{each.platform}'" if each.platform else "")
            for each in extra.packages
        ]
        for name, extra in EXTRAS.items()
    }
    for_developers = ("dev", "fuzz")
    extras = PROJECT["optional-dependencies"]
    offered = {name: words for name, words in extras.items() if name not in for_developers}
    assert told == offered


def test_a_command_reaches_this_python_with_its_words_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/home/a b/python")
    words = shlex.split(pip_install("--no-deps", "gymnasium[box2d]", "optuna>=4,<5"))
    assert words == ["/home/a b/python", "-m", "pip", "install", "--no-deps", "gymnasium[box2d]", "optuna>=4,<5"]
    monkeypatch.setattr(sys, "platform", "win32")
    assert pip_install("optuna>=4,<5") == '"/home/a b/python" -m pip install "optuna>=4,<5"'


@pytest.mark.parametrize(
    "word", ["/home/o'brien/python", "/opt/a&b/python", "/opt/$x/p", "/home/a(b)/p", "a b;c.toml", "optuna>=4,<5", ""]
)
def test_a_word_stays_one_in_a_shell(word: str, monkeypatch: pytest.MonkeyPatch):
    said = subprocess.run(["sh", "-c", f"printf %s {shell_word(word)}"], capture_output=True, text=True, check=True)
    assert said.stdout == word
    monkeypatch.setattr(sys, "executable", word or "p")
    assert shlex.split(pip_install("x")) == [word or "p", "-m", "pip", "install", "x"]


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("pong", "pong"),
        (r"C:\a\b.toml", r"C:\a\b.toml"),
        (r"C:\a b\c.toml", r'"C:\a b\c.toml"'),
        ("a&b.toml", '"a&b.toml"'),
        ("optuna>=4,<5", '"optuna>=4,<5"'),
        ('a"b', r"a\"b"),
    ],
)
def test_on_windows_a_word_is_quoted_as_there(word: str, typed: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert shell_word(word) == typed


def test_a_command_names_packages_for_this_system_and_no_playfield(monkeypatch: pytest.MonkeyPatch):
    for system, package in (("linux", "evdev>=1.9,<3"), ("win32", "vgamepad>=0.2,<0.3")):
        monkeypatch.setattr(sys, "platform", system)
        assert [each.requirement for each in EXTRAS["gamepad"].here()] == [package]
        assert install_extra("gamepad") == pip_install(package)
    assert not any("playfield" in install_extra(name).partition(" install ")[2] for name in EXTRAS)


def test_what_lacks_of_an_extra(monkeypatch: pytest.MonkeyPatch):
    assert is_installed("numpy")
    monkeypatch.setitem(sys.modules, "mss", None)
    assert [each.module for each in EXTRAS["desktop"].lacking()] == ["mss"]


@pytest.mark.parametrize(("user", "command"), [(0, "apt-get install a b"), (1000, "sudo apt-get install a b")])
def test_packages_of_debian_are_installed_by_root(user: int, command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.geteuid", lambda: user)
    assert apt_install("a", "b") == command
