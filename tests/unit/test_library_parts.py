"""What a library keeps is looked through whole, or refused."""

from __future__ import annotations

import pytest

from nbcache.errors import NotStorable
from nbcache.replay import library_parts


def test_more_parts_than_can_be_looked_at_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search never ends early: a part past its end would come back as a copy."""
    monkeypatch.setattr(library_parts, "MOST_PARTS", 10)
    assert len(list(library_parts.parts_of([[] for _ in range(9)]))) == 9
    with pytest.raises(NotStorable, match="more than 10 parts"):
        list(library_parts.parts_of([[[]] for _ in range(9)]))
