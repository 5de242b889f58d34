"""A joblib memory over a store of its own, with a clock that tests move by hand."""

import pytest

from nbcache.store.opening import open_memory


class Clock:
    """A clock that tests move by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def place(tmp_path):
    return {"location": tmp_path / "store", "key_folder": tmp_path / "keys"}


@pytest.fixture
def memory(place, clock):
    return open_memory(**place, clock=clock)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def double(calls):
    def double(x):
        calls.append(x)
        return x * 2

    return double
