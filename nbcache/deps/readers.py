"""Readers that open files natively: wrapped by name, for folders that nothing watches.

On Linux they complement inotify for paths outside of the watched folders; elsewhere they are
all there is, so that a native reader that is not in this table is not seen there.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from nbcache.deps.arrivals import loaded_mark
from nbcache.deps.asked_times import note_times
from nbcache.deps.file_ledger import Ledger
from nbcache.deps.file_looks import kind_of, status_of
from nbcache.deps.file_scope import absolute
from nbcache.deps.globbing import Choice
from nbcache.deps.patching import Patches
from nbcache.deps.wrapped import Place

_QUERIES = "sql query execute executemany from_query read_csv read_parquet read_json from_csv_auto"
_READERS = {
    "pyarrow": "memory_map OSFile input_stream",
    "pyarrow.csv": "read_csv open_csv",
    "pyarrow.json": "read_json",
    "pyarrow.orc": "read_table ORCFile.__init__",
    "pyarrow.feather": "read_table read_feather",
    "pyarrow.dataset": "dataset",
    "pyarrow.parquet": "read_table read_metadata read_schema read_pandas",
    "pyarrow.parquet.core": "read_table ParquetFile.__init__ ParquetDataset.__init__",
    "polars": "read_csv read_parquet read_ipc read_json read_ndjson read_avro read_excel "
    "read_delta read_database_uri scan_csv scan_parquet scan_ipc scan_ndjson SQLContext.execute",
    "duckdb": "sql query execute executemany from_query read_csv read_parquet read_json "
    "from_csv_auto from_parquet connect query_df "
    + " ".join(f"DuckDBPyConnection.{one}" for one in _QUERIES.split()),
    "h5py": "File.__init__",
    "tables": "open_file",
    "cv2": "imread imreadmulti VideoCapture FileStorage",
    "soundfile": "read info blocks SoundFile.__init__",
    "netCDF4": "Dataset.__init__ MFDataset.__init__",
    "lightgbm": "Dataset.__init__ Booster.__init__",
    "xgboost": "DMatrix.__init__ Booster.load_model",
    "catboost": "Pool.__init__ CatBoost.load_model",
    "safetensors": "safe_open",
    "safetensors.torch": "load_file safe_open",
    "safetensors.numpy": "load_file",
    "tokenizers": "Tokenizer.from_file",
    "sentencepiece": "SentencePieceProcessor.__init__",
    "onnxruntime": "InferenceSession.__init__",
    "torchvision.io": "read_image read_file read_video",
    "rasterio": "open",
    "fiona": "open",
    "pyogrio": "read_dataframe read_arrow read_info list_layers",
    "osgeo.gdal": "Open OpenEx",
    "osgeo.ogr": "Open",
    "pyreadstat": "read_sav read_dta read_sas7bdat read_xport read_por",
    "deltalake": "DeltaTable.__init__",
    "lance": "dataset",
    "SimpleITK": "ReadImage",
    "pysam": "AlignmentFile VariantFile FastaFile TabixFile",
    "av": "open",
    "igraph": "Graph.Read",
    "connectorx": "read_sql",
}
_QUOTED = re.compile(r"""'([^'\n]{1,1024})'|"([^"\n]{1,1024})\"""")
_MOST_FILES = 10_000


def reader_places() -> list[Place]:
    """Return where the known native readers of loaded libraries are."""
    return _places_among(loaded_mark())


@lru_cache(maxsize=1)
def _not_loaded(mark: tuple[int, str]) -> frozenset[str]:
    return frozenset(_READERS.keys() - sys.modules.keys())


@lru_cache(maxsize=1)
def _places_among(mark: tuple[int, str]) -> list[Place]:
    return [place for name in _READERS for place in _places_in(sys.modules.get(name), name)]


def _places_in(module: Any, module_name: str) -> Iterator[Place]:
    for name in _READERS[module_name].split() if module is not None else ():
        owner, _, attribute = name.rpartition(".")
        place = getattr(module, owner, None) if owner else module
        if place is not None and _is_open_to_change(place):
            yield place, attribute


def _is_open_to_change(place: Any) -> bool:
    return not isinstance(place, type) or bool(place.__flags__ & _HEAP_TYPE)


_HEAP_TYPE = 1 << 9
"""``Py_TPFLAGS_HEAPTYPE``: the attributes of static extension types cannot be set."""


def watch_readers(ledger: Ledger, patches: Patches) -> None:
    """Enter the files that the known native readers of loaded libraries are given."""

    def on_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        texts = list(texts_in([*args, *kwargs.values()], depth=2))
        found = [path for text in texts for path in _enter(ledger, text)]
        if any(map(_TELLS_TIMES.search, texts)):
            note_times(ledger, found)

    def arrived(module: Any) -> None:
        patches.watch(on_call, *_places_in(module, module.__name__))

    patches.watch(on_call, *reader_places())
    patches.on_arrival(_not_loaded(loaded_mark()), arrived)


def texts_in(values: Any, depth: int) -> Iterator[str]:
    """Return the strings and paths among ``values``, ``depth`` levels of lists deep."""
    for value in values:
        if issubclass(type(value), (str, os.PathLike)):
            yield os.fsdecode(value)
        elif depth and type(value) in (list, tuple, set) and len(value) <= _MOST_FILES:
            yield from texts_in(value, depth - 1)


_TELLS_TIMES = re.compile(r"\bread_(text|blob)\b|\blast_modified\b", re.IGNORECASE)
"""What in SQL tells of files when they were changed."""

_TARGET = re.compile(r"""\bto\s+('[^']*'|"[^"]*")""", re.IGNORECASE)


def _enter(ledger: Ledger, text: str) -> list[str]:
    """Enter what a text names; return the paths."""
    candidates = [text]
    if "'" in text or '"' in text:
        text = _TARGET.sub("", text)  # what SQL writes
    if " " in text or "'" in text:
        candidates += [first or second for first, second in _QUOTED.findall(text)]
    kept = [one for one in candidates if len(one) <= 4096 and "\n" not in one]
    return [path for one in kept for path in _enter_path(ledger, one)]


def _enter_path(ledger: Ledger, text: str) -> list[str]:
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    path = absolute(os.path.expanduser(text))
    if path is None:
        return []
    found = [path]
    if any(sign in text for sign in "*?["):
        _enter_pattern(ledger, path)
        ledger.before_note()
        found = glob.glob(path, recursive=True)[:_MOST_FILES]
        ledger.forget_listing(os.path.dirname(path))  # our own
        if os.path.lexists(path):
            found.append(path)  # the signs may be its own
    for one in found:
        _enter_existing(ledger, one)
    return found


def _enter_existing(ledger: Ledger, path: str) -> None:
    kind = kind_of(status_of(path))
    if kind == "file":
        ledger.note_read(path)
    elif kind == "folder":
        for folder, _, names in os.walk(path):
            ledger.note_listing(folder)
            for name in names:
                ledger.note_read(os.path.join(folder, name))


def _enter_pattern(ledger: Ledger, pattern: str) -> None:
    """Enter what a pattern asks of folders: some names where only the last part has signs."""
    folder, last = os.path.split(pattern)
    if _has_signs(folder) or not _SIMPLE.fullmatch(last) or os.path.normcase("A") != "A":
        ledger.note_listing(_fixed_part(pattern))
        return
    ledger.note_choice(folder, Choice(fnmatch.translate(last), 0, False, True))
    ledger.chosen_natively.add(folder)


_SIMPLE = re.compile(r"(?:[^*?\[\]{}!\\]|\*(?!\*)|\?)+")
"""Patterns that every reader understands alike."""


def _has_signs(text: str) -> bool:
    return any(sign in text for sign in "*?[{")


def _fixed_part(pattern: str) -> str:
    while _has_signs(pattern):
        pattern = os.path.dirname(pattern)
    return pattern
