"""Pointers to the last stored run of a cell."""

from __future__ import annotations

from pathlib import Path

from nbcache.trail import MOST_IN_SHARD, Trail, cell_names

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


def test_pointers_are_bounded_and_never_trusted(tmp_path: Path) -> None:
    """A folder keeps only its latest pointers, and a file that holds no name is passed over."""
    trail = Trail(str(tmp_path / "trail"))
    for number in range(256 * (MOST_IN_SHARD + 16) // 8):
        trail.note([f"n{number}"], ONE)
    shards = list((tmp_path / "trail").iterdir())
    assert max(len(list(shard.iterdir())) for shard in shards) <= MOST_IN_SHARD
    some = next(shards[0].iterdir())
    some.write_text("../../etc/passwd")
    assert all(key == "a" * 32 for n in range(9) for key, _ in trail.last([f"n{n}"]))


def test_without_a_folder_nothing_is_remembered(tmp_path: Path) -> None:
    """A trail without a folder, or with one that can't be written, costs explanations alone."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    for trail in (Trail(), Trail(str(blocked))):
        trail.note(["a"], ONE)
        assert not list(trail.last(["a"]))
