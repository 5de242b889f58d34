"""Recalling a whole notebook's run, without a kernel."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nbcache.deps.file_looks import content_of
from nbcache.deps.outside import Outside
from nbcache.entry import Body, Entry
from nbcache.lineage import (
    NotRecalled,
    Step,
    drop_lineages,
    keep_lineage,
    lineage_key,
    notebook_identity,
    recall,
    surroundings_of,
)
from nbcache.store.local import LocalStore

KEY, OTHER = "ab" * 16, "cd" * 16
NOW = 1_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", b"k" * 32)


def _entry(key: str = OTHER, late: dict[str, Any] | None = None, **more: Any) -> Entry:
    entry = Entry(key, "0" * 16, NOW, None, 2.0, late=late or {}, parts={"source": "s"})
    return replace(entry, **more)


def _keep(store: LocalStore, *entries: Entry, expires_at: float | None = None) -> None:
    for entry in entries:
        store.put(entry, Body(b"values"))
    steps = [
        Step(number, f"cell {number}", entry.key, entry.variant, expires_at)
        for number, entry in enumerate(entries, 1)
    ]
    keep_lineage(store, KEY, steps, b"the notebook", notebook="a.ipynb", now=NOW)


def _recall(store: LocalStore, folder: Path, now: float = NOW + 1) -> Any:
    return recall(store, KEY, Outside(str(folder)), now)


def test_an_unchanged_notebook_is_recalled(store: LocalStore, tmp_path: Path) -> None:
    """A run whose entries are there and hold is given with the bytes that it left."""
    _keep(store, _entry())
    found = _recall(store, tmp_path)
    assert found.body == b"the notebook"
    assert [(step.number, entry.cost) for step, entry in found.steps] == [(1, 2.0)]


def test_nothing_stored_is_not_recalled(store: LocalStore, tmp_path: Path) -> None:
    """A notebook that never ran as a whole has to run."""
    with pytest.raises(NotRecalled, match="no run"):
        _recall(store, tmp_path)


def test_a_missing_entry_is_not_recalled(store: LocalStore, tmp_path: Path) -> None:
    """When one cell's entry was removed, the notebook runs, and its lineage can go too."""
    _keep(store, _entry())
    store.remove(_entry())
    with pytest.raises(NotRecalled, match="cell 1 is gone"):
        _recall(store, tmp_path)
    drop_lineages(store, [_entry().name])
    assert list(store.entries()) == []


@pytest.mark.parametrize("by", ["entry", "step"])
def test_an_expired_entry_is_not_recalled(store: LocalStore, tmp_path: Path, by: str) -> None:
    """The shorter of the stored time and the one that was asked for counts."""
    ttl, moment = (10.0, None) if by == "entry" else (None, NOW + 10)
    _keep(store, _entry(ttl=ttl), expires_at=moment)
    assert _recall(store, tmp_path, NOW + 9)
    with pytest.raises(NotRecalled, match="expired"):
        _recall(store, tmp_path, NOW + 11)


def test_a_changed_file_is_not_recalled(store: LocalStore, tmp_path: Path) -> None:
    """Files are compared in the notebook's folder, wherever the command runs."""
    (tmp_path / "data.txt").write_text("one")
    digest = content_of(str(tmp_path / "data.txt"))
    _keep(store, _entry(late={"files": {"read": {"data.txt": digest}}}))
    here = os.getcwd()
    try:
        _recall(store, tmp_path)
    except NotRecalled as reason:
        pytest.fail(str(reason))
    (tmp_path / "data.txt").write_text("another")
    with pytest.raises(NotRecalled, match=r"data\.txt` changed on disk"):
        _recall(store, tmp_path)
    assert os.getcwd() == here


@pytest.mark.parametrize(
    ("late", "told"),
    [
        ({"what is this": {}}, "only a kernel"),
        ({"ambient": {"what is this": {}}}, "only a kernel"),
        ({"ambient": {"folder": {"to": "elsewhere"}}}, "working directory"),
        ({"modules": {"versions": {"no-such-distribution": "1"}}}, "no-such-distribution 1 →"),
        ({"ambient": {"environment": {"read": {"NO_SUCH": "0"}}}}, "NO_SUCH"),
    ],
)
def test_what_moved_or_is_unknown_is_not_recalled(
    store: LocalStore, tmp_path: Path, late: dict[str, Any], told: str
) -> None:
    """What differs outside, and what only a kernel could compare, makes the notebook run."""
    _keep(store, _entry(late=late))
    with pytest.raises(NotRecalled, match=told):
        _recall(store, tmp_path)


def test_states_of_a_kernel_follow_from_the_cells(store: LocalStore, tmp_path: Path) -> None:
    """Variables, streams and options need no comparison: the cells before made them."""
    late = {"names": {"x": "1"}, "randomness": {"numpy": "1"}, "ambient": {"pandas": {"a": 1}}}
    _keep(store, _entry(late=late))
    assert _recall(store, tmp_path).steps


NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3"}},
    "cells": [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# title"},
        {
            "cell_type": "code",
            "id": "c",
            "metadata": {"tags": ["a"], "nbcache": {"ttl": 60}},
            "source": ["x = 1\n", "x"],
            "outputs": [],
            "execution_count": None,
        },
    ],
}


def test_what_a_run_leaves_is_not_the_notebooks_identity() -> None:
    """Outputs, counts, records and the spelling of a source may differ; the rest may not."""
    nb = copy.deepcopy(NOTEBOOK)
    code = nb["cells"][1]
    code |= {"outputs": [{"output_type": "stream"}], "execution_count": 3, "source": "x = 1\nx"}
    code["metadata"]["nbcache"] |= {"state": "hit", "key": KEY, "cost": 1.0}
    nb["metadata"]["language_info"] = {"name": "python"}
    assert notebook_identity(nb) == notebook_identity(NOTEBOOK)
    for change in ({"source": "x = 2"}, {"id": "d"}, {"metadata": {"tags": []}}):
        other = copy.deepcopy(NOTEBOOK)
        other["cells"][1] |= change
        assert notebook_identity(other) != notebook_identity(NOTEBOOK)


def test_surroundings_count_what_a_kernel_reads_at_its_start(tmp_path: Path) -> None:
    """Python's and the locale's variables and startup files count; the store's place does not."""
    profile = tmp_path / "profile_default" / "startup"
    profile.mkdir(parents=True)
    plain = {"IPYTHONDIR": str(tmp_path), "NBCACHE_DIR": "a", "OTHER": "a"}
    key = lineage_key({}, surroundings_of("/f", plain))
    assert lineage_key({}, surroundings_of("/f", {**plain, "NBCACHE_DIR": "b"})) == key
    assert lineage_key({}, surroundings_of("/f", {**plain, "PYTHONUTF8": "1"})) != key
    assert lineage_key({}, surroundings_of("/g", plain)) != key
    (profile / "00.py").write_text("x = 1")
    assert lineage_key({}, surroundings_of("/f", plain)) != key
