"""What Tab offers behind ``%nbcache``, ``%%cache`` and ``%cache``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nbcache.extension import extension_of
from nbcache.help_texts import COMMANDS
from nbcache.option_values import Option
from nbcache.options import OPTIONS
from nbcache.policy_text import NAMED

_ABOUT_CELLS: Final = frozenset({"why", "verify", "refresh", "clear", "pin", "unpin"})
_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "verify": ("all",),
    "refresh": ("stale", "all"),
    "clear": ("all", "older="),
    "pin": ("all",),
    "unpin": ("all",),
    "auto": ("on", "off", "min_time="),
    "help": tuple(COMMANDS),
}


def complete_command(shell: Any, event: Any) -> list[str]:
    """Complete the words of ``%nbcache``."""
    line = str(getattr(event, "line", ""))
    words = line.split()
    if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
        return list(COMMANDS)
    command = words[1]
    offered = [*_MORE.get(command, ()), "--json", "--help"]
    if command == "config":
        return [*_option_words(), *offered]
    return [*_cells(shell), *offered] if command in _ABOUT_CELLS else offered


def complete_options(shell: Any, event: Any) -> list[str]:
    """Complete the options of ``%%cache``."""
    return _option_words()


def _option_words() -> list[str]:
    return [word for option in OPTIONS.values() for word in _words(option)]


def _words(option: Option) -> list[str]:
    if option.kind == "flag":
        return [option.name]
    if option.kind == "policy":
        return [f"{option.name}=", *(f"{option.name}={name}" for name in NAMED)]
    choices = ("true", "false", "once") if option.kind == "refresh" else option.choices
    return [f"{option.name}=", *(f"{option.name}={word}" for word in choices)]


def _cells(shell: Any) -> list[str]:
    """Return the numbers of the cached cells, and the names that they write."""
    ledger = extension_of(shell).session.ledger
    counts = [one.execution_count or 0 for one in ledger.events.values()]
    names = {name for about in ledger.about.values() for name in about.get("writes", ())}
    return [*(str(count) for count in counts if count > 0), *sorted(names)]
