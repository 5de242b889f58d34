"""Which names a cell reads through its functions and classes, magics, strings and back doors."""

from __future__ import annotations

import ast
import builtins

import pytest

from nbcache.cell.names import MagicUse, Names, code_reads, read_names

BUILTINS = frozenset(dir(builtins))


def names_of(source: str) -> Names:
    return read_names(ast.parse(source).body)


FUNCTIONS = [
    # a body counts when somebody takes hold of the function
    ("def f(): return x", ""),
    ("def f(): return x\nf()", "x"),
    ("def f(): return x\nx = 1\nf()", ""),
    ("def f(): return x\nf()\nx = 1", "x"),
    ("def f(): return x\ng = f\nx = 1\ng()", "x"),
    ("def f(): return x\nl = [f]", "x"),
    ("def f(): return g()\ndef g(): return x\nx = 1\nf()", ""),
    ("def f(): return g()\ndef g(): return x\nf()\nx = 1", "x"),
    ("def g(): return x\ndef f(): return g()\nf()", "x"),
    ("def even(n): return odd(n - 1)\ndef odd(n): return even(n - 1) or k\neven(3)", "k"),
    ("def f(): return g()\nh = f\ndef g(): return z\nh()", "g z"),
    ("for i in range(2):\n  if i: f()\n  def f(): return z", "f z"),
    ("def f(): return x\ndef f(): return y\nf()", "x y"),
    ("def f(n): return f(n - 1) + k\nf(3)", "k"),
    ("def f(): return f2\nprint(f())\nf2 = 1", "f2"),
    ("if c:\n  def f(): return x\nelse:\n  def f(): return y\nf()", "c x y"),
    ("async def f(): return await g(x)\nawait f()", "g x"),
    ("def f():\n  yield x\nlist(f())", "x"),
    ("del f\ndef f(): return x", "f"),
    # what is evaluated at once
    ("def f(a=x, *, b=y): return a", "x y"),
    ("def f(a: T, *b: U, c: V = d, **e: W) -> R: pass", "T U V W R d"),
    ("from __future__ import annotations\ndef f(a: T) -> R: pass", ""),
    ("@d\ndef f(): return x", "d x"),
    ("@d\ndef f(): return x\nx = 1", "d x"),
    ("@d(y)\nclass A:\n  def m(self): return x", "d y x"),
    ("def f(): pass\n@f\ndef g(): return x", "x"),
    ("f = lambda: x\nx = 1", "x"),
    # scopes
    ("def f(x): return x\nf(1)", ""),
    ("def f():\n  x = 1\n  return x\nf()", ""),
    ("def f():\n  return x\n  x = 1\nf()", ""),
    ("def f():\n  for i in y: pass\n  return i\nf()", "y"),
    ("def f():\n  def g(): return x + y\n  x = 1\n  return g\nf()", "y"),
    ("def f():\n  x = 1\n  def g():\n    nonlocal x\n    x += y\n  g()\nf()", "y"),
    ("def f():\n  global x\n  x += 1\nf()", "x"),
    ("def f():\n  x = 1\n  def g():\n    global x\n    return x\n  return g()\nf()", "x"),
    ("def f():\n  global x\n  def g(): return x\n  x = 1\nf()", "x"),
    ("def f():\n  with a as b, c as (d, e): return b, d\nf()", "a c"),
    ("def f():\n  try: pass\n  except E as e: return e\nf()", "E"),
    ("def f():\n  import m.n\n  from p import q as r\n  return m, r, q\nf()", "q"),
    ("def f():\n  [y := i for i in xs]\n  return y\nf()", "xs"),
    ("def f(): return [j for i in xs for j in g(i)]\nf()", "xs g"),
    ("def f(xs): return [x for x in x]\nf(1)", "x"),
    ("def f(): return (lambda a=b: a + c)\nf()", "b c"),
    ("def f():\n  x: T = 1\n  return x\nf()", ""),
    ("def f():\n  match p:\n    case [a, {'k': b, **c}]: return a, b, c\nf()", "p"),
    ("def f():\n  class A:\n    y = 1\n    def m(self): return y\n  return A\nf()", "y"),
    ("def f(*args, **kw): return args, kw\nf()", ""),
    ("def f(a=lambda q: q + z): return q\nf()", "q z"),
    ("def f():\n  del x\n  x = 1\nf()", ""),
    # classes
    ("class A:\n  x = 1\n  y = x", ""),
    ("class A:\n  y = x\n  x = 1", "x"),
    ("class A:\n  if c: x = 1\n  y = x", "c x"),
    ("class A:\n  x = 1\n  def m(self): return x\nA()", "x"),
    ("class A:\n  x = 1\n  y = [x for _ in range(3)]", "x"),
    ("class A:\n  xs = [1]\n  y = [x for x in xs]", ""),
    ("class A:\n  def m(self): return x", ""),
    ("class A:\n  def m(self): return x\nx = 1\nA()", ""),
    ("class A:\n  def m(self): return x\nA()\nx = 1", "x"),
    ("class A:\n  def m(self): return A.k + super().z + __class__.z\nA()", ""),
    ("class A(Base):\n  def m(self): return x", "Base x"),
    ("class A(Exception):\n  def m(self): return x", ""),
    ("class A(metaclass=M):\n  def m(self): return x", "M x"),
    ("class A:\n  d = Descriptor()\n  def m(self): return x", "Descriptor x"),
    ("class A:\n  @property\n  def m(self): return x", "x"),
    ("class A:\n  def f(self): return x\n  g = f", "x"),
    ("class A:\n  class B:\n    def m(self): return x\nA", "x"),
    ("class A:\n  x = 1\n  class B:\n    y = x", "x"),
    ("class A:\n  __x = 1\n  def m(self): return __y\nA()", "_A__y"),
    ("class A:\n  z: T = 1\n  w: U", "T U"),
    ("class A:\n  def m(self): return x\nclass B(A): pass", "x"),
    ("class A:\n  for i in xs: pass\ni", "xs i"),
    ("x = 1\nclass A:\n  x = x + y", "y"),
    ("class A:\n  del x", ""),
]


@pytest.mark.parametrize(("source", "expected"), FUNCTIONS)
def test_reads_through_functions(source: str, expected: str) -> None:
    """A function's reads are judged at the moment when somebody takes hold of it."""
    assert names_of(source).reads - BUILTINS == set(expected.split())


def magic(name: str, line: str, body: str | None = None) -> str:
    if body is None:
        return f"get_ipython().run_line_magic({name!r}, {line!r})"
    return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"


MAGICS = [
    (magic("timeit", "-n 3 f(x)"), "n f x", ""),
    (magic("time", "y = f(x)") + "\ny", "f x", "y"),
    (magic("time", "", "y = x\nz = y"), "x", "y z"),
    (magic("time", "", "!ls {d}\ny = %env HOME\nz = y"), "d HOME", "y z"),
    (magic("time", "", "y = ("), "y", ""),
    (magic("capture", "out --no-stderr", "y = x"), "x", "y out"),
    (magic("timeit", "", "y = x"), "x", ""),
    (magic("prun", "-s t", "y = x"), "s t x", "y"),
    (magic("bash", "-s $n", "echo {x}"), "s n", ""),
    (magic("sql", "conn", "select a from t"), "conn select a t", ""),
    ("files = get_ipython().getoutput('ls {d}'); files", "d", "files"),
    ("get_ipython().system('echo $x')", "x", ""),
    ("def f():\n  get_ipython().system('cat {p}')\nf()", "cat p", "f"),
]


@pytest.mark.parametrize(("source", "reads", "binds"), MAGICS)
def test_magics(source: str, reads: str, binds: str) -> None:
    """Python inside magics is followed; in a shell's text names stand in signs, else anywhere."""
    names = names_of(source)
    assert names.reads - BUILTINS == set(reads.split())
    assert names.binds == set(binds.split())
    assert not names.hidden


def test_magics_are_listed() -> None:
    """Every magic is listed with its text and whether it stands at the top level."""
    source = f"{magic('cd', '/tmp')}\nget_ipython().system('ls')\n"
    source += f"def f(): return {magic('bash', '', 'ls')}, get_ipython().getoutput('x')\nf()"
    assert names_of(source).magics == (
        MagicUse("cd", "/tmp", None, True),
        MagicUse("!", "ls", None, True),
        MagicUse("bash", "", "ls", False),
        MagicUse("!!", "x", None, False),
    )


HIDDEN = [
    ("eval(s)", "calls eval()"),
    ("exec(s)", "calls exec()"),
    ("f = eval", "calls eval()"),
    ("globals()[x]", "uses globals()"),
    ("globals()['x'] = 1", "uses globals()"),
    ("x in globals()", "uses globals()"),
    ("globals().get(x)", "uses globals()"),
    ("[k for k in globals() if 'x' in k]", "uses globals()"),
    ("globals().pop('x')", "uses globals()"),
    ("class C:\n    'x' in locals()", "uses locals()"),
    ("locals()", "uses locals()"),
    ("vars()", "uses vars()"),
    ("dir()", "uses dir()"),
    ("import __main__", "imports __main__"),
    ("from __main__ import x", "imports __main__"),
    ("m = import_module('__main__')", "names __main__ in a string"),
    ("sys.modules['x']", "uses sys.modules"),
    ("sys._getframe(0)", "uses sys._getframe"),
    ("inspect.currentframe()", "uses inspect.currentframe"),
    ("from inspect import stack", "uses inspect.stack"),
    ("f.__globals__", "reads a function's .__globals__"),
    ("frame.f_locals", "reads a frame's .f_locals"),
    ("get_ipython().user_ns['x']", "reads get_ipython().user_ns"),
    ("get_ipython().ev('x')", "uses get_ipython().ev"),
    ("ip = get_ipython()", "keeps get_ipython()"),
    ("get_ipython().run_line_magic(name, line)", "uses get_ipython().run_line_magic"),
    ("getattr(builtins, name)", "hands on the module builtins"),
    ("builtins.eval('x')", "uses builtins.eval"),
    ("from . import *", "imports every name of ."),
    (magic("whos", ""), "runs %whos"),
    ("def f(): return eval('x')\nf()", "calls eval()"),
    ("[eval(s) for s in xs]", "calls eval()"),
]


@pytest.mark.parametrize(("source", "reason"), HIDDEN)
def test_hidden_reads(source: str, reason: str) -> None:
    """Whatever may read any name says so in a sentence."""
    assert reason in names_of(source).hidden


LOOKED_UP = (
    "globals()['x']", "'x' in globals()", "'x' not in locals()", "globals().get('x', 1)",
    "if 'x' in vars(): print(1)", "def g(): pass\ng(globals()['x'])",
)  # fmt: skip


@pytest.mark.parametrize("source", LOOKED_UP)
def test_a_name_that_is_looked_up_is_read(source: str) -> None:
    """A constant key of the table of names is that name; after it was bound, it is no input."""
    names = names_of(source)
    assert not names.hidden
    assert "x" in names.reads
    assert "x" not in names_of(f"x = 2\n{source}").reads


PLAIN = [
    "vars(x)", "dir(x)", "df.eval('a + b')", "model.eval()", "np.stack(xs)", "sys.path",
    "def f(): return eval('x')", "def f(): return locals(), vars(), dir()\nf()",
    "if __name__ == '__main__': main()", "builtins.print(1)", "self.modules()",
    "def eval(s): return s\neval('x')", "get_ipython().display_formatter", "'''__main__'''",
    "raise E\neval('x')",
]  # fmt: skip


@pytest.mark.parametrize("source", PLAIN)
def test_plain_reads(source: str) -> None:
    """What only looks like a back door does not make a cell depend on every name."""
    assert names_of(source).hidden == ()


STRINGS = [
    ('df.query("a > @x")', "a x"),
    ('x = 5\ndf.query("a > @x")', "a"),
    ('"""the data"""', ""),
    ('def f():\n  "docs"\n  return "body"\nf()', "body"),
    ('def f():\n  return "body"', ""),
    ('df["price"]; df[["a", "b"]]; df.loc[rows, "c"]', "c"),
    ('f"select {a} from t"', "select t"),
    ("x = " + repr("w " * 6000), ""),
    ("from __future__ import annotations\ndef f(a: T, b: 'U'): pass", "T U"),
    ('def f(): return x\ndf.eval("f(a)")', "f a"),
]


@pytest.mark.parametrize(("source", "words"), STRINGS)
def test_strings(source: str, words: str) -> None:
    """Words of strings that are evaluated may be names, those of docstrings and keys are not."""
    found = names_of(source).strings
    assert found - {"f"} == set(words.split()) - {"f"}


def test_string_takes_hold_of_a_function() -> None:
    """A function of the cell that is named in a string may be called by whoever reads it."""
    assert names_of('def g(): return x\ndf.eval("g(a)")').reads == {"df", "x"}


def test_imports() -> None:
    """Modules are named by imports that may run, with the members that may be modules."""
    source = "import a.b, c as d\nfrom e.f import g as h\nfrom . import i\nfrom j import *\n"
    source += "if TYPE_CHECKING: import k\ndef f(): import l\ndef g(): import m\ng()\n"
    source += "__import__('n.o'); importlib.import_module('p')"
    expected = "a.b c e.f e.f.g . .i j m n.o p"
    assert set(names_of(source).imports) == set(expected.split())


def test_draws() -> None:
    """Identifiers that seed or make a generator are named for the tracker of random streams."""
    source = "np.random.seed(1); rng = np.random.default_rng(2); f(random_state=1); setstate(x)"
    assert names_of(source).draws == {"seed", "default_rng", "setstate"}


def test_code_reads() -> None:
    """A live function's code tells its global reads, stores, strings, imports and back doors."""
    scope: dict[str, object] = {}
    source = """
def f(a, *, b=1):
    "docs words"
    global counter
    counter = a
    import os.path
    from json import loads as l
    def inner():
        return helper(a, [z for z in zs], key="w") + eval("q") + df.query("m > @n")["col"]
    class K:
        attr = other
    np.random.seed(0)
    return inner, K, sys._getframe()
"""
    exec(source, scope)
    found = code_reads(scope["f"].__code__)  # type: ignore[attr-defined]
    assert found.reads - BUILTINS == {"helper", "zs", "df", "other", "np", "sys"}
    assert found.stores == {"counter"}
    assert set(found.hidden) == {"calls eval()", "uses sys._getframe"}
    assert found.strings >= {"w", "q", "m", "n"}
    assert not found.strings & {"docs", "words", "col", "key"}
    assert set(found.imports) == {"os.path", "json", "json.loads"}
    assert found.draws == {"seed"}
