"""What IPython tells of the cells that it runs and ran, shows of a wrong option, and gets back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nbcache.errors import OptionError


def raw_text(result: Any) -> str:
    """Return a running cell's text as it was typed."""
    return str(getattr(getattr(result, "info", None), "raw_cell", "") or "")


def texts_before(shell: Any) -> list[str]:
    """Return the texts of the cells that ran before, as they were typed."""
    history = getattr(shell, "history_manager", None)
    return list(getattr(history, "input_hist_raw", ()))


@contextmanager
def shifted_texts(shell: Any) -> Iterator[None]:
    """Let ``_i``, ``_ii`` and ``_iii`` be for a moment what they are once the next cell runs."""
    names = ("_i", "_ii", "_iii")
    values = shell.user_ns
    last = getattr(getattr(shell, "history_manager", None), "_i00", None)
    if last is None or any(name not in values for name in names):
        yield
        return
    before = [values[name] for name in names]
    values.update(zip(names, [last, *before], strict=False))
    try:
        yield
    finally:
        values.update(zip(names, before, strict=True))


def usage_error(error: OptionError) -> Exception:
    """Return a wrong option as IPython's own error for a wrong magic line."""
    from IPython.core.error import UsageError

    usage: Exception = UsageError(str(error))
    return usage


def put_back(shell: Any, name: str, native: Any) -> None:
    """Give a shell the attribute back that it had: its own method, unless others hooked it too."""
    setattr(shell, name, native)
    if name in vars(shell) and getattr(native, "__self__", None) is shell:
        delattr(shell, name)


def cell_with(definition: str, texts: Sequence[str]) -> int:
    """Return the last cell that holds a definition such as ``class Model``; 0 if none does."""
    if not definition.startswith("class "):
        return 0
    found = re.compile(rf"^{re.escape(definition)}\b", re.MULTILINE)
    return next((n for n in range(len(texts) - 1, 0, -1) if found.search(texts[n])), 0)
