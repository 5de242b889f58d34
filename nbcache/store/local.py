"""The store on this machine: a folder per entry, laid out as joblib's ``Memory`` expects.

``<location>/joblib/nbcache/cells/<first 3 digits of key>/<key>.<variant>/output.nbc``

To joblib the item's function is ``nbcache/cells/<3 digits>`` and its call id the entry's name.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from nbcache.entry import Body, Entry
from nbcache.errors import CacheWarning, DamagedEntry, ForeignEntry, StoreError
from nbcache.store.entry_file import (
    FILE_NAME,
    load_entry,
    read_entry_in,
    remove_entry,
    write_entry,
)
from nbcache.store.folder import (
    has_safe_folder,
    keep_out_of_git,
    make_private_folder,
    unavailable,
)
from nbcache.store.format import decode_body, encode
from nbcache.store.header import read_manifest
from nbcache.store.manifests import Manifests
from nbcache.store.names import INDEX_NAME, NameReader
from nbcache.store.origins import Origins
from nbcache.store.pieces import BLOBS, MAP_FROM_BYTES
from nbcache.store.shards import Listings

if TYPE_CHECKING:
    from nbcache.store.index import Index

ROOT_NAME = "joblib"
CELLS = ("nbcache", "cells")
_SHARD_DIGITS = 3
_MOST_FOLDERS = 10_000
_KEY = re.compile(r"[0-9a-f]{32,64}")
_VARIANT = re.compile(r"[0-9a-f]{8,64}")
_warned: set[str] = set()


def item_of(entry: Entry) -> tuple[str, str]:
    """Return joblib's call id of an entry: function id and argument id.

    Raises ``StoreError`` for a key or variant that is not hexadecimal.
    """
    return item_name(entry.key, entry.variant)


def item_name(key: str, variant: str) -> tuple[str, str]:
    """Return joblib's call id for a cell key and a variant; raises ``StoreError`` likewise."""
    _check_name(key, _KEY)
    _check_name(variant, _VARIANT)
    return "/".join((*CELLS, key[:_SHARD_DIGITS])), f"{key}.{variant}"


def prepare_location(location: str) -> str:
    """Return the folder of joblib's items in ``location``; creates what is missing.

    Raises ``StoreUnavailable`` when a folder is not ours alone or cannot be made.
    """
    root = os.path.join(location, ROOT_NAME)
    try:
        for folder in (location, root):
            if not has_safe_folder(folder):
                make_private_folder(folder)
                has_safe_folder(folder)
        keep_out_of_git(root)
        for place in range(1, len(CELLS) + 1):
            has_safe_folder(os.path.join(root, *CELLS[:place]))
    except OSError as error:
        raise unavailable(error, location, "create the store") from error
    return root


class LocalStore:
    """Entries as files under ``location``, signed and verified with ``key``.

    ``map_from_bytes`` is the size from which a loaded buffer is a private map of the file;
    None copies all of them, which is right on network file systems. ``tell`` receives a
    sentence about each file that is skipped, once; without it, that is a warning. ``origins``
    tells which fetched entries are loaded; without it, none.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        key: bytes,
        *,
        map_from_bytes: int | None = MAP_FROM_BYTES,
        tell: Callable[[str], None] | None = None,
        origins: Origins | None = None,
    ) -> None:
        self._tell = tell or warn
        self._origins = origins or Origins()
        self.location = os.path.abspath(os.path.expanduser(os.fspath(location)))
        self._key = key
        self._map_from_bytes = map_from_bytes
        self._root = os.path.join(self.location, ROOT_NAME)
        self._cells = os.path.join(self._root, *CELLS)
        self._blobs = os.path.join(self._root, *BLOBS)
        self._folders: dict[str, str] = {}
        self._manifests = Manifests()
        self._listings = Listings(ask=NameReader(os.path.join(self.location, INDEX_NAME)).read)
        self._index: Index | None = None

    @property
    def label(self) -> str:
        """The store's folder."""
        return self.location

    @property
    def index(self) -> Index:
        """The index of the entries; a look-up of a key needs none."""
        if self._index is None:
            from nbcache.store.index import Index

            self._index = Index(self.location, self._cells, self._key)
        return self._index

    def find(self, key: str) -> Sequence[Entry]:
        """Return the verified manifests under ``key``, newest first; skips what is damaged."""
        _check_name(key, _KEY)
        if not self._is_there():
            return ()
        shard = f"{self._cells}/{key[:_SHARD_DIGITS]}"
        try:
            names = self._listings.beginning(shard, f"{key}.")
        except OSError as error:
            _tell_once(shard, error, self._tell)
            return []
        found = [entry for name in names if (entry := self._read(shard, name)) is not None]
        return found if len(found) < 2 else sorted(found, key=_moment, reverse=True)

    def read_all(self, entry: Entry) -> Body:
        """Return the values of ``entry`` after every byte was read, stamped or not."""
        return self.load(entry, trust_stamps=False)

    def load(self, entry: Entry, *, trust_stamps: bool = True) -> Body:
        """Return the verified values of ``entry``; ``StoreError`` when it was replaced since."""
        folder = self._folder_of(entry)
        if not self._is_there():
            raise StoreError(f"Entry {entry.name} is gone: the store {self.location} is missing.")
        mapping = self._map_from_bytes if trust_stamps else None
        try:
            stored, body = self._manifests.load(
                f"{folder}/{FILE_NAME}",
                lambda: load_entry(folder, self._key, mapping, self._blobs),
                anew=not trust_stamps,
            )
        except FileNotFoundError as error:
            raise StoreError(f"Entry {entry.name} was removed since it was found.") from error
        except OSError as error:
            raise unavailable(error, folder, "read from the store") from error
        if _identity(stored) != _identity(entry):
            raise StoreError(f"Entry {entry.name} was replaced since it was found.")
        self._origins.check(stored)
        return body

    def mark(self, entry: Entry) -> object:
        """Return what changes when the entry is replaced or gets company; None if it is gone."""
        if not self.is_trusted(entry):
            return None
        folder = self._folders.get(entry.name)
        if folder is None:
            if len(self._folders) > _MOST_FOLDERS:
                self._folders.clear()
            folder = self._folders[entry.name] = self._folder_of(entry)
        try:
            status = os.stat(f"{folder}/{FILE_NAME}")
            shard = os.stat(f"{folder}/..")
        except OSError:
            self._folders.pop(entry.name, None)
            return None
        return status.st_dev, status.st_ino, status.st_size, shard.st_mtime_ns

    def is_trusted(self, entry: Entry) -> bool:
        """Whether it is ours, or of somebody who is trusted as of now."""
        return not entry.origin or self._origins.is_trusted(entry)

    def put(self, entry: Entry, body: Body) -> Entry:
        """Store the entry atomically and return it with its size filled in."""
        folder = self._folder_of(entry)
        prepare_location(self.location)
        return write_entry(folder, entry, body, self._key, self._blobs)

    def read_file(self, name: str) -> bytes:
        """Return an entry, verified, as one file with all that it needs, to be sent elsewhere.

        Raises ``StoreError`` when it is not here or not ours.
        """
        key, _, variant = name.partition(".")
        folder = os.path.join(self._root, *item_name(key, variant))
        try:
            entry, body = load_entry(folder, self._key, self._map_from_bytes, self._blobs)
        except OSError as error:
            raise StoreError(f"Entry {name} is not in the store.") from error
        self._origins.check(entry)
        return b"".join(encode(entry, body, self._key).chunks)

    def adopt(self, name: str, data: bytes) -> Entry:
        """Store an entry's file that came from elsewhere and carries our signature."""
        manifest = read_manifest(data, len(data), self._key)
        if manifest.entry.name != name:
            raise DamagedEntry(f"The entry is {manifest.entry.name} instead of {name}.")
        return self.put(manifest.entry, decode_body(data, manifest, share_from_bytes=0))

    def entries(self) -> Iterator[Entry]:
        """Yield every readable manifest, in no particular order."""
        if not self._is_there():
            return
        for shard_name in self._folders_in(self._cells):
            shard = f"{self._cells}/{shard_name}"
            for name in self._folders_in(shard):
                entry = self._read(shard, name)
                if entry is not None:
                    yield entry

    def remove(self, entry: Entry) -> None:
        """Forget one entry; a missing one is no error."""
        folder = self._folder_of(entry)
        if not self._is_there():
            return
        try:
            remove_entry(folder)
        except OSError as error:
            raise unavailable(error, folder, "remove an entry from the store") from error

    def _is_there(self) -> bool:
        """Whether both folders exist; raises ``StoreUnavailable`` when one is not ours alone."""
        return has_safe_folder(self.location) and has_safe_folder(self._root)

    def _folder_of(self, entry: Entry) -> str:
        """Return the folder of an entry whose name is a safe one."""
        return os.path.join(self._root, *item_of(entry))

    def _folders_in(self, folder: str) -> Sequence[str]:
        """Return the names of the folders in one; none and a word when it is unreadable."""
        try:
            return self._listings.folders_in(folder)
        except OSError as error:
            _tell_once(folder, error, self._tell)
            return ()

    def _read(self, shard: str, name: str) -> Entry | None:
        """Return one manifest, or None and a warning when it cannot be trusted."""
        folder = f"{shard}/{name}"
        try:
            entry = self._manifests.get(
                f"{folder}/{FILE_NAME}", lambda: read_entry_in(folder, self._key)
            )
            if entry.name != name:
                raise ForeignEntry(f"The entry was moved here: it is {entry.name}.")
            self._origins.check(entry)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (DamagedEntry, ForeignEntry, OSError) as error:
            _tell_once(os.path.join(folder, FILE_NAME), error, self._tell)
            return None
        return entry


def _moment(entry: Entry) -> float:
    return entry.stored_at


def _identity(entry: Entry) -> tuple[str, float, float, int]:
    """Return what tells one recording of a name from a later one."""
    return entry.name, entry.stored_at, entry.cost, entry.size_bytes


def _check_name(name: str, pattern: re.Pattern[str]) -> None:
    """Refuse a name that could leave the store's folder."""
    if not pattern.fullmatch(name):
        raise StoreError(f"{name!r} cannot name an entry: keys are lower-case hexadecimal digits.")


def _tell_once(path: str, error: Exception, tell: Callable[[str], None]) -> None:
    """Tell about a file once in this process."""
    if path not in _warned:
        _warned.add(path)
        tell(f"{path} is skipped. {error}")


def warn(text: str) -> None:
    """Warn, and go on even where warnings are errors."""
    with contextlib.suppress(CacheWarning):
        warnings.warn(text, CacheWarning, stacklevel=5)
