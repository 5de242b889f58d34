"""Cells that set the kernel up, and nbcache's own doings beside the cell's."""

from __future__ import annotations

import os
from pathlib import Path

from kernels import Kernel, kernel, start

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
        for draw in ("f(3, os.urandom)", "cache(uuid.uuid4)()", "secrets.token_hex(4)"):
            made.run("import secrets, uuid")
            assert made.run(draw).state == "bypass"


def test_a_kernels_own_log_is_no_file_of_a_cells(tmp_path: Path) -> None:
    """A kernel keeps its log open under small numbers, which many cells have among their inputs."""
    cell = "%%cache\nimport os\nsquares = [n * n for n in numbers]"
    env = {**os.environ, "NBCACHE_DIR": str(tmp_path / "store")}
    with (tmp_path / "log").open("w") as log:
        manager, client = start(stdout=log, stderr=log, env=env, cwd=str(tmp_path))
        try:
            made = Kernel(client)
            made.run("%load_ext nbcache")
            made.run("numbers = list(range(99))")
            states = [made.run(cell).state]
            log.write("told\n")
            log.flush()
            made.run("del squares")
            states.append(made.run(cell).state)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    assert states == ["miss", "hit"]
