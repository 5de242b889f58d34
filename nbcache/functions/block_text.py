"""The body of a ``with block(...)``: found in its file, and made a function of its inputs."""

from __future__ import annotations

import ast
import builtins
import linecache
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbcache.cell.source import read_source
from nbcache.errors import NotFingerprintable

NO_SOURCE = "its source text is not at hand, so what it reads is not known; write it in a file"


@dataclass(frozen=True, slots=True)
class Body:
    """A block's body as a function that is never called, and the values that it can read."""

    function: types.FunctionType
    inputs: Mapping[str, Any]


def read_body(frame: types.FrameType, name: str) -> Body:
    """Return the body of the ``with`` statement that a frame is about to enter.

    Raises:
        NotFingerprintable: its text can't be found, or does what a function can't.
    """
    statement = _find_statement(frame)
    targets = {node.id for item in statement.items for node in _names(item.optional_vars)}
    names = read_source("", statement.body).names
    seen = {**frame.f_globals, **frame.f_locals}
    if names.hidden:
        raise NotFingerprintable(f"{names.hidden[0]}, so what it reads is not known")
    wanted = sorted(
        word
        for word in (names.reads | names.strings) - targets
        if word in seen or (word in names.reads and not hasattr(builtins, word))
    )
    inputs = {word: seen[word] for word in wanted if word in seen}
    function = _compile(statement, [*inputs, *sorted(targets)], frame, name)
    return Body(function, inputs)


def _names(target: ast.expr | None) -> Iterator[ast.Name]:
    return (node for node in ast.walk(target or ast.Pass()) if isinstance(node, ast.Name))


def _find_statement(frame: types.FrameType) -> ast.With | ast.AsyncWith:
    """Return the innermost ``with`` whose head stands on the line that the frame is at."""
    filename, line = frame.f_code.co_filename, frame.f_lineno
    text = "".join(linecache.getlines(filename, frame.f_globals))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        raise NotFingerprintable(NO_SOURCE) from None
    found: list[ast.With | ast.AsyncWith] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.With, ast.AsyncWith))
        and node.lineno <= line <= max(item.context_expr.end_lineno or 0 for item in node.items)
    ]
    if not found:
        raise NotFingerprintable(NO_SOURCE)
    return found[-1]


def _compile(
    statement: ast.With | ast.AsyncWith, names: list[str], frame: types.FrameType, name: str
) -> types.FunctionType:
    """Compile the body as a function with these parameters over the frame's globals."""
    loop = ast.While(ast.Constant(True), statement.body, [])  # a body may break and continue
    parameters = [ast.arg(word) for word in names]
    arguments = ast.arguments([], parameters, None, [], [], None, [])
    is_async = any(isinstance(n, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for n in ast.walk(loop))
    kind: Any = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    definition = kind("body", arguments, [loop], [])
    if hasattr(definition, "type_params"):
        definition.type_params = []
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(definition, statement)], []))
    flags = frame.f_code.co_flags & _FUTURE_FLAGS
    try:
        code = compile(module, frame.f_code.co_filename, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        raise NotFingerprintable(f"its body cannot be read on its own: {error.msg}") from None
    inner = next(const for const in code.co_consts if isinstance(const, types.CodeType))
    function = types.FunctionType(inner, frame.f_globals, name)
    function.__qualname__ = name
    return function


_FUTURE_FLAGS = 0x1000000 | 0x800000  # annotations and generator_stop, as __future__ numbers them
