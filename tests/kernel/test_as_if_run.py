"""Stories that once came back another way: plain, recorded and served, each in its own kernel."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kernels import kernel

TORCH = """
import torch
a = torch.ones(2)
w = torch.ones(2, requires_grad=True)
y = (a * w).sum(); z = (w * w).sum()
"""
BACK = """
for one in (y, z):
    try:
        one.backward(); print(w.grad)
    except RuntimeError as error: print(str(error)[:60])
print(a, a._version)
"""
SOUP = """
from bs4 import BeautifulSoup
s = BeautifulSoup('<p>a<b>x</b></p>', 'html.parser'); q = s.b
"""
PANDAS = "import pandas as pd, numpy as np"
FRAME = f"""{PANDAS}
df = pd.DataFrame({{'a': pd.array([1, None, 3]), 'c': pd.Categorical(['x', 'y', 'x']),
                   't': pd.date_range('2020', periods=3)}})
"""
DERIVED = """
s = df['a']; e = df[df.a > 1]; g = df.groupby('c', observed=True).a.sum(); k = df.c.cat.codes
u = df.t.values; v = df.copy(deep=False); df['z'] = df.a * 2; w = df.a.array.copy()
"""
LOGGER = "import logging\nlg = logging.getLogger('a.b')"
ENDS = "import os, tempfile, weakref\nlog = []\nclass A: pass\na = A(); d = {'a': A()}"

SERVED = {
    "changes of tensors that a graph saw": (TORCH, "a.add_(1); a.add_(1);", BACK),
    "changes without gradients": (TORCH, "with torch.no_grad(): w.mul_(3);", BACK),
    "changes of a view": (TORCH, "v = a[:1]; v.zero_();", BACK),
    "a handler that a logger alone holds": (
        LOGGER, "lg.addHandler(logging.StreamHandler()); logging.basicConfig(level=10)",
        "print(len(lg.handlers), len(logging.root.handlers))",
    ),
    "text of a document": (SOUP, "t = s.get_text(); h = str(q)", "print(t, h)"),
    "arrays of pandas made together": (
        PANDAS, "a = pd.array([1, 2, 3]); b = a[1:]", "b[0] = 9; print(list(a))"
    ),
    "what is derived of a frame": (
        FRAME, DERIVED, "s.iloc[0] = 5; v.iloc[0, 0] = 7; print(df, e, g, k.tolist(), u, v, w)"
    ),
    "parts of an index": (
        f"{PANDAS}\ni = pd.date_range('2020', periods=3)", "j = i[1:]; k = i.year", "print(j, k)"
    ),
    "frozen garbage collection": ("import gc", "gc.freeze()", "print(gc.get_freeze_count() > 0)"),
    "folders gone to": (
        "import os; os.mkdir('d')", "%cd -q d", "print(len(_dh))\n%cd -q -\nprint(len(_dh))"
    ),
    "a list made of a library's": (
        "x = 1", "from keyword import kwlist\nk = list(kwlist); k.append('z'); k += ['q']",
        "print(len(k))",
    ),
    "names bound anew that nobody watches": (
        f"{PANDAS}\ndf = pd.DataFrame({{'a': [1]}}); s = df.a", "df = df * 2; s = None", "print(df)"
    ),
    "the order of names that were deleted and bound": (
        "a = [1]; b = 2; c = 3", "x = 9; t = a\ndel b, a\na = t; b = 5\nz = 1; y = 2",
        "print([name for name in globals() if len(name) == 1 and name.isalpha()], a is t, b)",
    ),
    "the source of a function that got an attribute": (
        "import inspect\ndef make():\n    def f(x): return 1 / x\n    return f\nf = make()",
        "f.seen = True", "print(inspect.getsource(f), f.seen)\nf(0)",
    ),
    "a partial of a partial": (
        "from functools import partial\np = partial(max, 1); n = partial(max, 2); n.name = 'n'",
        "q = partial(p, 7); n.name = 'm'; r = partial(max, 3)",
        "print(q.func is max, q.args, partial(r, 1).func is max, partial(n, 3).func is n, n.name)",
    ),
    "workers that joblib keeps": (
        "import joblib", "x = joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(i) for i in (-1, -2))",
        "print(x)",
    ),
    "what rich prints": ("from rich import print as show", "show('[b]x[/b]')", "print(1)"),
    "the order of a class's attributes": (
        "class C:\n    a = 1\n    def b(self): return 2\n    c = 3",
        "f = C.b; del C.b; C.x = 1; C.b = f; C.a = 9",
        "print([name for name in vars(C) if len(name) == 1], C().b(), C.a, C.c)",
    ),
}  # fmt: skip
REFUSED = {
    "a handler that a variable holds": (
        LOGGER, "h = logging.StreamHandler()\nlg.addHandler(h)",
        "lg.removeHandler(h); print(lg.handlers)",
    ),
    "an earlier handler": (
        LOGGER + "; h = logging.NullHandler()", "lg.addHandler(h)",
        "lg.removeHandler(h); print(lg.handlers)",
    ),
    "a function in a plan of polars": (
        "import polars as pl; k = 0",
        "def f(s): return s * k\nk = 2\ne = pl.col('a').map_batches(f, return_dtype=pl.Int64)",
        "k = 3; print(pl.DataFrame({'a': [1]}).select(e)['a'].to_list())",
    ),
    "a constant put into a library by a parameter": (
        "import pandas as pd", "def patch(c): c.zz9 = 1\npatch(pd.DataFrame)",
        "print(pd.DataFrame.zz9)",
    ),
    "a method put into a library by a parameter": (
        "import pandas as pd", "def add(cls): cls.zz8 = lambda self: 9\nadd(pd.Series)",
        "print(pd.Series([1]).zz8())",
    ),
    "a constant put into the class of a value": (
        f"{PANDAS}\ndf = pd.DataFrame()", "type(df).zz7 = 3", "print(pd.DataFrame.zz7)"
    ),
    "a constant put into a base class": (
        "import json\nclass E(json.JSONEncoder): pass", "E.__base__.zz6 = 3",
        "print(json.JSONEncoder.zz6)",
    ),
    "a setting of an object that a library keeps": (
        "from sympy.core.parameters import global_parameters as gp; import sympy as sp",
        "gp.evaluate = False", "x = sp.Symbol('x'); print(x + x)",
    ),
    "an epoch": (
        "import matplotlib.dates as md", "md.set_epoch('2000-01-01T00:00:00')",
        "print(md.get_epoch())",
    ),
    "classes that torch may load": (
        "import torch\nclass V: pass", "torch.serialization.add_safe_globals([V])",
        "print(V in torch.serialization.get_safe_globals())",
    ),
    "how yaml writes a class": (
        "import yaml\nclass V: pass", "yaml.add_representer(V, lambda d, o: d.represent_str('q'))",
        "print(yaml.dump(V()))",
    ),
    "memory that processes share": (
        "import torch", "s = torch.zeros(3).share_memory_()", "print(s.is_shared())"
    ),
    "an element of an earlier document": (SOUP, "t = s.b", "t['k'] = 'v'; print(s, s.b is t)"),
    "a change in a document": (SOUP, "q.string = 'zz'", "print(s, s.b is q)"),
    "a view of an earlier array of pandas": (
        f"{PANDAS}\na = pd.array([1, 2, 3])", "b = a[1:]", "b[0] = 9; print(list(a))"
    ),
    "a view of earlier categories": (
        f"{PANDAS}\na = pd.Categorical(['a', 'b'])", "b = a[1:]", "b[0] = 'a'; print(list(a))"
    ),
    "a frame's own array": (
        FRAME, "a = df['a'].array; b = a[1:]", "b[0] = 5; print(df.a.tolist())"
    ),
    "a library's dict that is imported": (
        "x = 1", "from html.entities import name2codepoint as n\nn.update(zzq=5)",
        "import html.entities as h; print(h.name2codepoint.get('zzq'))",
    ),
    "a library's list that is imported": (
        "x = 1", "from keyword import kwlist\nkwlist += ['zq']",
        "import keyword; print(len(keyword.kwlist))",
    ),
    "a weak reference's callback": (
        ENDS + "\nr = weakref.ref(a, lambda _: log.append('dead'))", "del a\nlog.append('after')",
        "print(log)",
    ),
    "a finalizer": (
        ENDS + "\nf = weakref.finalize(d['a'], log.append, 'dead')",
        "d.pop('a')\nlog.append('after')", "print(log)",
    ),
    "a folder that goes with its object": (
        "import os, tempfile\nt = tempfile.TemporaryDirectory(dir='.'); p = t.name",
        "import os, warnings\nwarnings.simplefilter('ignore')\nt = None\nx = os.path.exists(p)",
        "print(x, os.path.exists(p))",
    ),
}  # fmt: skip
STORIES = {
    **{name: (*story, ("miss", "hit")) for name, story in SERVED.items()},
    **{name: (*story, ("bypass", "bypass")) for name, story in REFUSED.items()},
}


@pytest.mark.parametrize("story", STORIES)
def test_it_is_as_if_run(story: str, tmp_path: Path) -> None:
    """What later cells show is the same without nbcache, after a recorded run, and after a hit."""
    before, cell, after, states = STORIES[story]
    told = []
    for line, store in (("", "none"), ("%%cache\n", "store"), ("%%cache\n", "store")):
        folder = tmp_path / "folder"
        folder.mkdir()
        with kernel(tmp_path / store, folder=folder) as made:
            made.run(before)
            reply = made.run(line + cell)
            told.append((reply.text, made.run(after).text, reply.state))
        shutil.rmtree(folder)
    assert told[1][:2] == told[2][:2] == told[0][:2]
    assert tuple(state for _, _, state in told[1:]) == states
