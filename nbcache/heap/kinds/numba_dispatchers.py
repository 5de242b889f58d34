"""Functions that numba compiles: the Python function counts, not what was compiled so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba.core.dispatcher import Dispatcher

from nbcache.heap import rebuild_numba
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class DispatcherKind(Kind):
    """What ``numba.jit`` returns."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the function, its options and the types that were declared."""
        walk.packages.add("numba")
        held = (type(obj), obj.py_func, obj.targetoptions)
        return joined(b"nd", [*map(walk.ref, held), text(repr((obj.locals, declared(obj))))])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it of the live function; what it needs is compiled when it is called."""
        args = (type(obj), obj.py_func, obj.locals, obj.targetoptions)
        return rebuild_numba.make_dispatcher, (*args, declared(obj), is_cached(obj))


def declared(dispatcher: Any) -> list[Any]:
    """Return the signatures that a function was declared with, if it takes no others."""
    return [] if dispatcher._can_compile else list(dispatcher.signatures)


def is_cached(dispatcher: Any) -> bool:
    """Tell whether numba keeps what it compiles in a folder of its own."""
    return type(dispatcher._cache).__name__ != "NullCache"


register(DispatcherKind(), bases=(Dispatcher,))
