"""Context variables: their name and default, and the value that the notebook's context gives."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

_UNSET = object()


class ContextVariableKind(Kind):
    """``contextvars.ContextVar``."""

    irreversible = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode name, default and value."""
        parts = [joined(b"c", map(walk.ref, held)) for held in (default_of(obj), value_of(obj))]
        return joined(b"cv", [text(obj.name), *parts])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make one of that name and default, and set it."""
        if not any(value is obj for value in dump.namespace.values()):
            raise NotStorable("is a context variable that no variable of the notebook names")
        args = (obj.name, default_of(obj))
        return (
            rebuild.make_context_variable,
            args,
            value_of(obj),
            None,
            None,
            rebuild.set_context_variable,
        )

    def state(self, obj: Any) -> Any:
        """Return the value, if it has one."""
        return value_of(obj)

    def patch(self, live: Any, state: Any) -> None:
        """Set it as the run did."""
        if not state and value_of(live):
            raise NotReplayable("is a context variable that the cell took back")
        rebuild.set_context_variable(live, state)


def default_of(variable: contextvars.ContextVar[Any]) -> list[Any]:
    """Return a list of the default, empty when there is none."""
    try:
        return [contextvars.Context().run(variable.get)]
    except LookupError:
        return []


def value_of(variable: contextvars.ContextVar[Any]) -> list[Any]:
    """Return a list of the value in this context, empty when it was not set."""
    value = variable.get(_UNSET)
    return [] if value is _UNSET else [value]


class AwaitedKind(Kind):
    """Tasks and futures of ``asyncio``: they belong to the loop of this kernel."""

    opaque = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Refuse."""
        raise NotFingerprintable(_AWAITED)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse."""
        raise NotStorable(_AWAITED)


_AWAITED = "belongs to this kernel's event loop, also when it is done; keep its result instead"

register(ContextVariableKind(), contextvars.ContextVar)
register(AwaitedKind(), bases=(asyncio.Future, asyncio.Task))
