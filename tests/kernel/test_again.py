"""A cell that is served again without being read: whatever moved in between still counts."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kernels import Kernel, Reply, kernel

WATCH = """
import os, threading, time, numpy
from pathlib import Path
from nbcache.extension import extension_of
session = extension_of(get_ipython()).session
reads, read = [], session.reader.read
def counted(*given, **named):
    reads.append(1)
    return read(*given, **named)
session.reader.read = counted
del counted
"""
PREPARE = """
values, large = numpy.arange(8.0), numpy.ones(1 << 20)
count, word, pair = 3, "a", (1, 2)
"""


class Watched:
    """A kernel in which is counted how often a cell is read."""

    def __init__(self, made: Kernel, folder: Path) -> None:
        self.made, self.folder = made, folder
        made.run("%%cache quiet\npass")
        made.run(WATCH)
        made.run(PREPARE)
        can_watch = "__import__('nbcache.heap.untouched', fromlist=['x']).UNTOUCHED._protection"
        self.can_watch = made.value(f"{can_watch}.is_there") == "True"

    def act(self, code: str) -> None:
        """Do something in the kernel between its cells, as a callback does."""
        assert self.made.value(f"exec({code!r}, get_ipython().user_ns)") == "None"

    def run(self, cell: str) -> tuple[Reply, bool]:
        """Run a cell; tell also whether it was read."""
        before = int(self.made.value("len(reads)"))
        reply = self.made.run(f"%%cache quiet\n{cell}")
        assert reply.content["status"] == "ok", reply.text
        return reply, int(self.made.value("len(reads)")) > before

    def settle(self) -> None:
        """Let the store's folders look as if nothing had come to them for a while."""
        for shard in (self.folder / "store/joblib/nbcache/cells").glob("*"):
            os.utime(shard, (time.time() - 60, time.time() - 60))

    def prime(self, cell: str) -> Reply:
        """Run a cell until it is served without being read."""
        self.run(cell)
        self.settle()
        for _ in range(6):
            reply, is_read = self.run(cell)
            assert reply.state == "hit", reply.event
            if not is_read or ("large" in cell and not self.can_watch):
                return reply
        pytest.fail(f"is read each time: {cell}")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One kernel for all cases: each has names of its own."""
    with _started(tmp_path_factory.mktemp("again")) as one:
        yield one


@contextmanager
def _started(folder: Path) -> Iterator[Watched]:
    with kernel(folder / "store", folder=folder) as made:
        yield Watched(made, folder)


MOVES = {
    "a small array changed in place": ("a = float(values.sum())\nprint(a)", "values[0] = 100"),
    "a large array changed by a thread": (
        "b = float(large.sum())\nprint(b)",
        "t = threading.Thread(target=large.__setitem__, args=(5, 7.0)); t.start(); t.join()",
    ),
    "an array's shape set": ("c = values.shape\nprint(c)", "values.shape = (2, 4)"),
    "an array that is read-only": (
        "c2 = values.flags.writeable\nprint(c2)", "values.setflags(write=False)"
    ),
    "another array of equal shape": ("d = float(values.max())\nprint(d)", "values = values + 1"),
    "a number": ("e = count * 2\nprint(e)", "count = 8"),
    "a text": ("f = word * 2\nprint(f)", "word = 'b'"),
    "a tuple": ("g = sum(pair)\nprint(g)", "pair = (1, 5)"),
    "a number that became a truth value": ("h = repr(count)\nprint(h)", "count = True"),
    "a function of Python's that is covered": (
        "i = len('abc')\nprint(i)", "len = lambda text: 42"
    ),
    "a name that went": (
        "try:\n    j = word\nexcept NameError:\n    j = 'gone'\nprint(j)", "del word"
    ),
    "how arrays are printed": (
        "k = 1\nprint(values / 3)", "numpy.set_printoptions(precision=2)"
    ),
    "the environment": (
        "m = os.getenv('NB_AGAIN', 'unset')\nprint(m)",
        "os.environ['NB_AGAIN'] = 'set'",
    ),
    "a file that is read": (
        "n = Path('read.txt').read_text()\nprint(n)",
        "Path('read.txt').write_text('second')",
    ),
    "how a type is shown": (
        "count",
        "get_ipython().display_formatter.formatters['text/plain'].for_type("
        "int, lambda value, printer, cycle: printer.text('own'))",
    ),
}  # fmt: skip
BACK = (
    "len = None; del len; numpy.set_printoptions(precision=8); os.environ.pop('NB_AGAIN', None);"
    "get_ipython().display_formatter.formatters['text/plain'].pop(int, None)"
)


@pytest.mark.parametrize("case", MOVES)
def test_what_moves_between_cells_counts(watched: Watched, case: str) -> None:
    """Whatever else than a cell changes an input, the cell does not show its old result."""
    cell, move = MOVES[case]
    watched.act(BACK + PREPARE)
    (watched.folder / "read.txt").write_text("first")
    before = watched.prime(cell)
    watched.act(move)
    after, is_read = watched.run(cell)
    plain = watched.made.run(cell)
    assert after.text == plain.text != before.text
    assert is_read or after.state == "stale"


def test_what_a_run_leaves_is_there_again(watched: Watched) -> None:
    """Names, output and result are as after a run, each value an object of its own."""
    watched.act(BACK + PREPARE)
    cell = "made = [count] * 3\nprint('shown')\nlist(made)"
    watched.prime(cell)
    watched.act("first = made; made = None; other = 1")
    reply, is_read = watched.run(cell)
    assert not is_read
    plain = watched.made.run(cell.replace("made", "unmade"))
    assert (reply.text, len(reply.own)) == (plain.text, len(plain.own))
    assert watched.made.value("(made, made is first, first, _, Out[max(Out)] is _)") == (
        "([3, 3, 3], False, [3, 3, 3], [3, 3, 3], True)"
    )


def test_the_store_and_the_clock_count(watched: Watched) -> None:
    """What expired, what was removed by another process, and an order to run anew count."""
    watched.act(BACK + PREPARE)
    prime = "%%cache quiet ttl=60\nq = count + 1"
    for _ in range(3):
        watched.made.run(prime)
        watched.settle()
    assert watched.made.run(prime).state == "hit"
    watched.act("clock = session.clock; session.clock = lambda: clock() + 3600")
    assert watched.made.run(prime).state == "expired"
    watched.act("session.clock = clock")
    watched.prime("r = count + 1")
    assert watched.made.run("%%cache quiet refresh\nr = count + 1").state == "refreshed"
    watched.prime("r = count + 1")
    shutil.rmtree(watched.folder / "store/joblib/nbcache/cells")
    assert watched.run("r = count + 1")[0].state == "miss"
    watched.prime("r = count + 1")
    for entry in (watched.folder / "store/joblib/nbcache/cells").glob("*/*/output.nbc"):
        entry.unlink()
    watched.settle()
    assert watched.run("r = count + 1")[0].state == "miss"


def test_nothing_is_kept_alive(watched: Watched) -> None:
    """What was an input goes as soon as the notebook lets it go."""
    watched.act(BACK + PREPARE)
    watched.prime("s = float(large.sum())")
    watched.act("import gc, weakref; held = weakref.ref(large); del large; gc.collect()")
    assert watched.made.value("held() is None") == "True"
