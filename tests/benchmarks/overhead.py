"""What nbcache adds to a cell, against bare kernels that take turns with it in the same run."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kernels import Kernel, Reply, kernel
from measuring import Case, Table, Times, take_turns, tell, timed

SMALL = "squares = [i * i for i in range(200)]\nprint(sum(squares))"
LIBRARIES = (
    "import numpy, pandas, matplotlib.pyplot, sklearn.ensemble, sklearn.svm, scipy.stats,"
    " scipy.optimize, scipy.signal, pyarrow, polars, networkx, seaborn"
)
EMPTY = "def load_ipython_extension(shell):\n    pass\n"

BARE, BARE_SMALL = "bare: x = 1", "bare: small cell"
AT_REST, IN_USE = "loaded, at rest: x = 1", "loaded, in use: x = 1"
MISS, MISS_SMALL = "miss: x = 1", "miss: small cell"
HIT, HIT_BADGE = "hit: small cell", "hit: small cell, with badge"
EMPTY_LOAD, LOAD = "%load_ext empty", "%load_ext nbcache"
FIRST_BARE, FIRST_MISS = "first cell after: bare", "first cell after: miss"
FIRST_IDLE = "first cell after a pause: miss"

PAUSE = 0.02
"""IPython writes a cell's history to disk in a thread, and the next cell waits for that."""

IDLE = 1.5
"""So long a kernel is left alone before its first cell: nbcache loads the rest of itself."""

_numbers = itertools.count()


@dataclass(frozen=True)
class Trio:
    """Three kernels with the same modules: bare; loaded, at rest; loaded and in use."""

    bare: Kernel
    resting: Kernel
    used: Kernel


@contextmanager
def trio(folder: Path, setup: str = "pass") -> Iterator[Trio]:
    """Start the three kernels and run the same set-up in each."""
    with (
        started(folder / "bare", load=False) as bare,
        started(folder / "resting") as resting,
        started(folder / "used") as used,
    ):
        for one in (bare, resting, used):
            run(one, setup)
        yield Trio(bare, resting, used)


def started(folder: Path, load: bool = True) -> AbstractContextManager[Kernel]:
    """Start a kernel with a store, a working directory and a history of its own.

    It shares its modules' bytecode with the kernels beside it, as those of an installation do.
    """
    folder.mkdir(parents=True)
    own = {
        "IPYTHONDIR": str(folder.parent / f"ipython-{folder.name}"),
        "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return kernel(folder / ".store", load=load, folder=folder, **own)


def run(one: Kernel, code: str, state: str = "") -> Reply:
    """Run a cell that must do what it is timed for."""
    reply = one.run(code)
    if reply.content.get("status") != "ok" or (state and reply.state != state):
        raise RuntimeError(f"expected {state or 'ok'}: {reply.event or reply.content}")
    return reply


def process_of(one: Kernel) -> int:
    """Return the id of a kernel's process."""
    return int(one.value("__import__('os').getpid()"))


def trivial(head: str = "") -> Callable[[], str]:
    """Return a maker of trivial cells, each another one."""
    return lambda: f"{head}x = {next(_numbers)}"


def small(head: str = "", tail: str = "") -> Callable[[], str]:
    """Return a maker of small cells that compute and print; the same each time without tail."""
    return lambda: f"{head}{SMALL}" + (f"\n{tail} = {next(_numbers)}" if tail else "")


def case(
    name: str, one: Kernel, cell: Callable[[], str], reference: str = "", state: str = ""
) -> Case:
    """Return the case of one cell in one kernel, just after a plain one, so that all are alike."""

    def prepare() -> str:
        run(one, "pass")
        time.sleep(PAUSE)
        return cell()

    return Case(name, partial(run, one, state=state), reference, prepare, process_of(one))


def cells_of(three: Trio) -> list[Case]:
    """Return a case for each way in which a cell can pass."""
    quiet, shown = "%%cache quiet\n", "%%cache\n"
    run(three.used, quiet + SMALL, "miss")
    bare, resting, used = three.bare, three.resting, three.used
    return [
        case(BARE, bare, trivial()),
        case(AT_REST, resting, trivial(), BARE),
        case(IN_USE, used, trivial(), BARE),
        case(MISS, used, trivial(quiet), BARE, "miss"),
        case(BARE_SMALL, bare, small()),
        case(MISS_SMALL, used, small(quiet, "mark"), BARE_SMALL, "miss"),
        case(HIT, used, small(quiet), BARE_SMALL, "hit"),
        case(HIT_BADGE, used, small(shown), BARE_SMALL, "hit"),
    ]


def time_cells(rounds: int = 60, setup: str = "pass") -> Table:
    """Return the times of all cases in kernels that ran ``setup`` first."""
    with (
        tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder,
        trio(Path(folder), setup) as three,
    ):
        modules = three.used.value("len(__import__('sys').modules)")
        title = f"A cell's round trip, {modules} modules loaded"
        return take_turns(title, cells_of(three), rounds, warm_up=4)


def time_loading(rounds: int = 7) -> Table:
    """Return the times of loading as the first cell, and of the first cell after it."""
    rows = {
        EMPTY_LOAD: Times(EMPTY_LOAD),
        LOAD: Times(LOAD, EMPTY_LOAD),
        FIRST_BARE: Times(FIRST_BARE),
        FIRST_MISS: Times(FIRST_MISS, FIRST_BARE),
        FIRST_IDLE: Times(FIRST_IDLE, FIRST_BARE),
    }
    plans = (
        ("empty_extension", 0.0, rows[EMPTY_LOAD], rows[FIRST_BARE], "x = 1"),
        ("nbcache", 0.0, rows[LOAD], rows[FIRST_MISS], "%%cache quiet\nx = 1"),
        ("nbcache", IDLE, rows[LOAD], rows[FIRST_IDLE], "%%cache quiet\nx = 1"),
    )
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as name:
        folder = Path(name)
        for turn in range(len(plans) * (rounds + 1)):
            extension, pause, loading, first, cell = plans[turn % len(plans)]
            with started(folder / str(turn), load=False) as one:
                (folder / str(turn) / "empty_extension.py").write_text(EMPTY)
                times = [_timed_once(one, f"%load_ext {extension}")]
                time.sleep(pause)
                times.append(_timed_once(one, cell))
            if turn >= len(plans):
                loading.add(*times[0])
                first.add(*times[1])
    return Table("Loading in a fresh kernel", rows)


def _timed_once(one: Kernel, code: str) -> tuple[float, float | None]:
    """Time a cell in a kernel that ran nothing before, its process found from outside."""
    process = one.client.parent.provisioner.pid if one.client.parent else 0
    return timed(Case("", partial(run, one), prepare=lambda: code, process=process))


def main(rounds: int = 60) -> None:
    """Measure and tell everything."""
    cells, crowded = time_cells(rounds), time_cells(rounds, LIBRARIES)
    tell(cells, crowded, time_loading(9), into="overhead.json")


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
