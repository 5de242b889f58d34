"""What is left of nbcache while no cell runs: nothing outside of the shell's own hooks."""

from __future__ import annotations

import pytest
from kernels import Kernel, kernel

LOOK = r'''
import builtins, gc, os, pkgutil, signal, socket, subprocess, sys, threading, types, warnings

def _inotify_watches():
    found = 0
    folder = "/proc/self/fdinfo"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            with open(f"{folder}/{name}") as file:
                found += file.read().count("inotify wd:")
        except OSError:
            pass
    return found

def _functions():
    """Every function of every module and class that is loaded, by where it is found."""
    found, classes = {}, {}
    for name, module in list(sys.modules.items()):
        if name != "__main__" and not name.startswith("nbcache"):
            for key, value in list(getattr(module, "__dict__", {}).items()):
                if isinstance(value, type):
                    classes[id(value)] = value
                elif callable(value):
                    found[name, key] = value
    for kind in list(classes.values()):
        if not str(kind.__module__).startswith(("nbcache", "__main__")):
            for key, value in list(vars(kind).items()):
                if callable(value) or isinstance(value, (staticmethod, classmethod)):
                    found[f"{kind.__module__}.{kind.__qualname__}", id(kind), key] = value
    return found

def _rest():
    monitoring = getattr(sys, "monitoring", None)
    tools = [monitoring.get_tool(n) for n in range(6)] if monitoring else []
    return {
        "builtins": {k: id(v) for k, v in vars(builtins).items() if k not in ("_", "display")},
        "hooks": [id(getattr(sys, n)) for n in (
            "displayhook", "excepthook", "stdout", "stderr", "stdin", "unraisablehook",
            "breakpointhook", "meta_path", "path_hooks")],
        "finders": list(map(id, sys.meta_path)), "path hooks": list(map(id, sys.path_hooks)),
        "tracing": [sys.gettrace(), sys.getprofile(), tools],
        "collection": [gc.get_threshold(), gc.get_debug(), gc.isenabled()],
        "callbacks": list(map(id, gc.callbacks)),
        "signals": [id(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "threads": sorted(t.name for t in threading.enumerate()),
        "watches": _inotify_watches(),
        "pickling": sorted(map(str, __import__("copyreg").dispatch_table)),
        "filters": list(warnings.filters), "environment": dict(os.environ), "folder": os.getcwd(),
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), socket.getdefaulttimeout()],
    }

def _hold(before):
    now = _functions()
    moved = [place for place, one in before[0].items() if now.get(place, one) is not one]
    rest = _rest()
    moved += [name for name, one in before[1].items() if rest[name] != one]
    wrapped = [kind for kind in type.__subclasses__(object) if kind.__name__ == "Wrapped"]
    for name, module in list(sys.modules.items()):
        if not name.startswith("nbcache"):
            for key, value in list(getattr(module, "__dict__", {}).items()):
                if any(issubclass(type(value), kind) for kind in wrapped):
                    moved.append((name, key))
    return moved
'''
"""Looks at every function that a cell could call, and at every setting of the interpreter."""

USED = (
    "import asyncio, copyreg, glob, http.client, inspect, io, json, linecache, logging, pathlib,"
    " pickle, random, shutil, tempfile, traceback, urllib.request\n"
    "import numpy, pandas, matplotlib.pyplot"
)
MISS = (
    "import os, random\nrandom.seed(1)\n"
    "x = [os.listdir('.'), open('a.txt').read(), random.random()]\nprint(x[1])"
)
IMPORTS = "import csv, xml.etree.ElementTree\ny = xml.etree.ElementTree.XML('<a/>').tag"
FAILS = "open('no such file')"
LASTS = "import time\nopen('a.txt').close()\nprint('runs')\ntime.sleep(60)"


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """Yield a kernel that looked at itself before nbcache was loaded."""
    folder = tmp_path_factory.mktemp("remains")
    (folder / "a.txt").write_text("text")
    with kernel(folder / "store", load=False, folder=folder) as made:
        made.run(USED)
        made.run(LOOK)
        for _ in range(2):  # looking itself brings something with it
            made.value("_hold(globals().setdefault('_before', (_functions(), _rest())))")
            made.value("globals().update(_before=(_functions(), _rest()))")
        yield made


def remains(made: Kernel) -> str:
    """Return what differs from before nbcache was loaded."""
    return made.value("_hold(_before)")


def interrupted(made: Kernel, code: str) -> str:
    """Run a cell that is interrupted once it has printed; return its state."""
    client = made.client
    message = client.session.msg("execute_request", {"code": code, "store_history": True})
    client.shell_channel.send(message)
    while client.get_iopub_msg(timeout=120)["msg_type"] != "stream":
        pass
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    return made.collect(message["header"]["msg_id"]).content["ename"]


def test_nothing_remains_while_no_cell_runs(looked: Kernel) -> None:
    """Loaded, after a miss, a hit, an error, an interrupt and an import every function of the
    process, every hook and every setting is what it was before nbcache was loaded."""
    assert remains(looked) == "[]"
    looked.run("%load_ext nbcache")
    assert remains(looked) == "[]"
    for cell, state in ((MISS, "miss"), (MISS, "hit"), (IMPORTS, "miss")):
        assert looked.run(f"%%cache\n{cell}").state == state
        assert remains(looked) == "[]", cell
    assert looked.run(f"%%cache\n{FAILS}").content["ename"] == "FileNotFoundError"
    assert remains(looked) == "[]"
    assert interrupted(looked, f"%%cache\n{LASTS}") == "KeyboardInterrupt"
    assert remains(looked) == "[]"
    looked.run("z = 1")
    assert remains(looked) == "[]"


def test_unloading_leaves_the_shell_as_it_was(looked: Kernel) -> None:
    """After ``%unload_ext`` the shell and the kernel have no attribute or callback of ours."""
    looked.run("%load_ext nbcache")
    looked.run("%unload_ext nbcache")
    shell, mark = "get_ipython()", "'nbcache' in str(getattr(v, '__module__', ''))"
    for owner in (shell, f"{shell}.kernel", f"{shell}.kernel.session"):
        assert looked.value(f"[k for k, v in vars({owner}).items() if {mark}]") == "[]"
    calls = f"[f for fs in {shell}.events.callbacks.values() for f in fs]"
    assert looked.value(f"[v for v in {calls} if {mark}]") == "[]"
    assert looked.value(f"[v for v in {shell}.input_transformers_cleanup if {mark}]") == "[]"
    assert remains(looked) == "[]"
