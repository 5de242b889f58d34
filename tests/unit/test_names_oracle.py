"""Name analysis against the truth: generated cells that really run, and compiled code."""

from __future__ import annotations

import ast
import builtins
import contextlib
import types
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcache.cell.bytecode import code_reads
from nbcache.cell.names import Names, read_names
from nbcache.cell.scope import read_body

VARIABLES = ["a", "b", "c", "d"]
FUNCTIONS = ["f", "g"]
MISSING = object()


class Earlier(int):
    """A value that an earlier cell bound: never the same object as one that a cell makes."""


class OutOfFuel(BaseException):
    """A generated cell runs too long to be of interest."""


names = st.sampled_from(VARIABLES)
functions = st.sampled_from(FUNCTIONS)
everything = st.sampled_from(VARIABLES + FUNCTIONS)


@lru_cache
def expressions() -> st.SearchStrategy[str]:
    leaves = st.one_of(
        names,
        st.sampled_from(["1", "2", "0"]),
        functions.map("call({})".format),
        functions.map("hold({})".format),
        names.map("[{0} for {0} in (1, 2)][0]".format),
        st.tuples(names, names).map("[{0[0]} for {0[1]} in (1, 2)][-1]".format),
    )

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, inner).map("add({0[0]}, {0[1]})".format),
            st.tuples(names, inner).map("({0[0]} := {0[1]})".format),
            st.tuples(inner, inner).map("({0[0]} and {0[1]})".format),
            st.tuples(inner, inner).map("({0[0]} or {0[1]})".format),
            st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
            st.tuples(names, inner).map("call(lambda {0[0]}=1: add({0[0]}, {0[1]}))".format),
            st.tuples(names, inner).map("sum({0[1]} for {0[0]} in (1, 2))".format),
            st.tuples(inner, inner, inner).map("({0[0]} < {0[1]} < {0[2]})".format),
        )

    return st.recursive(leaves, grow, max_leaves=4)


def indent(block: list[str]) -> str:
    return "\n".join("  " + line for text in block for line in text.split("\n"))


@lru_cache
def blocks(depth: int, *, loop: bool = False, function: bool = False) -> Any:
    return st.lists(statements(depth, loop=loop, function=function), min_size=1, max_size=3).map(
        indent
    )


@lru_cache
def statements(depth: int, *, loop: bool = False, function: bool = False) -> Any:
    simple = [
        st.tuples(everything, expressions()).map("{0[0]} = {0[1]}".format),
        st.tuples(names, expressions()).map("{0[0]} += {0[1]}".format),
        expressions().map("log({})".format),
        st.tuples(functions, functions).map("{0[0]} = {0[1]}".format),
        names.map("del {}".format),
        expressions().map("raise_if({})".format),
        st.just("raise ValueError"),
    ]
    if loop:
        simple += [st.just("break"), st.just("continue")]
    if function:
        simple += [expressions().map("return {}".format)]
    if depth == 0:
        return st.one_of(simple)
    inner = blocks(depth - 1, loop=loop, function=function)
    looped = blocks(depth - 1, loop=True, function=function)
    body = blocks(depth - 1, function=True)
    e = expressions()
    compound = [
        st.tuples(e, inner).map("if {0[0]}:\n{0[1]}".format),
        st.tuples(e, inner, inner).map("if {0[0]}:\n{0[1]}\nelse:\n{0[2]}".format),
        st.tuples(names, looped).map("for {0[0]} in range(2):\n{0[1]}".format),
        st.tuples(names, e, looped, inner).map(
            "for {0[0]} in upto({0[1]}):\n{0[2]}\nelse:\n{0[3]}".format
        ),
        st.tuples(e, looped).map("while tick({0[0]}):\n{0[1]}".format),
        looped.map("while True:\n  tick(1)\n{0}".format),
        st.tuples(inner, names, inner).map(
            "try:\n{0[0]}\nexcept Exception as {0[1]}:\n{0[2]}".format
        ),
        st.tuples(inner, inner, inner, inner).map(
            "try:\n{0[0]}\nexcept NameError:\n{0[1]}\nelse:\n{0[2]}\nfinally:\n{0[3]}".format
        ),
        st.tuples(inner, inner).map("try:\n{0[0]}\nfinally:\n{0[1]}".format),
        st.tuples(names, inner).map("with swallow() as {0[0]}:\n{0[1]}".format),
        st.tuples(names, inner).map("with closing(shut) as {0[0]}:\n{0[1]}".format),
        st.tuples(functions, names, e, body).map(
            "def {0[0]}({0[1]}={0[2]}):\n  log(1)\n{0[3]}".format
        ),
        st.tuples(functions, names, body).map("def {0[0]}():\n  global {0[1]}\n{0[2]}".format),
        st.tuples(functions, body).map("def {0[0]}():\n{0[1]}".format),
        st.tuples(functions, body).map("@decorate\ndef {0[0]}():\n{0[1]}".format),
        st.tuples(functions, blocks(depth - 1), body).map(
            "class {0[0]}:\n{0[1]}\n  def __init__(self):\n    log(2)\n  def m():\n{0[2]}".format
        ),
        st.tuples(e, names, e, inner, names, inner).map(
            "match {0[0]}:\n  case {0[1]} if {0[2]}:\n{0[3]}\n  case {0[4]}:\n{0[5]}".format
        ),
    ]
    return st.one_of(simple + compound)


@contextlib.contextmanager
def swallow() -> Iterator[int]:
    with contextlib.suppress(Exception):
        yield 1


class Run:
    """One run of a cell over a namespace: what it logged and what it left behind."""

    def __init__(self, cell: str, **initial: Any) -> None:
        self.log: list[str] = []
        self.fuel = 60
        namespace: dict[str, Any] = {
            "log": lambda v: self.log.append(self.show(v)), "add": self.add, "call": self.call,
            "hold": lambda f: 3, "raise_if": self.raise_if, "upto": lambda n: range(int(n) % 3),
            "tick": self.tick, "swallow": swallow, "closing": contextlib.closing,
            "shut": types.SimpleNamespace(close=lambda: None), "decorate": lambda f: (f(), f)[1],
        }  # fmt: skip
        self.helpers = set(namespace) | {"__builtins__"}
        exec("def f(): return a\ndef g(): return b", namespace)
        namespace.update({name: Earlier(n) for n, name in enumerate(VARIABLES)})
        namespace.update({name: v for name, v in initial.items() if v is not MISSING})
        for name in [name for name, value in initial.items() if value is MISSING]:
            del namespace[name]
        before = dict(namespace)
        self.error: BaseException | None = None
        try:
            exec(cell, namespace)
        except (Exception, OutOfFuel) as error:
            self.error = error
        self.after = {n: v for n, v in namespace.items() if n not in self.helpers}
        self.changed = {n for n, v in self.after.items() if before.get(n, MISSING) is not v}
        self.gone = {n for n in before if n not in namespace}

    def show(self, value: Any) -> str:
        return str(value) if isinstance(value, int) else type(value).__name__

    def tick(self, value: Any) -> Any:
        self.fuel -= 1
        if self.fuel < 0:
            raise OutOfFuel
        return value

    def call(self, function: Any) -> Any:
        self.tick(1)
        return function()

    def add(self, a: Any, b: Any) -> int:
        return (a if isinstance(a, int) else 7) + (b if isinstance(b, int) else 5)

    def raise_if(self, value: Any) -> None:
        if value == 1:
            raise ValueError

    def outcome(self, without: str) -> Any:
        """What can be told from outside, apart from an untouched name itself."""
        left = {n: self.show(v) for n, v in self.after.items() if n != without}
        own = self.after.get(without, MISSING) if without in self.changed else MISSING
        return self.log, left, self.show(own) if own is not MISSING else None


cells = st.lists(statements(2), min_size=1, max_size=6).map("\n".join)
LIVE = {"f": "a", "g": "b"}  # what the functions of earlier cells read


def may_matter(name: str, found: Names) -> bool:
    """Whether the analysis says that the earlier value of a name may matter."""
    through = [f for f, read in LIVE.items() if read == name and f in found.reads]
    return name in found.reads or any(name not in found.settled[f] for f in through)


@settings(max_examples=120, deadline=None)
@given(cells)
def test_names_that_are_not_read_do_not_matter(cell: str) -> None:
    """Changing or removing a name that is not in ``reads`` changes nothing in any cell."""
    try:
        found = read_names(ast.parse(cell).body)
        compile(cell, "<cell>", "exec")
    except SyntaxError:
        return
    first = Run(cell)
    if first.error is not None:
        return
    assert first.changed <= found.binds
    assert first.gone <= found.deletes
    assert found.always_binds <= set(first.after)
    for name in [n for n in VARIABLES + FUNCTIONS if not may_matter(n, found)]:
        other = Run(cell, **{name: Earlier(9) if name in VARIABLES else (lambda: 8)})
        assert other.error is None, (name, other.error)
        assert other.outcome(name) == first.outcome(name), name
        assert Run(cell, **{name: MISSING}).outcome(name) == first.outcome(name), name


@settings(max_examples=120, deadline=None)
@given(cells)
def test_a_run_without_a_fatal_name_holds_for_any_value(cell: str) -> None:
    """A run that began without a name of ``fatal_if_missing`` is the run with any value."""
    try:
        found = read_names(ast.parse(cell).body)
        compile(cell, "<cell>", "exec")
    except SyntaxError:
        return
    for name in found.fatal_if_missing & {*VARIABLES, *FUNCTIONS}:
        if name in LIVE.values() and any(f in found.reads for f in LIVE):
            continue
        without = Run(cell, **{name: MISSING})
        if without.error is None:
            assert without.outcome(name) == Run(cell).outcome(name), name


class Recorder(dict[str, Any]):
    """Locals of a cell that note each name which is read before it was set."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.touched: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            self.read.add(name)
        return super().__getitem__(name)


@settings(max_examples=120, deadline=None)
@given(cells)
def test_every_name_looked_up_unbound_is_read(cell: str) -> None:
    """A name that a cell looks up before binding it, and ends normally, is in ``reads``."""
    try:
        code = compile(cell, "<cell>", "exec")
    except SyntaxError:
        return
    run = Run("pass")
    scope = Recorder()
    helpers = {"log": lambda v: None, "call": lambda f: 1, "hold": lambda f: 3, "add": run.add}
    helpers |= {"raise_if": run.raise_if, "upto": lambda n: range(2), "tick": run.tick}
    helpers |= {"swallow": swallow, "decorate": lambda f: f, "closing": contextlib.closing}
    scope_globals = {**helpers, **run.after, "shut": types.SimpleNamespace(close=lambda: None)}
    try:
        exec(code, scope_globals, scope)
    except (Exception, OutOfFuel):
        return
    found = read_names(ast.parse(cell).body)
    assert scope.read - set(dir(builtins)) - {"__name__"} <= found.reads


MODULES = (
    "argparse ast asyncio.base_events dataclasses enum functools inspect json.decoder logging "
    "tarfile textwrap typing unittest.mock"
)


@pytest.mark.parametrize("module", MODULES.split())
def test_scopes_as_the_compiler_sees_them(module: str) -> None:
    """The global reads and stores of a function are those of its compiled code."""
    source = __import__(module, fromlist=["*"]).__file__
    text = Path(source).read_text(encoding="utf-8")
    codes = {c.co_firstlineno: c for c in compile(text, source, "exec").co_consts if code(c)}
    for node in ast.parse(text).body:
        plain = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if plain and not node.decorator_list and not getattr(node, "type_params", ()):
            compiled = code_reads(codes[node.lineno])
            body = read_body(node)
            assert body.reads == compiled.reads, node.name
            assert body.binds | body.deletes == compiled.stores, node.name


def code(value: object) -> bool:
    return isinstance(value, types.CodeType)
