"""lmfit: its results are restored by a protocol of their own, which notes the time."""

from __future__ import annotations

import sys

import pytest
from replaying import plain, record, replay

from nbcache.heap.walk import Walk

pytest.importorskip("lmfit", reason="lmfit is not installed: it comes with the notebooks")

SET_UP = "import lmfit, numpy as np\nx = np.arange(5.)"
CELL = "result = lmfit.models.LinearModel().fit(2 * x + x % 2, x=x, slope=1, intercept=0)"


def test_a_restored_fit_has_the_fingerprint_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that read a restored result are served as after the run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    found = []
    for made in (plain(SET_UP, CELL), replay(SET_UP, CELL, record(SET_UP, CELL))):
        sys.modules["__main__"] = made.module
        found.append(Walk(made.user_ns).fingerprint("result", made.user_ns["result"]))
    assert found[0] == found[1]


def test_the_order_of_symbols_is_no_part_of_a_fingerprint() -> None:
    """Parameters made in a process with other hashes have the same fingerprint."""
    made = plain(SET_UP, "par = lmfit.create_params(a=1, b=2)")
    interpreter = made.user_ns["par"]._asteval
    before = Walk(made.user_ns).fingerprint("interpreter", interpreter)
    symbols = dict(interpreter.symtable)
    interpreter.symtable.clear()
    interpreter.symtable.update(reversed(symbols.items()))
    interpreter.no_deepcopy.reverse()
    assert Walk(made.user_ns).fingerprint("interpreter", interpreter) == before
