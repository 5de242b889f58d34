"""What the commands of started processes name: paths that they may look for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.file_events import is_of_others
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.impurity import process_places
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller
from nbcache.deps.readers import texts_in

_open = open  # captured now: our own reads are no user's reads
_WORD = re.compile(r"[^\s'\"`;|&<>(){}=,$*?]+")
_MOST_WORDS = 100
_PATH = re.compile(r"[^\s'\"`;|&<>(){}=,$*?]*/[^\s'\"`;|&<>(){}=,$*?]*")
_LONGEST_SCRIPT = 1 << 16
_TERMINAL = "pexpect.pty_spawn"
"""Runs shell lines; its own starter of processes is not given the command."""


def _named_in(arguments: Iterable[Any]) -> Iterator[str]:
    """Yield the words that may be paths: neither programs nor options."""
    for given in arguments:
        is_list = isinstance(given, (list, tuple))
        for command in re.split(r"[;|&\n]+", " ".join(texts_in(given if is_list else [given], 0))):
            words = _WORD.findall(command)[:_MOST_WORDS]
            yield from (word for word in words[1:] if not word.startswith("-"))


def _watch_around(ledger: Ledger, path: str) -> None:
    """Watch where a path lies, and where those lie that it names if it is a script."""
    found = {path, *map(absolute, _paths_in_script(ledger, path))}
    for folder in {folder for one in found if one for folder in (one, os.path.dirname(one))}:
        if ledger.scope.counts(folder) and kind_of(status_of(folder)) == "folder":
            ledger.watch_folder(folder)


def _paths_in_script(ledger: Ledger, path: str) -> list[str]:
    status = status_of(path)
    if kind_of(status) != "file" or not ledger.scope.counts(path):
        return []
    if status is None or status.st_size > _LONGEST_SCRIPT:
        return []
    try:
        with _open(path, encoding="utf-8") as stream:
            return _PATH.findall(stream.read())[:_MOST_WORDS]
    except (OSError, ValueError):
        return []


def watch_commands(ledger: Ledger, patches: Patches) -> None:
    """Enter the paths that the commands of started processes name: they may be looked for.

    What a command makes is no input, as with a look by a library.
    """

    def on_process(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if caller(sys._getframe(1), through_shell=True) == "user":
            for word in _named_in([*args, *kwargs.values()]):
                path = absolute(word)
                if path is not None and not is_of_others(path):
                    ledger.note_look(path, "kind", by_library=True)
                    _watch_around(ledger, path)

    def watch_terminal(module: Any) -> None:
        patches.watch(on_process, (module.spawn, "_spawn"))

    patches.watch(on_process, *process_places(loaded_mark()))
    if _TERMINAL in sys.modules:
        watch_terminal(sys.modules[_TERMINAL])
    else:
        patches.on_arrival(_TERMINAL, watch_terminal)
