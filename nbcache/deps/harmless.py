"""Expressions whose text alone tells that evaluating them neither does anything nor fails."""

from __future__ import annotations

import ast
import builtins
import operator
import sys
from collections.abc import Callable
from typing import Any

_ALWAYS = frozenset(
    {"abc", "collections", "collections.abc", "contextlib", "copy", "dataclasses", "datetime"}
    | {"enum", "functools", "inspect", "io", "itertools", "json", "logging", "math", "operator"}
    | {"os", "os.path", "pathlib", "random", "re", "string", "sys", "time", "types", "typing"}
    | {"warnings"}
)
"""Modules that every kernel has loaded: what they hold can be looked up in any process."""

_OF_OTHERS = {
    "numpy": frozenset(
        {"ndarray", "dtype", "generic", "number", "integer", "floating", "bool_", "float16"}
        | {"float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"}
        | {"uint64", "complex64", "complex128", "datetime64", "timedelta64", "random", "linalg"}
        | {"pi", "e", "inf", "nan", "newaxis", "array", "arange", "zeros", "ones", "linspace"}
    ),
    "pandas": frozenset(
        {"DataFrame", "Series", "Index", "MultiIndex", "Timestamp", "Timedelta", "NA", "NaT"}
        | {"read_csv", "read_parquet", "concat", "merge"}
    ),
}
"""What every version of them has."""

_CALLS = frozenset(
    {"builtins.dict", "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"}
    | {"builtins.range", "builtins.float", "builtins.int", "builtins.str", "builtins.bool"}
    | {"builtins.object", "builtins.complex", "re.compile", "collections.namedtuple"}
    | {"collections.OrderedDict", "collections.Counter", "collections.deque", "pathlib.Path"}
    | {"pathlib.PurePath", "datetime.date", "datetime.datetime", "datetime.timedelta"}
    | {"enum.auto", "typing.TypeVar"}
)
_OF_NUMBERS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}  # fmt: skip
_FIELD = frozenset({"default_factory", "repr", "compare", "hash", "init", "kw_only"})
_LARGEST = 1000
_LONGEST = 1000


def is_literal(node: ast.expr) -> bool:
    """Tell whether an expression is made of constants alone."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def is_arithmetic(node: ast.expr) -> bool:
    """Tell whether an expression is a sum, product … of small numbers, or joins texts."""
    return _value(node) is not None


def _value(node: ast.expr) -> Any:
    """Return the value of arithmetic on constants, None for anything else and what fails."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) in (int, float, str) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand)
        return value if isinstance(value, int | float) else None
    if isinstance(node, ast.BinOp) and type(node.op) in _OF_NUMBERS:
        return _computed(node.op, _value(node.left), _value(node.right))
    return None


def _computed(sign: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str) and isinstance(sign, ast.Add):
        return (left + right)[:_LONGEST]
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    if isinstance(sign, ast.Pow) and not (abs(left) <= _LARGEST and 0 <= right <= _LARGEST / 10):
        return None
    try:
        return _OF_NUMBERS[type(sign)](left, right)
    except (ArithmeticError, ValueError, TypeError):
        return None


def names_of_library(path: str) -> bool:
    """Tell whether ``module.name.…`` is there, wherever the module is."""
    module, _, name = path.rpartition(".")
    if module in _OF_OTHERS:
        return name in _OF_OTHERS[module]
    steps: list[str] = []
    while module and module not in _ALWAYS:
        module, _, step = module.rpartition(".")
        steps.insert(0, step)
    found: Any = sys.modules.get(module)
    for step in (*steps, name):
        found = getattr(found, step, None)
    return found is not None and bool(module)


def calls_harmlessly(path: str, call: ast.Call) -> bool:
    """Tell whether a call of what stands at ``path`` makes a value and can't fail."""
    if any(one.arg is None for one in call.keywords):
        return False
    if path == "logging.getLogger":
        return len(call.args) <= 1 and not call.keywords and all(map(_is_logger_name, call.args))
    if path == "dataclasses.field":
        return not call.args and all(map(_is_field_option, call.keywords))
    if path == "collections.defaultdict":
        return not call.keywords and len(call.args) == 1 and _is_builtin_type(call.args[0])
    return path in _CALLS and _succeeds(path, call)


def _is_logger_name(node: ast.expr) -> bool:
    is_own = isinstance(node, ast.Name) and node.id == "__name__"
    return is_own or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_field_option(option: ast.keyword) -> bool:
    if option.arg == "default_factory":
        return isinstance(option.value, ast.Lambda) or _is_builtin_type(option.value)
    return option.arg in _FIELD and isinstance(option.value, ast.Constant)


def _is_builtin_type(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and isinstance(getattr(builtins, node.id, None), type)


def _succeeds(path: str, call: ast.Call) -> bool:
    """Tell whether a call with constants alone succeeds: these may be tried at once."""
    module, _, name = path.rpartition(".")
    function = getattr(sys.modules.get(module), name, None)
    try:
        given = [ast.literal_eval(one) for one in call.args]
        named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        if function is None or len(repr((given, named))) > _LONGEST:
            return False
        function(*given, **named)
    except Exception:  # whatever it says, the module's import would say too
        return False
    return True
