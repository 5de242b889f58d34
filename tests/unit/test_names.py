"""Which names a cell reads before it has surely bound them: statements and expressions."""

from __future__ import annotations

import ast
import builtins
import sys

import pytest

from nbcache.cell.names import Names, read_names

BUILTINS = frozenset(dir(builtins))


def names_of(source: str) -> Names:
    return read_names(ast.parse(source).body)


def reads_of(source: str) -> set[str]:
    return set(names_of(source).reads - BUILTINS)


STATEMENTS = [
    # cell text, the names that it may read before it has surely bound them
    ("", ""),
    ("x", "x"),
    ("x = 1; x", ""),
    ("x; x = 1", "x"),
    ("x = x + 1", "x"),
    ("x += 1", "x"),
    ("x = 0; x += y", "y"),
    ("x[i] += v", "x i v"),
    ("x.a += v", "x v"),
    ('df = load(); df["x"] = 1', "load"),
    ('df["x"] = 1', "df"),
    ("obj.a = 1", "obj"),
    ("a = b = c; a; b", "c"),
    ("a, b = b, a", "a b"),
    ("a, *b = c; b", "c"),
    ("[a, (b, *c)] = d; a; b; c", "d"),
    ("x[0], x = 1, 2", "x"),
    ("x, x[0] = y, 2", "y"),
    ("i = 0; a[i], b = c", "a c"),
    ("x: int", ""),
    ("x: T = v; x", "T v"),
    ("x: int = 1; x", ""),
    ("x.a: T = v", "x T v"),
    ("from __future__ import annotations\nx: T = v", "v"),
    ("del x", "x"),
    ("x = 1; del x", ""),
    ("x = 1; del x; x", "x"),
    ("x = [1]; del x[i]", "i"),
    ("del (a, b.c)", "a b"),
    ("x = 1\nif c: del x\nx", "c x"),
    ("import a.b; a", ""),
    ("import a.b as c; c; a", "a"),
    ("from a import b as c; c; b", "b"),
    ("from a import *; q", "q"),
    ("if c: x = 1\nx", "c x"),
    ("if c: x = 1\nelse: x = 2\nx", "c"),
    ("if c: x = 1\nelif d: x = 2\nelse: raise E\nx", "c d E"),
    ("if True: x = 1\nx", ""),
    ("if 0: x = y\nelse: z = 1\nx; z", "x"),
    ("if TYPE_CHECKING: import t\nt", "TYPE_CHECKING t"),
    ("raise E\nx", "E"),
    ("if c: raise E\nelse: x = 1\nx", "c E"),
    ("assert c, m", "c m"),
    ("assert (x := f()), m\nx", "f m x"),
    ("for i in xs: i", "xs"),
    ("for i in xs: pass\ni", "xs i"),
    ("for i in range(3): y = i\ny; i", ""),
    ("for i in range(n): y = i\ny", "n y"),
    ("for i in [a, b]: y = i\ny", "a b"),
    ("for i in [*a]: y = i\ny", "a y"),
    ("for i in range(0): y = i\ny", "y"),
    ("for i, s in enumerate('abc'): y = s\ny", ""),
    ("for i in range(3):\n  if c: continue\n  y = i\ny", "c y"),
    ("for i in range(3):\n  if c: break\n  y = i\ny", "c y"),
    ("for i in xs: y = 1\nelse: y = 2\ny", "xs"),
    ("for i in xs:\n  if c: y = 1; break\nelse: y = 2\ny", "xs c"),
    ("for x[0] in xs: pass", "x xs"),
    ("for i in i: pass", "i"),
    ("for i in xs:\n  total = total + i", "xs total"),
    ("total = 0\nfor i in xs: total += i\ntotal", "xs"),
    ("for i in range(2):\n  if i: y\n  y = 1", "y"),
    ("async for i in xs: y = i\ny", "xs y"),
    ("while c: x = 1\nx", "c x"),
    ("while True:\n  x = 1\n  if c: break\nx", "c"),
    ("while True:\n  if c: break\n  x = 1\nx", "c x"),
    ("while 1: pass\nx", ""),
    ("while (x := f()): x\nx", "f"),
    ("while c: y = 1; break\nelse: y = 2\ny", "c"),
    ("while not (x := f()): y = 1\nx; y", "f y"),
    ("x = await f(); x", "f"),
    ("async with m() as x: x", "m"),
    ("with open(p) as f: d = f.read()\nd; f", "p"),
    ("with suppress(E): x = 1\nx", "suppress E x"),
    ("with m as f: x = 1\nx; f", "m x"),
    ("with m(): raise E\nx", "m E x"),
    ("with open(p): raise E\nx", "p E"),
    ("with open(a) as f, open(f.b) as g: x = 1\nx; g", "a"),
    ("with open(a) as f, m() as g: x = 1\nx; g; f", "a m x"),
    ("with open(p) as x[i]: pass", "p x i"),
    ("with torch.no_grad(): y = model(x)\ny", "torch model x"),
    ("try: x = 1\nexcept E: pass\nx", "E x"),
    ("try: x = f()\nexcept E: x = 2\nx", "f E"),
    ("try: x = f()\nexcept E: raise\nx", "f E"),
    ("try: x = f()\nexcept E as e: y = e\ny; e", "f E y e"),
    ("e = 1\ntry: f()\nexcept E as e: pass\ne", "f E e"),
    ("try: x = f()\nexcept E: pass\nelse: x", "f E"),
    ("try: x = f()\nexcept E: x", "f E x"),
    ("try: x = f()\nfinally: g()\nx", "f g"),
    ("try: x = f()\nfinally: x.close()", "f"),
    ("try:\n  try: x = f()\n  finally: x\nexcept E: pass", "f x E"),
    ("try: pass\nfinally: x = 1\nx", ""),
    ("for i in xs:\n  try:\n    if c: break\n    x = 1\n  finally: x", "xs c x"),
    ("while True:\n  try: x = f()\n  finally: break\nx", "f x"),
    ("x = 1\ntry: del x; f()\nexcept E: x", "f E x"),
    ("try: import a\nexcept ImportError: a = None\na", ""),
    ("match p:\n  case [a, *b]: a; b", "p"),
    ("match p:\n  case [a, *b]: pass\na", "p a"),
    ("match p:\n  case {'k': v, **rest}: v; rest", "p"),
    ("match p:\n  case P(x=a) | Q(a): a", "p P Q"),
    ("match p:\n  case mod.C: x = 1\n  case _: x = 2\nx", "p mod"),
    ("match p:\n  case 1: x = 1\n  case y: x = y\nx", "p"),
    ("match p:\n  case n if n > k: n", "p k"),
    ("match p:\n  case (1 | 2) as n: n\nn", "p n"),
    ("match p:\n  case x if c: pass\n  case _: x", "p c x"),
    ("x = [1]\nx.append(y)", "y"),
    ("global x; x = 1; x", ""),
]

EXPRESSIONS = [
    ("[i for i in xs]; i", "xs i"),
    ("[i for i in i]", "i"),
    ("[j for i in xs for j in i.k]", "xs"),
    ("[i for i in xs if i > k]", "xs k"),
    ("[i for i in xs for j in ys]", "xs ys"),
    ("{k: v for k, v in d.items()}; k", "d k"),
    ("{a for a in b}", "b"),
    ("sum(a * c for a in b)", "b c"),
    ("[y := f(i) for i in xs]; y", "f xs y"),
    ("[y for i in xs if (y := g(i))]", "xs g"),
    ("[y for i in xs]; y = 1", "xs y"),
    ("[[j for j in i] for i in xs]", "xs"),
    ("[lambda: i + k for i in xs]", "xs k"),
    ("[x async for x in xs]", "xs"),
    ("(x := 1) + x", ""),
    ("x + (x := 1)", "x"),
    ("f(x, x := 1)", "f x"),
    ("f(x := 1, x)", "f"),
    ("{(x := 1): x}", ""),
    ("{a: x, (x := 1): x}", "a x"),
    ("a and (x := 1); x", "a x"),
    ("if a and (x := b): x", "a b"),
    ("if a or (x := b): x", "a b x"),
    ("if not (a and (x := b)): x\nelse: x; y", "a b x y"),
    ("if not a or not (x := b): pass\nelse: x", "a b"),
    ("(x := a) if c else b; x", "a c b x"),
    ("x if (x := a) else b", "a b"),
    ("a < (x := b) < (y := c); x; y", "a b c y"),
    ("f'{a!r:{w}.{p}}'", "a w p"),
    ("f'{(x := 1)}{x}'", ""),
    ("f'{a=}'", "a"),
    ("x[a:b, ::c]", "x a b c"),
    ("f(*a, **k)", "f a k"),
    ("print(*a, sep=s)", "a s"),
    ("lambda: x", "x"),
    ("lambda x: x", ""),
    ("lambda x=y: x", "y"),
    ("lambda *a, k=d, **kw: (a, k, kw, z)", "d z"),
    ("f = lambda n: n and f(n - 1)", "f"),
    ("y = 1; g = lambda: y", ""),
    ("a.b.c(d).e[f]", "a d f"),
    ("-x ** y @ z", "x y z"),
    ("(yield_ := 3), yield_", ""),
    ("__debug__", ""),
]


@pytest.mark.parametrize(("source", "expected"), STATEMENTS + EXPRESSIONS)
def test_reads(source: str, expected: str) -> None:
    """A name is read exactly if some path reaches it without binding it first."""
    assert reads_of(source) == set(expected.split())


BINDS = [
    # cell text, may bind, surely binds, deletes
    ("x = 1", "x", "x", ""),
    ("if c: x = 1", "x", "", ""),
    ("for i in xs: y = i", "i y", "", ""),
    ("for i in range(3): y = i", "i y", "i y", ""),
    ("x = 1; del x", "x", "", "x"),
    ("del x", "", "", "x"),
    ("try: x = 1\nexcept E as e: y = 2", "x y e", "", "e"),
    ("try: x = 1\nfinally: y = 2", "x y", "x y", ""),
    ("import a.b, c.d as e", "a e", "a e", ""),
    ("from a import b as c, d", "c d", "c d", ""),
    ("def f(): pass\nclass C: z = 1", "f C", "f C", ""),
    ("[x := i for i in y]", "x", "", ""),
    ("x: int = 1", "x __annotations__", "x", ""),
    ("x[0] = 1; y.z = 2", "", "", ""),
    ("with m() as (a, b): c = 1", "a b c", "", ""),
    ("match p:\n  case {'a': a, **r}: pass", "a r", "", ""),
    ("while True: x = 1", "x", "", ""),
    ("raise E\nx = 1", "", "", ""),
    ("def f():\n  global x\n  x = 1", "f", "f", ""),
    ("def f():\n  global x\n  x = 1\nf()", "f x", "f", ""),
    ("def f():\n  global x\n  del x\nx = 1; f()", "f x", "f", "x"),
    ("def f():\n  global m\n  import m\nf()", "f m", "f", ""),
    ("class A:\n  global x\n  x = 1", "A x", "A x", ""),
]


@pytest.mark.parametrize(("source", "may", "surely", "deletes"), BINDS)
def test_binds(source: str, may: str, surely: str, deletes: str) -> None:
    """What a cell may bind, surely binds and deletes are three different things."""
    names = names_of(source)
    assert names.binds - {"__annotate__", "__conditional_annotations__"} == set(may.split())
    assert names.always_binds == set(surely.split())
    assert names.deletes == set(deletes.split())


def test_no_earlier_value_matters_once_bound() -> None:
    """For each read, the names bound by then are known, for functions reached through it."""
    settled = names_of("f(); x = 1; f(); g(); y = 2; g(); h()").settled
    assert settled["f"] == set()
    assert settled["g"] == {"x"}
    assert settled["h"] == {"x", "y"}


FATAL = [
    ("for i in xs: y = i\ny", "xs y"),
    ("try: y\nexcept E: pass", "E"),
    ("with suppress(): y", "suppress"),
    ("with open(p): y", "p y"),
    ("try: y\nfinally: f()", "y f"),
    ("def f(): return y\nf()", ""),
    ("g(y for _ in xs)", "g xs"),
    ("[y for _ in xs]", "xs y"),
    ("eval(y)", ""),
    ("print(y)", "y"),
]


@pytest.mark.parametrize(("source", "expected"), FATAL)
def test_fatal_if_missing(source: str, expected: str) -> None:
    """A missing name surely fails the cell only where nobody could swallow the error."""
    assert names_of(source).fatal_if_missing == set(expected.split())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("type X[T] = list[T] | Y", ""),
        ("type X[T] = list[T] | Y\nX", "Y"),
        ("type X = Y\nY = 1\nX", ""),
        ("def f[T: B](x: T) -> T: return x", "B"),
        ("def f[T](x: T = d) -> R: return x", "d R"),
        ("class A[T](Base[T]):\n  def m(self) -> T: return z", "Base z"),
        ("class A[*Ts, **P]:\n  x: P", ""),
    ],
)
def test_type_parameters(source: str, expected: str) -> None:
    """Type parameters are names of their own, and aliases are evaluated when used."""
    assert reads_of(source) == set(expected.split())


@pytest.mark.skipif(sys.version_info < (3, 11), reason="syntax of Python 3.11")
def test_except_star() -> None:
    """Several ``except*`` clauses may run, so what any of them unbinds is not sure."""
    source = "e = 1\ntry: f()\nexcept* A as e: x = 1\nexcept* B: x = 2\nx; e"
    assert reads_of(source) == {"f", "A", "B", "x", "e"}


def test_deep_nesting() -> None:
    """A cell nested beyond recursion says that it hides its reads; long sums are no trouble."""
    assert reads_of("+".join(["x"] * 800)) == {"x"}
    deep = ast.parse("y").body
    expression: ast.expr = ast.Name("x", ast.Load())
    for _ in range(5000):
        expression = ast.UnaryOp(ast.USub(), expression)
    names = read_names([*deep, ast.Expr(expression)])
    assert names.hidden == ("is nested too deeply to be read",)
    assert names.reads == {"x", "y"}
