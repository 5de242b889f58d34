"""The index of a store: one row for each entry, so that nobody has to open 100,000 files.

It is a copy of what the folders say and is brought up to date by whoever asks: the shards whose
modification time moved are listed again, and only entries that are new or changed are read. So
storing and serving never wait for it, and a process that knows of no index may add and remove
as it likes. Nothing is ever loaded through it. One that is missing, damaged or of another
version is made anew; where no file can hold it, it is made in memory for one question.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from nbcache.errors import StoreError
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.folder import has_safe_folder
from nbcache.store.mounts import is_network_folder
from nbcache.store.row_files import read_blobs, read_row
from nbcache.store.rows import COLUMNS, Row
from nbcache.store.shards import is_settled, list_folders
from nbcache.store.tables import (
    AnotherVersion,
    drop,
    drop_shard,
    known_files,
    prepare,
    put,
    writing,
)

INDEX_NAME = "index.sqlite"
SHARD_DIGITS = 3
SHARDS_AT_ONCE = 256
"""Folders whose times are looked up in one step of a refresh."""

_PATIENCE_S = 5.0
_NAME = re.compile(r"[0-9a-f]{32,64}\.[0-9a-f]{8,64}")
T = TypeVar("T")


class IndexUnavailable(StoreError):
    """There is no index here, and none can be made."""


class Index:
    """The index of the entries in ``cells``, a folder of shards; ``key`` is their signing key.

    ``patience`` is how many seconds to wait for another process. Connections live for one
    question each: threads and forks share nothing.
    """

    def __init__(
        self,
        location: str,
        cells: str,
        key: bytes,
        *,
        patience: float = _PATIENCE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = os.path.join(location, INDEX_NAME)
        self._location, self._cells, self._key = location, cells, key
        self._patience = patience
        self._clock = clock
        self._is_far: bool | None = None

    def in_haste(self) -> Index:
        """Return the same index for somebody who would rather do without than wait."""
        return Index(self._location, self._cells, self._key, patience=0.0, clock=self._clock)

    def rows(self, where: str = "", values: Sequence[Any] = (), order: str = "") -> list[Row]:
        """Return the rows for which a condition of SQL holds, after a refresh."""
        text = f"SELECT {', '.join(COLUMNS)} FROM entries"
        text += f" WHERE {where}" if where else ""
        text += f" ORDER BY {order}" if order else ""
        return self.ask(lambda base: list(map(Row._make, base.execute(text, values))))

    def ask(self, question: Callable[[Any], T], *, is_patient: bool = True) -> T:
        """Return the answer of a question to the database, which is brought up to date before.

        Where no file can hold it, it is made in memory, which takes as long as reading all
        entries. Raises ``IndexUnavailable`` if there is no sqlite, or if the caller would rather
        do without than wait.
        """
        try:
            return self._ask(question)
        except _errors() as error:
            if not is_patient:
                raise IndexUnavailable(str(error)) from error
            if not _is_busy(error):
                self._forget_quietly()
        except IndexUnavailable:
            if not is_patient:
                raise
        try:
            return self._ask(question)
        except (*_errors(), IndexUnavailable):
            with contextlib.closing(self._connect(":memory:")) as base:
                return self._answer(base, question)

    def _ask(self, question: Callable[[Any], T]) -> T:
        with self.opened() as base:
            return self._answer(base, question)

    def _answer(self, base: Any, question: Callable[[Any], T]) -> T:
        for _ in self.refreshing(base):
            pass
        return question(base)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """Give a connection; a database that is damaged raises sqlite's errors.

        Raises:
            IndexUnavailable: no file can hold it here.
            StoreUnavailable: the store's folder is not ours alone.
        """
        if self._is_far is None:
            self._is_far = is_network_folder(self._location)
        if self._is_far or not has_safe_folder(self._location):
            raise IndexUnavailable(f"{self._location} is no place for an index.")
        try:
            base = self._connect(self.path)
        except _errors() as error:
            if _is_busy(error):
                raise
            self._forget_quietly()
            base = self._connect(self.path)
        with contextlib.closing(base):
            yield base

    def _connect(self, path: str) -> Any:
        if path == self.path:
            self._check_file()
        base = _sqlite3().connect(path, timeout=self._patience, isolation_level=None)
        try:
            prepare(base)
        except BaseException:
            base.close()
            raise
        return base

    def refreshing(self, base: Any, oldest: float = 0.0) -> Iterator[None]:
        """Bring the rows up to date in short steps; each step is a transaction of its own.

        Shards that were last looked through before ``oldest`` (Unix time) are looked through
        again even if nothing says that they changed.
        """
        known = {
            name: changed if scanned >= oldest else 0
            for name, changed, scanned in base.execute("SELECT * FROM shards")
        }
        there: dict[str, int] = {}
        names = [name for name in _list_quietly(self._cells) if len(name) == SHARD_DIGITS]
        for start in range(0, len(names), SHARDS_AT_ONCE):
            for name in names[start : start + SHARDS_AT_ONCE]:
                with contextlib.suppress(OSError):
                    there[name] = os.lstat(f"{self._cells}/{name}").st_mtime_ns
            yield
        for name in known.keys() - there.keys():
            with writing(base):
                drop_shard(base, name)
            yield
        yield from self._scanning(base, [n for n, at in there.items() if known.get(n, 0) != at])

    def _scanning(self, base: Any, shards: Iterable[str]) -> Iterator[None]:
        for shard in shards:
            with writing(base):
                self._scan(base, shard)
            yield

    def _scan(self, base: Any, shard: str) -> None:
        """Compare one shard with its rows, and read what is new or changed."""
        folder = f"{self._cells}/{shard}"
        try:
            changed_ns = os.lstat(folder).st_mtime_ns
        except OSError:
            return
        known = known_files(base, shard)
        there = {
            name
            for name in list_folders(folder)
            if name.startswith(shard) and _NAME.fullmatch(name)
        }
        gone = [(name,) for name in known.keys() - there]
        for name in there:
            row = self._news(folder, name, known.get(name))
            if isinstance(row, Row):
                put(base, row, read_blobs(f"{folder}/{name}"))
            elif row is None and name in known:
                gone.append((name,))
        drop(base, gone)
        settled = changed_ns if is_settled(changed_ns, time.time_ns()) else 0
        mark = shard, settled, self._clock()
        base.execute("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", mark)

    def folder_of(self, name: str) -> str:
        """Return the folder of an entry."""
        return f"{self._cells}/{name[:SHARD_DIGITS]}/{name}"

    def read_again(self, base: Any, name: str) -> None:
        """Take what an entry is now; forget it if it is gone."""
        folder = self.folder_of(name)
        row = read_row(os.path.dirname(folder), name, self._key)
        if row is None:
            drop(base, [(name,)])
        else:
            put(base, row, read_blobs(folder))

    def drop(self, base: Any, name: str) -> None:
        """Forget an entry that was removed."""
        drop(base, [(name,)])

    def _news(self, folder: str, name: str, known: tuple[int, int] | None) -> Row | bool | None:
        """Return the row of a file that changed, True for one that did not, None for none."""
        if known is not None:
            with contextlib.suppress(OSError):
                status = os.lstat(f"{folder}/{name}/{FILE_NAME}")
                if (status.st_ino, status.st_ctime_ns) == known:
                    return True
        return read_row(folder, name, self._key)

    def forget_all(self) -> None:
        """Leave no trace of entries that are gone, titles included; as far as others let us."""
        with contextlib.suppress(IndexUnavailable, *_errors()):
            self.ask(lambda base: base.execute("VACUUM"), is_patient=False)

    def forget(self) -> None:
        """Remove the index; it is made anew when it is next asked."""
        for ending in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path + ending)

    def _forget_quietly(self) -> None:
        with contextlib.suppress(OSError):
            self.forget()

    def _check_file(self) -> None:
        """Make a private file; replace what is none of ours, so that it leads nowhere else."""
        try:
            with contextlib.suppress(FileNotFoundError):
                if not _is_private(os.lstat(self.path)):
                    self.forget()
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise IndexUnavailable(str(error)) from error


def _is_private(status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return False
    return os.name != "posix" or (status.st_uid == os.getuid() and not status.st_mode & 0o077)


def _list_quietly(folder: str) -> list[str]:
    try:
        return list_folders(folder)
    except OSError as error:
        raise IndexUnavailable(str(error)) from error


def _sqlite3() -> Any:
    """Return Python's sqlite3, which some builds lack."""
    try:
        return importlib.import_module("sqlite3")
    except ImportError as error:
        raise IndexUnavailable(str(error)) from error


def _errors() -> Any:
    return (_sqlite3().Error, AnotherVersion)


def _is_busy(error: Exception) -> bool:
    return "locked" in str(error) or "busy" in str(error)
