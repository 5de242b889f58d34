"""Settings as JSON data and back: the values that options, filters and contexts hold."""

from __future__ import annotations

import enum
import importlib
import json
import re
from pathlib import PurePath
from types import BuiltinMethodType, CodeType, FunctionType, ModuleType
from typing import Any

from nbcache.deps.digests import text_digest
from nbcache.deps.places import is_local
from nbcache.errors import NotReplayable

_ATOMS = (type(None), bool, int, float, str)


def encode(value: Any) -> Any:
    """Return JSON data from which ``decode`` makes an equal value, or raise NotReplayable."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, (tuple, set, frozenset)):
        kind = "tuple" if isinstance(value, tuple) else "set"
        items = value if kind == "tuple" else sorted(value, key=repr)
        return {kind: [encode(item) for item in items]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    return _encode_named(value)


def _encode_named(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return {"member": [_importable_name(type(value)), value.name]}
    if isinstance(value, re.Pattern):
        return {"pattern": [encode(value.pattern), value.flags]}
    return _encode_object(value)


def _encode_object(value: Any) -> Any:
    if isinstance(value, (type, FunctionType)) or _is_builtin_function(value):
        return {"name": _importable_name(value)}
    if isinstance(value, BuiltinMethodType) and isinstance(value.__self__, str):
        if value.__name__ != "format":
            raise NotReplayable(f"`str.{value.__name__}` of a string cannot be repeated")
        return {"format": value.__self__}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if type(value).__name__ == "Cycler":
        return {"cycler": encode({str(key): list(items) for key, items in _columns(value)})}
    if isinstance(value, (int, float, str)) or hasattr(value, "item"):
        return _encode_scalar(value)
    raise NotReplayable(f"a value of type {type(value).__qualname__} cannot be repeated")


def _is_builtin_function(value: Any) -> bool:
    return isinstance(value, BuiltinMethodType) and isinstance(value.__self__, ModuleType)


def _columns(cycler: Any) -> Any:
    return cycler.by_key().items()


def _encode_scalar(value: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return encode(value.item())


def _importable_name(value: Any) -> str:
    module, name = str(value.__module__), str(value.__qualname__)
    if module == "__main__" or "<" in name or _named(f"{module}:{name}") is not value:
        raise NotReplayable(f"`{name}` is defined in the notebook and cannot be found by name")
    return f"{module}:{name}"


def _named(text: str) -> Any:
    module, _, path = text.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def decode(data: Any) -> Any:
    """Return the value that ``encode`` was given."""
    if isinstance(data, list):
        return [decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    return _DECODERS[kind](content)


_DECODERS: dict[str, Any] = {
    "tuple": lambda items: tuple(decode(item) for item in items),
    "set": lambda items: {decode(item) for item in items},
    "dict": lambda pairs: {decode(key): decode(item) for key, item in pairs},
    "pattern": lambda pair: re.compile(decode(pair[0]), pair[1]),
    "member": lambda pair: _named(pair[0])[pair[1]],
    "name": _named,
    "format": lambda text: text.format,
    "path": lambda text: importlib.import_module("pathlib").Path(text),
    "cycler": lambda data: importlib.import_module("cycler").cycler(**decode(data)),
}


def comparable(value: Any) -> Any:
    """Return JSON data that is equal for equal values, also for a plain function's code."""
    return _comparable(value, ())


def _comparable(value: Any, above: tuple[Any, ...]) -> Any:
    if isinstance(value, dict):
        pairs = value.items()
        return {"dict": [[_comparable(k, above), _comparable(item, above)] for k, item in pairs]}
    if isinstance(value, ModuleType) and not is_local(getattr(value, "__file__", None) or ""):
        return {"module": value.__name__}
    try:
        return encode(value)
    except NotReplayable:
        if not isinstance(value, FunctionType):
            raise
    if value in above:
        return {"code": above.index(value)}
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    held += [value.__defaults__, value.__kwdefaults__]
    read = {name: value.__globals__[name] for name in sorted(_names(value.__code__, value))}
    parts = [_comparable(item, (*above, value)) for item in (*held, read)]
    return {"code": text_digest(repr((_code_shape(value.__code__), parts)))}


def _names(code: CodeType, function: FunctionType) -> set[str]:
    """Return the names of variables that code may read, those of attributes among them."""
    found = {name for name in code.co_names if name in function.__globals__}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant, function)
    return found


def _code_shape(code: CodeType) -> tuple[Any, ...]:
    consts = [_code_shape(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_flags


def shown(data: Any) -> str:
    """Return encoded ``data`` as a person reads it in a sentence."""
    try:
        return repr(decode(data))
    except Exception:
        return json.dumps(data)
