"""Arrow arrays by their buffers: the same digest however they are cut, offset or filled up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nbcache.errors import NotFingerprintable
from nbcache.heap.kinds.buffers import BLOCK_BYTES, Stream, add_kept, whole
from nbcache.heap.tokens import digest, joined

_types = pa.types
_ITEMS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def arrow_content(values: Any) -> bytes:
    """Return the digest of an arrow array or chunked array by value.

    Chunks, offsets, and what lies under nulls do not count.

    Raises:
        NotFingerprintable: arrow itself can't read such values.
    """
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    chunks = [chunk for chunk in chunks if len(chunk)]
    if not chunks:
        return b"empty"
    try:
        return _content(chunks)
    except pa.ArrowException as problem:
        raise NotFingerprintable(f"holds arrow data that can't be read ({problem})") from None


def _content(chunks: list[Any]) -> bytes:
    read = _reader_of(chunks[0].type)
    nulls = sum(chunk.null_count for chunk in chunks)
    if not nulls or read in _READ_NULLS:
        return read(chunks)
    validity = _bits([(chunk.buffers()[0], chunk.offset, len(chunk)) for chunk in chunks])
    if read is _fixed and chunks[0].type.bit_width in _ITEMS:
        return joined(b"?", [validity, _fixed_with_nulls(chunks)])
    present = [chunk.drop_null() for chunk in chunks if chunk.null_count < len(chunk)]
    return joined(b"?", [validity, read(present) if present else b""])


def _reader_of(kind: Any) -> Callable[[list[Any]], bytes]:
    if isinstance(kind, pa.BaseExtensionType):
        return _extensions
    if _types.is_dictionary(kind):
        return _dictionaries
    if _types.is_boolean(kind):
        return _booleans
    if any(test(kind) for test in _VARIABLE):
        return _variable
    if _types.is_primitive(kind) or _types.is_decimal(kind) or _types.is_fixed_size_binary(kind):
        return _fixed
    return _written


_VARIABLE = (_types.is_string, _types.is_large_string, _types.is_binary, _types.is_large_binary)


def _fixed(chunks: list[Any]) -> bytes:
    """Return the digest of values of one width, which lie side by side."""
    if len(chunks) == 1:
        return whole(_memory(chunks[0]))
    stream = Stream(sum(len(_memory(chunk)) for chunk in chunks))
    for chunk in chunks:
        stream.add(_memory(chunk))
    return stream.digest()


def _fixed_with_nulls(chunks: list[Any]) -> bytes:
    """Return the same with zeros for nulls."""
    item: Any = _ITEMS[chunks[0].type.bit_width]
    stream = Stream(sum(len(_memory(chunk)) for chunk in chunks))
    for chunk in chunks:
        there = _unpacked(chunk.buffers()[0], chunk.offset, len(chunk))
        add_kept(stream, np.frombuffer(_memory(chunk), item), there)
    return stream.digest()


def _memory(chunk: Any) -> memoryview:
    """Return the bytes of a chunk of values of one width."""
    width = chunk.type.bit_width // 8
    start = chunk.offset * width
    return memoryview(chunk.buffers()[1])[start : start + len(chunk) * width]


def _variable(chunks: list[Any]) -> bytes:
    """Return the digest of texts or bytes: where each one ends, and all of them end to end."""
    is_wide = _types.is_large_string(chunks[0].type) or _types.is_large_binary(chunks[0].type)
    parts = [_text_parts(chunk, np.uint64 if is_wide else np.uint32) for chunk in chunks]
    ends = Stream(sum(offsets[1:].nbytes for offsets, _ in parts))
    data = Stream(sum(len(memory) for _, memory in parts))
    before = 0
    for offsets, memory in parts:
        _add_ends(ends, offsets, before)
        data.add(memory)
        before += len(memory)
    return joined(b"e", [ends.digest(), data.digest()])


def _text_parts(chunk: Any, number: Any) -> tuple[Any, memoryview]:
    """Return the offsets of a chunk of texts, and the bytes that they point into."""
    _, offsets, data = chunk.buffers()
    start = chunk.offset * np.dtype(number).itemsize
    found = np.frombuffer(offsets, number, len(chunk) + 1, start)
    memory = memoryview(b"" if data is None else data)
    return found, memory[int(found[0]) : int(found[-1])]


def _add_ends(stream: Stream, offsets: Any, before: int) -> None:
    """Add where texts end, counted from the first chunk's start; numbers wrap around."""
    moved = (before - int(offsets[0])) % (1 << 8 * offsets.itemsize)
    step = BLOCK_BYTES // offsets.itemsize if moved else len(offsets)
    for start in range(1, len(offsets), step):
        part = offsets[start : start + step]
        stream.add((part + offsets.dtype.type(moved) if moved else part).view(np.uint8))


def _booleans(chunks: list[Any]) -> bytes:
    return _bits([(chunk.buffers()[1], chunk.offset, len(chunk)) for chunk in chunks])


def _bits(parts: Sequence[tuple[Any, int, int]]) -> bytes:
    """Return the digest of bitmaps end to end, from offset and length; None stands for ones."""
    bitmap, offset, count = parts[0]
    if len(parts) == 1 and bitmap is not None and offset % 8 == 0:
        packed = np.frombuffer(bitmap, np.uint8)[offset // 8 :]
    else:
        packed = np.packbits(np.concatenate([_unpacked(*part) for part in parts]), None, "little")
        count = sum(part[2] for part in parts)
    last = int(packed[count // 8]) & ((1 << count % 8) - 1) if count % 8 else 0
    return joined(b"b", [digest(packed[: count // 8]), b"%d:%d" % (count, last)])


def _unpacked(bitmap: Any, offset: int, count: int) -> Any:
    """Return a byte for each bit."""
    if bitmap is None:
        return np.ones(count, np.uint8)
    packed = np.frombuffer(bitmap, np.uint8)[offset // 8 : (offset + count + 7) // 8]
    return np.unpackbits(packed, None, None, "little")[offset % 8 : offset % 8 + count]


def _dictionaries(chunks: list[Any]) -> bytes:
    """Return the digest of encoded values: which one each is, and what they are."""
    if len(chunks) > 1:
        if _types.is_nested(chunks[0].type.value_type):  # which arrow can't unify
            return _content([chunk.dictionary_decode() for chunk in chunks])
        chunks = pa.chunked_array(chunks).unify_dictionaries().chunks
    indices = _content([chunk.indices for chunk in chunks])
    return joined(b"d", [indices, arrow_content(chunks[0].dictionary)])


def _extensions(chunks: list[Any]) -> bytes:
    return _content([chunk.storage for chunk in chunks])


def _written(chunks: list[Any]) -> bytes:
    """Return the digest of nested values as arrow itself writes them, in one fresh array."""
    together = pa.concat_arrays(chunks) if len(chunks) > 1 else chunks[0]
    if hasattr(together, "run_ends"):
        from pyarrow import compute

        return _content([compute.run_end_decode(together)])
    kind = _PLAIN.get(str(together.type))
    if kind is not None:
        return _content([together.cast(kind)])
    if together.offset or together.null_count:
        together = together.take(pa.array(np.arange(len(together))))
    batch = pa.record_batch([together], names=["v"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:  # with the dictionaries inside of it
        writer.write_batch(batch)
    return digest(sink.getvalue())


_PLAIN = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}
_READ_NULLS = (_dictionaries, _extensions, _written)
