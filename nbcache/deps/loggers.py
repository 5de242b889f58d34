"""Logging: levels that a run set, and the loggers it asked, with what they would do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.errors import NotReplayable

_ROOT = "root"
_State = tuple[int, bool, bool, tuple[int, ...]]
_PLAIN: _State = (0, False, True, ())


@dataclass(slots=True)
class _Run:
    before: dict[str, _State]
    disabled_below: int
    modules: dict[str, Any]
    asked: dict[str, list[Any]] = field(default_factory=dict)


class LoggingTracker(Watcher[_Run]):
    """Follows the levels of loggers; changed handlers cannot be repeated."""

    name = "logging"

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(_states(), logging.root.manager.disable, dict(sys.modules))

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            name = args[0].name
            if name not in run.asked:
                run.asked[name] = _behaviour(args[0])

        patches.watch(on_question, (logging.Logger, "isEnabledFor"))
        return run

    def _end(self, run: _Run) -> Observed:
        after = _states()
        levels: dict[str, Any] = {}
        for name in {**run.before, **after}:
            old, new = run.before.get(name, _PLAIN), after.get(name, _PLAIN)
            if old == new or _is_imported(name, run):
                continue
            if old[3] != new[3]:
                raise NotReplayable(f"it changes the handlers of the logger `{name}`")
            levels[name] = list(new[:3])
        effect: dict[str, Any] = {"levels": levels} if levels else {}
        if logging.root.manager.disable != run.disabled_below:
            effect["disable"] = logging.root.manager.disable
        return Observed({"asked": run.asked} if run.asked else None, effect or None)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        for name, behaviour in late.get("asked", {}).items():
            if _behaviour(_nearest(name)) != list(behaviour):
                return f"the level or the handlers of the logger `{name}` changed"
        return None

    def _apply(self, effect: Any) -> None:
        for name, (level, disabled, propagate) in effect.get("levels", {}).items():
            logger = logging.root if name == _ROOT else logging.getLogger(name)
            logger.setLevel(level)
            logger.disabled, logger.propagate = disabled, propagate
        if "disable" in effect:
            logging.disable(effect["disable"])


def _loggers() -> Iterator[logging.Logger]:
    yield logging.root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def _states() -> dict[str, _State]:
    """Return the loggers that are not as ``getLogger`` makes them."""
    return {
        logger.name: (
            logger.level,
            bool(logger.disabled),
            bool(logger.propagate),
            tuple(map(id, logger.handlers)),
        )
        for logger in _loggers()
        if logger.level or logger.handlers or logger.disabled or not logger.propagate
    }


def _is_imported(name: str, run: _Run) -> bool:
    """Tell whether the run imported the library of the logger, which sets it up again."""
    top = name.partition(".")[0]
    return top not in run.modules and top in sys.modules


def _nearest(name: str) -> logging.Logger:
    """Return the logger ``name``, or the parent it would have, without making one."""
    while name:
        found = logging.root.manager.loggerDict.get(name)
        if isinstance(found, logging.Logger):
            return found
        name = name.rpartition(".")[0]
    return logging.root


def _behaviour(logger: logging.Logger) -> list[Any]:
    """Return what decides whether and how the records of ``logger`` show."""
    handlers: list[Any] = []
    link: logging.Logger | None = logger
    while link is not None:
        handlers += [_handler(handler) for handler in link.handlers]
        link = link.parent if link.propagate else None
    level = max(logger.getEffectiveLevel(), logger.manager.disable)
    return [level, bool(logger.disabled), handlers]


def _handler(handler: logging.Handler) -> list[Any]:
    shape = getattr(handler.formatter, "_fmt", None)
    return [type(handler).__qualname__, handler.level, shape]
