"""Nothing is ever stale: cells of a few lines that once were served wrongly, or ran needlessly.

Each scenario is a list of cells; those that begin with ``@`` are cached. One kernel runs them
all, a second one with another hash seed runs them with one edit made, a third one without
nbcache says what the edited cells show.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kernels import Kernel, Reply, kernel

Scenario = tuple[str, list[str], str, str]

QUERY = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nt = 1"
STALE: list[Scenario] = [
    ("eval under another name", ["e = eval\ns = 'x*2'\nx = 1", "@print(e(s))"], "x = 1", "x = 2"),
    ("globals under another name", ["g = globals\nx = 1", "@print(g()['x'])"], "x = 1", "x = 2"),
    (
        "the shell under another name",
        ["ip = get_ipython()\nx = 1", "@n = 'user_' + 'global_ns'; print(getattr(ip, n)['x'])"],
        "x = 1",
        "x = 2",
    ),
    ("a query in a variable", [f"{QUERY}\nq = 'a > @t'", "@print(df.query(q))"], "t = 1", "t = 2"),
    ("a built query", [QUERY, "@print(df.query('a > @' + chr(116)))"], "t = 1", "t = 2"),
    (
        "a query in a list",
        [f"{QUERY}\nqs = ['a > @t']", "@print([df.query(q) for q in qs])"],
        "t = 1",
        "t = 2",
    ),
    (
        "a query in a class",
        [f"{QUERY}\nclass Q:\n    q = 'a > @t'", "@print(df.query(Q.q))"],
        "t = 1",
        "t = 2",
    ),
    (
        "a long query",
        [f"{QUERY}\nq = 'a > @t and ' + ' and '.join(['a > 0'] * 20)", "@print(df.query(q))"],
        "t = 1",
        "t = 2",
    ),
    ("sys.argv", ["import sys\nsys.argv = ['x', '1']", "@print(sys.argv[1])"], "'1'", "'2'"),
    (
        "sys.argv out of sight",
        [
            "import sys, argparse\np = argparse.ArgumentParser(); p.add_argument('n')\n"
            "sys.argv = ['x', '1']",
            "@print(p.parse_args().n)",
        ],
        "'1'",
        "'2'",
    ),
    (
        "sys.path",
        ["import sys\nsys.path.append('/zz1')", "@print([p for p in sys.path if 'zz' in p])"],
        "zz1",
        "zz2",
    ),
    (
        "the recursion limit",
        ["import sys\nsys.setrecursionlimit(3000)", "@print(sys.getrecursionlimit())"],
        "3000",
        "4000",
    ),
    ("a shell's variable", ["import os\nos.environ['ZA'] = '1'", "@!echo $ZA"], "'1'", "'2'"),
    (
        "a process's variable",
        [
            "import os, subprocess\nos.environ['ZB'] = '1'",
            "@print(subprocess.run('echo $ZB', shell=True, capture_output=True).stdout)",
        ],
        "'1'",
        "'2'",
    ),
    (
        "a file that a command names",
        ["open('{far}/f1', 'w').write('1');", "@!cat {far}/f1"],
        "write('1')",
        "write('2')",
    ),
    (
        "a folder that a command enters",
        ["open('{far}/f2', 'w').write('1');", "@!cd {far}; cat f2"],
        "write('1')",
        "write('2')",
    ),
    (
        "a file that is appended to",
        ["1", "@open('log', 'a').write('x');", "print(open('log').read())"],
        "1",
        "2",
    ),
    (
        "a method put into a library's class",
        ["import pandas as pd\npd.DataFrame.tt = lambda self: 1", "@print(pd.DataFrame().tt())"],
        ": 1",
        ": 2",
    ),
    (
        "an accessor",
        [
            "import pandas as pd\nV = 1\n@pd.api.extensions.register_dataframe_accessor('zz')\n"
            "class ZZ:\n    def __init__(self, df): pass\n    def t(self): return V",
            "@print(pd.DataFrame().zz.t())",
        ],
        "V = 1",
        "V = 2",
    ),
    ("a module's attribute", ["import math\nmath.mode = 1", "@print(math.mode)"], "= 1", "= 2"),
    (
        "a library's attribute in a function",
        ["import cmath\ncmath.mode = 1\ndef f(): return cmath.mode", "@print(f())"],
        "= 1",
        "= 2",
    ),
    (
        "the notebook's own printer",
        [
            "class T: pass\nformatters = get_ipython().display_formatter.formatters\n"
            "formatters['text/plain'].for_type(T, lambda o, p, c: p.text('A'))\nt = T();",
            "@t",
        ],
        "'A'",
        "'B'",
    ),
    (
        "a comment that getsource shows",
        ["import inspect\ndef f(): return 1", "@print(inspect.getsource(f))"],
        "return 1",
        "return 1  # c",
    ),
]
"""What the cached cells of these show after the edit must be what a run shows."""

NEEDLESS: list[Scenario] = [
    ("an edit of another variable", ["u = 1\na = 5", "@print(a)"], "u = 1", "u = 2"),
    ("an import elsewhere", ["import math\na = 5", "@print(a)"], "math", "math, wave"),
    ("another function", ["def f(): return 1\ndef g(): return 2", "@print(g())"], "1", "3"),
    ("another environment variable", ["%env ZC=1", "@print(sum([1, 2]))"], "=1", "=2"),
    ("a comment in a function", ["def f(): return 1", "@print(f())"], "1", "1  # c"),
    (
        "a seed that nobody draws from",
        ["import random\nrandom.seed(1)", "@print(max(1, 2))"],
        "(1)",
        "(2)",
    ),
    ("a query's other names", [f"{QUERY}\nu = 1", "@print(df.query('a > @t'))"], "u = 1", "u = 2"),
]
"""The cached cells of these must hit after the edit."""

WARNS = (
    "@import warnings\nwith warnings.catch_warnings(record=True) as w:\n"
    "    warnings.simplefilter('always'); old()\n"
    "seen = [(one.filename.count('ipykernel'), one.lineno > 2) for one in w]; del w; print(seen)"
)
BLAMED: list[Scenario] = [
    (
        f"stack level {level}",
        [f"import warnings\ndef old(): warnings.warn('old', stacklevel={level})", WARNS],
        "old",
        "old",
    )
    for level in (1, 2)
]
"""Warnings name the same lines as in a bare kernel."""

ALL = [*NEEDLESS, *BLAMED, *STALE]
TIDY = "import warnings; warnings.simplefilter('ignore', ResourceWarning)"
RESTORE = "import sys; sys.argv = _argv; sys.path[:] = _path; sys.setrecursionlimit(_limit)"
REMEMBER = "import sys; _argv, _path, _limit = sys.argv, [*sys.path], sys.getrecursionlimit()"


def run_all(made: Kernel, far: Path, *, edited: bool, cached: bool) -> list[list[Reply]]:
    """Run every scenario in one kernel."""
    made.run(f"{TIDY}; {REMEMBER}", store_history=False)
    found = []
    for number, (_, cells, old, new) in enumerate(ALL):
        first = cells[0].replace(old, new, 1) if edited else cells[0]
        replies = []
        for cell in [first, *cells[1:]]:
            text = cell.replace("{far}", str(far))
            is_cached = text.startswith("@")
            if is_cached:
                text = (f"%%cache version={number}\n" if cached else "") + text[1:]
            replies.append(made.run(text))
        found.append(replies)
        made.run(RESTORE, store_history=False)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[Reply], ...]]:
    """Return, for each scenario, its replies when cached, when edited, and when run plainly."""
    top = tmp_path_factory.mktemp("stale")

    def in_kernel(folder: str, *, seed: str, edited: bool, cached: bool) -> list[list[Reply]]:
        here, far = top / folder / "here", top / folder / "far"
        here.mkdir(parents=True, exist_ok=True)
        far.mkdir(parents=True, exist_ok=True)
        with kernel(top / "store", load=cached, folder=here, PYTHONHASHSEED=seed) as made:
            return run_all(made, far, edited=edited, cached=cached)

    first = in_kernel("cached", seed="1", edited=False, cached=True)
    second = in_kernel("cached", seed="2", edited=True, cached=True)
    in_kernel("plain", seed="3", edited=False, cached=False)
    plain = in_kernel("plain", seed="3", edited=True, cached=False)
    replies = zip(first, second, plain, strict=True)
    names = [name for name, *_ in ALL]
    return dict(zip(names, replies, strict=True))


def shown(replies: list[Reply]) -> list[str]:
    """Return the text that the cells behind the first one show."""
    return [re.sub(r"\s+", " ", reply.text) for reply in replies[1:]]


@pytest.mark.parametrize("name", [name for name, *_ in [*STALE, *BLAMED]])
def test_nothing_is_stale(runs: dict[str, tuple[list[Reply], ...]], name: str) -> None:
    """After an edit of what it depends on, a cell shows what a bare kernel shows."""
    _, edited, plain = runs[name]
    assert shown(edited) == shown(plain)


@pytest.mark.parametrize("name", [name for name, *_ in NEEDLESS])
def test_nothing_runs_needlessly(runs: dict[str, tuple[list[Reply], ...]], name: str) -> None:
    """After an edit of what it does not depend on, a cell hits."""
    first, edited, plain = runs[name]
    assert (first[1].state in {"miss", "stale"}, edited[1].state) == (True, "hit")
    assert shown(edited) == shown(plain)
