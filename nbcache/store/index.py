"""The index of a store: one row for each entry, so that nobody has to open 100,000 files.

It is a copy of what the folders say and is brought up to date by whoever asks: the shards whose
modification time moved are listed again, and only entries that are new or changed are read. So
storing and serving never wait for it, and a process that knows of no index may add and remove
as it likes. Nothing is ever loaded through it. One that is missing, damaged or of another
version is made anew, page by page; where no file can hold it, the answer is the same, and slow.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from operator import attrgetter

from nbcache.errors import StoreError, StoreUnavailable
from nbcache.store.entry_file import FILE_NAME
from nbcache.store.folder import has_safe_folder
from nbcache.store.mounts import is_network_folder
from nbcache.store.names import INDEX_NAME
from nbcache.store.page_file import PageFile, forget_pages, open_pages
from nbcache.store.page_heads import ALL, ITEMS, LIMITS, SUMS
from nbcache.store.page_keeper import PageKeeper
from nbcache.store.pages import SHARDS, Page, Part, is_name, join_parts, make_part, split_page
from nbcache.store.row_files import read_blobs, read_row
from nbcache.store.rows import UNFINISHED, Row
from nbcache.store.shards import SHARD_DIGITS, is_settled, list_folders
from nbcache.store.tables import Table, by_name, items_of, total_of

PAGES_AT_ONCE = 16
"""Pages that are looked at in one step of a refresh."""

_DATABASE = "index.sqlite"
_FORMER_NAMES = (
    *("index.nbi", "index-2.nbi"),
    *(_DATABASE + end for end in ("", "-wal", "-shm", "-journal")),
)


class IndexUnavailable(StoreError):
    """There is no index file here, and none can be made."""


_ATTEMPTS = 5
_FOR_NOW = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EEXIST))
"""There is no room, or another process makes the file at this very moment."""


class Index:
    """The index of the entries in ``cells``, a folder of shards; ``key`` is their signing key.

    The file is opened for one question each: threads and forks share nothing.
    """

    def __init__(
        self, location: str, cells: str, key: bytes, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = os.path.join(location, INDEX_NAME)
        self.cells = cells
        self._location, self._key = location, key
        self._clock = clock
        self._is_far: bool | None = None
        self._can_wait = False
        self.has_loose = False
        """Whether entries that had blobs were found gone, or replaced: those may be free now."""

    def rows(self, prefix: str = "") -> list[Row]:
        """Return what is known of each entry whose name begins so, the newest first."""
        pages = chain.from_iterable(self.reading(ALL, prefix=prefix))
        found = Table([*pages]).rows()
        found = [row for row in found if row.name.startswith(prefix)] if prefix else found
        return sorted(found, key=_moment, reverse=True)

    def items(self) -> list[tuple[str, int, float]]:
        """Return the folder of each entry, its size, and the last use that the index knows of.

        Plain tuples, since 100,000 of any other kind keep the garbage collector busy.
        """
        return items_of(chain.from_iterable(self.reading(ITEMS)), self.cells)

    def total_bytes(self) -> int:
        """Return the bytes that all entries take; what they share counts once."""
        return total_of(chain.from_iterable(self.reading(SUMS)))

    def reading(
        self, wanted: Sequence[int] = LIMITS, *, prefix: str = "", oldest: float = 0.0
    ) -> Iterator[list[Page]]:
        """Yield the pages, brought up to date, in short steps, some of which give none.

        They have the regions that are wanted, at least, and names that begin so are in them.
        Pages that were last looked through before ``oldest`` (Unix time) are looked through
        again even if nothing says that they changed.
        """
        numbers = self._page_numbers(prefix)
        with self._open_if_possible() as file, self._folder() as folder:
            keeper = PageKeeper(file)
            for start in range(0, len(numbers), PAGES_AT_ONCE):
                pages, some = [], numbers[start : start + PAGES_AT_ONCE]
                for number, seen in zip(some, self._look(some, folder), strict=True):
                    page = keeper.read(number, wanted)
                    if page is None or page.marks != seen or page.scanned_at < oldest:
                        yield []
                        page = yield from self._look_through(number, seen, keeper, oldest)
                    pages.append(page)
                keeper.flush()
                yield pages
            yield from ([] for _ in keeper.tidying())

    def _look(self, numbers: Sequence[int], folder: int | None) -> list[tuple[int, ...]]:
        """Return of some pages time and inode of each shard's folder, zeros for none."""
        shards = [shard for number in numbers for shard in _shards()[number]]
        names = shards if folder is not None else [f"{self.cells}/{shard}" for shard in shards]
        look = functools.partial(os.lstat, dir_fd=folder)
        seen: list[int] = []
        try:
            seen = [*chain.from_iterable(map(_mark_of, map(look, names)))]
        except OSError:  # one is missing, as in all small stores
            for name in names:
                try:
                    seen += _mark_of(look(name))
                except OSError:
                    seen += (0, 0)
        words = 2 * SHARDS
        return [tuple(seen[start : start + words]) for start in range(0, len(seen), words)]

    def _look_through(
        self, number: int, seen: Sequence[int], keeper: PageKeeper, oldest: float
    ) -> Generator[list[Page], None, Page]:
        """Return a page anew, with what is known of the shards that did not change; keep it."""
        known = keeper.read(number, ALL)
        is_old = known is None or known.scanned_at < oldest
        parts = split_page(known) if known else [Part()] * SHARDS
        for place, shard in enumerate(_shards()[number]):
            mark = seen[2 * place], seen[2 * place + 1]
            if not mark[1]:
                self.has_loose |= bool(parts[place].blobs.strip())
                parts[place] = Part()
            elif is_old or parts[place][:2] != mark:
                parts[place] = self._scan(shard, mark, parts[place])
                yield []
        scanned_at = self._clock() if is_old or known is None else known.scanned_at
        page = join_parts(number, scanned_at, parts)
        keeper.put(page)
        return page

    def _scan(self, shard: str, mark: tuple[int, int], known: Part) -> Part:
        """List one shard; read what is new or changed, and take the rest from what is known."""
        folder = f"{self.cells}/{shard}"
        rows, blobs = by_name(known)
        found, needs = [], {}
        is_final = mark[0] > 0 and is_settled(mark[0], time.time_ns())  # as of before the listing
        try:
            names = list_folders(folder)
        except OSError:  # nobody can tell what is in there
            return Part(0, mark[1])
        for name in names:
            if not (name.startswith(shard) and is_name(name)):
                continue
            row = self._unchanged(folder, name, rows.get(name))
            try:
                needs[name] = blobs[name] if row else read_blobs(f"{folder}/{name}")
                row = row or read_row(folder, name, self._key)
            except OSError:  # nobody can tell what it is: what is known stays, for this time
                row, needs[name], mark = rows.get(name), blobs.get(name, []), (0, mark[1])
            if row is not None:
                found.append(row)
        left = (set(names) - set(needs.get(name, ())) for name, names in blobs.items() if names)
        self.has_loose |= any(left)
        is_final = is_final and all(row.kind != UNFINISHED for row in found)
        return make_part(shard, mark if is_final else (0, mark[1]), found, needs)

    def _unchanged(self, folder: str, name: str, known: Row | None) -> Row | None:
        """Return the row that is known of an entry if its file is still the same."""
        if known is not None and known.kind != UNFINISHED:
            with contextlib.suppress(OSError):
                status = os.lstat(f"{folder}/{name}/{FILE_NAME}")
                if (status.st_ino, status.st_ctime_ns) == (known.inode, known.changed_ns):
                    return known
        return None

    def read_again(self, name: str) -> tuple[Row, Sequence[str]] | None:
        """Return what an entry is now, and the blobs that it needs; None if it is gone."""
        shard = f"{self.cells}/{name[:SHARD_DIGITS]}"
        with contextlib.suppress(OSError):
            row = read_row(shard, name, self._key) if is_name(name) else None
            if row is not None and row.kind != UNFINISHED:
                return row, read_blobs(f"{shard}/{name}")
        return None

    def check(self) -> None:
        """Raise ``IndexUnavailable`` where no file can hold the index.

        Somebody may clear the store at this moment, and take the file or its folder away, or make
        it. Where only room is missing, the store needs to be kept within its bounds more than ever.
        """
        for _ in range(_ATTEMPTS):
            with self._open_if_possible() as file:
                if file is not None or self._can_wait or not os.path.isdir(self._location):
                    return
        raise IndexUnavailable(f"{self._location} is no place for an index.")

    def forget(self) -> None:
        """Remove the index, so that no trace is left of what it told; it is made anew."""
        with contextlib.suppress(OSError):
            forget_pages(self.path)
        self.forget_former()

    def forget_former(self) -> None:
        """Remove the index that earlier versions kept."""
        for name in _FORMER_NAMES:
            with contextlib.suppress(OSError):
                forget_pages(os.path.join(self._location, name))

    @contextlib.contextmanager
    def _open_if_possible(self) -> Iterator[PageFile | None]:
        """Give the index file, None where there can be none.

        Raises ``StoreUnavailable`` when the store's folder is not ours alone.
        """
        if self._is_far is None:
            self._is_far = is_network_folder(self._location)
        file = None
        if not self._is_far and has_safe_folder(self._location):
            try:
                file = open_pages(self.path)
            except OSError as error:
                self._can_wait = error.errno in _FOR_NOW
        try:
            yield file
        finally:
            if file is not None:
                file.close()

    @contextlib.contextmanager
    def _folder(self) -> Iterator[int | None]:
        """Give the folder of shards, open, so that each is looked up from there on."""
        folder = None
        if os.stat in os.supports_dir_fd:
            with contextlib.suppress(OSError):
                folder = os.open(self.cells, os.O_RDONLY)
        try:
            yield folder
        finally:
            if folder is not None:
                os.close(folder)

    def _page_numbers(self, prefix: str) -> Sequence[int]:
        """Return the pages in which there are shards of names that begin so."""
        try:
            if not prefix and os.stat(self.cells).st_nlink > 16**SHARD_DIGITS:
                return range(len(_shards()))  # as many folders as there are shards
            there = set(os.listdir(self.cells))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise StoreUnavailable(f"{self.cells} cannot be listed: {error}.") from error
        short = prefix[:SHARD_DIGITS]
        return [
            number
            for number, shards in enumerate(_shards())
            if not there.isdisjoint(shards)
            and (not short or any(shard.startswith(short) for shard in shards))
        ]


@functools.cache
def _shards() -> list[list[str]]:
    """Return the names that the shards of each page may have."""
    names = [f"{number:0{SHARD_DIGITS}x}" for number in range(16**SHARD_DIGITS)]
    return [names[start : start + SHARDS] for start in range(0, len(names), SHARDS)]


_mark_of: Callable[[os.stat_result], tuple[int, int]] = attrgetter("st_mtime_ns", "st_ino")


def _moment(row: Row) -> float:
    return row.stored_at
