"""Stored runs for notebooks whose comments changed: which edits count as none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbcache.cli.rewording import refuse_shown_texts, with_stored_texts
from nbcache.entry import Entry
from nbcache.lineage import NotRecalled


def _notebook(*sources: str) -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "metadata": {}, "source": one} for one in sources]}


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("x = 1", "# why\nx = 1  # because"),
        ("f(1,2)", "f(\n    1, 2\n)"),
        ("x = 'a'", 'x = "a"'),
        ("%matplotlib inline\nx = 1", "%matplotlib inline\n# why\nx = 1"),
        ("# nbcache: ttl=60\nx = 1", "# nbcache: ttl=60\n# why\nx = 1"),
    ],
)
def test_comments_and_formatting_take_the_stored_texts(stored: str, now: str) -> None:
    """Where the code is the same, the notebook is looked up with the texts that were stored."""
    found = with_stored_texts(_notebook(now, "y"), json.dumps(_notebook(stored, "y")).encode())
    assert [cell["source"] for cell in found["cells"]] == [stored, "y"]


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        ("x = 1", "x = 2"),
        ("x", "x;"),
        ("x = 1", "# nbcache: off\nx = 1"),
        ("# nbcache: ttl=60\nx = 1", "# nbcache: ttl=61\nx = 1"),
        ('x = """a\n# b"""', 'x = """a\n# c"""'),
        ("!ls  # a", "!ls  # b"),
        ("%%writefile f.txt\n# a\nb", "%%writefile f.txt\n# c\nb"),
        ("%%html\n<!-- a -->", "%%html\n<!-- b -->"),
    ],
)
def test_what_counts_for_the_key_needs_a_run(stored: str, now: str) -> None:
    """Another code, setting, text or line of the shell is an edit like any other."""
    with pytest.raises(NotRecalled):
        with_stored_texts(_notebook(now), json.dumps(_notebook(stored)).encode())


@pytest.mark.parametrize("name", ["In", "_ih", "_i", "_i3"])
def test_cells_that_read_texts_of_cells_need_a_run(name: str) -> None:
    """What reads the texts of the notebook's cells sees comments as well."""
    plain = Entry("ab" * 16, "cd" * 8, 0.0, None, 0.0, parts={"input x": ""})
    reading = Entry("ab" * 16, "cd" * 8, 0.0, None, 0.0, parts={f"input {name}": ""})
    refuse_shown_texts([plain])
    with pytest.raises(NotRecalled):
        refuse_shown_texts([plain, reading])
