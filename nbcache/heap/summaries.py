"""What a person is told of an input: a scalar's text, a frame's columns, a container's length.

Kept beside the digests, so that ``why`` can say "`threshold` changed (0.5 → 0.7)" in another
kernel. No code of the notebook runs for it, and nothing that is named like a secret is shown.
"""

from __future__ import annotations

import enum
import re
import types
from collections.abc import Callable, Mapping
from typing import Any

from nbcache.heap.code_summaries import summarise_code
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.tokens import FLAT

LONGEST = 60
"""Characters of a text that is shown whole."""

MOST_PARTS = 24
"""Keys, attributes or columns that are told one by one."""

_SECRET = re.compile(r"passw|secret|token|api_?key|credential|private_?key|auth", re.IGNORECASE)
_PLAIN_MODULES = frozenset({"datetime", "decimal", "fractions", "uuid", "pathlib", "zoneinfo"})
_TABLES = frozenset({"DataFrame", "Table", "RecordBatch"})

_CONTAINERS = (list, tuple, set, frozenset)

Summary = dict[str, Any]
"""Plain JSON data: ``kind``, and what is known of ``text``, ``size``, ``parts``, ``code`` …"""


def summarise(label: str, value: Any, cell_of: Callable[[str], int] | None = None) -> Summary:
    """Return what may be told of one input; ``cell_of`` gives the cell that a file stands for."""
    kind = type(value)
    module, name = _of(kind, "__module__"), _of(kind, "__qualname__")
    is_bare = module in ("builtins", "__main__")
    found: Summary = {"kind": name if is_bare else f"{module}.{name}"}
    try:
        if is_secret(label):
            return found
        text = _text(value)
        if text is not None:
            found["text"] = text
        elif kind in (types.FunctionType, type) or issubclass(kind, type):
            found |= summarise_code(value, _text_of_member, cell_of)
        else:
            found |= _measure(value, kind)
            if module == "__main__":
                of = summarise_code(kind, _text_of_member, cell_of)
                found["of"] = {"name": _of(kind, "__name__"), **of}
    except Exception:  # a value that can't even be looked at is told by its type alone
        return {"kind": found["kind"]}
    return found


def is_secret(name: str) -> bool:
    """Tell whether a name says that its value is nobody's business."""
    return _SECRET.search(name) is not None


def _text(value: Any) -> str | None:
    """Return the whole of a small value as text, None where there is too much of it."""
    kind = type(value)
    if kind in FLAT:
        return _short(repr(value)) if kind is not str or len(value) <= LONGEST else None
    if kind in _CONTAINERS:
        return _few(value)
    if issubclass(kind, enum.Enum):
        return f"{_of(kind, '__name__')}.{object.__getattribute__(value, '_name_')}"
    if kind is types.ModuleType:
        return str(value.__name__)
    module = _of(kind, "__module__")
    if kind is range or module in _PLAIN_MODULES:
        return _short(str(value))
    is_scalar = module == "numpy" and hasattr(value, "item") and not value.ndim
    return _short(repr(value.item())) if is_scalar else None


def _of(kind: type, name: str) -> Any:
    """Return a class's attribute without asking its metaclass, which may be the notebook's."""
    return type.__getattribute__(kind, name)


def _few(values: Any) -> str | None:
    """Return a container of a few flat values; a set in the order of its texts."""
    if len(values) > 8 or not all(type(one) in FLAT for one in values):
        return None
    if type(values) in (set, frozenset):
        return _short("{" + ", ".join(sorted(map(repr, values))) + "}")
    return _short(repr(values))


def _short(text: str) -> str | None:
    return text if len(text) <= LONGEST else None


def _text_of_member(name: str, value: Any) -> str | None:
    """Return what may be told of an attribute, a default or a closure's variable."""
    if is_secret(name):
        return None
    text = _text(value)
    return text if text is not None else _measure(value, type(value)).get("size")


def _measure(value: Any, kind: type) -> Summary:
    """Return the size and the parts of something larger."""
    if kind is dict:
        return {"size": _count(len(value), "item"), "parts": _items(value)}
    if kind in _CONTAINERS:
        return {"size": _count(len(value), "item")}
    if kind in (str, bytes, bytearray):
        return {"size": _count(len(value), "character" if kind is str else "byte")}
    package = str(_of(kind, "__module__")).partition(".")[0]
    if package in ("pandas", "polars", "pyarrow") and _of(kind, "__name__") in _TABLES:
        return _table(value)
    shape = getattr(value, "shape", None) if package in _WITH_SHAPES else None
    if shape is not None:
        return {"size": f"shape {tuple(shape)}, {value.dtype}"}
    attributes = dict_of(value) or {}
    return {"parts": _items(attributes, ".")} if attributes else {}


_WITH_SHAPES = frozenset({"numpy", "pandas", "torch", "jax", "polars"})


def _table(table: Any) -> Summary:
    names = getattr(table, "column_names", None) or list(table.columns)
    schema: Any = getattr(table, "schema", None)
    types_of = schema.types if hasattr(schema, "types") else list(getattr(table, "dtypes", ()))
    rows, width = table.shape
    size = f"{_count(rows, 'row')}, {_count(width, 'column')}"
    if len(names) > MOST_PARTS:
        return {"size": size}
    columns = {repr(name): str(kind) for name, kind in zip(names, types_of, strict=False)}
    return {"size": size, "columns": columns}


def _items(values: Mapping[Any, Any], joint: str = "") -> dict[str, str]:
    """Return the short texts of the parts by the way to them: ``['lr']`` or ``.lr``."""
    if len(values) > MOST_PARTS:
        return {}
    found = {}
    for name, value in list(values.items()):
        if type(name) not in (str, int) or (type(name) is str and is_secret(name)):
            continue
        text = _text(value)
        step = f".{name}" if joint else f"[{name!r}]"
        found[step] = text if text is not None else str(_of(type(value), "__qualname__"))
    return found


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
