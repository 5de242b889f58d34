"""Objects that a library keeps under a name of its own: a stream refers to them by it."""

from __future__ import annotations

import sys
from typing import Any


def find_constant(obj: Any) -> tuple[str, str] | None:
    """Return (module, name) when a library keeps this very object under a name of its own."""
    module = type(obj).__module__
    if module in ("__main__", "builtins"):
        return None
    names = _constants.get(module)
    if names is None:
        variables = vars(sys.modules[module]) if module in sys.modules else {}
        names = _constants[module] = {id(value): name for name, value in variables.items()}
    name = names.get(id(obj))
    if name is None or getattr(sys.modules.get(module), name, None) is not obj:
        return None
    return module, name


_constants: dict[str, dict[int, str]] = {}
