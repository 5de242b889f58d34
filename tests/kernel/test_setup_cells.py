"""Cells that set the kernel up, and nbcache's own doings beside the cell's."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

LOADING = "%%cache\n%load_ext autoreload\n%autoreload 2\nimport json"


def test_extensions_are_loaded_again_on_a_hit(tmp_path: Path) -> None:
    """Its magics work after a hit, and loading what is loaded says so as in a plain run."""
    with kernel(tmp_path / "store") as made:
        first, second = made.run(LOADING), made.run(LOADING)
    assert (first.state, first.text) == ("miss", "")
    assert "already loaded" in second.text
    with kernel(tmp_path / "store") as made:
        assert "not found" in made.run("%autoreload now").text
        again = made.run(LOADING), made.run("%autoreload 1"), made.run(LOADING)
    assert [reply.state for reply in again] == ["hit", "", "hit"]
    assert [reply.text for reply in again] == ["", "", second.text]


def test_magics_of_the_cell_itself_are_refused(tmp_path: Path) -> None:
    mine = "get_ipython().register_magic_function(lambda line: 3, 'line', 'mine')"
    with kernel(tmp_path / "store") as made:
        assert made.run(f"{LOADING}\n{mine}").state == "bypass"


def test_what_nbcache_draws_for_itself_is_not_the_cells(tmp_path: Path) -> None:
    """A cached function is stored under a name drawn by chance: that is no draw of the cell's."""
    with kernel(tmp_path / "store") as made:
        made.run("%nbcache auto on min_time=0s")
        made.run("import os\nfrom nbcache import cache\n@cache\ndef f(a, b=len):\n    return b(a)")
        assert made.run("f('one')").state == "miss"
        assert made.run("f(3, os.urandom)").state == "bypass"
