"""A store of many entries: look-ups beside diskcache's, what walks all entries beside joblib's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import many
from board import Figure, Line, faster, under, within


def lines(quick: bool) -> list[Line]:
    """Fill stores and measure them; each figure is a median of some rounds already.

    What is aimed at is meant for 100,000 entries: fewer are not held against it.
    """
    count = 8_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="nbcache-bench-") as folder:
        found = many.measure(count, Path(folder))

    def one(name: str) -> Figure:
        return Figure((found[name],))

    disk = {"diskcache": one("diskcache")} if "diskcache" in found else {}
    first = {"diskcache": one("diskcache, first time")} if disk else {}
    looked = (within("diskcache", 3), under(60e-6))
    walk = {"joblib's walk": one("stock's walk")}
    made = [
        Line("look-up", one("look-up"), disk, {"of ten entries": one("look-up, 10 entries")},
             looked, "µs"),
        Line("look-up, the first", one("look-up, first time"), first, {}, looked, "µs"),
        Line("hit", one("hit"), {}, {"of ten entries": one("hit, 10 entries")}, (), "µs"),
    ]  # fmt: skip
    for name, told in (("total", "total size"), ("expired", "scan for what expired"),
                       ("listing", "listing")):  # fmt: skip
        made.append(Line(told, one(name), walk, {}, (faster("joblib's walk", 40),)))
    peer = {"joblib's eviction": one("stock's eviction")}
    bare = {"removing alone": one("removing alone")}
    goals = (faster("joblib's eviction", 40),)
    made.append(Line("evicting 1,000", one("evict"), peer, bare, goals))
    return [replace(line, goals=()) for line in made] if quick else made


WORK: dict[str, Callable[[bool], list[Line]]] = {"entries": lines}
