"""Variables that a library looks up by name: ``df.query("a > @x")``, formulas, ``pd.eval``.

The text that names them may come from anywhere, so the look-up itself is watched, or, where
that can't be, the text that the library is given. A variable that the run read in this way
counts as it was at that moment.
"""

from __future__ import annotations

import importlib
import io
import mmap
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nbcache.deps.patching import Patches
from nbcache.deps.protocol import Observed
from nbcache.deps.watching import Watcher
from nbcache.deps.wrapped import Place

_LOOKUPS = {
    "pandas.core.computation.scope": ("Scope", "resolve"),
    "patsy.eval": ("VarLookupDict", "__getitem__"),
    "formulaic.utils.layered_mapping": ("LayeredMapping", "__getitem__"),
}
"""Methods that are given a name and find it in the frame of whoever called the library."""

_TEXTS = {
    "polars.sql.context": ("SQLContext", "execute"),
    "numexpr.necompiler": ("", "getExprNames"),
}
"""Functions that are given a text and find the variables that it names."""

_LOADERS = {
    "torch": ("load",),
    "dill": ("load", "loads"),
    "yaml": ("load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"),
}
"""Functions that make what a file, or a text, names: instances of the notebook's classes too."""

_open = open  # captured now: our own reads are no user's reads
_WORD = re.compile(r"[^\W\d]\w*")
_PICKLED_NAME = re.compile(rb"(?:\x8c\x08__main__|c__main__\n|\x08\x00\x00\x00__main__)")
_NOTEBOOK = "__main__"
_SHELLS_OWN = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


@dataclass(slots=True)
class _Run:
    before: Mapping[str, Any]
    read: dict[str, str] = field(default_factory=dict)


class LookupTracker(Watcher[_Run]):
    """Follows look-ups in ``namespace``; ``fingerprint`` gives the digest of a variable."""

    name = "names"

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        super().__init__()
        self._namespace = namespace
        self.fingerprint: Callable[[str], str] | None = None

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(dict(self._namespace))

        def on_lookup(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            key = args[1] if len(args) > 1 else kwargs.get("key")
            if not _is_column(args[0], key, kwargs.get("is_local", args[2:3] != (False,))):
                self._note(run, [key])

        def on_text(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            texts = [one for one in (*args, *kwargs.values()) if isinstance(one, str)]
            self._note(run, words_of(texts))

        def on_pickle(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._note(run, pickled_words(pickled_data(args[0])))

        def on_pickled_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if args[1] == _NOTEBOOK:
                self._note(run, args[2:3])

        def on_import(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if next(iter((*args, *kwargs.values())), "") == _NOTEBOOK:
                names = run.before.keys() - _SHELLS_OWN
                self._note(run, sorted(name for name in names if not name.startswith("_")))

        pickle = importlib.import_module("pickle")
        patches.watch(on_pickle, (pickle, "loads"), (pickle, "load"))
        patches.watch(on_pickled_name, (pickle._Unpickler, "find_class"))
        patches.watch(on_import, (importlib, "import_module"))

        def on_loading(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            source = next(iter((*args, *kwargs.values())), b"")
            self._note(run, words_of_source(source, run.before))

        for module, names in _LOADERS.items():
            for name in names:
                _watch_places(patches, {module: ("", name)}, on_loading)
        _watch_places(patches, _LOOKUPS, on_lookup)
        _watch_places(patches, _TEXTS, on_text)
        _forget_names()
        return run

    def _note(self, run: _Run, names: Iterable[Any]) -> None:
        before = run.before
        for name in names:
            if self.fingerprint is None or not isinstance(name, str) or name in run.read:
                continue
            if name in before and self._namespace.get(name, before) is before[name]:
                run.read[name] = self.fingerprint(name)

    def _end(self, run: _Run) -> Observed:
        return Observed(run.read or None)


def _is_column(scope: Any, key: Any, is_local: Any) -> bool:
    """Tell whether pandas finds a name among a frame's columns, and asks no further."""
    resolvers = None if is_local else getattr(scope, "resolvers", None)
    return resolvers is not None and key in resolvers


def words_of(texts: Iterable[str]) -> set[str]:
    """Return the words of texts that may be names."""
    return {word for text in texts for word in _WORD.findall(text)}


def pickled_data(source: Any) -> bytes:
    """Return the pickle that ``pickle.load`` or ``loads`` is given, leaving a file as it is."""
    if not hasattr(source, "readinto") and not hasattr(source, "read"):
        return bytes(source)
    start = source.tell()
    try:
        if isinstance(getattr(source, "raw", None), io.FileIO):
            return _marked_part(source.name)
        return bytes(source.read())
    finally:
        source.seek(start)


def _marked_part(path: Any) -> bytes:
    """Return a file's content, none if it cannot refer to the notebook's names."""
    with (
        _open(path, "rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view,
    ):
        return view[:] if view.find(_NOTEBOOK.encode()) >= 0 else b""


def words_of_source(source: Any, names: Iterable[str]) -> set[str]:
    """Return the names that what a loader is given may lead to; tags of YAML name any class."""
    try:
        is_text = type(source) is str and ("\n" in source or not os.path.exists(source))
        if is_text or type(source) in (bytes, bytearray):
            data = source.encode() if is_text else bytes(source)
        elif isinstance(source, (str, os.PathLike)):
            data = _marked_part(source)
        else:
            start = source.tell()
            held = source.read()
            source.seek(start)
            data = held.encode() if type(held) is str else bytes(held)
    except (OSError, ValueError, AttributeError, TypeError):
        return set()
    if b"!" in data[:_LONGEST_TEXT] and b"\0" not in data[:_LONGEST_TEXT]:
        return {name for name in names if name not in _SHELLS_OWN and name[:1] != "_"}
    if _NOTEBOOK.encode() not in data:
        return set()
    return words_of([data.decode("ascii", "replace")]) - {_NOTEBOOK}


_LONGEST_TEXT = 1 << 16


def pickled_words(data: bytes) -> set[str]:
    """Return the words of a pickle that refers to the notebook's names, none of any other."""
    if not _PICKLED_NAME.search(data):
        return set()
    return words_of([data.decode("ascii", "replace")]) - {_NOTEBOOK}


def _watch_places(
    patches: Patches, table: Mapping[str, tuple[str, str]], hook: Callable[[Any, Any], None]
) -> None:
    def watch(module: Any) -> None:
        owner, function = table[module.__name__]
        place: Place = (getattr(module, owner, None) if owner else module, function)
        if place[0] is not None:
            patches.watch(hook, place)

    for name in table:
        if name in sys.modules:
            watch(sys.modules[name])
        else:
            patches.on_arrival(name, watch)


def _forget_names() -> None:
    """Let numexpr read the names out of its expressions again, where we see it."""
    with suppress(AttributeError, KeyError):
        del sys.modules["numexpr.necompiler"]._names_cache.c
