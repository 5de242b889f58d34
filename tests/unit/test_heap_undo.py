"""A hit that fails half-way leaves every live object as it was."""

from __future__ import annotations

import sys
from typing import ClassVar

import pytest
from replaying import Notebook

from nbcache.errors import CacheError, NotReplayable
from nbcache.heap.kinds.forgotten import replace_state
from nbcache.heap.registry import kind_of
from nbcache.replay.replaying import change

SET_UP = """
import numpy as np
array, listed, last = np.arange(3), [1, 2], {'k': 1}
alias, view = listed, array[1:]
"""


def test_a_failed_change_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays and containers that were patched already get their contents back, in place."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    notebook = Notebook()
    notebook.run(SET_UP)
    walk = notebook.read("(array, listed, last)").walk
    notebook.run("import copy\nother = array + 7")
    names = notebook.user_ns
    places = [walk.ordinal(names[name]) for name in ("array", "listed", "last")]
    states = [kind_of(type(names["other"])).state(names["other"]), [3], "no dict"]
    values = {
        "patches": list(zip(places, states, strict=True)),
        "bind": {"new": 1},
        "delete": [],
        "annotations": {},
    }
    with pytest.raises(CacheError, match="could not be repeated"):
        change(values, names, walk)
    assert notebook.values(["array", "view", "alias", "listed is alias", "last"]) == [
        "array([0, 1, 2])",
        "array([1, 2])",
        "[1, 2]",
        "True",
        "{'k': 1}",
    ]
    assert "new" not in names


class KeepsAside:
    """Keeps values in a table beside it, and takes a state by adding to that."""

    table: ClassVar[dict[int, dict[str, int]]] = {}

    def __getstate__(self) -> dict[str, int]:
        return dict(self.table.get(id(self), {}))

    def __setstate__(self, state: dict[str, int]) -> None:
        self.table.setdefault(id(self), {}).update(state)
        state.clear()  # as classes do that take a state apart


def test_what_a_class_does_not_let_go_of_fails() -> None:
    """A state with less than before is refused where the class can only add to what it keeps."""
    one = KeepsAside()
    one.__setstate__({"a": 1})
    replace_state(one, {"a": 2, "b": 3})
    assert one.__getstate__() == {"a": 2, "b": 3}
    with pytest.raises(NotReplayable, match="does not let go of `b`"):
        replace_state(one, {"a": 2})
