"""Compression keeps every byte, is left out where it saves nothing, and never grows bombs."""

import bz2
import lzma
import os
import random
import zlib

import pytest

from nbcache.entry import Body, Entry
from nbcache.errors import CacheError, DamagedEntry, ForeignEntry
from nbcache.holding import _LENGTH, PACKED, pack, unpack
from nbcache.store.envelope import MAGIC, SMALL_MAGIC, disclose, enclose, grow, shrink
from nbcache.store.format import encode
from nbcache.store.identity import Identity
from nbcache.store.signing import load_key

CODECS = {"zlib": zlib, "lzma": lzma, "bz2": bz2}
NOISE = random.Random(0).randbytes(100_000)
BODY = Body(b"stream " * 100, [b"", b"x" * 100_000, NOISE, memoryview(bytearray(b"ab" * 50_000))])


def entry(codec="none"):
    return Entry("ab" * 16, "1" * 16, 5.0, None, 1.0, effects={PACKED: codec})


@pytest.mark.parametrize("codec", ["none", *CODECS])
def test_packed_values_come_back(codec):
    """All parts come back as they were, writable, noise untouched, the rest much smaller."""
    packed = pack(BODY, codec)
    found = unpack(entry(codec), packed)
    assert found.stream == BODY.stream
    assert [bytes(one) for one in found.buffers] == [bytes(one) for one in BODY.buffers]
    if codec != "none":
        assert packed.buffers[2] is NOISE
        assert packed.size_bytes < len(NOISE) + 5_000
        assert not memoryview(found.buffers[1]).readonly


@pytest.mark.parametrize("codec", CODECS)
def test_bombs_are_not_inflated(codec):
    """What would grow beyond its declared length is refused without growing there."""
    packed = pack(BODY, codec)
    bomb = CODECS[codec].compress(bytes(50_000_000))
    evil = Body(packed.stream, [packed.buffers[0], bomb, *packed.buffers[2:]])
    with pytest.raises(CacheError, match="100000 bytes were packed"):
        unpack(entry(codec), evil)


@pytest.mark.parametrize("codec", CODECS)
def test_packed_values_that_were_changed_are_refused(codec):
    """Cut, extended, missing or unmarked parts are an error of the cache."""
    packed = pack(BODY, codec)
    large = packed.buffers[1]
    for changed in (large[:-1], large + b"x", b"", large[:20]):
        buffers = [packed.buffers[0], changed, *packed.buffers[2:]]
        with pytest.raises(CacheError):
            unpack(entry(codec), Body(packed.stream, buffers))
    for stream in (b"", CODECS[codec].compress(b"of an earlier version"), packed.stream[:20]):
        with pytest.raises(CacheError):
            unpack(entry(codec), Body(stream, packed.buffers))
    with pytest.raises(CacheError):
        unpack(entry(codec), Body(packed.stream, packed.buffers[:-1]))


def test_envelopes_are_small_where_it_pays(tmp_path):
    """Text is sent compressed, noise as it is; both arrive as they were."""
    pytest.importorskip("cryptography")
    identity, key = Identity(tmp_path), load_key(tmp_path)
    for buffer, magic in ((b"text " * 100_000, SMALL_MAGIC), (os.urandom(100_000), MAGIC)):
        file = b"".join(encode(entry(), Body(b"s", [buffer]), key).chunks)
        data = enclose(entry().name, file, identity)
        assert data.startswith(magic)
        assert (len(data) < len(file) / 2) == (magic == SMALL_MAGIC)
        assert disclose(entry().name, data, identity, key) == file
        swapped = data.replace(magic, MAGIC if magic == SMALL_MAGIC else SMALL_MAGIC, 1)
        with pytest.raises((DamagedEntry, ForeignEntry)):
            disclose(entry().name, swapped, identity, key)


@pytest.mark.parametrize("claim", [0, 1, 999_999, 1_000_001, 1 << 40, (1 << 64) - 1])
def test_shared_bombs_are_refused(claim):
    """A shared file that claims another length than comes out of it is damaged."""
    data = shrink(bytes(1_000_000))
    assert data is not None
    assert grow("name", data) == bytes(1_000_000)
    with pytest.raises(DamagedEntry):
        grow("name", _LENGTH.pack(claim) + data[8:])
    for broken in (b"", data[:7], data[:-1], data + b"x", data[:8] + b"noise"):
        with pytest.raises(DamagedEntry):
            grow("name", broken)
