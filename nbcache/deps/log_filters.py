"""Filters and formatters through which a log record passes: told apart, or the user's own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from nbcache.locality import is_local_module

_Filters = logging.Logger | logging.Handler


def filter_names(one: _Filters) -> list[str]:
    """Return the filters of a logger or handler by the names of their types or functions."""
    return [_name(found) for found in one.filters]


def formatter_name(handler: logging.Handler) -> list[str]:
    """Return what tells a formatter from logging's own, beside its format."""
    made = handler.formatter
    if made is None or type(made) is logging.Formatter:
        return [made.datefmt] if made is not None and made.datefmt else []
    return [_name(made)]


def own_ways(loggers: Iterable[logging.Logger], handlers: Iterable[logging.Handler]) -> str:
    """Return what of the user's own a record passed through: a word for people, or nothing."""
    for one in (*loggers, *handlers):
        if any(map(_is_users, one.filters)):
            return "filter"
    given = (one.formatter for one in handlers)
    return "formatter" if any(_is_users(one) for one in given if one is not None) else ""


def _kind(one: Any) -> Any:
    return one if isinstance(getattr(one, "__qualname__", None), str) else type(one)


def _name(one: Any) -> str:
    kind = _kind(one)
    told = getattr(one, "name", "") if type(one) is logging.Filter else ""
    return f"{kind.__module__}.{kind.__qualname__} {told}".strip()


def _is_users(one: Any) -> bool:
    module = str(getattr(_kind(one), "__module__", ""))
    return module == "__main__" or is_local_module(module)
