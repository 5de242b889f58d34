"""Using nbformat in a fraction of its time.

nbformat imports jsonschema, which imports what checks addresses, colours and dates wherever a
package for it is there: up to two seconds for checks that no notebook's schema asks for. And it
asks the whole schema about each output that a kernel sends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

_NOT_ASKED_FOR = (
    "rfc3987_syntax", "rfc3987", "rfc3986_validator", "rfc3339_validator", "isoduration",
    "webcolors", "fqdn", "uri_template", "jsonpointer", "idna",
)  # fmt: skip
_BUNDLES = ("display_data", "execute_result")


def import_nbformat() -> Any:
    """Return the module nbformat; jsonschema loads without what no notebook needs."""
    if "jsonschema" not in sys.modules:
        left_out = [name for name in _NOT_ASKED_FOR if name not in sys.modules]
        sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]
        try:
            with suppress(ImportError):
                import_module("jsonschema")
        finally:
            for name in left_out:
                del sys.modules[name]
    import nbformat

    return nbformat


def ease_outputs() -> None:
    """Let nbformat ask the schema only about outputs that are not plainly valid."""
    import_nbformat()
    from nbformat.v4 import nbbase

    native: Callable[..., None] = nbbase.validate
    if getattr(native, "is_of_nbcache", False):
        return

    def validate(node: Any, ref: str | None = None) -> None:
        if not _is_plain_output(node):
            native(node, ref)

    validate.is_of_nbcache = True  # type: ignore[attr-defined]
    nbbase.validate = validate


def _is_plain_output(node: Mapping[str, Any]) -> bool:
    """Tell whether a node is an output with just the fields that its kind has, of their types."""
    kind = node.get("output_type")
    if kind == "stream":
        return len(node) == 3 and _are_texts(node.get("name"), node.get("text"))
    if kind not in _BUNDLES or len(node) != 3 + (kind == "execute_result"):
        return False
    data, count = node.get("data"), node.get("execution_count", 0)
    if not isinstance(data, dict) or not isinstance(node.get("metadata"), dict):
        return False
    return type(count) is int and count >= 0 and _are_texts(*data, *data.values())


def _are_texts(*values: Any) -> bool:
    return all(type(value) is str for value in values)
