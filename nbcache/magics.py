"""The magics: ``%%cache``, ``%cache`` and ``%nbcache``; each parses, asks the session, shows."""

from __future__ import annotations

import shlex
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from nbcache.errors import CacheError
from nbcache.extension import Extension, extension_of
from nbcache.help_texts import COMMANDS, HELP_WORDS, cache_help, nbcache_help, unknown_command


def register_magics(shell: Any) -> None:
    """Put the magics into a shell."""
    CacheMagics.cache.__doc__ = cache_help()
    shell.register_magics(CacheMagics(shell))
    for name, completer in _COMPLETERS.items():
        shell.set_hook("complete_command", completer, str_key=name)


def unregister_magics(shell: Any) -> None:
    """Take the magics out again."""
    for kind, name in (("line", "cache"), ("line", "nbcache"), ("cell", "cache")):
        shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("CacheMagics", None)
    for name in _COMPLETERS:
        shell.strdispatchers["complete_command"].strs.pop(name, None)


def _complete_command(shell: Any, event: Any) -> list[str]:
    from nbcache.completing import complete_command

    return complete_command(shell, event)


def _complete_options(shell: Any, event: Any) -> list[str]:
    from nbcache.completing import complete_options

    return complete_options(shell, event)


_COMPLETERS = {"%nbcache": _complete_command, "%%cache": _complete_options}
"""What Tab asks by the magic that it stands behind; loaded when it does."""


@magics_class
class CacheMagics(Magics):
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
        from nbcache.commands import Commands  # few cells steer

        action = getattr(Commands(self._extension), "_" + command.replace("-", "_"))
        try:
            return action(words[1:], as_json)
        except CacheError as problem:
            raise UsageError(str(problem)) from None

    nbcache.__doc__ = nbcache_help()
