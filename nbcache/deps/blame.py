"""Whom a traceback or a warning names: never a frame of a wrapper."""

from __future__ import annotations

from types import CodeType, FrameType, TracebackType
from typing import Any

OWN_CODES: set[CodeType] = set()
"""The code of wrappers; the module that makes wrappers fills it."""


def strip_frames(error: BaseException | None) -> None:
    """Take the frames of wrappers out of the traceback of ``error`` and of its causes."""
    waiting, seen = [error], set()
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        error.__traceback__ = _without_own(error.__traceback__)
        waiting += [error.__cause__, error.__context__]


def _without_own(first: TracebackType | None) -> TracebackType | None:
    while first is not None and first.tb_frame.f_code in OWN_CODES:
        first = first.tb_next
    link = first
    while link is not None:
        while link.tb_next is not None and link.tb_next.tb_frame.f_code in OWN_CODES:
            link.tb_next = link.tb_next.tb_next
        link = link.tb_next
    return first


def with_level(
    args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of ``warn(…)``, its stack level counted from two frames below."""
    if kwargs.get("skip_file_prefixes"):
        return args, _with_prefixes(kwargs, caller)
    if len(args) > 2:
        return (*args[:2], _stack_level(caller, args[2]), *args[3:]), kwargs
    return args, {**kwargs, "stacklevel": _stack_level(caller, kwargs.get("stacklevel", 1))}


def _with_prefixes(kwargs: dict[str, Any], caller: FrameType) -> dict[str, Any]:
    """Return the arguments with the wrappers' files among those that Python skips."""
    prefixes = tuple(kwargs["skip_file_prefixes"])
    level = kwargs.get("stacklevel", 1)
    if not caller.f_code.co_filename.startswith(prefixes):
        level += 1  # Python would have started behind the caller
    own = {code.co_filename for code in OWN_CODES}
    return {**kwargs, "skip_file_prefixes": (*prefixes, *own), "stacklevel": level}


def _stack_level(caller: FrameType, wanted: Any) -> Any:
    """Return the level, from two frames below ``caller``, of its ``wanted``-th foreign frame."""
    if not isinstance(wanted, int):
        return wanted
    frame: FrameType | None = caller
    level, seen = 2, 0
    while frame is not None and seen < max(wanted, 1):
        if not _is_internal(frame):
            level += 1
            seen += frame.f_code not in OWN_CODES
        frame = frame.f_back
    return level + max(wanted, 1) - seen


def _is_internal(frame: FrameType) -> bool:
    """Tell whether ``warnings`` skips the frame, as part of the import system."""
    return "importlib" in frame.f_code.co_filename and "_bootstrap" in frame.f_code.co_filename
