"""Rules of the tracker of modules, sources and versions."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import textwrap
import time

import numpy as np
import pytest

from nbcache.deps.finding import locate
from nbcache.deps.local import imported_names, local_sources
from nbcache.deps.modules import ModuleTracker
from nbcache.deps.versions import distribution_of, installed_version
from nbcache.errors import NotReplayable


class Project:
    """A folder of local modules on the import path."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        stamp = time.time() - 100 + len(text)
        os.utime(path, (stamp, stamp))
        importlib.invalidate_caches()

    def forget(self):
        for name in [n for n in sys.modules if n.partition(".")[0].startswith("lm_")]:
            del sys.modules[name]
        importlib.invalidate_caches()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(tmp_path)
    yield made
    made.forget()


def watch(tracker, run, reached=()):
    tracker.start(reached)
    run()
    return tracker.finish()


def late_of(seen):
    return json.loads(json.dumps(seen.late))


def test_imported_modules_are_an_effect_in_order(project):
    """What the run imported is imported again, in the same order."""
    project.write("lm_one.py", "import lm_two")
    project.write("lm_two.py", "")
    tracker = ModuleTracker()
    seen = watch(tracker, lambda: importlib.import_module("lm_one"))
    assert seen.effect == ["lm_one", "lm_two"]
    project.forget()
    tracker.apply(seen.effect)
    assert {"lm_one", "lm_two"} <= set(sys.modules)


def test_edit_of_an_imported_module_is_seen(project):
    """The source of a local module that the run imports is a dependency, transitively."""
    project.write("lm_one.py", "def f():\n    import lm_two\n    return lm_two.x\n")
    project.write("lm_two.py", "x = 1")
    tracker = ModuleTracker()
    seen = watch(tracker, lambda: importlib.import_module("lm_one").f())
    late = late_of(seen)
    assert set(late["local"]) == {"lm_one", "lm_two"}
    project.forget()
    assert tracker.check(late) is None
    project.write("lm_two.py", "x = 22")
    assert tracker.check(late) == "`lm_two.py` was edited"


def test_code_in_memory_counts_until_reload(project):
    """An edit behind the kernel's back changes nothing before a reload, and a note says so."""
    project.write("lm_one.py", "x = 1")
    tracker = ModuleTracker()
    module = importlib.import_module("lm_one")
    late = late_of(watch(tracker, lambda: None, ["lm_one"]))
    project.write("lm_one.py", "x = 2345")
    assert tracker.check(late) is None
    seen = watch(tracker, lambda: None, ["lm_one"])
    assert late_of(seen) == late
    assert "old code of `lm_one`" in seen.notes[0]
    importlib.reload(module)
    assert tracker.check(late) == "`lm_one.py` was edited"


@pytest.mark.parametrize("writes_bytecode", [True, False])
def test_module_edited_before_the_tracker_never_holds(project, monkeypatch, writes_bytecode):
    """A module that was loaded and then edited, all before we looked, runs unknown code."""
    monkeypatch.setattr(sys, "dont_write_bytecode", not writes_bytecode)
    project.write("lm_kept.py", "def f():\n    return 1\n")
    project.write("lm_old.py", "class A:\n    def f(self):\n        return 1\n")
    importlib.import_module("lm_kept")
    importlib.import_module("lm_old")
    project.write("lm_old.py", "class A:\n    def f(self):\n        return 22\n")
    tracker = ModuleTracker()
    kept = late_of(watch(tracker, lambda: None, ["lm_kept"]))
    old = watch(tracker, lambda: None, ["lm_old"])
    assert "old code of `lm_old`" in old.notes[0]
    project.forget()
    assert tracker.check(kept) is None
    assert tracker.check(late_of(old)) == "`lm_old.py` was edited"


def test_missing_module_does_not_hold(project):
    """A local module that is neither loaded nor found is a dependency that moved."""
    project.write("lm_one.py", "x = 1")
    tracker = ModuleTracker()
    late = late_of(watch(tracker, lambda: importlib.import_module("lm_one")))
    project.forget()
    (project.folder / "lm_one.py").unlink()
    importlib.invalidate_caches()
    assert "is not there" in tracker.check(late)


def test_module_found_through_the_cells_own_path(project):
    """A module on a path that the cell itself adds is compared where it was."""
    project.write("src/lm_deep.py", "x = 1")

    def run():
        sys.path.append(str(project.folder / "src"))
        importlib.import_module("lm_deep")

    tracker = ModuleTracker()
    late = late_of(watch(tracker, run))
    sys.path.remove(str(project.folder / "src"))
    project.forget()
    assert late["local"]["lm_deep"][1] == os.path.join("src", "lm_deep.py")
    assert tracker.check(late) is None
    project.write("src/lm_deep.py", "x = 222")
    assert tracker.check(late) == "`src/lm_deep.py` was edited"


def test_packages_count_with_their_parents(project):
    """A submodule depends on its packages' sources, and on relative imports."""
    project.write("lm_pack/__init__.py", "")
    project.write("lm_pack/a.py", "from . import b\nfrom .c import x")
    project.write("lm_pack/b.py", "")
    project.write("lm_pack/c.py", "x = 1")
    importlib.import_module("lm_pack.a")
    names = {"lm_pack", "lm_pack.a", "lm_pack.b", "lm_pack.c"}
    assert set(local_sources("lm_pack.a")) == names


def test_unknown_reach_takes_all_local_modules(project):
    """Without knowing what the run reaches, every loaded local module counts."""
    project.write("lm_one.py", "x = 1")
    importlib.import_module("lm_one")
    tracker = ModuleTracker()
    assert "lm_one" in watch(tracker, lambda: None, None).late["local"]
    assert watch(tracker, lambda: None, ["math"]).late is None


def test_versions_of_what_is_used(project):
    """Used distributions count by version; the standard library does not."""
    tracker = ModuleTracker()
    late = late_of(watch(tracker, lambda: None, ["numpy.linalg", "json", "os.path"]))
    assert late == {"versions": {"numpy": np.__version__}, "libraries": ["numpy"]}
    assert tracker.check(late) is None
    assert tracker.check({"versions": {"numpy": "1.0"}}) == f"numpy 1.0 → {np.__version__}"
    assert "not installed" in tracker.check({"versions": {"no-such-thing": "1.0"}})


def test_version_that_the_user_asks_for(project):
    """A distribution whose version the user's code asks for counts, installed or not."""

    def run():
        importlib.metadata.version("pluggy")
        with pytest.raises(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version("No.such_thing")

    tracker = ModuleTracker()
    late = late_of(watch(tracker, run))
    assert late["versions"] == {
        "no-such-thing": None,
        "pluggy": importlib.metadata.version("pluggy"),
    }
    assert tracker.check(late) is None
    late["versions"]["no-such-thing"] = "1.0"
    assert tracker.check(late) == "no-such-thing 1.0 → not installed"


def test_module_names_that_differ_from_their_distribution():
    """A module is found in its distribution also when the names differ."""
    assert distribution_of("sklearn") == "scikit-learn"
    assert distribution_of("_pytest") == "pytest"
    assert distribution_of("json") is None
    assert installed_version("scikit_learn") == installed_version("scikit-learn")


def test_reload_and_removal_are_refused(project):
    """A run that reloads or removes modules cannot be repeated."""
    project.write("lm_one.py", "x = 1")
    module = importlib.import_module("lm_one")
    tracker = ModuleTracker()
    assert "reloads" in watch(tracker, lambda: importlib.reload(module)).refusal
    assert "removes" in watch(tracker, lambda: sys.modules.pop("lm_one")).refusal


def test_private_part_that_vanished_is_passed_over():
    """A hit imports what still exists; only a missing top level is an error."""
    tracker = ModuleTracker()
    tracker.apply(["json", "json.no_such_part"])
    with pytest.raises(NotReplayable, match="imported again"):
        tracker.apply(["no_such_module_at_all"])


def test_source_scan_finds_imports_anywhere():
    """Imports inside functions and relative ones are found."""
    source = "def f():\n    import a.b\n    from ..c import d\n"
    assert set(imported_names(source, "p.q.r", False)) == {"a.b", "p.c", "p.c.d"}


def test_locate_imports_nothing(project):
    """A module is located without importing the packages above it."""
    project.write("lm_pack/__init__.py", "1 / 0")
    project.write("lm_pack/sub.py", "")
    assert locate("lm_pack.sub").origin.endswith("sub.py")
    assert "lm_pack" not in sys.modules
