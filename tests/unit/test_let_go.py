"""What was restored is held by nobody but the notebook: it dies when the notebook lets it go."""

from __future__ import annotations

import collections
import gc
import sys
import weakref

import pytest

from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load


@pytest.fixture
def _no_collections():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collections")
def test_restored_values_are_held_once():
    """Without any collection, an object goes with its last name, and a list is held by its own."""
    rows = [{"i": number, "held": [number]} for number in range(500)]
    made = {"one": collections.UserDict(x=1), "rows": rows}
    body = dump({"bind": {"value": made}, "patches": []}, Walk({}))
    restored = load(body, Walk({}))["bind"]["value"]
    rows = restored.pop("rows")
    watched = weakref.ref(restored["one"])
    del restored
    assert watched() is None
    other = list(rows)
    assert sys.getrefcount(rows) == sys.getrefcount(other)
    assert not gc.isenabled()


def test_collections_go_on_after_a_restore():
    """Restoring a large tree puts collections off, and only until it is done."""
    rows = [[number, [number]] for number in range(50_000)]
    body = dump({"bind": {"value": rows}, "patches": []}, Walk({}))
    del rows
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    load(body, Walk({}))
    assert gc.get_stats()[0]["collections"] - before < 10
    assert gc.isenabled()
