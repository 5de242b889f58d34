"""What IPython tells of the cells that it runs and ran, and how it shows a wrong option."""

from __future__ import annotations

from typing import Any

from nbcache.errors import OptionError


def raw_text(result: Any) -> str:
    """Return a running cell's text as it was typed."""
    return str(getattr(getattr(result, "info", None), "raw_cell", "") or "")


def texts_before(shell: Any) -> list[str]:
    """Return the texts of the cells that ran before, as they were typed."""
    history = getattr(shell, "history_manager", None)
    return list(getattr(history, "input_hist_raw", ()))


def usage_error(error: OptionError) -> Exception:
    """Return a wrong option as IPython's own error for a wrong magic line."""
    from IPython.core.error import UsageError

    usage: Exception = UsageError(str(error))
    return usage
