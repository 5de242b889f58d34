"""Weak references, proxies and the containers made of them: what they refer to now."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotStorable
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.builtin import canonical_items
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

ANYTHING = 0
"""Among what a walk found to be watched: a container that the cell may put any object into."""


class WeakKind(Kind):
    """Weak references."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the target."""
        walk.watched.add(id(obj()))
        return joined(b"v", [walk.ref(type(obj)), walk.ref(obj())])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refer to the same target."""
        if obj() is None or obj.__callback__ is not None or type(obj) is not weakref.ref:
            raise NotStorable("is a weak reference that is dead or calls back")
        return weakref.ref, (obj(),)


class ProxyKind(Kind):
    """Weak proxies, which behave as their target."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the target."""
        target = target_of(obj)
        walk.watched.add(id(target))
        return joined(b"vp", [walk.ref(target)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make a proxy of the same target."""
        return weakref.proxy, (target_of(obj),)


def target_of(proxy: Any) -> Any:
    """Return the object behind a weak proxy.

    Raises:
        NotFingerprintable: it is gone.
    """
    try:
        method = proxy.__init__
        return method.__self__ if hasattr(method, "__self__") else proxy.mro.__self__  # of a class
    except ReferenceError:
        raise NotFingerprintable("is a weak proxy of an object that is gone") from None


class WeakMappingKind(Kind):
    """``WeakValueDictionary`` and ``WeakKeyDictionary``: the items that are alive."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class and items in order."""
        walk.watched.add(ANYTHING)
        parts = [part for item in obj.items() for part in map(walk.ref, item)]
        return joined(b"vd", [walk.ref(type(obj)), *parts])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Fill an empty one."""
        return type(obj), (), None, None, iter(list(obj.items()))

    def state(self, obj: Any) -> Any:
        """Return the items."""
        return list(obj.items())

    def patch(self, live: Any, state: Any) -> None:
        """Replace all items."""
        live.clear()
        for key, value in state:
            live[key] = value


class WeakSetKind(Kind):
    """``WeakSet``: the elements that are alive."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the elements in canonical order."""
        walk.watched.add(ANYTHING)
        return joined(b"vs", canonical_items(list(obj), walk))

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Fill an empty one."""
        if len(dict_of(obj) or {}) > len(vars(weakref.WeakSet())):
            raise NotStorable("is a weak set with attributes")
        return weakref.WeakSet, (list(obj),)

    def state(self, obj: Any) -> Any:
        """Return the elements."""
        return list(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Replace all elements."""
        live.clear()
        live.update(state)


register(WeakKind(), weakref.ref, bases=(weakref.ref,))
register(ProxyKind(), weakref.ProxyType, weakref.CallableProxyType)
register(WeakMappingKind(), weakref.WeakValueDictionary, weakref.WeakKeyDictionary)
register(WeakSetKind(), weakref.WeakSet)
