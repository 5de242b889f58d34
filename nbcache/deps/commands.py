"""What the commands of started processes name: paths that they may look for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import getcwd as _getcwd
from string import Template
from typing import Any

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.asked_times import asks_times, note_times
from nbcache.deps.file_events import is_of_others
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, names_in, status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.git_folders import asks_work_tree, git_folders, work_tree
from nbcache.deps.impurity import process_places
from nbcache.deps.patching import Patches
from nbcache.deps.places import is_for_user
from nbcache.deps.readers import texts_in
from nbcache.deps.scripts import is_script, module_files, paths_around, text_of
from nbcache.errors import NotReplayable

_WORD = re.compile(r"[^\s'\"`;|&<>(){}=,$*?]+")
_MOST_WORDS = 100
_IMPLIED = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "just": ("justfile", "Justfile"),
    "snakemake": ("Snakefile", "workflow/Snakefile"),
}
"""Programs that read a script which their command does not name."""

_SHELL = re.compile(r"(\S*/)?(ba|da|k|z|fi)?sh")
"""A shell that is told nothing: ``%%bash`` hands it the cell."""

_GIT = re.compile(r"\bgit\b")

_SYSTEM = ("/usr/", "/bin/", "/sbin/", "/lib", "/opt/", "/snap/", "/nix/", "/System/", "/Library/")
"""Where a system keeps its own programs, which are no notebook's files."""

_TERMINAL = "pexpect.pty_spawn"
"""Runs shell lines; its own starter of processes is not given the command."""


def _named_in(arguments: Iterable[Any], variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the words that may be paths: neither programs nor options, but modules to run."""
    for given in arguments:
        is_list = isinstance(given, (list, tuple))
        text = " ".join(texts_in(given if is_list else [given], 0))
        text = Template(text).safe_substitute(variables) if "$" in text else text
        for command in re.split(r"[;|&\n]+", text):
            words = _WORD.findall(command)[:_MOST_WORDS]
            yield from _IMPLIED.get(os.path.basename(words[0]), ()) if words else ()
            if words and "/" in words[0] and not words[0].startswith(_SYSTEM):
                yield os.path.expanduser(words[0])
            for place, word in enumerate(words[1:]):
                if words[place] == "-m":
                    yield from filter(os.path.isfile, module_files(word, [_getcwd()]))
                elif not word.startswith("-"):
                    yield os.path.expanduser(word)


def _programs(
    ledger: Ledger, arguments: Iterable[Any], variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield where the user's own folders of programs have, or may get, what a command names."""
    folders = [one for one in variables.get("PATH", "").split(os.pathsep) if one]
    found = [one for one in map(absolute, folders) if one and ledger.scope.counts(one)]
    folders = [one for one in found if not f"{one}/".startswith(_SYSTEM)]
    if folders:
        words = _WORD.findall(" ".join(texts_in(arguments, 1)))[:_MOST_WORDS]
        for word in dict.fromkeys(words):
            if "/" not in word and not word.startswith("-"):
                yield from (os.path.join(folder, word) for folder in folders)


def _variables(given: Any) -> dict[str, str]:
    """Return the environment of a command, read without leaving a mark; ``given`` is its own."""
    raw = os.environ._data if given is None else given  # type: ignore[attr-defined]
    return {os.fsdecode(name): os.fsdecode(value) for name, value in dict(raw).items()}


def _watch_around(ledger: Ledger, path: str, *, is_timed: bool) -> None:
    """Watch where a path lies, and where those lie that it names if it is a script.

    Of notebooks and modules that are loaded here no event tells who reads them.
    """
    found = paths_around(ledger, path)
    if is_timed:
        note_times(ledger, found)
    elif any(asks_times(text_of(ledger, one)) for one in found):
        beside = [os.path.join(_getcwd(), name) for name in names_in(_getcwd(), ledger.scope) or ()]
        note_times(ledger, (one for one in (*found, *beside) if not is_script(one)))
    for one in found:
        if is_of_others(one) and kind_of(status_of(one)) == "file":
            ledger.note_read(one)
    for folder in {folder for one in found for folder in (one, os.path.dirname(one))}:
        if ledger.scope.counts(folder) and kind_of(status_of(folder)) == "folder":
            for one in ledger.scope.tree(folder) if folder in found else [folder]:
                ledger.watch_folder(one)


def _work_trees(
    ledger: Ledger, text: str, named: Sequence[str], variables: Mapping[str, str]
) -> set[str]:
    """Return the work trees whose files a command compares by git, or a script that it names."""
    around = [one for path in named for one in paths_around(ledger, path)]
    asking = list(filter(asks_work_tree, [text, *(text_of(ledger, one) for one in around)]))
    if not asking:
        return set()
    near = [os.path.join(named[0], word) for word in _named_in(asking, variables)]
    given = variables.get("GIT_WORK_TREE", "")
    tops = {*map(work_tree, (*named, *around, *near)), given and os.path.join(named[0], given)}
    return tops - {""}


def _note_work_tree(ledger: Ledger, top: str) -> None:
    """Count what git compares: the names and time stamps of the files that it looks after.

    Raises:
        NotReplayable: nobody can tell what there is.
    """
    found = names_in(top, ledger.scope)
    if found is None:
        raise NotReplayable(f"git compares the files in `{top}`, which cannot be listed")
    names = [name.rstrip("/") for name in found if name.rstrip("/") != ".git"]
    note_times(ledger, (os.path.join(top, name) for name in names))
    ledger.watch_folder(top)
    for place in (os.path.join(top, name) for name in names):
        if kind_of(status_of(place)) == "folder":
            for one in ledger.scope.tree(place):
                ledger.watch_folder(one)


def watch_commands(ledger: Ledger, patches: Patches) -> None:
    """Enter the paths that the commands of started processes name: they may be looked for.

    What a command makes is no input, as with a look by a library.
    """

    def on_process(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ledger.starts_programs = True
        if is_for_user(sys._getframe(1)):
            given = [*args, *kwargs.values()]
            if _SHELL.fullmatch(" ".join(texts_in(given, 1)).strip()):
                given.append(ledger.source)
            start = os.path.join(_getcwd(), kwargs.get("cwd") or "")
            text = " ".join(texts_in(given, 1))
            is_timed = asks_times(text)
            variables = _variables(kwargs.get("env"))
            words = list(_named_in(given, variables))
            paths = [absolute(os.path.join(start, word)) for word in words]
            named = [start, *filter(None, paths)]
            for top in _work_trees(ledger, text, named, variables):
                _note_work_tree(ledger, top)
            paths += _programs(ledger, given, variables)
            if _GIT.search(text):
                paths += git_folders([start, *paths], variables)
            if is_timed and not any(path and os.path.lexists(path) for path in paths):
                note_times(ledger, [start])
            for path in filter(None, paths):
                if not is_of_others(path):
                    ledger.note_look(path, "kind", by_library=True)
                _watch_around(ledger, path, is_timed=is_timed)

    def watch_terminal(module: Any) -> None:
        patches.watch(on_process, (module.spawn, "_spawn"))

    patches.watch(on_process, *process_places(loaded_mark()))
    if _TERMINAL in sys.modules:
        watch_terminal(sys.modules[_TERMINAL])
    else:
        patches.on_arrival(_TERMINAL, watch_terminal)
