"""The file of an index: the heads of its pages, where the names of each shard are, the regions.

The regions of a page are added at the end, then its head is written; so whoever reads sees the
earlier page or the later one, and whatever a killed process, a full disk or two writers at once
leave behind is a page whose check fails. Nobody locks: a page that is lost is made again. What
later pages replaced is left out when the file is written anew, beside it, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
import time
from collections.abc import Iterator, Sequence

from nbcache.store.page_heads import (
    ALL,
    BLOBS,
    HEAD_BYTES,
    NAMES,
    SPOT,
    Head,
    build_page,
    check_names,
    pack_head,
    regions_of,
    spot_names,
    unpack_head,
)
from nbcache.store.pages import SHARDS, Page
from nbcache.store.shards import SHARD_DIGITS

SLACK_BYTES = 1 << 20
"""As much as this, and as much as all pages take, may be out of date before it is left out."""

PAGES = 16**SHARD_DIGITS // SHARDS
_MAGIC = b"\x89NBI\r\n\x1a\n" + struct.pack("<II", 3, PAGES)
_HEADS_AT = len(_MAGIC)
_SPOTS_AT = _HEADS_AT + PAGES * HEAD_BYTES
_SPOTS_BYTES = SHARDS * SPOT.size
_START = _SPOTS_AT + PAGES * _SPOTS_BYTES
_LARGEST = 1 << 22
_FARTHEST = (1 << 63) - 1
_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))
_NEW_ENDING = ".new"
_ABANDONED_AFTER = 60.0
_LATER = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


class PageFile:
    """An open index file; every method may raise ``OSError``. Close it."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.inode = os.fstat(descriptor).st_ino

    def close(self) -> None:
        """Let go of the file; repeating it changes nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> PageFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def heads(self) -> list[Head | None]:
        """Return the head of each page by its number; None for none, or a damaged one."""
        data = _read_at(self._descriptor, PAGES * HEAD_BYTES, _HEADS_AT)
        places = range(0, PAGES * HEAD_BYTES, HEAD_BYTES)
        return [unpack_head(number, data[at : at + HEAD_BYTES]) for number, at in enumerate(places)]

    def head(self, number: int) -> Head | None:
        """Return the head of one page."""
        place = _HEADS_AT + number * HEAD_BYTES
        return unpack_head(number, _read_at(self._descriptor, HEAD_BYTES, place))

    def page(self, head: Head, wanted: Sequence[int] = ALL) -> Page | None:
        """Return the page of a head with the regions that are wanted; None for a damaged one."""
        lengths, found = head.lengths, {}
        for region in wanted:
            if region == BLOBS and lengths[BLOBS] == head.summary.entries:
                continue  # none has any
            offset = head.offset + sum(lengths[:region])
            found[region] = _read_at(self._descriptor, lengths[region], offset)
        return build_page(head, found)

    def names(self, shard: int, changed_ns: int, inode: int) -> str | None:
        """Return a shard's names, a line for each, if they were all at this time and inode."""
        spot = _read_at(self._descriptor, SPOT.size, _SPOTS_AT + shard * SPOT.size)
        if len(spot) < SPOT.size:
            return None
        offset, length, check, changed, number = SPOT.unpack(spot)
        if changed != changed_ns or number != inode or length > _LARGEST:
            return None
        names = _read_at(self._descriptor, length, offset)
        if check_names(names, changed_ns, inode) != check:
            return None
        return names.decode("ascii")

    def mend(self, shard: int, changed_ns: int, inode: int) -> bool:
        """Note anew where a shard's names are, if its page has them of this time and inode."""
        number, place = divmod(shard, SHARDS)
        head = self.head(number)
        if head is None or head.marks[2 * place : 2 * place + 2] != (changed_ns, inode):
            return False
        page = self.page(head, (NAMES,))
        if page is None:
            return False
        with _open(self._path) as writable:
            if writable.inode != self.inode:
                return False
            _write_spots(writable._descriptor, page, head.offset)
        return True

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def put(self, pages: Sequence[Page]) -> None:
        """Add pages, each in the place of the earlier one of its number."""
        data = b"".join(region for page in pages for region in regions_of(page))
        offset = _append(self._path, self.inode, data)
        for page in pages:
            _write_head(self._descriptor, page, offset)
            offset += sum(map(len, regions_of(page)))

    def compact(self) -> Iterator[None]:
        """Write the file anew without what is out of date, in short steps, if that pays."""
        size = self._size()
        heads = [one for one in self.heads() if one and one.offset + one.size <= size]
        if size <= 2 * sum(one.size for one in heads) + _START + SLACK_BYTES:
            return
        with _writing_new(self._path) as new:
            offset = _write_all(new, bytes(_START))
            for turn, head in enumerate(heads):
                page = self.page(head)
                if page is not None:
                    _write_head(new, page, offset)
                    offset += _write_all(new, b"".join(regions_of(page)))
                if turn % 4 == 0:
                    yield
            _write_at(new, _MAGIC, 0)


def open_pages(path: str) -> PageFile:
    """Open an index file of ours; one that is none is replaced by an empty one.

    Raises ``OSError`` where none can be.
    """
    try:
        return _open(path)
    except OSError as error:
        if error.errno in _LATER:  # nothing is wrong with the file itself
            raise
    forget_pages(path)
    with _writing_new(path) as new:
        _write_all(new, _MAGIC + bytes(_START - len(_MAGIC)))
    return _open(path)


def open_known_pages(path: str) -> PageFile | None:
    """Open an index file for reading if it is there and ours."""
    try:
        return _open(path, os.O_RDONLY)
    except OSError:
        return None


def forget_pages(path: str) -> None:
    """Remove an index file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _open(path: str, flags: int = os.O_RDWR) -> PageFile:
    descriptor = os.open(path, flags | _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not _is_private(status) or status.st_size < _START:
            raise FileNotFoundError(path)
        if _read_at(descriptor, len(_MAGIC), 0) != _MAGIC:
            raise FileNotFoundError(path)
        return PageFile(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _is_private(status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        return False
    return os.name != "posix" or (status.st_uid == os.getuid() and not status.st_mode & 0o077)


@contextlib.contextmanager
def _writing_new(path: str) -> Iterator[int]:
    """Give a new file that nobody else writes; it takes the place of ``path`` when it is whole."""
    new = path + _NEW_ENDING
    with contextlib.suppress(FileNotFoundError):
        if time.time() - os.lstat(new).st_mtime > _ABANDONED_AFTER:
            os.unlink(new)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        yield descriptor
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    finally:
        os.close(descriptor)


def _write_head(descriptor: int, page: Page, offset: int) -> None:
    """Say where the regions of a page are, and the names in it."""
    _write_at(descriptor, pack_head(page, offset), _HEADS_AT + page.number * HEAD_BYTES)
    _write_spots(descriptor, page, offset)


def _write_spots(descriptor: int, page: Page, offset: int) -> None:
    """Say where the names of each shard are; they are the first of a page's regions."""
    spots = spot_names(page, offset)
    _write_at(descriptor, spots, _SPOTS_AT + page.number * _SPOTS_BYTES)


def _append(path: str, inode: int, data: bytes) -> int:
    """Add to the end of a file in one go, and return where that begins."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | _FLAGS)
    try:
        if os.fstat(descriptor).st_ino != inode:
            raise FileNotFoundError(path)  # written anew meanwhile
        if os.write(descriptor, data) != len(data):
            raise OSError("The index could not be written.")
        return os.lseek(descriptor, 0, os.SEEK_CUR) - len(data)
    finally:
        os.close(descriptor)


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    if offset > _FARTHEST:  # of a damaged note
        return b""
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)
    return os.pread(descriptor, size, offset)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data)
    else:
        os.pwrite(descriptor, data, offset)


def _write_all(descriptor: int, data: bytes) -> int:
    done = 0
    while done < len(data):
        done += os.write(descriptor, data[done:])
    return len(data)
