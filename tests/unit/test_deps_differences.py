"""What differs between two runs' late dependencies."""

from __future__ import annotations

from nbcache.deps.differences import late_differences


def test_every_kind_of_dependency_is_told() -> None:
    """Files, listings, modules, versions, variables, options and streams have their sentence."""
    old = {
        "names": {"q": "1", "r": "1"},
        "files": {"read": {"a.csv": [1, "x"]}, "listed": {"d": {"names": "1"}}},
        "modules": {"local": {"m": ["1", "m.py"]}, "versions": {"numpy": None}},
        "ambient": {
            "environment": {"read": {"TOKEN": "1"}},
            "pandas": {"changed": {"display.max_rows": 5}},
        },
        "randomness": {"python": "1", "numpy": "2"},
    }
    new = {
        "names": {"q": "2", "r": "1"},
        "files": {"read": {"a.csv": [1, "y"]}, "listed": {"d": {"names": "2"}}},
        "modules": {"local": {"m": ["2", "m.py"]}, "versions": {"numpy": "2.1"}},
        "ambient": {
            "environment": {"read": {"TOKEN": "2"}},
            "pandas": {"changed": {}},
        },
        "randomness": {"python": "2", "numpy": "2"},
    }
    assert late_differences(old, new) == [
        "`q` changed",
        "numpy not installed → 2.1",
        "`m.py` was edited",
        "`a.csv` changed on disk",
        "the contents of the folder `d` changed",
        "environment variable `TOKEN` changed",
        "pandas option display.max_rows changed",
        "the `random` stream was at another position",
    ]
    assert late_differences(old, old) == []
    assert late_differences({}, new) == []
