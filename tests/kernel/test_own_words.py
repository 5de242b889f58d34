"""Texts that name what the cell itself binds: its second run is a hit, unless somebody looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

FIRST = """import collections, json, os, re, sys
import numpy as np, pandas as pd, sympy as sp
from collections import namedtuple
df = pd.DataFrame({"age": [1, 2], "x": [3, 4], "g": ["a", "b"]})
settings = {"rate": 0.5}
class Person: age = 3
def part_of(table): return table.filter(items=["x"])
"""
SERVED = [
    "rate = settings.get('rate')",
    "age = getattr(Person(), 'age')",
    "Pt = namedtuple('Pt', 'x y'); x = Pt(1, 2).x",
    "options = dict({'options': 1, 'x': 2}); x = options['x']",
    "x = re.match('(?P<x>a)', 'a').group('x')",
    "HOME = os.environ.get('HOME')",
    "x = df.loc[0, 'x']",
    "data = json.loads('{\"data\": 1}')",
    "x = part_of(df)",
    "x = df.query('x > 3')",
    "table = pd.DataFrame({'table': [1], 'x': [2]}); x = table['x']",
    "x = np.array([(1, 2.0)], dtype=[('t', 'i4'), ('x', 'f8')])['x']",
    "x, y = sp.symbols('x y'); e = (x + y) ** 2",
    "E = type('E', (), {'x': 1})",
]
EDITED = [
    ("x = df.filter(items=['x'])", "x = df.filter(items=['x', 'age'])"),
    ("x = sp.Symbol('x'); e = (x + 1) ** 2", "x = sp.Symbol('x'); e = (x + 1) ** 2; d = e.diff(x)"),
]
READERS = {
    "pandas": ("import pandas as pd; v = 3", "v = int(pd.eval('v * 2')); print(v)"),
    "a frame's": (
        "import pandas as pd; df = pd.DataFrame({'a': range(9)}); v = 3",
        "v = int(df.query('a > @v')['a'].sum()); print(v)",
    ),
    "by a function": (
        "import pandas as pd\nv = 3\ndef load(): return int(pd.eval('v + 1'))",
        "v = load(); print(v)",
    ),
    "numexpr": ("import numexpr; v = 3", "v = int(numexpr.evaluate('v * 2')); print(v)"),
    "patsy": (
        "import numpy as np, patsy\nv = np.arange(3.0)",
        "v = np.asarray(patsy.dmatrix('v'))[:, 1] + 1; print(v)",
    ),
    "duckdb": (
        "import duckdb, pandas as pd; v = pd.DataFrame({'a': [1, 2]})",
        "v = duckdb.sql('select a + 1 as a from v').df(); print(v)",
    ),
    "frames": (
        "import sys\nv = 3\ndef look(name): return sys._getframe(1).f_globals[name]",
        "v = look('v') + 1; print(v)",
    ),
    "frames in a module": ("import looker; v = 3", "v = looker.look('v') + 1; print(v)"),
    "a class": (
        "import sys\nv = 3\n"
        "class Look:\n    def __getitem__(self, k): return vars(sys.modules['__main__'])[k]",
        "v = Look()['v'] + 1; print(v)",
    ),
    "the shell": ("import IPython; v = 3", "v = IPython.get_ipython().ev('v + 1'); print(v)"),
    "numpy": (
        "import numpy as np; v = np.eye(2)",
        "v = np.asarray(np.bmat('v, v')); print(v.shape)",
    ),
    "a table kept": ("names = globals(); v = 3", "v = names['v'] + 1; print(v)"),
    "type hints": (
        "import typing\nclass T: n = 1\ndef f(x: 'T'): ...",
        "n = typing.get_type_hints(f)['x'].n; print(n)\nclass T: n = 5",
    ),
}
LOOKER = "import sys\ndef look(name): return sys._getframe(1).f_globals[name]\n"


def test_a_second_run_in_one_kernel_is_a_hit(tmp_path: Path) -> None:
    """What the first run bound is no new input of the second."""
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        for cell in SERVED:
            made.run("%reset -f")
            made.run(FIRST)
            replies = [made.run(f"%%cache\n{cell}") for _ in range(2)]
            assert [reply.state for reply in replies] == ["miss", "hit"], (cell, replies[1].event)


def test_an_edited_cell_is_stored_for_the_next_kernel(tmp_path: Path) -> None:
    """What earlier versions of a cell bound bears on nothing, neither here nor afterwards."""
    for states in (["miss", "stale"], ["hit", "hit"]):
        with kernel(tmp_path / "store", folder=tmp_path) as made:
            for cells in EDITED:
                made.run(FIRST)
                replies = [made.run(f"%%cache\n{cell}") for cell in cells]
                if states[0] == "hit":
                    assert [reply.state for reply in replies] == states, cells
                assert all(reply.state != "bypass" for reply in replies), replies[1].event


@pytest.mark.parametrize("reader", READERS)
def test_who_looks_for_variables_finds_the_present_one(reader: str, tmp_path: Path) -> None:
    """A text that somebody evaluates makes the variable an input, though the cell binds it."""
    (tmp_path / "looker.py").write_text(LOOKER)
    first, cell = READERS[reader]
    with (
        kernel(folder=tmp_path, load=False) as plain,
        kernel(tmp_path / "s", folder=tmp_path) as made,
    ):
        for one in (plain, made):
            one.run(first)
        for _ in range(3):
            assert made.run(f"%%cache\n{cell}").text == plain.run(cell).text
