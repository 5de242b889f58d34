"""What libraries keep: referred to once a stream, and brought along where a run had it made."""

from __future__ import annotations

import os
import sys
import sysconfig
import types
from collections.abc import Callable
from typing import Any

import pytest

from nbcache.entry import Body
from nbcache.errors import CacheError
from nbcache.heap.walk import Walk
from nbcache.replay import library_objects
from nbcache.replay.codec import dump, load
from nbcache.replay.made import keep

NAME = "shapes_of_a_library"
TEXT = """
class Circle:
    def __init__(self):
        self.points = [(0, 1), (1, 0)]
class Shapes:
    _circle = None
    @classmethod
    def circle(cls):
        if cls._circle is None:
            cls._circle = Circle()
        return cls._circle
"""


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return what loads the library anew, as another kernel would."""

    def loaded() -> Any:
        module = types.ModuleType(NAME)
        module.__file__ = os.path.join(sysconfig.get_path("purelib"), f"{NAME}.py")
        exec(TEXT, vars(module))
        monkeypatch.setitem(sys.modules, NAME, module)
        return module

    return loaded


def recorded(bound: list[Any]) -> Body:
    """Return the stream of a run that bound ``a``."""
    values = {"bind": {"a": bound}, "delete": [], "patches": [], "result": [], "effects": {}}
    return dump(values, Walk({}))


def test_a_late_made_object_comes_along_to_a_kernel_where_nobody_asked_for_it(library) -> None:
    """A hit leaves in the library's place what the run had it make, and refers to that."""
    body = recorded([library().Shapes.circle()] * 3)
    shapes = library()
    values = load(body, Walk({}))
    assert shapes.Shapes._circle is None  # nothing is changed before the changes are applied
    keep(values["made"])
    keep(values["made"])  # twice is as good as once
    first, *others = values["bind"]["a"]
    assert shapes.Shapes.circle() is first
    assert type(first) is shapes.Circle
    assert first.points == [(0, 1), (1, 0)]
    assert all(one is first for one in others)


def test_a_library_that_made_it_already_keeps_its_own(library) -> None:
    """What is there and is the same is referred to; what is there and differs runs the cell."""
    body = recorded([library().Shapes.circle()])
    own = library().Shapes.circle()
    values = load(body, Walk({}))
    assert values["bind"]["a"][0] is own
    assert not values["made"]
    own.points.append(3)
    with pytest.raises(CacheError, match="holds something else"):
        load(body, Walk({}))


def test_what_a_library_keeps_in_several_places_is_not_brought_along(library) -> None:
    """An object that a library also keeps elsewhere has to be there: one place would not do."""
    for elsewhere in ("last", "seen"):
        shapes = library()
        kept = shapes.Shapes.circle()
        setattr(shapes, elsewhere, kept if elsewhere == "last" else {"circle": kept})
        del kept
        body = recorded([shapes.Shapes.circle()])
        library()
        with pytest.raises(CacheError, match=r"holds something else|has no attribute"):
            load(body, Walk({}))


def test_what_stands_often_in_a_stream_is_looked_at_once(
    library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred references to one object of a library cost one look a stream."""
    looks = []
    digest = library_objects.digest_variable

    def counted(*args: Any) -> str:
        looks.append(args)
        return digest(*args)

    monkeypatch.setattr(library_objects, "digest_variable", counted)
    shapes = library()
    recorded([shapes.Shapes.circle()])
    looks.clear()
    body = recorded([[shapes.Shapes.circle()] for _ in range(100)])
    assert len(looks) == 2  # it is written again, with what comes along
    load(body, Walk({}))
    assert len(looks) == 3
