"""Cells that need no watching, and all that looks like them."""

from __future__ import annotations

import ast
import sys
from types import SimpleNamespace

import pytest

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
"""
"""One a line: ``n`` is an int, ``text`` a str."""

WATCHED = """
x = f()
x = [i for i in range(3)]
x = f'{n}'
x = obj
x = obj + 1
obj = 1
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
    values = {"n": 2, "text": "t", "obj": Dropped(), "o": [0], "items": [1], "big": True}
    given = {
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
def no_tracing(monkeypatch):
    """Let no coverage or profiler of the test run stand in the way."""
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    if hasattr(sys, "monitoring"):
        monkeypatch.setattr(sys.monitoring, "get_tool", lambda _: None)


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


def test_company(monkeypatch) -> None:
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
    with monkeypatch.context() as patched:
        patched.setattr(sys, "gettrace", lambda: test_company)
        assert not runs_still(code, shell())
