"""No frame of nbcache in tracebacks and stacks that a cell formats itself.

While a run is watched, the functions through which ``traceback``, ``logging`` and ``inspect``
list frames leave ours out. Code that goes from link to link on its own would still see them: if
an error went through a wrapper, such a run is refused.
"""

from __future__ import annotations

import inspect
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from nbcache.deps import wrapped
from nbcache.deps.lines import note
from nbcache.deps.places import OWN_FOLDER
from nbcache.deps.protocol import Observed

_WALKS = re.compile(r"__traceback__|\btb_(next|frame|lineno)\b|\bexc_info\b|\bf_back\b")
_EXTRACT = "_extract_from_extended_frame_gen" if sys.version_info >= (3, 11) else "extract"
_LISTERS = ("getouterframes", "getinnerframes")
_lock = threading.RLock()
_watchers = 0
_originals: dict[tuple[Any, str], Any] = {}


def is_own(filename: str) -> bool:
    """Tell whether a frame's code is nbcache's."""
    return filename.startswith(OWN_FOLDER)


def _without_own(frames: Iterable[Any]) -> Iterator[Any]:
    for item in frames:
        filename = item[0].f_code.co_filename
        if not is_own(filename):
            note(filename)
            yield item


def _hide() -> None:
    original = vars(traceback.StackSummary)[_EXTRACT]

    def extract(kind: Any, /, frames: Iterable[Any], **options: Any) -> Any:
        return original.__func__(kind, _without_own(frames), **options)

    _put(traceback.StackSummary, _EXTRACT, classmethod(extract))
    for name in _LISTERS:
        _put(inspect, name, _listing(getattr(inspect, name)))


def _listing(original: Callable[..., Any]) -> Callable[..., Any]:
    def listed(*args: Any, **options: Any) -> Any:
        return [item for item in original(*args, **options) if not is_own(item.filename)]

    return listed


def _put(owner: Any, name: str, value: Any) -> None:
    _originals[owner, name] = vars(owner)[name]
    setattr(owner, name, value)


def _show() -> None:
    while _originals:
        (owner, name), original = _originals.popitem()
        setattr(owner, name, original)


class FrameTracker:
    """Hides frames for the length of a run; ``source`` is the text of the cell that runs."""

    name = "frames"

    def __init__(self) -> None:
        self._runs: list[tuple[int, str]] = []

    def start(self, source: str = "") -> None:
        """Hide our frames."""
        global _watchers  # noqa: PLW0603 - one patch serves all sessions of a process
        with _lock:
            if not _watchers:
                _hide()
            _watchers += 1
        self._runs.append((wrapped.errors_passed(), source))

    def finish(self) -> Observed:
        """Put the original functions back; refuse a run that may have seen our frames."""
        global _watchers  # noqa: PLW0603
        passed, source = self._runs.pop()
        with _lock:
            _watchers -= 1
            if not _watchers:
                _show()
        if passed != wrapped.errors_passed() and _WALKS.search(source):
            return Observed(refusal="it walks the frames of an error that a file function raised")
        return Observed()

    def check(self, late: Mapping[str, Any]) -> str | None:
        """Hold always: nothing is recorded."""
        return None

    def apply(self, effect: Any) -> None:
        """Repeat nothing."""
