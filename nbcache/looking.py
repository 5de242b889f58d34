"""What lets a cell look at variables that it does not name, found by value."""

from __future__ import annotations

import ast
import operator
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbcache.cell import hidden
from nbcache.cell.magics_text import identifiers
from nbcache.cell.parts import parts_of
from nbcache.heap.walk import Walk
from nbcache.witnesses import spelled_names

_NAMERS = (operator.attrgetter, operator.methodcaller)
_HAVE_GLOBALS = (types.FunctionType, types.MethodType, types.GeneratorType, types.FrameType)


def looking_glasses(
    reads: frozenset[str], namespace: Mapping[str, Any], shell: object
) -> Iterator[str]:
    """Say which names that a cell reads are something that can see every variable."""
    for name in sorted(reads):
        value: Any = namespace.get(name)
        if id(value) in hidden.FUNCTIONS:
            yield f"calls {hidden.FUNCTIONS[id(value)]}() as `{name}`"
        elif value is shell:
            yield f"uses get_ipython() as `{name}`"
        elif issubclass(type(value), types.ModuleType) and value.__name__ in hidden.MODULES - {
            name
        }:
            yield f"uses the module {value.__name__} as `{name}`"


def need_history(walk: Walk, text: str) -> None:
    """Ask for what was typed and shown, where a cell or a function may look it up."""
    if _HISTORY.search(f"{text} {spelled_names(walk)}"):
        walk.need("In")
        walk.need("Out")
        walk.run()


_HISTORY = re.compile(r"\b(history_manager|displayhook)\b|\bget_ipython(\(\))?\.execution_count\b")


def named_by_values(values: Mapping[str, Any]) -> Iterator[str]:
    """Say which inputs are texts, or getters, that name such things as ``__globals__``."""
    for name, value in values.items():
        text = repr(value) if issubclass(type(value), _NAMERS) else value
        if type(text) is str and len(text) < _LONGEST and hidden.text_reason(identifiers(text)):
            yield f"is given {next(iter(hidden.ATTRIBUTES.keys() & identifiers(text)))} by `{name}`"


_LONGEST = 200


def probes(nodes: Sequence[ast.stmt], namespace: Mapping[str, Any]) -> Iterator[str]:
    """Say where a cell takes an attribute by a computed name from a function or the shell."""
    made = {part.name for part in parts_of(nodes, ast.FunctionDef, ast.AsyncFunctionDef)}
    for part in parts_of(nodes, ast.Call):
        if not isinstance(part.func, ast.Name):
            continue
        if part.func.id != "getattr" or len(part.args) < 2 or hidden.joined_text(part.args[1]):
            continue
        owner = part.args[0].id if isinstance(part.args[0], ast.Name) else ""
        if owner in made or issubclass(type(namespace.get(owner)), _HAVE_GLOBALS):
            yield f"takes a computed attribute of `{owner}`"
