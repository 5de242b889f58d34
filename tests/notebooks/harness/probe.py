"""Describes a kernel's final state as canonical JSON; runs inside the kernel, after the last cell.

It shares no code with nbcache, so that a mistake there cannot hide here. Started with
``runpy.run_path(..., {"TARGET": path})``; the ambient state is read before anything else,
because the probe itself imports modules.
"""

from __future__ import annotations

import decimal
import json
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

RANDOM_STATE = random.getstate()
AMBIENT_PATH = list(sys.path)
HIDDEN_ENVIRONMENT = (
    "NBCACHE_",
    "JPY_",
    "PYTHONHASHSEED",
    "IPYTHONDIR",
    "JUPYTER_",
    "PYDEVD_",
)
OWN_NAMES = frozenset({"get_ipython", "exit", "quit", "open"})


def ambient(names: list[str]) -> dict[str, Any]:
    """Return the state around the namespace that a cell can change, by name."""
    numpy = sys.modules["numpy"]
    kind, key, *position = numpy.random.get_state()
    state = {
        "random": RANDOM_STATE,
        "numpy.random": [kind, key.tolist(), *position],
        "numpy.printoptions": sorted(map(repr, numpy.get_printoptions().items())),
        "numpy.errors": sorted(numpy.geterr().items()),
        "cwd": os.getcwd(),
        "sys.path": AMBIENT_PATH,
        "warnings": [repr(entry) for entry in warnings.filters],
        "decimal": repr(decimal.getcontext()),
        "recursion limit": sys.getrecursionlimit(),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if not name.startswith(HIDDEN_ENVIRONMENT)
        },
        "names in order": names,
    }
    return state | library_state()


def library_state() -> dict[str, Any]:
    """Return the options of the libraries that the notebook has loaded."""
    state: dict[str, Any] = {}
    if "matplotlib" in sys.modules:
        parameters = sys.modules["matplotlib"].rcParams
        state["rcParams"] = {key: repr(dict.__getitem__(parameters, key)) for key in parameters}
    if "matplotlib.pyplot" in sys.modules:
        state["open figures"] = sys.modules["matplotlib.pyplot"].get_fignums()
    if "pandas" in sys.modules:
        options = sys.modules["pandas"].describe_option("", _print_desc=False)
        state["pandas options"] = [line for line in options.splitlines() if "currently" in line]
    return state


def user_names(namespace: dict[str, Any]) -> list[str]:
    """Return the names to describe: the user's own first, then IPython's history."""
    shown = [
        name
        for name in namespace
        if not (name.startswith("__") and name.endswith("__") and len(name) > 4)
        and name not in OWN_NAMES
    ]
    history = {name for name in shown if name.startswith("_") or name in {"In", "Out"}}
    return sorted(set(shown) - history) + sorted(history)


def files_below(folder: str) -> dict[str, str]:
    """Return the digest of each file in the working directory, by relative path."""
    import hashlib

    found = {}
    for path in sorted(Path(folder).rglob("*"))[:2000]:
        if path.is_file() and "__pycache__" not in path.parts:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main(target: str, folder: str) -> None:
    """Write the description of this kernel's state to ``target``."""
    from IPython import get_ipython

    namespace = get_ipython().user_ns
    names = user_names(namespace)
    order = [name for name in namespace if name in set(names) and not name.startswith("_")]
    state = ambient(order)
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(20_000)
    sys.path.insert(0, str(Path(__file__).parent))
    import probe_values

    walker = probe_values.Walker(namespace)
    described = {name: walker.describe_name(name) for name in names}
    walker.note_shared_memory()
    result = {"names": described, "ambient": state, "files": files_below(folder)}
    Path(target).write_text(json.dumps(result, default=repr))


if __name__ == "nbcache_probe":
    main(globals()["TARGET"], globals()["FOLDER"])
