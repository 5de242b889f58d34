"""``files``, ``file_check``, ``ignore_path`` and ``env`` in a kernel."""

from __future__ import annotations

import os
from pathlib import Path

from kernels import Kernel, kernel


def states(made: Kernel, cell: str) -> str:
    return made.run(cell).state


def test_options_say_which_files_and_variables_count(tmp_path: Path) -> None:
    """``off`` forgets reads, patterns add files, ``env`` variables, ``mtime`` goes by time."""
    data, other = tmp_path / "data.csv", tmp_path / "other.csv"
    data.write_text("1")
    other.write_text("1")
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        off = "%%cache files=off\na = open('data.csv').read()"
        timed = "%%cache file_check=mtime\nb = open('data.csv').read()"
        more = "%%cache files=other.*\nc = 1"
        env = "%%cache env=ZZ_MODE\nd = 1"
        cells = (off, timed, more, env)
        assert [states(made, cell) for cell in cells] == ["miss"] * 4
        assert [states(made, cell) for cell in cells] == ["hit"] * 4
        data.write_text("2")
        other.write_text("2")
        made.run("import os; os.environ['ZZ_MODE'] = 'x'")
        replies = [made.run(cell) for cell in cells]
        assert [reply.state for reply in replies] == ["hit", "stale", "stale", "stale"]
        assert replies[1].event["reasons"] == ["`data.csv` changed on disk"]
        assert replies[2].event["reasons"] == ["`other.*` changed on disk"]
        assert replies[3].event["reasons"] == ["environment variable `ZZ_MODE` changed"]
        os.utime(data, (1, 1))
        assert states(made, timed) == "stale"
        assert made.run("%%cache files=auto\na = open('data.csv').read()").state == "stale"
        assert "ame it" in str(made.run("%%cache env=lock\ne = 1").messages)


def test_equal_content_at_another_path_hits(tmp_path: Path) -> None:
    """With ``ignore_path`` a cell is served for another file of the same content."""
    for name, text in (("one", "1"), ("two", "1"), ("three", "3")):
        (tmp_path / name).write_text(text)
    with kernel(tmp_path / "store", folder=tmp_path) as made:
        found = []
        for name in ("one", "two", "three"):
            made.run(f"path = {name!r}")
            found.append(states(made, "%%cache ignore_path\nx = open(path).read()"))
        assert found == ["miss", "hit", "stale"]
        assert made.value("x") == "'3'"
