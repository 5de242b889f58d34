"""What a stored stream calls to build numba's functions again; names are part of the format."""

from __future__ import annotations

from typing import Any


def make_dispatcher(kind: Any, function: Any, variables: Any, options: Any, *rest: Any) -> Any:
    """Return a compiled function that has not been called yet."""
    declared, is_cached = rest
    made = kind(function, variables, options)
    if is_cached:
        made.enable_caching()
    for signature in declared:
        made.compile(signature)
    if declared:
        made.disable_compile()
    return made
