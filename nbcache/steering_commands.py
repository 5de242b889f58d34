"""The words of ``%nbcache`` that steer a session: each asks for one thing and prints the answer."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nbcache.duration import format_duration, parse_duration
from nbcache.errors import CacheError
from nbcache.events import CellEvent
from nbcache.extension import Extension
from nbcache.steering import (
    cell_named,
    cells_named,
    change_pin,
    clear,
    configure,
    settings_now,
    settings_table,
    totals,
    totals_text,
)


def tell(text: str, data: Any, as_json: bool) -> None:
    """Print an answer: words for people, or data for programs."""
    print(json.dumps(data, indent=1, default=str) if as_json else text)


def as_data(value: Any) -> Any:
    """Return a setting's value as JSON has it."""
    return sorted(value) if isinstance(value, frozenset) else value


class SessionCommands:
    """Refresh, clear, pin, groups, configuration and totals, for the class of the magics."""

    @property
    def _extension(self) -> Extension:
        raise NotImplementedError

    def _refresh(self, words: list[str], as_json: bool) -> None:
        found = cells_named(self._extension, " ".join(words))
        names = [event.cell_id or event.title for event in found]
        self._extension.asking.refresh_next.update(names)
        told = f"{len(names)} cell(s) will run past the cache the next time."
        tell(told, {"cells": _references(found)}, as_json)

    def _clear(self, words: list[str], as_json: bool) -> None:
        count = clear(self._extension, " ".join(words))
        tell(f"{count} stored run(s) forgotten.", {"forgotten": count}, as_json)

    def _verify(self, words: list[str], as_json: bool) -> None:
        from nbcache.verifying import as_text, verify

        which = " ".join(words)
        everything = list(self._extension.session.ledger.events.values())
        chosen = everything if which == "all" else [cell_named(self._extension, which)]
        found = verify(self._extension, chosen)
        tell(as_text(found), [one.as_dict() for one in found], as_json)

    def _pin(self, words: list[str], as_json: bool) -> None:
        self._change_pin(" ".join(words), keep=True, as_json=as_json)

    def _unpin(self, words: list[str], as_json: bool) -> None:
        self._change_pin(" ".join(words), keep=False, as_json=as_json)

    def _change_pin(self, which: str, *, keep: bool, as_json: bool) -> None:
        extension = self._extension
        found = cells_named(extension, which) if which == "all" else [cell_named(extension, which)]
        told = [change_pin(extension, event, keep=keep) for event in found]
        pairs = list(zip(found, told, strict=True))
        data = [{**_reference(event), "told": sentence} for event, sentence in pairs]
        tell("\n".join(f"{event.title}: {sentence}" for event, sentence in pairs), data, as_json)

    def _commit(self, words: list[str], as_json: bool) -> None:
        self._end_groups(words, keep=True, as_json=as_json)

    def _rollback(self, words: list[str], as_json: bool) -> None:
        self._end_groups(words, keep=False, as_json=as_json)

    def _end_groups(self, words: list[str], *, keep: bool, as_json: bool) -> None:
        shelf = self._extension.session.shelf
        for name in words:
            if name not in shelf.groups:
                known = ", ".join(shelf.groups) or "none"
                raise CacheError(f"No group `{name}` is under way. Groups: {known}.")
        count = sum(shelf.end_group(name, keep=keep) for name in words or list(shelf.groups))
        done = "are visible now" if keep else "were forgotten"
        tell(f"{count} result(s) {done}.", {"results": count, "visible": keep}, as_json)

    def _config(self, words: list[str], as_json: bool) -> None:
        if words == ["--help-all"]:
            from nbcache.traits import NBCache

            print(NBCache.class_get_help())
            return
        configure(self._extension, shlex.join(words))
        found = settings_now(self._extension)
        data = [{"name": o.name, "value": as_data(o.value), "from": o.origin} for o in found]
        tell(settings_table(found), data, as_json)

    def _stats(self, words: list[str], as_json: bool) -> None:
        found = totals(self._extension)
        tell(totals_text(found), found, as_json)

    def _doctor(self, words: list[str], as_json: bool) -> None:
        from nbcache.checkup import as_table, is_well, look_around

        found = list(look_around(self._extension.settings.location or None))
        data = {"ok": is_well(found), "findings": [asdict(finding) for finding in found]}
        tell(as_table(found), data, as_json)

    def _auto(self, words: list[str], as_json: bool) -> None:
        asking = self._extension.asking
        for word in words:
            if word in ("on", "off"):
                asking.auto = word == "on"
            elif word.startswith("min_time="):
                value = parse_duration(word.removeprefix("min_time="), time.time())
                asking.min_time = value or 0.0
            else:
                raise CacheError(f"`%nbcache auto {word}` is unknown: use on, off, min_time=0.5s.")
        is_asked = any(word.startswith("min_time") for word in words)
        if asking.auto and not (is_asked or self._extension.settings.headless):
            asking.min_time = asking.min_time or 0.1
        is_on, least = asking.is_auto(), format_duration(asking.min_time)
        told = f"auto is on: cells that run {least} or longer are cached, where that pays"
        told = told if is_on else "auto is off: only cells with %%cache are cached"
        tell(told, {"auto": is_on, "min_time": asking.min_time}, as_json)


def _references(events: Sequence[CellEvent]) -> list[dict[str, Any]]:
    return [_reference(event) for event in events]


def _reference(event: CellEvent) -> dict[str, Any]:
    return {
        "cell_id": event.cell_id,
        "execution_count": event.execution_count,
        "title": event.title,
        "key": event.key,
    }
