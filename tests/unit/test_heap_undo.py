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
from nbcache.replay.undoing import all_or_nothing

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
        "effects": {},
        "annotations": {},
    }
    with pytest.raises(CacheError, match="could not be repeated"), change(values, names, walk):
        pass
    assert notebook.values(["array", "view", "alias", "listed is alias", "last"]) == [
        "array([0, 1, 2])",
        "array([1, 2])",
        "[1, 2]",
        "True",
        "{'k': 1}",
    ]
    assert "new" not in names


def test_what_cannot_be_taken_back_is_no_common_miss() -> None:
    """An object that stays half changed fails loudly, and the others get their contents back."""
    listed = [1, 2]
    with (
        pytest.raises(RuntimeError, match=r"neither repeated nor taken back .object: "),
        all_or_nothing([(object(), None), (listed, [1])], []),
    ):
        raise NotReplayable("does not let go of `b`")
    assert listed == [1]


def test_what_fails_after_the_changes_takes_them_back() -> None:
    """Names and objects are as they were when the ambient state can't be set."""
    notebook = Notebook()
    notebook.run("listed, gone, bound = [1], 2, 3")
    names = notebook.user_ns
    walk = notebook.read("listed").walk
    values = {
        "patches": [(walk.ordinal(names["listed"]), [1, 2])],
        "bind": {"new": 1, "bound": 4},
        "delete": ["gone"],
        "effects": {"environment": {}},
        "annotations": {"bound": "int"},
    }
    with pytest.raises(CacheError, match="new and bound: 1, 4"), change(values, names, walk):
        raise OSError("new and bound: {new}, {bound}".format(**names))
    assert notebook.values(["listed", "gone", "bound"]) == ["[1]", "2", "3"]
    assert "new" not in names
    assert "__annotations__" not in names


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
