"""What looks alike must differ, and what is the same must agree, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbcache.errors import NotFingerprintable
from nbcache.heap.walk import Walk
from nbcache.replay.codec import dump, load

TWINS = [
    ("1", "True"),
    ("1", "1.0"),
    ("0.0", "-0.0"),
    ("'1'", "1"),
    ("'a'", "b'a'"),
    ("b'a'", "bytearray(b'a')"),
    ("[1, 2]", "(1, 2)"),
    ("[1, 2]", "[2, 1]"),
    ("[[1], 2]", "[1, [2]]"),
    ("[[1, 2]]", "[[1], [2]]"),
    ("['ab', 'c']", "['a', 'bc']"),
    ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    ("{1, 2}", "frozenset({1, 2})"),
    ("{1, 2}", "{1: None, 2: None}"),
    ("{1}", "{True}"),
    ("None", "'None'"),
    ("()", "[]"),
    ("float('nan')", "float('inf')"),
    ("10 ** 30", "1e30"),
    ("range(3)", "[0, 1, 2]"),
    ("range(0, 3)", "range(0, 4)"),
    ("slice(1, 2)", "range(1, 2)"),
    ("(lambda: 1)", "(lambda: 2)"),
    ("(lambda x=1: x)", "(lambda x=2: x)"),
    ("shared([1])", "[[1], [1]]"),
    ("np.arange(3)", "np.arange(3.)"),
    ("np.arange(3)", "[0, 1, 2]"),
    ("np.arange(6).reshape(2, 3)", "np.arange(6).reshape(3, 2)"),
    ("np.arange(6)", "np.arange(6).reshape(1, 6)"),
    ("np.ones((2, 2))", "np.asfortranarray(np.ones((2, 2)))"),
    ("np.arange(3, dtype='<i4')", "np.arange(3, dtype='>i4')"),
    ("np.zeros(2, 'M8[s]')", "np.zeros(2, 'M8[ms]')"),
    ("np.float32(1)", "np.float64(1)"),
    ("np.float64(1)", "1.0"),
    ("np.array(['a'])", "np.array(['a'], dtype=object)"),
    ("np.array([1, 'a'], dtype=object)", "np.array(['1', 'a'], dtype=object)"),
    ("np.zeros(2, [('a', 'i4')])", "np.zeros(2, [('b', 'i4')])"),
    ("np.ma.array([1, 2], mask=[0, 1])", "np.ma.array([1, 2], mask=[1, 0])"),
    ("locked(np.ones(2))", "np.ones(2)"),
    ("views(np.arange(4))", "[np.arange(4), np.arange(4)[::2].copy()]"),
    ("pd.DataFrame({'a': [1]})", "pd.DataFrame({'b': [1]})"),
    ("pd.DataFrame({'a': [1], 'b': [2]})", "pd.DataFrame({'b': [2], 'a': [1]})"),
    ("pd.DataFrame({'a': [1]})", "pd.DataFrame({'a': [1.0]})"),
    ("pd.DataFrame({'a': [1]})", "pd.DataFrame({'a': [1]}, index=[1])"),
    ("pd.DataFrame({'a': ['x']}, dtype='string')", "pd.DataFrame({'a': ['x']}, dtype=object)"),
    ("pd.Series([1], name='a')", "pd.Series([1], name='b')"),
    ("pd.Series([1, None])", "pd.Series([1, None], dtype='Int64')"),
    ("pd.Series(['a', 'b'], dtype='category')", "pd.Series(['a', 'b'])"),
    ("pd.Categorical(['a'], ['a', 'b'])", "pd.Categorical(['a'], ['a'])"),
    ("pd.Index([1, 2])", "pd.RangeIndex(1, 3)"),
    ("pd.Timestamp(0, tz='UTC')", "pd.Timestamp(0)"),
    (
        "pd.date_range('2020', periods=3)",
        "pd.DatetimeIndex(list(pd.date_range('2020', periods=3)))",
    ),
    ("attrs(pd.DataFrame({'a': [1]}))", "pd.DataFrame({'a': [1]})"),
    ("pl.DataFrame({'a': [1]})", "pl.DataFrame({'a': [1.0]})"),
    ("pl.DataFrame({'a': [1, None]})", "pl.DataFrame({'a': [1, 0]})"),
    ("pl.Series('a', ['x', None])", "pl.Series('a', ['x', ''])"),
    ("pa.table({'a': [1]})", "pa.table({'a': ['1']})"),
    ("pa.array([1, None])", "pa.array([1, 0])"),
    ("Point(1, 2)", "Point(1, 3)"),
    ("Point(1, 2)", "Other(1, 2)"),
    ("Point(1, 2)", "Point(2, 1)"),
    ("Slotted(1)", "Slotted(2)"),
    ("collections.OrderedDict(a=1)", "dict(a=1)"),
    ("collections.Counter('aab')", "dict(a=2, b=1)"),
    ("collections.defaultdict(list)", "collections.defaultdict(dict)"),
    ("collections.deque([1], 3)", "collections.deque([1], 4)"),
    ("datetime.date(2020, 1, 1)", "datetime.datetime(2020, 1, 1)"),
    ("decimal.Decimal('1.0')", "decimal.Decimal('1.00')"),
    ("pathlib.PurePosixPath('a')", "'a'"),
    ("re.compile('a')", "re.compile('a', re.I)"),
    ("random.Random(1)", "random.Random(2)"),
    ("np.random.default_rng(1)", "np.random.default_rng(2)"),
    ("functools.partial(max, 1)", "functools.partial(min, 1)"),
    ("[].append", "[1].append"),
    ("len", "sum"),
    ("int", "float"),
    ("ValueError('a')", "ValueError('b')"),
    ("sp.csr_matrix(np.eye(2))", "sp.csc_matrix(np.eye(2))"),
    ("array.array('i', [1])", "array.array('l', [1])"),
    ("io.StringIO('a')", "io.StringIO('b')"),
    ("types.SimpleNamespace(a=1)", "types.SimpleNamespace(a=2)"),
    ("Color.RED", "Color.BLUE"),
    ("Color.RED", "1"),
    ("moved(collections.OrderedDict(a=1, b=2))", "collections.OrderedDict(a=1, b=2)"),
    ("called(functools.lru_cache(len_of))", "functools.lru_cache(len_of)"),
    ("np.arange(6).reshape(2, 3)[:, ::2].T", "np.arange(6).reshape(2, 3)[:, ::2].T.copy()"),
    ("np.zeros((2, 3, 4)).transpose(1, 0, 2).copy('K')", "np.zeros((3, 2, 4))"),
    ("np.ma.array([1], hard_mask=True)", "np.ma.array([1], hard_mask=False)"),
    ("np.array(['a'], np.dtypes.StringDType())", "np.array(['b'], np.dtypes.StringDType())"),
    ("types.MappingProxyType({'a': 1})", "types.MappingProxyType({'a': 2})"),
    ("Tagged('a', 1)", "Tagged('a', 2)"),
    ("Tagged('a', 1)", "'a'"),
    ("Listed([1])", "[1]"),
    ("typing.NewType('U', int)", "typing.NewType('U', str)"),
    ("named(lambda: 1, 'f')", "named(lambda: 1, 'g')"),
    ("named(type('K', (), {}), 'A')", "named(type('K', (), {}), 'B')"),
    ("abstract(True)", "abstract(False)"),
    ("caused(ValueError('a'), KeyError(1))", "ValueError('a')"),
    ("OSError(1, 'a', 'f')", "OSError(1, 'a', 'g')"),
    ("pd.Index([1], name='a')", "pd.Index([1], name='b')"),
    ("noted(pd.Series([1]))", "pd.Series([1])"),
    ("np.array([1, 2], 'g')", "np.array([1, 3], 'g')"),
    ("np.array([1, 2], 'G')", "np.array([1, 2j], 'G')"),
    ("np.longdouble(1)", "np.longdouble(1) + np.finfo('g').eps"),
    ("sp.dok_matrix([[1.0]])", "sp.dok_matrix([[2.0]])"),
    ("[1.0, np.nan, np.nan]", "[1.0, float('nan'), np.nan]"),
    ("[{np.nan, 'a'}]", "[{float('nan'), 'a'}]"),
    ("functools.partial(max, key=len)", "functools.partial(max, key=abs)"),
    ("two_slots(1, 2)", "two_slots(2, 1)"),
    ("held(Point(1, 2))", "apart(Point(1, 2))"),
    ("weakref.WeakValueDictionary(a=Point)", "weakref.WeakValueDictionary(a=Other)"),
]

COUSINS = [
    ("[1, 2]", "list((1, 2))"),
    ("'ab' * 3", "'ababab'"),
    ("[float('nan'), 1.0]", "[float('nan') * 2, 1.0]"),
    ("long_double(1.5, 1)", "long_double(1.5, 255)"),
    ("[long_double(1.5, 1) for _ in range(9)]", "[long_double(1.5, 7) for _ in range(9)]"),
    ("long_double(1.5, 1)[0]", "long_double(1.5, 9)[0]"),
    ("long_double(1.5, 1).reshape(1, 1) * 1j", "long_double(1.5, 9).reshape(1, 1) * 1j"),
    ("['x' + str(1)] * 2", "['x1', 'x' + str(1)]"),
    ("[(1, 2), (1, 2)]", "twice((1, 2))"),
    ("{'b', 'a', 'c'}", "{'c', 'b', 'a'}"),
    ("{1: 'a', 2: 'b'}", "dict([(1, 'a'), (2, 'b')])"),
    ("np.arange(4)[::2].copy()", "np.array([0, 2])"),
    ("np.arange(3)", "np.array([0, 1, 2])"),
    (
        "pd.DataFrame({'a': [1, 2], 'b': [3, 4]})",
        "pd.DataFrame([[1, 3], [2, 4]], columns=['a', 'b'])",
    ),
    ("pd.concat([pd.DataFrame({'a': [1]})] * 2)", "pd.DataFrame({'a': [1, 1]}, index=[0, 0])"),
    ("pl.concat([pl.DataFrame({'a': [1]})] * 2)", "pl.DataFrame({'a': [1, 1]})"),
    ("pa.chunked_array([[1], [2]])", "pa.chunked_array([[1, 2]])"),
    ("pa.array([9, 1, 2])[1:]", "pa.array([1, 2]).slice(0)"),
    ("(lambda x: x + 1)", "(lambda x: x  +  1)"),
    ("Point(1, 2)", "Point(x=1, y=2)"),
    ("collections.Counter('aab')", "collections.Counter({'a': 2, 'b': 1})"),
]

PRELUDE = """
import abc, array, collections, datetime, decimal, enum, functools, io, pathlib, random, re, types
import typing, weakref
import numpy as np, pandas as pd, polars as pl, pyarrow as pa, scipy.sparse as sp
class Point:
    def __init__(self, x, y): self.x, self.y = x, y
class Other(Point): pass
class Slotted:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
class Color(enum.Enum):
    RED = 1
    BLUE = 2
def long_double(x, junk):
    made = np.array([x], "g")
    if np.finfo("g").nmant == 63: made.view("u1")[10:] = junk
    return made
def begun():
    g = iter(i for i in [1]); next(g); return g
def shared(x): return [x, x]
def twice(x): return [x, x]
def views(x): return [x, x[::2]]
def locked(x): x.flags.writeable = False; return x
def attrs(x): x.attrs["k"] = 1; return x
class Tagged(str):
    def __new__(cls, text, tag): made = super().__new__(cls, text); made.tag = tag; return made
class Listed(list): pass
class Below: __slots__ = ("x",)
class Above(Below): __slots__ = ("x",)
def two_slots(a, b): made = Above(); made.x = a; Below.x.__set__(made, b); return made
def len_of(x): return len(x)
def called(f): f("a"); return f
def moved(x): x.move_to_end("a"); return x
def named(x, name): x.__name__ = name; return x
def caused(x, cause): x.__cause__ = cause; return x
def noted(x): object.__setattr__(x, "note", 1); return x
def held(x): return [x, vars(x)]
def apart(x): return [x, dict(vars(x))]
def abstract(registered):
    kind = abc.ABCMeta("Kind", (), {"__module__": "__main__"})
    if registered: kind.register(Point)
    return kind
"""

VALUES = sorted({expression for pair in [*TWINS, *COUSINS] for expression in pair})


def namespace() -> dict[str, Any]:
    """Return a namespace that holds what the expressions name."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(PRELUDE, names)
    return names


def fingerprint(expression: str, names: dict[str, Any]) -> bytes:
    """Return the fingerprint of an expression's value."""
    return Walk(names).fingerprint("value", eval(expression, names))


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """One namespace for all values of this module."""
    return namespace()


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_differ(one: str, other: str, names: dict[str, Any]) -> None:
    """Values that a cell can tell apart never share a fingerprint."""
    assert fingerprint(one, names) != fingerprint(other, names)


@pytest.mark.parametrize(("one", "other"), COUSINS)
def test_cousins_agree(one: str, other: str, names: dict[str, Any]) -> None:
    """Values that differ only in how they came to be share a fingerprint."""
    assert fingerprint(one, names) == fingerprint(other, names)


@pytest.mark.parametrize("expression", VALUES)
def test_fingerprint_survives_storing(expression: str, names: dict[str, Any]) -> None:
    """A value that was stored and restored has the fingerprint that it had."""
    value = eval(expression, names)
    walk = Walk(names)
    for name in ("Point", "Other", "Slotted", "Color", "Tagged", "Listed", "Above", "len_of"):
        walk.need(name)
    walk.run()
    body = dump({"value": value}, walk)
    again = load(body, walk)["value"]
    before = Walk(names).fingerprint("value", value)
    assert Walk(names).fingerprint("value", again) == before


def all_fingerprints() -> dict[str, str]:
    """Return every value's fingerprint in this process."""
    names = namespace()
    return {expression: fingerprint(expression, names).hex() for expression in VALUES}


def test_fingerprints_hold_in_another_process() -> None:
    """Another process with another hash seed computes the same fingerprints."""
    script = (
        "import json; from test_fingerprints import all_fingerprints;"
        "print(json.dumps(all_fingerprints()))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=Path(__file__).resolve().parent,
        env={**os.environ, "PYTHONHASHSEED": "99"},
        capture_output=True,
        text=True,
        check=True,
    )
    import json

    there, here = json.loads(done.stdout), all_fingerprints()
    assert {name for name in VALUES if there[name] != here[name]} == set()


@pytest.mark.parametrize(
    "expression",
    ["begun()", "open('/dev/null')", "__import__('socket').socket()"],
)
def test_what_has_no_fingerprint_is_refused(expression: str, names: dict[str, Any]) -> None:
    """A value without a fingerprint raises and names its type; there is no placeholder."""
    names = {**names, "bad": [{"k": eval(expression, names)}]}
    walk = Walk(names)
    walk.need("bad")
    with pytest.raises(NotFingerprintable, match=r"bad\[0\]\['k'\]"):
        walk.run()
    getattr(names["bad"][0]["k"], "close", lambda: None)()


def test_two_indistinguishable_set_members_are_refused() -> None:
    """A set that holds two alike mutable objects has no canonical order, so it is refused."""
    names = namespace()
    names["bad"] = {names["Point"](1, 2), names["Point"](1, 2)}
    walk = Walk(names)
    walk.need("bad")
    with pytest.raises(NotFingerprintable, match="told apart"):
        walk.run()
