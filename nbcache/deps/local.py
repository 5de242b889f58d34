"""Local modules: which they are, what source they run, and what they import in turn."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from os import getcwd as _getcwd
from os import stat as _stat
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.digests import file_digest, signature, text_digest
from nbcache.deps.finding import digest_on_disk
from nbcache.deps.lines import SHOWING
from nbcache.deps.loaded_code import runs_code_of
from nbcache.deps.outlines import Outline, outline
from nbcache.deps.places import is_local
from nbcache.locality import archive_of, is_there

_open = open


class _Held(NamedTuple):
    """What a module ran when it was first seen: its spec, digest, text and the file's stamp."""

    spec: object
    digest: str
    text: bytes | None
    stamp: Any


_memory: dict[str, _Held] = {}

_places: dict[str, tuple[ModuleType, str]] = {}
"""Name in ``sys.modules`` → the module and the path of its local source, empty for others."""


def source_path(name: str) -> str:
    """Return the file that the loaded module ``name`` came from if it is the user's own."""
    module = sys.modules.get(name)
    if module is None:
        return ""
    known = _places.get(name)
    if known is None or known[0] is not module:
        known = _places[name] = module, _find_source(module)
    return known[1]


def _find_source(module: Any) -> str:
    values = getattr(module, "__dict__", {})
    spec = values.get("__spec__")
    path = values.get("__file__") or getattr(spec, "origin", None)
    if spec is None or not isinstance(path, str) or path in _NO_FILES:
        return ""
    if not os.path.isabs(path) and not is_there(path):
        return ""  # a label of code that was made in memory, as torch's `torch-git`
    path = os.path.abspath(path)
    return path if is_local(path) else ""


_scanned: set[str] = set()
_scanned_marks: list[tuple[int, str]] = []
_local_names: dict[str, None] = {}
_DEFINED = (type, FunctionType)
_NO_FILES = frozenset({"built-in", "frozen", "namespace"})


def loaded_local_names() -> list[str]:
    """Return the names of all local modules that are loaded."""
    mark = loaded_mark()
    if mark not in _scanned_marks:
        for name in sys.modules.keys() - _scanned:
            _scanned.add(name)
            if source_path(name):
                _local_names[name] = None
        _scanned_marks[:] = [mark]
    return [name for name in _local_names if source_path(name)]


def memory_digest(name: str) -> str | None:
    """Return the digest of the source that the loaded module ``name`` runs.

    It is taken when the module is first seen and again after a reload (which gives the module
    a new spec); an edit of the file alone leaves the old code in memory, and the old digest.
    """
    module = sys.modules.get(name)
    path = source_path(name)
    if module is None or not path:
        return None
    known = _memory.get(name)
    if known is None or known.spec is not module.__spec__:
        known = _memory[name] = _read_held(module.__spec__, path)
    return known.digest


def _read_held(spec: object, path: str) -> _Held:
    try:
        holder = archive_of(path) or path
        stamp = signature(_stat(holder))
        if holder != path or not path.endswith(".py"):
            return _Held(spec, file_digest(holder)[1], None, stamp)
        with _open(path, "rb") as stream:
            text = stream.read()
        return _Held(spec, text_digest(text), text, stamp)
    except OSError:
        return _Held(spec, text_digest(f"no file {path}"), None, None)


def memory_text(name: str) -> str:
    """Return the source that the loaded module ``name`` runs, empty if that can't be told."""
    text = None if memory_digest(name) is None else _memory[name].text
    return (text or b"").decode("utf-8", "replace")


def memory_outline(name: str) -> Outline | None:
    """Return the outline of the source that the loaded module ``name`` runs, if it has any."""
    if memory_digest(name) is None:
        return None
    text = _memory[name].text
    return None if text is None else outline(text)


def may_show_lines(name: str) -> bool:
    """Tell whether the source that a loaded module runs names what shows lines unseen."""
    if memory_digest(name) is None:
        return False
    return _names_what_shows_lines(_memory[name].text or b"")


@lru_cache(maxsize=512)
def _names_what_shows_lines(text: bytes) -> bool:
    return SHOWING.search(text.decode("utf-8", "replace")) is not None


def meaning_digest(name: str) -> str | None:
    """Return the digest of the source that a loaded module runs, without comments and layout."""
    made = memory_outline(name)
    return memory_digest(name) if made is None else made.whole


def remember_loaded() -> None:
    """Look at the local modules that are loaded already; what runs unknown code never holds."""
    for name in loaded_local_names():
        module, path = sys.modules[name], source_path(name)
        known = _memory.get(name)
        is_new = known is None or known.spec is not module.__spec__
        if is_new and not runs_code_of(module, path):
            unknown = text_digest(f"unknown code {id(module)}")
            _memory[name] = _Held(module.__spec__, unknown, None, None)


def runs_old_code(name: str) -> bool:
    """Tell whether the file of the loaded module ``name`` was edited after it was loaded."""
    digest, path = memory_digest(name), source_path(name)
    if digest is None:
        return False
    try:
        path = archive_of(path) or path
        return signature(_stat(path)) != _memory[name].stamp and file_digest(path)[1] != digest
    except OSError:
        return False


def current_digest(name: str, path: str, *names: list[str] | None) -> str | None:
    """Return the digest of what importing ``name`` gives: memory, the import path, ``path``.

    ``path`` is where the module was when it was recorded; it counts if the import path does
    not reach it yet, because the cell itself may extend the import path. ``names`` are the
    names that count: None for all, and nothing for the text with its comments.
    """
    if name not in sys.modules:
        return digest_on_disk(name, path, *names)
    made = memory_outline(name) if names else None
    return memory_digest(name) if made is None else made.digest(names[0])


def portable(path: str) -> str:
    """Return ``path`` relative to the working directory if it lies below it."""
    here = _getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else path


def local_sources(module: ModuleType | str) -> dict[str, str]:
    """Return name → source digest for ``module`` and all local modules that it reaches.

    It reaches the modules in its globals, those that define functions and classes in its
    globals, and those that its source imports, also inside functions.
    """
    start = module if isinstance(module, str) else module.__name__
    return sources_of([start])


def sources_of(names: Iterable[str]) -> dict[str, str]:
    """Return name → source digest for the loaded local modules reached from ``names``."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        digest = memory_digest(name)
        if digest is not None:
            found[name] = digest
            waiting += neighbours(name, sys.modules[name])
    return dict(sorted(found.items()))


def neighbours(name: str, module: ModuleType) -> Iterator[str]:
    """Yield the names of modules that a loaded module holds, imports, or has values of."""
    for value in list(vars(module).values()):
        if issubclass(type(value), ModuleType):
            yield value.__name__
        elif isinstance(home := getattr(type(value), "__module__", None), str):
            yield home
            own = value.__module__ if issubclass(type(value), _DEFINED) else None
            if isinstance(own, str):
                yield own
    yield from parents(name)
    is_package = hasattr(module, "__path__")
    for imported in imported_names(read_source(source_path(name)), name, is_package):
        yield imported
        yield from parents(imported)


def parents(name: str) -> Iterator[str]:
    """Yield the packages that a module is part of, the outermost first."""
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


@lru_cache(maxsize=512)
def imported_names(source: str, name: str, is_package: bool) -> tuple[str, ...]:
    """Return the absolute names of modules that ``source`` may import, anywhere in it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(node, name, is_package)
            found[start] = None
            found.update(dict.fromkeys(f"{start}.{alias.name}" for alias in node.names))
    return tuple(found)


def absolute_name(given: str, module: str) -> str:
    """Return the name of what a module imports under a name with leading dots."""
    inner = given.lstrip(".")
    node = ast.ImportFrom(module=inner or None, names=[], level=len(given) - len(inner))
    return _absolute(node, module, hasattr(sys.modules.get(module), "__path__"))


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    drop = node.level - 1 if is_package else node.level
    parent = parts[: len(parts) - drop]
    return ".".join([*parent, node.module] if node.module else parent)


_texts: dict[str, tuple[Any, str]] = {}


def read_source(path: str) -> str:
    """Return the text of a Python file, nothing if it has none; read once while unchanged."""
    if not path.endswith(".py"):
        return ""
    try:
        stamp = signature(_stat(path))
        known = _texts.get(path)
        if known is None or known[0] != stamp:
            with _open(path, encoding="utf-8", errors="replace") as stream:
                known = _texts[path] = stamp, stream.read()
    except OSError:
        return ""
    return known[1]


def local_texts(names: Iterable[str] | None = None) -> Iterator[str]:
    """Return the source of the local modules reached from ``names``, None: of all loaded."""
    found = loaded_local_names() if names is None else sources_of(names)
    return (read_source(source_path(name)) for name in found)


def source_paths() -> set[str]:
    """Return the files that loaded modules came from, local and nbcache's own."""
    return {source_path(name) for name in loaded_local_names()}
