"""The user's own modules: an edit counts however a cell came by the module."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

LOADED = "import helpers, cfg\nimport ns.part\nname = 'helpers'"
READERS = [
    "from helpers import clean\nprint(clean(1))",
    "from helpers import *\nprint(clean(1))",
    "import helpers as other\nprint(other.clean(1))",
    "print(helpers.clean(1))",
    "from ns.part import g\nprint(g())",
    "import importlib\nprint(importlib.import_module(name).clean(1))",
    "from importlib import import_module as im\nprint(im('helpers').clean(1))",
    "print(__import__(name).clean(1))",
    "import sys\nprint(sys.modules['helpers'].clean(1))",
    "def inner():\n    import helpers as deep\n    return deep.clean(1)\nprint(inner())",
    "def inner():\n    from ns.part import g\n    return g()\nprint(inner())",
    "def inner(n):\n    return __import__(n).clean(1)\nprint(inner('help' + 'ers'))",
    "print(cfg.mode)",
    "import cfg as settings\nprint(settings.STATE['m'])",
]


def write(folder: Path, number: int) -> None:
    """Write the modules; the number is what all of them give."""
    (folder / "ns").mkdir(exist_ok=True)
    (folder / "ns" / "part.py").write_text(f"def g(): return {number}\n")
    (folder / "base.py").write_text(f"STEP = {number}\n")
    (folder / "helpers.py").write_text("from base import STEP\ndef clean(x): return x - 1 + STEP\n")
    (folder / "cfg.py").write_text("mode = 1\nSTATE = {'m': 1}\n")


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded before", "loaded by the cell"])
def test_an_edit_counts_however_the_module_is_reached(tmp_path: Path, loaded: bool) -> None:
    """In a new kernel every reader of an edited module, or of changed module state, runs."""
    first = LOADED if loaded else "name = 'helpers'"
    cells = READERS if loaded else [cell for cell in READERS if "import" in cell][:7]
    after = f"{first}\ncfg.mode = 2\ncfg.STATE['m'] = 2" if loaded else first

    def texts(setup: str) -> list[tuple[str, str]]:
        with kernel(tmp_path / "store", folder=tmp_path) as made:
            made.run(setup)
            replies = [made.run(f"%%cache\n{cell}") for cell in cells]
            return [(reply.state, reply.text.strip()) for reply in replies]

    write(tmp_path, 1)
    assert {text for _, text in texts(first)} == {"1"}
    assert [state for state, _ in texts(first)] == ["hit"] * len(cells)
    write(tmp_path, 2)
    again = texts(after)
    assert [text for _, text in again] == ["2"] * len(cells)
    assert "hit" not in [state for state, _ in again]


def test_autoreload_and_old_code(tmp_path: Path) -> None:
    """An edit under a running kernel is said in the status; with autoreload it counts at once."""
    write(tmp_path, 1)
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        cell = "%%cache\nprint(helpers.clean(1))"
        made.run("import helpers")
        assert made.run(cell).text == "1\n"
        (tmp_path / "helpers.py").write_text("def clean(x): return 'new code'\n")
        reply = made.run("%%cache refresh\nprint(helpers.clean(1))")
        assert reply.text == "1\n"
        assert "runs old code of `helpers`" in " ".join(reply.event["notes"])
        made.run("%load_ext autoreload\n%autoreload 2\nimport base")
        (tmp_path / "helpers.py").write_text("def clean(x): return 'newer code'\n")
        reply = made.run(cell)
        assert (reply.state, reply.text) == ("stale", "newer code\n")
        assert made.run(cell).state == "hit"
