"""The code objects of a cell, so that restored functions carry the cell's present lines."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Sequence
from typing import Any

from nbcache.heap.walk import Walk


def nested_codes(request: Any) -> list[types.CodeType]:
    """Compile the cell's statements and return every code object in them, in a fixed order.

    Two cells with the same normal form give the same order, so a stored function can say
    "the third code object of its cell" and get today's file name and line numbers.
    """
    found: list[types.CodeType] = []
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | request.compile_flags
    for node in request.nodes:
        module = ast.Module([node], [])
        code = compile(module, request.cell_name, "exec", flags, dont_inherit=True)
        _collect(code, found)
    return found


def earlier_codes(walk: Walk, changed: frozenset[int]) -> Iterator[tuple[str, types.CodeType]]:
    """Yield the code objects of walked functions, and how a stream refers to each."""
    for function in walk.functions.values():
        ordinal = walk.ordinal(function)
        if ordinal is not None and ordinal not in changed:
            for place, code in enumerate(codes_of(function)):
                yield f"inner {ordinal} {place}", code


def codes_of(function: types.FunctionType) -> list[types.CodeType]:
    """Return the code object of a function and those inside it, in a fixed order."""
    found: list[types.CodeType] = []
    _collect(function.__code__, found)
    return found


def _collect(code: types.CodeType, found: list[types.CodeType]) -> None:
    found.append(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _collect(constant, found)


class CodePlace:
    """Stands in a stream for a code object of the cell itself, or of an earlier function."""

    def __init__(self, text: str) -> None:
        self.text = text


class CodeTable:
    """Finds code objects of the cell by content, lines included, and those of earlier functions."""

    def __init__(
        self, codes: Sequence[types.CodeType], walk: Walk, changed: frozenset[int]
    ) -> None:
        self._places = {code: CodePlace(f"code {place}") for place, code in enumerate(codes)}
        self._walk, self._changed = walk, changed
        self._earlier: dict[int, CodePlace] | None = None

    def place_of(self, code: types.CodeType) -> CodePlace | None:
        """Return where an equal code object of the cell stands, or this very one of a function."""
        found = self._places.get(code)
        if found is not None:
            return found
        if self._earlier is None:
            pairs = earlier_codes(self._walk, self._changed)
            self._earlier = {id(one): CodePlace(text) for text, one in pairs}
        return self._earlier.get(id(code))
