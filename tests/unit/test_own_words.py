"""Words of texts count where a library in reach may look for variables, else not."""

from __future__ import annotations

import fractions
import sys
import types
from typing import Any

import pytest
from replaying import Notebook


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def inputs(text: str, **variables: Any) -> set[str]:
    """The inputs that a cell's key is made of."""
    notebook = Notebook()
    notebook.user_ns.update(variables)
    return set(notebook.read(text).walk.roots)


def test_words_of_what_the_cell_binds_are_left_out() -> None:
    """Only those, and only where the cell reads them by texts alone."""
    table = {"x": 1, "y": 2}
    assert inputs("x = table['x'] + len('y')", table=table, x=5, y=6) == {"table"}
    assert "y" in inputs("x = table.get('y')", table=table, x=5, y=6)
    assert "x" in inputs("x = table.get('x', x)", table=table, x=5)
    assert "x" in inputs("x = eval('x')", x=5)


def test_a_library_that_nobody_knows_may_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of Python's own does not."""
    assert inputs("x = lib.gcd('x')", lib=fractions, x=5) == {"lib"}
    unknown = types.ModuleType("unknown_library")
    monkeypatch.setitem(sys.modules, "unknown_library", unknown)
    assert "x" in inputs("x = lib.get('x')", lib=unknown, x=5)
    assert "x" in inputs("import unknown_library as lib\nx = lib.get('x')", x=5)
