"""Classes that pydantic makes of fields: models and dataclasses, stored without what it derives."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from nbcache.errors import NotStorable

DERIVED = frozenset(
    {"__pydantic_core_schema__", "__pydantic_serializer__", "__pydantic_validator__"}
    | {"__pydantic_setattr_handlers__", "__pydantic_decorators__", "__signature__"}
)
"""What pydantic makes of a model's fields and methods, with the model's address in it."""

LEFT_OUT = DERIVED - {"__pydantic_decorators__", "__pydantic_setattr_handlers__"}
"""What pydantic makes again."""


def is_model(kind: Any) -> bool:
    """Tell whether pydantic made this class of fields, or of a dataclass."""
    if "pydantic" not in sys.modules:
        return False
    return str(type(kind).__module__).startswith("pydantic.") or (
        "__pydantic_core_schema__" in vars(kind) and "__dataclass_fields__" in vars(kind)
    )


def parametrized(model: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """Return the generic model and the types that a model was made for, as ``Box[int]``."""
    told = vars(model).get("__pydantic_generic_metadata__") or {}
    return (told["origin"], told["args"]) if told.get("origin") is not None else None


def refuse_unfinished(model: Any) -> None:
    """Refuse a model that pydantic could not complete, or whose author has a say in it.

    Raises:
        NotStorable: saying which.
    """
    if not vars(model).get("__pydantic_complete__", True):
        raise NotStorable("is a model with fields of types that are not defined yet")
    for base in model.__mro__:
        if base.__module__ == "__main__" and "__get_pydantic_core_schema__" in vars(base):
            raise NotStorable(
                "is a model with a `__get_pydantic_core_schema__`, which would have to run again;"
                " define it in a cell of its own, which always runs"
            )


def model_hooks(model: Any) -> list[Any]:
    """Return what the decorators of a pydantic model's methods say, without its address."""
    infos = vars(model).get("__pydantic_decorators__")
    groups = dataclasses.fields(infos) if dataclasses.is_dataclass(infos) else ()
    hooks: list[Any] = []
    for group in groups:
        for name, hook in getattr(infos, group.name).items():
            hooks += [group.name, name, hook.cls_var_name, hook.info]
    return hooks
