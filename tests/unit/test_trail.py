"""Pointers to the last stored run of a cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcache.trail import Trail, cell_names

ONE, OTHER = f"{'a' * 32}.{'b' * 16}", f"{'c' * 32}.{'d' * 16}"


def test_the_last_run_is_found_under_every_name(tmp_path: Path) -> None:
    """An edited cell is known by its id or its first line; a cell without id by the latter."""
    trail = Trail(str(tmp_path / "trail"))
    trail.note(cell_names("one", "id", "x = 1", "nb"), ONE)
    edited = cell_names("two", "id", "x = 2", "nb")
    assert list(trail.last(edited)) == [tuple(ONE.split("."))]
    assert list(trail.last(cell_names("two", "", "x = 1", "nb"))) == [tuple(ONE.split("."))]
    assert not list(trail.last(cell_names("two", "", "x = 1", "other notebook")))
    trail.note(edited, OTHER)
    assert next(trail.last(cell_names("one", "id", "x = 1", "nb")))[0] == "a" * 32
    assert next(trail.last(cell_names("two", "id", "x = 1", "nb")))[0] == "c" * 32


def test_pointers_are_bounded_and_never_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file keeps only its latest pointers, and a line that holds no name is passed over."""
    monkeypatch.setattr("nbcache.trail.MOST_BYTES", 1000)
    monkeypatch.setattr("nbcache.trail.MOST_IN_SHARD", 4)
    trail = Trail(str(tmp_path / "trail"))
    for number in range(6000):
        trail.note([f"n{number}"], ONE)
    files = list((tmp_path / "trail").iterdir())
    assert len(files) == 256
    assert max(file.stat().st_size for file in files) <= 1000
    latest = [f"n{number}" for number in range(5900, 6000)]
    assert [key for key, _ in trail.last(latest)] == ["a" * 32] * 100
    for file in files:
        file.write_text(file.read_text().replace(ONE, "../../etc/passwd"))
    assert not list(trail.last(latest))


def test_a_line_that_was_cut_short_hides_nothing_else(tmp_path: Path) -> None:
    """A kernel that died while it wrote costs its own pointer; what others add is found."""
    trail = Trail(str(tmp_path))
    trail.note(["n"], ONE)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:40])
    assert not list(trail.last(["n"]))
    trail.note(["n"], OTHER)
    trail.note(["n"], OTHER)
    assert [key for key, _ in trail.last(["n"])] == ["c" * 32]


def test_thinning_keeps_the_last_pointer_of_each_name(tmp_path: Path) -> None:
    """A cell that ran a thousand times leaves the pointers of the others where they are."""
    trail = Trail(str(tmp_path))
    others = [f"other {number}" for number in range(100)]
    trail.note(others, ONE)
    for _ in range(1000):
        trail.note(["often"], OTHER)
    assert [key for key, _ in trail.last(["often"])] == ["c" * 32]
    assert [key for key, _ in trail.last(others)] == ["a" * 32] * 100


def test_without_a_folder_nothing_is_remembered(tmp_path: Path) -> None:
    """A trail without a folder, or with one that can't be written, costs explanations alone."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    for trail in (Trail(), Trail(str(blocked))):
        trail.note(["a"], ONE)
        assert not list(trail.last(["a"]))
