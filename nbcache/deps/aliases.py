"""Names that hold a watched function: they are watched too, and never keep a wrapper."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from nbcache.deps.patching import lock
from nbcache.deps.pickled import standing
from nbcache.deps.wrapped import Wrapped, WrappedWarn

Namespace = MutableMapping[str, Any]

_known: dict[tuple[int, str], Namespace] = {}
"""Where modules that a run imported took a function that was watched then."""

_KINDS = frozenset(map(id, (Wrapped, WrappedWarn)))
"""By identity: the hash of a class may be code of the user's metaclass."""


def cover_aliases(*namespaces: Namespace) -> None:
    """Put wrappers where these, or a module seen before, hold a watched original."""
    with lock:
        for namespace in namespaces:
            if not standing.keys().isdisjoint(map(id, namespace.values())):
                for name, value in list(namespace.items()):
                    _cover(namespace, name, value)
        for (_, name), known in _known.items():
            _cover(known, name, known.get(name))


def _cover(namespace: Namespace, name: str, value: Any) -> None:
    wrapper = standing.get(id(value))
    if wrapper is not None and wrapper.original is value and wrapper.hooks:
        namespace[name] = wrapper


def uncover_aliases(namespace: Namespace, modules: Iterable[Namespace] = ()) -> None:
    """Put originals where ``namespace``, new ``modules`` or known aliases hold wrappers."""
    with lock:
        for (_, name), known in _known.items():
            if id(type(known.get(name))) in _KINDS:
                known[name] = known[name].original
        for name, wrapper in _wrappers_in(namespace):
            namespace[name] = wrapper.original
        for module in modules:
            for name, wrapper in _wrappers_in(module):
                module[name] = wrapper.original
                _known[id(module), name] = module


def _wrappers_in(namespace: Namespace) -> list[tuple[str, Wrapped]]:
    if _KINDS.isdisjoint(map(id, map(type, namespace.values()))):
        return []
    return [(name, one) for name, one in list(namespace.items()) if id(type(one)) in _KINDS]
