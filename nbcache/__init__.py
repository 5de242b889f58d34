"""nbcache: the cell cache of Jupyter. ``%load_ext nbcache``, then ``%%cache ttl=60`` on a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbcache import policies
    from nbcache.errors import CacheError, CacheWarning
    from nbcache.events import CellEvent, State
    from nbcache.functions import block, cache, transaction

__version__ = "0.1.0"
__all__ = [
    "CacheError",
    "CacheWarning",
    "CellEvent",
    "State",
    "block",
    "cache",
    "load_ipython_extension",
    "policies",
    "transaction",
    "unload_ipython_extension",
]

_MODULES = frozenset({"policies"})
_HOMES = {
    "block": "functions",
    "cache": "functions",
    "transaction": "functions",
    "CacheError": "errors",
    "CacheWarning": "errors",
    "CellEvent": "events",
    "State": "events",
}


def load_ipython_extension(shell: Any) -> None:
    """Attach nbcache to a running IPython shell; attaching twice changes nothing."""
    from nbcache.uncollected import uncollected

    with uncollected():
        from nbcache.extension import attach, extension_of
        from nbcache.magics import register_magics

        if attach(shell):
            register_magics(shell)
            if getattr(shell, "kernel", None) is not None:
                _open_doors(shell, extension_of(shell))


def _open_doors(shell: Any, extension: Any) -> None:
    is_watched = not extension.settings.headless
    extension.openers.append(lambda: _open_late_doors(shell, is_watched))
    if is_watched:
        from nbcache.live.door import open_live
        from nbcache.warming import open_warming

        open_live(shell)
        open_warming(shell)
    else:
        # What is here already lives as long as the kernel: left out of every collection, the
        # kernel ends three times as quick.
        import gc

        gc.freeze()


def _open_late_doors(shell: Any, is_watched: bool) -> None:
    from nbcache.janitor import open_janitor

    open_janitor(shell)
    if is_watched:
        from nbcache.widget import open_bars

        open_bars(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take everything of nbcache out of the shell again."""
    from nbcache.extension import detach
    from nbcache.magics import unregister_magics

    if getattr(shell, "kernel", None) is not None:
        from nbcache.janitor import close_janitor
        from nbcache.live.door import close_live  # none minds that it was never opened
        from nbcache.warming import close_warming
        from nbcache.widget import close_bars

        close_warming(shell)
        close_janitor(shell)
        close_bars(shell)
        close_live(shell)
    unregister_magics(shell)
    detach(shell)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if name in _MODULES:
        from importlib import import_module

        return import_module(f"nbcache.{name}")
    if home is None:
        raise AttributeError(f"module 'nbcache' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nbcache.{home}"), name)
