"""Arrow data: pyarrow tables and arrays, polars frames and series, by value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.walk import Walk


class ArrowKind(Kind):
    """``pyarrow`` arrays, chunked arrays, batches and tables: immutable values."""

    by_value = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode schema or type, then the values by column."""
        import pyarrow as pa

        from nbcache.heap.kinds.arrow_arrays import arrow_content

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
    try:
        return joined(b"ps", [*head, _series_content(series)])
    except ImportError:
        return joined(b"ps", [*head, _listed(series)])


def _series_content(series: Any) -> bytes:
    """Return the digest of a series through its arrow buffers; an encoded text is its text."""
    import polars as pl

    from nbcache.heap.kinds.arrow_arrays import arrow_content

    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    return arrow_content(series.to_arrow())


def _listed(series: Any) -> bytes:
    """Return the same without pyarrow, which only then differs."""
    plain = series.rechunk()
    if not plain.dtype.is_numeric() or plain.null_count():
        return flat(repr(plain.to_list()))
    return digest(plain.to_numpy().tobytes())


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
