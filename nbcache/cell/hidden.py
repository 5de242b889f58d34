"""Reads that no name betrays: ``eval``, ``globals()``, frames, the shell's namespace.

Each function gives a sentence for a person, or None.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable

from nbcache.cell.magics_text import MAGIC_CALLS, is_shell

NAMES = {
    "eval": "calls eval()",
    "exec": "calls exec()",
    "execfile": "calls execfile()",
    "globals": "uses globals()",
    "__main__": "uses __main__",
    "__builtins__": "uses __builtins__",
    "builtins": "hands on the module builtins",
    "_getframe": "uses sys._getframe()",
}
"""Names that give access to every other name, wherever they are used."""

ATTRIBUTES = {
    **dict.fromkeys(
        ("user_ns", "user_global_ns", "user_module", "all_ns_refs", "ns_table"), "reads .{}"
    ),
    **dict.fromkeys(
        ("f_globals", "f_locals", "f_back", "tb_frame", "gi_frame", "cr_frame", "ag_frame"),
        "reads a frame's .{}",
    ),
    "__globals__": "reads a function's .{}",
    "__getattribute__": "reads attributes by .{}",
    "__subclasses__": "lists a class's .{}",
    "__main__": "uses {}",
}
"""Attributes that give access to every name, whatever object they are read from."""

MEMBERS = {
    "sys": frozenset({"modules", "_getframe", "_current_frames", "settrace", "setprofile"}),
    "inspect": frozenset(
        {
            "currentframe",
            "stack",
            "trace",
            "getouterframes",
            "getinnerframes",
            "getclosurevars",
            "getmembers",
            "getmembers_static",
            "getattr_static",
            "getmodule",
        }
    ),
    "gc": frozenset({"get_objects", "get_referrers"}),
    "builtins": frozenset({"eval", "exec", "globals", "locals", "vars", "dir"}),
    "traceback": frozenset({"walk_stack"}),
    "pickle": frozenset({"Unpickler"}),
    "shelve": frozenset({"open", "Shelf", "BsdDbShelf", "DbfilenameShelf"}),
    "doctest": frozenset({"testmod", "run_docstring_examples"}),
    "unittest": frozenset({"main"}),
}
"""Members of modules that give access to every name."""

SHELL_MEMBERS = frozenset({
    "history_manager", "displayhook",
    "Completer", "complete", "complete_text", "del_var", "drop_by_id", "ev", "ex",
    "find_user_code", "getattr", "inspector", "object_inspect", "push", "reset",
    "reset_selective", "run_ast_nodes", "run_cell", "run_cell_async", "run_code",
    "safe_execfile", "safe_execfile_ipy", "user_expressions", "var_expand",
}) | MAGIC_CALLS  # fmt: skip
"""Members of the shell that read or bind names; magics only when their text is not constant."""

DRAWS = re.compile(r"[sS]eed|set_?state|default_rng|RandomState|Generator")
"""Identifiers that seed, set or make a random generator."""

MODULES = frozenset({"sys", "inspect", "gc", "builtins", "ctypes", "__main__"})
"""Modules through which code reaches variables that it does not name."""

FUNCTIONS: dict[int, str] = {
    id(function): function.__name__
    for function in (eval, exec, globals, locals, vars, dir, sys._getframe)
}
"""Functions that reach variables by any name that they are kept under, by identity."""

LOCAL_CALLS = frozenset({"locals", "vars", "dir"})
"""Calls that, without arguments, list the names of the scope they stand in."""


def name_reason(name: str) -> str | None:
    """Return why loading a name hides reads."""
    return NAMES.get(name)


def attribute_reason(node: ast.Attribute) -> str | None:
    """Return why reading an attribute hides reads."""
    if node.attr in ATTRIBUTES:
        if is_shell(node.value):
            return f"reads get_ipython().{node.attr}"
        return ATTRIBUTES[node.attr].format(node.attr)
    if is_shell(node.value) and node.attr in SHELL_MEMBERS:
        return f"uses get_ipython().{node.attr}"
    if isinstance(node.value, ast.Name):
        return member_reason(node.value.id, node.attr)
    return None


def text_reason(words: frozenset[str]) -> str | None:
    """Return why the words of a string hide reads: ``getattr(f, "__globals__")``."""
    found = sorted(ATTRIBUTES.keys() & words)
    return f"names {found[0]} in a string" if found else None


def joined_text(node: ast.expr) -> str:
    """Return the text of ``"a" + "b"`` and of an f-string without variables; "" of others."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.FormattedValue):
        return joined_text(node.value)
    parts: list[ast.expr] = node.values if isinstance(node, ast.JoinedStr) else []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    texts = [joined_text(part) for part in parts]
    return "".join(texts) if all(texts) else ""


def member_reason(module: str, member: str) -> str | None:
    """Return why a member of a module hides reads."""
    if member in MEMBERS.get(module, ()):
        return f"uses {module}.{member}"
    return None


def call_reason(node: ast.Call) -> str | None:
    """Return why a call at module level hides reads: ``locals()``, ``vars()``, ``dir()``."""
    if isinstance(node.func, ast.Name) and node.func.id == "__import__":
        return None if imported_by_call(node) else "imports a module by a computed name"
    if not (isinstance(node.func, ast.Name) and node.func.id in LOCAL_CALLS):
        return None
    return None if node.args or node.keywords else f"uses {node.func.id}()"


def looked_up(node: ast.AST) -> tuple[str, str, list[ast.expr]] | None:
    """Return what ``globals()["x"]``, ``"x" in globals()`` or ``globals().get("x", y)`` asks for.

    The function that is called, the name, and the other parts that are evaluated.
    """
    table: ast.expr | None = None
    name: ast.expr | None = None
    rest: list[ast.expr] = []
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        table, name = node.value, node.slice
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        table, name = node.comparators[0], node.left if len(node.ops) == 1 else None
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        is_plain = node.func.attr == "get" and not node.keywords
        table, name, rest = node.func.value, node.args[0] if is_plain else None, node.args[1:]
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        return None
    if not (isinstance(table, ast.Call) and isinstance(table.func, ast.Name)):
        return None
    is_table = table.func.id in ("globals", "locals", "vars") and not (table.args or table.keywords)
    return (table.func.id, name.value, rest) if is_table and name.value.isidentifier() else None


def import_reasons(node: ast.Import | ast.ImportFrom) -> Iterable[str]:
    """Return why an import hides reads: ``__main__``, frames, everything of a module."""
    if isinstance(node, ast.Import):
        if any(alias.name.split(".")[0] == "__main__" for alias in node.names):
            yield "imports __main__"
        return
    module = node.module or ""
    if module == "__main__":
        yield "imports __main__"
    for alias in node.names:
        if alias.name == "*" and node.level:
            yield f"imports every name of {'.' * node.level}{module}"
        reason = member_reason(module, alias.name)
        if reason:
            yield reason


def imported_modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted modules that an import may load, ``a.b`` and ``a.b.c`` for from-imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = "." * node.level + (node.module or "")
    joint = "" if module.endswith(".") else "."
    return [module, *(f"{module}{joint}{a.name}" for a in node.names if a.name != "*")]


def imported_by_call(node: ast.Call) -> str | None:
    """Return the module that ``__import__("a.b")`` or ``import_module("a.b")`` names."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    if name not in ("__import__", "import_module") or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return None
