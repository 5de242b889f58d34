"""Arrow data: pyarrow tables and arrays, polars frames and series, by value."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild_tables
from nbcache.heap.kinds.instance import ReducedKind
from nbcache.heap.kinds.lent_memory import SHARES, BufferKind, has_lent, is_any_known, is_lent
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import digest, flat, frame, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
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

    is_noted = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode schema and the columns by value."""
        walk.packages.add("polars")
        columns = [_series_token(column, walk) for column in obj.get_columns()]
        return joined(b"pl", [walk.ref(type(obj)), flat(obj.height), *columns])

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store a large frame by its memory, where arrow's layout says all about it."""
        parts = as_arrow(obj, dump)
        return NotImplemented if parts is None else (rebuild_tables.make_polars_frame, parts)

    def state(self, obj: Any) -> Any:
        """Return a frame that shares the columns."""
        return obj.clone()

    def patch(self, live: Any, state: Any) -> None:
        """Let the live frame show the recorded columns."""
        live._df = state._df


class PolarsSeriesKind(Kind):
    """``polars.Series``."""

    is_noted = True

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode name, type and values."""
        walk.packages.add("polars")
        return _series_token(obj, walk)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Store a large series as a frame of one column."""
        parts = as_arrow(obj.rename("values").to_frame(), dump)
        if parts is None:
            return NotImplemented
        return rebuild_tables.make_polars_series, (*parts, obj.name)

    def state(self, obj: Any) -> Any:
        """Return a series that shares the values."""
        return obj.clone()

    def patch(self, live: Any, state: Any) -> None:
        """Let the live series show the recorded values."""
        live._s = state._s


LEAST_BYTES = 1 << 20
"""Smaller polars objects are left to polars, which needs no pyarrow for them."""

_PLAIN = frozenset(
    ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32",
     "Float64", "Boolean", "String", "Binary", "Date", "Time", "Datetime", "Duration")
)  # fmt: skip
"""Types of which arrow's layout says all."""


_VIEW_BYTES = 16
"""What arrow keeps for each text besides its bytes."""


def as_arrow(table: Any, dump: Dump) -> tuple[Any, dict[str, bool]] | None:
    """Return a polars frame's memory as an arrow table, and which columns are known as sorted.

    None for a small frame with memory of its own, for types that arrow does not tell apart, and
    where the memory holds much more than the frame shows.
    """
    import polars as pl

    size = table.estimated_size()
    if size < LEAST_BYTES and "numpy" not in sys.modules:
        return None
    if not _is_plain(table):
        _refuse_lent(table, dump)
        return None
    try:
        found = table.to_arrow(compat_level=pl.CompatLevel.newest())
    except ImportError:
        _refuse_lent(table, dump)
        return None
    is_shared = is_lent(found.columns, dump)
    if not is_shared and size < LEAST_BYTES:
        return None
    again: Any = pl.from_arrow(found, rechunk=False)
    texts = sum(kind.base_type().__name__ in ("String", "Binary") for kind in table.dtypes)
    shown = size + texts * table.height * _VIEW_BYTES
    if again.schema != table.schema or found.get_total_buffer_size() > 1.25 * shown:
        if is_shared:
            raise NotStorable(SHARES)
        return None
    flags = {column.name: column.flags for column in table.get_columns()}
    descending = {
        name: flag["SORTED_DESC"]
        for name, flag in flags.items()
        if flag["SORTED_ASC"] or flag["SORTED_DESC"]
    }
    return found, descending


def _is_plain(table: Any) -> bool:
    return all(kind.base_type().__name__ in _PLAIN for kind in table.dtypes)


def _refuse_lent(table: Any, dump: Dump) -> None:
    """Refuse a frame that polars would store as a copy, though it shows an array's memory."""
    if "numpy" in sys.modules and has_lent(table.get_columns(), dump):
        raise NotStorable(SHARES)


def _series_token(series: Any, walk: Walk) -> bytes:
    import polars as pl

    head = [text(series.name), text(repr(series.dtype)), flat(len(series))]
    if not is_said_rightly(series):
        head.append(text(repr(series.flags)))
    if series.dtype == pl.Object:
        return joined(b"po", [*head, *map(walk.ref, series.to_list())])
    try:
        return joined(b"ps", [*head, _series_content(series)])
    except ImportError:
        return joined(b"ps", [*head, _listed(series)])


def is_said_rightly(series: Any) -> bool:
    """Tell whether a series is sorted if it was told to be: it is computed with as if it were."""
    flags = series.flags
    if len(series) < 2 or not (flags["SORTED_ASC"] or flags["SORTED_DESC"]):
        return True
    if series.null_count():  # where the missing ones may stand is no matter of order
        return False
    before, after = series[:-1], series[1:]
    try:
        return not (before > after if flags["SORTED_ASC"] else before < after).any()
    except Exception:  # nothing compares values of this type
        return False


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


class PolarsPlanKind(ReducedKind):
    """``polars.LazyFrame`` and ``polars.Expr``: plans, with the data that they hold."""

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Refuse one that holds data where a known array may lie below them; who knows.

        And one that calls Python: polars would bring back a copy of the function.
        """
        if _CALLS_PYTHON.search(_serialized(obj)):
            raise NotStorable(
                "calls a Python function, of which a copy would come back; make it in a cell of"
                " its own, or keep the frame that it gives"
            )
        if "numpy" in sys.modules and is_any_known(dump) and _holds_data(obj):
            raise NotStorable("may show the memory of an array; keep its frame instead")
        return super().reduce(obj, dump)


_CALLS_PYTHON = re.compile(rb"PLPYUDF|PYTHON_UDF|cloudpickle|PythonUdf|\x80\x05\x95")
"""What a plan's own bytes hold where they hold a pickled function."""


def _serialized(plan: Any) -> bytes:
    """Return a plan's own bytes; what has none calls something that polars cannot write."""
    try:
        given = plan.meta if hasattr(plan, "meta") else plan
        return bytes(given.serialize())
    except Exception:
        return b"cloudpickle"


def _holds_data(plan: Any) -> bool:
    explain = getattr(plan, "explain", None)
    return "Series" in str(plan) if explain is None else "DF [" in explain(optimized=False)


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
        register(BufferKind(), pa.Buffer)
    pl = sys.modules.get("polars")
    if pl is not None and hasattr(pl, "DataFrame"):
        register(PolarsFrameKind(), pl.DataFrame)
        register(PolarsSeriesKind(), pl.Series)
        register(PolarsTypeKind(), bases=(pl.DataType,))
        register(PolarsPlanKind(), bases=(pl.LazyFrame, pl.Expr))
