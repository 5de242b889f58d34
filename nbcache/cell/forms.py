"""What a statement's form alone tells: loops that surely run, managers that swallow nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

PASSING = frozenset({
    "BytesIO", "ExcelFile", "ExcelWriter", "Figure", "File", "GzipFile", "HDFStore", "Lock",
    "PdfPages", "Pool", "Popen", "ProcessPoolExecutor", "Progress", "RLock", "SpooledTemporaryFile",
    "StringIO", "TarFile", "TaskGroup", "TemporaryDirectory", "NamedTemporaryFile",
    "TemporaryFile", "ThreadPool", "ThreadPoolExecutor", "ZipFile", "autocast", "catch_warnings",
    "chdir", "closing", "connect", "deprecated", "device", "enable_grad", "errstate", "fdopen",
    "inference_mode", "localcontext", "memmap", "memory_map", "no_grad", "nullcontext", "open",
    "open_dataset", "open_file", "option_context", "parallel_backend", "parallel_config", "patch",
    "plotting_context", "axes_style", "printoptions", "rc_context", "redirect_stderr",
    "redirect_stdout", "scandir", "set_grad_enabled", "socket", "threadpool_limits",
    "timeout", "tqdm", "urlopen", "wrap_file",
})  # fmt: skip
"""Well-known context managers, by the last part of their name, that let exceptions pass."""


def lets_exceptions_pass(manager: ast.expr) -> bool:
    """Whether a ``with`` statement's expression is known never to swallow an exception."""
    if not isinstance(manager, ast.Call):
        return False
    function = manager.func
    if isinstance(function, ast.Attribute):
        in_style = isinstance(function.value, ast.Attribute) and function.value.attr == "style"
        return function.attr in PASSING or (in_style and function.attr == "context")
    return isinstance(function, ast.Name) and function.id in PASSING


def runs_at_least_once(iterable: ast.expr) -> bool:
    """Whether a ``for`` loop over the expression surely runs its body."""
    if isinstance(iterable, (ast.List, ast.Tuple, ast.Set)):
        return any(not isinstance(e, ast.Starred) for e in iterable.elts)
    if isinstance(iterable, ast.Dict):
        return any(key is not None for key in iterable.keys)
    if isinstance(iterable, ast.Constant):
        return isinstance(iterable.value, (str, bytes)) and bool(iterable.value)
    return isinstance(iterable, ast.Call) and _yields_something(iterable)


def _yields_something(call: ast.Call) -> bool:
    """Whether a call such as ``range(3)`` or ``enumerate("ab")`` gives at least one element."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if call.keywords and name not in ("tqdm", "trange", "enumerate", "sorted"):
        return False
    if name in ("enumerate", "reversed", "list", "tuple", "sorted", "set", "tqdm"):
        return bool(call.args) and runs_at_least_once(call.args[0])
    return name in ("range", "trange") and _has_elements(call.args)


def _has_elements(arguments: list[ast.expr]) -> bool:
    """Whether ``range`` of constant arguments has an element."""
    try:
        return len(range(*(ast.literal_eval(argument) for argument in arguments))) > 0
    except (ValueError, TypeError, OverflowError):
        return False


def is_star(node: ast.AST) -> bool:
    """Whether a ``try`` has ``except*`` clauses (Python 3.11)."""
    return type(node).__name__ == "TryStar"


def is_type_checking(node: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "TYPE_CHECKING"


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether statements may swallow an exception by leaving a ``finally`` clause."""
    leaving = (ast.Break, ast.Continue, ast.Return)
    return any(isinstance(node, leaving) for statement in body for node in ast.walk(statement))


def always_matches(pattern: ast.pattern) -> bool:
    """Whether a pattern is ``_`` or a bare name."""
    if isinstance(pattern, ast.MatchOr):
        return any(always_matches(each) for each in pattern.patterns)
    return isinstance(pattern, ast.MatchAs) and (
        pattern.pattern is None or always_matches(pattern.pattern)
    )


def deleted_in(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements may delete."""
    for part in (part for node in body for part in ast.walk(node)):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Del):
            yield part.id
        elif isinstance(part, ast.ExceptHandler) and part.name:
            yield part.name
