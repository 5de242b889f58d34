"""Runs inside the kernels under test: puts a case's surroundings back, and describes them."""

import decimal
import hashlib
import locale
import logging
import os
import random
import shutil
import sys
import warnings

SHELL = get_ipython()  # noqa: F821 - of the kernel that this text is sent to
HOME = os.getcwd()
BASE = {
    "environment": dict(os.environ),
    "path": list(sys.path),
    "filters": list(warnings.filters),
    "printing": {
        "precision": 8,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 75,
        "suppress": False,
        "nanstr": "nan",
        "infstr": "inf",
        "formatter": None,
        "floatmode": "maxprec",
    },
    "locale": locale.setlocale(locale.LC_ALL),
    "context": decimal.getcontext().copy(),
    "recursion": sys.getrecursionlimit(),
    "switch": sys.getswitchinterval(),
    "loggers": frozenset(logging.root.manager.loggerDict),
}


def reset(seeded: bool) -> None:
    """Empty the namespace and the folder, and put the ambient state back."""
    SHELL.reset(new_session=False)
    BASE["cells"] = len(SHELL.user_ns["In"])
    os.environ.clear()
    os.environ.update(BASE["environment"])
    os.chdir(HOME)
    for name in os.listdir(HOME):
        shutil.rmtree(name) if os.path.isdir(name) else os.remove(name)
    sys.path[:] = BASE["path"]
    warnings.filters[:] = BASE["filters"]
    decimal.setcontext(BASE["context"].copy())
    locale.setlocale(locale.LC_ALL, BASE["locale"])
    sys.setrecursionlimit(BASE["recursion"])
    sys.setswitchinterval(BASE["switch"])
    logging.root.setLevel(logging.WARNING)
    logging.disable(logging.NOTSET)
    reset_libraries(seeded)
    if seeded:
        random.seed(20)


def reset_libraries(seeded: bool) -> None:
    """Put back the options of the libraries that are loaded."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    BASE["numpy is seeded"] = seeded and numpy is not None
    if numpy is not None:
        numpy.set_printoptions(**BASE["printing"])
        numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
        if seeded:
            numpy.random.seed(21)
    if pandas is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pandas.reset_option("all")
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
        sys.modules["matplotlib"].rcdefaults()


def describe() -> dict:
    """Return what a later cell may see of names, history and surroundings, as text."""
    hidden = SHELL.user_ns_hidden
    names = [n for n in SHELL.user_ns if n not in hidden and not n.startswith("_i")]
    past = SHELL.user_ns
    found = {
        "names": sorted(n for n in names if n[:1] != "_" or n[1:2].isalpha()),
        "_ __ ___": [text(past.get(n)) for n in ("_", "__", "___")],
        "Out": [(n, text(value)) for n, value in past["Out"].items()],
        "Out is shown": past["Out"] is past["_oh"],
        "In": past["In"][BASE["cells"] :],
        "execution count": SHELL.execution_count,
        "random": digest(random.getstate()),
        "environment": sorted(set(os.environ.items()) ^ set(BASE["environment"].items())),
        "folder": os.path.relpath(os.getcwd(), HOME),
        "files": sorted(os.listdir(HOME)),
        "path": [item.replace(HOME, "home") for item in sys.path],
        "filters": [tuple(map(str, item)) for item in warnings.filters],
        "decimal": str(decimal.getcontext()),
        "printing": {
            "precision": 8,
            "threshold": 1000,
            "edgeitems": 3,
            "linewidth": 75,
            "suppress": False,
            "nanstr": "nan",
            "infstr": "inf",
            "formatter": None,
            "floatmode": "maxprec",
        },
        "locale": locale.setlocale(locale.LC_ALL),
        "interpreter": (sys.getrecursionlimit(), sys.getswitchinterval()),
        "logging": (logging.root.level, logging.root.manager.disable, len(logging.root.handlers)),
        "streams": (type(sys.stdout).__name__, type(sys.stderr).__name__),
        "magics": sorted(set(SHELL.magics_manager.magics["line"]) - {"cache", "nbcache"}),
    }
    return {name: text(value) for name, value in {**found, **of_libraries()}.items()}


def of_libraries() -> dict:
    """Return the options of the libraries that are loaded."""
    found = {}
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if BASE["numpy is seeded"]:
        _, words, *rest = numpy.random.get_state()
        found["numpy.random"] = digest((words.tobytes(), rest))
    if numpy is not None:
        found["numpy"] = (numpy.get_printoptions(), numpy.geterr())
    if pandas is not None:
        config = pandas._config.config
        names = sorted(config._registered_options)
        found["pandas"] = {name: config.get_option(name) for name in names}
    if "matplotlib" in sys.modules:
        found["rcParams"] = dict(sys.modules["matplotlib"].rcParams)
    if "matplotlib.pyplot" in sys.modules:
        plt = sys.modules["matplotlib.pyplot"]
        found["figures"] = [(n, len(plt.figure(n).axes)) for n in plt.get_fignums()]
    return found


def text(value: object) -> str:
    """Return a value's repr, or what went wrong."""
    try:
        return repr(value)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def digest(value: object) -> str:
    """Return a short digest of a plain value."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
