"""What a stored stream calls to build polars objects again; names here are part of the format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def make_polars_frame(table: Any, descending: Mapping[str, bool]) -> Any:
    """Return the frame over an arrow table's memory; ``descending`` names what is sorted."""
    import polars as pl

    frame: Any = pl.from_arrow(table, rechunk=False)
    columns = [
        column.set_sorted(descending=descending[column.name])
        if column.name in descending
        else column
        for column in frame.get_columns()
    ]
    return pl.DataFrame(columns)


def make_polars_series(table: Any, descending: Mapping[str, bool], name: str | None = None) -> Any:
    """Return the series over the one column of an arrow table, under its own or another name."""
    series = make_polars_frame(table, descending).to_series(0)
    return series if name is None else series.rename(name)


def make_buffer(view: Any) -> Any:
    """Return arrow's buffer over the memory of an array of bytes."""
    import pyarrow as pa

    return pa.py_buffer(view)
