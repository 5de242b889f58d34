"""Silence while values are built again: what a class warns of then, a run would not have said.

Python's own way would do more: it makes every module forget which warnings were shown, and what
was shown once would be shown again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any


@contextmanager
def muted() -> Iterator[None]:
    """Let this thread's warnings of Python code go unheard, and unremembered."""
    thread = get_ident()
    heard: dict[str, Any] = {name: getattr(warnings, name) for name in ("warn", "warn_explicit")}

    def unless_here(function: Callable[..., Any]) -> Callable[..., Any]:
        def listen(*args: Any, **words: Any) -> Any:
            return None if get_ident() == thread else function(*args, **words)

        return listen

    for name, function in heard.items():
        setattr(warnings, name, unless_here(function))
    try:
        yield
    finally:
        for name, function in heard.items():
            setattr(warnings, name, function)
