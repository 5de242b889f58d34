"""Options of IPython that functions may set: ``get_ipython().autocall = 2``."""

from __future__ import annotations

from typing import Any

from nbcache.heap.tokens import FLAT


def options_of(shell: Any) -> dict[str, Any]:
    """Return the plain options of a shell and its formatters, and how tracebacks are shown."""
    owners = {"": shell, "display_formatter.": shell.display_formatter}
    owners |= {f"{mime} ": one for mime, one in shell.display_formatter.formatters.items()}
    found = {
        f"{place}{name}": value
        for place, owner in owners.items()
        for name, value in getattr(owner, "_trait_values", {}).items()
        if type(value) in FLAT and name not in _COUNTING
    }
    found["active_types"] = tuple(shell.display_formatter.active_types)
    found["InteractiveTB.mode"] = getattr(getattr(shell, "InteractiveTB", None), "mode", None)
    return found


_COUNTING = frozenset({
    "execution_count", "exit_now", "should_raise", "last_execution_succeeded",
})  # fmt: skip
