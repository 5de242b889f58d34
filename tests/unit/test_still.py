"""Cells that need no watching, and all that looks like them."""

from __future__ import annotations

import ast
import io
import sys
import threading
from types import SimpleNamespace

import pytest
from ipykernel import iostream

from nbcache.replay import stillness
from nbcache.replay.stillness import runs_still

STILL = """
x = 1
x = -1.5 + 2j ** 3
x = 'a' 'b' * 3
x = None
x = n + n % 2 if n > 1 and not text else text
x = [1, (2, 'a'), {'k': [n]}]; y = x
n = 5; m = n; n = 'other'
n += 1
k = 1; k <<= 2
pass
x = text < 'a' < 'b'
x = len('ab') + abs(-n) + round(2.5)
x = [i * n for i in range(3) if i]; y = sum(x)
x = [[i * j for j in range(i)] for i in range(n)]
x = sorted([3, 1]); y = max(1, n); z = list('ab')
print('hello', n, [n]); print()
items = 1
"""
"""One a line: ``n`` is an int, ``text`` a str."""

WATCHED = """
x = f()
print(n, file=o)
print(*items)
print(obj)
n(1)
x = len(obj)
x = len(items)
x = sorted([1], key=f)
x = sum([obj])
x = str(obj)
x = open('f')
x = input()
len([1])
x = sum([1]) + 1
x = [i for i in items]
x = [f(i) for i in range(3)]
x = [i for i in range(3) if obj]
x = [i for i in range(3) for j in range(3)]
x = [(y := i) for i in range(3)]
x = [range(3) for range in range(3)]
x = {i for i in range(3)}
x = f'{n}'
x = obj
x = obj + 1
obj = 1
held = 1
x = n.real
x = 'a'[0]
x = missing
n
x: int = 1
x, y = 1, 2
x = y = 1
x = *[1],
x = {**{}}
x = {obj: 1}
x = {1, 2}
x = lambda: 1
def f(): pass
import os
del n
items += [1]
x = [1]; x += [2]
x = (z := 1)
x = n is 1
x = n in [1]
x = ~True
x = b'a'
x = ...
x = n @ n
_ = 1
__builtins__ = 1
sum = 1
hidden = 1
raise n
if n: x = 1
for x in 'ab': pass
o.x = 1
o[0] = 1
global x
"""


class Dropped:
    """A value whose end runs code."""

    def __del__(self) -> None:
        """Do what nobody sees."""


def shell(**others) -> SimpleNamespace:
    """Return as much of a shell as is looked at."""
    values = {
        "n": 2,
        "text": "t",
        "obj": Dropped(),
        "o": [0],
        "items": [1, "a"],
        "held": [Dropped()],
        "big": True,
    }
    given: dict = {
        "user_ns": values,
        "user_global_ns": values,
        "user_ns_hidden": {"hidden": 1},
        "ast_node_interactivity": "last_expr",
        "events": SimpleNamespace(callbacks={"post_execute": [ast.parse]}),
    }
    given["events"].callbacks["post_execute"].clear()
    return SimpleNamespace(**{**given, **others})


def parsed(code: str) -> list[ast.stmt]:
    """Return the statements of a cell."""
    return ast.parse(code).body


@pytest.fixture(autouse=True)
def kernels_own(monkeypatch) -> SimpleNamespace:
    """Let the interpreter be a kernel's: no coverage or capture of the test run in the way."""
    stream = iostream.OutStream.__new__(iostream.OutStream)
    stream._local = threading.local()
    own = SimpleNamespace(
        stdout=stream, modules=sys.modules, gettrace=lambda: None, getprofile=lambda: None
    )
    monkeypatch.setattr(stillness, "sys", own)
    return own


@pytest.mark.parametrize("code", STILL.strip().splitlines())
def test_still(code: str) -> None:
    """A cell is still that binds names to plain values and to what operators make of them."""
    assert runs_still(parsed(code), shell())


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("code", WATCHED.strip().splitlines())
def test_watched(code: str) -> None:
    """A cell is watched that may run code of somebody's, bind what IPython or Python holds under
    a name, let go of an object with an end of its own, warn or show something."""
    assert not runs_still(parsed(code), shell())


def test_exact_types() -> None:
    """A value of a class derived from a plain one is not plain: its operators are its own."""

    class Own(int):
        def __add__(self, other: int) -> int:
            return 1

    values = {"n": Own(1)}
    held = shell(user_ns=values, user_global_ns=values)
    assert not runs_still(parsed("x = n"), held)
    assert not runs_still(parsed("n = 1"), held)


def test_pythons_own(monkeypatch, kernels_own) -> None:
    """Python's functions count only as long as nobody put another one in their place, and what is
    printed only goes to the front end."""
    for code in ("x = len('ab')", "print(1)"):
        name = "len" if "len" in code else "print"
        assert runs_still(parsed(code), shell())
        own = {name: lambda _: 1}
        assert not runs_still(parsed(code), shell(user_ns=own, user_global_ns=own))
        other = {"__builtins__": {name: print}}
        assert not runs_still(parsed(code), shell(user_ns=other, user_global_ns=other))
        with monkeypatch.context() as patched:
            patched.setattr(f"builtins.{name}", lambda _: 1)
            assert not runs_still(parsed(code), shell())
    kernels_own.stdout.write = kernels_own.stdout.write  # as IPython leaves it
    assert runs_still(parsed("print(1)"), shell())
    kernels_own.stdout.write = lambda _: 1
    assert not runs_still(parsed("print(1)"), shell())
    kernels_own.stdout = io.StringIO()
    assert not runs_still(parsed("print(1)"), shell())


def test_company(monkeypatch, kernels_own) -> None:
    """A still cell is watched all the same where others may run with it: hooks of the user's,
    tracing, results of every statement, figures that are shown after it, another namespace."""
    code = parsed("x = 1")
    assert runs_still(code, shell())
    hooked = shell(events=SimpleNamespace(callbacks={"post_execute": [test_company]}))
    assert not runs_still(code, hooked)
    assert not runs_still(code, shell(ast_node_interactivity="last_expr_or_assign"))
    assert not runs_still(code, shell(user_global_ns={}))
    figures = SimpleNamespace(Gcf=SimpleNamespace(figs={1: "a figure"}))
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "matplotlib._pylab_helpers", figures)
        assert not runs_still(code, shell())
    kernels_own.gettrace = lambda: test_company
    assert not runs_still(code, shell())
