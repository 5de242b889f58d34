"""A library stays the library only as long as no local file of its name stands before it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from nbcache.deps.finding import module_news
from nbcache.deps.shadows import forget_places, hidden_library, libraries_among


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return tmp_path


def test_the_packages_of_libraries_are_told() -> None:
    names = ["pytest", "wsgiref.util", "sys", "json", "no_such_module", "wsgiref"]
    importlib.import_module("wsgiref")
    assert libraries_among(names) == ["pytest", "wsgiref"]


@pytest.mark.parametrize("place", ["mailbox.py", "mailbox/__init__.py"])
def test_a_local_module_hides_a_library(folder: Path, place: str) -> None:
    assert hidden_library(["mailbox"], are_loaded=False) is None
    (folder / "other.py").touch()
    (folder / "mailbox").mkdir()  # a folder alone hides nothing
    assert hidden_library(["mailbox"], are_loaded=False) is None
    (folder / place).touch()
    forget_places()
    told = "`mailbox` is a local module now, which hides the library"
    assert hidden_library(["pytest", "mailbox"], are_loaded=False) == told
    assert module_news({"libraries": ["mailbox"]}) == told


def test_one_that_stands_behind_the_library_hides_nothing(folder: Path) -> None:
    sys.path[:] = [*sys.path[1:], ""]
    (folder / "mailbox.py").touch()
    assert hidden_library(["mailbox"], are_loaded=False) is None


def test_what_is_loaded_already_stays_what_it_is(folder: Path) -> None:
    (folder / "json.py").touch()
    forget_places()
    assert hidden_library(["json"], are_loaded=True) is None
    assert hidden_library(["json"], are_loaded=False) is not None
