"""Silence while values are built: for one thread, for its time, and nothing of it stays."""

from __future__ import annotations

import sys
import threading
import warnings
from pathlib import Path

import pytest

from nbcache.heap.muted import muted


def test_a_warning_is_neither_heard_nor_remembered() -> None:
    """What is warned of in silence is shown the next time, where it was said."""

    def warn() -> None:
        warnings.warn("said", UserWarning, 2)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        with muted():
            warn()
        assert not heard
        warn()
        assert [Path(one.filename).name for one in heard] == ["test_muted.py"]


def test_threads_that_overlap_leave_pythons_own() -> None:
    """Whichever thread ends last, the functions that warn are those from before."""
    before = warnings.warn, warnings.warn_explicit
    inside, out = threading.Event(), threading.Event()

    def hold() -> None:
        with muted():
            inside.set()
            out.wait(10)

    thread = threading.Thread(target=hold)
    with muted():
        thread.start()
        assert inside.wait(10)
    with pytest.warns(UserWarning, match="from this one"):
        warnings.warn("from this one", UserWarning, stacklevel=1)
    out.set()
    thread.join(10)
    assert (warnings.warn, warnings.warn_explicit) == before


def test_a_module_imported_in_silence_warns_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``from warnings import warn`` in a module that arrives with a value takes Python's own."""
    text = "from warnings import warn\n\ndef tell():\n    warn('told', stacklevel=2)\n"
    (tmp_path / "arrives_in_silence.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with muted():
        import arrives_in_silence as arrived
    monkeypatch.delitem(sys.modules, "arrives_in_silence")
    assert arrived.warn is warnings.warn
    with pytest.warns(UserWarning, match="told") as heard:
        arrived.tell()
    assert heard[0].filename == __file__


def test_one_put_over_ours_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that wraps ``warnings.warn`` in silence is heard, and muted again later."""
    own = warnings.warn
    monkeypatch.setattr("nbcache.heap.muted._wrapped", set())
    try:
        with muted():
            ours = warnings.warn
            warnings.warn = lambda *args: ours(*args)  # type: ignore[assignment]  # noqa: PLW0108
        with pytest.warns(UserWarning, match="heard"):
            warnings.warn("heard")  # noqa: B028
        with muted():
            warnings.warn("not heard")  # noqa: B028
    finally:
        warnings.warn = own
