"""The rest of nbcache is loaded while the kernel is idle, and nothing of that remains."""

from __future__ import annotations

import time

from kernels import Kernel, kernel

NAMES = ("nbcache", "IPython.core.magics")
LOADED = f"sorted(n for n in __import__('sys').modules if n.startswith({NAMES}))"
HOOKS = "[len(get_ipython().events.callbacks[n]) for n in ('pre_execute', 'post_execute')]"

FEW = 3
"""Modules that may be left to the first cell; without loading ahead it is 200."""


def _wait_until_loaded(one: Kernel) -> bool:
    """Look now and then, with pauses in which the kernel is idle, whether all is loaded."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if one.value("hasattr(get_ipython(), '_nbcache_warming')") == "False":
            return True
        time.sleep(0.5)
    return False


def test_loading_when_idle(tmp_path) -> None:
    """The first cached cell of an idle kernel loads hardly a module of nbcache, or of IPython's
    magics, nor does its hit; what loaded them left no hook, and garbage is collected."""
    with kernel(tmp_path / "store") as one:
        assert _wait_until_loaded(one)
        before, hooks = set(eval(one.value(LOADED))), one.value(HOOKS)
        assert one.value("__import__('gc').isenabled()") == "True"
        assert one.run("%%cache quiet\nx = [1, 2]\nx").state == "miss"
        assert one.run("%%cache quiet\nx = [1, 2]\nx").state == "hit"
        assert len(set(eval(one.value(LOADED))) - before) <= FEW
        assert one.run("%reload_ext nbcache\n%unload_ext nbcache").content["status"] == "ok"
        left = [int(a) - int(b) for a, b in zip(eval(one.value(HOOKS)), eval(hooks), strict=True)]
        assert max(left) <= 0
        assert one.value("hasattr(get_ipython(), '_nbcache_warming')") == "False"
