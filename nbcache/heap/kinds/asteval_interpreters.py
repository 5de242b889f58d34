"""asteval's interpreters, which lmfit makes anew at each restore: all but the time of making.

lmfit fills the table of symbols from a set, so their order is that of the process's hashes.
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
        symbols = own.get("symtable")
        parts = [walk.ref(type(obj))]
        for name in sorted(own.keys() - {"start_time", "code_text"}):
            parts.append(text(name))
            if name == "symtable" and type(symbols) is dict:
                parts += [part for key in sorted(symbols) for part in _symbol(key, symbols, walk)]
            else:
                parts.append(walk.ref(own[name]))
        return joined(b"ai", parts)


def _symbol(name: str, symbols: dict[str, Any], walk: Walk) -> tuple[bytes, bytes]:
    return text(name), walk.ref(symbols[name])


register(InterpreterKind(), bases=(Interpreter,))
