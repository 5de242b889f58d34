"""A store in which everything can be told from its name, and ways to break it.

Run as a script, it kills itself at one call of the system after another and checks what is left:
``python store_faults.py FOLDER SEED HOW_MANY`` prints how many crashes it survived.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import random
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.store import blobs
from nbcache.store.collecting import collect_blobs
from nbcache.store.local import LocalStore

KEY = b"k" * 32
KEYS = [f"{number:032x}" for number in range(6)]
SHARED = b"shared by all" * 12_000
MAP_FROM_BYTES = 150_000
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
CALLS = (
    "open", "write", "read", "replace", "mkdir", "unlink", "rmdir", "fstat", "lstat", "stat",
    "scandir", "utime", "chmod", "close", "pwrite",
)  # fmt: skip


@functools.cache
def values(key: str, version: int) -> Body:
    """Return what is stored under a key: a small buffer, a copied one, rows, one that is mapped."""
    stream = f"{key} {version}".encode()
    seed = hashlib.sha256(stream).digest()
    rows = memoryview(hashlib.sha256(key.encode()).digest() * 2048 + seed * 128).cast(
        "B", (17, 4096)
    )
    return Body(stream, [seed, seed * 2500, rows, SHARED])


def is_right(key: str, body: Body) -> bool:
    """Whether values are those that some version of the key was stored with."""
    found, _, version = body.stream.decode().partition(" ")
    expected = values(key, int(version))
    return found == key and [bytes(memoryview(one).cast("B")) for one in body.buffers] == [
        bytes(memoryview(one).cast("B")) for one in expected.buffers
    ]


def put(store: Any, key: str, version: int) -> Entry:
    stored: Entry = store.put(
        Entry(key, "b" * 16, float(version), None, 1.0, outputs=({"v": version},)),
        values(key, version),
    )
    return stored


def use(store: Any) -> tuple[int, int]:
    """Do all that a session does with a store; return how many values were served and refused.

    Raises ``AssertionError`` for a wrong value; any other error but ``StoreError`` is a fault.
    """
    served = refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key in KEYS:
            try:
                for entry in store.find(key):
                    assert is_right(key, store.load(entry)), f"a wrong value of {key}"
                    assert entry.outputs[0]["v"] == entry.stored_at
                    served += 1
            except StoreError:
                refused += 1
        with suppress(StoreError):
            list(store.entries())
    return served, refused


def fresh(location: Path) -> LocalStore:
    """Return the store as a new process sees it."""
    blobs._verified.clear()
    blobs.MAP_FROM_BYTES = MAP_FROM_BYTES
    return LocalStore(location, KEY, map_from_bytes=MAP_FROM_BYTES, tell=lambda text: None)


def build(location: Path) -> None:
    """Fill a store: some entries twice, some loaded before."""
    store = fresh(location)
    for version in (1, 2):
        for key in KEYS[: 6 // version]:
            put(store, key, version)
    collect_blobs(str(location / "joblib"))
    use(store)
    (location / "usage.log").write_text('["a.ipynb", 1.0, 1, 1, 0.5]\n' * 20)
    (location / "locks").mkdir()
    (location / "locks" / KEYS[0]).write_text("1 1.0")


def files_of(location: Path) -> list[Path]:
    return sorted(path for path in location.rglob("*") if path.is_file())


def damage(path: Path, others: list[Path], draw: random.Random) -> str:
    """Break a file in one of many ways; its region is drawn evenly over its length."""
    with suppress(OSError):
        path.chmod(0o600)
    data = bytearray(path.read_bytes())
    place = draw.randrange(len(data)) if data else 0
    kinds = ("bit", "bit", "bit", "run", "zeros", "cut", "grow", "empty", "swap", "gone", "old")
    kind = draw.choice(kinds if data else ("grow", "gone"))
    if kind in ("bit", "old"):
        data[place] ^= 1 << draw.randrange(8)
    elif kind == "run":
        data[place : place + 16] = draw.randbytes(len(data[place : place + 16]))
    elif kind == "zeros":
        data[place : place + 4096] = bytes(len(data[place : place + 4096]))
    elif kind == "cut":
        del data[place:]
    elif kind == "grow":
        data += draw.randbytes(draw.choice((1, 64, 5000)))
    elif kind == "empty":
        data.clear()
    elif kind == "swap":
        data[:] = draw.choice(others).read_bytes()
    if kind == "gone":
        path.unlink()
        return kind
    before = path.stat()
    with path.open("r+b") as file:  # in place, as a bad disk or a careless program does it
        file.truncate(len(data))
        file.write(data)
    if kind == "old":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return kind


@contextmanager
def failing_at(number: int, act: Callable[[str], None]) -> Iterator[list[str]]:
    """Call ``act`` in place of the numbered call of the system; gives the names of all calls."""
    made: list[str] = []

    def wrap(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **named: Any) -> Any:
            made.append(name)
            if len(made) == number:
                if name == "write":  # half of it arrives
                    real(args[0], memoryview(args[1])[: len(args[1]) // 2])
                act(name)
            return real(*args, **named)

        return call

    with mock.patch.multiple(os, **{name: wrap(name) for name in CALLS}):
        yield made


def refuse(number: int) -> Callable[[str], None]:
    """Return what raises the error of a number, but where closing a file is what failed."""

    def act(name: str) -> None:
        if name != "close":
            raise OSError(number, os.strerror(number))

    return act


def is_told_of(act: Callable[[], None]) -> bool:
    """Whether an error of the store ended it, or one that the collector passes on as it is."""
    try:
        act()
    except StoreError:
        return True
    except OSError as error:
        trace, names = error.__traceback__, set()
        while trace is not None:
            names.add(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        if "collect_blobs" not in names:
            raise
        return True
    return False


def work(store: LocalStore, version: int) -> None:
    """Store, replace, remove, load and collect: the calls at which a process may die."""
    put(store, KEYS[0], version)
    use(store)
    store.remove(put(store, KEYS[1], version))
    collect_blobs(os.path.join(store.location, "joblib"))
    put(store, KEYS[2], version + 1)


def crash_again_and_again(folder: Path, seed: int, count: int) -> int:
    """Die at drawn calls of ``work``; what is left must be right, and usable; return how often."""
    draw, died = random.Random(seed), 0
    location = folder / "store"
    build(location)
    with failing_at(0, lambda name: None) as made:
        work(fresh(location), 3)
    for turn in range(count):
        child = os.fork()
        if child == 0:
            with failing_at(draw.randrange(len(made)) + 1, lambda name: os.kill(os.getpid(), 9)):
                work(fresh(location), turn)
            os._exit(0)
        draw.random()
        _, status = os.waitpid(child, 0)
        died += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        served, _ = use(fresh(location))
        assert served >= 3, "entries were lost that nobody touched"
        if turn % 10 == 0:
            put(fresh(location), KEYS[1], turn)
            collect_blobs(str(location / "joblib"))
            assert not [path for path in location.rglob(".writing-*") if "blobs" in path.parts]
    shutil.rmtree(location)
    return died


if __name__ == "__main__":
    sys.stdout.write(
        f"{crash_again_and_again(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))}\n"
    )
