"""What cells put into libraries in ways that no text tells: counted, and never lost on a hit."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import Kernel, kernel

HELPER = """
import math
import numpy as np
def root(): return math.sqrt(4)
def norm(): return float(np.linalg.norm([3, 4]))
def put():
    for name in ["sqrt"]: setattr(math, name, math.exp)
"""
SET_UP = """
import importlib, math, os, sys, textwrap, types
import numpy as np, pandas as pd
from unittest import mock
from nbcache import cache
import helper
at = {"m": math}
held = types.SimpleNamespace(inner=math)
df = pd.DataFrame({"a": [1, 2]})
def my(*values, **named): return 77.0
def patch(owner, name, value): setattr(owner, name, value)
def put():
    for owner in [math]: owner.sqrt = math.exp
class Putter:
    def put(self): self.owner = math; self.owner.sqrt = my
def inner():
    from math import sqrt
    return sqrt(4)
@cache
def cached(): return helper.root(), inner()
"""
OF_MATH = [
    "exec('math.sqrt = my')",
    "text = 'math.sqrt = math.cos'\nexec(text)",
    "for name in ['sqrt']: setattr(math, name, math.exp)",
    "sys.modules['math'].sqrt = math.cos",
    "importlib.import_module('math').sqrt = math.sin",
    "at['m'].sqrt = math.tan",
    "held.inner.sqrt = math.tan",
    "vars(math)['sqrt'] = math.sin",
    "math.__dict__.update(sqrt=math.exp)",
    "type(math).__setattr__(math, 'sqrt', my)",
    "mock.patch('math.sqrt', my).start();",
    "patch(math, 'sqrt', my)",
    "put()",
    "helper.put()",
    "Putter().put()",
    "open('script.py', 'w').write('import math; math.sqrt = math.exp')\n%run script.py",
]
OF_OTHERS = {
    "print(helper.norm())": [
        "exec('np.linalg.norm = my')", "at['m'] = np.linalg; at['m'].norm = sum"
    ],
    "print(np.linalg.norm([3, 4]))": ["exec('np.linalg.norm = my')"],
    "print(df.sum())": ["exec('pd.DataFrame.sum = my')", "df.__class__.sum = pd.DataFrame.max"],
    "from collections import Counter\nprint(Counter('aab').most_common(1))": [
        "exec('import collections; collections.Counter.most_common = my')"
    ],
    "print(textwrap.indent('a', ' '))": [
        "textwrap.indent.__code__ = (lambda text, prefix, predicate=None: 'own').__code__",
        "textwrap.indent.__defaults__ = (len,)\ntextwrap.indent = str.join",
    ],
}  # fmt: skip
OF_ALL = [
    *(("print(helper.root(), inner(), cached(), cached())", change) for change in OF_MATH),
    *((cell, change) for cell, changes in OF_OTHERS.items() for change in changes),
]


@pytest.fixture
def made(tmp_path: Path):
    (tmp_path / "helper.py").write_text(HELPER)
    with kernel(tmp_path / "store", folder=tmp_path) as one:
        one.run(SET_UP)
        yield one


@pytest.mark.parametrize(("cell", "change"), OF_ALL)
def test_it_counts(made: Kernel, cell: str, change: str) -> None:
    """A cell is not served with what it showed before, but for as long as nothing changed."""
    replies = [made.run(f"%%cache\n{cell}") for _ in range(3)]
    assert [reply.state for reply in replies] == ["miss", "hit", "hit"]
    made.run(change)
    first = made.run(f"%%cache\n{cell}")
    assert first.text == made.run(cell).text == made.run(f"%%cache\n{cell}").text
    assert first.text != replies[0].text
    assert first.state == "stale"


@pytest.mark.parametrize("change", [*OF_MATH, *OF_OTHERS["print(df.sum())"]])
def test_a_cell_that_does_it_is_not_stored(made: Kernel, change: str) -> None:
    """The change would be missing in another kernel; the cell runs, and the status says why."""
    reply = made.run(f"%%cache\n{change}")
    assert reply.state == "bypass"
    assert "belongs to a library" in reply.event["reasons"][0]


def test_a_call_that_does_it_is_not_stored(made: Kernel) -> None:
    """The same holds of a cached function."""
    made.run("@cache\ndef change(): put()")
    assert "`math.sqrt` belongs to a library" in made.run("change()").text
    assert made.value("change.cache_info().currsize") == "0"


def test_what_is_put_back_counts_no_more(made: Kernel) -> None:
    """A cell that cleans up is stored, and after a clean-up the old entry serves again."""
    cell = "%%cache\nprint(inner())"
    made.run(cell)
    made.run("root = math.sqrt; at['m'].sqrt = my")
    assert made.run(cell).text.strip() == "77.0"
    made.run("at['m'].sqrt = root")
    last = made.run(cell)
    assert (last.state, last.text.strip()) == ("hit", "2.0")
    within = "%%cache\nat['m'].sqrt = my\nprint(inner())\nat['m'].sqrt = root"
    assert [made.run(within).state for _ in range(2)] == ["miss", "hit"]


def test_before_the_first_cached_cell(tmp_path: Path) -> None:
    """What was put into a library before anything was cached counts as well."""
    cell = "import math\nprint(math.floor(2.5))"
    texts = {}
    for name in ("floor", "ceil"):
        with kernel(tmp_path / "store", folder=tmp_path) as one:
            one.run(f"import math\nat = {{'m': math}}\nat['m'].floor = math.{name}")
            reply = one.run(f"%%cache\n{cell}")
            texts[name] = reply.text.strip()
    assert texts == {"floor": "2", "ceil": "3"}


HARMLESS = [
    "setattr(held, 'x', 3)",
    "import matplotlib\nmatplotlib.use('svg')\nimport matplotlib.pyplot as plt\n"
    "setattr(held, 'x', 3)\nfig = plt.figure(); fig.axes; plt.close('all')",
    "import sklearn.linear_model\nsetattr(held, 'x', 3)\n"
    "fitted = sklearn.linear_model.LinearRegression().fit([[1], [2]], [1, 2])",
    "import joblib\nsetattr(held, 'x', 3)\n"
    "told = joblib.Parallel(1)(joblib.delayed(abs)(i) for i in [-1, 2])",
]


@pytest.mark.parametrize("cell", HARMLESS)
def test_what_libraries_do_themselves_is_no_change(made: Kernel, cell: str) -> None:
    """A cell with a setter in it that changes no library is cached as any other."""
    made.run("import types\nheld = types.SimpleNamespace()")
    made.run("%%cache\n" + cell)
    made.run("held = types.SimpleNamespace()")
    assert made.run("%%cache\n" + cell).state == "hit"
