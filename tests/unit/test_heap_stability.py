"""A walk sees no change where nothing changed, and its ordinals never depend on reading."""

from __future__ import annotations

import sys

import pytest
from heap_cases import CASES
from replaying import Notebook

from nbcache.errors import NotFingerprintable
from nbcache.heap.walk import Walk

SETUPS = sorted({setup for _, setup, _, _ in CASES if setup})


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back the real ``__main__`` after each test."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def walk_all(notebook: Notebook) -> Walk:
    """Walk every variable of a notebook."""
    walk = Walk(notebook.user_ns)
    for name in list(notebook.user_ns):
        if not name.startswith("__"):
            walk.need(name)
    walk.run()
    return walk


@pytest.mark.parametrize("setup", SETUPS, ids=range(len(SETUPS)))
def test_unchanged_objects_never_appear_as_changed(setup: str) -> None:
    """Directly after a walk nothing has changed, nor after a second walk of the same values."""
    notebook = Notebook()
    notebook.run(setup)
    first = walk_all(notebook)
    assert {place: first.objects[place] for place in first.changed()} == {}
    second = walk_all(notebook)
    assert second.roots == first.roots
    assert [id(obj) for obj in second.objects] == [id(obj) for obj in first.objects]
    assert list(first.changed()) == []


@pytest.mark.parametrize("setup", SETUPS, ids=range(len(SETUPS)))
def test_reading_changes_nothing(setup: str) -> None:
    """Showing values, and storing and describing them, leaves every object as it was."""
    notebook = Notebook()
    notebook.run(setup)
    try:
        walk = walk_all(notebook)
    except NotFingerprintable:
        pytest.skip("has no fingerprint")
    for name, value in list(notebook.user_ns.items()):
        if not name.startswith("__"):
            notebook.values([f"(repr({name}), dir({name})) and 0"])
        del value
    assert [repr(walk.objects[place])[:80] for place in walk.changed()] == []
