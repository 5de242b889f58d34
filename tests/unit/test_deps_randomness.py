"""Rules of the tracker of global random streams."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

from nbcache.deps.randomness import RandomTracker, may_seed_unseen


@pytest.fixture(autouse=True)
def _streams_restored():
    python, numpy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)


def make(history=()):
    return RandomTracker(history, texts=lambda: ())


def watch(tracker, run):
    tracker.start()
    run()
    return tracker.finish()


def through_json(late):
    return json.loads(json.dumps(late))


def test_quiet_run_leaves_nothing():
    """A run that neither draws nor seeds has no dependency, effect or note."""
    seen = watch(make(), lambda: None)
    assert (seen.late, seen.effect, seen.notes, seen.impure) == (None, None, (), False)


def test_patches_are_undone():
    """Every patched function is the very object that it was, after a run and after an error."""
    before = (random.seed, random.setstate, np.random.seed, np.random.set_state, sys.meta_path[:])
    tracker = make()
    tracker.start()
    assert random.seed is not before[0]
    tracker.start()
    tracker.finish()
    assert random.seed is not before[0]
    tracker.finish()
    after = (random.seed, random.setstate, np.random.seed, np.random.set_state, sys.meta_path[:])
    assert all(old is new for old, new in zip(before[:4], after[:4], strict=True))
    assert before[4] == after[4]


@pytest.mark.parametrize("module", [random, np.random], ids=["python", "numpy"])
def test_seeding_run_needs_no_earlier_state(module):
    """A run that seeds first depends on no earlier state and leaves the stream as it did."""
    tracker = make()

    def run():
        module.seed(3)
        module.random()

    seen = watch(tracker, run)
    expected = module.random()
    module.seed(99)
    assert seen.late is None
    assert not seen.impure
    tracker.apply(pickle.loads(pickle.dumps(seen.effect)))
    assert module.random() == expected


def test_seeding_to_the_same_state_is_still_an_effect():
    """A run that seeds a stream into the state it already has is replayed as seeding."""
    np.random.seed(5)
    seen = watch(make(), lambda: np.random.seed(5))
    assert "numpy" in seen.effect


def test_draw_after_a_seeding_cell_is_compared():
    """A draw from a seeded stream depends on the stream's state before the run."""
    tracker = make()
    watch(tracker, lambda: np.random.seed(1))
    seen = watch(tracker, np.random.rand)
    late = through_json(seen.late)
    assert not seen.impure
    assert tracker.check(late) == "numpy's random stream was at another position"
    np.random.seed(1)
    assert tracker.check(late) is None


def test_unseeded_draw_is_marked_and_needs_an_unseeded_stream():
    """An unseeded draw is impure, and its entry serves only where the stream is unseeded."""
    tracker = make()
    seen = watch(tracker, random.random)
    assert seen.impure
    assert seen.notes == ("drew from the `random` stream without a seed",)
    assert tracker.check(through_json(seen.late)) is None
    watch(tracker, lambda: random.seed(4))
    assert "may have been seeded" in tracker.check(through_json(seen.late))


def test_draw_before_a_seeding_in_one_run_is_a_draw():
    """A draw that precedes the seeding in the same run depends on the earlier state."""
    tracker = make()
    watch(tracker, lambda: np.random.seed(1))
    seen = watch(tracker, lambda: (np.random.rand(), np.random.seed(2)))
    assert set(seen.late) == {"numpy"}


def test_seeding_from_entropy_is_no_seeding():
    """``seed()`` makes the stream unseeded again, and the run impure."""
    tracker = make()
    watch(tracker, lambda: random.seed(1))
    seen = watch(tracker, lambda: random.seed(None))
    assert seen.impure
    assert seen.late is None
    assert watch(tracker, random.random).late == {"python": "unseeded"}


def test_lineage_follows_a_replayed_seeding():
    """After a hit has replayed a seeding, a later draw is compared by state."""
    first, second = make(), make()
    effect = watch(first, lambda: np.random.seed(7)).effect
    second.apply(effect)
    late = watch(second, np.random.rand).late
    assert late["numpy"] != "unseeded"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (None, True),
        (["x = f()", "seed_all(3)"], True),
        (["random.setstate(s)"], True),
        (["exec(text)"], True),
        ([], False),
        (["# a\n\n%load_ext nbcache", "import random, numpy as np\nx = f(1)"], False),
    ],
)
def test_streams_older_than_the_tracker_count_as_seeded(history, expected):
    """If an earlier cell may have seeded, no stream that exists counts as unseeded."""
    late = watch(make(history), np.random.rand).late
    assert (late["numpy"] != "unseeded") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("np.random.seed(0)", False),
        ("from numpy.random import seed", False),
        ("random._inst.seed(3)", True),
        ("np.random.mtrand._rand.seed(3)", True),
        ("torch.default_generator.manual_seed(3)", True),
    ],
)
def test_text_that_may_seed_unseen(text, expected):
    """A text that reaches for a stream's hidden instance is suspicious, and no other."""
    assert may_seed_unseen(text) is expected
    tracker = make()
    tracker.note_source(text)
    assert (watch(tracker, random.random).late["python"] != "unseeded") is expected


def test_uncached_cells_are_followed():
    """A seeding in a cell that is not cached makes later draws compared."""
    tracker = make()
    tracker.before_uncached("np.random.seed(3)")
    np.random.seed(3)
    tracker.after_uncached()
    assert watch(tracker, np.random.rand).late["numpy"] != "unseeded"


def test_nested_runs_see_each_their_own():
    """A nested run's seeding is seen by it and by the run around it."""
    tracker = make()
    tracker.start()
    random.random()
    inner = watch(tracker, lambda: random.seed(2))
    outer = tracker.finish()
    assert inner.late is None
    assert outer.late == {"python": "unseeded"}


def test_restore_inside_a_run_counts_as_a_draw():
    """A hit that restores a stream within a recorded run is no seeding of that run."""
    tracker = make()
    effect = watch(tracker, random.random).effect
    seen = watch(tracker, lambda: tracker.apply(effect))
    assert set(seen.late) == {"python"}


_CHILD = """
import json, sys
from nbcache.deps.randomness import RandomTracker
tracker = RandomTracker((), texts=lambda: ())
tracker.start()
import numpy as np
np.random.seed(11)
first = tracker.finish()
tracker.start()
drawn = np.random.normal(size=3).tolist()
second = tracker.finish()
print(json.dumps([first.late, second.late, drawn, sorted(first.effect)]))
"""


def test_digests_are_equal_in_processes_with_other_hash_seeds():
    """Late digests are equal in every process, also when the run itself imports numpy."""
    seen = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        output = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, capture_output=True, check=True
        ).stdout
        seen.append(json.loads(output))
    assert seen[0] == seen[1]
    first, second, _, effect = seen[0]
    assert first is None
    assert effect == ["numpy"]
    assert len(second["numpy"]) == 32


def test_other_bit_generators_are_restored():
    """A state of a generator other than the default is restored as well."""
    if not hasattr(np.random, "set_bit_generator"):
        pytest.skip("numpy without replaceable bit generator")
    old = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(4))
    try:
        tracker = make()
        effect = watch(tracker, lambda: np.random.rand(3)).effect
        expected = np.random.rand()
        np.random.rand()
        tracker.apply(pickle.loads(pickle.dumps(effect)))
        assert np.random.rand() == expected
    finally:
        np.random.set_bit_generator(old)


class _Tensor:
    def __init__(self, data):
        self.data = data

    def numpy(self):
        return np.frombuffer(self.data, dtype=np.uint8)


class _Generator:
    def __init__(self):
        self.data = bytes(8)

    def get_state(self):
        return _Tensor(self.data)

    def set_state(self, tensor):
        self.data = tensor.data


def test_torch_generator_is_followed(monkeypatch):
    """torch's default generator is a stream like the others (its interface stands in here)."""
    import types

    torch = types.ModuleType("torch")
    torch.default_generator = _Generator()
    torch.random = types.ModuleType("torch.random")
    torch.uint8 = "uint8"
    torch.frombuffer = lambda data, dtype: _Tensor(bytes(data))

    def manual_seed(number):
        torch.default_generator.data = number.to_bytes(8, "little")

    torch.manual_seed = torch.random.manual_seed = manual_seed
    monkeypatch.setitem(sys.modules, "torch", torch)
    tracker = make()
    seen = watch(tracker, lambda: torch.manual_seed(258))
    assert seen.late is None
    torch.default_generator.data = bytes(8)
    tracker.apply(seen.effect)
    assert torch.default_generator.data == (258).to_bytes(8, "little")
    assert torch.manual_seed is manual_seed


def test_a_broken_stream_refuses_and_never_raises(monkeypatch):
    """A tracker that fails inside refuses the run instead of breaking the cell."""
    tracker = make()
    monkeypatch.setattr("nbcache.deps.streams.NumpyStream.state", lambda self: 1 / 0)
    seen = watch(tracker, lambda: None)
    assert "could not watch randomness" in seen.refusal
    assert not hasattr(np.random.seed, "hooks")


LIBRARY = "import random\nfrom random import getrandbits\nSERIAL = getrandbits(24)\n"


@pytest.mark.parametrize(("after", "is_impure"), [("", False), ("random.random()", True)])
def test_what_a_library_draws_while_it_is_imported(tmp_path, monkeypatch, after, is_impure):
    """Such draws are not the run's; the stream is put where it was left all the same."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "drawing_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(folder)
    text = f"import drawing_library\n{after}"
    seen = watch(make(), lambda: exec(compile(text, str(tmp_path / "cell.py"), "exec"), globals()))
    sys.modules.pop("drawing_library")
    assert seen.impure is is_impure
    assert seen.effect["python"]["state"] == random.getstate()


def read_python():
    return random.getstate()


def read_numpy():
    return np.random.get_state()


@pytest.mark.parametrize(("name", "read"), [("python", read_python), ("numpy", read_numpy)])
def test_a_state_that_is_read_counts(name, read):
    """What tells where a stream stands depends on it, and moves nothing."""
    random.seed(3)
    np.random.seed(3)
    tracker = make(["random.seed(3); np.random.seed(3)"])
    seen = watch(tracker, read)
    assert list(seen.late) == [name]
    assert tracker.check(seen.late) is None
    random.random()
    np.random.rand()
    assert "at another position" in tracker.check(seen.late)
