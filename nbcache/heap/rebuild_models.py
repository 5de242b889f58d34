"""Pydantic's models, built again: what pydantic derives from a model's fields it derives anew.

Validator, serializer and core schema hold the address of the model. They follow from its fields,
decorators and configuration, which a stream keeps. Models may name one another, so they are
completed when all of a stream has been read. Names here are part of the format.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from typing import Any

from nbcache.heap import rebuild
from nbcache.heap.finishing import afterwards


def fill_model(kind: Any, state: dict[str, Any]) -> None:
    """Set a model's names and attributes; pydantic completes it when the stream was read."""
    rebuild.fill_class(kind, state)
    afterwards(lambda: complete_model(kind))


def complete_model(kind: Any) -> None:
    """Let pydantic derive what it needs to validate and to serialize."""
    infos = vars(kind).get("__pydantic_decorators__")
    for group in dataclasses.fields(infos) if dataclasses.is_dataclass(infos) else ():
        for hook in getattr(infos, group.name).values():
            if hasattr(hook, "cls_ref"):  # the model's name and address
                hook.cls_ref = re.sub(r":\d+$", f":{id(kind)}", hook.cls_ref)
    if hasattr(kind, "model_rebuild"):
        kind.model_rebuild(force=True, raise_errors=False, _types_namespace={})
    else:
        rebuild_dataclass = importlib.import_module("pydantic.dataclasses").rebuild_dataclass
        rebuild_dataclass(kind, force=True, raise_errors=False, _types_namespace={})


def make_parametrized(origin: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a generic model for given types, which pydantic makes once."""
    return origin[arguments]
