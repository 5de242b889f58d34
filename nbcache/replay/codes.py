"""The code objects of a cell, so that restored functions carry the cell's present lines."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence
from typing import Any


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


def _collect(code: types.CodeType, found: list[types.CodeType]) -> None:
    found.append(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _collect(constant, found)


class CodePlace:
    """Stands in a stream for a code object of the cell itself."""

    def __init__(self, position: int) -> None:
        self.text = f"code {position}"


class CodeTable:
    """Finds code objects of the cell by content, lines included."""

    def __init__(self, codes: Sequence[types.CodeType]) -> None:
        self._places = {code: CodePlace(position) for position, code in enumerate(codes)}

    def place_of(self, code: types.CodeType) -> CodePlace | None:
        """Return where in the cell an equal code object stands."""
        return self._places.get(code)
