"""Where git keeps what it tells: repositories, work trees, submodules and given folders."""

from __future__ import annotations

from pathlib import Path

from nbcache.deps.git_folders import git_folders


def test_a_repository_is_found_from_below_with_all_folders_of_its_branches(tmp_path: Path) -> None:
    """A path's repository is the nearest above it, branches with slashes included."""
    (tmp_path / ".git" / "refs" / "heads" / "a").mkdir(parents=True)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    found = git_folders([str(tmp_path / "deep" / "er")], {})
    assert found[0] == str(tmp_path / ".git")
    assert str(tmp_path / ".git" / "refs" / "heads" / "a") in found


def test_a_work_tree_and_a_submodule_point_to_their_repository(tmp_path: Path) -> None:
    """What the file ``.git`` points to counts, and what that shares; so does ``GIT_DIR``."""
    kept = tmp_path / "main" / ".git" / "worktrees" / "w"
    kept.mkdir(parents=True)
    (kept / "commondir").write_text("../..\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / ".git").write_text(f"gitdir: {kept}\n")
    found = git_folders([str(tmp_path / "w")], {})
    assert {str(kept), str(tmp_path / "main" / ".git"), str(tmp_path / "w" / ".git")} <= {*found}
    assert git_folders([], {"GIT_DIR": str(kept)})[0] == str(kept)
    assert git_folders([str(tmp_path)], {}) == []
