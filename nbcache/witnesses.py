"""Cells that could see that somebody else holds the objects they read.

While a cell is recorded, its inputs are held: an object that the cell lets go would die later than
in a plain run. Weak references, ``__del__``, reference counts and ``ndarray.resize`` can tell.
Such a cell is not recorded: it runs with nobody holding anything.
"""

from __future__ import annotations

import ast
import builtins
import gc
import sys
import types
import weakref
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from typing import Any

from nbcache.cell.bytecode import code_reads, nested_codes, spelled
from nbcache.cell.parts import parts_of
from nbcache.deps.nearness import near_words
from nbcache.deps.randomness import POSITIONS
from nbcache.deps.zone import time_words
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.weak import ANYTHING
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.locality import is_local_module

_COUNTERS = frozenset({"getrefcount", "get_referrers", "getweakrefcount", "getweakrefs"})
_DROPPERS = frozenset({
    "pop", "popitem", "popleft", "clear", "remove", "discard", "collect", "delattr", "setattr",
    "__delitem__", "__delattr__", "__setattr__",
})  # fmt: skip
_WEAK = frozenset({"weakref", "WeakSet", "WeakValueDictionary", "WeakKeyDictionary", "WeakMethod"})


def refuse_witnesses(nodes: Sequence[ast.stmt], walk: Walk) -> None:
    """Refuse a cell that could see its inputs held; ``walk`` is over, and lets go of them.

    Raises:
        NotReplayable: the cell, or a function that it reaches, would go another way.
    """
    words = _words(tuple(nodes))
    codes = [code for code in user_codes(walk) if _may_tell(code)]
    reason = _reason(nodes, words, codes, walk)
    if reason is not None:
        walk.let_go()
        raise NotReplayable(reason)


def _reason(
    nodes: Sequence[ast.stmt],
    words: frozenset[str],
    codes: list[types.CodeType],
    walk: Walk,
) -> str | None:
    all_words = words.union(*(code.co_names for code in codes))
    counters = sorted(_COUNTERS & all_words)
    if counters:
        return f"it asks who holds an object ({counters[0]}), and recording would hold it too"
    if "resize" in all_words and _resizes(nodes, codes, walk):
        return (
            "it resizes an array in place, which numpy refuses while somebody else holds it, as "
            "recording would; `resize(…, refcheck=False)` can be recorded"
        )
    watched = walk.watched | _told_of(nodes, all_words, walk)
    mortal = _mortal_class(nodes, walk)
    if mortal is not None or (_WEAK & all_words and any(map(_can_be_watched, walk.types))):
        watched.add(ANYTHING)
    if not watched or not _lets_go(nodes, words, codes, walk, watched):
        return None
    if mortal is not None:
        name = mortal.__name__
        return f"`{name}.__del__` would run later, since recording holds what was there before"
    return "a weak reference could see that its inputs live longer, since recording holds them"


def _told_of(nodes: Sequence[ast.stmt], words: Set[str], walk: Walk) -> set[int]:
    """Return the identities of objects of whose end a callback or finalizer of the user's is told.

    Of what the cell binds anew or deletes; of all its inputs where it may drop any of them.
    """
    values = walk.namespace
    named = (part.id for part in parts_of(nodes, ast.Name) if not isinstance(part.ctx, ast.Load))
    asked = [values[name] for name in named if name in values]
    if _DROPPERS & words:
        asked += walk.objects[:_SEARCHED]
    return {id(one) for one in asked if type(one) not in FLAT and _has_callback(one)}


def _has_callback(obj: Any) -> bool:
    callbacks = (one.__callback__ for one in weakref.getweakrefs(obj))
    return any(
        type(one) is weakref.finalize or _is_users(getattr(one, "__module__", ""))
        for one in callbacks
        if one is not None and type(getattr(one, "__self__", None)) is not weakref.ref  # of abc
    )


@lru_cache(maxsize=128)
def _words(nodes: tuple[ast.stmt, ...]) -> frozenset[str]:
    attributes = {part.attr for part in parts_of(nodes, ast.Attribute)}
    return frozenset(attributes | {part.id for part in parts_of(nodes, ast.Name)})


def _mortal_class(nodes: Sequence[ast.stmt], walk: Walk) -> type | None:
    """Return a class with a ``__del__`` of which the cell reads, rebinds or deletes an object."""
    dropped = [
        walk.namespace[part.id]
        for part in parts_of(nodes, ast.Name)
        if not isinstance(part.ctx, ast.Load) and part.id in walk.namespace
    ]
    asked = [*walk.types, *map(type, dropped)]
    if any(kind not in FLAT for kind in map(type, dropped)):  # it may hold such an object
        asked += [obj for obj in walk.namespace.values() if issubclass(type(obj), type)]
    return next((kind for kind in asked if _has_last_words(kind)), None)


def _can_be_watched(kind: type) -> bool:
    """Whether the user could have made a weak reference to an object of a type."""
    return kind.__weakrefoffset__ > 0 and not issubclass(kind, (type, types.FunctionType))


def told_words(walk: Walk) -> list[str]:
    """Return what the functions that a walk met name of random generators, time and formats."""
    codes = list(user_codes(walk))
    asked = POSITIONS.intersection(name for code in codes for name in code.co_names)
    return [*sorted(walk.draws), *time_words(codes), *near_words(codes), *sorted(asked)]


def spelled_names(walk: Walk) -> str:
    """Return the names and attributes in the functions that a walk met, as a text spells them."""
    return " ".join(map(spelled, user_codes(walk)))


def user_codes(walk: Walk) -> Iterator[types.CodeType]:
    """Yield the code of the user's functions that a walk reached."""
    for function in walk.functions.values():
        if _is_users(function.__module__):
            yield from nested_codes(function.__code__)


_TELLING = _COUNTERS | _DROPPERS | _WEAK | {"resize"}


def _may_tell(code: types.CodeType) -> bool:
    return not _TELLING.isdisjoint(code.co_names) or bool(code_reads(code).stores)


def _is_users(module: object) -> bool:
    """Whether code of that module was written by the user."""
    return module in (None, "__main__") or (isinstance(module, str) and is_local_module(module))


def _has_last_words(kind: type) -> bool:
    """Whether a class of the user's has a ``__del__``."""
    if not kind.__flags__ & (1 << 9):  # not a heap type: written in C
        return False
    return any("__del__" in vars(one) and _is_users(one.__module__) for one in kind.__mro__)


def _lets_go(
    nodes: Sequence[ast.stmt],
    words: frozenset[str],
    codes: list[types.CodeType],
    walk: Walk,
    watched: Set[int],
) -> bool:
    """Whether an input that is watched may lose a holder while the cell runs."""
    if _DROPPERS & words or any(code_reads(code).stores for code in codes):
        return True
    if any(not _DROPPERS.isdisjoint(code.co_names) for code in codes):
        return True
    for part in parts_of(nodes, ast.Name, ast.Attribute, ast.Subscript, ast.List, ast.Tuple):
        context = part.ctx
        if isinstance(context, ast.Del):
            return True
        if isinstance(context, ast.Store):
            if isinstance(part, (ast.Attribute, ast.Subscript)):
                return True
            if isinstance(part, ast.Name) and _holds(walk.namespace.get(part.id), watched):
                return True
    return False


def _holds(value: Any, watched: Set[int]) -> bool:
    """Whether a value is, or keeps alive, something that is watched."""
    if type(value) in FLAT:
        return False
    if ANYTHING in watched:
        return True
    seen, found = {id(value)}, [value]
    while found and len(seen) < _SEARCHED:
        for function in (one for one in found if type(one) is types.FunctionType):
            seen.update(map(id, (function.__globals__, vars(builtins))))
        found = [one for one in gc.get_referents(*found) if id(one) not in seen]
        seen.update(map(id, found))
        found = [one for one in found if not issubclass(type(one), (type, types.ModuleType))]
    return bool(found) or not watched.isdisjoint(seen)


_SEARCHED = 20_000
"""Objects looked at before one is taken to hold what is watched."""


def _resizes(nodes: Sequence[ast.stmt], codes: list[types.CodeType], walk: Walk) -> bool:
    """Whether an array may be resized under numpy's own check."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not any(issubclass(kind, numpy.ndarray) for kind in walk.types):
        return False
    if any("resize" in code.co_names for code in codes):
        return True
    for call in parts_of(nodes, ast.Call):
        if not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr == "resize" and not _is_unchecked(call):
            target = call.func.value
            value = walk.namespace.get(target.id) if isinstance(target, ast.Name) else None
            if value is None or issubclass(type(value), numpy.ndarray):
                return True
    return False


def _is_unchecked(call: ast.Call) -> bool:
    return any(
        word.arg == "refcheck" and isinstance(word.value, ast.Constant) and not word.value.value
        for word in call.keywords
    )
