"""Waiting for modules leaves no trace in what their import shows."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest

from nbcache.deps import arrivals

MODULES = {
    "nbcache_lacks": "import nbcache_is_nowhere\n",
    "nbcache_fails": "x = 1\nint('a')\n",
    "nbcache_brings": "import nbcache_fails\n",
}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_an_import_that_fails_has_the_traceback_of_a_plain_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a frame of nbcache nor one of the import system appears, whatever the error."""
    monkeypatch.syspath_prepend(tmp_path)
    for module, text in MODULES.items():
        (tmp_path / f"{module}.py").write_text(text)

    def shown() -> str:
        for module in MODULES:
            sys.modules.pop(module, None)
        with pytest.raises((ImportError, ValueError)) as raised:
            __import__(name)
        return "".join(traceback.format_exception(raised.value))

    plain = shown()
    seen: list[str] = []
    arrival = arrivals.expect(
        frozenset({arrivals.EVERY}), lambda module: seen.append(module.__name__)
    )
    try:
        assert shown() == plain
    finally:
        arrivals.forget(arrival)
    assert not seen
