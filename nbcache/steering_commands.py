"""The words of ``%nbcache`` that steer a session: each asks for one thing and prints the answer."""

from __future__ import annotations

import json
import shlex

from nbcache.extension import Extension
from nbcache.steering import (
    cell_named,
    cells_named,
    change_pin,
    configure,
    settings_now,
    settings_table,
    totals,
    totals_text,
)


class SessionCommands:
    """Refresh, pin, groups, configuration and totals, for the class of the magics."""

    @property
    def _extension(self) -> Extension:
        raise NotImplementedError

    def _refresh(self, words: list[str], as_json: bool) -> None:
        found = cells_named(self._extension, " ".join(words))
        names = [event.cell_id or event.title for event in found]
        self._extension.asking.refresh_next.update(names)
        print(f"{len(names)} cell(s) will run past the cache the next time.")

    def _pin(self, words: list[str], as_json: bool) -> None:
        self._change_pin(" ".join(words), keep=True)

    def _unpin(self, words: list[str], as_json: bool) -> None:
        self._change_pin(" ".join(words), keep=False)

    def _change_pin(self, which: str, *, keep: bool) -> None:
        found = (
            cells_named(self._extension, which)
            if which == "all"
            else [cell_named(self._extension, which)]
        )
        for event in found:
            print(f"{event.title}: {change_pin(self._extension, event, keep=keep)}")

    def _commit(self, words: list[str], as_json: bool) -> None:
        self._end_groups(words, keep=True)

    def _rollback(self, words: list[str], as_json: bool) -> None:
        self._end_groups(words, keep=False)

    def _end_groups(self, words: list[str], *, keep: bool) -> None:
        shelf = self._extension.session.shelf
        count = sum(shelf.end_group(name, keep=keep) for name in words or list(shelf.groups))
        print(f"{count} result(s) {'are visible now' if keep else 'were forgotten'}.")

    def _config(self, words: list[str], as_json: bool) -> None:
        if words == ["--help-all"]:
            from nbcache.traits import NBCache

            print(NBCache.class_get_help())
            return
        configure(self._extension, shlex.join(words))
        found = settings_now(self._extension)
        if as_json:
            print(json.dumps([[one.name, str(one.value), one.origin] for one in found], indent=1))
        else:
            print(settings_table(found))

    def _stats(self, words: list[str], as_json: bool) -> None:
        found = totals(self._extension)
        print(json.dumps(found, indent=1) if as_json else totals_text(found))
