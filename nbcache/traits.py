"""``c.NBCache.ttl = "1h"`` in an IPython or Jupyter config file, and ``%config NBCache``."""

from __future__ import annotations

from typing import Any

from traitlets import Any as AnyTrait
from traitlets.config import Configurable

from nbcache.options import OPTIONS


def _namespace() -> dict[str, Any]:
    """Return one trait for each option, with its help; None leaves the option to others."""
    traits: dict[str, Any] = {
        name: AnyTrait(None, allow_none=True, help=option.help).tag(config=True)
        for name, option in OPTIONS.items()
    }
    traits["auto"] = AnyTrait(None, allow_none=True, help="cache every cell").tag(config=True)
    return {**traits, "__doc__": "How nbcache caches cells that do not say it themselves."}


NBCache: Any = type("NBCache", (Configurable,), _namespace())
"""The class that config files name."""


def attach_traits(shell: Any) -> Any:
    """Let a shell's configuration speak for nbcache; return the configured object."""
    made = NBCache(parent=shell)
    shell.configurables.append(made)
    return made


def detach_traits(shell: Any, made: Any) -> None:
    """Take the configured object out of the shell."""
    shell.configurables[:] = [one for one in shell.configurables if one is not made]


def configured(made: Any) -> dict[str, Any]:
    """Return the options that config files or ``%config`` set."""
    values = ((name, getattr(made, name)) for name in [*OPTIONS, "auto"])
    return {name: value for name, value in values if value is not None}
