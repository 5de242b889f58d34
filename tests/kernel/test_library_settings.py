"""Settings of libraries that a cell makes by any of its functions: never lost, never stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel, kernel

HELPER = "import sklearn\ndef assume(yes): sklearn.set_config(assume_finite=yes)\n"
SET_UP = """
import csv, dask, sys, functools, gettext, mimetypes, mpmath, reprlib, sklearn, sympy, token
import collections.abc, decimal, dotenv, humanize, logging, pendulum, regex, tracemalloc, types
import matplotlib.pyplot as plt, numpy as np, pandas as pd
import contextlib, importlib
import dask.callbacks, dask.diagnostics, networkx as nx, pyparsing as pp, multiprocessing as mp
from nbcache import cache
import helper
yes, name, few, size = True, "zz", 2, 7
named, given = "set_config", {"assume_finite": True}
graph = nx.path_graph(3)
def assume(yes): sklearn.set_config(assume_finite=yes)
def inner(yes):
    from sklearn import set_config
    set_config(assume_finite=yes)
def deep(yes): assume(yes)
class Setter:
    def go(self, yes): assume(yes)
setter, setters = Setter(), [Setter()]
setter.inner = sklearn.set_config
partial = functools.partial(sklearn.set_config, assume_finite=True)
alias, ways = sklearn.set_config, {"set": sklearn.set_config}
def limit(n): reprlib.aRepr.maxlist = n
def put(kind): mimetypes.types_map[".qq"] = kind
def precise(digits): mpmath.mp.dps = digits
def ignore(text): nx.config.warnings_to_ignore.add(text)
def spaces(text): pp.ParserElement.set_default_whitespace_chars(text)
def dialect(name): csv.register_dialect(name, delimiter=";")
def week(): pendulum.week_starts_at(pendulum.SUNDAY)
def version(): regex.DEFAULT_VERSION = regex.V1
def style(): plt.style.library["mine"] = {}
def prec(): decimal.DefaultContext.prec = 7
def printed(): np.polynomial.set_default_printstyle("ascii")
def converters(): pd.plotting.register_matplotlib_converters()
def abstract(kind): collections.abc.Sequence.register(kind)
def traced(): tracemalloc.start()
def last(): logging.lastResort = None
def module(): sys.modules["made"] = types.ModuleType("made")
class Own: pass
own, marks = Own(), {}
def mark(one): marks[id(one)] = True
def context(yes):
    with sklearn.config_context(assume_finite=yes): return 3
def turned(angle):
    found = sympy.eye(2)
    found[0, 1] = sympy.sin(angle * sympy.pi)
    return found
def same(one, other): return id(one) == id(other)
stack = contextlib.ExitStack()
def enter(yes): stack.enter_context(sklearn.config_context(assume_finite=yes))
def importing(name): importlib.import_module(name).set_config(assume_finite=True)
class Watching(dask.callbacks.Callback): pass
watching = Watching()
def profiled(): dask.diagnostics.Profiler().register()
def annotate(graph): nx.set_node_attributes(graph, 1, "w")
"""
OF_SKLEARN = [
    "sklearn.set_config(assume_finite=yes)",
    "assume(yes)",
    "inner(yes)",
    "deep(yes)",
    "setter.go(yes)",
    "for one in setters: one.go(yes)",
    "setter.inner(assume_finite=True)",
    "helper.assume(yes)",
    "partial()",
    "alias(**given)",
    "ways['set'](assume_finite=True)",
    "getattr(sklearn, 'set_config')(assume_finite=True)",
    "getattr(sklearn, named)(**given)",
    "vars(sklearn)['set_config'](assume_finite=True)",
    "[assume(one) for one in (False, True)]",
    "kept = sklearn.config_context(assume_finite=yes)\nkept.__enter__()",
    "enter(yes)",
    "stack.enter_context(sklearn.config_context(assume_finite=yes))",
    "importing('sklearn')",
]
OTHERS = [
    "dask.config.set(scheduler=name)",
    "answer = dask.config.set(scheduler='sync')",
    "old = csv.field_size_limit(7)",
    "csv.field_size_limit(size)",
    "gettext.textdomain(name)",
    "domain = gettext.textdomain('zz')",
    "mimetypes.add_type(name, '.zzz')",
    "q = pp.ParserElement.enable_packrat(7, force=True)",
    "mp.set_start_method('spawn', force=True)",
    "limit(few)",
    "put('u/v')",
    "put(name)",
    "mimetypes.types_map.update({'.qq': name})",
    "precise(30)",
    "ignore(name)",
    "spaces(' ')",
    "dialect(name)",
    "held = token.EXACT_TOKEN_TYPES\nheld['QQ'] = 3",
    "humanize.activate('de_DE')",
    "week()",
    "version()",
    "style()",
    "prec()",
    "printed()",
    "converters()",
    "abstract(Own)",
    "traced()",
    "last()",
    "module()",
    "mark(own)",
    "at = hash(own)",
    "kept = mpmath.workdps(30)\nkept.__enter__()",
    "watching.register()",
    "profiled()",
]
HARMLESS = [
    "x = context(yes)",
    "annotate(graph)",
    "nx.set_node_attributes(graph, 1, 'w')",
    "x = str(mpmath.mp.sqrt(few))",
    "x = []\nx.append(mpmath.mp.gamma(few))",
    "x = reprlib.repr([1])",
    "x = csv.field_size_limit()",
    "from sklearn.linear_model import LinearRegression\nx = LinearRegression().set_params()",
    "import networkx\nx = networkx.Graph()\nx.add_edge(1, 2)",
    "from rich.table import Table\nheld = Table()\nheld.add_column('a')\ndel held",
    "import configparser\nx = configparser.ConfigParser()\nx.add_section('a')",
    "from mpl_toolkits.mplot3d import Axes3D\nx = Axes3D.set_zlabel.__name__",
    "x = turned(few)",
    "x = same(graph, graph)",
    "dotenv.load_dotenv('.env')",
    "with contextlib.ExitStack() as s: x = s.enter_context(contextlib.nullcontext(5))\ndel s",
    "with sklearn.config_context(assume_finite=True): x = 3",
]
CHANGES = {
    "print(sklearn.get_config()['assume_finite'])": OF_SKLEARN,
    "print(reprlib.repr(list(range(9))))": ["limit(few)", "limit(3)"],
    "print(mimetypes.guess_type('a.qq')[0])": ["put('c/d')", "mimetypes.types_map['.qq'] = 'e/f'"],
    "print(str(mpmath.mp.sqrt(2)))": ["precise(30)", "kept = mpmath.workdps(30)\nkept.__enter__()"],
    "print(sorted(nx.config.warnings_to_ignore))": ["ignore(name)"],
    "print(csv.field_size_limit())": ["csv.field_size_limit(size)"],
    "print(dask.config.get('scheduler', None))": ["dask.config.set(scheduler=name)"],
}


RESET = """
sklearn.set_config(assume_finite=False)
csv.field_size_limit(131072); dask.config.set(scheduler=None); mimetypes.types_map.pop(".qq", None)
limit(6); precise(15); nx.config.warnings_to_ignore.clear()
"""
"""What one test leaves set and another one would."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("settings")
    (made / "helper.py").write_text(HELPER)
    return made


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Kernel]:
    """One kernel for all cells that set something."""
    with kernel(folder / "store", folder=folder) as one:
        one.run(SET_UP)
        yield one


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[tuple[Kernel, Kernel]]:
    """Two kernels over one store, in which nothing was set."""
    with kernel(folder / "two", folder=folder) as one, kernel(folder / "two", folder=folder) as two:
        one.run(SET_UP)
        two.run(SET_UP)
        yield one, two


@pytest.fixture
def made(shared: Kernel) -> Kernel:
    shared.run(RESET)
    return shared


@pytest.mark.parametrize("cell", [*OF_SKLEARN, *OTHERS])
def test_a_cell_that_sets_something_is_not_stored(made: Kernel, cell: str) -> None:
    """A hit could not set it again: the cell runs, and the status says why."""
    reply = made.run(f"%%cache\n{cell}")
    assert reply.state == "bypass"
    reason = reply.event["reasons"][0]
    assert any(word in reason for word in ("own", "belongs", "begun")), reason


@pytest.mark.parametrize("cell", HARMLESS)
def test_what_sets_nothing_is_stored(two: tuple[Kernel, Kernel], cell: str) -> None:
    """Contexts that end, changes of own objects and a library's own caches are no settings."""
    assert [one.run(f"%%cache\n{cell}").state for one in two] == ["miss", "hit"]


@pytest.mark.parametrize(
    ("cell", "change"), [(cell, change) for cell, changes in CHANGES.items() for change in changes]
)
def test_it_counts(made: Kernel, cell: str, change: str) -> None:
    """What an earlier cell set, by whatever way, is an input of later ones."""
    replies = [made.run(f"%%cache\n{cell}") for _ in range(3)]
    assert replies[-1].state == "hit"
    made.run(change)
    first = made.run(f"%%cache\n{cell}")
    assert first.text == made.run(cell).text == made.run(f"%%cache\n{cell}").text
    assert first.text != replies[0].text


def test_a_variable_that_changed_since_says_nothing(made: Kernel) -> None:
    """What stands set counts, not what the variable that was handed over holds by now."""
    cell = "%%cache\nprint(sklearn.get_config()['assume_finite'])"
    made.run("yes = False\nassume(yes)")
    assert made.run(cell).text.strip() == "False"
    made.run("yes = True\nassume(yes)\nyes = False")
    assert made.run(cell).text.strip() == "True"
    made.run("yes = True")


def test_a_call_that_sets_something_is_not_stored(made: Kernel) -> None:
    """The same holds of a cached function."""
    made.run("@cache\ndef change(): assume(True)")
    assert "`sklearn.set_config(…)` sets something in sklearn" in made.run("change()").text
    assert made.value("change.cache_info().currsize") == "0"
