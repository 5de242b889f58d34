"""Many objects at once prove what each of them alone proves: values, sharing and changes."""

from __future__ import annotations

import copy
import gc
import json
import os
import random
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load
from nbcache.replay.trees import find_tree, is_tree

PRELUDE = """
import collections, datetime, decimal, fractions, types
import numpy as np, pandas as pd
class Point:
    def __init__(self, x, y): self.x, self.y = x, y
class Slotted:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
class Both(Slotted):
    def __init__(self, x, y): super().__init__(x, y); self.z = [x]
class Loose:
    def __init__(self, n): self.__dict__.update({f"a{i}": i for i in range(n % 3)})
def day(i): return datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=i)
"""

GROUPS = {
    "lists": "[i, i + 1]",
    "lists of lists": "[[i], [[i]]]",
    "uneven lists": "[i] * (i % 4)",
    "dicts": "{'a': i, 'b': [i]}",
    "uneven dicts": "{j: i for j in range(i % 3)}",
    "dicts with odd keys": "{(1, i): i, None: 2.5}",
    "instances": "Point(i, [i])",
    "slots": "Slotted(i, str(i))",
    "dict and slots": "Both(i, -i)",
    "uneven instances": "Loose(i)",
    "tuples": "(i, str(i))",
    "tuples of lists": "(i, ([i], i))",
    "namespaces": "types.SimpleNamespace(a=i)",
    "sets": "{i, i + 1}",
    "sets of tuples": "{(i, 1), (2, i)}",
    "frozen sets": "frozenset({i, 'a'})",
    "mixed": "[i, str(i), [i], {'a': i}, None, (i,), Point(i, i)][i % 7]",
    "dates": "day(24 * i).date()",
    "datetimes": "day(i)",
    "aware datetimes": "day(i).replace(tzinfo=datetime.timezone.utc)",
    "differences": "datetime.timedelta(i)",
    "timestamps": "pd.Timestamp(i, tz='UTC')",
    "pandas differences": "pd.Timedelta(i)",
    "intervals": "pd.Interval(i, i + 1)",
    "decimals": "decimal.Decimal(i)",
    "fractions": "fractions.Fraction(i, 7)",
    "numpy floats": "np.float64(i)",
    "numpy kinds": "[np.int8(i), np.float32(i), np.bool_(i), np.datetime64(i, 's')][i % 4]",
    "arrays": "np.arange(i, i + 3)",
    "uneven arrays": "np.ones((i % 3, 2), order='CF'[i % 2])",
    "row views": "np.arange(100).reshape(50, 2)[i]",
    "text arrays": "np.array(['a', str(i)])",
    "object arrays": "np.array([i, [i]], dtype=object)",
    "default dicts": "collections.defaultdict(list, a=[i])",
    "classes": "[int, str, Point, dict][i % 4]",
    "not a number": "[float('nan'), -0.0, 0.0][i % 3]",
}
MANY = [f"[{one} for i in range(30)]" for one in GROUPS.values()]
OUTER = [
    "{str(i): [i, {i: 'x'}] for i in range(100)}",
    "pd.DataFrame({'a': [[i] for i in range(30)], 'b': [day(i) for i in range(30)]}, dtype=object)",
    "{(i, str(i)) for i in range(30)}",
    "collections.deque([[i] for i in range(30)])",
    "list(range(100))",
    "[i / 7 for i in range(100)]",
    "[i / 7 for i in range(100)] + [float('nan')]",
    "{str(i): [None, True, b'b', 1j, ...][i % 5] for i in range(100)}",
    "{str(i) for i in range(100)}",
    "collections.Counter(str(i) for i in range(100))",
    "[[i, [i]] for i in range(9)] + [{'a': 1}] * 12",
]


def names() -> dict[str, Any]:
    """Return a namespace that holds what the expressions name."""
    found: dict[str, Any] = {"__name__": "__main__"}
    exec(PRELUDE, found)
    return found


NAMES = names()


def fingerprint(value: Any) -> bytes:
    return Walk(NAMES).fingerprint("value", value)


@pytest.mark.parametrize("name", GROUPS)
def test_one_other_value_among_many_counts(name: str) -> None:
    """A group of which one member has another value has another fingerprint."""
    many = eval(f"[{GROUPS[name]} for i in range(30)]", NAMES)
    again = eval(f"[{GROUPS[name]} for i in range(30)]", NAMES)
    assert fingerprint(many) == fingerprint(again)
    other = eval(f"[{GROUPS[name]} for i in [*range(17), 40 + 3, *range(18, 30)]]", NAMES)
    assert fingerprint(other) != fingerprint(many)
    again[3], again[4] = again[4], again[3]
    assert fingerprint(again) != fingerprint(many)


@pytest.mark.parametrize("expression", [*MANY, *OUTER])
def test_many_survive_storing(expression: str) -> None:
    """Many values that were stored and restored have the fingerprint that they had."""
    value = eval(expression, NAMES)
    walk = Walk(NAMES)
    for name in ("Point", "Slotted", "Both", "Loose"):
        walk.need(name)
    walk.run()
    again = load(dump({"value": value}, walk), walk)["value"]
    assert fingerprint(again) == fingerprint(value)


def test_a_packed_container_stays_one() -> None:
    """A large flat list that is met twice is one list again, and another list stays another."""
    flat, nan = list(range(100)), float("nan")
    value = {"one": flat, "two": [flat], "three": list(flat), "nan": [nan] * 100, "held": nan}
    again = load(dump({"value": value}, Walk(NAMES)), Walk(NAMES))["value"]
    assert again["one"] is again["two"][0]
    assert again["one"] == again["three"]
    assert again["one"] is not again["three"]
    assert again["nan"][99] is again["nan"][0] is again["held"]


def plain_tree() -> list[dict[str, Any]]:
    """Return rows of plain values, in which nobody else holds anything."""
    return [{"id": i, "name": f"item {i}", "tags": [f"{i}"], "at": (i, [i])} for i in range(100)]


@pytest.mark.parametrize(
    ("harm", "packed"),
    [
        (lambda tree: None, True),
        (lambda tree: tree[3].update(at=(tree[3]["id"], 2)), True),
        (lambda tree: tree[3].update(at=(1, 2)), False),
        (lambda tree: tree[3].update(at=NAMES["Point"](1, 2)), False),
        (lambda tree: tree[3].update(at=float("nan")), False),
        (lambda tree: tree[3].update(at={1, 2}), False),
        (lambda tree: tree[3].update(tags=tree[4]["tags"]), False),
        (lambda tree: tree[3].update(at=tree[4]["at"]), False),
        (lambda tree: tree[3].update(at=tree), False),
    ],
)
def test_a_tree_is_packed_where_nobody_holds_a_part(harm: Any, packed: bool) -> None:
    """Plain trees are written as one; whatever refers into one, from inside too, stays as it is."""
    tree = plain_tree()
    harm(tree)
    assert is_tree(tree) == packed
    part = tree[7]["tags"]
    assert not is_tree(tree)
    for value in ({"tree": tree, "part": part}, {"part": part, "tree": tree}):
        walk = Walk(NAMES)
        walk.need("Point")
        walk.run()
        again = load(dump(value, walk), walk)
        assert again["tree"][7]["tags"] is again["part"]
        assert fingerprint(again) == fingerprint(value)
    del part, value
    again = load(dump({"tree": tree}, walk), walk)
    assert fingerprint(again["tree"]) == fingerprint(tree)


@pytest.mark.parametrize("kind", [list, dict])
def test_a_row_that_somebody_else_holds_stays_apart(kind: Any) -> None:
    """A loop leaves its last row in a variable: it is that row again, whichever comes first."""
    tree: Any = (
        plain_tree() if kind is list else {f"{i}": row for i, row in enumerate(plain_tree())}
    )
    last = tree[99] if kind is list else tree["99"]
    found = find_tree(tree)
    assert found is not None
    assert found[1] == ((99, last),)
    del found
    earlier = {"tags": ["earlier"]}
    walk = Walk({**NAMES, "earlier": earlier})
    walk.need("earlier")
    walk.run()
    tree[7 if kind is list else "7"] = earlier
    for value in ({"tree": tree, "last": last}, {"last": last, "tree": tree}):
        again = load(dump(value, walk), walk)
        rows = again["tree"] if kind is list else list(again["tree"].values())
        assert rows[99] is again["last"]
        assert rows[7] is earlier
        assert list(again["tree"]) == list(tree)
        assert fingerprint(again) == fingerprint(value)
    for harm in (tree, [last["tags"], {1}], NAMES["Point"](1, 2)):
        last["id"] = harm
        assert find_tree(tree) is None
    last["id"] = 5
    held = plain_tree()
    assert find_tree(held) == (held, ())
    many = held[:17]
    assert find_tree(held) is None
    del many


def test_an_earlier_part_of_a_tree_stays_the_earlier_one() -> None:
    """A new tree that holds an object of an earlier cell refers to it."""
    earlier = {"rows": [1, 2]}
    walk = Walk({"earlier": earlier})
    walk.need("earlier")
    walk.run()
    tree = plain_tree()
    tree[5]["tags"] = earlier["rows"]
    again = load(dump({"tree": tree}, walk), walk)["tree"]
    assert again[5]["tags"] is earlier["rows"]


def all_fingerprints() -> dict[str, str]:
    """Return every value's fingerprint in this process."""
    return {one: fingerprint(eval(one, NAMES)).hex() for one in [*MANY, *OUTER]}


def test_many_agree_in_another_process() -> None:
    """Another process with another hash seed computes the same fingerprints of groups."""
    script = "import json, test_heap_columns as t; print(json.dumps(t.all_fingerprints()))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=Path(__file__).resolve().parent,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == all_fingerprints()


CHANGES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "append": ("[i, i]", lambda one: one.append(1)),
    "assign an equal item": ("[i, 1000 + i]", lambda one: one.__setitem__(1, one[1] + 0.0)),
    "delete": ("[i, i]", lambda one: one.pop()),
    "put a key": ("{'a': i}", lambda one: one.update(b=1)),
    "order of keys": ("{'a': i, 'b': i}", lambda one: one.update(a=one.pop("a"))),
    "set an attribute": ("Point(i, i)", lambda one: setattr(one, "x", [1])),
    "add an attribute": ("Point(i, i)", lambda one: setattr(one, "z", 1)),
    "set a slot": ("Slotted(i, i)", lambda one: setattr(one, "x", "other")),
    "unset a slot": ("Slotted(i, i)", lambda one: delattr(one, "x")),
    "change the class": ("Point(i, i)", lambda one: setattr(one, "__class__", NAMES["Loose"])),
    "write an array": ("np.arange(i, i + 3)", lambda one: one.__setitem__(0, -1)),
    "reshape an array": ("np.arange(4)", lambda one: setattr(one, "shape", (2, 2))),
    "lock an array": ("np.arange(4)", lambda one: one.setflags(write=False)),
    "add to a set": ("{i}", lambda one: one.add("new")),
    "add to a set of tuples": ("{(i,)}", lambda one: one.add("new")),
    "write a record": (
        "[np.zeros(1, 'i4,i4')[0]]",
        lambda one: one[0].__setitem__(0, 9),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_exactly_the_changed_objects_show(name: str) -> None:
    """Of many alike objects those that a run changed show as changed, and no others."""
    expression, change = CHANGES[name]
    many = eval(f"[{expression} for i in range(40)]", NAMES)
    walk = Walk({**NAMES, "many": many})
    walk.need("many")
    walk.run()
    change(many[7])
    change(many[31])
    assert {id(walk.objects[place]) for place in walk.changed()} == {id(many[7]), id(many[31])}


def test_an_equal_value_is_no_change() -> None:
    """Assigning an equal value, as another object, changes nothing that a cell could see."""
    many = [[i, f"text {i}", (i, i)] for i in range(40)]
    walk = Walk({"many": many})
    walk.need("many")
    walk.run()
    for one in many:
        one[1], one[2] = "".join(["text ", one[1][5:]]), (*one[2],)
    assert walk.changed() == {}


def test_a_dict_that_somebody_takes_hold_of_shows() -> None:
    """An instance whose attribute dict is shared since the walk shows among its like."""
    many = [NAMES["Point"](i, i) for i in range(40)]
    walk = Walk({**NAMES, "many": many})
    walk.need("many")
    walk.run()
    held = vars(many[5])
    assert [walk.objects[place] for place in walk.changed()] == [many[5]]
    assert held == {"x": 5, "y": 5}


def test_a_walk_goes_with_its_last_reference() -> None:
    """A walk, and what it held, is freed at once, without the garbage collector."""
    many = [NAMES["Point"](i, [i]) for i in range(40)]
    walk = Walk({**NAMES, "many": many, "arrays": [np.ones(i) for i in range(40)]})
    walk.need("many")
    walk.need("arrays")
    walk.run()
    assert walk.changed() == {}
    seen = weakref.ref(walk), weakref.ref(many[3])
    gc.disable()
    try:
        del walk, many
        assert [reference() for reference in seen] == [None, None]
    finally:
        gc.enable()


def canonical(value: Any) -> str:
    """Return a text that is equal for two values just if no cell can tell them apart."""
    numbers: dict[int, int] = {}

    def tell(one: Any) -> str:
        kind = type(one).__name__
        if isinstance(one, tuple):
            return f"({','.join(map(tell, one))})"
        if not isinstance(one, (list, dict)):
            return f"{kind}:{one!r}"
        if id(one) in numbers:
            return f"#{numbers[id(one)]}"
        numbers[id(one)] = len(numbers)
        parts = one if isinstance(one, list) else [part for item in one.items() for part in item]
        return f"{kind}[{','.join(map(tell, parts))}]"

    return tell(value)


def tangled(seed: int, size: int) -> list[Any]:
    """Return lists, dicts and tuples that hold one another in a random way."""
    rng = random.Random(seed)
    leaves = [0, 1, True, 1.0, -0.0, 0.0, "", "a", b"a", None, "1"]
    pool: list[Any] = [[] for _ in range(size)] + [{} for _ in range(size)]
    for one in pool:
        for place in range(rng.choice([0, 1, 2, 3, 12])):
            part = rng.choice([rng.choice(leaves), rng.choice(pool), (rng.choice(pool), place)])
            if type(one) is list:
                one.append(part)
            else:
                one[rng.choice(["a", "b", place])] = part
    return pool


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(0, 10_000))
def test_fingerprints_tell_apart_what_an_oracle_tells_apart(
    seed: int, size: int, change: int
) -> None:
    """Two tangles of containers agree just if a walk object by object finds no difference."""
    one, other = tangled(seed, size), tangled(seed, size)
    assert fingerprint(one) == fingerprint(other) == fingerprint(copy.deepcopy(one))
    rng = random.Random(change)
    target = rng.choice(other[:size])
    target[:] = rng.choice([[1.0], [rng.choice(other)], target[::-1], [*target, True], [[]]])
    assert (fingerprint(one) == fingerprint(other)) == (canonical(one) == canonical(other))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(0, 10_000))
def test_changes_are_those_that_an_oracle_finds(seed: int, size: int, change: int) -> None:
    """After random changes just those containers show whose own items differ."""
    pool = tangled(seed, size)
    walk = Walk({"pool": pool})
    walk.need("pool")
    walk.run()
    before = {id(one): shallow(one) for one in pool}
    rng = random.Random(change)
    for one in rng.sample(pool, min(4, len(pool))):
        if type(one) is list:
            one[rng.randrange(len(one) + 1) :] = [rng.choice([1, "a", rng.choice(pool), [0]])]
        else:
            one[rng.choice("ab")] = rng.choice([1, rng.choice(pool), {}])
    kept = list(pool)
    moved = {id(one) for one in kept if shallow(one) != before[id(one)]}
    assert {id(walk.objects[place]) for place in walk.changed()} == moved


def shallow(container: Any) -> str:
    """Return what a container itself holds, with other containers by identity."""

    def name(part: Any) -> str:
        if type(part) is tuple:
            return f"({','.join(map(name, part))})"
        return f"#{id(part)}" if type(part) in (list, dict) else f"{type(part).__name__}{part!r}"

    parts = container if type(container) is list else [p for i in container.items() for p in i]
    return ",".join(map(name, parts))
