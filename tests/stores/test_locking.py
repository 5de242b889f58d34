"""Who computes while others wait: real processes, a real Redis, holders that are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nbcache.errors import CacheError
from nbcache.locking import FileSystemLockManager, MemoryLockManager, RedisLockManager

LEASE = 1.0
WORKER = """
import os, sys, time
from nbcache import cache, policies
from nbcache.locking import FileSystemLockManager, RedisLockManager
locks = {"store": None, "file": FileSystemLockManager, "redis": RedisLockManager}[sys.argv[1]]
manager = locks and locks(sys.argv[2], lease=1.0)
policy = policies.DEFAULT.configure(isolation_level=sys.argv[3], lock_manager=manager)
@cache(policy=policy)
def body(x):
    print("body", os.getpid(), flush=True)
    time.sleep(SECONDS)
    return x * 2
print("value", body(21), flush=True)
"""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    pytest.importorskip("redis")
    path = tmp_path_factory.mktemp("redis") / "socket"
    command = [server, "--port", "0", "--unixsocket", str(path), "--save", "", "--daemonize", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=path.parent) as process:
        wait_until(path.exists)
        yield f"unix://{path}"
        process.terminate()


@pytest.fixture(params=["store", "file", "redis"])
def place(request, tmp_path):
    if request.param == "redis":
        return "redis", request.getfixturevalue("redis_url")
    return request.param, str(tmp_path / "locks")


@pytest.fixture
def start(tmp_path, place):
    started = []

    def start(level="SERIALIZABLE", seconds=1.0):
        script = tmp_path / "worker.py"
        script.write_text(WORKER.replace("SECONDS", str(seconds)))
        env = {
            **os.environ,
            "NBCACHE_DIR": str(tmp_path / "store"),
            "NBCACHE_KEY_DIR": str(tmp_path / "keys"),
        }
        command = [sys.executable, str(script), *place, level]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until(holds, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_process_computes_and_the_other_is_served(start):
    """Two processes, one key, SERIALIZABLE: the body runs once and both have the value."""
    first = start(seconds=2)
    assert first.stdout.readline().startswith("body")
    second = start(seconds=2)
    assert second.communicate()[0] == "value 42\n"
    assert first.communicate()[0] == "value 42\n"


def test_a_killed_holder_is_taken_over_from(start):
    """The first process dies in the middle: the second one computes, within the lease."""
    first = start(seconds=60)
    assert first.stdout.readline().startswith("body")
    second = start(seconds=0.1)
    first.send_signal(signal.SIGKILL)
    lines = second.communicate(timeout=60)[0].splitlines()
    assert (lines[0].split()[0], lines[1:]) == ("body", ["value 42"])


def test_nobody_waits_under_read_committed(tmp_path):
    """Two processes, one key, READ_COMMITTED: both compute."""
    lines = []
    env = {**os.environ, "NBCACHE_DIR": str(tmp_path / "s"), "NBCACHE_KEY_DIR": str(tmp_path / "k")}
    script = tmp_path / "worker.py"
    script.write_text(WORKER.replace("SECONDS", "2"))
    command = [sys.executable, str(script), "store", "", "READ_COMMITTED"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) for _ in "12"]
    lines = [process.communicate()[0].splitlines()[0] for process in both]
    assert all(line.startswith("body") for line in lines)


@pytest.fixture(params=["memory", "file", "redis"])
def managers(request, tmp_path):
    if request.param == "memory":
        one = MemoryLockManager()
        return one, one
    if request.param == "file":
        return [FileSystemLockManager(tmp_path / "locks", lease=LEASE) for _ in "12"]
    url = request.getfixturevalue("redis_url")
    return [RedisLockManager(url, lease=LEASE) for _ in "12"]


def test_a_lock_excludes_until_it_is_released(managers):
    """A second taker waits no longer than it wants, is told who holds it, and gets it later."""
    one, two = managers
    told = []
    held = one.take("k")
    assert held.waited == 0.0
    assert two.take("k", lambda who, since: told.append(who), wait=0.05) is None
    assert len(told) == 1
    assert "process" in told[0] or "thread" in told[0]
    assert two.take("other", wait=0) is not None
    held.release()
    held.release()
    again = two.take("k", wait=5)
    assert again is not None
    again.release()


def test_a_holder_that_lives_keeps_its_lock(managers):
    """The lease is renewed while its holder lives, however long it takes."""
    one, two = managers
    held = one.take("k")
    assert two.take("k", wait=3 * LEASE) is None
    held.release()


def test_a_silent_holder_loses_its_lock(managers):
    """Without renewal the lock is free once the lease is over; its old holder takes nothing."""
    one, two = managers
    if isinstance(one, MemoryLockManager):
        pytest.skip("memory ends with its process")
    held = one.take("k")
    held._ended.set()  # as if its machine had gone
    if isinstance(two, FileSystemLockManager):
        path = Path(two._path("k"))
        path.write_text(path.read_text().replace(str(os.getpid()), "1 x"))  # another machine's
    later = two.take("k", wait=20 * LEASE)
    assert later is not None
    assert later.waited > 0
    one.drop("k", held._token)
    assert one.take("k", wait=0) is None
    later.release()


def test_locks_that_are_out_of_order_stop_nobody(tmp_path):
    """Where no lock can be had the caller computes for itself."""
    assert RedisLockManager(f"unix://{tmp_path / 'nobody'}").take("k", wait=0) is None
    (tmp_path / "file").write_text("")
    assert FileSystemLockManager(tmp_path / "file" / "folder").take("k", wait=0) is None
    with pytest.raises(ValueError, match="some seconds"):
        FileSystemLockManager(tmp_path, lease=0)


def test_redis_is_optional(monkeypatch):
    """Without the redis package the error names what to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(CacheError, match=r"pip install 'nbcache\[redis\]'"):
        RedisLockManager().client  # noqa: B018
