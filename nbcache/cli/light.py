"""Importing nbformat in a quarter of the time.

nbformat imports jsonschema, which builds a grammar of internationalised addresses if the package
for it is there: two seconds for a check that no notebook's schema asks for.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

_GRAMMAR = "rfc3987_syntax"


def import_nbformat() -> Any:
    """Return the module nbformat; jsonschema loads without its grammar of addresses."""
    if "jsonschema" not in sys.modules and _GRAMMAR not in sys.modules:
        sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
        try:
            with suppress(ImportError):
                import_module("jsonschema")
        finally:
            del sys.modules[_GRAMMAR]
    import nbformat

    return nbformat
