"""What a served call of ``@cache`` costs beside other caches: run as a script, tells JSON."""

from __future__ import annotations

import functools
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

ROUNDS = 7


def total(x: Any) -> float:
    return float(x) if isinstance(x, (int, float)) else float(x.sum())


def mean(x: Any) -> float:
    return float(x["b"].mean())


def scalar() -> Any:
    return 3


def array() -> Any:
    import numpy

    return numpy.random.default_rng(0).random(10_000_000 // 8)


def frame() -> Any:
    import pandas

    names = [f"s{n}" for n in range(10_000)]
    return pandas.DataFrame({"a": range(10_000), "b": [n / 7 for n in range(10_000)], "c": names})


CASES: dict[str, tuple[Callable[..., Any], Callable[[], Any], int]] = {
    "scalar": (total, scalar, 100),
    "10 MB array": (total, array, 5),
    "10,000-row frame": (mean, frame, 5),
}


def peers(function: Callable[..., Any], folder: str) -> dict[str, Callable[..., Any]]:
    """Return the function under each cache that is installed."""
    import joblib

    found = {"joblib": joblib.Memory(f"{folder}/joblib", verbose=0).cache(function)}
    try:
        import cachier

        found["cachier"] = cachier.cachier(cache_dir=f"{folder}/cachier")(function)
    except ImportError:
        pass
    try:
        import diskcache

        found["diskcache"] = diskcache.Cache(f"{folder}/diskcache").memoize()(function)
    except ImportError:
        pass
    return found


def per_call(calls: dict[str, Callable[[], Any]], count: int) -> dict[str, float]:
    """Return the seconds of one call each, the best of some rounds taken in turn."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(count):
                call()
            best[name] = min(best[name], (time.perf_counter() - began) / count)
    return best


def measure(case: str, folder: str) -> dict[str, float]:
    from nbcache import cache

    function, make, count = CASES[case]
    value = make()
    calls = {"nbcache": functools.partial(cache(function), value)}
    for name, cached in peers(function, folder).items():
        calls[name] = functools.partial(cached, value)
    if case == "scalar":
        calls["lru_cache"] = functools.partial(functools.lru_cache(function), value)
    for name in list(calls):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                calls[name](), calls[name]()
        except Exception:
            del calls[name]  # it cannot take such an argument
    return per_call(calls, count)


if __name__ == "__main__":
    json.dump(measure(*sys.argv[1:]), sys.stdout)
