"""Which objects two lists hold, and which ordinal each object of a walk has."""

from __future__ import annotations

import gc
import random
import sys
import weakref
from typing import Any

import pytest

from nbcache.heap import identity, unseen
from nbcache.heap.identity import FEW, is_same
from nbcache.heap.ordinals import LARGE, Ordinals
from nbcache.heap.walk import Walk


class Greedy:
    """Says that it equals everything."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("nobody asks for equality")

    __hash__ = object.__hash__


@pytest.fixture(params=["by address", "one by one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare in both ways, whatever this interpreter can do."""
    if request.param == "one by one":
        monkeypatch.setattr(identity, "reader", lambda: None)
    elif identity.reader() is None:
        pytest.skip("lists have another layout here")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 5000])
def test_lists_are_the_same_by_identity_alone(count: int) -> None:
    """Two lists are the same if they hold the same objects in order, whatever those say."""
    values: list[Any] = [Greedy() for _ in range(count)]
    assert is_same(values, list(values))
    for place in {0, count // 2, count - 1} if count else ():
        other = list(values)
        other[place] = Greedy()
        assert not is_same(values, other)
        del other[place]
        assert not is_same(values, other)
    if count > 1:
        assert not is_same(values, values[::-1])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("has_numpy", [True, False])
def test_ordinals_follow_the_order_of_first_meeting(
    has_numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every object has the ordinal of its first meeting, in groups of any size and mixture."""
    if not has_numpy:
        monkeypatch.setitem(sys.modules, "numpy", None)
    for seed in range(20):
        rng = random.Random(seed)
        ordinals, expected, alive = Ordinals(), dict[int, int](), list[Any]()
        for _ in range(rng.randint(1, 8)):
            fresh: list[Any] = [Greedy() for _ in range(rng.choice((1, 40, LARGE + 1, 2000)))]
            known = rng.choices(alive, k=rng.choice((0, 0, 3))) if alive else []
            twice = rng.choices(fresh, k=rng.choice((0, 0, 2)))
            objects = [*fresh, *known, *twice]
            rng.shuffle(objects)
            for obj in objects:
                expected.setdefault(id(obj), len(expected))
            assert list(ordinals.add_all(objects)) == [expected[id(obj)] for obj in objects]
            alive += fresh
            if rng.random() < 0.3:
                alive.append(single := Greedy())
                expected[id(single)] = len(expected)
                assert ordinals.add(single) == expected[id(single)]
            assert ordinals.find(id(rng)) is None
        asked = rng.sample(alive, min(50, len(alive)))
        assert [ordinals.place_of(obj) for obj in asked] == [expected[id(obj)] for obj in asked]
        half = len(ordinals.objects) // 2
        gone, kept = ordinals.objects[half:], ordinals.objects[:half]
        ordinals.forget_after(half)
        assert {ordinals.place_of(obj) for obj in gone} <= {-1}
        assert [ordinals.place_of(obj) for obj in kept] == list(range(half))


def test_the_collector_does_not_look_through_what_a_walk_holds() -> None:
    """No long list of a walk is on the garbage collector's books, and all go with the walk."""
    values = [[Greedy(), float(number)] for number in range(2 * unseen.LONG)]
    walk = Walk({"values": values})
    walk.need("values")
    walk.run()
    holders = [one for one in gc.get_referrers(values[7]) if type(one) is list]
    assert all(one is values for one in holders)
    assert not gc.is_tracked(walk.objects)
    assert walk.changed() == {}
    watched = weakref.ref(values[7][0])
    del values, holders, walk
    assert watched() is None
