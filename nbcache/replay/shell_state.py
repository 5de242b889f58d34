"""What of IPython itself bears on a cell: read into the key, watched for changes, replayed."""

from __future__ import annotations

import codeop
import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbcache.errors import NotReplayable

_TEXT_DEFAULTS = {"float_precision": "", "pprint": True, "max_width": 79, "max_seq_length": 1000}
_INLINE_DEFAULTS = {"figure_formats": ["png"], "close_figures": True, "rc": {}}


def display_options(shell: Any) -> dict[str, Any]:
    """Return the options of showing results that differ from IPython's defaults."""
    formatter = getattr(shell, "display_formatter", None)
    if formatter is None:
        return {}
    plain = formatter.formatters["text/plain"]
    found = {
        name: getattr(plain, name)
        for name, default in _TEXT_DEFAULTS.items()
        if getattr(plain, name, default) != default
    }
    if shell.ast_node_interactivity != "last_expr":
        found["ast_node_interactivity"] = shell.ast_node_interactivity
    if shell.compile.flags & ~_base_flags():
        found["future"] = shell.compile.flags & ~_base_flags()
    return {**found, **_inline_options()}


@functools.lru_cache(maxsize=1)
def _base_flags() -> int:
    """Return the compiler flags of a shell that imported nothing from ``__future__``."""
    return codeop.Compile().flags


def _inline_options() -> dict[str, Any]:
    config = sys.modules.get("matplotlib_inline.config")
    if config is None or not config.InlineBackend.initialized():
        return {}
    backend = config.InlineBackend.instance()
    now = {
        "figure_formats": sorted(backend.figure_formats),
        "close_figures": backend.close_figures,
        "rc": dict(backend.rc),
    }
    return {name: value for name, value in now.items() if value != _INLINE_DEFAULTS[name]}


def display_part(shell: Any) -> str:
    """Return the key part of the display options; empty when all are IPython's defaults."""
    options = display_options(shell)
    if not options:
        return ""
    data = json.dumps(options, sort_keys=True, default=str).encode()
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class ShellState:
    """Magics, hooks, transformers and formatters of a shell, by identity."""

    parts: Mapping[str, Any]

    @classmethod
    def of(cls, shell: Any) -> ShellState:
        """Look at a shell."""
        magics = shell.magics_manager.magics
        events = shell.events.callbacks
        formatters = shell.display_formatter.formatters
        return cls(
            {
                "magics": {kind: _ids(table) for kind, table in magics.items()},
                "event callbacks": {
                    name: [id(item) for item in items if not _is_inline(item)]
                    for name, items in events.items()
                },
                "input transformers": [
                    *map(id, shell.input_transformers_cleanup),
                    *map(id, shell.input_transformers_post),
                    *map(id, shell.ast_transformers),
                ],
                "display formatters": {
                    name: [_printers(one.type_printers), _printers(one.deferred_printers)]
                    for name, one in formatters.items()
                    if hasattr(one, "type_printers")
                },
            }
        )

    def refuse_changes(self, now: ShellState) -> None:
        """Refuse a run that changed the shell.

        Raises:
            NotReplayable: naming what the run changed.
        """
        for name, before in self.parts.items():
            if before != now.parts[name]:
                raise NotReplayable(f"it changes the {name} of IPython; put that into its own cell")


def _ids(table: Mapping[Any, Any]) -> dict[str, int]:
    """Return names and functions of magics: bound methods are made anew at every look."""
    return {str(name): id(getattr(item, "__func__", item)) for name, item in table.items()}


def _printers(table: Mapping[Any, Any]) -> dict[str, int]:
    return {
        str(kind): id(printer)
        for kind, printer in table.items()
        if "matplotlib" not in str(kind)  # put there when pyplot chooses its backend
    }


def _is_inline(callback: Any) -> bool:
    return str(getattr(callback, "__module__", "")).startswith("matplotlib")
