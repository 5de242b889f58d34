"""One cached statement inside a cell: ``%cache x = f()``."""

from __future__ import annotations

import ast
import re
import sys
import time
from typing import Any

from nbcache.errors import CacheError
from nbcache.extension import Extension
from nbcache.options import OPTIONS, canonical, parse_options
from nbcache.policy import build_policy
from nbcache.reading import Request


def run_line(extension: Extension, line: str) -> Any:
    """Run the statement of a magic's line through the cache; return an expression's value.

    Options may stand before the statement: ``%cache ttl=60 x = f()``.
    """
    options, text = split_options(line)
    return run_statements(extension, options, text)


def run_statements(extension: Extension, options: str, text: str) -> Any:
    """Run statements through the cache; return the value of the last one if it has any.

    Raises:
        CacheError: there are none, or they await something.
    """
    shell, session = extension.shell, extension.session
    nodes = ast.parse(shell.transform_cell(text)).body
    if not nodes:
        raise CacheError("Give a statement: `%cache x = f()`.")
    if _awaits(nodes):
        raise CacheError("A statement that awaits is not cached alone: put `%%cache` on its cell.")
    name = shell.compile.cache(text, shell.execution_count, raw_code=text)
    nodes, target = bind_expression(nodes)
    base = extension.asking.base_policy(explicit=True, now=time.time())
    policy = build_policy(parse_options(options), base=base, now=time.time())
    policy = extension.asking.settled(extension.asking.once(policy, text))
    if policy.off or extension.settings.disable:
        return run_alone(shell, nodes, name, target)
    request = Request(text, tuple(nodes), name, f"%cache {text}", -1, shell.compile.flags)
    run = session.begin(request, policy)
    if run.forbidden is not None:
        raise run.forbidden
    if not run.is_served:
        run_natively(shell, nodes, name, session, run)
    event = session.finish(run, raised=False)
    extension.tell(event)
    return shell.user_ns.pop(target) if target else None


def run_natively(shell: Any, nodes: list[ast.stmt], name: str, session: Any, run: Any) -> None:
    """Run the statement in the notebook's namespace; its own errors pass."""
    began = time.perf_counter()
    try:
        execute(shell, nodes, name)
    except BaseException:
        session.finish(run, raised=True)
        raise
    finally:
        run.cost = time.perf_counter() - began
        sys.stdout.flush()


def run_alone(shell: Any, nodes: list[ast.stmt], name: str, target: str) -> Any:
    """Run a statement that is not to be cached."""
    execute(shell, nodes, name)
    return shell.user_ns.pop(target) if target else None


def execute(shell: Any, nodes: list[ast.stmt], name: str) -> None:
    """Run statements in the notebook's namespace."""
    code = compile(ast.Module(nodes, []), name, "exec", shell.compile.flags, dont_inherit=True)
    exec(code, shell.user_global_ns, shell.user_ns)


_RESULT = "_nbcache_statement"


def bind_expression(nodes: list[ast.stmt]) -> tuple[list[ast.stmt], str]:
    """Turn a last expression into a binding, so that its value is recorded."""
    last = nodes[-1]
    if not isinstance(last, ast.Expr):
        return nodes, ""
    binding = ast.Assign([ast.Name(_RESULT, ast.Store())], last.value)
    ast.copy_location(binding, last)
    return [*nodes[:-1], ast.fix_missing_locations(binding)], _RESULT


def _awaits(nodes: list[ast.stmt]) -> bool:
    """Tell whether statements await something themselves, outside of functions."""
    rest: list[ast.AST] = list(nodes)
    while rest:
        node = rest.pop()
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            rest += ast.iter_child_nodes(node)
    return False


_WORD = re.compile(r"(--)?([A-Za-z_][\w-]*)(=(?:\"[^\"]*\"|'[^']*'|[^\s'\"])*)?(?:\s+|$)")
_VALUE = re.compile(r"(?:\"[^\"]*\"|'[^']*'|\S)+\s*")


def split_options(line: str) -> tuple[str, str]:
    """Return (options, statement) of a magic's line: ``ttl=60 x = f()``, ``--ttl 60 -- x = f()``.

    What is Python as a whole is a statement; else options are taken from its front until it is.
    """
    text, options = line.strip(), ""
    if text.startswith("--") and " -- " in text:
        before, _, after = text.partition(" -- ")
        return before, after.strip()
    rest = text
    while rest and not _is_python(rest):
        word = _option_at(rest)
        if not word:
            return "", text
        options, rest = f"{options} {word}".strip(), rest[len(word) :].lstrip()
    if options and not rest:
        raise CacheError("Give a statement behind the options: `%cache ttl=60 x = f()`.")
    return options, rest


def _option_at(text: str) -> str:
    """Return the option that a text begins with, and its value; empty if there is none.

    Raises:
        OptionError: there is no such option.
    """
    match = _WORD.match(text)
    if match is None:
        return ""
    dashes, name, value = match.groups()
    if not dashes and not value and name.replace("-", "_") not in OPTIONS:
        return ""
    if not dashes and not _is_python(text[match.end() :]) and name not in OPTIONS:
        return ""
    option = OPTIONS[canonical(name)]
    takes = dashes and value is None and option.kind not in ("flag", "refresh")
    following = _VALUE.match(text, match.end()) if takes else None
    return text[: (following or match).end()].rstrip()


def _is_python(text: str) -> bool:
    """Tell whether a text is a statement, magics and shell lines included."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        ast.parse(TransformerManager().transform_cell(text))
    except (SyntaxError, ValueError):
        return False
    return not text.startswith("--")
