"""Made-up cells over shared and nested objects: run, recorded run and replay are one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, reject, settings
from replaying import Notebook, Recorded, record_in, replay_in
from stories import SETUP, cells, describe

from nbcache.errors import CacheError
from nbcache.heap.walk import Walk, digests

HERE = Path(__file__).resolve().parent
EXAMPLES = int(os.environ.get("NBCACHE_STORIES", "150"))
"""How many stories are told; set the variable to search for longer, and at random."""


def begin() -> Notebook:
    notebook = Notebook()
    notebook.run(f"{SETUP}\nlog = []")
    return notebook


def state_of(notebook: Notebook) -> tuple[list[str], dict[str, str]]:
    """Return the independent description of a notebook, and the fingerprints of its names."""
    walk = Walk(notebook.user_ns)
    for name in sorted(notebook.user_ns):
        if not name.startswith("__"):
            walk.need(name)
    walk.run()
    return describe(notebook.user_ns), digests(walk.roots)


def tell(story: list[str]) -> tuple[list[Recorded | None], Any]:
    """Run and record each cell in order; None stands for one that was refused."""
    notebook, recorded = begin(), []
    for cell in story:
        try:
            recorded.append(record_in(notebook, cell))
        except CacheError:
            recorded.append(None)
            notebook = begin()  # it may have been refused before it ran, or after
            for text in story[: len(recorded)]:
                notebook.run(text)
    return recorded, state_of(notebook)


def tell_again(story: list[str], recorded: list[Recorded | None]) -> tuple[Any, Any]:
    """Return the states that plain runs, and replays of all that can be replayed, leave."""
    plain, replayed = begin(), begin()
    for cell, one in zip(story, recorded, strict=True):
        plain.run(cell)
        if one is None:
            replayed.run(cell)
        else:
            replay_in(replayed, cell, one)
    return state_of(plain), state_of(replayed)


def serve() -> None:
    """Answer stories on the standard streams: the other process, with another hash seed."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    while True:
        try:
            story, recorded = pickle.load(source)
        except EOFError:
            return
        try:
            answer: Any = tell_again(story, recorded)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, target)
        target.flush()


@pytest.fixture(scope="module")
def other() -> Iterator[Any]:
    """A process that hashes strings in another way, and replays what it is sent."""
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", "import test_heap_stories as t; t.serve()"],
        cwd=HERE,
        env={**os.environ, "PYTHONHASHSEED": "77"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def ask(question: Any) -> Any:
        pickle.dump(question, worker.stdin)
        worker.stdin.flush()
        return pickle.load(worker.stdout)

    yield ask
    worker.stdin.close()
    worker.wait(20)
    worker.stdout.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="NBCACHE_STORIES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(story=cells())
@pytest.mark.timeout(36000)
def test_run_record_and_replay_are_one(other: Any, story: list[str]) -> None:
    """Whatever cells do to shared objects, a replay elsewhere leaves what a run leaves."""
    main = sys.modules["__main__"]
    try:
        recorded, mine = tell(story)
    except (TypeError, ValueError, AttributeError, RecursionError):
        reject()  # the cells themselves make no sense
    finally:
        sys.modules["__main__"] = main
    event(f"refused: {recorded.count(None)}")
    answer = other((story, recorded))
    assert not isinstance(answer, str), answer
    plain, replayed = answer
    assert plain == mine
    assert replayed == plain
