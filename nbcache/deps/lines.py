"""Where a run looked at line numbers or texts of code: comments and places count for it then.

The key takes code by what it does, at any line. A traceback, a warning, a log record with its
line and ``inspect`` show more; whose code they show is noted here.
"""

from __future__ import annotations

import inspect
import linecache
import logging
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher

WORDS = re.compile(
    r"\b(co_(firstlineno|lines|linetable|lnotab|positions)|__firstlineno__|[ft]b?_(lineno|lasti)"
    r"|lineno|__traceback__|findCaller|settrace|setprofile|linecache|getcomments)\b|%[lm]?prun\b"
)
PACKAGES = frozenset(
    {"cProfile", "profile", "pstats", "bdb", "pdb", "trace", "tracemalloc", "dis", "linecache"}
    | {"loguru", "structlog", "absl", "icecream", "line_profiler", "doctest"}
)
"""What shows lines without a call that could be watched."""

_IMPORTED = rf"^[ \t]*(import|from)[ \t]+({'|'.join(sorted(PACKAGES))})\b"
SHOWING = re.compile(f"{WORDS.pattern}|{_IMPORTED}", re.MULTILINE)
"""Either of both, in the text of a module."""

_PLAIN_STYLES = (logging.PercentStyle, logging.StrFormatStyle, logging.StringTemplateStyle)

_active: list[set[str]] = []


def note(filename: str) -> None:
    """Note that the runs under way saw lines of the code in ``filename``."""
    if _active and owner_of(filename) == "user":
        for seen in _active:
            seen.add(filename)


@dataclass(slots=True)
class _Run:
    seen: set[str] = field(default_factory=set)
    loggers: dict[str, bool] = field(default_factory=dict)


class LineTracker(Watcher[_Run]):
    """Tells of which files a run saw lines; ``late`` is completed by those who know the code."""

    name = "lines"

    def _begin(self, patches: Patches) -> _Run:
        run = _Run()
        patches.watch(_on_file, (linecache, "getlines"))
        patches.watch(_on_frame, (inspect, "getframeinfo"))
        patches.watch(_on_warning, (warnings, "_showwarnmsg"))
        patches.watch(_on_record(run), (logging.Logger, "makeRecord"))
        _active.append(run.seen)
        return run

    def _end(self, run: _Run) -> Observed:
        return Observed({"seen": sorted(run.seen)} if run.seen else None)

    def _drop(self, run: _Run) -> None:
        _active[:] = [seen for seen in _active if seen is not run.seen]

    def absorb(self) -> None:
        """Count lines that a nested hit showed as seen by the runs around it."""
        for run in self._active:
            run.seen.add("")


def _on_file(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    note(str(args[0] if args else kwargs.get("filename")))


def _on_frame(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    frame = args[0] if args else kwargs.get("frame")
    code = getattr(getattr(frame, "tb_frame", frame), "f_code", None)
    if isinstance(code, CodeType):
        note(code.co_filename)


def _on_warning(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    note(str(getattr(args[0] if args else kwargs.get("msg"), "filename", "")))


def _on_record(run: _Run) -> Callable[[tuple[Any, ...], dict[str, Any]], None]:
    def on_record(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        logger = args[0]
        if logger.name not in run.loggers:
            run.loggers[logger.name] = shows_lines(logger)
        if run.loggers[logger.name]:
            note(str(args[3] if len(args) > 3 else kwargs.get("fn")))

    return on_record


def shows_lines(logger: logging.Logger | None) -> bool:
    """Tell whether a handler that the logger's records meet may show from which line they come."""
    while logger is not None:
        if any(map(_may_show_lines, logger.handlers)):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _may_show_lines(handler: logging.Handler) -> bool:
    formatter = handler.formatter
    if owner_of(sys.modules[type(handler).__module__].__dict__.get("__file__") or "") == "user":
        return True
    if handler.filters or formatter is None:
        return bool(handler.filters)
    if type(formatter) is not logging.Formatter or type(formatter._style) not in _PLAIN_STYLES:
        return True
    return "lineno" in (formatter._fmt or "")
