"""Arrow data: pyarrow tables and arrays, polars frames and series, by value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


def arrow_content(values: Any) -> bytes:
    """Return the digest of an arrow array or chunked array by value.

    Chunking, offsets and unused memory do not count: the values go through arrow's own IPC
    writer as one fresh contiguous array.
    """
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks) if values.num_chunks else None
    if values is None or len(values) == 0:
        return b"empty"
    batch = pa.record_batch([_fresh(values)], names=["v"])
    return digest(batch.serialize())


def _fresh(values: Any) -> Any:
    """Return the values without an offset and with nothing under nulls."""
    import numpy as np
    import pyarrow as pa

    if values.offset == 0 and values.null_count == 0:
        return values
    return values.take(pa.array(np.arange(len(values))))


class ArrowKind(Kind):
    """``pyarrow`` arrays, chunked arrays, batches and tables: immutable values."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode schema or type, then the values by column."""
        import pyarrow as pa

        walk.packages.add("pyarrow")
        name = text(type(obj).__name__)
        if isinstance(obj, (pa.Table, pa.RecordBatch)):
            columns = [arrow_content(column) for column in obj.columns]
            return joined(b"pa", [name, _schema(obj.schema), str(obj.num_rows).encode(), *columns])
        return joined(b"pa", [name, text(str(obj.type)), flat(len(obj)), arrow_content(obj)])


def _schema(schema: Any) -> bytes:
    return digest(schema.serialize())


class SchemaKind(Kind):
    """``pyarrow`` schemas, fields and types."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the text and metadata."""
        meta = getattr(obj, "metadata", None)
        return frame(b"pt", text(type(obj).__name__), text(str(obj)), text(repr(meta)))


class PolarsFrameKind(Kind):
    """``polars.DataFrame``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode schema and the columns by value."""
        walk.packages.add("polars")
        columns = [_series_token(column, walk) for column in obj.get_columns()]
        return joined(b"pl", [walk.ref(type(obj)), flat(obj.height), *columns])

    def state(self, obj: Any) -> Any:
        """Return a frame that shares the columns."""
        return obj.clone()

    def patch(self, live: Any, state: Any) -> None:
        """Let the live frame show the recorded columns."""
        live._df = state._df


class PolarsSeriesKind(Kind):
    """``polars.Series``."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode name, type and values."""
        walk.packages.add("polars")
        return _series_token(obj, walk)

    def state(self, obj: Any) -> Any:
        """Return a series that shares the values."""
        return obj.clone()

    def patch(self, live: Any, state: Any) -> None:
        """Let the live series show the recorded values."""
        live._s = state._s


def _series_token(series: Any, walk: Walk) -> bytes:
    import polars as pl

    head = [text(series.name), text(repr(series.dtype)), flat(len(series))]
    if series.dtype == pl.Object:
        return joined(b"po", [*head, *map(walk.ref, series.to_list())])
    plain = series.rechunk()
    if series.dtype.is_nested() or series.dtype in (pl.Categorical, pl.Enum, pl.Decimal):
        return joined(
            b"ps",
            [
                *head,
                digest(repr(plain.hash(1, 2, 3, 4).to_list()).encode()),
                flat(repr(plain.to_list())),
            ],
        )
    mask = plain.is_null()
    if mask.any():
        head.append(digest(mask.cast(pl.UInt8).to_numpy().tobytes()))
        plain = plain.drop_nulls()
    if series.dtype in (pl.String, pl.Binary):
        return joined(b"ps", [*head, flat(plain.to_list())])
    return joined(b"ps", [*head, digest(plain.to_physical().to_numpy().tobytes())])


class PolarsTypeKind(Kind):
    """Polars data types."""

    by_value = True
    stable = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode the text."""
        return frame(b"pd", text(repr(obj)))


def refresh() -> None:
    """Register the kinds of what the package has loaded so far."""
    pa = sys.modules.get("pyarrow")
    if pa is not None and hasattr(pa, "Table"):
        register(ArrowKind(), bases=(pa.Array, pa.ChunkedArray, pa.Table, pa.RecordBatch))
        register(SchemaKind(), bases=(pa.Schema, pa.Field, pa.DataType))
    pl = sys.modules.get("polars")
    if pl is not None and hasattr(pl, "DataFrame"):
        register(PolarsFrameKind(), pl.DataFrame)
        register(PolarsSeriesKind(), pl.Series)
        register(PolarsTypeKind(), bases=(pl.DataType,))
