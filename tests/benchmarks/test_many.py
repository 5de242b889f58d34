"""A store of 100,000 entries answers about as quickly as one of ten."""

from __future__ import annotations

import json
import sys

import pytest
from many import measure, ratios, table
from measuring import ARTEFACTS

ENTRIES = 100_000
MOST = {"hit, to one of ten": 1.5, "look-up, to diskcache's": 3.0}
LEAST = 40.0
"""How many times as quick as joblib's own limits totals, scans, lists and removals must be."""


@pytest.mark.timeout(3600)
def test_many_entries_cost_little(tmp_path):
    """A hit costs at most 1.5 times one of ten entries; joblib's limits take many times as long."""
    found = measure(ENTRIES, tmp_path)
    sys.stdout.write(table(found, ENTRIES) + "\n")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    (ARTEFACTS / "many.json").write_text(json.dumps(found, indent=1))
    told = ratios(found)
    for name, ratio in told.items():
        if "joblib" in name:
            assert ratio >= LEAST, name
        else:
            assert ratio <= MOST.get(name, ratio), name
