"""Records a cell in one namespace and replays it in another, without a kernel."""

from __future__ import annotations

import ast
import sys
import types
import warnings
from typing import Any
from unittest import mock

from nbcache.entry import Body
from nbcache.heap.parts import Parts
from nbcache.policy import Policy
from nbcache.reading import Reader, Reading, Request
from nbcache.replay.codec import dump, load
from nbcache.replay.codes import nested_codes
from nbcache.replay.namespace import Snapshot, apply_changes, find_changes

Recorded = tuple[str, bytes, list[bytes]]


class Notebook:
    """A namespace that cells run in, as an IPython shell would hold it."""

    display_formatter: Any = None  # there is nobody to display to
    compile: Any = None  # no cell has a file of its own
    ast_node_interactivity: Any = "last_expr"  # what nobody has set otherwise

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.user_ns: dict[str, Any] = self.module.__dict__
        self.user_ns_hidden = dict(self.user_ns, __builtins__=None)

    def run(self, text: str) -> None:
        """Run a cell's text in the namespace."""
        sys.modules["__main__"] = self.module
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the cell's own business
            exec(compile(text, "<cell>", "exec", dont_inherit=True), self.user_ns)

    def read(self, text: str) -> Reading:
        """Read a cell's text against the namespace."""
        sys.modules["__main__"] = self.module
        request = Request(text, ast.parse(text).body, "<cell>")
        # As in any kernel: the modules of the tests, other ones in each process, are no notebook's.
        alone = mock.patch("nbcache.earlier_calls.loaded_local_names", list)
        bare = mock.patch("nbcache.library_patches.loaded_local_names", list)
        held = mock.patch("nbcache.reading.refuse_witnesses")  # here nothing is held while it runs
        with mock.patch.object(sys, "argv", ["ipykernel_launcher.py"]), alone, bare, held:
            return Reader(self).read(request, Policy())

    def values(self, expressions: list[str]) -> list[str]:
        """Return the expressions' values as text."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [repr(eval(expression, self.user_ns)) for expression in expressions]


def record(setup: str, cell: str) -> Recorded:
    """Run set-up and cell, and return key and stored bytes."""
    notebook = Notebook()
    notebook.run(setup)
    return record_in(notebook, cell)


def record_in(notebook: Notebook, cell: str) -> Recorded:
    """Run a cell over what is there, and return key and stored bytes."""
    reading = notebook.read(cell)
    snapshot = Snapshot.of(notebook.user_ns)
    reading.walk.parts = Parts.of(reading.walk)
    notebook.run(cell)
    names = reading.source.names
    changes = find_changes(snapshot, notebook.user_ns, names, reading.walk, notebook.user_ns_hidden)
    values = {
        "bind": changes.bind,
        "delete": list(changes.delete),
        "patches": list(changes.patches),
        "result": [],
        "effects": {},
    }
    codes = nested_codes(reading.request)
    body = dump(values, reading.walk, codes, snapshot.foreign(reading.walk))
    return reading.key, body.stream, [bytes(memoryview(raw).cast("B")) for raw in body.buffers]


def replay(setup: str, cell: str, recorded: Recorded) -> Notebook:
    """Run the set-up alone and replay the cell over it; the keys must agree."""
    notebook = Notebook()
    notebook.run(setup)
    replay_in(notebook, cell, recorded)
    return notebook


def replay_in(notebook: Notebook, cell: str, recorded: Recorded) -> None:
    """Replay a cell over what is there; the keys must agree."""
    key, stream, buffers = recorded
    reading = notebook.read(cell)
    assert reading.key == key, "the same set-up gives another key"
    body = Body(stream, [bytearray(raw) for raw in buffers])
    values = load(body, reading.walk, lambda: nested_codes(reading.request))
    apply_changes(values, notebook.user_ns, reading.walk)


def plain(setup: str, cell: str) -> Notebook:
    """Run set-up and cell with no cache: the oracle."""
    notebook = Notebook()
    notebook.run(setup)
    notebook.run(cell)
    return notebook
