"""A second thread may digest large arrays: nobody can tell, but by the time it takes."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from nbcache.errors import NotFingerprintable
from nbcache.heap import ahead
from nbcache.heap.untouched import UNTOUCHED
from nbcache.heap.walk import Walk


@pytest.fixture
def namespace() -> dict[str, Any]:
    """Arrays of several sorts, alone and in small containers."""
    rng = np.random.default_rng(1)
    parts = [rng.random(300_000) for _ in range(4)]
    parts[1][7] = 0.0
    wide = rng.random((700, 900))
    return {
        "a": parts[0],
        "held": {"one": parts[1], "same": parts[0]},
        "listed": [parts[2], wide.T, wide[:, ::2], parts[2][5:]],
        "many": [parts[3], [1, [2.0]], "text"],
    }


def walked(namespace: dict[str, Any]) -> Walk:
    """Return a walk over all of it."""
    walk = Walk(namespace)
    for name in namespace:
        walk.need(name)
    walk.run()
    return walk


def test_digests_do_not_depend_on_the_thread(
    namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fingerprints and changes are the same with a thread, without one, and where none starts."""
    results = []
    ways = [(1 << 60, 2, None), (0, 1, None), (0, 2, _refuse), (0, 2, None)]
    for worth, processors, start in ways:
        monkeypatch.setattr(ahead, "_WORTH_BYTES", worth)
        monkeypatch.setattr("os.cpu_count", lambda processors=processors: processors)
        monkeypatch.setattr(threading.Thread, "start", start or _START)
        walk = walked(namespace)
        assert walk.changed() == {}
        namespace["held"]["one"][7] = 1.0
        namespace["many"][1][1].append(3)
        changed = sorted(walk.changed())
        namespace["held"]["one"][7] = 0.0
        namespace["many"][1][1].pop()
        results.append((walk.roots, changed, [type(walk.objects[one]) for one in changed]))
    assert all(one == results[0] for one in results)
    assert results[0][2] == [np.ndarray, list]


_START = threading.Thread.start


def _refuse(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_what_is_left_out_is_not_digested(
    namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads the arrays of a variable that does not count."""
    monkeypatch.setattr(ahead, "_WORTH_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    handed_over: list[Any] = []
    make = ahead._Job.__init__
    monkeypatch.setattr(
        ahead._Job,
        "__init__",
        lambda job, *args: (handed_over.append(args[0]), make(job, *args))[1],
    )
    walk = Walk(namespace, ignore={"a", "held"})
    for name in namespace:
        walk.need(name)
    walk.run()
    assert len(handed_over) == 4
    assert all(array is not namespace["a"] for array in handed_over)


def test_the_thread_ends_with_the_walk(namespace: dict[str, Any]) -> None:
    """No thread is left when a walk is over or has failed, and the names of threads stay free."""
    before = threading.enumerate()
    walked(namespace)
    with pytest.raises(NotFingerprintable):
        walked({"alike": {object(), object()}, **namespace})
    assert threading.enumerate() == before


def test_no_thread_for_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays whose digests are known as long as nobody writes to them start no thread."""
    started: list[object] = []
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: started.append(self) or _START(self)
    )
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(ahead, "_WORTH_BYTES", 1)
    namespace = {"a": np.random.default_rng(1).random(300_000)}
    walk = walked(namespace)
    assert len(started) == 1
    monkeypatch.setattr(UNTOUCHED, "expects", lambda address, size: size == 2_400_000)
    assert walked(namespace).roots == walk.roots
    assert len(started) == 1
