"""Rules of the tracker of impurity."""

from __future__ import annotations

import asyncio
import builtins
import os
import random
import socket
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pytest

from nbcache.deps.impurity import CLOCK, ENTROPY, NETWORK, PROCESS, ImpurityTracker


@pytest.fixture
def tracker():
    return ImpurityTracker()


def watch(tracker, run):
    tracker.start()
    try:
        run()
    except OSError:
        pass
    finally:
        seen = tracker.finish()
    return seen


def connect_to_itself():
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        server.accept()[0].close()


def pair_of_sockets():
    first, second = socket.socketpair()
    first.close()
    second.close()


NOTED = {
    "connection": (connect_to_itself, NETWORK),
    "name": (lambda: socket.getaddrinfo("localhost", 80), NETWORK),
    "url": (lambda: pl.scan_csv("http://127.0.0.1:1/x.csv"), NETWORK),
    "process": (lambda: subprocess.run([sys.executable, "-c", ""], check=True), PROCESS),
    "system": (lambda: os.system("true"), PROCESS),
    "generator": (lambda: np.random.default_rng(None), ENTROPY),
    "entropy": (lambda: os.urandom(4), ENTROPY),
}


@pytest.mark.parametrize(("run", "note"), NOTED.values(), ids=NOTED)
def test_impure_run_is_noted(tracker, run, note):
    """A run that its inputs do not decide says why and is impure, without being refused."""
    seen = watch(tracker, run)
    assert seen.notes == (note,)
    assert seen.impure
    assert seen.refusal is None


@pytest.mark.parametrize(
    ("source", "notes"),
    [("t = time.time()", (CLOCK,)), ("pd.Timestamp.now()", (CLOCK,)), ("t = time.strftime(f)", ())],
)
def test_clock_that_a_text_reads_is_told(tracker, source, notes):
    """A run whose text asks what time it is says so, and automatic mode leaves it alone."""
    tracker.start(source)
    seen = tracker.finish()
    assert seen.notes == notes
    assert seen.impure is bool(notes)


PURE = {
    "nothing": lambda: None,
    "self pipe": pair_of_sockets,
    "event loop": lambda: asyncio.new_event_loop().close(),
    "seeded generator": lambda: np.random.default_rng(3).random(),
    "seeded stream": lambda: random.Random(3).random(),
}


@pytest.mark.parametrize("run", PURE.values(), ids=PURE)
def test_pure_run_is_not_noted(tracker, run):
    """What only looks like the network or like chance is not noted."""
    seen = watch(tracker, run)
    assert (seen.notes, seen.impure) == ((), False)


def test_what_a_library_does_while_it_is_imported(tracker, tmp_path, monkeypatch):
    """A library that makes a generator for itself makes no run impure; one that is asked does."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    text = "import numpy as np\ndef make(): return np.random.default_rng()\nOWN = make()\n"
    (folder / "making_library.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    assert watch(tracker, lambda: __import__("making_library")).notes == ()
    made = sys.modules.pop("making_library")
    assert watch(tracker, made.make).notes == (ENTROPY,)


def test_thread_that_goes_on_is_noted(tracker):
    """A thread of the user that outlives the run is noted; one that ended is not."""
    stop = threading.Event()
    kept = threading.Thread(target=lambda: stop.wait(60), name="kept")
    try:
        seen = watch(tracker, kept.start)
    finally:
        stop.set()
        kept.join()
    assert seen.notes == ("left the thread `kept` running",)
    ended = threading.Thread(target=lambda: None)
    assert watch(tracker, lambda: (ended.start(), ended.join())).notes == ()


def test_task_that_goes_on_is_noted(tracker):
    """A task that outlives an asynchronous run is noted."""

    async def wait():
        await asyncio.sleep(60)

    async def main():
        tracker.start()
        task = asyncio.create_task(wait(), name="kept")
        await asyncio.sleep(0)
        seen = tracker.finish()
        task.cancel()
        return seen

    assert asyncio.run(main()).notes == ("left the task `kept` running",)


def test_question_is_refused(tracker, monkeypatch):
    """A run that asks the user for input is refused."""
    monkeypatch.setattr(builtins, "input", lambda prompt="": "answer")
    assert watch(tracker, lambda: input("? ")).refusal == "it asks for input"


def test_patches_are_undone(tracker):
    """Every patched function and method is the original afterwards."""
    places = [(subprocess.Popen, "__init__"), (os, "fork"), (os, "system"), (os, "urandom")]
    places += [(socket, "getaddrinfo"), (np.random, "default_rng"), (builtins, "input")]
    before = [getattr(*place) for place in places]
    own = "connect" in vars(socket.socket)
    with pytest.raises(ZeroDivisionError):
        watch(tracker, lambda: 1 / 0)
    assert all(getattr(*place) is old for place, old in zip(places, before, strict=True))
    assert ("connect" in vars(socket.socket)) is own
