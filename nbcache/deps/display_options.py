"""How results are shown: ``%precision``, ``%pprint``, figure formats; a cell may show nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from nbcache.deps.options import OptionTracker, Reading
from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed

_TEXT = {"float_precision": "", "pprint": True, "max_width": 79, "max_seq_length": 1000}
_INLINE = {"figure_formats": ["png"], "close_figures": True, "rc": {}}


class Display:
    """The options of a shell's formatters and of matplotlib's inline backend."""

    name, title, module = "display", "display option", "IPython"
    unread: frozenset[str] = frozenset()

    @property
    def _formatter(self) -> Any:
        get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
        return getattr(get_shell() if get_shell else None, "display_formatter", None)

    def values(self) -> dict[str, Any]:
        """Return option → value; those of a shell that is not there are the usual ones."""
        formatter = self._formatter
        if formatter is None:
            return dict(self.defaults())
        plain = formatter.formatters["text/plain"]
        told = {name: getattr(plain, name, repr(type(plain))) for name in _TEXT}
        return {**told, **_inline_values()}

    def defaults(self) -> Mapping[str, Any]:
        """Return IPython's own values."""
        return {**_TEXT, **_INLINE}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Leave the options alone: a hit runs the magics that set them again."""

    def watch_reads(self, patches: Patches, mark: Callable[..., None]) -> bool:
        """Hook what makes a message of an object."""
        formatter = self._formatter
        if formatter is not None:
            plain = type(formatter.formatters["text/plain"])
            places = (type(formatter), "format"), (plain, "__call__")
            patches.watch(lambda args, kwargs: mark(), *places)
        return True


class DisplayTracker(OptionTracker):
    """Follows whether a run showed objects, and how."""

    def __init__(self) -> None:
        super().__init__(Display())

    def _end(self, run: Reading) -> Observed:
        return Observed(self._late(run, self._before(run)) if self._is_loaded() else None)


def _inline_values() -> dict[str, Any]:
    config = sys.modules.get("matplotlib_inline.config")
    if config is None or not config.InlineBackend.initialized():
        return dict(_INLINE)
    backend = config.InlineBackend.instance()
    return {
        "figure_formats": sorted(backend.figure_formats),
        "close_figures": backend.close_figures,
        "rc": dict(backend.rc),
    }
