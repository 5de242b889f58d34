"""The words of ``%nbcache`` that show something: the table, the graph, the panel, the reasons."""

from __future__ import annotations

import json
import time

from nbcache.extension import Extension
from nbcache.help_texts import nbcache_help
from nbcache.steering_commands import SessionCommands


class Commands(SessionCommands):
    """Every word of ``%nbcache`` as a method of its name; loaded when one is used."""

    def __init__(self, extension: Extension) -> None:
        self.shell = extension.shell
        self._own = extension

    @property
    def _extension(self) -> Extension:
        return self._own

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
        self._extension.open_doors()
        if self._extension.panel is None or as_json:
            self._table(words, as_json)
        else:
            self._extension.panel()

    def _why(self, words: list[str], as_json: bool) -> None:
        from nbcache.explain import explain

        found = explain(self._extension, " ".join(words))
        print(json.dumps(found.as_dict(), indent=1) if as_json else found.as_text())
