"""SymPy's undefined functions, ``Function("f")``: classes made of a name and assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sympy.core.function import AppliedUndef, UndefinedFunction

from nbcache.errors import NotStorable
from nbcache.heap.kinds.functions import inline_dict
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class UndefinedFunctionKind(Kind):
    """``sympy.Function("f")``, with what was assumed of it."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode name, bases and assumptions."""
        walk.packages.add("sympy")
        bases = [walk.ref(base) for base in obj.__bases__]
        return joined(b"sy", [text(obj.__name__), *bases, inline_dict(obj._kwargs, walk)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Make it again from the same words."""
        if obj.__bases__ != (AppliedUndef,):
            raise NotStorable("is an undefined function with bases of its own")
        return make_function, (type(obj), obj.__name__, dict(obj._kwargs))


def make_function(kind: Any, name: str, words: dict[str, Any]) -> Any:
    """Return an undefined function."""
    return kind(name, **words)


register(UndefinedFunctionKind(), UndefinedFunction)
