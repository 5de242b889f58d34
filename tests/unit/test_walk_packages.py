"""A walk knows the libraries of every value that it meets: their versions and options count."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbcache.heap.walk import Walk


@pytest.mark.parametrize(
    ("value", "packages"),
    [
        (np.arange(3), {"numpy"}),
        (np.float64(1), {"numpy"}),
        ([np.float32(1)] * 3, {"numpy"}),
        ({np.int64(1): 2}, {"numpy"}),
        (np.dtype("i4"), {"numpy"}),
        (pd.Timestamp(0), {"pandas"}),
        ({"a": [pd.Timedelta(1)]}, {"pandas"}),
        (pd.Series([1]), {"pandas"}),
        (decimal.Decimal(1), {"decimal"}),
        ([1, "a", {2.5: None}], set()),
    ],
)
def test_every_value_brings_its_library(value: Any, packages: set[str]) -> None:
    """Values without identity count as well as objects do."""
    walk = Walk({"v": value})
    walk.need("v")
    walk.run()
    assert walk.packages == packages
