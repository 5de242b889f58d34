"""Cached functions of a script: what it and its modules put into libraries counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import math, sys, textwrap
from nbcache import cache
import helper

@cache
def f():
    return textwrap.shorten("abc", 9), math.floor(2.5), sys.getrecursionlimit()

told = [f(), f(), f()]
textwrap.shorten = lambda text, width: "own"
told += [f(), f()]
helper.patch(LEVEL)
told += [f(), f()]
sys.setrecursionlimit(1717)
told += [f(), f()]
print(told, f.cache_info().misses)
"""
HELPER = "import math\ndef patch(level):\n    math.floor = lambda value: level\n"


def _run(folder: Path, level: int) -> str:
    (folder / "script.py").write_text(SCRIPT.replace("LEVEL", str(level)))
    (folder / "helper.py").write_text(HELPER)
    places = {"NBCACHE_DIR": str(folder / "store"), "NBCACHE_KEY_DIR": str(folder / "keys")}
    found = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env={**os.environ, **places},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return found.stdout.strip()


def _expected(level: int) -> list[tuple[object, ...]]:
    steps = [("abc", 2, 1000), ("own", 2, 1000), ("own", level, 1000), ("own", level, 1717)]
    return [steps[0], *(step for step in steps for _ in range(2))]


def test_what_a_script_puts_into_libraries_counts(tmp_path: Path) -> None:
    """Each change is seen at once, and another run of the same script hits."""
    assert _run(tmp_path, 4) == f"{_expected(4)} 4"
    assert _run(tmp_path, 4) == f"{_expected(4)} 0"
    assert _run(tmp_path, 5).startswith(str(_expected(5)))
