"""Reading and writing notebooks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4, validate

from nbcache.cli.exits import CommandError
from nbcache.cli.notebook_files import (
    check_writable,
    read_notebook,
    runnable_cells,
    tidy_outputs,
    title_of,
    write_notebook,
)


def _save(path: Path, data: Any) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def _code(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, **more}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "it is not JSON"),
        ("[]", "not a valid notebook"),
        ("{}", "not a valid notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5}', "not a valid notebook"),
        ('{"nbformat": 99, "nbformat_minor": 0, "cells": []}', "not a valid notebook"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str, told: str) -> None:
    """A file that is no notebook is named, with the reason, as a usage error."""
    path = _save(tmp_path / "a.ipynb", content)
    with pytest.raises(CommandError, match=told) as caught:
        read_notebook(path)
    assert str(path) in str(caught.value)
    assert caught.value.code == 2


def test_a_missing_notebook_is_refused(tmp_path: Path) -> None:
    """A notebook that is not there is a usage error."""
    with pytest.raises(CommandError, match="does not exist"):
        read_notebook(tmp_path / "a.ipynb")


def test_cells_without_ids_get_the_same_ones_every_time(tmp_path: Path) -> None:
    """Nothing random enters a notebook, so that two runs give the same bytes."""
    cells = [_code("x"), _code("x"), _code("y", id="own"), _code("z", id="own")]
    data = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    path = _save(tmp_path / "a.ipynb", data)
    once, again = read_notebook(path), read_notebook(path)
    ids = [cell.id for cell in once.cells]
    assert ids == [cell.id for cell in again.cells]
    assert len(set(ids)) == 4
    assert ids[2] == "own"
    validate(once)


def test_an_older_format_is_read(tmp_path: Path) -> None:
    """A notebook of nbformat 3 becomes one of nbformat 4, the same every time."""
    cell = {"cell_type": "code", "input": ["x = 1"], "language": "python", "outputs": []}
    sheet = {"cells": [cell], "metadata": {}}
    data = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [sheet]}
    path = _save(tmp_path / "a.ipynb", data)
    assert read_notebook(path).cells[0].source == "x = 1"
    assert read_notebook(path) == read_notebook(path)


def test_a_broken_output_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """An output that is invalid is dropped, since a run replaces it; the others stay."""
    good = {"output_type": "stream", "name": "stdout", "text": ["a", "b"]}
    cells = [_code("x", outputs=[{"output_type": "stream", "text": "nameless"}, good])]
    data = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    nb = read_notebook(_save(tmp_path / "a.ipynb", data))
    assert [output.text for output in nb.cells[0].outputs] == ["ab"]


def test_runnable_cells_are_those_that_a_kernel_gets() -> None:
    """Blank cells, text and cells tagged skip-execution do not count."""
    skipped = v4.new_code_cell("x", metadata={"tags": ["skip-execution"]})
    cells = [v4.new_markdown_cell("t"), v4.new_code_cell(" \n"), skipped, v4.new_code_cell("y")]
    assert [i for i, _ in runnable_cells(v4.new_notebook(cells=cells))] == [3]


def test_a_title_is_the_first_line_of_code() -> None:
    """Comments and the magic's own line are passed over, unless there is nothing else."""
    assert title_of("%%cache ttl=60\n# load\n\ndf = load()\n") == "df = load()"
    assert title_of("# only this") == "# only this"


def test_pieces_of_a_stream_are_joined() -> None:
    """Streams are joined as front ends do it, only where they touch."""
    out = [v4.new_output("stream", name=name, text=name) for name in ("stdout", "stdout", "stderr")]
    cell = v4.new_code_cell("x", outputs=[*out, v4.new_output("stream", name="stdout", text="x")])
    tidy_outputs(v4.new_notebook(cells=[cell]))
    assert [o.text for o in cell.outputs] == ["stdoutstdout", "stderr", "x"]


def test_writing_keeps_the_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    """The notebook is replaced at once, with the mode that it had; no other file stays."""
    target = _save(tmp_path / "a.ipynb", "old")
    target.chmod(0o640)
    write_notebook(v4.new_notebook(), target)
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.ipynb"]
    assert read_notebook(target).cells == []


def test_a_linked_notebook_stays_a_link(tmp_path: Path) -> None:
    """Writing goes through a symbolic link to the file itself."""
    target = _save(tmp_path / "a.ipynb", "old")
    link = tmp_path / "b.ipynb"
    link.symlink_to(target)
    write_notebook(v4.new_notebook(), link)
    assert link.is_symlink()
    assert target.read_text() != "old"


def test_a_notebook_that_cannot_be_written_is_kept_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the target fails after the run, the message says where the result is."""
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    with pytest.raises(CommandError, match="The executed notebook is in ") as caught:
        write_notebook(v4.new_notebook(), tmp_path / "gone" / "a.ipynb")
    kept = Path(str(caught.value).split(" is in ")[1].rstrip("."))
    assert read_notebook(kept).cells == []


def test_targets_are_checked_before_a_run(tmp_path: Path) -> None:
    """A folder, or a file in a folder that is not there, is refused; a check leaves no trace."""
    for target in (tmp_path, tmp_path / "gone" / "a.ipynb"):
        with pytest.raises(CommandError) as caught:
            check_writable(target)
        assert caught.value.code == 2
    check_writable(tmp_path / "a.ipynb")
    assert os.listdir(tmp_path) == []
