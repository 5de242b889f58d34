"""Calls whose texts are labels: names of columns, titles, formats, words to print.

``df.groupby("species")`` does not read the variable ``species``. Left out are methods that are
handed expressions (``query``, ``eval``, ``filter``, ``select``, ``assign``, ``aes``), and those
whose result may become one (``append``, ``join``, ``replace``, ``format``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_FUNCTIONS = frozenset({"print", "open", "len", "isinstance", "float", "int", "enumerate"})
"""Builtin functions; of others of such a name the code is read."""

_METHODS = frozenset({
    "groupby", "group_by", "sort_values", "sort_index", "merge", "agg", "rename", "drop",
    "drop_duplicates", "duplicated", "dropna", "fillna", "set_index", "reset_index", "pivot",
    "pivot_table", "melt", "astype", "value_counts", "rolling", "resample", "nlargest",
    "nsmallest", "rank", "isin", "explode", "add_prefix", "add_suffix", "corr", "interpolate",
    "asfreq", "tz_localize", "tz_convert", "strftime", "to_datetime", "read_csv", "to_csv",
    "read_parquet", "to_parquet", "col", "with_row_index",
    "set_title", "set_xlabel", "set_ylabel", "set_zlabel", "set_xscale", "set_yscale", "suptitle",
    "title", "xlabel", "ylabel", "xscale", "yscale", "legend", "text", "annotate", "plot",
    "scatter", "bar", "barh", "hist", "boxplot", "axhline", "axvline", "savefig", "colorbar",
    "tick_params", "grid", "imshow", "fill_between", "errorbar", "step", "axis",
    "info", "warning", "debug", "error", "critical", "exception",
})  # fmt: skip
"""Methods and functions of pandas, polars, matplotlib and logging that look up no variables."""


def takes_labels(function: ast.expr) -> bool:
    """Tell whether the texts that a call is handed are none that it could evaluate."""
    if isinstance(function, ast.Name):
        return function.id in _FUNCTIONS
    return isinstance(function, ast.Attribute) and function.attr in _METHODS


def texts_and_rest(given: ast.expr) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the texts that an argument consists of, and each part that is none."""
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value, None
    elif isinstance(given, (ast.List, ast.Tuple, ast.Set)):
        for part in given.elts:
            yield from texts_and_rest(part)
    elif isinstance(given, ast.Dict):
        pairs = zip(given.keys, given.values, strict=True)
        for entry in [part for pair in pairs for part in pair if part is not None]:
            yield from texts_and_rest(entry)
    else:
        yield "", given
