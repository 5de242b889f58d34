"""What the user's code puts into libraries counts, wherever the assignment is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

PATCHER = """
import builtins, numpy as np
abs_, sum_ = abs, np.sum
def patch(k):
    builtins.abs = lambda v: abs_(v) + k
    np.sum = lambda v: sum_(v) + k
def undo():
    builtins.abs, np.sum = abs_, sum_
"""
STORIES = {
    "a local module patches": (
        ["import patcher, numpy as np"],
        ["patcher.patch(1)", "patcher.patch(5)", "patcher.undo()"],
    ),
    "a cell and a local module patch": (
        ["import patcher, numpy as np", "np.sum = sum", "np.sum = patcher.sum_"],
        ["patcher.patch(1)", "np.sum = len", "patcher.patch(7)", "patcher.undo()"],
    ),
    "a function patches what it imports": (
        [
            "def patch(k):\n    import builtins\n    builtins.abs = lambda v: -k",
            "import numpy as np; old = abs",
        ],
        ["patch(1)", "patch(5)", "import builtins; builtins.abs = old"],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_patches_count(story: str, tmp_path: Path) -> None:
    (tmp_path / "patcher.py").write_text(PATCHER)
    cell = "print(abs(-3), np.sum([1, 2]))"
    before, changes = STORIES[story]
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        for text in before:
            made.run(text)
        replies = [made.run(f"%%cache\n{cell}") for _ in range(3)]
        assert [reply.state for reply in replies] == ["miss", "hit", "hit"]
        for change in changes:
            made.run(change)
            plain, first, second = (
                made.run(text + cell) for text in ("", "%%cache\n", "%%cache\n")
            )
            assert first.text == second.text == plain.text, change
            assert second.state == "hit"
