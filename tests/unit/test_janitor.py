"""The janitor of one kernel: when it works, and how it lets cells pass."""

import types

import pytest

from nbcache.janitor import IDLE_S, Janitor


class Loop:
    """An event loop whose time moves by hand."""

    def __init__(self):
        self.waiting = []

    def add_callback(self, call, *args):
        call(*args)

    def call_later(self, seconds, call, *args):
        self.waiting.append((seconds, call, args))

    def turn(self):
        seconds, call, args = self.waiting.pop(0)
        call(*args)
        return seconds


class Store:
    """A store whose round of upkeep has four steps, each longer than a slice."""

    def __init__(self, clock):
        self.done, self.closed, self.rounds, self.clock = 0, 0, 0, clock

    def upkeep(self, bounds, now):
        self.rounds += 1
        self.bounds = bounds
        try:
            for _ in range(4):
                self.done += 1
                self.clock.now += 1
                yield
        finally:
            self.closed += 1


@pytest.fixture
def made(monkeypatch, clock):
    """A janitor with what it hangs on."""
    store, hooks, loop = Store(clock), {}, Loop()
    shell = types.SimpleNamespace()
    shell.events = types.SimpleNamespace(
        register=hooks.__setitem__, unregister=lambda name, call: hooks.pop(name)
    )
    extension = types.SimpleNamespace(
        shell=shell,
        listeners=[],
        is_in_use=True,
        settings=types.SimpleNamespace(read_only=False),
        asking=types.SimpleNamespace(layers=list),
    )
    stores = types.SimpleNamespace(opened=[object(), store])
    extension.session = types.SimpleNamespace(shelf=types.SimpleNamespace(stores=stores))
    kernel = types.SimpleNamespace(io_loop=loop)
    monkeypatch.setattr("nbcache.janitor.time.perf_counter", clock)
    monkeypatch.setattr("nbcache.janitor.time.monotonic", clock)
    janitor = Janitor(extension, kernel)
    janitor.open()
    return types.SimpleNamespace(**locals())


def test_it_works_in_slices_and_stops_for_a_cell(made):
    """Nothing runs while a cell does; a round that a cell cuts short lets go of all it has."""
    made.hooks["pre_execute"]()
    made.hooks["post_execute"]()
    assert made.loop.turn() == IDLE_S
    assert made.store.done == 1
    made.loop.turn()
    assert (made.store.done, made.store.closed) == (2, 0)
    made.hooks["pre_execute"]()
    assert made.store.closed == 1
    made.loop.turn()
    assert made.store.done == 2
    made.hooks["post_execute"]()
    while made.loop.waiting:
        made.loop.turn()
    assert (made.store.done, made.store.rounds, made.store.closed) == (6, 2, 2)
    assert made.store.bounds.expired_for > 0


def test_it_rests_until_something_was_stored(made):
    """Without news there is no second round; a cell that stored, or ten minutes, bring one."""

    def idle():
        made.hooks["post_execute"]()
        while made.loop.waiting:
            made.loop.turn()
        return made.store.rounds

    assert [idle(), idle()] == [1, 1]
    made.extension.listeners[0](types.SimpleNamespace(is_served=True))
    assert idle() == 1
    made.extension.listeners[0](types.SimpleNamespace(is_served=False))
    assert idle() == 2
    made.clock.now += 601
    assert idle() == 3
    made.janitor.close()
    assert (made.hooks, made.extension.listeners) == ({}, [])


@pytest.mark.parametrize("why", ["unused", "read_only", "broken"])
def test_it_leaves_stores_alone(made, why):
    """A kernel that caches nothing or may not write has no janitor; a broken store is no error."""
    made.extension.is_in_use = why != "unused"
    made.extension.settings.read_only = why == "read_only"
    if why == "broken":
        made.store.upkeep = lambda bounds, now: 1 / 0
    made.hooks["post_execute"]()
    made.loop.turn()
    assert (made.store.done, made.loop.waiting) == (0, [])
