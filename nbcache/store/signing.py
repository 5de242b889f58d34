"""The key that signs entries: 32 random bytes that only the user can read."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from os import urandom as _urandom
from pathlib import Path

from nbcache.errors import StoreError, StoreUnavailable

KEY_BYTES = 32
KEY_NAME = "signing.key"
KEY_FOLDER_VARIABLE = "NBCACHE_KEY_DIR"


def find_key_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the key: ``NBCACHE_KEY_DIR``, else in Jupyter's data folder."""
    if environ.get(KEY_FOLDER_VARIABLE):
        return Path(environ[KEY_FOLDER_VARIABLE]).expanduser()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "nbcache"


def load_key(folder: str | os.PathLike[str] | None = None) -> bytes:
    """Return the user's key and create it on first use; safe between processes.

    Raises ``StoreError`` for a key that others can read or that belongs to someone else.
    """
    chosen = Path(folder) if folder is not None else find_key_folder()
    path = chosen / KEY_NAME
    try:
        if not os.path.lexists(path):
            chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create_key(path)
        return _read_key(path)
    except OSError as error:
        raise StoreUnavailable(
            f"The signing key {path} cannot be used: {error.strerror}. "
            f"Make its folder writable, or name another one in {KEY_FOLDER_VARIABLE}."
        ) from error


def _create_key(path: Path) -> None:
    """Write a new key beside ``path`` and link it there, unless another process was first."""
    temporary = path.with_name(f".{KEY_NAME}.{_urandom(8).hex()}")
    try:
        _write_new(temporary, _urandom(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, path: Path) -> None:
    """Give the finished key its name; never over an existing one."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no hard links (vfat, some FUSE mounts).
        _write_new(path, temporary.read_bytes())


def _write_new(path: Path, data: bytes) -> None:
    """Create a file that must not exist yet, readable by its owner alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _read_key(path: Path) -> bytes:
    """Return the key after its owner, mode and length were checked on the open file."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"):  # a pipe there holds nobody up
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        _check_private(path, os.fstat(file.fileno()))
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"The signing key {path} is not {KEY_BYTES} bytes long. "
            "Remove the file; a new key is made, and older entries are then ignored."
        )
    return key


def _check_private(path: Path, status: os.stat_result) -> None:
    """Refuse a key that someone else owns, reads or writes."""
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"The signing key {path} is not a regular file. Remove it.")
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise StoreError(
            f"The signing key {path} belongs to another user (uid {status.st_uid}). "
            f"Name a folder of your own in {KEY_FOLDER_VARIABLE}."
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(
            f"The signing key {path} is open to other users (mode "
            f"{stat.S_IMODE(status.st_mode):o}), so they could sign entries in your name. "
            "Remove it to have a new one made; `chmod 600` only if nobody read it yet."
        )
