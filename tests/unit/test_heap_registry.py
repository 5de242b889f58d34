"""Which kind knows a class does not depend on the libraries that were seen before."""

from __future__ import annotations

import importlib

import pytest

from nbcache.heap import registry


@pytest.mark.parametrize("package", sorted(registry.FAMILIES))
def test_a_library_registers_its_own_classes_alone(package: str) -> None:
    """A class of the standard library or of Python keeps its kind when a library is seen."""
    pytest.importorskip(package)
    if package == "patsy":
        importlib.import_module("patsy.highlevel")
    registry.kind_of(list)  # which loads the common ones
    before = {**registry.EXACT, **registry.BASES, **registry.FIRST}
    module = importlib.import_module(registry.FAMILIES[package])
    getattr(module, "refresh", lambda: None)()
    after = {**registry.EXACT, **registry.BASES, **registry.FIRST}
    moved = {kind for kind, family in before.items() if type(after[kind]) is not type(family)}
    foreign = {"builtins", "io", "_io", "collections"} - {package}
    assert not {kind for kind in moved if kind.__module__.partition(".")[0] != package}
    assert not {kind for kind in set(after) - set(before) if kind.__module__ in foreign}
