"""Lock managers for ``policy.configure(lock_manager=...)``: in memory, in a folder, in Redis.

A lock is a *lease*: its holder renews it while it lives, so that a crashed or killed holder
keeps nobody waiting for longer than the lease.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from os import urandom as _urandom
from typing import Any, Protocol

from nbcache.deps.own_folders import exclude_folder
from nbcache.errors import CacheError
from nbcache.store.folder import make_private_folder
from nbcache.store.protocol import Lock, Waiting

LEASE = 30.0
"""Seconds that a holder may be silent before others take its lock over."""

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class LockManager(Protocol):
    """What a policy may be configured with."""

    def take(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Wait for the lock of a key, at most ``wait`` seconds; None if it was not got."""


class Lease:
    """A held lock: renewed in the background until it is released."""

    def __init__(self, manager: LeaseLocks, key: str, token: str, waited: float) -> None:
        self.waited = waited
        self._manager, self._key, self._token = manager, key, token
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._renew, name="nbcache lease", daemon=True)
        self._beat.start()

    def _renew(self) -> None:
        while not self._ended.wait(self._manager.lease / 3):
            with contextlib.suppress(Exception):  # tried again until the lease is over
                if not self._manager.extend(self._key, self._token):
                    return

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if not self._ended.is_set():
            self._ended.set()
            with contextlib.suppress(Exception):  # it ends by itself, when the lease is over
                self._manager.drop(self._key, self._token)


class LeaseLocks:
    """The waiting that all lock managers share; subclasses try, extend and drop one lease."""

    def __init__(self, lease: float = LEASE) -> None:
        if not lease > 0:
            raise ValueError(f"A lease lasts for some seconds, not {lease!r}.")
        self.lease = float(lease)

    def attempt(self, key: str, token: str) -> str:
        """Take the lock; return an empty text, or who holds it."""
        raise NotImplementedError

    def extend(self, key: str, token: str) -> bool:
        """Renew a lease; return whether it is still held."""
        raise NotImplementedError

    def drop(self, key: str, token: str) -> None:
        """Give up a lease that is still held."""
        raise NotImplementedError

    def take(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> Lock | None:
        """Wait for the lock of a key, at most ``wait`` seconds.

        None when the time was up, the wait was interrupted, or the locks are out of order: the
        caller computes for itself then.
        """
        token = f"{socket.gethostname()} {os.getpid()} {_urandom(8).hex()}"
        began, pause, has_waited = time.monotonic(), _FIRST_PAUSE, False
        try:
            while holder := self.attempt(key, token):
                if waiting is not None and not has_waited:
                    waiting(holder, time.time())
                has_waited = True
                if wait is not None and time.monotonic() - began >= wait:
                    return None
                time.sleep(pause if wait is None else min(pause, wait))
                pause = min(2 * pause, _LONGEST_PAUSE)
        except (KeyboardInterrupt, OSError, CacheError):
            return None
        return Lease(self, key, token, time.monotonic() - began if has_waited else 0.0)


class MemoryLockManager(LeaseLocks):
    """Locks among the threads and coroutines of this process."""

    def __init__(self) -> None:
        super().__init__()
        self._holders: dict[str, str] = {}
        self._lock = threading.Lock()

    def attempt(self, key: str, token: str) -> str:
        """Take the lock; return an empty text, or who holds it."""
        with self._lock:
            held = self._holders.setdefault(key, token)
        return "" if held == token else "another thread"

    def extend(self, key: str, token: str) -> bool:
        """Return whether the lease is held: it ends with the process."""
        return self._holders.get(key) == token

    def drop(self, key: str, token: str) -> None:
        """Give the lock up."""
        with self._lock:
            if self._holders.get(key) == token:
                del self._holders[key]


class FileSystemLockManager(LeaseLocks):
    """Locks as files of a folder, which may be shared by several machines."""

    def __init__(self, folder: str | os.PathLike[str], lease: float = LEASE) -> None:
        super().__init__(lease)
        self.folder = os.path.abspath(os.path.expanduser(os.fspath(folder)))
        self._seen: dict[str, tuple[Any, float]] = {}
        exclude_folder(self.folder)

    def _path(self, key: str) -> str:
        return os.path.join(self.folder, f"{key}.lock")

    def attempt(self, key: str, token: str) -> str:
        """Take the lock; return an empty text, or who holds it."""
        path = self._path(key)
        try:
            self._create(path, token)
        except FileExistsError:
            return self._judge(path, token)
        return ""

    def _create(self, path: str, token: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            make_private_folder(self.folder)
            descriptor = os.open(path, flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"holder": token}, file)

    def _judge(self, path: str, token: str) -> str:
        """Return who holds a lock, or take it over from a holder that is dead or silent."""
        holder, mark = _read(path)
        if mark is None:
            return "a holder that just left"
        seen = self._seen.get(path)
        if seen is None or seen[0] != mark:
            seen = self._seen[path] = mark, time.monotonic()
        if not (_is_dead(holder) or time.monotonic() - seen[1] > self.lease):
            return _named(holder)
        aside = f"{path}.{token.rsplit(maxsplit=1)[-1]}"
        with contextlib.suppress(OSError):
            os.rename(path, aside)  # of all who wait, one can
            if _read(aside)[0] != holder:  # somebody else was quicker: it is theirs
                os.link(aside, path)
            os.unlink(aside)
        return "a holder that is silent"

    def extend(self, key: str, token: str) -> bool:
        """Renew the lease by the file's time stamp; return whether it is still held."""
        path = self._path(key)
        if _read(path)[0] != token:
            return False
        os.utime(path)
        return True

    def drop(self, key: str, token: str) -> None:
        """Remove the file if it is still ours."""
        path = self._path(key)
        if _read(path)[0] == token:
            os.unlink(path)


def _read(path: str) -> tuple[str, object]:
    """Return a lock's holder and what changes when it is renewed; None when it is gone."""
    try:
        with open(path, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            text = file.read(500)
    except OSError:
        return "", None
    try:
        holder = str(json.loads(text)["holder"])
    except (ValueError, KeyError, TypeError):
        holder = ""  # being written, or its writer died
    return holder, (status.st_ino, status.st_mtime_ns, holder)


def _named(holder: str) -> str:
    """Return a holder for people; what is no token of ours names nobody."""
    words = holder.split()
    return f"process {words[1]}" if len(words) == 3 else "another process"


def _is_dead(holder: str) -> bool:
    """Tell whether a holder was a process of this machine that is no more."""
    words = holder.split()
    if len(words) != 3 or words[0] != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False


_EXTEND = "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('pexpire',KEYS[1],ARGV[2]) or 0"
_DROP = "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('del',KEYS[1]) or 0"


class RedisLockManager(LeaseLocks):
    """Locks in a Redis server, by a URL or a client of the ``redis`` package."""

    def __init__(self, server: Any = "redis://localhost:6379", lease: float = LEASE) -> None:
        super().__init__(lease)
        self._server = server
        self._client: Any = None if isinstance(server, str) else server

    @property
    def client(self) -> Any:
        """The client, made on first use.

        Raises:
            CacheError: the ``redis`` package is missing.
        """
        if self._client is None:
            try:
                import redis
            except ImportError:
                raise CacheError(
                    "Locks in Redis need the package `redis`: pip install 'nbcache[redis]'."
                ) from None
            self._client = redis.Redis.from_url(self._server)
        return self._client

    def _ask(self, command: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(self.client, command)(*arguments, **options)
        except CacheError:
            raise
        except Exception as error:
            raise CacheError(f"Redis did not answer: {error}") from error

    def attempt(self, key: str, token: str) -> str:
        """Take the lock; return an empty text, or who holds it."""
        name, milliseconds = f"nbcache:lock:{key}", int(self.lease * 1000)
        if self._ask("set", name, token, nx=True, px=milliseconds):
            return ""
        holder = (self._ask("get", name) or b"").decode("utf-8", "replace")
        place = holder.partition(" ")[0]
        return f"{_named(holder)} on {place}" if place else _named(holder)

    def extend(self, key: str, token: str) -> bool:
        """Renew the lease; return whether it is still held."""
        arguments = (f"nbcache:lock:{key}", token, int(self.lease * 1000))
        return bool(self._ask("eval", _EXTEND, 1, *arguments))

    def drop(self, key: str, token: str) -> None:
        """Give the lock up if it is still ours."""
        self._ask("eval", _DROP, 1, f"nbcache:lock:{key}", token)
