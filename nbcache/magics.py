"""The magics: ``%%cache``, ``%cache`` and ``%nbcache``; each parses, asks the session, shows."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from nbcache.completing import COMPLETERS
from nbcache.errors import CacheError
from nbcache.extension import Extension, extension_of
from nbcache.help_texts import COMMANDS, HELP_WORDS, cache_help, nbcache_help, unknown_command
from nbcache.steering_commands import SessionCommands


def register_magics(shell: Any) -> None:
    """Put the magics into a shell."""
    CacheMagics.cache.__doc__ = cache_help()
    shell.register_magics(CacheMagics(shell))
    for name, completer in COMPLETERS.items():
        shell.set_hook("complete_command", completer, str_key=name)


def unregister_magics(shell: Any) -> None:
    """Take the magics out again."""
    for kind, name in (("line", "cache"), ("line", "nbcache"), ("cell", "cache")):
        shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("CacheMagics", None)
    for name in COMPLETERS:
        shell.strdispatchers["complete_command"].strs.pop(name, None)


@magics_class
class CacheMagics(SessionCommands, Magics):
    """The magics of nbcache."""

    @property
    def _extension(self) -> Extension:
        return extension_of(self.shell)

    @cell_magic
    def cache(self, line: str, cell: str) -> Any:
        """Cache this cell; the options stand in ``cache_help``."""
        return self._run("run_statements", line, cell)  # below another cell magic

    @no_var_expand
    @line_magic("cache")
    def cache_statement(self, line: str) -> Any:
        """Cache one statement: ``%cache x = f()``, or ``%cache ttl=60 x = f()``.

        The options are those of ``%%cache``; see ``%%cache?``.
        """
        return self._run("run_line", line)

    def _run(self, function: str, *words: str) -> Any:
        from nbcache import statements

        try:
            return getattr(statements, function)(self._extension, *words)
        except CacheError as problem:
            raise UsageError(str(problem)) from None

    @line_magic
    def nbcache(self, line: str) -> Any:
        """Show and steer the cache."""
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        as_json = "--json" in words
        words = [word for word in words if word != "--json"]
        command = words[0] if words else "table"
        if HELP_WORDS & set(words):
            words, command = ["help", *(word for word in words if word not in HELP_WORDS)], "help"
        if command not in COMMANDS:
            raise UsageError(unknown_command(command))
        action = getattr(self, "_" + command.replace("-", "_"))
        try:
            return action(words[1:], as_json)
        except CacheError as problem:
            raise UsageError(str(problem)) from None

    nbcache.__doc__ = nbcache_help()

    def _help(self, words: list[str], as_json: bool) -> None:
        print(nbcache_help(words[0] if words else ""))

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
