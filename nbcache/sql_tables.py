"""Variables that SQL over the notebook's own tables may name, and tables that duckdb keeps.

duckdb looks for the tables of a query among the variables of whoever called it, by names in a
text that may come from anywhere; the call itself can't be watched, since duckdb looks at the
frame that calls it. So a cell that reaches duckdb depends on every variable that is a table,
unless all its queries stand in its own text.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from typing import Any

from nbcache.cell import hidden
from nbcache.cell.names import Names
from nbcache.cell.parts import all_parts
from nbcache.errors import NotReplayable
from nbcache.heap.walk import Walk

_MODULES = frozenset({"duckdb", "_duckdb"})
_TABLES = frozenset({"pandas", "polars", "pyarrow", "numpy", "duckdb", "_duckdb"})
_QUERIES = frozenset({"sql", "query", "execute", "from_query", "executemany", "table", "view"})
_STATE = """
    select count(*) from (
        select table_name from duckdb_tables() union all
        select view_name from duckdb_views() where not internal union all
        select function_name from duckdb_functions() where not internal)
"""
_VARIABLES = "select count(*) from duckdb_variables()"


def reaches_duckdb(walk: Walk, names: Names) -> bool:
    """Tell whether a cell, or code that it reaches, has duckdb at hand."""
    imported = {name.partition(".")[0] for name in (*names.imports, *walk.imports)}
    return not _MODULES.isdisjoint(walk.packages | imported)


def need_tables(walk: Walk, nodes: Sequence[ast.stmt]) -> str:
    """Make every table of the notebook an input, if a query may name it; return why.

    Raises:
        NotReplayable: duckdb's own connection holds tables, which no fingerprint holds.
    """
    refuse_kept_tables()
    if _has_plain_queries(nodes) and not _has_functions(walk):
        return ""
    for name, value in list(walk.namespace.items()):
        if not name.startswith("_") and _is_table(value):
            walk.need(name)
    return "runs SQL in duckdb, which may name any table"


def refuse_kept_tables() -> None:
    """Refuse to look into, or to keep what was put into, duckdb's own connection.

    Raises:
        NotReplayable: it holds tables, views, macros or variables.
    """
    duckdb: Any = sys.modules.get("duckdb")
    connection = getattr(duckdb, "default_connection", None)
    if connection is None:
        return
    cursor = (connection() if callable(connection) else connection).cursor()
    kept = "tables" if cursor.execute(_STATE).fetchone()[0] else ""
    if kept or _has_variables(cursor, duckdb):
        raise NotReplayable(
            f"uses duckdb's own connection, which holds {kept or 'variables'} that can't be"
            " compared; make and read them in one cell through `duckdb.connect()`"
        )


def _has_variables(cursor: Any, duckdb: Any) -> bool:
    """Tell whether ``set variable`` was used; a cursor has none of its connection's."""
    try:
        return bool(duckdb.sql(_VARIABLES).fetchall()[0][0])
    except duckdb.Error:
        return False  # of a version that has none


def _is_table(value: Any) -> bool:
    if issubclass(type(value), dict):
        return any(map(_is_table, list(value.values())))
    return type(value).__module__.partition(".")[0] in _TABLES


def _has_plain_queries(nodes: Sequence[ast.stmt]) -> bool:
    """Tell whether every query of a cell stands in its text."""
    for part in all_parts(nodes):
        if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute):
            continue
        is_plain = bool(part.args) and bool(hidden.joined_text(part.args[0]))
        if part.func.attr in _QUERIES and not is_plain:
            return False
    return True


def _has_functions(walk: Walk) -> bool:
    return bool(walk.functions)
