"""The magics: ``%%cache``, ``%cache`` and ``%nbcache``; each parses, asks the session, shows."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from nbcache.errors import CacheError
from nbcache.events import CellEvent
from nbcache.extension import Extension, extension_of
from nbcache.options import OPTIONS
from nbcache.steering_commands import SessionCommands

COMMANDS = (
    "why",
    "graph",
    "verify",
    "refresh",
    "refresh-next",
    "clear",
    "pin",
    "unpin",
    "commit",
    "rollback",
    "config",
    "stats",
    "auto",
    "panel",
    "table",
    "help",
)


def register_magics(shell: Any) -> None:
    """Put the magics into a shell."""
    shell.register_magics(CacheMagics(shell))
    shell.set_hook("complete_command", complete, str_key="%nbcache")


def unregister_magics(shell: Any) -> None:
    """Take the magics out again."""
    for kind, name in (("line", "cache"), ("line", "nbcache"), ("cell", "cache")):
        shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("CacheMagics", None)
    shell.strdispatchers["complete_command"].strs.pop("%nbcache", None)


def complete(shell: Any, event: Any) -> list[str]:
    """Complete the words of ``%nbcache``."""
    words = str(getattr(event, "line", "")).split()
    if len(words) > 1 and words[1] == "auto":
        return ["on", "off", "min_time="]
    if len(words) > 1 and words[1] == "config":
        return [f"{name}=" for name in OPTIONS]
    if len(words) > 1 and words[1] in ("clear", "refresh", "verify"):
        return ["all", "stale", "older="]
    return list(COMMANDS)


@magics_class
class CacheMagics(SessionCommands, Magics):
    """The magics of nbcache."""

    @property
    def _extension(self) -> Extension:
        return extension_of(self.shell)

    @cell_magic
    def cache(self, line: str, cell: str) -> None:
        """Cache this cell: serve its stored run when nothing that it depends on has changed.

        Options are ``key=value`` or ``--key value``:

        ttl=60, 90s, 10m, 1h30m, "1 day", never
            how long the result may be used
        refresh=true, false, once
            run and overwrite; resist a refresh of everything; run once
        ignore=a,b
            leave these inputs out of the key
        files=auto, off, data/*.csv  file_check=content, mtime, etag  ignore_path
            which files count, how they are compared, whether their paths count
        env=FOO,BAR, lock[:PATH]
            more environment variables; a lock file in place of the libraries' versions
        version=TEXT
            a salt: another version is another result
        keep=x,y  drop=tmp
            which of the names that the cell binds are stored
        min_time=0.5s
            store only what ran at least this long
        require, read_only, off, quiet
            error instead of running; never write; don't cache; no status line

        The same options may stand in a comment: ``# nbcache: ttl=60``.
        """
        self.shell.run_cell(f"%%cache {line}\n{cell}", store_history=False)

    @line_magic("cache")
    def cache_statement(self, line: str) -> Any:
        """Cache one statement: ``%cache x = f()``, or ``%cache --ttl 60 -- x = f()``."""
        from nbcache.statements import run_statement

        try:
            return run_statement(self._extension, line)
        except CacheError as problem:
            raise UsageError(str(problem)) from None

    @line_magic
    def nbcache(self, line: str) -> Any:
        """Show and steer the cache.

        %nbcache
            a table of this notebook's cells
        %nbcache why [CELL|NAME]
            why a cell (its number, id or a part of its text; default: the last) hit or ran,
            and what it would do now; for a variable, the cells that write and read it
        %nbcache graph
            the cells, what they take from each other, and what each would be if it ran now
        %nbcache verify [CELL|all]
            run a cell that would be served, compare it with what is stored, say what differs
        %nbcache refresh [CELL|CELL+|stale|all]
            run that cell, that and those which depend on it (2+), those which are stale or
            expired, or every cell past the cache the next time
        %nbcache clear [CELL|older=7d|all]
            forget what is stored
        %nbcache pin [CELL], unpin [CELL|all]
            serve a cell's stored result whatever changes; let it go again
        %nbcache commit [GROUP], rollback [GROUP]
            store the results of the cells with group=GROUP now, or forget them
        %nbcache config [KEY=VALUE ...]
            each setting and where it comes from; set some for this session
        %nbcache stats
            how many cells were served, and the time that saved
        %nbcache auto on|off [min_time=0.5s]
            cache every cell that runs at least that long
        %nbcache panel
            the same table with buttons, where the front end has widgets

        Each takes --json.
        """
        words = shlex.split(line)
        as_json = "--json" in words
        words = [word for word in words if word != "--json"]
        command = words[0] if words else "table"
        if command not in COMMANDS:
            raise UsageError(f"%nbcache {command}: unknown; use one of {', '.join(COMMANDS)}")
        action = getattr(self, "_" + command.replace("-", "_"))
        try:
            return action(words[1:], as_json)
        except CacheError as problem:
            raise UsageError(str(problem)) from None

    def _help(self, words: list[str], as_json: bool) -> None:
        print(type(self).nbcache.__doc__)

    def _table(self, words: list[str], as_json: bool) -> None:
        from nbcache.report import table, table_html

        rows = list(self._extension.session.ledger.events.values())
        if as_json:
            print(json.dumps([event.as_dict() for event in rows], indent=1))
            return
        now = time.time()
        self._publish(table(rows, now), table_html(rows, now))

    def _graph(self, words: list[str], as_json: bool) -> None:
        from nbcache.graph import as_text, collect, draw

        graph = collect(self._extension)
        if as_json:
            print(json.dumps(graph.as_dict(), indent=1))
            return
        if getattr(self.shell, "kernel", None) is None:
            print(as_text(graph))
            return
        picture = draw(graph)
        data = {"text/plain": as_text(graph), "text/html": picture, "image/svg+xml": picture}
        self.shell.display_pub.publish(data, {"nbcache": {"kind": "graph"}})

    def _publish(self, plain: str, html: str) -> None:
        if getattr(self.shell, "kernel", None) is None:
            print(plain)
            return
        data = {"text/plain": plain, "text/html": html}
        self.shell.display_pub.publish(data, {"nbcache": {"kind": "table"}})

    def _panel(self, words: list[str], as_json: bool) -> None:
        if self._extension.panel is None or as_json:
            self._table(words, as_json)
        else:
            self._extension.panel()

    def _why(self, words: list[str], as_json: bool) -> None:
        from nbcache.explain import explain

        found = explain(self._extension, " ".join(words))
        print(json.dumps(found.as_dict(), indent=1) if as_json else found.as_text())

    def _event(self, which: str) -> CellEvent:
        event: CellEvent | None = self._extension.session.ledger.find(which)
        if event is None:
            raise CacheError(
                f"No cached cell answers to {which!r}. `%nbcache` lists them."
                if which
                else "No cell has been cached in this kernel yet. Put `%%cache` on one."
            )
        return event

    def _verify(self, words: list[str], as_json: bool) -> None:
        from nbcache.verifying import as_text, verify

        which = " ".join(words)
        events = list(self._extension.session.ledger.events.values())
        found = verify(self._extension, events if which == "all" else [self._event(which)])
        print(json.dumps([one.as_dict() for one in found], indent=1) if as_json else as_text(found))

    def _refresh_next(self, words: list[str], as_json: bool) -> None:
        self._extension.asking.refresh_next.add("*")

    def _clear(self, words: list[str], as_json: bool) -> None:
        from nbcache.duration import parse_duration
        from nbcache.store.rows import rows_of

        which = " ".join(words)
        store = self._extension.session.shelf.store
        entries = rows_of(store)
        if which.startswith("older="):
            age = parse_duration(which.removeprefix("older="), time.time()) or 0.0
            entries = [entry for entry in entries if time.time() - entry.stored_at > age]
        elif which != "all":
            key = self._event(which).key
            entries = [entry for entry in entries if entry.key == key]
        for entry in entries:
            store.remove(entry)
        print(f"{len(entries)} stored run(s) forgotten.")

    def _auto(self, words: list[str], as_json: bool) -> None:
        from nbcache.duration import format_duration, parse_duration

        extension = self._extension.asking
        for word in words:
            if word in ("on", "off"):
                extension.auto = word == "on"
            elif word.startswith("min_time="):
                value = parse_duration(word.removeprefix("min_time="), time.time())
                extension.min_time = value or 0.0
            else:
                raise CacheError(f"%nbcache auto {word}: use on, off, min_time=0.5s")
        if extension.auto and not any(word.startswith("min_time") for word in words):
            extension.min_time = extension.min_time or 0.1
        least = format_duration(extension.min_time)
        print(
            f"auto is on: cells that run {least} or longer are cached"
            if extension.auto
            else "auto is off: only cells with %%cache are cached"
        )
