"""Which kind knows a type: exact types first, then families found along the MRO."""

from __future__ import annotations

import importlib
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nbcache.errors import NotReplayable

if TYPE_CHECKING:
    from nbcache.heap.groups import Group
    from nbcache.heap.walk import Walk


class Dump(Protocol):
    """What a kind may ask of the stream that it is stored in."""

    namespace: dict[str, Any]
    walk: Walk
    changed: frozenset[int]
    blocks: set[int]
    """Identities of arrays whose rows are columns of a frame, which change one by one."""
    within: set[int]
    """Identities of memory inside of frames and indexes, which nobody writes into unnoticed."""
    lent: list[Any]
    """Arrays that the stream holds by content; others may rest on their memory."""
    root: Any
    """The whole value that is written."""

    def is_earlier(self, obj: Any) -> bool:
        """Tell whether the stream refers to this object instead of holding it."""

    def earlier_array(self, owner: Any) -> tuple[Any, int] | None:
        """Return an earlier array over the same memory and the address of its first element."""

    def earlier_column(self, owner: Any) -> tuple[Any, int, int] | None:
        """Return an earlier, unchanged frame over the memory, a column of it and its address."""


class Kind:
    """Knows one family of types: how to fingerprint, reduce and patch its objects."""

    by_value = False
    """True: identity does not count, so the object gets no ordinal and is never patched."""

    stable = False
    """True: no value of this kind ever gets another token while it lives."""

    sized = False
    """True: the length of an object of this kind is that of the column that it holds."""

    leaves: frozenset[type] = frozenset()
    """Exact types whose values ``encode_leaves`` takes."""

    opaque = False
    """True: what can't be stored is the object itself, never a part of it."""

    mixed = False
    """True: some of the objects are values; ``is_value`` tells which."""

    irreversible = False
    """True: a patch can't be taken back, so it comes after all others."""

    is_container = False
    """True: what ``parts`` tells is all that an object is, and is put into it one by one."""

    has_parts = False
    """True: ``parts`` tells what an object of this kind holds."""

    is_noted = False
    """True: attributes that a user gives such an object are none of what this kind knows."""

    def parts(self, obj: Any) -> list[Any]:
        """Return what the object holds as a new list, in the order that its token tells."""
        return []

    def is_value(self, obj: Any) -> bool:
        """Tell whether this object's identity does not count."""
        return self.by_value

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Return the shallow token of ``obj``; children go through ``walk.ref``."""
        raise NotImplementedError

    def encode_group(
        self, objects: list[Any], ordinals: Sequence[int], walk: Walk
    ) -> tuple[bytes, Group] | None:
        """Return one token for objects of one type, and how to see which ones change.

        None leaves them to be encoded one by one; the choice rests on their values alone.
        """
        return None

    def encode_leaves(self, values: list[Any], walk: Walk) -> bytes:
        """Return one token for immutable values of one type."""
        raise NotImplementedError

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Return how to build ``obj`` again, as a reduction, or NotImplemented for pickle's way.

        Called for objects of every type but the flat ones and builtin containers.
        """
        return NotImplemented

    def state(self, obj: Any) -> Any:
        """Return what ``patch`` needs to give a live object this one's contents."""
        raise NotReplayable("was changed in place, and objects of its type can't be patched")

    def snapshot(self, obj: Any) -> Any:
        """Return a state that stays as it is while the object is patched."""
        return self.state(obj)

    def is_patchable(self, before: bytes, after: bytes) -> bool:
        """Tell whether a change between two shallow tokens can be patched."""
        return True

    def settle(self, live: Any, state: Any, walk: Walk) -> None:
        """Look, before anything is changed, whether a restored state can be applied here.

        Raises:
            CacheError: it can't.
        """

    def patch(self, live: Any, state: Any) -> None:
        """Give the live object the recorded contents, in place."""
        raise NotReplayable("can't be patched in place")


EXACT: dict[type, Kind] = {}
BASES: dict[type, Kind] = {}
FIRST: dict[type, Kind] = {}

FAMILIES = {
    "numpy": "nbcache.heap.kinds.numpy_scalars",
    "pandas": "nbcache.heap.kinds.pandas_frames",
    "polars": "nbcache.heap.kinds.arrow_tables",
    "pyarrow": "nbcache.heap.kinds.arrow_tables",
    "dateutil": "nbcache.heap.kinds.dateutil_zones",
    "decimal": "nbcache.heap.kinds.decimals",
    "bs4": "nbcache.heap.kinds.parsed_documents",
    "asteval": "nbcache.heap.kinds.asteval_interpreters",
    "IPython": "nbcache.heap.kinds.ipython_shell",
    "ipykernel": "nbcache.heap.kinds.ipython_shell",
    "h5py": "nbcache.heap.kinds.h5py_files",
    "ipywidgets": "nbcache.heap.kinds.widgets",
    "logging": "nbcache.heap.kinds.named_loggers",
    "matplotlib": "nbcache.heap.kinds.matplotlib_artists",
    "mpl_toolkits": "nbcache.heap.kinds.matplotlib_artists",
    "numba": "nbcache.heap.kinds.numba_dispatchers",
    "PIL": "nbcache.heap.kinds.pillow_images",
    "patsy": "nbcache.heap.kinds.patsy_formulas",
    "scipy": "nbcache.heap.kinds.scipy_objects",
    "statsmodels": "nbcache.heap.kinds.statsmodels_data",
    "sympy": "nbcache.heap.kinds.sympy_functions",
    "torch": "nbcache.heap.kinds.torch_objects",
    "traitlets": "nbcache.heap.kinds.trait_holders",
    "xml": "nbcache.heap.kinds.xml_elements",
}
"""Top-level packages and the module that registers their kinds, imported on first sight."""

CORE = (
    "nbcache.heap.kinds.builtin",
    "nbcache.heap.kinds.views",
    "nbcache.heap.kinds.derived",
    "nbcache.heap.kinds.code",
    "nbcache.heap.kinds.functions",
    "nbcache.heap.kinds.classes",
    "nbcache.heap.kinds.descriptors",
    "nbcache.heap.kinds.caches",
    "nbcache.heap.kinds.weak",
    "nbcache.heap.kinds.exceptions",
    "nbcache.heap.kinds.opaque",
    "nbcache.heap.kinds.context_variables",
    "nbcache.heap.kinds.generators",
    "nbcache.heap.kinds.files",
    "nbcache.heap.kinds.pools",
    "nbcache.heap.kinds.memory_views",
    "nbcache.heap.kinds.values",
    "nbcache.heap.kinds.matches",
    "nbcache.heap.kinds.iterators",
    "nbcache.heap.kinds.typing_forms",
    "nbcache.heap.kinds.enums",
    "nbcache.heap.kinds.instance",
)
_found: dict[type, Kind] = {}
_loaded: dict[str, types.ModuleType] = {}


def register(
    kind: Kind, *exact: type, bases: tuple[type, ...] = (), first: tuple[type, ...] = ()
) -> None:
    """Let ``kind`` serve these exact types, and all subclasses of ``bases``.

    The bases in ``first`` win over others that stand earlier in an MRO, as ``Enum`` does over
    ``int`` in an ``IntEnum``.
    """
    EXACT.update(dict.fromkeys(exact, kind))
    BASES.update(dict.fromkeys(bases, kind))
    FIRST.update(dict.fromkeys(first, kind))


def kind_of(kind: type) -> Kind:
    """Return the kind that knows objects of this exact type; there always is one."""
    found = _found.get(kind)
    if found is None:
        found = _with_notes(kind, _find(kind))
        if kind.__module__ != "__main__":  # a notebook's classes come and go
            _found[kind] = found
    return found


def _with_notes(kind: type, family: Kind) -> Kind:
    from nbcache.heap.kinds.noted import with_notes

    return with_notes(kind, family)


def _find(kind: type) -> Kind:
    _load_families(kind)
    exact = EXACT.get(kind)
    if exact is not None:
        return exact
    for base, family in FIRST.items():
        if base in kind.__mro__:
            return family
    for base in kind.__mro__:
        served = BASES.get(base)
        if served is not None:
            return served
    from nbcache.heap.kinds import instance

    return instance.choose(kind)


def _load_families(kind: type) -> None:
    for name in CORE:
        _load(name)
    for base in kind.__mro__:
        package = str(getattr(base, "__module__", None)).partition(".")[0]
        if package in FAMILIES:
            refresh = getattr(_load(FAMILIES[package]), "refresh", None)
            if refresh is not None:  # the package may have loaded more of itself since
                refresh()


def _load(name: str) -> types.ModuleType:
    module = _loaded.get(name)
    if module is None:
        module = _loaded[name] = importlib.import_module(name)
    return module
