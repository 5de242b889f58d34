"""joblib's ``Memory`` on nbcache's files: signed, private, with an expiry.

``register()`` once, then ``joblib.Memory(location, backend="nbcache")``. A function's result
becomes an entry of the same format as a cell's; cells are written through ``dump_item`` too,
but only the session reads them.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import pickle
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joblib import memory as joblib_memory
from joblib._store_backends import (
    CacheItemInfo,
    CacheWarning,
    StoreBackendBase,
    StoreBackendMixin,
)

from nbcache.entry import Body, Entry
from nbcache.errors import DamagedEntry, ForeignEntry, StoreError
from nbcache.store.collecting import collect_blobs
from nbcache.store.entry_file import load_entry, read_entry, write_entry
from nbcache.store.folder import has_safe_folder, make_private_folder
from nbcache.store.joblib_items import find_moved, list_all_items
from nbcache.store.local import CELLS, ROOT_NAME, prepare_location
from nbcache.store.pieces import BLOBS
from nbcache.store.removal import empty_folder
from nbcache.store.signing import load_key

BACKEND_NAME = "nbcache"
_CODEC = "joblib"
_CELLS_ID = "/".join(CELLS)
_ALWAYS_EXPIRED = 0.0


@dataclass(frozen=True, slots=True)
class CellItem:
    """A recorded cell on its way to the store, already encoded."""

    entry: Entry
    body: Body


def register() -> None:
    """Make ``backend="nbcache"`` known to joblib; repeating it changes nothing."""
    joblib_memory.register_store_backend(BACKEND_NAME, NbcacheStoreBackend)


class NbcacheStoreBackend(StoreBackendBase, StoreBackendMixin):
    """A store backend for joblib over nbcache's files.

    Options (``backend_options``): ``ttl`` in seconds for every result, ``key_folder`` for
    the signing key, ``clock``. Results are mapped or copied as nbcache does it: joblib's
    ``mmap_mode`` and ``compress`` have no effect.
    """

    def __init__(self) -> None:
        self.location = ""
        self.verbose = 0
        self._ttl: float | None = None
        self._key_folder: str | None = None
        self._clock: Callable[[], float] = time.time
        self._key: bytes | None = None
        self._moved: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the key behind: another process reads it from its own folder."""
        return {**self.__dict__, "_key": None, "_moved": {}}

    def configure(
        self,
        location: str,
        verbose: int = 0,
        backend_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare the folder; joblib passes ``<location>/joblib``, or a ``Path`` as it is."""
        options = dict(backend_options or {})
        self.location = os.path.abspath(location)
        self.verbose = verbose
        self._ttl = options.get("ttl")
        self._key_folder = options.get("key_folder")
        self._clock = options.get("clock", time.time)
        _check_options(options)
        self._prepare()

    def contains_item(self, call_id: Sequence[str]) -> bool:
        """Whether a complete, trusted and unexpired item is there."""
        entry = self._read(call_id)
        return entry is not None and entry.is_young(self._clock())

    def get_metadata(self, call_id: Sequence[str]) -> dict[str, Any]:
        """Return the call's metadata; ``time`` is always there and comes from the signed entry.

        For an item that vanished it is 1970, so that ``expires_after`` recomputes it.
        """
        entry = self._read(call_id)
        stored_at = entry.stored_at if entry is not None else _ALWAYS_EXPIRED
        metadata: Any = super().get_metadata(tuple(call_id))
        return {**(metadata if isinstance(metadata, dict) else {}), "time": stored_at}

    def dump_item(self, call_id: Sequence[str], item: object, verbose: int = 1) -> Any:
        """Store an item whole or not at all, and return its entry.

        A cell's errors are raised. A function's result that cannot be stored is a warning of
        joblib's kind, since the user's call has succeeded.
        """
        folder = self._folder_of(call_id)
        if isinstance(item, CellItem):
            self._prepare()
            return write_entry(folder, item.entry, item.body, self._load_key(), self._blobs)
        try:
            entry, body = self._encode(call_id, item)
            self._prepare()
            return write_entry(folder, entry, body, self._load_key(), self._blobs)
        except Exception as error:
            warnings.warn(
                f"The result of {call_id[0]} was not cached: {error}", CacheWarning, stacklevel=2
            )
            return None

    def load_item(
        self,
        call_id: Sequence[str],
        verbose: int = 1,
        timestamp: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return a function's result; unpickles only what our own key signed for this call."""
        folder = self._folder_of(call_id)
        try:
            entry, body = load_entry(folder, self._load_key(), blobs=self._blobs)
        except FileNotFoundError as error:
            raise KeyError(f"{folder} is not in the cache (it may have been cleared).") from error
        if not _is_result_of(entry, call_id):
            raise ForeignEntry(f"{folder} does not hold a result of {call_id[0]}.")
        return pickle.loads(body.stream, buffers=body.buffers)

    def get_items(self) -> list[Any]:
        """Return every item with its size and last use; those of cells come from the index.

        It may not know yet that an entry was used; limits look at each once more.
        """
        moment, moved = datetime.datetime.fromtimestamp, self._moved
        return [
            CacheItemInfo(path, size_bytes, moment(moved.get(path, used_at)))
            for path, size_bytes, used_at in list_all_items(self.location, self._load_key)
        ]

    def enforce_store_limits(
        self,
        bytes_limit: Any,
        items_limit: Any = None,
        age_limit: Any = None,
    ) -> None:
        """Remove what was used longest ago until the limits hold, and blobs that nobody needs.

        What two items share goes with the last of them, so it may take several rounds.
        """
        limits = bytes_limit, items_limit, age_limit
        self._moved, before = {}, None
        while chosen := self._get_items_to_delete(*limits):
            moved = find_moved(chosen, self._moved)
            if moved:
                self._moved.update(moved)
                continue
            if before == (before := {item.path for item in chosen}):
                return  # nothing of it would go
            for path in before:
                with contextlib.suppress(OSError, StoreError):
                    self.clear_location(path)
            with contextlib.suppress(OSError, StoreError):
                collect_blobs(self.location)

    def clear_location(self, location: str) -> None:
        """Remove a folder of the store; for the store's own, what is in it.

        Raises ``StoreUnavailable`` when something of the whole store cannot be removed.
        """
        if not _is_within(location, self.location):
            raise StoreError(f"{location} lies outside of the store {self.location}.")
        if location == self.location:
            empty_folder(location)
        else:
            shutil.rmtree(location, ignore_errors=True)

    def create_location(self, location: str) -> None:
        """Create a folder that only its owner can open."""
        make_private_folder(location)

    def _prepare(self) -> None:
        """Check the store's folder, or make it; it may have changed since the last time."""
        parent, name = os.path.split(self.location)
        if name == ROOT_NAME:
            prepare_location(parent)
        elif not has_safe_folder(self.location):
            make_private_folder(self.location)

    def _open_item(self, path: str, mode: str) -> Any:
        """Open a small companion file (function code, metadata), private when it is new."""
        return open(path, mode, opener=_open_private)

    def _item_exists(self, location: str) -> bool:
        return os.path.lexists(location)

    def _move_item(self, source: str, target: str) -> None:
        os.replace(source, target)

    def _folder_of(self, call_id: Sequence[str]) -> str:
        """Return the item's folder; a call id cannot lead out of the store."""
        folder = os.path.normpath(os.path.join(self.location, *call_id))
        if not _is_within(folder, self.location):
            raise StoreError(f"{call_id!r} cannot name an item: it leads out of the store.")
        return folder

    @property
    def _blobs(self) -> str:
        return os.path.join(self.location, *BLOBS)

    def _load_key(self) -> bytes:
        if self._key is None:
            self._key = load_key(self._key_folder)
        return self._key

    def _read(self, call_id: Sequence[str]) -> Entry | None:
        """Return the item's manifest, or None for what is missing, damaged or not ours."""
        try:
            entry = read_entry(self._folder_of(call_id), self._load_key())
        except (OSError, DamagedEntry, ForeignEntry):
            return None
        return entry if _is_cell(call_id) or _is_result_of(entry, call_id) else None

    def _encode(self, call_id: Sequence[str], item: object) -> tuple[Entry, Body]:
        """Return a function's result as an entry that is bound to its call."""
        buffers: list[pickle.PickleBuffer] = []
        stream = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
        entry = Entry(
            key=call_id[-1],
            variant=_variant_of(call_id[0]),
            stored_at=self._clock(),
            ttl=self._ttl,
            cost=0.0,
            title=call_id[0],
            versions={"codec": _CODEC},
        )
        return entry, Body(stream, tuple(buffers))


def _check_options(options: Mapping[str, Any]) -> None:
    """Say so when an option of joblib's own backend is asked for."""
    for name in ("compress", "mmap_mode"):
        if options.get(name):
            warnings.warn(
                f"{name} has no effect with backend='nbcache': results are stored raw, and large "
                "arrays are mapped privately. Leave it out.",
                CacheWarning,
                stacklevel=5,
            )


def _is_cell(call_id: Sequence[str]) -> bool:
    return f"{call_id[0]}/".startswith(f"{_CELLS_ID}/")


def _is_result_of(entry: Entry, call_id: Sequence[str]) -> bool:
    """Whether the entry was stored by joblib for this very call, not copied from another."""
    return (
        entry.versions.get("codec") == _CODEC
        and not entry.origin
        and entry.title == call_id[0]
        and entry.key == call_id[-1]
    )


def _variant_of(function_id: str) -> str:
    return hashlib.sha256(function_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
