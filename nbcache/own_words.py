"""Words of texts that name what the cell itself binds: ``age = df["age"]``.

A text may be an expression that somebody evaluates over the notebook's variables, so that its
words count as inputs. A variable that the cell binds anew would then be one on every run but
the first, with the value that the cell itself gave it, and the second run in a kernel would
always be a miss. So such words are left out, if nothing in reach looks for variables by name
unseen: no ``eval`` or ``globals()`` in the code, and no library but those that leave the
variables of their callers alone, or whose look-ups are watched while the cell runs. Of a library
that is not known to be one of these, the source is searched once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from nbcache.cell.names import Names
from nbcache.cell.source import Source
from nbcache.heap.walk import Walk
from nbcache.locality import is_local_module
from nbcache.witnesses import spelled_names

_LOOKING = frozenset({
    "__main__", "_duckdb", "bdb", "builtins", "cProfile", "code", "codeop", "ctypes", "doctest",
    "duckdb", "gc", "inspect", "pdb", "profile", "pydoc", "rlcompleter", "runpy", "site", "sys",
    "trace", "traceback", "unittest",
})  # fmt: skip
"""Modules that reach variables of their callers, or run texts over the notebook."""

_PLAIN = (sys.stdlib_module_names - _LOOKING) | {
    "PIL", "altair", "attr", "attrs", "bokeh", "bs4", "cycler", "dateutil", "h5py",
    "imageio", "joblib", "lightgbm", "lxml", "matplotlib", "more_itertools", "mpl_toolkits",
    "mpmath", "networkx", "nltk", "numexpr", "numpy", "openpyxl", "orjson", "pandas", "patsy",
    "plotly", "polars", "pyarrow", "pytz", "requests", "scipy", "seaborn", "shapely",
    "skimage", "sklearn", "sqlalchemy", "statsmodels", "sympy", "tabulate", "toolz", "torch",
    "torchvision", "tqdm", "xarray", "xgboost", "xlrd", "yaml",
}  # fmt: skip
"""Libraries that take no variables from their callers, or through functions that are watched."""

_LOOKERS = re.compile(
    r"\b(bmat|[rc]_|CompilationUnit|get_ipython|InteractiveShell|currentframe|_getframe)\b"
)
"""Words of code that may read variables by way of the libraries above: ``np.bmat("A B")``."""

_READS = re.compile(
    rb"\b(f_locals|f_globals|import __main__|modules\[.__main__|user_ns)\b"
    rb"|Py(Eval|Frame)_Get(Frame|Globals|Locals)"
)
"""What reads variables of other code, in Python and in compiled modules."""

_MOST_MODULES, _MOST_BYTES = 400, 1 << 25

_searched: dict[str, bool] = {}
"""Files of libraries: whether variables of other code are read in them."""

_told: dict[str, tuple[int, bool]] = {}
"""Of libraries: how many modules were loaded when they were looked at, and what was found."""

_NOTEBOOK = frozenset({"__main__", "", "builtins", "nbcache"})


def spare(walk: Walk, names: Names) -> None:
    """Let words of texts alone where they name what the cell binds and does not read."""
    if not (names.hidden or names.magics):
        walk.spared = dict.fromkeys(names.binds - names.reads, False)


def need_spared(walk: Walk, source: Source, *, is_hidden: bool) -> None:
    """Ask for them after all, if somebody in reach may look for them."""
    spared, walk.spared = walk.spared or {}, None
    wanted = {name for name, is_mentioned in spared.items() if is_mentioned}
    if wanted and (is_hidden or _may_look(walk, source)):
        for name in sorted(wanted):
            walk.need(name)
        walk.run()


def _may_look(walk: Walk, source: Source) -> bool:
    if _LOOKERS.search(f"{source.text} {spelled_names(walk)}"):
        return True
    return not _are_plain({*walk.packages, *source.names.imports, *walk.modules})


def _are_plain(modules: Iterable[str]) -> bool:
    packages = {module.partition(".")[0] for module in modules} - _NOTEBOOK - _PLAIN
    return all(map(_leaves_callers_alone, packages))


def _leaves_callers_alone(package: str) -> bool:
    """Tell whether no module of a library that is loaded reads variables of other code."""
    if package in _LOOKING or is_local_module(package):
        return False
    count = len(sys.modules)
    if _told.get(package, (0, False))[0] != count:
        _told[package] = count, _are_silent(package)
    return _told[package][1]


def _are_silent(package: str) -> bool:
    inner = f"{package}."
    found = [module for name, module in [*sys.modules.items()] if f"{name}.".startswith(inner)]
    files = [str(getattr(module, "__file__", None) or "") for module in found]
    if not found or len(found) > _MOST_MODULES:
        return False
    return not any(map(_reads_others, filter(None, files)))


def _reads_others(file: str) -> bool:
    if file not in _searched:
        try:
            with open(file, "rb") as stream:
                text = stream.read(_MOST_BYTES + 1)
        except OSError:
            text = b"f_locals"
        _searched[file] = len(text) > _MOST_BYTES or _READS.search(text) is not None
    return _searched[file]
