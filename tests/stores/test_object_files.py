"""Objects of S3 that a run read through pandas and s3fs count by their ETag."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from nbcache.deps.trackers import standard_trackers


def test_objects_count_by_their_etag(
    s3_server: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unchanged object holds without being read, a changed one does not; no note is left."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setitem(fsspec.config.conf, "s3", s3_server[1])
    url = s3_server[0].replace("cache", "inputs/a.csv")
    system, path = fsspec.core.url_to_fs(url)
    system.pipe(path, b"a\n1\n")
    trackers = standard_trackers()
    trackers.start((), source="x = 1")
    try:
        frame = pd.read_csv(url)
        text = fsspec.open(url, "rt").open().read()
    finally:
        seen = trackers.finish()
    assert (frame.a.tolist(), text) == ([1], "a\n1\n")
    late = json.loads(json.dumps({n: one.late for n, one in seen.items() if one.late is not None}))
    assert "testing" not in json.dumps(late["filesystems"]["options"])
    assert [one.notes for one in seen.values() if one.notes] == []
    assert trackers.check(late) == []
    system.pipe(path, b"a\n2\n")
    assert trackers.check(late) == [f"`{url}` changed"]
