"""What the user's code puts into libraries counts, wherever the assignment is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

PATCHER = """
import builtins, numpy as np
abs_, sum_ = abs, np.sum
def patch(k):
    builtins.abs = lambda v: abs_(v) + k
    np.sum = lambda v: sum_(v) + k
def undo():
    builtins.abs, np.sum = abs_, sum_
"""
STORIES = {
    "a local module patches": (
        ["import patcher, numpy as np"],
        ["patcher.patch(1)", "patcher.patch(5)", "patcher.undo()"],
    ),
    "a cell and a local module patch": (
        ["import patcher, numpy as np", "np.sum = sum", "np.sum = patcher.sum_"],
        ["patcher.patch(1)", "np.sum = len", "patcher.patch(7)", "patcher.undo()"],
    ),
    "by a text": (
        ["import numpy as np; sum_ = np.sum"],
        ["exec('np.sum = lambda v: 5')", "exec('np.sum = lambda v: 7')", "exec('np.sum = sum_')"],
    ),
    "by a script": (
        [
            "import numpy as np; sum_ = np.sum",
            "k = 5\nwith open('p.py', 'w') as file:\n"
            "    print('def own(v): return k', 'np.sum = own', sep=chr(10), file=file)",
        ],
        ["%run -i p.py", "k = 9"],
    ),
    "by steps of a table": (
        ["import builtins, numpy as np; at = {'n': np, 'b': builtins}; old = np.sum, abs"],
        [
            "at['n'].sum = lambda v: 5",
            "at['b'].abs = lambda v: 5",
            "at['n'].sum, at['b'].abs = old",
        ],
    ),
    "a function patches what it imports": (
        [
            "def patch(k):\n    import builtins\n    builtins.abs = lambda v: -k",
            "import numpy as np; old = abs",
        ],
        ["patch(1)", "patch(5)", "import builtins; builtins.abs = old"],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_patches_count(story: str, tmp_path: Path) -> None:
    """A cell is not served with what it showed before a library was changed."""
    (tmp_path / "patcher.py").write_text(PATCHER)
    cell = "print(abs(-3), np.sum([1, 2]))"
    before, changes = STORIES[story]
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        for text in before:
            made.run(text)
        replies = [made.run(f"%%cache\n{cell}") for _ in range(3)]
        assert [reply.state for reply in replies] == ["miss", "hit", "hit"]
        for change in changes:
            made.run(change)
            plain, first, second = (
                made.run(text + cell) for text in ("", "%%cache\n", "%%cache\n")
            )
            assert first.text == second.text == plain.text, change
            assert second.state == "hit"


IMPORTS = """
from nbcache import cache
import codecs, decimal, gc, math, numpy as np, os, socket, sys, warnings
import patcher
def look(name):
    info = codecs.CodecInfo(lambda text, errors="strict": (WORD, 1), None, name="zq")
    return info if name == "zq" else None
def mode():
    open("made", "w").close()
    found = os.stat("made").st_mode
    os.remove("made")
    return oct(found)
WORD = "one"
codecs.register(look)
"""
OF_FUNCTIONS = {
    "a cell patches": ("np.sum([1, 2])", ["np.sum = len", "np.sum = max"]),
    "a cell patches Python's own": (
        "abs(-3)",
        ["import builtins; builtins.abs = lambda v: 8", "builtins.abs = lambda v: 9"],
    ),
    "a local module patches": (
        "(abs(-3), np.sum([1, 2]))", ["patcher.patch(1)", "patcher.patch(5)", "patcher.undo()"]
    ),
    "the running cell patches": ("math.floor(2.5)", ["math.floor = lambda v: 'p'"]),
    "something is registered": (
        "codecs.encode('a', 'zq')", ["WORD = 'two'; codecs.unregister(look); codecs.register(look)"]
    ),
    "the process is changed": ("mode()", ["os.umask(0o077);"]),
    "arguments": ("sys.argv[1:]", ["sys.argv = ['x', 'y']"]),
    "filters": ("len(warnings.filters)", ["warnings.filterwarnings('ignore', message='zq')"]),
    "a limit": ("sys.getrecursionlimit()", ["sys.setrecursionlimit(1234)"]),
    "the collector": ("gc.isenabled()", ["gc.disable()", "gc.enable()"]),
    "a time to wait": ("socket.getdefaulttimeout()", ["socket.setdefaulttimeout(5)"]),
    "a context": ("decimal.Context().prec", ["decimal.DefaultContext.prec = 11"]),
}  # fmt: skip


@pytest.mark.parametrize("story", OF_FUNCTIONS)
def test_patches_count_for_cached_functions(story: str, tmp_path: Path) -> None:
    """A cached function gives what it would give after something in a library was changed."""
    (tmp_path / "patcher.py").write_text(PATCHER)
    result, changes = OF_FUNCTIONS[story]
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        made.run(IMPORTS)
        made.run(f"@cache\ndef f():\n    return {result}")
        made.run("for _ in range(4): f()")
        assert made.value("f.cache_info().hits") == "3"
        for change in changes:
            assert made.run(f"{change}\nf()").content["status"] == "ok"
            assert made.value("f()") == made.value("f.__wrapped__()"), change
            made.run("f(); f()")
            assert made.value("f()") == made.value("f.__wrapped__()"), change
