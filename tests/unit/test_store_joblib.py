"""joblib's contract: ``Memory`` works on nbcache's files as on its own, and safer."""

import json
import os
import pathlib
import pickle
import warnings

import joblib
import pytest
from joblib import memory as joblib_memory
from stored_items import item_files

from nbcache.entry import Entry
from nbcache.store.joblib_backend import NbcacheStoreBackend, register
from nbcache.store.opening import open_memory
from nbcache.store.signing import load_key

CELL = Entry("a" * 32, "1" * 16, 5.0, None, 1.0)


def test_stock_construction_by_name(tmp_path, monkeypatch):
    """After ``register()`` joblib's own constructor finds the backend by its name."""
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    register()
    memory = joblib.Memory(str(tmp_path / "store"), backend="nbcache", verbose=0)
    assert isinstance(memory.store_backend, NbcacheStoreBackend)
    cached = memory.cache(os.path.basename)
    assert [cached("/a/b"), cached("/a/b")] == ["b", "b"]
    assert cached.check_call_in_cache("/a/b")


def test_path_locations_work(tmp_path, monkeypatch):
    """A ``Path`` as location works too, although joblib hands it over differently."""
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    register()
    memory = joblib.Memory(tmp_path / "store", backend="nbcache", verbose=0)
    cached = memory.cache(os.path.basename)
    assert [cached("/a/b"), cached("/a/b")] == ["b", "b"]


def test_call_is_computed_once(memory, double, calls):
    """A repeated call is served from the store."""
    cached = memory.cache(double)
    assert [cached(2), cached(2), cached(3)] == [4, 4, 6]
    assert calls == [2, 3]


def test_arrays_are_served_as_plain_writable_arrays(memory):
    """A served array is a plain writable ``ndarray``, mapped or not."""
    np = pytest.importorskip("numpy")
    cached = memory.cache(np.ones)
    for size in (10, 300_000):
        cached(size)
        served = cached(size)
        assert type(served) is np.ndarray
        served += 1
        assert cached(size).sum() == size


def test_call_and_shelve(memory, double):
    """A shelved result is loaded from the store, and cleared alone."""
    cached = memory.cache(double)
    shelved, other = cached.call_and_shelve(2), cached.call_and_shelve(3)
    assert (shelved.get(), other.get()) == (4, 6)
    shelved.clear()
    with pytest.raises(KeyError):
        shelved.get()
    assert other.get() == 6


def test_shelved_result_survives_pickling_without_the_key(memory, double, place):
    """A shelved result travels to another process, and the signing key does not."""
    cached = memory.cache(double)
    stream = pickle.dumps(cached.call_and_shelve(2))
    assert load_key(place["key_folder"]) not in stream
    assert pickle.loads(stream).get() == 4


def test_ttl_expires_items(place, clock, double, calls):
    """An item whose ttl is over is not contained: the call is computed again."""
    cached = open_memory(**place, ttl=60.0, clock=clock).cache(double)
    cached(2)
    clock.now += 59.9
    cached(2)
    assert calls == [2]
    clock.now += 0.1
    assert not cached.check_call_in_cache(2)
    cached(2)
    cached(2)
    assert calls == [2, 2]
    clock.now -= 3600.0  # set back: what is dated in the future counts for nobody
    assert not cached.check_call_in_cache(2)


def test_expires_after_counts_from_the_signed_moment(memory, double, calls, monkeypatch, clock):
    """joblib's ``expires_after`` uses the moment that nbcache signed."""
    monkeypatch.setattr(joblib_memory.time, "time", clock)
    expires = joblib_memory.expires_after(seconds=60)
    cached = memory.cache(double, cache_validation_callback=expires)
    cached(2)
    for path in pathlib.Path(memory.store_backend.location).rglob("metadata.json"):
        path.write_text(json.dumps({"time": 1e12, "duration": 0.5}))
    clock.now += 59
    cached(2)
    assert calls == [2]
    clock.now += 2
    cached(2)
    assert calls == [2, 2]


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "null", "\0"])
def test_metadata_always_has_a_time(memory, double, calls, content):
    """Lost or broken metadata never raises into the user's code."""
    expires = joblib_memory.expires_after(days=1)
    cached = memory.cache(double, cache_validation_callback=expires)
    cached(2)
    for path in pathlib.Path(memory.store_backend.location).rglob("metadata.json"):
        path.unlink() if content is None else path.write_text(content)
    assert cached(2) == 4
    assert "time" in memory.store_backend.get_metadata((cached.func_id, "f" * 32))


def test_metadata_keeps_what_joblib_stored(memory, double):
    """Duration and arguments that joblib stores come back."""
    cached = memory.cache(double)
    shelved = cached.call_and_shelve(2)
    metadata = memory.store_backend.get_metadata(shelved._call_id)
    assert metadata["input_args"] == {"x": "2"}
    assert metadata["duration"] >= 0
    assert metadata["time"] == 1000.0


def test_unpicklable_result_leaves_nothing(memory, calls):
    """A result that cannot be pickled is returned with a warning and leaves no file."""

    def make(x):
        calls.append(x)
        return lambda: x

    cached = memory.cache(make)
    for _ in range(2):
        with pytest.warns(joblib_memory.CacheWarning, match="was not cached"):
            assert cached(1)() == 1
    assert calls == [1, 1]
    assert item_files(memory) == []


def test_full_disk_does_not_break_the_call(memory, double, monkeypatch):
    """A store that cannot write warns, and the user has the result."""
    cached = memory.cache(double)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nbcache.store.folder.os.write", fail)
    with pytest.warns(joblib_memory.CacheWarning, match="disk is full"):
        assert cached(2) == 4
    assert item_files(memory) == []


def test_clear_empties_everything(memory, double, calls):
    """``Memory.clear`` removes all items, and calls are computed again."""
    cached = memory.cache(double)
    cached(2)
    root = pathlib.Path(memory.store_backend.location)
    aside = root.parent / "aside"
    (aside / ("a" * 32)).mkdir(parents=True)
    (root / "elsewhere").symlink_to(aside)
    memory.clear(warn=False)
    assert item_files(memory) == []
    assert not (root / "elsewhere").is_symlink()
    assert os.listdir(aside) == ["a" * 32]
    cached(2)
    assert calls == [2, 2]


def test_function_clear_leaves_other_functions(memory, double):
    """Clearing one function leaves the results of others."""
    cached, other = memory.cache(double), memory.cache(os.path.basename)
    cached(2), other("/a/b")
    cached.clear(warn=False)
    assert not cached.check_call_in_cache(2)
    assert other.check_call_in_cache("/a/b")


def test_changed_function_is_computed_again(memory, tmp_path):
    """New code under the same name invalidates the old results."""
    results = []
    for body in ("x + 1", "x + 2"):
        path = tmp_path / "module.py"
        path.write_text(f"def grow(x):\n    return {body}\n")
        namespace = {"__name__": "module", "__file__": str(path)}
        exec(compile(path.read_text(), str(path), "exec"), namespace)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            joblib_memory._FUNCTION_HASHES.clear()
            import linecache

            linecache.clearcache()
            results.append(memory.cache(namespace["grow"])(1))
    assert results == [2, 3]


@pytest.mark.parametrize("option", [{"compress": True}, {"mmap_mode": "r"}])
def test_options_without_effect_are_said(place, option):
    """joblib's options that have no effect here are answered with a warning."""
    register()
    with pytest.warns(joblib_memory.CacheWarning, match="has no effect"):
        joblib.Memory(str(place["location"]), backend="nbcache", verbose=0, **option)
