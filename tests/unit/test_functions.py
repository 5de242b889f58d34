"""``@cache`` in a plain script: what is served, what runs, and what a hit leaves behind."""

from __future__ import annotations

import asyncio
import datetime
import inspect
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import threading
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbcache import cache
from nbcache.calls.room import Room, current_room
from nbcache.errors import CacheError, CacheWarning, OptionError
from nbcache.policies import CELL_SOURCE, INPUTS, NO_CACHE, SOURCE, from_key_function

RATE = 3
SEEN: list[int] = []
COUNT = 0


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / "keys"))
    monkeypatch.setattr(sys.modules[__name__], "RATE", 3)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # what others do in a watched folder would count


def counts(cached):
    return cached.cache_info()[:2]


def twice_rate(x, plus=0):
    return [x * RATE + plus]


def test_equal_calls_are_one_call():
    """Positional, by keyword and by default are the same; other values and types are not."""
    cached = cache(twice_rate)
    assert cached(2) == cached(x=2) == cached(2, 0) == cached(2, plus=0) == [6]
    assert counts(cached) == (3, 1)
    for other in (2.0, True, "2"):
        cached(other) if other != "2" else cached("2", "")
    assert counts(cached) == (3, 4)


def test_both_spellings():
    """``@cache`` and ``@cache(...)`` make the same, and the function stays within reach."""

    @cache
    def plain(x):
        """Say x."""
        return x

    @cache(ttl="1h")
    def timed(x):
        return x

    assert plain(1) == timed(1) == plain.__wrapped__(1) == 1
    assert (plain.__name__, plain.__doc__) == ("plain", "Say x.")
    assert str(inspect.signature(plain)) == "(x)"


def test_results_are_private():
    """Changing what a call returned changes neither the store nor later results."""
    cached = cache(twice_rate)
    cached(1).append("mine")
    cached(1).append("mine")
    assert cached(1) == [3]
    in_memory = cached.with_options(persist=False)
    in_memory(1).append("mine")
    assert in_memory(1) == [3]


def test_globals_and_helpers_count(monkeypatch):
    """A global variable or the code of a helper that changes is another call."""
    cached = cache(twice_rate)
    assert cached(1) == [3]
    monkeypatch.setattr(sys.modules[__name__], "RATE", 5)
    assert cached(1) == [5]
    monkeypatch.setattr(sys.modules[__name__], "RATE", 3)
    assert cached(1) == [3]
    assert counts(cached) == (1, 2)


def make_caller(text):
    module = types.ModuleType("__main__")
    exec(text + "\ndef outer(x):\n    return helper(x)", module.__dict__)
    return cache(module.outer)


def test_an_edited_helper_is_seen():
    """The code of functions that a function calls is part of its key; comments are not."""
    first = make_caller("def helper(x): return x + 1")
    same = make_caller("def helper(x):\n    # a remark\n    return x + 1")
    other = make_caller("def helper(x): return x + 2")
    assert first.key(1) == same.key(1) != other.key(1)
    assert (first(1), same(1), other(1)) == (2, 2, 3)
    assert counts(same) == (1, 0)


def plus_rate(x, by=1):
    return x + RATE + by


def through_helper(x):
    return plus_rate(x)


def test_calls_that_are_known_again_still_see_every_change(monkeypatch):
    """After many hits with plain values a changed global, helper, code or default is seen."""
    cached = cache(through_helper)
    assert [cached(1) for _ in range(4)] == [5] * 4
    monkeypatch.setattr(sys.modules[__name__], "RATE", 10)
    assert [cached(1) for _ in range(3)] == [12] * 3
    monkeypatch.setattr(plus_rate, "__defaults__", (2,))
    assert [cached(1) for _ in range(3)] == [13] * 3
    other = plus_rate.__code__.replace(co_consts=plus_rate.__code__.co_consts)
    monkeypatch.setattr(plus_rate, "__code__", (lambda x, by=1: -x).__code__)
    assert [cached(1) for _ in range(3)] == [-1] * 3
    monkeypatch.setattr(plus_rate, "__code__", other)
    monkeypatch.setattr(sys.modules[__name__], "plus_rate", abs)
    assert [cached(-7) for _ in range(3)] == [7] * 3


def test_changes_in_place_are_repeated():
    """A hit changes arguments and globals as the call did, and keeps who is who."""

    @cache
    def extend(items, more):
        global COUNT  # noqa: PLW0603 - what a hit must repeat
        COUNT += 1
        items.append(more)
        SEEN.append(more)
        return items

    for _ in range(2):
        globals().update(COUNT=10, SEEN=[])
        items, more = [1], [2]
        alias = items
        assert extend(items, more) is items
        assert alias == [1, [2]]
        assert alias[1] is more
        assert (COUNT, SEEN) == (11, [[2]])
        assert SEEN[0] is more
    assert counts(extend) == (1, 1)


def test_a_lost_change_of_an_ignored_argument_is_refused():
    """A call that changes an argument which is left out of the key is not stored."""

    @cache(ignore="log")
    def run(x, log):
        log.append(x)
        return x

    log = []
    with pytest.warns(CacheWarning, match="`log` .*left out of the key"):
        assert run(1, log) == run(1, log) == 1
    assert log == [1, 1]


def test_ignore_leaves_out_what_it_names():
    """Arguments and globals named by ignore do not count; a name that is nowhere is an error."""

    @cache(ignore=["debug", "RATE"])
    def run(x, debug=False):
        return x * RATE

    assert (run(1), run(1, debug=True)) == (3, 3)
    globals().update(RATE=5)
    assert run(1) == 3
    assert counts(run) == (2, 1)
    with pytest.raises(OptionError, match=r"`debgu` cannot be left out.*Parameters: x, debug"):
        cache(run.__wrapped__, ignore="debgu")


def test_policies_choose_the_parts():
    """INPUTS alone survives an edit, CELL_SOURCE alone survives other arguments."""

    def version_one(x):
        return x + 1

    def version_two(x):
        return x + 2

    version_two.__qualname__ = version_one.__qualname__
    one, two = cache(version_one, policy=INPUTS), cache(version_two, policy="INPUTS")
    assert (one(1), two(1), two(2)) == (2, 2, 4)
    source = cache(version_one, policy=CELL_SOURCE)
    assert (source(1), source(5)) == (2, 2)
    debug = cache(twice_rate, policy=INPUTS + SOURCE - "plus")
    assert debug(1) == debug(1, plus=7) == [3]
    off = cache(version_one, policy=NO_CACHE)
    assert (off(1), off(1), counts(off)) == (2, 2, (0, 0))


def test_policies_keep_their_results_apart():
    """A result that was stored without regard to globals never serves a call that regards them."""
    loose = cache(twice_rate, policy=CELL_SOURCE)
    strict = cache(twice_rate)
    assert loose(1) == [3]
    globals().update(RATE=5)
    assert (loose(1), strict(1)) == ([3], [5])


def test_key_functions():
    """A key function is told the call and its inputs, and None means: do not cache."""
    told = []

    def by_parity(context, inputs):
        told.append((context.name, dict(inputs)))
        return None if inputs["x"] < 0 else inputs["x"] % 2

    @cache(policy=from_key_function(by_parity))
    def run(x):
        return x

    assert (run(1), run(3), run(2)) == (1, 1, 2)
    assert told[0][0].endswith("run")
    assert told[0][1] == {"x": 1}
    with pytest.warns(CacheWarning, match="key function returned None"):
        assert (run(-1), run(-2)) == (-1, -2)
    fixed = cache(lambda x: x, key="'always'")
    assert (fixed(1), fixed(2)) == (1, 1)


def test_twins_have_keys_of_their_own():
    """Tuple and list, dict orders, 1 and True and 1.0, 0.0 and -0.0 are different arguments."""
    cached = cache(lambda x: x)
    values = [(1, 2), [1, 2], {"a": 1, "b": 2}, {"b": 2, "a": 1}, {1, 2}, frozenset({1, 2})]
    values += [1, True, 1.0, "1", b"1", None, 0.0, -0.0, 1 + 0j, range(3), [0, 1, 2]]
    assert len({cached.key(value) for value in values}) == len(values)


def test_sharing_among_arguments_counts():
    """One list given twice is not two equal lists."""
    cached = cache(lambda a, b: a is b)
    shared = [1]
    assert (cached(shared, shared), cached([1], [1])) == (True, False)


def test_exceptions_pass_and_are_not_stored():
    """A call that raises raises the same again, running again, in the caller's own traceback."""
    tries = []

    @cache(ignore="tries")
    def fail(x):
        tries.append(x)  # it raises, so nothing is stored and nothing can be lost
        raise ValueError(x)

    for _ in range(2):
        with pytest.raises(ValueError, match=r"^1$"):
            fail(1)
    assert tries == [1, 1]
    assert fail.cache_info().currsize == 0


def test_wrong_arguments_are_the_functions_own_error():
    """A call that does not fit raises the TypeError that the function itself would raise."""
    with pytest.raises(TypeError, match=r"twice_rate\(\) missing 1 required positional"):
        cache(twice_rate)()


def test_unstorable_calls_run_and_say_why():
    """An argument without fingerprint: a warning with its path at the caller's line, and a run."""
    cached = cache(lambda rows: 1)
    connection = sqlite3.connect(":memory:")
    with pytest.warns(CacheWarning, match=r"`rows\[0\]` \(sqlite3.Connection\)") as caught:
        assert cached([connection]) == cached([connection]) == 1
    connection.close()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert cached.cache_info().bypassed == 2


def test_warnings_as_errors_break_no_call():
    """Even where warnings are errors, a problem of the cache does not reach the caller."""
    lock = sqlite3.connect(":memory:")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache(lambda x: 1)(lock) == 1
    lock.close()


def test_generators_are_refused_clearly():
    """Generator functions, and what is no function, are refused where they are decorated."""

    def values():
        yield 1

    async def later():
        yield 1

    for function in (values, later):
        with pytest.raises(TypeError, match=r"is a generator function.*as a list"):
            cache(function)
    with pytest.raises(TypeError, match="needs a Python function"):
        cache("1h")
    with pytest.raises(OptionError, match="Did you mean `ttl`"):
        cache(tll=5)
    with pytest.raises(OptionError, match="`keep` is an option of cells"):
        cache(twice_rate, keep="x")


def test_methods():
    """Methods, static and class methods are cached by the value of what they are called on."""

    class Model:
        def __init__(self, size):
            self.size = size

        @cache
        def scaled(self, by):
            return self.size * by

        @staticmethod
        @cache
        def fixed(x):
            return x

        @cache
        @classmethod
        def named(cls, x):
            return cls.__name__, x

    assert (Model(2).scaled(3), Model(2).scaled(by=3), Model(4).scaled(3)) == (6, 6, 12)
    assert counts(Model.scaled) == (1, 2)
    assert (Model.fixed(1), Model(1).fixed(1)) == (1, 1)
    assert Model.named(1) == Model(9).named(1) == ("Model", 1)
    bound = Model(2).scaled
    assert bound.key(3) == Model.scaled.key(Model(2), 3)
    assert bound.is_cached(3)
    assert bound.clear(3) == 1
    assert not bound.is_cached(3)
    assert bound.refresh(3) == bound.with_options(ttl="1h")(3) == bound.__wrapped__(3) == 6


def test_recursion():
    """A function may call itself through its cache; no number is that of an open file."""
    first = 1000

    @cache
    def fib(n):
        return n - first if n < first + 2 else fib(n - 1) + fib(n - 2)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert fib(first + 12) == 144
    assert fib.cache_info().misses == 13, [str(one.message) for one in told]


def test_ttl_clock_and_kinds(monkeypatch):
    """Seconds, text and timedelta expire a result; the shorter of stored and asked counts."""
    now = current_room().clock()
    for ttl in (60, "1m", datetime.timedelta(minutes=1)):
        cached = cache(lambda x, ttl=ttl: x, ttl=ttl)
        monkeypatch.setattr(Room, "clock", lambda self: now)
        cached(1)
        monkeypatch.setattr(Room, "clock", lambda self: now + 59)
        assert cached.is_cached(1)
        assert not cached.with_options(ttl=30).is_cached(1)
        monkeypatch.setattr(Room, "clock", lambda self: now + 61)
        assert not cached.is_cached(1)
        assert not cached.with_options(ttl="never").is_cached(1)
        monkeypatch.setattr(Room, "clock", lambda self: now - 120)
        assert not cached.is_cached(1)


def test_refresh_and_clear():
    """refresh runs and overwrites; clear forgets one call or all; counts follow."""

    @cache
    def draw(x):
        return os.urandom(8)

    first, again, second, last = draw(1), draw(1), draw.refresh(1), draw(1)
    assert first == again != second == last
    info = draw.cache_info()
    assert (info.hits, info.misses, info.refreshed, info.currsize) == (2, 2, 1, 1)
    draw(2)
    assert (draw.clear(1), draw.is_cached(1), draw.is_cached(2)) == (1, False, True)
    assert (draw.clear(), draw.is_cached(2), draw.cache_info().currsize) == (1, False, 0)
    assert draw.cache_clear() == 0
    once = draw.with_options(refresh="once")
    once(1), once(1)
    assert once.cache_info().refreshed + once.cache_info().misses > 0
    assert once.cache_info().hits == 1


def test_switches(monkeypatch):
    """The environment's switches stand above options, but refresh=false resists a refresh."""
    cached = cache(twice_rate)
    cached(1)
    monkeypatch.setenv("NBCACHE_REFRESH", "true")
    cached(1)
    assert cached.cache_info().refreshed == 1
    resisting = cached.with_options(refresh=False)
    resisting(1), resisting(8), resisting(8)
    assert counts(resisting) == (2, 1)
    monkeypatch.delenv("NBCACHE_REFRESH")
    monkeypatch.setenv("NBCACHE_READ_ONLY", "1")
    cached(9), cached(9)
    assert not cached.is_cached(9)
    monkeypatch.delenv("NBCACHE_READ_ONLY")
    monkeypatch.setenv("NBCACHE_REQUIRE", "1")
    assert cached(1) == [3]
    with pytest.raises(CacheError, match="require"):
        cached(9)
    monkeypatch.delenv("NBCACHE_REQUIRE")
    monkeypatch.setenv("NBCACHE_DISABLE", "1")
    before = cached.cache_info()
    assert (cached(1), cached.cache_info()) == ([3], before)


def test_files_read_count(tmp_path):
    """A file that the function read is a dependency by content."""
    path = tmp_path / "data.txt"
    path.write_text("one")
    cached = cache(lambda name: Path(name).read_text())
    assert cached(str(path)) == cached(str(path)) == "one"
    path.write_text("two")
    assert cached(str(path)) == "two"
    assert counts(cached) == (1, 2)


def test_random_streams_go_on_as_after_the_run():
    """A hit leaves the global stream where the call left it, and its state before counts."""
    cached = cache(lambda n: [random.random() for _ in range(n)])
    draws = []
    for seed in (1, 1, 2):
        random.seed(seed)
        draws.append((cached(3), random.random()))
    assert draws[0] == draws[1] != draws[2]
    assert counts(cached) == (1, 2)


def test_coroutines():
    """An async function is cached by what it returns; equal calls at once run it once."""

    @cache
    async def fetch(x):
        await asyncio.sleep(0.01)
        return [x]

    async def all_at_once():
        return await asyncio.gather(fetch(1), fetch(2), fetch(1), fetch.refresh(3))

    assert asyncio.run(all_at_once()) == [[1], [2], [1], [3]]
    assert asyncio.run(fetch(2)) == [2]
    assert counts(fetch) == (2, 3)
    assert asyncio.iscoroutinefunction(fetch)


def test_coroutines_that_wait_leave_the_threads_to_those_who_work():
    """More equal calls at once than the loop has threads: the one that runs still gets one."""

    @cache
    async def fetch(x):
        return await asyncio.to_thread(lambda: [x])

    async def all_at_once():
        calls = asyncio.gather(*(fetch(1) for _ in range(40)))
        return await asyncio.wait_for(calls, 100)

    assert asyncio.run(all_at_once()) == [[1]] * 40
    assert counts(fetch) == (39, 1)


def test_interleaved_coroutines_keep_their_dependencies_apart(tmp_path):
    """Each of two coroutines under way at once is stored with the files that it read itself."""
    for name in "ab":
        (tmp_path / name).write_text(name)

    @cache
    async def read(path, first, second):
        await asyncio.sleep(first)
        text = Path(path).read_text()
        await asyncio.sleep(second)
        return text

    async def both():
        early, late = read(str(tmp_path / "a"), 0, 0.05), read(str(tmp_path / "b"), 0.01, 0)
        return await asyncio.gather(early, late)

    assert asyncio.run(both()) == ["a", "b"]
    (tmp_path / "a").write_text("A")
    assert asyncio.run(both())[0] == "A"


def test_threads_compute_once():
    """Threads that need the same call at once run the body once."""
    began = threading.Event()
    cached = cache(slow_square)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(cached, [7, 7, 7, 7]))
    began.set()
    assert results == [49] * 4
    assert cached.cache_info().misses == 1


def slow_square(x):
    total = sum(range(200_000)) * 0
    return x * x + total


def test_it_travels_by_name():
    """A cached function of a module pickles by its name, one under another name by its own."""
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    copy = pickle.loads(pickle.dumps(under_another_name))
    assert copy.key(1) == under_another_name.key(1)


@cache
def decorated(x):
    return x


under_another_name = cache(twice_rate)


SCRIPT = """
import sys
from nbcache import cache
from joblib import Parallel, delayed
BASE = 10
def helper(x): return x + BASE
@cache
def work(x): return helper(x) * 2
if __name__ == "__main__":
    print(Parallel(n_jobs=2)(delayed(work)(n) for n in range(4)))
    print([work(n) for n in range(4)], work.cache_info()[:2], "IPython" in sys.modules)
"""


def test_workers_share_results_with_the_script(tmp_path):
    """joblib's workers run a cached function, and the script is served what they stored."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    numbers = "[20, 22, 24, 26]"
    assert done.stdout.splitlines() == [numbers, f"{numbers} (4, 0) False"]


def test_another_process_is_served(tmp_path):
    """A script's second run is served whatever the hash seed, and nothing of IPython is loaded."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom nbcache import cache\n@cache\ndef f(x): return {str(n) for n in x}\n"
        "r = f({'a', 'b', 'c'})\nprint(sorted(r), f.cache_info()[:2], 'IPython' in sys.modules)"
    )
    told = []
    for seed in "12":
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, check=True, env=env
        )
        told.append(done.stdout.strip())
    assert told == [f"['a', 'b', 'c'] {pair} False" for pair in ("(0, 1)", "(1, 0)")]
