"""More of what was once served stale: local modules, loaders, templates, nested cached calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

PACKAGE = """
import os
os.makedirs('pk')
open('pk/b.py', 'w').write('V = 1\\nclass C: k = 1\\n')
open('pk/a.py', 'w').write('''
import importlib
def names():
    from .b import V
    return V
def module():
    from . import b
    return b.V
def called(n='b'):
    return importlib.import_module('.' + n, __package__).V
class M:
    def method(self):
        from .b import C
        return C.k
''')
open('pk/__init__.py', 'w').write('from .a import names')
import pk, pk.a, pk.b
from pk.a import names
m = pk.a.M()
"""
INNER = "open('mb.py', 'w').write('V = 1')\nimport importlib\nn = 'mb'\n"
LATER = INNER + "open('ma.py', 'w').write('def f():\\n    from mb import V\\n    return V')"
SCRIPT = INNER + "open('s.py', 'w').write('import mb\\nv = mb.V\\nprint(v)')\nimport mb, runpy"
ANSWERS = "open('am.py', 'w').write('a = 1\\ndef __dir__(): return [\"a\"]')\nimport am"
CACHED = """
from nbcache import cache
import logging, matplotlib as mpl, pandas as pd
@cache
def frame(): return str(pd.Series([1.23456789]))
@cache
def width(): return mpl.rcParams['lines.linewidth']
@cache
def level(): return logging.getLogger('a').isEnabledFor(20)
frame(), width(), level()
"""
LOADED = """
import pickle, torch, yaml
class N(torch.nn.Module):
    def forward(self, x): return x * 1
torch.save(N(), 'o.pt')
class K(yaml.YAMLObject):
    yaml_tag = '!K'
    t = 1
open('y', 'w').write('!K {a: 1}')
open('z', 'w').write('!!python/object:__main__.K {}')
"""
TEMPLATE = """
import jinja2
open('b.html', 'w').write('B')
env = jinja2.Environment(loader=jinja2.FileSystemLoader('.'))
made = env.get_template('b.html')
"""
LINKS = "import os"
ENCODED = "import locale\nopen('u', 'wb').write('é'.encode())"
REPOSITORY = "!git init -q .\nopen('g', 'w').write('1')"
STORIES = [
    (PACKAGE, "print(pk.a.names())", "pk.b.V = 22"),
    (PACKAGE, "print(pk.a.module())", "pk.b.V = 22"),
    (PACKAGE, "print(pk.a.called())", "pk.b.V = 22"),
    (PACKAGE, "print(pk.names())", "pk.b.V = 22"),
    (PACKAGE, "print(names())", "pk.b.V = 22"),
    (PACKAGE, "print(m.method())", "pk.b.C.k = 22"),
    (LATER, "import ma\nprint(ma.f())", "import mb; mb.V = 22"),
    (INNER, "print(importlib.import_module(n).V)", "import mb; mb.V = 22"),
    (SCRIPT, "%run s.py", "mb.V = 5"),
    (SCRIPT, "print(runpy.run_path('s.py')['v'])", "mb.V = 5"),
    (ANSWERS, "print(getattr(am, 'foo', 'none'))", "am.__getattr__ = lambda name: 'z'"),
    (ANSWERS, "print(dir(am))", "am.__dir__ = lambda: ['b']"),
    (ANSWERS, "print('a' in vars(am), *[n for n in dir(am)])", "am.__dir__ = lambda: ['c']"),
    (CACHED, "print(frame())", "pd.options.display.precision = 2"),
    (CACHED, "print(width())", "mpl.rcParams['lines.linewidth'] = 9"),
    (CACHED, "print(level())", "logging.getLogger('a').setLevel(10)"),
    (LOADED, "print(torch.load('o.pt', weights_only=False)(torch.ones(1)))",
     "N.forward = lambda self, x: x * 2"),
    (LOADED, "print(yaml.load(open('y'), Loader=yaml.Loader).t)", "K.t = 2"),
    (LOADED, "print(yaml.unsafe_load(open('z')).t)", "K.t = 2"),
    (TEMPLATE, "print(env.get_template('b.html').render())", "open('b.html', 'w').write('CC')"),
    (TEMPLATE, "print(made.is_up_to_date)", "open('b.html', 'w').write('CCC')"),
    (ENCODED, "try: print(open('u').read())\nexcept UnicodeError: print('UE')",
     "locale.setlocale(locale.LC_CTYPE, 'C');"),
    (REPOSITORY, "!git ls-files", "!git add g"),
    (REPOSITORY, "!git --no-optional-locks status --porcelain g", "!git add g"),
    (LINKS, "print(os.path.islink('l'), os.path.lexists('l'))", "os.symlink('nowhere', 'l')"),
    ("import matplotlib", "print(matplotlib.get_backend())", "matplotlib.use('svg')"),
    ("import matplotlib as mpl", "print('zz' in mpl.colormaps)",
     "mpl.colormaps.register(mpl.colors.ListedColormap(['red']), name='zz')"),
    ("import numpy as np\np = np.polynomial.Polynomial([1, 2])", "print(p)",
     "np.polynomial.set_default_printstyle('ascii')"),
    ("import numpy as np", "print(np.ma.array([1, 2], mask=[0, 1]))",
     "np.ma.masked_print_option.set_display('N/A')"),
    ("import sympy as sp\nfrom sympy.core.parameters import global_parameters as gp\n"
     "x = sp.Symbol('x')", "print(x + x)", "gp.evaluate = False"),
    ("import sympy as sp\nfrom sympy.assumptions.assume import global_assumptions as ga\n"
     "x = sp.Symbol('x')", "print(sp.ask(sp.Q.positive(x)))", "ga.add(sp.Q.positive(x))"),
    ("import networkx as nx", "print(nx.config.cache_converted_graphs)",
     "nx.config.cache_converted_graphs = False"),
    ("import torch", "print(torch.utils.deterministic.fill_uninitialized_memory)",
     "torch.utils.deterministic.fill_uninitialized_memory = False"),
    ("import logging, warnings", "print(warnings.showwarning.__name__)",
     "logging.captureWarnings(True)"),
    ("import shutil", "print('zz' in dict(shutil.get_archive_formats()))",
     "shutil.register_archive_format('zz', print)"),
    ("d = {'x': 1}\ndef globals(): return d", "print(globals()['x'])", "d['x'] = 2"),
    ("x = 1", "print('x' in globals())", "def globals(): return ()"),
    ("import csv, io",
     "try: print(list(csv.reader(io.StringIO('abcdefghi,b'))))\nexcept csv.Error: print('E')",
     "csv.field_size_limit(5)"),
    ("import io, pandas as pd",
     "try: print(pd.read_csv(io.StringIO('abcdefghi,b\\n1,2'), engine='python').shape)\n"
     "except Exception: print('E')",
     "import csv\ncsv.field_size_limit(5)"),
    ("import calendar", "print(calendar.month(2020, 1))", "calendar.c.firstweekday = 3"),
    (LINKS, "print(os.path.realpath('l')[-6:])", "os.symlink('nowhere', 'l')"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "cell", "change"), STORIES, ids=[one[1] for one in STORIES])
def test_it_is_not_stale(before: str, cell: str, change: str, tmp_path: Path) -> None:
    """A cell hits until what it depends on changes, shows what it would now, and hits again."""
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run(before)
        replies = [made.run(f"%%cache\n{cell}") for _ in range(3)]
        assert replies[2].state == "hit"
        made.run("unrelated = 3")
        assert made.run(f"%%cache\n{cell}").state == "hit"
        made.run(change)
        first = made.run(f"%%cache\n{cell}")
        plain = made.run(cell)
        assert first.text == plain.text == made.run(f"%%cache\n{cell}").text
        assert first.text != replies[2].text
        assert first.state == "stale"
