"""How caching is asked for in a cell's text."""

from __future__ import annotations

import pytest

from nbcache.cell.pragma import Pragma, find_pragma, find_pragmas, hide_cache_line

FOUND = [
    ("%%cache", Pragma("", "magic", 1)),
    ("%%cache\nx = 1", Pragma("", "magic", 1)),
    ("%%cache ttl=60 # why\nx", Pragma("ttl=60 # why", "magic", 1)),
    ("\n\n  %%cache   ttl=60  \nx", Pragma("ttl=60", "magic", 3)),
    ("# note\n%%cache ttl=60\nx", Pragma("ttl=60", "magic", 2)),
    ("%%cache quiet\n%%time\nx", Pragma("quiet", "magic", 1)),
    ("%%time\n%%cache ttl=5\nx", Pragma("ttl=5", "magic", 2)),
    ("%%cache\r\nx", Pragma("", "magic", 1)),
    ("# nbcache: ttl=60 ignore=a\nx", Pragma("ttl=60 ignore=a", "comment", 1)),
    ("#nbcache:ttl=60", Pragma("ttl=60", "comment", 1)),
    ("#| nbcache: ttl=60\nx", Pragma("ttl=60", "comment", 1)),
    ("#| label: fig\n#| nbcache: true\nx", Pragma("", "comment", 2)),
    ("# nbcache\nx", Pragma("", "comment", 1)),
    ("# nbcache: on\nx", Pragma("", "comment", 1)),
    ("# nbcache: OFF\nx", Pragma("off", "comment", 1)),
    ("# a note\n\n# nbcache: off\nx", Pragma("off", "comment", 3)),
    ("%%time\n# nbcache: ttl=5\nx", Pragma("ttl=5", "comment", 2)),
]

NOT_FOUND = [
    "",
    "x = 1",
    "x = 1\n# nbcache: ttl=60",
    "x = 1\n%%cache",
    "'''doc'''\n# nbcache",
    "%%cachexyz\nx",
    "%%cache?",
    "%%cache??",
    "%%bash\n%%cache\nx",
    "%%time\nx\n%%cache",
    "%cache x = f()",
    "# nbcache is great",
    "# nbcachex: ttl=1",
    "# see nbcache: ttl=60",
]


@pytest.mark.parametrize(("raw", "expected"), FOUND)
def test_found(raw: str, expected: Pragma) -> None:
    """A first ``%%cache`` line or a comment before the first statement asks for caching."""
    assert find_pragma(raw) == expected


@pytest.mark.parametrize("raw", NOT_FOUND)
def test_not_found(raw: str) -> None:
    """Nothing else asks for caching."""
    assert find_pragma(raw) is None


def test_the_line_is_stronger_than_the_comment() -> None:
    """Both spellings may stand in one cell; the line comes first."""
    raw = "# nbcache: ttl=60\n%%cache ignore=a\n# nbcache: quiet\nx"
    assert [p.text for p in find_pragmas(raw)] == ["ignore=a", "ttl=60", "quiet"]


HIDDEN = [
    ("%%cache ttl=60\nx\n", "# nbcache: ttl=60\nx\n"),
    ("%%cache\nx\n", "# nbcache\nx\n"),
    ("%%cache\r\nx\r\n", "# nbcache\r\nx\r\n"),
    ("%%cache", "# nbcache"),
    ("# note\n\n%%cache\nx\n", "# note\n\n# nbcache\nx\n"),
    ("%%cache ttl=1\n%%time\nx\n", "%%time\nx\n"),
    ("%%cache\n\n# note\n%%bash\nls\n", "%%bash\nls\n"),
    ("%%cache?\n", "%%cache?\n"),
    ("%%cache??\n", "%%cache??\n"),
    ("%%cachexyz a\nx\n", "%%cachexyz a\nx\n"),
    ("x\n%%cache\n", "x\n%%cache\n"),
    ("%%time\nx\n", "%%time\nx\n"),
    ("", ""),
]


@pytest.mark.parametrize(("raw", "expected"), HIDDEN)
def test_hide_cache_line(raw: str, expected: str) -> None:
    """The line becomes a comment, so that line numbers stay; above a cell magic it goes."""
    lines = raw.splitlines(keepends=True)
    before = list(lines)
    assert "".join(hide_cache_line(lines)) == expected
    assert lines == before


def test_a_hidden_line_still_asks() -> None:
    """A cell from the history, where the line is a comment already, asks for the same."""
    hidden = "".join(hide_cache_line(["%%cache ttl=60 quiet\n", "x"]))
    found = find_pragma(hidden)
    assert found is not None
    assert found.text == "ttl=60 quiet"
