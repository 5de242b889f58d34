"""One cached statement inside a cell: ``%cache x = f()``."""

from __future__ import annotations

import ast
import sys
import time
from typing import Any

from nbcache.errors import CacheError
from nbcache.extension import Extension
from nbcache.options import parse_options
from nbcache.policy import build_policy
from nbcache.reading import Request


def run_statement(extension: Extension, line: str) -> Any:
    """Run one statement through the cache; return an expression's value.

    Options may stand before the statement, behind ``--``: ``%cache --ttl 60 -- x = f()``.
    """
    options, text = split_options(line)
    shell, session = extension.shell, extension.session
    nodes = ast.parse(shell.transform_cell(text)).body
    if not nodes:
        raise CacheError("Give a statement: `%cache x = f()`.")
    name = shell.compile.cache(text, shell.execution_count, raw_code=text)
    nodes, target = bind_expression(nodes)
    base = extension.asking.base_policy(explicit=True, now=time.time())
    policy = build_policy(parse_options(options), base=base, now=time.time())
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
        code = compile(ast.Module(nodes, []), name, "exec", shell.compile.flags, dont_inherit=True)
        exec(code, shell.user_global_ns, shell.user_ns)
    except BaseException:
        session.finish(run, raised=True)
        raise
    finally:
        run.cost = time.perf_counter() - began
        sys.stdout.flush()


_RESULT = "_nbcache_statement"


def bind_expression(nodes: list[ast.stmt]) -> tuple[list[ast.stmt], str]:
    """Turn a lone expression into a binding, so that its value is recorded."""
    if len(nodes) != 1 or not isinstance(nodes[0], ast.Expr):
        return nodes, ""
    binding = ast.Assign([ast.Name(_RESULT, ast.Store())], nodes[0].value)
    ast.copy_location(binding, nodes[0])
    return [ast.fix_missing_locations(binding)], _RESULT


def split_options(line: str) -> tuple[str, str]:
    """Return (options, statement) of a magic's line."""
    if line.lstrip().startswith("--"):
        options, mark, text = line.partition(" -- ")
        if not mark:
            raise CacheError("Put ` -- ` between the options and the statement.")
        return options, text.strip()
    return "", line.strip()
