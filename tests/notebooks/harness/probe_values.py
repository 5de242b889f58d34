"""Describes live values deeply: their content, and which mutable objects they share."""

from __future__ import annotations

import datetime
import hashlib
import numbers
import re
import types
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

import numpy as np
import probe_code
import probe_libraries

NODES_OF_ONE_NAME = 30_000
NODES_OF_ONE_ELEMENT = 3_000
DEEPEST = 200
LONGEST_ELEMENT = 1000
LONG_TEXT = 400
VOLATILE_TEXT = re.compile(
    r"0x[0-9a-fA-F]{6,}|/tmp/ipykernel_\d+/\d+\.py|ipykernel_\d+/\d+|\b[0-9a-f]{32}\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
OWN_MAGICS = re.compile(r"%%?(nb)?cache  ")
ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
NEVER_SHARED = (
    *(tuple, frozenset, range, slice, types.ModuleType, types.BuiltinFunctionType),
    *(np.generic, np.dtype, numbers.Number, datetime.date, datetime.time, datetime.timedelta),
    *(re.Pattern, PurePath, types.CodeType),
)
OPAQUE_MODULES = ("IPython.", "ipykernel.", "threading", "_thread", "asyncio.", "socket", "_io")
IGNORED_ATTRIBUTES = frozenset({"__weakref__", "__dict__", "_mhash", "_hash", "__slotnames__"})


def type_name(kind: type) -> str:
    """Return the full name of a type."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_library_value(value: Any) -> bool:
    """Say whether a library's value is immutable, and shared as its caches happen to share it."""
    return type(value).__module__.startswith(("sympy.core.", "pandas._libs.tslibs."))


def digest(data: Any) -> str:
    """Return a short digest of text or bytes."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return hashlib.sha256(raw).hexdigest()[:24]


def atom(value: Any) -> Any:
    """Describe a value without parts; types that compare equal stay apart."""
    if type(value) is str:
        text = VOLATILE_TEXT.sub("<volatile>", OWN_MAGICS.sub("", value))
        return text if len(text) <= LONG_TEXT else f"{text[:80]}… {len(text)} {digest(text)}"
    if type(value) is bytes:
        return f"bytes {len(value)} {digest(value)}"
    return f"{type(value).__name__} {value!r}"


class Walker:
    """Walks a namespace once; an object met again is described by the path where it was first."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.first_paths: dict[int, str] = {}
        self.alive: list[Any] = []
        self.arrays: list[tuple[str, Any, dict[str, Any]]] = []
        self.budget = 0

    def describe_name(self, name: str) -> Any:
        """Describe one name of the namespace, within its own budget."""
        self.budget = NODES_OF_ONE_NAME
        return self.value(self.namespace[name], name, 0)

    def value(self, value: Any, path: str, depth: int) -> Any:
        """Describe ``value``; ``{"ref": path}`` says that it is an object met before."""
        if type(value) in ATOMS:
            return atom(value)
        if self.budget <= 0 or depth > DEEPEST:
            return {"cut": type_name(type(value))}
        self.budget -= 1
        if not isinstance(value, NEVER_SHARED) and not is_library_value(value):
            if id(value) in self.first_paths:
                return {"ref": self.first_paths[id(value)]}
            self.first_paths[id(value)] = path
        self.alive.append(value)
        try:
            return self.by_kind(value, path, depth + 1)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001, RUF100 - a foreign object may raise anything
            return {"type": type_name(type(value)), "undescribed": type(error).__name__}

    def by_kind(self, value: Any, path: str, depth: int) -> Any:
        """Describe a value with parts by the first description that knows it."""
        for describe in (probe_code.describe, probe_libraries.describe, containers, opaque):
            found = describe(self, value, path, depth)
            if found is not None:
                return found
        return generic(self, value, path, depth)

    def items(self, values: Iterable[Any], path: str, depth: int) -> list[Any]:
        """Describe each of ``values`` under its position."""
        return [self.value(one, f"{path}[{i}]", depth) for i, one in enumerate(values)]

    def attributes(self, pairs: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        """Describe attributes by name: their order may come from the order of a set."""
        return {
            name: self.value(one, f"{path}.{name}", depth)
            for name, one in sorted(pairs.items(), key=lambda item: str(item[0]))
            if name not in IGNORED_ATTRIBUTES
        }

    def unshared(self, value: Any, depth: int) -> Any:
        """Describe a value whose position is not stable, such as an element of a set."""
        inner = Walker(self.namespace)
        inner.budget = allowed = min(self.budget, NODES_OF_ONE_ELEMENT)
        inner.alive = self.alive
        described = inner.value(value, "", depth)
        self.budget -= allowed - inner.budget
        return described

    def note_shared_memory(self) -> None:
        """Add to each array's description the first array whose memory it overlaps."""
        groups: list[list[Any]] = []
        spans = [(*probe_libraries.byte_bounds(a), path, note) for path, a, note in self.arrays]
        for low, high, path, note in sorted(spans, key=lambda span: span[:3]):
            if groups and low < groups[-1][0]:
                groups[-1][0] = max(high, groups[-1][0])
                groups[-1][1].append((low, path, note))
            else:
                groups.append([high, [(low, path, note)]])
        for _, members in groups:
            start, first = members[0][0], min(path for _, path, _ in members)
            for low, _, note in members if len(members) > 1 else []:
                note["memory"] = f"of {first}, offset {low - start}"


def containers(walker: Walker, value: Any, path: str, depth: int) -> Any:
    """Describe builtin containers and their subclasses."""
    if isinstance(value, (list, tuple)):
        described: dict[str, Any] = {"type": type_name(type(value)), "len": len(value)}
        if all(type(one) in ATOMS for one in value) and len(value) > 40:
            described["digest"] = digest(repr([atom(one) for one in value]))
        else:
            described["items"] = walker.items(value, path, depth)
    elif isinstance(value, dict):
        described = {"type": type_name(type(value)), "items": pairs(walker, value, path, depth)}
        if getattr(value, "default_factory", None) is not None:
            described["default"] = walker.value(value.default_factory, f"{path}.default", depth)
    elif isinstance(value, (set, frozenset)):
        elements = sorted(shortened(repr(walker.unshared(one, depth))) for one in value)
        described = {"type": type_name(type(value)), "elements": elements}
    elif isinstance(value, (bytearray, memoryview)):
        return {"type": type_name(type(value)), "digest": digest(bytes(value))}
    else:
        return None
    own = getattr(value, "__dict__", None)
    if own:
        described["attributes"] = walker.attributes(own, path, depth)
    return described


def shortened(text: str) -> str:
    """Return a text, or the digest of a long one: quotes within quotes grow without end."""
    return text if len(text) < LONGEST_ELEMENT else digest(text)


def pairs(walker: Walker, mapping: dict[Any, Any], path: str, depth: int) -> list[Any]:
    """Describe a mapping's items in their order."""
    described = []
    for index, (key, one) in enumerate(dict.items(mapping)):
        label = repr(key)[:60] if type(key) in ATOMS else f"#{index}"
        described.append(
            [
                walker.value(key, f"{path}.key{index}", depth),
                walker.value(one, f"{path}[{label}]", depth),
            ]
        )
    return described


def opaque(walker: Walker, value: Any, path: str, depth: int) -> Any:
    """Describe by its type alone what belongs to the process rather than to the notebook."""
    kind = type_name(type(value))
    running = (types.GeneratorType, types.CoroutineType, types.FrameType, types.TracebackType)
    if kind.startswith(OPAQUE_MODULES) or isinstance(value, running):
        return {"type": kind}
    return None


def has_own_reduce(kind: type) -> bool:
    """Say whether a type defines how it is copied, beyond its attributes."""
    return (
        kind.__reduce_ex__ is not object.__reduce_ex__
        or kind.__reduce__ is not object.__reduce__
        or getattr(kind, "__getstate__", None) is not getattr(object, "__getstate__", None)
    )


def slot_values(value: Any) -> dict[str, Any]:
    """Return the filled slots of an instance."""
    names: list[str] = []
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def generic(walker: Walker, value: Any, path: str, depth: int) -> Any:
    """Describe any other object by its own way of being copied, or by its attributes."""
    described: dict[str, Any] = {"type": type_name(type(value))}
    if type(value).__module__ == "__main__":
        described["class"] = walker.value(type(value), f"{path}.__class__", depth)
    own = getattr(value, "__dict__", None)
    attributes = (dict(own) if isinstance(own, dict) else {}) | slot_values(value)
    if has_own_reduce(type(value)) or not attributes:
        reduced = attempt(lambda: value.__reduce_ex__(4))
        if isinstance(reduced, str):
            return described | {"global": reduced}
        if reduced is not None:
            maker, arguments, *rest = reduced
            listed = [list(one) if i in {1, 2} and one else one for i, one in enumerate(rest[:3])]
            parts = [maker, list(arguments), *listed]
            return described | {"reduced": walker.items(parts, f"{path}.reduced", depth)}
    return described | {"attributes": walker.attributes(attributes, path, depth)}


def attempt(call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns, or None when it raises."""
    try:
        return call()
    except Exception:  # noqa: BLE001, RUF100 - a foreign object may raise anything
        return None
