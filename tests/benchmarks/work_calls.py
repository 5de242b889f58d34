"""Served calls of a cached function, beside every cache of functions that is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from board import PEERS, Figure, Line, faster

HERE = Path(__file__).parent


def _run(script: str, *args: str, folder: str) -> dict[str, float]:
    """Run a script over places of its own and return the seconds that it tells."""
    own = {"NBCACHE_DIR": f"{folder}/store", "NBCACHE_KEY_DIR": f"{folder}/keys"}
    command = [sys.executable, str(HERE / script), *args]
    done = subprocess.run(
        command, env={**os.environ, **own}, cwd=folder, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, check=True, timeout=600,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def call(case: str, quick: bool) -> Line:
    """Return the best of some rounds for each cache; marimo's in a run of its own app."""
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder:
        seconds = _run("calls.py", case, folder, folder=folder)
        if importlib.util.find_spec("marimo"):
            with contextlib.suppress(subprocess.SubprocessError, OSError, ValueError):
                seconds |= _run("marimo_calls.py", case, folder, folder=folder)
    own = Figure((seconds.pop("nbcache"),))
    bare = seconds.pop("lru_cache", None)
    limits = {} if bare is None else {"lru_cache": Figure((bare,))}
    peers = {name: Figure((one,)) for name, one in seconds.items()}
    return Line("", own, peers, limits, (faster(PEERS, 1),))


CASES = ("scalar", "10 MB array", "10,000-row frame")
WORK: dict[str, Callable[[bool], Line]] = {
    f"call with a {case}" if case[0] != "1" else f"call with {case}": partial(call, case)
    for case in CASES
}
