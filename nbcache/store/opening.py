"""How a session comes to its store: hits read files directly, writes go through joblib."""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcache.entry import Body, Entry
from nbcache.errors import StoreError
from nbcache.store.local import CELLS, ROOT_NAME, LocalStore, item_of
from nbcache.store.locks import KeyLock, take_lock
from nbcache.store.mounts import is_network_folder
from nbcache.store.origins import Origins, find_posture
from nbcache.store.pieces import MAP_FROM_BYTES
from nbcache.store.protocol import Waiting
from nbcache.store.signing import find_key_folder, load_key

if TYPE_CHECKING:  # a look-up needs none of these, and is what most processes come for
    from nbcache.store.collecting import Collected
    from nbcache.store.limits import Bounds, Pruning
    from nbcache.store.rows import Row

LOCATION_VARIABLE = "NBCACHE_DIR"
_SOON_S, _PATIENCE_S = 1.0, 0.2


class JoblibStore:
    """A store that is joblib's ``Memory`` for whoever has joblib, with reads past it.

    joblib takes 250 ms to import and brings numpy with it, so a notebook that does not use it
    never sees it: limits, clearing and ``Memory`` itself load it when they are asked for.
    """

    def __init__(self, local: LocalStore, open_backing: Callable[[], Any]) -> None:
        self._local = local
        self._open_backing = open_backing
        self._memory: Any = None
        self._loose: set[str] = set()

    @property
    def label(self) -> str:
        """The store's folder."""
        return self._local.label

    @property
    def location(self) -> str:
        """The folder that joblib's ``Memory`` calls its location."""
        return self._local.location

    @property
    def memory(self) -> Any:
        """The ``joblib.Memory`` over the same files; imports joblib on first use."""
        if self._memory is None:
            self._memory = self._open_backing()
        return self._memory

    @property
    def size_bytes(self) -> int:
        """Bytes of all items, those of joblib's own functions included."""
        from nbcache.store.collecting import size_items

        root = os.path.join(self.location, ROOT_NAME)
        others = size_items(root, apart_from=os.path.join(root, *CELLS))
        return self._local.index.total_bytes() + sum(item.size_bytes for item in others)

    def rows(self, *, prefix: str = "") -> list[Row]:
        """Return what is known of each entry whose key begins so, the newest first."""
        return self._local.index.rows(prefix)

    def items(self) -> list[tuple[str, int, float]]:
        """Return the folder of each entry, its size, and its last use as far as it is known."""
        return self._local.index.items()

    def upkeep(self, bounds: Bounds, now: float) -> Iterator[None]:
        """Keep the store within its bounds and tidy, in short steps; see ``Upkeep``."""
        from nbcache.store.upkeep import Upkeep

        root = os.path.join(self.location, ROOT_NAME)
        is_loose, self._loose = bool(self._loose), set()
        return Upkeep(self.location, root, self._local.index, is_loose).round(bounds, now)

    def prune(self, bounds: Bounds, *, dry_run: bool = False) -> Pruning:
        """Remove entries until the bounds hold, and tell which."""
        from nbcache.store.limits import Pruning

        pruning = Pruning(self._local.index, bounds, time.time())
        return pruning.rehearse() if dry_run else pruning.run()

    def find(self, key: str) -> Sequence[Entry]:
        """Return the verified manifests under ``key``, newest first; skips what is damaged."""
        return self._local.find(key)

    def load(self, entry: Entry) -> Body:
        """Return the verified values of ``entry``."""
        return self._local.load(entry)

    def read_all(self, entry: Entry) -> Body:
        """Return the values of ``entry`` after every byte was read, stamped or not."""
        return self._local.read_all(entry)

    def mark(self, entry: Entry) -> object:
        """Return what changes when the entry is replaced or gets company; None if it is gone."""
        return self._local.mark(entry)

    def is_trusted(self, entry: Entry) -> bool:
        """Whether it is ours, or of somebody who is trusted as of now."""
        return self._local.is_trusted(entry)

    def put(self, entry: Entry, body: Body) -> Entry:
        """Store the entry atomically and return it with its size filled in.

        joblib imports numpy, which changes warning filters: a notebook that has not loaded
        joblib itself gets the same file from the same code without it.
        """
        if self._memory is None and "joblib" not in sys.modules:
            return self._local.put(entry, body)
        from nbcache.store.joblib_backend import CellItem

        item_id = item_of(entry)
        stored: Entry = self.memory.store_backend.dump_item(item_id, CellItem(entry, body))
        return stored

    def entries(self) -> Iterator[Entry]:
        """Yield every readable manifest, in no particular order."""
        return self._local.entries()

    def lock(
        self, key: str, waiting: Waiting | None = None, wait: float | None = None
    ) -> KeyLock | None:
        """Wait until no other process computes ``key``; None where there are no locks."""
        return take_lock(self.location, key, waiting=waiting, wait=wait)

    def remove(self, entry: Entry) -> None:
        """Forget one entry; a missing one is no error.

        Large values that only it needed go with the next ``upkeep``, or ``collect``.
        """
        from nbcache.store.collecting import needs_of

        self._loose |= needs_of(os.path.join(self.location, ROOT_NAME, *item_of(entry)))
        self._local.remove(entry)

    def collect_soon(self) -> None:
        """Remove the blobs that only removed entries needed; ``upkeep`` does it if it takes long.

        Those that other entries need stay, and so do all while somebody stores or collects.
        """
        if not self._loose:
            return
        from nbcache.store.collecting import collecting

        until = time.perf_counter() + _SOON_S
        with contextlib.suppress(OSError, StoreError):
            root = os.path.join(self.location, ROOT_NAME)
            steps = collecting(root, patience=_PATIENCE_S, only=frozenset(self._loose))
            for _ in steps:
                if time.perf_counter() > until:
                    steps.close()
                    return
            self._loose.clear()

    def collect(self) -> Collected:
        """Remove the blobs that no entry needs any more; nothing where they can't be told."""
        from nbcache.store.collecting import Collected, collect_blobs

        with contextlib.suppress(OSError, StoreError):
            return collect_blobs(os.path.join(self.location, ROOT_NAME))
        return Collected()

    def read_file(self, name: str) -> bytes:
        """Return the verified bytes of an entry's file, to be sent elsewhere."""
        return self._local.read_file(name)

    def adopt(self, name: str, data: bytes) -> Entry:
        """Store an entry's file that came from elsewhere and carries our signature."""
        return self._local.adopt(name, data)

    def reduce_size(
        self,
        bytes_limit: int | str | None = None,
        items_limit: int | None = None,
        age_limit: datetime.timedelta | None = None,
    ) -> None:
        """Remove the least recently used items until the limits hold, as joblib does it."""
        self.memory.reduce_size(bytes_limit, items_limit, age_limit)

    def clear(self) -> None:
        """Remove everything from the store, results of joblib's own functions included.

        Raises ``StoreUnavailable``, which says why, when something cannot be removed.
        """
        self.memory.clear(warn=False)
        self._local.index.forget()


def open_store(
    location: str | os.PathLike[str] | None = None,
    *,
    key_folder: str | os.PathLike[str] | None = None,
    clock: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] | None = None,
) -> Any:
    """Return the store at ``location``: else ``NBCACHE_DIR``, else the user's cache folder.

    A URL (``s3://team/cache``, ``redis://host``, ``file:///mnt/team``) is a ``SharedStore`` of
    that place, through the local folder. Touches only the signing key: the folder is made at the
    first write. Raises ``StoreError`` when the key cannot be used.
    """
    place = os.fspath(location or "")
    if place.startswith("file://"):
        place = place.replace("file://", "local://", 1)  # a folder that several machines mount
    if "://" in place and _is_url(place):
        return _open_shared(place, key_folder, environ, tell)
    return open_local(location, key_folder=key_folder, clock=clock, environ=environ, tell=tell)


def _is_url(place: str) -> bool:
    from nbcache.store.remote import is_url  # who has a folder needs nothing of remotes

    return is_url(place)


def _open_shared(
    url: str,
    key_folder: str | os.PathLike[str] | None,
    environ: Mapping[str, str],
    tell: Callable[[str], None] | None,
) -> Any:
    from nbcache.store.identity import Identity
    from nbcache.store.remote import open_remote
    from nbcache.store.shared import SharedStore

    posture = find_posture(environ)
    keys = os.path.abspath(find_key_folder(environ) if key_folder is None else key_folder)
    local = open_local(key_folder=keys, environ=environ, tell=tell)
    remote = open_remote(url)
    return SharedStore(local, remote, Identity(keys), load_key(keys), posture=posture, tell=tell)


def open_local(
    location: str | os.PathLike[str] | None = None,
    *,
    key_folder: str | os.PathLike[str] | None = None,
    clock: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] | None = None,
) -> JoblibStore:
    """Return the store of a folder on this machine."""
    place = _resolve(location, environ)
    # Resolved once: a cell may change the environment or the directory before the first write.
    keys = os.path.abspath(find_key_folder(environ) if key_folder is None else key_folder)
    mapping = None if is_network_folder(place) else MAP_FROM_BYTES
    origins = Origins(keys, find_posture(environ))
    local = LocalStore(place, load_key(keys), map_from_bytes=mapping, tell=tell, origins=origins)
    return JoblibStore(local, lambda: open_memory(place, key_folder=keys, clock=clock))


def open_memory(
    location: str | os.PathLike[str] | None = None,
    *,
    key_folder: str | os.PathLike[str] | None = None,
    ttl: float | None = None,
    clock: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
) -> Any:
    """Return a ``joblib.Memory`` over nbcache's files; its results expire after ``ttl`` seconds.

    Creates the folder, or raises ``StoreUnavailable``.
    """
    import joblib

    from nbcache.store.joblib_backend import BACKEND_NAME, register

    register()
    keys = find_key_folder(environ) if key_folder is None else key_folder
    options = {"ttl": ttl, "clock": clock, "key_folder": os.path.abspath(keys)}
    # A str, never a Path: joblib adds its own folder to the former only (joblib issue 1684).
    place = _resolve(location, environ)
    return joblib.Memory(place, backend=BACKEND_NAME, backend_options=options, verbose=0)


def find_location(environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder where entries live when nobody names another one."""
    if environ.get(LOCATION_VARIABLE):
        return environ[LOCATION_VARIABLE]
    import platformdirs

    return platformdirs.user_cache_dir("nbcache")


def _resolve(location: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> str:
    """Return the absolute folder, since a notebook may change its working directory."""
    chosen = find_location(environ) if location is None else os.fspath(location)
    return os.path.abspath(os.path.expanduser(chosen))
