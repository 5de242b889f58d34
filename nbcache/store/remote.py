"""Places that several machines share: whole entries as named bytes, on engines that exist.

A remote only moves bytes: what is in them was sealed before and is verified after. The engines
are those of fsspec (``s3://``, ``gs://``, ``az://``, ``sftp://``, ``file://``, ``memory://`` …)
and Redis (``redis://``, ``rediss://``, ``unix://``).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from os import urandom as _urandom
from typing import Any, Protocol

from nbcache.errors import DamagedEntry, StoreError, StoreUnavailable, TooLarge

_NAME = re.compile(r"[0-9a-f]{32,64}\.[0-9a-f]{8,64}")
_SUFFIX = ".nbc"
_PART = re.compile(_NAME.pattern + r"\.nbc\.[0-9a-f]{8}")
_ABANDONED_AFTER = 86400.0
_SHARD_DIGITS = 3
_LARGEST_REDIS_VALUE = 512 << 20
_REDIS = ("redis://", "rediss://", "unix://")


class Remote(Protocol):
    """Named bytes; every method may raise ``StoreUnavailable``."""

    url: str

    def names(self, key: str = "") -> Iterator[str]:
        """Yield the names of the entries under a cell key, or of all."""

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a name, None if there are none."""

    def put(self, name: str, data: bytes) -> None:
        """Store the bytes under the name: others see all of them or none."""

    def remove(self, name: str) -> None:
        """Forget a name; a missing one is no error."""


def open_remote(url: str) -> Remote:
    """Return the remote of a URL; nothing is connected yet.

    Raises:
        StoreError: no engine serves such URLs, or its package is missing.
    """
    scheme, _, rest = url.partition("://")
    if not rest.strip("/") and scheme != "memory":
        raise StoreError(f"The store {url} names no bucket, host or folder.")
    return RedisRemote(url) if url.startswith(_REDIS) else FsspecRemote(url)


class FsspecRemote:
    """A folder of any file system that fsspec knows; options come from fsspec's configuration."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = url.rstrip("/")
        self._clock = clock
        self._listed: dict[str, Any] = {}
        fsspec = _need("fsspec", self.url)
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError, TypeError) as error:
            raise StoreError(f"The store {shown(url)} cannot be used: {error}.") from error
        except OSError as error:
            raise unreachable(self.url, error) from error

    def names(self, key: str = "") -> Iterator[str]:
        """Yield the names under a key, or all."""
        shards = [f"{self._root}/{key[:_SHARD_DIGITS]}"]
        if not key:
            shards = [str(info["name"]) for info in self._list(self._root)]
        for shard in shards:
            for info in self._list(str(shard)):
                file = str(info["name"]).rsplit("/", 1)[-1]
                name = file.removesuffix(_SUFFIX)
                if _NAME.fullmatch(name) and name.startswith(key):
                    self._listed[name] = info
                    yield name
                elif _PART.fullmatch(file):
                    self._forget_part(info)

    def _forget_part(self, info: Any) -> None:
        """Remove what a killed process left unfinished, if no living one can be at it."""
        with contextlib.suppress(Exception):
            written = info["mtime"]
            written_at = float(getattr(written, "timestamp", lambda: written)())
            if written_at < self._clock() - _ABANDONED_AFTER:
                self._system.rm_file(str(info["name"]))

    def _list(self, folder: str) -> list[Any]:
        try:
            self._system.invalidate_cache(folder)
            try:
                return list(self._system.ls(folder, detail=True))
            except PermissionError:  # of one among them, about which nobody may ask
                return [{"name": path} for path in self._system.ls(folder, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:
            raise unreachable(self.url, error) from error

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a name; what is no file, or more than fits in memory, stays there."""
        path = self._path(name)
        try:
            known = self._listed.pop(name, {})
            _check_size(name, known if "size" in known else self._system.info(path))
            return bytes(self._system.cat_file(path))
        except FileNotFoundError:
            return None
        except StoreError:
            raise
        except Exception as error:
            raise unreachable(self.url, error) from error

    def put(self, name: str, data: bytes) -> None:
        """Write beside the name and rename, where a write could be seen half done."""
        path = self._path(name)
        try:
            if not _is_object_store(self._system):
                self._system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
                self._put_beside(path, data)
            else:
                self._system.pipe_file(path, data)
        except Exception as error:
            raise unreachable(self.url, error) from error

    def _put_beside(self, path: str, data: bytes) -> None:
        beside = f"{path}.{_urandom(4).hex()}"
        try:
            self._system.pipe_file(beside, data)
            self._system.mv(beside, path)
        except BaseException:
            with contextlib.suppress(Exception):
                self._system.rm_file(beside)
            raise

    def remove(self, name: str) -> None:
        """Forget a name."""
        try:
            self._system.rm_file(self._path(name))
        except FileNotFoundError:
            return
        except Exception as error:
            raise unreachable(self.url, error) from error

    def _path(self, name: str) -> str:
        return f"{self._root}/{_checked(name)[:_SHARD_DIGITS]}/{name}{_SUFFIX}"


class RedisRemote:
    """A Redis server: an entry is a string, the names of a key are a set.

    Entries live as long as the server keeps them: with ``maxmemory`` and an eviction policy it
    is a bounded cache for a team.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        redis = _need("redis", url)
        options = {"socket_connect_timeout": 5, "socket_timeout": 10}
        try:
            self._client: Any = redis.Redis.from_url(url, **options)
        except ValueError as error:
            raise StoreError(f"The store {shown(url)} cannot be used: {error}.") from error
        self._error = redis.RedisError

    def names(self, key: str = "") -> Iterator[str]:
        """Yield the names under a key, or all."""
        try:
            if key:
                found = self._client.smembers(f"nbcache:key:{key}")
            else:
                found = (one.split(b":", 2)[2] for one in self._client.scan_iter("nbcache:entry:*"))
            for name in found:
                text = name.decode("ascii", "replace")
                if _NAME.fullmatch(text) and text.startswith(key):
                    yield text
        except self._error as error:
            raise unreachable(self.url, error) from error

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a name."""
        try:
            found = self._client.get(f"nbcache:entry:{_checked(name)}")
        except self._error as error:
            if str(error).startswith("WRONGTYPE"):
                raise DamagedEntry(f"The shared entry {name} is no string of Redis.") from error
            raise unreachable(self.url, error) from error
        return None if found is None else bytes(found)

    def put(self, name: str, data: bytes) -> None:
        """Store bytes and name at once."""
        if len(data) > _LARGEST_REDIS_VALUE:
            raise TooLarge(
                f"Entry {_checked(name)} stays on this machine: it has {len(data) >> 20} MiB, and "
                "Redis takes 512 at most. A store of files or objects takes more."
            )
        try:
            with self._client.pipeline() as pipe:
                pipe.set(f"nbcache:entry:{_checked(name)}", data)
                pipe.sadd(f"nbcache:key:{name.split('.', maxsplit=1)[0]}", name)
                pipe.execute()
        except self._error as error:
            raise unreachable(self.url, error) from error

    def remove(self, name: str) -> None:
        """Forget bytes and name at once."""
        try:
            with self._client.pipeline() as pipe:
                pipe.delete(f"nbcache:entry:{_checked(name)}")
                pipe.srem(f"nbcache:key:{name.split('.', maxsplit=1)[0]}", name)
                pipe.execute()
        except self._error as error:
            raise unreachable(self.url, error) from error


def is_url(place: str | os.PathLike[str] | None) -> bool:
    """Tell whether a store's place is a URL of a remote, instead of a folder here."""
    text = "" if place is None else os.fspath(place)
    return "://" in text and not text.startswith("file://")


def shown(url: str) -> str:
    """Return a URL as it may be told: never with its password."""
    return re.sub(r"//[^/@]*@", "//…@", re.sub("^local://", "file://", url))


def unreachable(url: str, error: Exception) -> StoreUnavailable:
    """Return the error that says which remote failed, and how."""
    told = (str(error) or repr(error)).replace(url, shown(url)).rstrip(".")
    return StoreUnavailable(f"The shared store {shown(url)} cannot be reached: {told}.")


def _checked(name: str) -> str:
    """Refuse a name that could leave the store's place."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} cannot name an entry.")
    return name


def _check_size(name: str, info: Any) -> None:
    """Refuse what would never end, and what would fill the memory."""
    from nbcache.store.envelope import refuse_more_than_memory

    if info.get("type") in ("other", "directory"):
        raise StoreError(f"The shared entry {name} is not a file, so nothing of it is read.")
    refuse_more_than_memory(f"The shared entry {name}", int(info.get("size") or 0))


def _is_object_store(system: Any) -> bool:
    """Whether the system shows a new object only when it is whole."""
    protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
    return protocol in {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "oss", "memory"}


def _need(package: str, url: str) -> Any:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError:
        raise StoreError(
            f"The store {shown(url)} needs the package {package}: python -m pip install {package}"
        ) from None
