"""Bounds of results and of the store in a real kernel, kept while it is idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from kernels import kernel

LARGE = "%%cache\nimport os, time; data{0} = [os.urandom(40_000), {0}]; time.sleep({0} / 10); None"
"""Cells of which each later one is worth more."""

STATE = "[type(j).__name__ for j in [getattr(get_ipython(), '_nbcache_janitor', None)]]"


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something comes true within a minute."""
    until = time.monotonic() + 60
    while not holds() and time.monotonic() < until:
        time.sleep(0.1)
    return holds()


def test_bounds_hold_without_disturbing_a_cell(tmp_path: Path) -> None:
    """A result that is too large is not stored, and an idle kernel keeps its store in bounds."""
    store = tmp_path / "store"

    def count() -> int:
        return len(list(store.rglob("output.nbc")))

    with kernel(store, NBCACHE_MAX_SIZE="100kB", NBCACHE_MAX_ENTRY_SIZE="1MB") as made:
        for line in ("%%cache max_size=10kB", "%%cache max_entry_size=10KB ttl=60"):
            told = made.run(f"{line}\nbig = 'x' * 20_000")
            assert told.state == "bypass"
            assert "more than 10" in " ".join(told.event["reasons"])
        assert "1.0 MB" in " ".join(made.run("%%cache\nb = 'x' * 2_000_000").event["reasons"])
        assert "max_age" in made.run("%%cache max_age=3d\nq = 1").text
        assert [made.run(LARGE.format(n)).state for n in range(5)] == ["miss"] * 5
        assert "NBCACHE_MAX_SIZE" in made.run("%nbcache config").text
        assert soon(lambda: count() <= 2)
        assert made.run(LARGE.format(4)).state == "hit"
        assert made.run("%nbcache config max_size=50kB max_age=30d").content["status"] == "ok"
        assert soon(lambda: count() == 1)
        assert made.value(STATE) == "['Janitor']"
        made.run("import threading; n = threading.active_count()")
        made.run("%unload_ext nbcache")
        assert made.value(STATE) == "['NoneType']"
        assert made.value("n == threading.active_count()") == "True"
