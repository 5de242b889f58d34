"""Calls with plain arguments of functions that see nothing mutable: known again without a walk.

Such a call's key is remembered together with what it rests on: which objects the global names
are bound to, and the code and defaults of every function reached. All of these are immutable, so
that identity is enough to tell that the key would come out the same.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbcache.asked_files import asked_parts
from nbcache.calls.earlier import consulted_parts, earlier_in
from nbcache.calls.reading import CallReading
from nbcache.calls.recording import scopes_of
from nbcache.cell.names import Names
from nbcache.entry import Entry
from nbcache.heap.kinds.code import is_library
from nbcache.heap.tokens import FLAT, flat
from nbcache.heap.walk import Walk
from nbcache.library_patches import used_places
from nbcache.policies import DEFAULT
from nbcache.policy import Policy
from nbcache.replay.needs import uses_of

MOST_CALLS = 4096
_MISSING = object()
_LIBRARY = (types.FunctionType, types.BuiltinFunctionType, type)


@dataclass(frozen=True, slots=True)
class Known:
    """A call that was served: what its key rests on, and the entry that served it."""

    policy: Policy
    bindings: tuple[tuple[dict[str, Any], str, Any], ...]
    functions: tuple[tuple[types.FunctionType, Any, Any], ...]
    reading: CallReading
    entry: Entry
    mark: object
    taken: tuple[tuple[dict[str, Any], str, Any], ...]
    """What the functions take from libraries: where it stands, and what stood there."""

    def holds(self) -> bool:
        """Tell whether everything that the key rests on is still in place."""
        if earlier_in(self.reading.walk.namespace).mark() != self.mark:
            return False
        return all(
            variables.get(name, _MISSING) is value
            for variables, name, value in (*self.bindings, *self.taken)
        ) and all(
            function.__code__ is code
            and function.__defaults__ is defaults
            and function.__kwdefaults__ is None
            for function, code, defaults in self.functions
        )


class KnownCalls:
    """The calls of one function that can be known again, by their arguments."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def find(self, policy: Policy, arguments: Mapping[str, Any]) -> Known | None:
        """Return the call with these arguments, if its key would still be the same."""
        token = _token(arguments) if self._known else None
        known = None if token is None else self._known.get(token)
        if known is None or known.policy is not policy or not known.holds():
            return None
        return known

    def note(
        self,
        policy: Policy,
        arguments: Mapping[str, Any],
        function: types.FunctionType,
        served: tuple[CallReading, Entry, Mapping[str, Any]],
    ) -> None:
        """Remember a served call, if everything that it saw and did is plain."""
        reading, entry, values = served
        token = _token(arguments)
        if token is None or _does_more(values) or reading.left_out or reading.walk.hidden:
            return
        if policy.policy is not DEFAULT or policy.key is not None or asked_parts(policy, {}):
            return  # such a key may rest on more than what is seen here
        functions = _functions(reading.walk)
        bindings = _bindings(function, reading.walk)
        mark = earlier_in(reading.walk.namespace).mark()
        if functions is None or bindings is None or mark is None or consulted_parts(reading.walk):
            return
        if len(self._known) >= MOST_CALLS:
            self._known.clear()
        walk, namespace = reading.walk, reading.walk.namespace
        places = used_places(uses_of((), walk, Names()), namespace)
        taken = tuple((held, name, held.get(name, _MISSING)) for _, held, name in places)
        alone = CallReading(Walk(namespace), reading.parts, reading.key, {})
        self._known[token] = Known(policy, bindings, functions, alone, entry, mark, taken)


def _token(arguments: Mapping[str, Any]) -> bytes | None:
    """Return the arguments as bytes, if all are plain values."""
    if all(type(value) in FLAT for value in arguments.values()):
        return flat(list(arguments.values()))
    return None


def _does_more(values: Mapping[str, Any]) -> bool:
    """Tell whether a hit does more than give a plain value back."""
    more = any(values[name] for name in ("patches", "bind", "delete", "effects"))
    return more or type(values["return value"]) not in FLAT


def _functions(walk: Walk) -> tuple[tuple[types.FunctionType, Any, Any], ...] | None:
    """Return the functions reached with their code and defaults; None if anything else is."""
    found = []
    for obj in walk.objects:
        wrapped = getattr(obj, "__wrapped__", None)
        if type(obj) is not types.FunctionType:
            if not hasattr(type(obj), "cache_info") or type(wrapped) is not types.FunctionType:
                return None
            continue  # another cached function: its options are fixed, its function is here too
        defaults = obj.__defaults__ or ()
        if obj.__closure__ or obj.__kwdefaults__ or obj.__dict__:
            return None
        if not all(type(value) in FLAT for value in defaults):
            return None
        found.append((obj, obj.__code__, obj.__defaults__))
    return tuple(found)


def _bindings(
    function: types.FunctionType, walk: Walk
) -> tuple[tuple[dict[str, Any], str, Any], ...] | None:
    """Return what every global name in sight is bound to; None if it could change in place."""
    scopes = {id(variables): variables for variables in scopes_of(function, walk).values()}
    found = []
    for identity, name in walk.asked:
        variables = scopes.get(identity)
        if variables is None:
            return None
        value = variables.get(name, _MISSING)
        if not (value is _MISSING or type(value) in FLAT or _is_stable(value, walk)):
            return None
        found.append((variables, name, value))
    return tuple(found)


def _is_stable(value: Any, walk: Walk) -> bool:
    """Tell whether a value is a function that was walked, or something of an installed library."""
    if walk.is_numbered(value):
        return True
    if isinstance(value, types.ModuleType):
        return value.__name__ not in walk.modules
    return isinstance(value, _LIBRARY) and (
        isinstance(value, types.BuiltinFunctionType) or is_library(value)
    )
