"""A key is computed by one process at a time, and no crashed holder keeps its lock."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nbcache.store.locks import FOLDER, take_lock

KEY = "0" * 32


def test_a_free_lock_is_taken_at_once(tmp_path: Path) -> None:
    """Nobody waits for a lock that nobody holds, and a released one leaves no file."""
    lock = take_lock(str(tmp_path), KEY)
    assert lock is not None
    assert lock.waited == 0.0
    assert (tmp_path / FOLDER / KEY).stat().st_mode & 0o777 == 0o600
    lock.release()
    lock.release()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_second_holder_waits(tmp_path: Path) -> None:
    """A held lock is waited for until it is released, by the clock that is given."""
    first = take_lock(str(tmp_path), KEY)
    assert first is not None
    moments = iter(range(100))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            first.release()

    second = take_lock(str(tmp_path), KEY, clock=lambda: float(next(moments)), pause=pause)
    assert second is not None
    assert second.waited > 0
    assert pauses == [0.02, 0.04, 0.08]
    second.release()


def test_a_killed_holder_gives_way(tmp_path: Path) -> None:
    """The lock of a process that was killed is free."""
    code = (
        "import sys, time; from nbcache.store.locks import take_lock;"
        f"lock = take_lock({str(tmp_path)!r}, {KEY!r}); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        held: list[float] = []

        def pause(seconds: float) -> None:
            held.append(seconds)
            holder.kill()
            holder.wait()

        lock = take_lock(str(tmp_path), KEY, pause=pause)
    assert held
    assert lock is not None
    lock.release()


def test_an_interrupted_wait_computes_alone(tmp_path: Path) -> None:
    """An interrupt while waiting gives no lock: the cell runs itself."""
    first = take_lock(str(tmp_path), KEY)
    assert first is not None

    def pause(seconds: float) -> None:
        raise KeyboardInterrupt

    assert take_lock(str(tmp_path), KEY, pause=pause) is None
    first.release()


def test_a_folder_that_cannot_be_made_gives_no_lock(tmp_path: Path) -> None:
    """Where no lock file can be made, nobody waits and nothing raises."""
    (tmp_path / FOLDER).write_text("in the way")
    assert take_lock(str(tmp_path), KEY) is None
    assert os.listdir(tmp_path) == [FOLDER]


def test_a_full_disk_keeps_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no word can be left in the lock's file it is taken, and given back, all the same."""

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.write", fail)
        lock = take_lock(str(tmp_path), KEY)
    assert lock is not None
    assert take_lock(str(tmp_path), KEY, wait=0.0) is None
    lock.release()
    again = take_lock(str(tmp_path), KEY, wait=0.0)
    assert again is not None
    again.release()
