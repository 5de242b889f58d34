"""patsy: parts of formulas are wholly their attributes, though they refuse to be pickled."""

from __future__ import annotations

import sys
from typing import Any

from nbcache.heap.kinds.instance import PLAIN
from nbcache.heap.registry import register


def refresh() -> None:
    """Register the classes of what the package has loaded so far."""
    for name, module in list(sys.modules.items()):
        if name.startswith("patsy."):
            register(PLAIN, *filter(_refuses_copies, vars(module).values()))


def _refuses_copies(value: Any) -> bool:
    """Whether this is a class of patsy's own: its modules hold others', as ``io.StringIO``."""
    if not isinstance(value, type) or not str(value.__module__).startswith("patsy."):
        return False
    return "__getstate__" in vars(value)
