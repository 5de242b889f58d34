"""The notebook's own shell and its parts: always the live ones, whatever their state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.events import EventManager
from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Configurable

from nbcache.heap.kinds.files import StreamKind
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk


class ShellKind(Kind):
    """The running ``InteractiveShell``."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode that it is the shell."""
        return b"shell"

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Ask for the shell of the process that restores."""
        return get_ipython, ()


class PartKind(ReducedKind):
    """What belongs to the shell, such as a formatter: the live one, found by its place."""

    mixed = True

    def is_value(self, obj: Any) -> bool:
        """Parts of the running shell are values: their place says all."""
        return place_of(obj) is not None

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the place, or the contents of what belongs to no running shell."""
        place = place_of(obj)
        if place is None:
            return super().encode(obj, walk)
        return joined(b"sp", [text(type(obj).__name__), *map(text, place)])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Look the part up at its place."""
        place = place_of(obj)
        return NotImplemented if place is None else (get_part, (place,))


def place_of(obj: Any) -> tuple[str, ...] | None:
    """Return where in the running shell an object stands, None for nowhere."""
    shell = get_ipython()
    if shell is None:
        return None
    for name in _PARTS:
        if getattr(shell, name, None) is obj:
            return (name,)
    for mime, formatter in shell.display_formatter.formatters.items():
        if formatter is obj:
            return ("display_formatter", "formatters", mime)
    return None


_PARTS = (
    "display_formatter",
    "display_pub",
    "displayhook",
    "history_manager",
    "magics_manager",
    "events",
    "kernel",
    "compile",
    "alias_manager",
    "prefilter_manager",
    "builtin_trap",
    "Completer",
)


def get_part(place: tuple[str, ...]) -> Any:
    """Return the part of the running shell at a place."""
    found: Any = get_ipython()
    for step in place:
        found = found[step] if isinstance(found, dict) else getattr(found, step)
    return found


def _register_streams() -> None:
    """Serve the streams that a kernel puts in place of the process's own."""
    try:
        from ipykernel.iostream import OutStream
    except ImportError:
        return
    register(StreamKind(), OutStream)


_register_streams()
register(ShellKind(), bases=(InteractiveShell,))
register(PartKind(), bases=(Configurable, EventManager))
