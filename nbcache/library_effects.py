"""What a cell does to libraries themselves: recorded elsewhere, or a reason to refuse it.

The heap of a library is not walked, so ``lib.configure("dark")`` or ``lib.option = 1`` would be
lost on a hit. Such statements show in the text: an assignment into a library's object, and a
call of a library's function for its effect alone, with nothing of the notebook handed over.
"""

from __future__ import annotations

import ast
import re
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from typing import Any

from nbcache.cell.parts import parts_of
from nbcache.cell.still import ATOMS
from nbcache.errors import NotReplayable
from nbcache.heap.kinds.code import is_library
from nbcache.locality import is_local_module

RECORDED_OPTIONS = frozenset({"rcParams", "options", "environ", "path", "filters"})
"""Library state whose changes the trackers record."""

RECORDED_PACKAGES = frozenset(
    {"IPython", "asyncio", "contextlib", "decimal", "gc", "glob", "io", "json", "locale"}
    | {"logging", "math", "matplotlib", "numpy", "os", "pandas", "pathlib", "pickle", "pprint"}
    | {"random", "seaborn", "shutil", "statistics", "subprocess", "sys", "time", "timeit", "torch"}
    | {"traceback", "urllib", "warnings", "builtins", "tqdm", "polars", "pyarrow", "requests"}
)
"""Packages whose functions leave no state behind but what the trackers record."""

LASTING_CALLS = frozenset({
    ("tqdm", "pandas"), ("matplotlib", "set_epoch"), ("torch", "add_safe_globals"),
    ("numpy", "set_default_printstyle"), ("numpy", "set_display"),
})  # fmt: skip
"""Functions of such packages that do, whatever they are handed."""

_HARMLESS = frozenset(
    [("rich", name) for name in ("print", "pprint", "print_json", "inspect")]
    + [("click", "echo"), ("click", "secho"), ("termcolor", "cprint")]
    + [("socket", "setdefaulttimeout"), ("dotenv", "load_dotenv"), ("sympy", "var")]
    + [("typer", "echo"), ("jsonschema", "validate"), ("dis", "dis"), ("dis", "show_code")]
    + [("calendar", name) for name in ("prmonth", "prcal", "pryear")]
)
"""Functions of other packages that only show something, or whose effect a tracker records."""


def refuse_library_changes(
    nodes: Sequence[ast.stmt],
    namespace: dict[str, Any],
    imported: frozenset[str] = frozenset(),
) -> None:
    """Refuse a cell that assigns into a library's module, class or own object.

    ``imported`` names objects that the cell imports from libraries.

    Raises:
        NotReplayable: the change would be lost on a hit; the message names the target.
    """
    refuse_registrations(nodes, namespace)
    for part in parts_of(nodes, ast.Attribute, ast.Subscript):
        if not isinstance(part.ctx, ast.Load):
            if is_shell_part(part, namespace):
                raise NotReplayable("it changes IPython itself; put that into its own cell")
            if package_asked(part, namespace):
                told = "belongs to a library, and the cell assigns to it"
                raise NotReplayable(told, path=ast.unparse(part))
            steps = target_steps(part)
            root = namespace.get(steps[0]) if steps else None
            own = bool(steps) and steps[0] in imported and RECORDED_OPTIONS.isdisjoint(steps)
            own = own or _is_kept(root)
            if own or is_library_target(steps, namespace):
                path = ".".join(steps)
                raise NotReplayable("belongs to a library, and the cell assigns to it", path=path)
    for part in parts_of(nodes, ast.AugAssign):
        name = part.target.id if isinstance(part.target, ast.Name) else ""
        if name in imported and _holds_items(name, namespace):
            raise NotReplayable("belongs to a library, and the cell changes it", path=name)
    for call in parts_of(nodes, ast.Call):
        steps = target_steps(call.func) if isinstance(call.func, ast.Attribute) else []
        is_own = len(steps) == 2 and steps[0] in imported and _holds_items(steps[0], namespace)
        is_own = is_own or (bool(steps) and is_library_container(steps[:-1], namespace))
        if is_own and steps[-1] in CHANGERS:
            path = ".".join(steps[:-1])
            raise NotReplayable("belongs to a library, and the cell changes it", path=path)


def package_asked(target: ast.expr, namespace: dict[str, Any]) -> str:
    """Return the package whose own object a target asks for: ``h5py.get_config().x``."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    if not isinstance(target, ast.Call):
        return ""
    named = [target.func.id] if isinstance(target.func, ast.Name) else target_steps(target.func)
    steps = named or [""]
    package = package_of(namespace.get(steps[0]))
    is_asked = bool(package) and package not in RECORDED_PACKAGES and steps[-1].startswith("get")
    return package if is_asked else ""


def _is_kept(value: Any) -> bool:
    """Tell whether a library keeps this object, of whose settings no tracker knows."""
    home = str(vars(type(value)).get("__module__")).partition(".")[0]
    return home not in RECORDED_PACKAGES and bool(package_holding(value))


def _holds_items(name: str, namespace: dict[str, Any]) -> bool:
    return issubclass(type(namespace.get(name)), tuple(_CONTAINERS))


CHANGERS = frozenset(
    {"append", "extend", "insert", "appendleft", "extendleft", "add", "update", "setdefault"}
    | {"remove", "discard", "pop", "popitem", "popleft", "clear", "sort", "reverse"}
)
"""Methods of containers that change them in place."""


def is_library_container(steps: list[str], namespace: dict[str, Any]) -> bool:
    """Tell whether these steps lead from a library's module or class to a container in it.

    What the cell finds there shows in no input, so a change of it would be lost on a hit.
    """
    value: Any = namespace.get(steps[0])
    package = package_of(value)
    if len(steps) < 2 or not package or package in RECORDED_PACKAGES:
        return False
    for step in steps[1:]:
        if type(value) in _CONTAINERS:
            return True
        held = getattr(value, "__dict__", {})
        value = held.get(step)
    return type(value) in _CONTAINERS and RECORDED_OPTIONS.isdisjoint(steps)


_CONTAINERS = frozenset({list, dict, set, deque, OrderedDict, defaultdict, Counter})


def is_shell_part(target: ast.expr, namespace: dict[str, Any]) -> bool:
    """Tell whether an assignment lands in the running shell: ``get_ipython().x = 1``."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    name: Any = target.func if isinstance(target, ast.Call) else None
    if isinstance(name, ast.Name):
        return name.id == "get_ipython"
    value = namespace.get(target.id) if isinstance(target, ast.Name) else None
    return any(base.__name__ == "InteractiveShell" for base in type(value).__mro__)


def is_library_target(steps: list[str], namespace: dict[str, Any]) -> bool:
    """Tell whether an assignment to these steps changes a library out of the trackers' sight."""
    if not steps or not RECORDED_OPTIONS.isdisjoint(steps):
        return False
    return _starts_in_library(steps[:-1], namespace)


def target_steps(target: ast.expr) -> list[str]:
    """Return the names of ``a.b[...].c`` from the left; an index counts as a step."""
    steps: list[str] = []
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        steps.append(target.attr if isinstance(target, ast.Attribute) else "[]")
        target = target.value
    return [target.id, *reversed(steps)] if isinstance(target, ast.Name) else []


def _starts_in_library(steps: list[str], namespace: dict[str, Any]) -> bool:
    """Tell whether an assignment below these steps lands in a library.

    A class or module of a library does; so does anything reached through its module.
    """
    value: Any = namespace.get(steps[0]) if steps else None
    if issubclass(type(value), types.ModuleType):
        return not is_local_module(value.__name__) and value is not sys.modules.get("__main__")
    return len(steps) == 1 and issubclass(type(value), type) and is_library(value)


REGISTRIES = frozenset({"atexit", "codecs", "copyreg"})
"""Packages whose functions remember what they are handed."""

_REGISTERS = re.compile(
    r"(un)?register(_\w+)?|addLevelName|setLoggerClass|seterrcall|install_opener"
    r"|add_((multi_)?(representer|constructor)|(implicit|path)_resolver|safe_globals)"
)


def refuse_registrations(nodes: Sequence[ast.stmt], namespace: dict[str, Any]) -> None:
    """Refuse a cell that hands a library something to remember: ``atexit.register(f)``.

    Raises:
        NotReplayable: naming the function.
    """
    for call in parts_of(nodes, ast.Call, ast.FunctionDef, ast.ClassDef):
        for function in [call.func] if isinstance(call, ast.Call) else call.decorator_list:
            name = _registration(function, namespace)
            if name:
                raise NotReplayable(
                    f"`{name}` makes a library remember something, which a hit could not repeat;"
                    " put it into a cell of its own"
                )


def _registration(function: ast.expr, namespace: dict[str, Any]) -> str:
    """Return the name of a library's function that registers things, else nothing."""
    steps = target_steps(function) if isinstance(function, ast.Attribute) else []
    if isinstance(function, ast.Name):
        steps = [function.id]
    value = namespace.get(steps[0]) if steps else None
    package = package_of(value)
    if not package or package in ("IPython", "functools"):
        return ""
    last = steps[-1] if len(steps) > 1 else str(getattr(value, "__name__", ""))
    found = _REGISTERS.fullmatch(last) or (package in REGISTRIES and last in _HANDED)
    return ".".join(steps) if found else ""


_HANDED = frozenset({"pickle", "constructor", "add_extension"})


def effect_calls(nodes: Sequence[ast.stmt], namespace: dict[str, Any]) -> tuple[str, ...]:
    """Return the library calls that stand alone and are handed nothing that can be changed.

    The last one is followed by ``…`` when it ends the cell: it may be there for its result.
    """
    found = []
    for part in parts_of(nodes, ast.Expr):
        if isinstance(part.value, ast.Call):
            name = _effect_call(part.value, namespace)
            if name:
                found.append(f"{name}…" if part is nodes[-1] else name)
    return tuple(found)


def _effect_call(call: ast.Call, namespace: dict[str, Any]) -> str:
    steps = target_steps(call.func) if isinstance(call.func, ast.Attribute) else []
    if isinstance(call.func, ast.Name):
        steps = [call.func.id]
    value = namespace.get(steps[0]) if steps else None
    package = package_of(value)
    if not package or (package, steps[-1]) in LASTING_CALLS:
        return ".".join(steps) if package else ""
    last = steps[-1] if len(steps) > 1 else getattr(value, "__name__", "")
    if package in RECORDED_PACKAGES or (package, last) in _HARMLESS:
        return ""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if is_handed(given, namespace):
        return ""  # a thing whose change the walk sees
    return ".".join(steps)


def is_handed(given: Sequence[ast.expr], namespace: dict[str, Any]) -> bool:
    """Tell whether something that can be changed is among what a call is given."""
    names = {one.id for part in given for one in ast.walk(part) if isinstance(one, ast.Name)}
    return any(type(namespace.get(name, _MISSING)) not in ATOMS for name in names)


_MISSING = object()


_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)


def package_of(value: Any) -> str:
    """Return the top-level package of a library's module, function or class."""
    if issubclass(type(value), types.ModuleType):
        name = "" if is_local_module(value.__name__) else value.__name__
    elif issubclass(type(value), _NAMED) and is_library(value):
        name = str(value.__module__)
    else:
        name = ""
    return name.partition(".")[0]


def package_holding(value: Any) -> str:
    """Return the top-level package of an object that a library keeps for itself, in a module."""
    home = vars(type(value)).get("__module__")
    if not isinstance(home, str) or issubclass(type(value), (*_NAMED, types.ModuleType)):
        return ""
    package = home.partition(".")[0]
    modules = [sys.modules.get(name) for name in (home, package)]
    held = [vars(one) for one in modules if type(one) is types.ModuleType]
    if package == "__main__" or is_local_module(home):
        return ""
    return package if any(value is one for names in held for one in names.values()) else ""


def refuse_effect_calls(calls: Sequence[str], *, has_result: bool) -> None:
    """Refuse a run that called a library for an effect that nobody records.

    Raises:
        NotReplayable: naming the first such call.
    """
    for name in calls:
        if name.endswith("…") and has_result:
            continue
        raise NotReplayable(
            f"`{name.removesuffix('…')}(…)` is called for its effect on a library, which a hit"
            " could not repeat; put it into a cell of its own"
        )
