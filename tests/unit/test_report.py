"""How one cell's outcome is told: the line, the badge, the table and the reasons."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from nbcache.badge import compact, status_bundle
from nbcache.events import CellEvent, State
from nbcache.report import format_bytes, status_html, status_line, table, table_html, why_text

NOW = 1_000_000.0
HIT = CellEvent(
    State.HIT,
    execution_count=3,
    title="df = load()",
    key="1a" * 16,
    stored_at=NOW - 12,
    expires_at=NOW + 48,
    size_bytes=1_200_000,
    cost=3.21,
    saved=3.2,
    parts={"source": "ab" * 16, "df": "cd" * 16},
)
MISS = CellEvent(State.MISS, stored_at=NOW, size_bytes=1_200_000, overhead=0.003, cost=3.2)
REFUSED = CellEvent(
    State.BYPASS,
    reasons=("`conn` (sqlite3.Connection) cannot be stored. Close it before the cell ends.",),
)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_999, "10 kB"),
        (1_200_000, "1.2 MB"),
        (999_600, "1.0 MB"),
        (3_400_000_000, "3.4 GB"),
        (10**19, "10000 PB"),
    ],
)
def test_sizes_are_decimal_and_short(size: int, told: str) -> None:
    """A size has two significant digits or more, in the unit that keeps it under 1000."""
    assert format_bytes(size) == told


def test_the_line_of_a_hit() -> None:
    """A hit tells its age, its expiry and the time saved."""
    line = "cached · hit · 12 s old · expires in 48 s · saved 3.2 s"
    assert status_line(HIT, NOW) == line


def test_the_line_of_a_miss() -> None:
    """A miss tells what was stored and what that took."""
    assert status_line(MISS, NOW) == "ran · miss · stored 1.2 MB in 3 ms"


def test_the_line_of_a_refusal() -> None:
    """A cell that was not cached says why on the line itself."""
    told = "ran · not cached: `conn` (sqlite3.Connection) cannot be stored. Close it before"
    assert status_line(REFUSED, NOW).startswith(told)


def test_the_line_says_when_nothing_was_stored() -> None:
    """A run that a policy kept from being stored says so instead of a size."""
    event = CellEvent(State.MISS, reasons=("not stored: read_only",))
    assert status_line(event, NOW) == "ran · miss · not stored: read_only"


def test_the_line_says_which_dependency_moved() -> None:
    """A stale cell names the part that moved."""
    event = CellEvent(State.STALE, reasons=("`df` has changed.", "the source has changed"))
    assert status_line(event, NOW) == "ran · stale: `df` has changed"


def test_the_line_carries_notes() -> None:
    """What a user should know about a cached cell stands on its line."""
    event = CellEvent(State.HIT, notes=("used the network; no ttl",))
    assert status_line(event, NOW) == "cached · hit · used the network; no ttl"


def test_a_clock_that_moved_back_shows_no_negative_age() -> None:
    """An entry from the future is told as new."""
    assert "under 1 s old" in status_line(HIT, HIT.stored_at - 100 if HIT.stored_at else 0.0)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_one_line_and_one_well_formed_badge(state: State) -> None:
    """Each state has a line without a break and a badge whose elements all close."""
    event = CellEvent(state, reasons=("first\nsecond",), notes=("a note",), title="x = 1")
    assert "\n" not in status_line(event, NOW)
    html = status_html(event, NOW)
    _check_html(html)
    assert f'data-state="{state.value}"' in html
    assert 'class="nbcache-badge"' in html
    assert "<svg" in html


def test_no_two_states_share_their_shape() -> None:
    """A state is told by shape and word, never by colour alone."""
    shapes = {re.findall(r"<svg.*?>(.*)</svg>", status_html(CellEvent(s), NOW))[0] for s in State}
    assert len(shapes) == len(State)


def test_what_a_cell_says_is_escaped() -> None:
    """Names and titles can't bring markup or script into the page."""
    evil = "<script>alert(1)</script>`<img src=x>`\"'&"
    event = CellEvent(
        State.BYPASS, title=evil, reasons=(evil,), notes=(evil,), key=evil, parts={evil: evil}
    )
    for html in (status_html(event, NOW), table_html([event], NOW)):
        assert "<script" not in html
        assert "<img" not in html
        _check_html(html)


def test_the_badge_needs_nothing_but_itself() -> None:
    """A badge has no script, no handler, no style sheet and no address."""
    html = status_html(HIT, NOW)
    assert not re.search(r"<script|<style|<link|\bon\w+=|https?:|url\(", html)


def test_the_table_is_aligned_and_summed() -> None:
    """Columns start at the same place in every row, and the totals follow."""
    text = table([HIT, MISS, REFUSED], NOW)
    head, hit, *_, totals = text.splitlines()
    assert head.split() == ["cell", "state", "age", "expires", "size", "cost", "saved", "source"]
    assert hit.index("df = load()") == head.index("source")
    assert hit.split()[:4] == ["[3]", "hit", "12", "s"]
    assert totals == "3 cells · 1 from the cache · 2.4 MB · saved 3.2 s"


def test_an_empty_table_says_how_to_begin() -> None:
    """Without cells the table names the way in."""
    assert "%%cache" in table([], NOW)
    assert "%%cache" in table_html([], NOW)


def test_long_titles_are_cut() -> None:
    """A first line of source never widens the table beyond its column."""
    text = table([CellEvent(State.MISS, title="x" * 500)], NOW)
    assert max(map(len, text.splitlines())) < 120


def test_why_names_reasons_and_parts() -> None:
    """The long answer names the cell, the reasons, the notes, the key and its parts."""
    told = why_text(HIT)
    assert "Cell [3] `df = load()`: cached, hit." in told
    assert "Nothing that the cell depends on has changed" in told
    assert "source  abababababababab" in told
    assert "Close it before the cell ends." in why_text(REFUSED)


def test_the_bundle_is_marked_and_small() -> None:
    """Our display carries metadata.nbcache, without empty fields or the parts of the key."""
    data, metadata = status_bundle(HIT, NOW)
    assert set(data) == {"text/plain", "text/html"}
    assert metadata["nbcache"]["state"] == "hit"
    assert not {"parts", "quiet", "notes", "cell_id"} & set(compact(HIT))


class _Balance(HTMLParser):
    void = frozenset({"br", "circle", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


def _check_html(html: str) -> None:
    parser = _Balance()
    parser.feed(html)
    assert parser.open == []
