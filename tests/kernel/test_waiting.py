"""Two kernels that need the same result at once: who waits, is told, is interrupted, takes over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fronts import Front
from kernels import Kernel, kernel

BODY = """
os.system('touch $SIGNALS/ran-$PPID; for i in $(seq 3000); do'
    ' [ -e $SIGNALS/go ] && break; sleep 0.02; done')
"""
CELL = f"%%cache files=off\nimport os{BODY}made_by = os.getpid()"
PROCESS = "__import__('os').getpid()"
FUNCTION = (
    "import os\nfrom nbcache import cache\n@cache(files='off')\ndef slow(n):"
    + BODY.replace("\n", "\n    ")
    + "return os.getpid()"
)


Pair = tuple[Kernel, Front, Path]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """One kernel that computes first, and a front end at another one, and a folder for signals."""
    work, signals = tmp_path / "work", tmp_path / "signals"
    work.mkdir()
    signals.mkdir()
    with (
        kernel(tmp_path / "store", folder=work, SIGNALS=str(signals)) as one,
        kernel(tmp_path / "store", folder=work, SIGNALS=str(signals)) as other,
    ):
        yield one, Front(other), signals


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def start(one: Kernel, folder: Path, code: str) -> tuple[str, str]:
    """Let a kernel begin to compute; return its process and the request."""
    process = one.value(PROCESS)
    for name in ("go", f"ran-{process}"):
        (folder / name).unlink(missing_ok=True)
    request = one.client.execute(code)
    wait_for((folder / f"ran-{process}").exists)
    return process, request


def reply_of(front: Front, request: str) -> dict[str, Any]:
    """Return the last that was told of the cell, once its run is over."""
    return front.collect(request)[-1]


def test_two_kernels(pair: Pair) -> None:
    """Who waits is told for whom, is served what the other stored, runs when it is interrupted,
    and takes over when the other one is killed; cells and calls of functions alike."""
    waiting_cells_are_served(pair)
    interrupted_cells_run(pair)
    waiting_calls_take_over_from_the_dead(pair)


def waiting_cells_are_served(pair: Pair) -> None:
    one, front, folder = pair
    process, first = start(one, folder, CELL)
    request = front.send(CELL, "a")
    told = front.hear_phase("waiting")
    assert told["who"] == f"process {process}"
    assert abs(told["since"] - time.time()) < 120
    (folder / "go").touch()
    event = reply_of(front, request)["event"]
    assert (event["state"], one.collect(first).state) == ("hit", "miss")
    assert any("waited" in note for note in event["notes"])
    assert front.kernel.value("made_by") == process


def interrupted_cells_run(pair: Pair) -> None:
    one, front, folder = pair
    own = front.kernel.value(PROCESS)
    again = CELL.replace("made_by", "made_again")
    _, first = start(one, folder, again)
    request = front.send(again, "b")
    front.hear_phase("waiting")
    os.kill(int(own), signal.SIGINT)
    wait_for((folder / f"ran-{own}").exists)
    (folder / "go").touch()
    assert reply_of(front, request)["event"]["state"] == "miss"
    one.collect(first)
    assert front.kernel.value("made_again") == own


def waiting_calls_take_over_from_the_dead(pair: Pair) -> None:
    one, front, folder = pair
    own = front.kernel.value(PROCESS)
    (folder / f"ran-{own}").unlink()
    for where in (one, front.kernel):
        where.run(FUNCTION)
    process, _ = start(one, folder, "slow(1)")
    request = front.send("got = slow(1)", "c")
    assert front.hear_phase("waiting")["who"] == f"process {process} in __main__.slow()"
    os.kill(int(process), signal.SIGKILL)
    wait_for((folder / f"ran-{own}").exists)
    (folder / "go").touch()
    assert reply_of(front, request)["progress"] is None
    assert front.kernel.value("got") == own
    assert float(front.kernel.value("slow.cache_info().waited")) > 0
