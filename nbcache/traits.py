"""``c.NBCache.ttl = "1h"`` in a config file of IPython, and ``%config NBCache``."""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from traitlets import Any as AnyTrait
from traitlets.config import Configurable

from nbcache.option_values import Option
from nbcache.options import OPTIONS

_KINDS = {
    "duration": "Duration",
    "size": "Size",
    "flag": "Bool",
    "refresh": "Bool or once",
    "names": "Names",
    "list": "List",
    "policy": "Policy",
    "choice": "Choice",
    "text": "Text",
    "value": "Value",
}


def _trait(kind: str, told: str) -> Any:
    made: Any = _type_of(kind)(None, allow_none=True, help=told)
    return made.tag(config=True)


@cache
def _type_of(kind: str) -> Any:
    return type(kind, (AnyTrait,), {})


def _told(option: Option) -> str:
    return option.help + (f"; one of {', '.join(option.choices)}" if option.choices else "")


def _namespace() -> dict[str, Any]:
    """Return one trait for each option, with its help; None leaves the option to others."""
    traits = {name: _trait(_KINDS[one.kind], _told(one)) for name, one in OPTIONS.items()}
    traits["auto"] = _trait("Bool", "cache every cell, not only those with %%cache")
    return {**traits, "__doc__": "How nbcache caches cells that do not say it themselves."}


NBCache: Any = type("NBCache", (Configurable,), _namespace())
"""The class that config files name."""


def attach_traits(shell: Any) -> Any:
    """Let a shell's configuration speak for nbcache; return the configured object."""
    made = NBCache(parent=shell)
    made.observe(_forget)
    shell.configurables.append(made)
    return made


def detach_traits(shell: Any, made: Any) -> None:
    """Take the configured object out of the shell."""
    shell.configurables[:] = [one for one in shell.configurables if one is not made]


def configured(made: Any) -> dict[str, Any]:
    """Return the options that config files or ``%config`` set."""
    known = _configured.get(made)
    if known is None:
        values = ((name, getattr(made, name)) for name in [*OPTIONS, "auto"])
        known = _configured[made] = {name: one for name, one in values if one is not None}
    return dict(known)


_configured: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def _forget(change: Any) -> None:
    """Read the options anew the next time, since one of them changed."""
    _configured.pop(change["owner"], None)
