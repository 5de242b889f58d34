"""What a cell's reading rests on, and whether all of it is as it was.

A cell whose inputs are plain values, arrays that nobody touched, and things of installed libraries
has the same reading as before if the names are bound to the same objects, and what else counts is
the same. All of that is looked at each time: a thread or a callback may have changed it.
"""

from __future__ import annotations

import builtins
import sys
import types
from dataclasses import dataclass, replace
from typing import Any

from nbcache.deps.consulted import interpreter_parts
from nbcache.deps.local import loaded_local_names, memory_digest
from nbcache.heap.kinds.code import is_library
from nbcache.heap.sighting import Sighting, sight
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.library_patches import used_places
from nbcache.locality import is_local_module
from nbcache.own_printers import has_own_printers
from nbcache.policy import DEFAULT, Policy
from nbcache.reading import Reader, Reading, Request, names_formatters
from nbcache.replay.needs import reached_modules, uses_of
from nbcache.replay.shell_state import has_code_options

MOST_BYTES = 4096
"""Larger plain values are not held."""

_MOST_ITEMS = 64
_MISSING: Any = object()
_LIBRARY = (types.FunctionType, types.BuiltinFunctionType, type)
_NAMED = (*_LIBRARY, types.ModuleType)


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that one reading rests on."""

    policy: Policy
    asked: tuple[Any, ...]
    bindings: tuple[tuple[str, Any], ...]
    arrays: tuple[tuple[str, Sighting], ...]
    modules: frozenset[str]
    around: tuple[Any, ...]
    taken: tuple[tuple[dict[str, Any], str, Any], ...]
    """What the text takes from libraries: where it stands, and what stood there."""

    def hold(self, request: Request, policy: Policy, reader: Reader) -> bool:
        """Tell whether reading the cell would give what it gave before."""
        if not (policy is self.policy or policy == self.policy):
            return False
        if _asked(request, reader) != self.asked:
            return False
        values = reader.namespace
        for name, value in self.bindings:
            if values.get(name, _MISSING) is not value:
                return False
        if any(held.get(name, _MISSING) is not value for held, name, value in self.taken):
            return False
        if _around(request.text, self.modules, reader) != self.around:
            return False
        return all(seen.holds(values.get(name)) for name, seen in self.arrays)


def grounds_of(policy: Policy, reading: Reading, reader: Reader) -> Grounds | None:
    """Return what a reading rests on, None if that can't be told without reading again."""
    request, walk = reading.request, reading.walk
    asked = _asked(request, reader)
    if asked is None or not _is_simple(policy, reading, reader):
        return None
    bindings, arrays = [], []
    for name in _names(reading):
        value = walk.values.get(name, _MISSING)
        if reader.namespace.get(name, _MISSING) is not value:
            return None
        if value is _MISSING or _is_fixed(value, walk):
            bindings.append((name, value))
        else:
            arrays.append((name, value))
    if {id(value) for _, value in arrays} != set(map(id, walk.objects)):
        return None
    modules = frozenset(reached_modules(walk, reading.source.names))
    around = _around(request.text, modules, reader)
    if around is None or not around[-1].items() <= reading.parts.items():
        return None
    found = [(name, sight(value, name, walk)) for name, value in arrays]
    sure = tuple((name, seen) for name, seen in found if seen is not None)
    if len(sure) < len(found):
        return None
    places = used_places(uses_of(request.nodes, walk, reading.source.names), reader.namespace)
    taken = tuple((held, name, held.get(name, _MISSING)) for _, held, name in places)
    return Grounds(policy, asked, tuple(bindings), sure, modules, around, taken)


def _names(reading: Reading) -> list[str]:
    """Return the names whose values count, or would if there were any."""
    names = reading.source.names
    asked = {name for _, name in reading.walk.asked}
    return sorted(asked | names.reads | names.strings)


def _is_simple(policy: Policy, reading: Reading, reader: Reader) -> bool:
    """Tell whether a reading rests on nothing but what is looked at here."""
    names, walk = reading.source.names, reading.walk
    usual = replace(DEFAULT, ttl=policy.ttl, quiet=policy.quiet, min_time=policy.min_time,
                    explicit=policy.explicit)  # fmt: skip
    if policy != usual or reading.setup or reading.notes or reading.effect_calls:
        return False
    if reading.left_out or names.hidden or names.imports or names.magics or walk.hidden:
        return False
    if walk.functions or walk.imports or walk.modules or "duckdb" in walk.packages:
        return False
    if any(scope != id(walk.namespace) for scope, _ in walk.asked):
        return False
    if not {label for label in walk.roots if not label.startswith(_CALLS)} <= set(_names(reading)):
        return False
    return walk.namespace is reader.namespace and not names_formatters(reading.source, walk)


_CALLS = "earlier calls of "


def _is_fixed(value: Any, walk: Walk) -> bool:
    """Tell whether a value is the same as long as the object is."""
    kind = type(value)
    if kind in FLAT:
        return sys.getsizeof(value) <= MOST_BYTES
    if kind is tuple:
        return len(value) <= _MOST_ITEMS and all(
            type(one) in FLAT and sys.getsizeof(one) <= MOST_BYTES for one in value
        )
    if kind is types.ModuleType:
        name = value.__name__
        return sys.modules.get(name) is value and not is_local_module(name)
    return kind in _LIBRARY and is_library(value)


def _asked(request: Request, reader: Reader) -> tuple[Any, ...] | None:
    """Return what tells one cell from others, None where that may be more than its text.

    IPython keeps the text that it made of a cell's own, unless anybody changes the tree as well.
    """
    shell, texts = reader.shell, reader.namespace.get("_ih", ())
    if shell.ast_transformers or len(texts) != request.execution_count + 1:
        return None
    return request.text, request.cell_id, texts[-1], request.compile_flags


def _around(text: str, modules: frozenset[str], reader: Reader) -> tuple[Any, ...] | None:
    """Return what counts besides text and names, the key's parts last; None if unsure."""
    shell, values = reader.shell, reader.namespace
    earlier = values.get("_ih", ())[:-1]
    calls = reader.calls.mark(values, earlier)
    if calls is None or reader.patches.has_any(values, earlier):
        return None
    if has_own_printers(getattr(shell, "display_formatter", None), values):
        return None
    if has_code_options(shell):
        return None
    local = tuple((name, memory_digest(name)) for name in loaded_local_names())
    parts = interpreter_parts(text, modules)
    return id(values), calls, frozenset(vars(builtins)), local, parts
