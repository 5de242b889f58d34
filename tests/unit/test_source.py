"""What counts as an edit of a cell and what does not."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from nbcache.cell.source import Source, first_change, normal_lines, read_source


def source_of(text: str) -> Source:
    return read_source(text, ast.parse(text).body)


COUSINS = [
    ("x = 1", "x=1   # a comment"),
    ("x = 1\ny = 2", "\n\nx = 1\n\n# note\ny = 2\n"),
    ("x = 1\ny = 2", "x = 1; y = 2"),
    ("x = 'a'", 'x = "a"'),
    ("x = 'a'", "x = '''a'''"),
    ("x = 'ab'", "x = 'a' 'b'"),
    ("x = '\\x41'", "x = 'A'"),
    ("x = (1 + 2)", "x = 1 + 2"),
    ("x = (1, 2)", "x = 1, 2"),
    ("x = f(a,\n      b)", "x = f(a, b,)"),
    ("x = 1 + \\\n 2", "x = 1 + 2"),
    ("if a: b", "if a:\n        b\n"),
    ("x = 1000", "x = 1_000"),
    ("x = 16", "x = 0x10"),
    ("x = 1.0", "x = 1.00"),
    ("x = u'a'", "x = 'a'"),
    ("x = f'{a}'", 'x = f"{ a }"'),
    ("x = 1;", "x = 1"),
]

TWINS = [
    ("x = 1", "x = 2"),
    ("x = 1", "x = True"),
    ("x = 1", "x = 1.0"),
    ("x = 0.0", "x = -0.0"),
    ("x = 1j", "x = 1"),
    ("x = None", "x = ..."),
    ("x = 'a'", "x = b'a'"),
    ("x = 'a'", "x = a"),
    ("x = 'a'", "x = f'a'"),
    ("x = f'{a}'", "x = f'{a!r}'"),
    ("x = f'{a}'", "x = f'{a:>3}'"),
    ("x = f'{a}'", "x = '{a}'"),
    ("x = 'a b'", "x = 'a  b'"),
    ("x = ['a', 'b']", "x = ['ab']"),
    ("x = [[1], 2]", "x = [[1, 2]]"),
    ("def f():\n  'a'", "def f():\n  'b'"),
    ("x = (1 + 2) * 3", "x = 1 + 2 * 3"),
    ("x = (1,)", "x = [1]"),
    ("if a:\n  b\nc", "if a:\n  b\n  c"),
    ("if a:\n  b\nelse:\n  c", "if a:\n  b\nc"),
    ("f(a, b)", "f(a, b=b)"),
    ("f(*a)", "f(**a)"),
    ("x + y", "y + x"),
    ("x < y", "x <= y"),
    ("def f(a, /): pass", "def f(*, a): pass"),
    ("def f(): pass", "async def f(): pass"),
    ("x = a.b", "x = a['b']"),
    ("df", "df;"),
    ("df", "df;  # hidden"),
    ("import a as b", "import b as a"),
    ("x: int", "x: int = None"),
]


@pytest.mark.parametrize(("one", "other"), COUSINS)
def test_cousins_share_a_digest(one: str, other: str) -> None:
    """Comments, formatting and spelling are no edits."""
    assert source_of(one).digest == source_of(other).digest


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_differ(one: str, other: str) -> None:
    """Whatever a run can tell is an edit."""
    assert source_of(one).digest != source_of(other).digest


def timed(body: str, line: str = "", name: str = "time") -> str:
    return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"


def test_python_in_a_cell_magic_is_normalised() -> None:
    """Comments inside ``%%time`` do not count, its code and options do."""
    plain = source_of(timed("x = 1\n")).digest
    assert source_of(timed("# note\nx  =  (1)")).digest == plain
    assert source_of(timed("x = 2\n")).digest != plain
    assert source_of(timed("x = 1\n", "--opt")).digest != plain
    assert source_of(timed("x = 1\n", name="prun")).digest != plain
    assert source_of("x = 1").digest != plain


def test_other_magics_count_as_text() -> None:
    """The text of a shell cell counts as it stands."""
    assert source_of(timed("ls", name="bash")).digest != source_of(timed("ls ", name="bash")).digest


def test_digest_is_the_same_in_every_process() -> None:
    """The digest rests neither on the hash seed nor on the process."""
    text = "import a\nx = {1, 'b', 2.5}\ndef f(*, k: int = 10**5000) -> str: return f'{k!r:>{x}}'"
    program = (
        "import ast, sys; from nbcache.cell.source import read_source\n"
        f"t = {text!r}\nsys.stdout.write(read_source(t, ast.parse(t).body).digest)"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert digests == {source_of(text).digest}
    assert len(source_of(text).digest) == 32


def test_huge_numbers_and_odd_strings() -> None:
    """Numbers beyond the limit of decimal digits and lone surrogates have a digest too."""
    assert source_of(f"x = 0x{'f' * 9000}").digest
    assert source_of("x = '\\ud800'").digest != source_of("x = '\\ud801'").digest


def test_deep_expressions() -> None:
    """A long sum has a digest, whatever the recursion limit."""
    assert source_of("+".join(["x"] * 900)).digest


OLD = "import a\n\ndef f(x):\n    y = x\n    return y\n\nf(1)\n"
EDITS = [
    (OLD, None),
    (OLD.replace("\n\ndef", "\n\n\n# note\ndef"), None),
    (OLD.replace("import a", "import b"), 1),
    (OLD.replace("y = x", "y = x + 1"), 4),
    (OLD.replace("f(x)", "f(x, z)"), 3),
    (OLD.replace("f(1)", "f(2)"), 7),
    (OLD + "g()\n", 8),
    (OLD.replace("f(1)\n", ""), 7),
    (OLD.replace("    y = x\n", "    y = x\n    z = y\n"), 3),
]


@pytest.mark.parametrize(("new", "line"), EDITS)
def test_first_change(new: str, line: int | None) -> None:
    """The first changed statement is found by its line, nested ones included."""
    assert first_change(normal_lines(source_of(OLD)), normal_lines(source_of(new))) == line


def test_first_change_inside_a_cell_magic() -> None:
    """Lines inside ``%%time`` are counted from the top of the cell."""
    old, new = source_of(timed("x = 1\ny = 2")), source_of(timed("x = 1\ny = 3"))
    assert first_change(old.lines, new.lines) == 3


def test_source_carries_text_and_names() -> None:
    """The source keeps the text as it was typed and the names that it reads."""
    source = source_of("x = y  # note")
    assert source.text == "x = y  # note"
    assert source.names.reads == {"y"}
