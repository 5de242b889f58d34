"""Logging: levels and handlers that a run set, and what the loggers answered that it asked."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from nbcache.deps.arrivals import loaded_names
from nbcache.deps.digests import text_digest
from nbcache.deps.log_filters import filter_names, formatter_name, own_ways
from nbcache.deps.logger_census import OWN, is_held, touched_loggers
from nbcache.deps.nearness import asks_loggers
from nbcache.deps.patching import Patches
from nbcache.deps.places import owner_of
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import Place
from nbcache.errors import NotReplayable
from nbcache.locality import is_local_module

_ROOT = "root"
_State = tuple[int, bool, bool, tuple[int, ...], tuple[Any, ...]]
_PLAIN: _State = (0, False, True, (), ())


@dataclass(slots=True)
class _Run:
    before: dict[str, _State]
    disabled_below: int
    modules: Collection[str]
    shown: dict[str, list[Any]]
    names: dict[int, str]
    asked: dict[str, set[int]] = field(default_factory=dict)
    met: dict[int, logging.Handler] = field(default_factory=dict)
    is_asked: bool = False
    """Whether the run may have looked at what the loggers are, beside logging to them."""


class LoggingTracker(Watcher[_Run]):
    """Follows levels of loggers, and plain handlers for the standard streams that are added."""

    name = "logging"

    def __init__(self) -> None:
        super().__init__()
        self._is_asked = False

    def start(self, source: str = "", reached: Collection[str] | None = None) -> None:
        """Begin to watch a run of the text ``source`` that reaches the modules ``reached``."""
        self._is_asked = asks_loggers(source, reached)
        super().start()

    def _begin(self, patches: Patches) -> _Run:
        names, touched = dict(_level_names()), touched_loggers()
        states, shapes = _states(touched), _shapes(touched)
        run = _Run(states, logging.root.manager.disable, loaded_names(), shapes, names)
        run.is_asked = self._is_asked

        def on_question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            level = args[1] if len(args) > 1 else kwargs["level"]
            run.asked.setdefault(args[0].name, set()).add(int(level))

        def on_record(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.met.setdefault(id(args[0]), args[0])

        def on_setting(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            run.is_asked = run.is_asked or _asks_itself(sys._getframe(1))

        patches.watch(on_question, (logging.Logger, "isEnabledFor"))
        patches.watch(on_setting, *_QUESTIONS)
        patches.watch(on_record, (logging.Handler, "handle"))
        return run

    def _end(self, run: _Run) -> Observed:
        _refuse_keepers(run)
        after = _states(touched_loggers())
        levels: dict[str, Any] = {}
        handlers: dict[str, Any] = {}
        for name in {**run.before, **after}:
            old, new = run.before.get(name, _PLAIN), after.get(name, _PLAIN)
            if old == new or _is_imported(name, run):
                continue
            if old[4] != new[4]:
                raise NotReplayable(f"it sets filters or attributes of the logger `{name}`")
            if old[3] != new[3]:
                handlers[name] = _added(name, old[3])
            if old[:3] != new[:3]:
                levels[name] = list(new[:3])
        effect: dict[str, Any] = {"levels": levels} if levels else {}
        if handlers:
            effect["handlers"] = handlers
        if _level_names() != run.names:
            names = _level_names().items()
            effect["names"] = {n: one for n, one in names if run.names.get(n) != one}
        if logging.root.manager.disable != run.disabled_below:
            effect["disable"] = logging.root.manager.disable
        asked = {
            name: {str(level): _behaviour(run, name, level) for level in sorted(levels_asked)}
            for name, levels_asked in sorted(run.asked.items())
        }
        late: dict[str, Any] = {"asked": asked} if asked else {}
        if run.is_asked:
            late["settings"] = _settings(run)
        return Observed(late or None, effect or None)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        touched = touched_loggers()
        names = dict(_level_names())
        now = _Run(_states(touched), logging.root.manager.disable, (), _shapes(touched), names)
        if late.get("settings", "") not in ("", _settings(now)):
            return "levels, handlers or level names of loggers changed"
        for name, answers in late.get("asked", {}).items():
            for level, behaviour in answers.items():
                if _behaviour(now, name, int(level)) != behaviour:
                    return f"the level or the handlers of the logger `{name}` changed"
        return None

    def _apply(self, effect: Any) -> None:
        for name, (level, disabled, propagate) in effect.get("levels", {}).items():
            logger = _named(name)
            logger.setLevel(level)
            logger.disabled, logger.propagate = disabled, propagate
        for name, handlers in effect.get("handlers", {}).items():
            for shape in handlers:
                _named(name).addHandler(_made(shape))
        for number, text in effect.get("names", {}).items():
            logging.addLevelName(number, text)
        if "disable" in effect:
            logging.disable(effect["disable"])


_QUESTIONS: tuple[Place, ...] = (
    (logging.Logger, "getEffectiveLevel"),
    (logging.Logger, "hasHandlers"),
    (logging, "getLevelName"),
)


def _asks_itself(frame: FrameType | None) -> bool:
    """Tell whether the user's own code asks; libraries ask to log, and about their own loggers."""
    while frame is not None and (
        owner_of(frame.f_code.co_filename) == "own" or frame.f_code.co_name == "__repr__"
    ):
        frame = frame.f_back
    if frame is None:
        return True
    place = frame.f_code.co_filename
    return owner_of(place) == "user" or place == "<string>"


def _settings(state: _Run) -> str:
    """Return a digest of what the loggers were made to be before the run."""
    rows = [
        [name, *map(int, told[:3]), state.shown.get(name, [])]
        for name, told in sorted(state.before.items())
    ]
    return text_digest(json.dumps([rows, sorted(state.names.items()), state.disabled_below]))


def _refuse_keepers(run: _Run) -> None:
    """Refuse a run that logged to what an earlier cell made, and that a hit would not change.

    Raises:
        NotReplayable: a handler of the user's, or one for a file or a buffer, met a record.
    """
    earlier = {one for state in run.before.values() for one in state[3]}
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    for handler in (one for number, one in run.met.items() if number in earlier):
        module = type(handler).__module__
        is_plain = module == "logging" and getattr(handler, "stream", None) in (None, *standard)
        if not is_plain and (module.startswith(("logging", "__main__")) or is_local_module(module)):
            raise NotReplayable(
                f"it logs to a {type(handler).__qualname__} of an earlier cell, and what that keeps"
                " would lack it; log in a cell of its own"
            )
    loggers = [_named(name) for name in run.asked if run.before.get(name, _PLAIN)[4]]
    way = own_ways(loggers, [one for number, one in run.met.items() if number in earlier])
    if way:
        raise NotReplayable(f"it logs through a {way} of an earlier cell, which may do anything")


def _states(touched: Sequence[logging.Logger]) -> dict[str, _State]:
    """Return the loggers that are not as ``getLogger`` makes them."""
    return {
        logger.name: (
            logger.level,
            bool(logger.disabled),
            bool(logger.propagate),
            tuple(map(id, logger.handlers)),
            _extras(logger),
        )
        for logger in touched
    }


def _extras(logger: logging.Logger) -> tuple[Any, ...]:
    """Return the identities of filters, and the attributes that somebody added."""
    own = vars(logger)
    added = [(name, id(own[name])) for name in own if name not in OWN]
    return (*map(id, own["filters"]), *added)


def _level_names() -> dict[int, str]:
    names: dict[int, str] = logging._levelToName
    return names


def _is_imported(name: str, run: _Run) -> bool:
    """Tell whether the run imported the library of the logger, which sets it up again."""
    links = [link for link in _parents(name) if link in sys.modules]
    return any(link not in run.modules for link in links[:1] + links[-1:])


def _named(name: str) -> logging.Logger:
    return logging.root if name == _ROOT else logging.getLogger(name)


def _behaviour(state: _Run, name: str, level: int) -> Any:
    """Return what a record meets in ``state``: False, or the shapes of the handlers it meets.

    The state is the one before the run: what the run itself set up is no input.
    """
    own = state.before.get(name, _PLAIN)
    chain = [*_parents(name), _ROOT]
    levels = (state.before.get(link, _PLAIN)[0] for link in chain)
    if own[1] or state.disabled_below >= level or level < next(filter(None, levels), 0):
        return False
    handlers: list[Any] = filter_names(logging.getLogger(name)) if own[4] else []
    for link in chain:
        handlers += state.shown.get(link, ())
        if not state.before.get(link, _PLAIN)[2]:
            break
    return handlers


def _parents(name: str) -> Iterator[str]:
    while name and name != _ROOT:
        yield name
        name = name.rpartition(".")[0]


def _shapes(touched: Sequence[logging.Logger]) -> dict[str, list[Any]]:
    return {one.name: [_shown(h) for h in one.handlers] for one in touched if one.handlers}


def _shown(handler: logging.Handler) -> list[Any]:
    told = [type(handler).__qualname__, handler.level, getattr(handler.formatter, "_fmt", None)]
    return [*told, *formatter_name(handler), *filter_names(handler)]


def _added(name: str, before: tuple[int, ...]) -> list[Any]:
    """Return the shapes of the handlers that were added, or raise NotReplayable."""
    after = _named(name).handlers
    kept = tuple(map(id, after[: len(before)]))
    new = after[len(before) :]
    shapes = [_shape(handler) for handler in new]
    if kept != before or None in shapes:
        raise NotReplayable(f"it changes the handlers of the logger `{name}`")
    for handler in new:
        if is_held(handler):
            raise NotReplayable(
                f"it adds a handler to the logger `{name}` that a variable holds too, and a hit"
                " would make another one; set logging up in a cell of its own"
            )
    return shapes


def _shape(handler: logging.Handler) -> dict[str, Any] | None:
    """Return what makes a plain handler for a standard stream again, None for any other."""
    formatter = handler.formatter
    stream = getattr(handler, "stream", None)
    streams = [key for key in ("stderr", "stdout") if stream is getattr(sys, key)]
    is_plain = type(handler) is logging.StreamHandler and bool(streams)
    if not (is_plain or type(handler) is logging.NullHandler) or handler.filters:
        return None
    if formatter is not None and (
        type(formatter) is not logging.Formatter
        or type(formatter._style) is not logging.PercentStyle
    ):
        return None
    form = None if formatter is None else [formatter._fmt, formatter.datefmt]
    return {"stream": streams[0] if is_plain else None, "level": handler.level, "format": form}


def _made(shape: Mapping[str, Any]) -> logging.Handler:
    stream = shape["stream"]
    handler = logging.NullHandler() if stream is None else None
    made = handler or logging.StreamHandler(getattr(sys, stream))
    made.setLevel(shape["level"])
    if shape["format"] is not None:
        made.setFormatter(logging.Formatter(*shape["format"]))
    return made
