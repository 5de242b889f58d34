"""Code objects by what they do, and the names under which libraries keep functions and classes."""

from __future__ import annotations

import marshal
import types
from typing import TYPE_CHECKING, Any

from nbcache.heap import rebuild
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text
from nbcache.locality import is_importable, is_local_module

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

CODE_FIELDS = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_name",
    "co_qualname",
    "co_exceptiontable",
)
"""What a code object does; its file and line numbers don't count."""

_code_tokens: dict[int, tuple[types.CodeType, bytes]] = {}
_global_tokens: dict[int, tuple[Any, bytes, str]] = {}


def code_token(code: types.CodeType) -> bytes:
    """Return the 16-byte fingerprint of a code object, the same at any file and line."""
    known = _code_tokens.get(id(code))
    if known is not None and known[0] is code:
        return known[1]
    parts = [flat(getattr(code, field, None)) for field in CODE_FIELDS]
    parts.extend(_constant(value) for value in code.co_consts)
    token = digest(frame(b"k", *parts))
    _code_tokens[id(code)] = (code, token)
    return token


def _constant(value: Any) -> bytes:
    if isinstance(value, types.CodeType):
        return b"k" + code_token(value)
    if isinstance(value, tuple):
        return joined(b"t", map(_constant, value))
    if isinstance(value, frozenset):
        return joined(b"z", sorted(map(_constant, value)))
    if isinstance(value, slice):
        return joined(b"s", map(_constant, (value.start, value.stop, value.step)))
    return flat(value)


def global_token(obj: Any, walk: Walk) -> bytes:
    """Return the token of something that a library keeps under a qualified name."""
    known = _global_tokens.get(id(obj))
    if known is None or known[0] is not obj:
        module = str(obj.__module__)
        token = frame(b"g", text(module), text(obj.__qualname__))
        known = _global_tokens[id(obj)] = (obj, token, module.partition(".")[0])
    walk.packages.add(known[2])
    return known[1]


def is_library(obj: Any) -> bool:
    """Tell whether a function or class is found under its name in an installed module."""
    known = _global_tokens.get(id(obj))
    if known is not None and known[0] is obj:
        return True
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str) or is_local_module(module):
        return False
    if type(obj) is types.FunctionType and _is_own(obj):
        return False
    return is_importable(obj, module, getattr(obj, "__qualname__", None))


def _is_own(function: types.FunctionType) -> bool:
    """Tell whether a function over our variables took a library's name: by ``functools.wraps``."""
    home = function.__globals__.get("__name__")
    return home == "__main__" or (home != function.__module__ and is_local_module(home))


class CodeObjectKind(Kind):
    """Code objects: what they do, at any file and line."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the code's own fingerprint."""
        return b"K" + code_token(obj)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store the code as marshal data."""
        return rebuild.make_code, (marshal.dumps(obj),)


register(CodeObjectKind(), types.CodeType)
