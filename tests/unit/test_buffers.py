"""Memory has one digest however it lies: cut, offset, strided, masked; and no two share one."""

from __future__ import annotations

import datetime
import decimal
import itertools
import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from nbcache.heap.kinds import buffers
from nbcache.heap.kinds.arrow_arrays import arrow_content
from nbcache.heap.kinds.buffers import content, content_in_order, masked_content, texts
from nbcache.heap.kinds.lent_places import places_of
from nbcache.heap.walk import Walk

DTYPES = ["f4", "c8", "c16", "M8[s]", "S7", "U3", "?", "i1", [("a", "i1"), ("b", "f8")], "V3"]

DAY = datetime.datetime(2020, 1, 1)
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "int64": (pa.int64(), [1, None, 3, 4, -1, 2**60] * 5),
    "int8": (pa.int8(), [1, None, 3] * 5),
    "bool": (pa.bool_(), [True, False, None, True] * 11),
    "string": (pa.string(), ["a", None, "", "bcd", "é" * 5] * 9),
    "large_string": (pa.large_string(), ["a", None, "", "bcd"] * 9),
    "string_view": (pa.string_view(), ["a", None, "longer than twelve bytes"] * 6),
    "binary": (pa.binary(), [b"x", b"", None, b"\0"] * 8),
    "fixed": (pa.binary(3), [b"abc", None, b"abd"] * 8),
    "decimal": (pa.decimal128(10, 2), [decimal.Decimal("1.20"), None, decimal.Decimal(7)] * 7),
    "timestamp": (pa.timestamp("us", "UTC"), [DAY, None, DAY.replace(hour=1)] * 8),
    "interval": (pa.month_day_nano_interval(), [None, (1, 2, 3), (1, 2, 4)] * 6),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), ["a", "b", None, "a"] * 6),
    "list of dictionaries": (
        pa.list_(pa.dictionary(pa.int8(), pa.string())),
        [["a"], [], None, ["b", None]] * 3,
    ),
    "list": (pa.list_(pa.string()), [["a"], [], None, ["b", None]] * 6),
    "struct": (pa.struct([("x", pa.int32())]), [{"x": 1}, None, {"x": None}] * 6),
}


def in_pieces(values: list[Any], kind: Any, seed: int) -> Any:
    """Return the values in chunks, each a slice of an array with something else around it."""
    draws = np.random.default_rng(seed)
    cuts = [0, *sorted(draws.integers(0, len(values) + 1, 3)), len(values)]
    chunks = []
    for start, end in itertools.pairwise(cuts):
        around = int(draws.integers(0, 11))
        before, after = [values[0]] * around, [values[-1]] * around
        whole = pa.array([*before, *values[start:end], *after], type=kind)
        chunks.append(whole.slice(around, end - start))
    return pa.chunked_array(chunks, type=kind)


@pytest.mark.parametrize("name", COLUMNS)
def test_chunks_and_offsets_of_arrow_data_do_not_count(name: str) -> None:
    """However a column is cut, its digest is that of one array, and another one's differs."""
    kind, mixed = COLUMNS[name]
    for values in (mixed, [one for one in mixed if one is not None]):
        expected = arrow_content(pa.array(values, type=kind))
        for seed in range(12):
            assert arrow_content(in_pieces(values, kind, seed)) == expected
        for place in range(1, len(values)):
            changed = [*values[:place], values[0], *values[place + 1 :]]
            if changed != values:
                assert arrow_content(pa.array(changed, type=kind)) != expected
        assert arrow_content(pa.array(values[1:], type=kind)) != expected


def test_what_lies_under_nulls_does_not_count() -> None:
    """Two columns with other numbers or texts under a null are the same."""
    there = pa.py_buffer(b"\x05")
    one, other = (np.array([1, under, 3]) for under in (2, 9))
    numbers = [pa.Array.from_buffers(pa.int64(), 3, [there, pa.py_buffer(n)]) for n in (one, other)]
    assert arrow_content(numbers[0]) == arrow_content(numbers[1])
    ends = pa.py_buffer(np.array([0, 1, 2, 3], np.int32))
    texts_ = [
        pa.Array.from_buffers(pa.string(), 3, [there, ends, pa.py_buffer(text)])
        for text in (b"axb", b"ayb")
    ]
    assert arrow_content(texts_[0]) == arrow_content(texts_[1])
    mask = np.array([False, True, False])
    assert masked_content(one, mask) == masked_content(other, mask) == content(one * ~mask)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_strided_memory_has_the_digest_of_its_copy(dtype: Any) -> None:
    """Views with steps, from the end, transposed, empty or spread out are read in order."""
    array = np.zeros((4, 6, 2), dtype)
    raw = array.view(np.uint8)
    raw[...] = np.random.default_rng(0).integers(0, 2, raw.shape)
    turned = array.transpose(2, 0, 1)
    for view in (array[::2], array[:, ::2], array[..., 0], turned[::2], array[::-1], array[:0]):
        assert content_in_order(view) == content(np.ascontiguousarray(view))
    assert content_in_order(np.broadcast_to(array[0, 0, 0], (3, 3))) != content(array)
    assert content(turned) == content(array)


def test_large_memory_has_one_digest_in_leaves_and_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Leaves on threads, without threads, and parts that come one by one agree."""
    monkeypatch.setattr(buffers, "LARGE_BYTES", 1 << 16)
    monkeypatch.setattr(buffers, "LEAF_BYTES", 1 << 12)
    values = np.random.default_rng(0).random((3, 10_007))
    row = values[1]
    expected = content(row)
    assert content(values.T.copy()[:, 1]) == expected
    assert arrow_content(pa.chunked_array([row[:7], row[7:5000], row[5000:]])) == expected
    assert arrow_content(pa.array(row)) == expected
    monkeypatch.setattr(buffers.os, "cpu_count", lambda: 1)
    assert content(row) == expected
    row[9_000] += 1
    assert content(row) != expected


def test_a_large_leaf_count_of_whole_leaves_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that ends exactly with a leaf has the same digest in one piece and in parts."""
    monkeypatch.setattr(buffers, "LARGE_BYTES", 1 << 13)
    monkeypatch.setattr(buffers, "LEAF_BYTES", 1 << 12)
    row = np.arange(1 << 11)
    assert content(row) == arrow_content(pa.chunked_array([row[:5], row[5:]]))


def test_strided_memory_is_read_without_a_copy() -> None:
    """A gathered view takes less than a megabyte, whatever its shape."""
    array = np.zeros((2, 1 << 22))
    for view in (array[:, ::2], array[::-1], array.T[::2], array.reshape(-1)[::3]):
        tracemalloc.start()
        content(view)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20


def test_dictionaries_and_runs_count_by_what_they_stand_for() -> None:
    """Arrow columns with other dictionaries, or other lengths of runs, differ."""
    values = [pa.array(one) for one in (["a", "b"], ["a", "c"], [["a"], []])]
    encoded = [pa.DictionaryArray.from_arrays(pa.array([0, 1]), one) for one in values]
    made = [
        pa.RunEndEncodedArray.from_arrays(pa.array(ends), values[0]) for ends in ([1, 3], [2, 3])
    ]
    nested = [pa.StructArray.from_arrays([one], ["x"]) for one in encoded]
    found = [arrow_content(one) for one in [*encoded, *made, *nested]]
    assert len(set(found)) == len(found)
    pieces = pa.chunked_array(
        [one.dictionary_encode() for one in (pa.array(["a"]), pa.array(["b"]))]
    )
    assert arrow_content(pieces) == arrow_content(values[0].dictionary_encode())
    assert arrow_content(pa.chunked_array([encoded[2][:1], encoded[2][1:]])) is not None


def test_only_plain_strings_are_read_as_texts() -> None:
    """Strings with zeros, of other classes, or among other values go the slow way."""

    def vector(*values: Any) -> Any:
        found = np.empty(len(values), object)
        found[:] = values
        return found

    assert texts(vector("a", "b", "\ud800é")) is not None
    assert len({texts(vector(*one)) for one in [("ab", ""), ("a", "b"), ("", "ab"), ("ab",)]}) == 4
    for odd in ("b\0", np.str_("b"), None, b"b", 1):
        assert texts(vector("a", odd)) is None
    one, other = (Walk({}).fingerprint("", vector(*v)) for v in [("a\0b", "c"), ("a", "b\0c")])
    assert one != other


@pytest.mark.parametrize(
    "made",
    [
        lambda s: s,
        lambda s: s.replace(1.0, None),
        lambda s: pl.DataFrame({"a": s}).select(pl.when(pl.col("a") > 2).then(pl.col("a")))["a"],
        lambda s: s.implode(),
        lambda s: s.reshape((3, 2)),
        lambda s: pl.DataFrame({"a": s}).to_struct("b"),
    ],
)
def test_where_series_over_an_array_lie_is_known_without_arrow(made: Any) -> None:
    numbers = np.arange(6.0)
    start = numbers.__array_interface__["data"][0]
    assert list(places_of(made(pl.Series(numbers)))) == [(start, numbers.nbytes)]


def test_polars_series_of_any_type_have_fingerprints() -> None:
    """Series of any type differ by their values alone: how they are chunked is nothing."""
    series = [
        pl.Series("a", values, dtype)
        for dtype, *choices in [
            (pl.List(pl.Int64), [[1], [2]], [[1], [3]], [[1, 2], []]),
            (pl.Categorical, ["a", "b"], ["a", "c"], ["b", "a"]),
            (pl.Enum(["a", "b", "c"]), ["a", "b"], ["a", "c"]),
            (pl.Enum(["a", "b"]), ["a", "b"]),
            (pl.Decimal(10, 1), [decimal.Decimal(1)], [decimal.Decimal(2)]),
            (pl.Decimal(10, 2), [decimal.Decimal(1)]),
            (pl.Struct({"x": pl.String}), [{"x": "a"}], [{"x": "b"}], [{"x": None}], [None]),
            (pl.Binary, [b"a"], [b""], []),
            (pl.Array(pl.Int8, 2), [[1, 2]], [[2, 1]]),
            (pl.Boolean, [True, None], [True, False]),
            (pl.Datetime("us", "UTC"), [DAY], [DAY.replace(day=2)]),
            (pl.Datetime("us"), [DAY]),
        ]
        for values in choices
    ]
    found = [Walk({}).fingerprint("", one) for one in series]
    assert len(set(found)) == len(series)
    again = [
        Walk({}).fingerprint("", pl.concat([one[:1], one[1:]], rechunk=False)) for one in series
    ]
    assert again == found
