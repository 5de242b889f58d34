"""Rules of scoped patches."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import socket
import sys
import traceback
import types

import pytest

from nbcache.deps.aliases import cover_aliases, uncover_aliases
from nbcache.deps.blame import strip_frames
from nbcache.deps.patching import Patches
from nbcache.deps.wrapped import original_of


@pytest.fixture
def patches():
    made = Patches()
    yield made
    made.undo()


def test_hook_sees_the_call_and_the_original_answers(patches):
    """A hook is called with the arguments, and the caller gets the original's answer."""
    calls = []
    patches.watch(lambda args, kwargs: calls.append((args, kwargs)), (os, "getcwdb"))
    assert os.getcwdb() == os.path.realpath(os.curdir).encode()
    assert calls == [((), {})]


def test_what_a_hook_returns_is_called_afterwards(patches):
    """A hook may return what is called when the original is done, also after its error."""
    order = []

    def hook(args, kwargs):
        order.append("before")
        return lambda: order.append("after")

    patches.watch(hook, (os, "listdir"))
    with pytest.raises(FileNotFoundError):
        os.listdir("/no/such/folder")
    assert order == ["before", "after"]


def test_undo_restores_the_very_object():
    """After ``undo`` modules and classes hold the very objects, inherited attributes none."""
    open_before, own = open, "connect" in vars(socket.socket)
    first, second = Patches(), Patches()
    for made in (first, second):
        made.watch(lambda *_: None, (io, "open"), (socket.socket, "connect"))
    first.undo()
    assert io.open is not open_before
    second.undo()
    second.undo()
    assert io.open is open_before
    assert ("connect" in vars(socket.socket)) is own


def test_users_own_replacement_stays():
    """What the run itself put in a patched place is not taken away."""
    module = types.ModuleType("sample")
    module.ask = lambda: 1
    made = Patches()
    made.watch(lambda *_: None, (module, "ask"))
    replacement = module.ask = lambda: 2
    made.undo()
    assert module.ask is replacement


def test_one_function_in_two_places_stays_one():
    """``io.open is builtins.open`` is true with and without patches."""
    import builtins

    made = Patches()
    made.watch(lambda *_: None, (io, "open"), (builtins, "open"))
    try:
        assert io.open is builtins.open
    finally:
        made.undo()
    assert io.open is builtins.open


def test_wrapper_passes_for_the_original(patches):
    """A wrapper equals, hashes, reads and unpickles as what it stands in for."""
    original = os.stat
    patches.watch(lambda *_: None, (os, "stat"))
    assert os.stat is not original
    assert os.stat == original
    assert os.stat in os.supports_dir_fd
    assert repr(os.stat) == repr(original)
    assert os.stat.__doc__ == original.__doc__
    assert pickle.loads(pickle.dumps(os.stat)) is original
    assert shutil.rmtree.avoids_symlink_attacks is True


def test_a_failing_hook_is_remembered_and_never_raised(patches):
    """A hook that fails does not reach the user's call; the failure is kept for the refusal."""
    patches.watch(lambda args, kwargs: 1 / 0, (os, "getcwdb"))
    assert os.getcwdb()
    assert isinstance(patches.failure, ZeroDivisionError)


def test_frames_are_stripped():
    """``strip_frames`` leaves no frame of a wrapper in a traceback or in its causes."""
    made = Patches()
    made.watch(lambda *_: None, (os, "listdir"))
    try:
        try:
            os.listdir("/no/such/folder")
        except OSError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        before = "".join(traceback.format_exception(error))
        strip_frames(error)
        after = "".join(traceback.format_exception(error))
    finally:
        made.undo()
    assert "/deps/wrapped.py" in before
    assert "/deps/wrapped.py" not in after
    assert "test_deps_patching.py" in after


def test_aliases_are_covered_and_uncovered():
    """A name bound to a watched function is watched too, and holds the original afterwards."""
    original, calls, made = os.getcwdb, [], Patches()
    namespace = {"where": original, "x": 1}
    made.watch(lambda *_: calls.append(1), (os, "getcwdb"))
    cover_aliases(namespace)
    namespace["where"]()
    exec("from os import getcwdb", namespace)
    made.undo()
    uncover_aliases(namespace)
    assert calls == [1]
    assert namespace["where"] is original
    assert namespace["getcwdb"] is original


def test_aliases_of_modules_imported_by_a_run_are_watched_later(tmp_path):
    """A module that took a function during a run holds the original, and is watched next time."""
    original, calls, made = os.getcwdb, [], Patches()
    made.watch(lambda *_: None, (os, "getcwdb"))
    module = types.ModuleType("late")
    exec("from os import getcwdb", module.__dict__)
    made.undo()
    uncover_aliases({}, [module.__dict__])
    assert module.getcwdb is original
    again = Patches()
    again.watch(lambda *_: calls.append(1), (os, "getcwdb"))
    cover_aliases({})
    module.getcwdb()
    again.undo()
    uncover_aliases({})
    assert calls == [1]
    assert module.getcwdb is original


def test_original_of_anything_else_is_itself():
    """``original_of`` gives back what is no wrapper."""
    assert original_of(3) == 3


def test_arrival_is_told_once_and_leaves_no_finder(tmp_path, monkeypatch):
    """A module's arrival is told after it ran, and neither finder nor loader keeps a trace."""
    (tmp_path / "arriving_module.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    seen, made = [], Patches()
    made.on_arrival("arriving_module", lambda module: seen.append(module.x))
    import arriving_module

    made.undo()
    assert seen == [1]
    assert sys.meta_path == finders
    assert "exec_module" not in vars(arriving_module.__spec__.loader)
    del sys.modules["arriving_module"]


def test_functions_in_pickles_are_the_originals(patches):
    """While a builtin is patched it pickles as before, by Python's own names alone."""
    import builtins
    import copyreg

    before, kept = dict(copyreg.dispatch_table), open
    patches.watch(lambda *_: None, (io, "open"), (builtins, "open"), (os, "listdir"))
    packed = [pickle.dumps(one) for one in (kept, io.open, os.listdir, len, [].append)]
    assert not any(b"nbcache" in data for data in packed)
    assert pickle.loads(packed[1]) is kept
    patches.undo()
    assert [pickle.loads(data) for data in packed[:4]] == [open, open, os.listdir, len]
    assert copyreg.dispatch_table == before
