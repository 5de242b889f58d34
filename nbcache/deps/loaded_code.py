"""Whether a module that was loaded before we looked still runs the code of its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from os import stat as _stat
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_open = open
_HEADER_BYTES = 16


def runs_code_of(module: ModuleType, path: str) -> bool:
    """Tell whether ``module`` runs the source that ``path`` holds now.

    The compiled file that the import left tells by its stamp of the source; without one, every
    function of the module must be among the functions that the source compiles to.
    """
    with suppress(OSError, ValueError, SyntaxError):
        if _compiled_file_fits(module, path):
            return True
        if path.endswith(".py"):
            with _open(path, "rb") as stream:
                compiled = compile(stream.read(), path, "exec", dont_inherit=True)
            return set(_codes_in(module, path)) <= set(_nested(compiled))
    return False


def _compiled_file_fits(module: ModuleType, path: str) -> bool:
    cached = getattr(module.__spec__, "cached", None)
    if not cached:
        return False
    status = _stat(path)
    try:
        with _open(cached, "rb") as stream:
            header = stream.read(_HEADER_BYTES)
    except OSError:
        return False
    words = [int.from_bytes(header[start : start + 4], "little") for start in (4, 8, 12)]
    fits = [0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF]
    return len(header) == _HEADER_BYTES and words == fits


_WRAPPED = (staticmethod, classmethod, MethodType)


def _codes_in(module: ModuleType, path: str) -> Iterator[CodeType]:
    waiting: list[Any] = list(vars(module).values())
    for value in waiting:
        inner = value.__func__ if issubclass(type(value), _WRAPPED) else value
        if type(inner) is FunctionType and inner.__code__.co_filename == path:
            yield inner.__code__
        elif issubclass(type(value), type) and value.__module__ == module.__name__:
            waiting.extend(vars(value).values())


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)
