"""asteval's interpreters, which lmfit makes anew at each restore: all but the time of making.

The table of symbols is filled from sets, so their order is that of the process's hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asteval import Interpreter

from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.instance import PlainKind
from nbcache.heap.registry import register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


class InterpreterKind(PlainKind):
    """``asteval.Interpreter``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the attributes by name; when it was made and what it has run is no input."""
        own = dict_of(obj) or {}
        parts = [walk.ref(type(obj))]
        for name in sorted(own.keys() - {"start_time", "code_text"}):
            parts += [text(name), *_in_order(own[name], walk, is_unordered=name in _UNORDERED)]
        return joined(b"ai", parts)


_UNORDERED = frozenset({"symtable", "no_deepcopy"})


def _in_order(value: Any, walk: Walk, *, is_unordered: bool) -> list[bytes]:
    """Return the tokens of an attribute, those of symbols by name."""
    if is_unordered and type(value) is dict and {str}.issuperset(map(type, value)):
        return [part for key in sorted(value) for part in (text(key), walk.ref(value[key]))]
    if is_unordered and type(value) is list and {str}.issuperset(map(type, value)):
        return list(map(text, sorted(value)))
    return [walk.ref(value)]


register(InterpreterKind(), bases=(Interpreter,))
