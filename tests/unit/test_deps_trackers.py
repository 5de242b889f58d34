"""Rules of all trackers together."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest

from nbcache.deps.group import Group, finish_all
from nbcache.deps.protocol import Observed
from nbcache.deps.trackers import standard_trackers

PLACES = [
    (builtins, "open"),
    (builtins, "input"),
    (io, "open"),
    (os, "stat"),
    (os, "listdir"),
    (os, "getcwd"),
    (os, "urandom"),
    (random, "seed"),
    (np.random, "seed"),
    (socket, "getaddrinfo"),
    (subprocess.Popen, "__init__"),
    (warnings, "warn"),
    (type(os.environ), "__getitem__"),
]


@pytest.fixture
def trackers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numpy = np.random.get_state()
    made = standard_trackers([tmp_path / "store"], history=(), namespace={})
    yield made
    made.close()
    np.random.set_state(numpy)


def late_of(seen):
    late = {name: one.late for name, one in seen.items() if one.late is not None}
    return json.loads(json.dumps(late))


def effects_of(seen):
    effects = {name: one.effect for name, one in seen.items() if one.effect is not None}
    return pickle.loads(pickle.dumps(effects))


def test_an_interrupt_waits_until_all_watch(trackers, monkeypatch):
    """An interrupt while watches begin or end is raised when all have, and nothing is left."""
    before = [getattr(*place) for place in PLACES]
    for way in ("start", "finish"):
        native = getattr(trackers.remote, way)
        monkeypatch.setattr(
            trackers.remote, way, lambda native=native: (signal.raise_signal(2), native())[1]
        )
        if way == "finish":
            trackers.start()
        with pytest.raises(KeyboardInterrupt):
            getattr(trackers, way)()
        if way == "start":
            assert os.stat is not before[PLACES.index((os, "stat"))]
            trackers.finish()
        assert all(getattr(*place) is one for place, one in zip(PLACES, before, strict=True))
        monkeypatch.undo()


def test_nothing_is_left_of_a_run(trackers):
    """After a run, nested or failed, every patched place holds its original."""
    before = [getattr(*place) for place in PLACES]
    finders = list(sys.meta_path)
    trackers.start()
    trackers.start()
    trackers.finish()
    trackers.finish()
    with pytest.raises(ZeroDivisionError), trackers.watching_uncached("x"):
        1 / 0  # noqa: B018
    assert all(getattr(*place) is old for place, old in zip(PLACES, before, strict=True))
    assert sys.meta_path == finders


def test_run_is_recorded_checked_and_repeated(trackers):
    """The parts of a run are told apart, hold, move with a sentence each, and repeat."""
    with open("input.txt", "w") as stream:
        stream.write("x")

    def run():
        np.random.seed(4)
        os.environ["TRACKERS"] = "1"
        with open("input.txt") as stream:
            stream.read()
        return np.random.rand()

    trackers.start((), source="x = 1")
    run()
    seen = trackers.finish()
    expected = np.random.rand()
    late = late_of(seen)
    assert [one.refusal for one in seen.values()] == [None] * 10
    assert trackers.check({**late, "names": {"a": "1"}}) == []
    np.random.seed(9)
    del os.environ["TRACKERS"]
    trackers.apply(effects_of(seen))
    assert os.environ.pop("TRACKERS") == "1"
    assert np.random.rand() == expected
    with open("input.txt", "w") as stream:
        stream.write("y")
    assert trackers.check(late) == ["`input.txt` changed on disk"]


def test_unknown_dependency_does_not_hold(trackers):
    """What another version recorded, and this one cannot check, counts as moved."""
    assert trackers.check({"moon": {"phase": 1}}) == ["`moon` is unknown to this version"]
    assert "another version" in trackers.check({"ambient": {"moon": {}}})[0]


def test_damaged_record_does_not_hold(trackers):
    """A record of another shape is a miss, never an error."""
    assert trackers.check({"files": {"read": 3}})
    assert trackers.check({"ambient": {"zone": {}}})
    assert trackers.check({"modules": {"local": {"a": 1}}})


def test_alias_bound_by_the_run_is_the_original(trackers, tmp_path):
    """A function that the run imports into the namespace is the original, and seen later."""
    original = os.listdir
    namespace = {}
    made = standard_trackers((), namespace=namespace)
    made.start()
    exec("from os import listdir\nfrom numpy.random import seed", namespace)
    made.finish()
    assert namespace["listdir"] is original
    assert namespace["seed"] is np.random.seed
    made.start((), source="x = 1")
    exec("names = listdir('.')\nseed(3)", namespace)
    seen = made.finish()
    assert list(seen["files"].late["listed"]) == ["."]
    assert seen["randomness"].late is None


def test_seeding_through_a_module_that_kept_the_function(trackers, tmp_path, monkeypatch):
    """A local module that took ``seed`` before any run seeds for all to see."""
    (tmp_path / "tk_kept.py").write_text("from numpy.random import seed\ndef fix(): seed(5)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    original = np.random.seed
    module = __import__("tk_kept")
    try:
        with trackers.watching_uncached("tk_kept.fix()"):
            module.fix()
        assert module.seed is original
        trackers.start((), source="x = 1")
        np.random.rand()
        assert trackers.finish()["randomness"].late["numpy"] != "unseeded"
    finally:
        del sys.modules["tk_kept"]


def test_seeding_in_an_uncached_cell_is_known(trackers):
    """A seeding in a cell that is not cached makes later draws compared by state."""
    with trackers.watching_uncached("np.random.seed(1)"):
        np.random.seed(1)
    trackers.start()
    np.random.rand()
    assert len(trackers.finish()["randomness"].late["numpy"]) == 32


def test_nested_hit_counts_for_the_outer_run(trackers):
    """What a nested hit depended on is a dependency of the recorded run around it."""
    with open("input.txt", "w") as stream:
        stream.write("x")
    trackers.start((), source="x = 1")
    os.environ.get("TRACKERS_READ")
    open("input.txt").close()
    inner = late_of(trackers.finish())
    trackers.start((), source="x = 1")
    trackers.absorb(inner)
    outer = late_of(trackers.finish())
    assert outer["files"] == inner["files"]
    read = outer["ambient"]["environment"]["read"]
    assert read == inner["ambient"]["environment"]["read"]


class Broken:
    name = "broken"

    def start(self):
        pass

    def finish(self):
        raise ValueError("broken")

    def check(self, late):
        return None

    def apply(self, effect):
        pass


class Interrupted(Broken):
    name = "interrupted"

    def finish(self):
        raise KeyboardInterrupt


class Sound(Broken):
    name = "sound"
    finished = 0

    def finish(self):
        self.finished += 1
        return Observed(notes=("fine",))


def test_one_broken_tracker_refuses_and_spares_the_others():
    """A tracker whose ``finish`` fails refuses the run; the others still finish."""
    sound = Sound()
    seen = finish_all([sound, Broken()])
    assert sound.finished == 1
    assert "nbcache lost broken" in seen["broken"].refusal
    assert "nbcache lost broken" in Group("both", [Broken(), sound]).finish().refusal


def test_interrupt_during_finish_is_raised_when_all_have_finished():
    """An interrupt while the trackers finish reaches the user, after every tracker finished."""
    sound = Sound()
    with pytest.raises(KeyboardInterrupt):
        finish_all([sound, Interrupted()])
    assert sound.finished == 1


def test_unfinished_runs_are_closed(tmp_path):
    """``close`` undoes what a lost run left patched."""
    made = standard_trackers((), namespace={})
    before = os.stat
    made.start()
    made.start()
    made.close()
    assert os.stat is before
