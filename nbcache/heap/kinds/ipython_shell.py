"""The notebook's own shell: always the live one, whatever its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

from nbcache.heap.registry import Kind, register

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


register(ShellKind(), bases=(InteractiveShell,))
