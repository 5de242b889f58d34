"""A private folder: whose it is, and how a whole file appears in it at once."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from os import urandom as _urandom
from typing import BinaryIO

from nbcache.errors import ForeignEntry, StoreUnavailable
from nbcache.store.reserving import RESERVE_FROM_BYTES, reserve
from nbcache.store.syncing import sync_file, sync_name

TEMPORARY_PREFIX = ".writing-"
_SLICE_BYTES = 16 << 20
_READING = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    _READING |= getattr(os, _flag, 0)
_NEW_MODE = 0o600
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL
for _flag in ("O_NOFOLLOW", "O_BINARY", "O_CLOEXEC", "O_NOINHERIT"):
    _NEW |= getattr(os, _flag, 0)
_HAS_USERS = os.name == "posix"

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, or run `jupyter nbcache prune`"),
    errno.EDQUOT: ("your disk quota is used up", "Free some space, or run `jupyter nbcache prune`"),
    errno.EFBIG: ("the file is larger than allowed here", "Raise the limit (`ulimit -f`)"),
    errno.EROFS: ("the file system is read-only", "Name a writable folder in NBCACHE_DIR"),
    errno.EACCES: ("you may not write there", "Name a folder of your own in NBCACHE_DIR"),
    errno.EPERM: ("the system forbids it", "Name a folder of your own in NBCACHE_DIR"),
    errno.EIO: ("the disk reports an error", "Check the disk, or set NBCACHE_DIR to another one"),
}


_approved: set[tuple[int, int, int]] = set()
"""Modes and owners that were found safe for a user: a look-up checks the folder each time."""


def unavailable(error: OSError, folder: str, attempt: str) -> StoreUnavailable:
    """Return the error that says what failed, why, and what to do."""
    reason, way_out = _REASONS.get(
        error.errno or 0,
        (error.strerror or str(error), "Check the folder, or name another one in NBCACHE_DIR"),
    )
    return StoreUnavailable(f"Could not {attempt} {folder}: {reason}. {way_out}.")


def has_safe_folder(folder: str) -> bool:
    """Whether the folder is there; raises ``StoreUnavailable`` when it is not ours alone."""
    try:
        status = os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unavailable(error, folder, "look into") from error
    seen = status.st_mode, status.st_uid, os.getuid() if _HAS_USERS else 0
    if seen in _approved:
        return True
    if stat.S_ISLNK(status.st_mode):
        raise StoreUnavailable(
            f"The store {folder} is a symbolic link, which could be turned elsewhere. "
            "Name the folder that it points to in NBCACHE_DIR."
        )
    if not stat.S_ISDIR(status.st_mode):
        raise StoreUnavailable(
            f"The store {folder} is not a folder. Remove it, or name another one in NBCACHE_DIR."
        )
    _check_owner(folder, status)
    _approved.add(seen)
    return True


def _check_owner(folder: str, status: os.stat_result) -> None:
    """Refuse a folder in which another user could replace entries."""
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise StoreUnavailable(
            f"The store {folder} belongs to another user (uid {status.st_uid}). "
            "Name a folder of your own in NBCACHE_DIR."
        )
    if status.st_mode & 0o022:
        raise StoreUnavailable(
            f"The store {folder} can be written by other users "
            f"(mode {stat.S_IMODE(status.st_mode):o}). Run `chmod go-w '{folder}'`, "
            "or name another folder in NBCACHE_DIR."
        )


def make_private_folder(folder: str) -> bool:
    """Create the folder and its missing parents, open to their owner alone; tell if it is new."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return False
    except FileNotFoundError:
        make_private_folder(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            return True
        return False
    return True


def keep_out_of_git(root: str) -> None:
    """Let git overlook a folder that may lie inside a repository."""
    path = os.path.join(root, ".gitignore")
    try:
        is_there = os.lstat(path).st_size > 0  # it is empty where the disk was full
    except FileNotFoundError:
        is_there = False
    if not is_there:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"# Made by nbcache: recorded cells do not belong in a repository.\n*\n")


def open_own_file(path: str) -> BinaryIO:
    """Open a regular file of ours for reading.

    Raises ``ForeignEntry`` for a link, a file with a second name, or another user's file:
    someone else could change it after it was checked.
    """
    descriptor, _ = open_own_descriptor(path)
    return os.fdopen(descriptor, "rb")


def open_own_descriptor(path: str) -> tuple[int, os.stat_result]:
    """Return the same as a descriptor, which the caller closes, and what the file is."""
    folder = os.path.dirname(path)
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise ForeignEntry(f"{folder} is not a folder of the store.")
    descriptor = _open_unlinked(path)
    try:
        status = os.fstat(descriptor)
        _check_own_file(path, status)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status


def read_own_start(path: str, most_bytes: int) -> tuple[bytes, os.stat_result]:
    """Return the first bytes of a file of ours, and what it is; its folder is not looked at.

    Raises ``ForeignEntry`` as ``open_own_file`` does.
    """
    descriptor = _open_unlinked(path)
    try:
        status = os.fstat(descriptor)
        _check_own_file(path, status)
        return os.read(descriptor, min(status.st_size, most_bytes)), status
    finally:
        os.close(descriptor)


def _open_unlinked(path: str) -> int:
    """Return a descriptor of a file that is no symbolic link; ``ForeignEntry`` for one."""
    try:
        return os.open(path, _READING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ForeignEntry(f"{path} is a symbolic link.") from error
        raise


def _check_own_file(path: str, status: os.stat_result) -> None:
    """Refuse what is not a plain file that only we can reach and write."""
    if not stat.S_ISREG(status.st_mode):
        raise ForeignEntry(f"{path} is not a regular file.")
    if status.st_nlink > 1:
        raise ForeignEntry(f"{path} has a second name (a hard link).")
    if _HAS_USERS and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        raise ForeignEntry(f"{path} belongs to or can be written by another user.")


def write_whole_file(path: str, chunks: Iterable[bytes | memoryview]) -> None:
    """Write all chunks beside ``path`` and rename: others see the whole file or none.

    The folder must exist. Whatever ends the writing early, an interrupt included, leaves
    nothing behind.
    """
    temporary, _ = write_nameless_file(os.path.dirname(path), chunks, _NEW_MODE)
    try:
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_name(path)


def write_nameless_file(
    folder: str, chunks: Iterable[bytes | memoryview], mode: int, size_bytes: int = 0
) -> tuple[str, os.stat_result]:
    """Write all chunks to a new file, to be named or removed; return its path and what it is.

    Room for ``size_bytes`` is asked for at once where that makes the writing quicker.
    """
    descriptor, temporary = _open_new(folder)
    try:
        try:
            if size_bytes >= RESERVE_FROM_BYTES:
                reserve(descriptor, folder, size_bytes)
            for chunk in chunks:
                _write_all(descriptor, memoryview(chunk))
            sync_file(descriptor)
            if mode != _NEW_MODE:
                os.chmod(temporary, mode)
            return temporary, os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _open_new(folder: str) -> tuple[int, str]:
    """Return the descriptor and the path of a new file, whose name nobody could foretell."""
    while True:
        path = os.path.join(folder, f"{TEMPORARY_PREFIX}{_urandom(8).hex()}")
        with contextlib.suppress(FileExistsError):
            return os.open(path, _NEW, _NEW_MODE), path


def give_name(temporary: str, path: str) -> os.stat_result:
    """Give a file its name, instead of whatever has it; return what the file is then."""
    os.replace(temporary, path)
    sync_name(path)
    return os.lstat(path)


def _write_all(descriptor: int, view: memoryview) -> None:
    """Write every byte, in slices so that an interrupt is heard between them."""
    view = view.cast("B")
    done = 0
    while done < view.nbytes:
        done += os.write(descriptor, view[done : done + _SLICE_BYTES])
