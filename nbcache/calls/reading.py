"""What a call is before it runs: its function, the values that it can see, and its key."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbcache.asked_files import asked_parts
from nbcache.calls.earlier import consulted_parts, earlier_in
from nbcache.composing import Subject, choose_parts
from nbcache.errors import NotFingerprintable
from nbcache.heap.scope import Scope
from nbcache.heap.walk import Walk, digests
from nbcache.key import compose_key, compose_parts
from nbcache.policy import Policy, whole
from nbcache.selection import LeftOut

ARGUMENT = "argument "
"""What stands before a parameter's name in the label of its value."""

CODE = "the function"


@dataclass(frozen=True, slots=True)
class CallReading:
    """A call read: the walk over what it can see, the named parts and the key.

    ``left_out`` are the values of inputs that do not count, by label.
    """

    walk: Walk
    parts: Mapping[str, str]
    key: str
    left_out: Mapping[str, Any]


class Signature:
    """Binds arguments to parameters: positional or by keyword, with defaults applied."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.signature = inspect.signature(function, follow_wrapped=False)
        parameters = self.signature.parameters.values()
        plain = all(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters)
        self._plain = tuple((one.name, one.default) for one in parameters) if plain else None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by parameter.

        Raises:
            TypeError: the arguments do not fit, as a call would.
        """
        if self._plain is not None and len(args) <= len(self._plain):
            found = self._bind_plainly(self._plain, args, kwargs)
            if found is not None:
                return found
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _bind_plainly(
        self,
        parameters: tuple[tuple[str, Any], ...],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """Bind without the generality of ``inspect``; None when it does not fit."""
        found, used = {}, len(args)
        for place, (name, default) in enumerate(parameters):
            if place < len(args):
                if name in kwargs:
                    return None
                found[name] = args[place]
            elif name in kwargs:
                found[name] = kwargs[name]
                used += 1
            elif default is not inspect.Parameter.empty:
                found[name] = default
            else:
                return None
        return found if used == len(args) + len(kwargs) else None

    @property
    def names(self) -> list[str]:
        """The parameters' names."""
        return list(self.signature.parameters)

    def has(self, name: str) -> bool:
        """Tell whether the function has a parameter of this name."""
        return name in self.signature.parameters


def namespace_of(function: types.FunctionType) -> dict[str, Any]:
    """Return the namespace in which a call takes place: the main module's as a rule.

    A worker process that was handed a function of a notebook holds the function's globals apart
    from its own main module.
    """
    variables = function.__globals__
    if variables.get("__name__") in ("__main__", "__mp_main__"):
        return variables
    return sys.modules["__main__"].__dict__


def read_call(
    function: types.FunctionType, name: str, arguments: Mapping[str, Any], policy: Policy
) -> CallReading:
    """Read one call.

    Raises:
        NotFingerprintable: an input has no fingerprint; the error names the path to it.
        OptionError: an option names files or a key that there are not.
    """
    namespace = namespace_of(function)
    ignored = policy.ignore | policy.policy.without
    own = frozenset(f"{function.__module__}.{name}" for name in ignored)
    left_out = LeftOut(whole(policy), ignored | own, namespace)
    walk = Walk(namespace, ignore=left_out)
    walk.values[CODE] = function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    dropped = {name: cells[name] for name in cells.keys() & ignored}
    code = _fingerprint(walk, CODE, _without_cells(function, cells, dropped))
    aside: dict[str, Any] = {f"`{name}`": dropped[name] for name in dropped}
    for parameter, value in arguments.items():
        if left_out.leaves(parameter, value):
            aside[ARGUMENT + parameter] = value
            continue
        label = ARGUMENT + parameter
        walk.values[label] = value
        walk.roots[label] = _fingerprint(walk, label, value)
    walk.run()
    earlier_in(namespace).need_all(walk)
    if walk.hidden:
        _need_all(walk, function)
    walk.values |= left_out.values() | aside
    parts = compose_parts(code.hex(), digests(walk.roots), version=policy.version)
    parts |= consulted_parts(walk)
    subject = Subject(f"call of {name}", name, namespace, arguments)
    parts = choose_parts(policy, parts, subject) | asked_parts(policy, walk.values)
    return CallReading(walk, parts, compose_key(parts), left_out.values() | aside)


def _without_cells(
    function: types.FunctionType, cells: Mapping[str, Any], dropped: Mapping[str, Any]
) -> types.FunctionType:
    """Return the function, or its twin without the variables around it that do not count."""
    if not dropped:
        return function
    closure = tuple(types.CellType() if name in dropped else cells[name] for name in cells)
    twin = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, closure
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


def _fingerprint(walk: Walk, label: str, value: Any) -> bytes:
    try:
        return walk.fingerprint(label, value)
    except NotFingerprintable as problem:
        raise walk.explain(label, value, problem) from None
    except RecursionError:
        raise NotFingerprintable("is nested too deeply", path=label) from None


def _need_all(walk: Walk, function: types.FunctionType) -> None:
    """Ask for every variable of the function's module: it may read any of them."""
    variables = function.__globals__
    scope = walk.scope_of(variables) or Scope(variables, str(variables.get("__name__")))
    for name in sorted(variables):
        if not name.startswith("_"):
            walk.need(name, scope)
    walk.run()
