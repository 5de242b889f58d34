"""What of ours a notebook carries, and that it can be taken away."""

from __future__ import annotations

from typing import Any

from nbcache.badge import record, record_of, settings_of, status_bundle, strip_nbcache
from nbcache.events import CellEvent, State

EVENT = CellEvent(State.HIT, key="ab" * 16, cost=1.23456, stored_at=5.0, saved=1.0)


def test_strip_leaves_the_cells_own_outputs() -> None:
    """Stripping removes our displays and records, and nothing else."""
    data, metadata = status_bundle(EVENT, 10.0)
    ours = {"output_type": "display_data", "data": data, "metadata": metadata}
    own = {"output_type": "stream", "name": "stdout", "text": "hello"}
    nb: dict[str, Any] = {
        "cells": [
            {"cell_type": "code", "metadata": {"nbcache": {"ttl": 60}}, "outputs": [ours, own]},
            {"cell_type": "markdown", "metadata": {"tags": ["a"]}, "source": "text"},
        ]
    }
    assert strip_nbcache(nb) is nb
    assert nb["cells"][0] == {"cell_type": "code", "metadata": {}, "outputs": [own]}
    assert nb["cells"][1]["metadata"] == {"tags": ["a"]}


def test_a_record_holds_no_moment() -> None:
    """What a run records does not differ between two runs of an unchanged notebook."""
    metadata: dict[str, Any] = {}
    record(metadata, EVENT)
    assert metadata == {"nbcache": {"state": "hit", "key": "ab" * 16, "cost": 1.235}}


def test_a_record_lies_beside_the_users_settings() -> None:
    """Settings in a cell's metadata outlive any number of records, and come back alone."""
    metadata: dict[str, Any] = {"nbcache": {"ttl": 60, "key": "own"}}
    record(metadata, EVENT)
    record(metadata, EVENT)
    assert settings_of(metadata) == {"ttl": 60, "key": "own"}
    assert record_of(metadata) == {"state": "hit", "key": "ab" * 16, "cost": 1.235}
    record(metadata, None)
    assert metadata == {"nbcache": {"ttl": 60, "key": "own"}}


def test_no_event_leaves_no_record() -> None:
    """A cell that nbcache left alone loses the record of an earlier run."""
    metadata: dict[str, Any] = {}
    record(metadata, EVENT)
    record(metadata, None)
    assert metadata == {}
    assert record_of(metadata) == {}
    assert settings_of(metadata) is None
