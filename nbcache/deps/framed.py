"""Calls of functions that look for variables in the frame of their caller, as duckdb's do."""

from __future__ import annotations

from types import FrameType
from typing import Any

_PACKAGES = frozenset({"duckdb", "_duckdb"})

CALL = compile(
    "nbcache_result = nbcache_call[0](*nbcache_call[1], **nbcache_call[2])", __file__, "exec"
)
"""Runs as if the caller's own frame did the call: over the caller's variables."""


def reads_frame(function: Any) -> bool:
    """Tell whether a function takes variables from the frame of its caller."""
    return str(getattr(function, "__module__", "")).partition(".")[0] in _PACKAGES


def call_for(frame: FrameType, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function so that it finds the variables of ``frame``."""
    variables = {**frame.f_locals, "nbcache_call": (function, args, kwargs)}
    exec(CALL, frame.f_globals, variables)
    return variables["nbcache_result"]
