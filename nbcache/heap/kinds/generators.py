"""Generators that have not begun, by function and arguments, and those that are over."""

from __future__ import annotations

import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotFingerprintable, NotReplayable, NotStorable
from nbcache.heap import rebuild, rebuild_files
from nbcache.heap.registry import Kind, kind_of, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

BEGUN = "is a generator that has begun to run; make a list of what it yields"


class GeneratorKind(Kind):
    """``generator``: refused from its first step on, since nobody can copy a running frame."""

    irreversible = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the function and the arguments."""
        if obj.gi_frame is None:
            return joined(b"go", [text(obj.__qualname__)])
        function, arguments = call_of(obj, NotFingerprintable)
        parts = [text(obj.__qualname__), kind_of(types.FunctionType).encode(function, walk)]
        for name, value in arguments.items():
            parts += [text(name), walk.ref(value)]
        return joined(b"gn", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Call the function again, or make one that is over."""
        if obj.gi_frame is None:
            return rebuild_files.make_done_generator, (obj.__name__, obj.__qualname__)
        return rebuild.make_generator, call_of(obj, NotStorable)

    def state(self, obj: Any) -> Any:
        """Say that it is over: nothing else can be repeated."""
        if obj.gi_frame is not None:
            raise NotReplayable(BEGUN)
        return OVER

    def snapshot(self, obj: Any) -> Any:
        """Return nothing: what ends can't begin again."""

    def patch(self, live: Any, state: Any) -> None:
        """End the live generator, of which nothing has run."""
        if state == OVER:
            live.close()


OVER = "over"


def call_of(generator: Any, error: type[Exception]) -> tuple[Any, dict[str, Any]]:
    """Return the function and the arguments, by name, of a generator that has not begun.

    Raises:
        error: it has begun, is over, or sees variables of an enclosing function.
    """
    frame = generator.gi_frame
    if frame is None or inspect.getgeneratorstate(generator) != inspect.GEN_CREATED:
        raise error(BEGUN)
    code = frame.f_code
    if code.co_freevars or code.co_cellvars:
        raise error("is a generator that shares variables with other functions")
    return function_of(code, frame.f_globals), dict(frame.f_locals)


def function_of(code: types.CodeType, variables: dict[str, Any]) -> Any:
    """Return the module's own function of this code, else one made for the purpose."""
    found: Any = sys.modules.get(str(variables.get("__name__")))
    for part in getattr(code, "co_qualname", code.co_name).split("."):
        found = getattr(found, part, None)
    if getattr(found, "__code__", None) is code:
        return found
    return types.FunctionType(code, variables, code.co_name)


register(GeneratorKind(), types.GeneratorType)
