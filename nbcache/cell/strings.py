"""Which strings can't be expressions, so that their words are nobody's variables.

``df.query``, numexpr, formulas and SQL take names from strings. A path with a file's extension, an
address, and prose are none of these: ``prices = pd.read_csv("data/prices.csv")`` does not read
``prices``. In doubt a string may be an expression, or a piece of one.
"""

from __future__ import annotations

import keyword
import re
import string

_EXTENSIONS = (
    "csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "feather", "arrow", "orc",
    "avro", "xls", "xlsx", "xlsm", "ods", "npy", "npz", "pkl", "pickle", "joblib", "h5", "hdf5",
    "hdf", "nc", "zarr", "sav", "dta", "sas7bdat", "rds", "db", "sqlite", "sqlite3", "duckdb",
    "gz", "bz2", "xz", "zst", "zip", "tgz", "7z", "png", "jpg", "jpeg", "gif", "svg", "pdf",
    "tif", "tiff", "bmp", "webp", "mp3", "wav", "mp4", "html", "htm", "xml", "yaml", "yml",
    "toml", "ini", "cfg", "rst", "tex", "bib", "ipynb", "geojson", "shp", "gpkg", "kml", "pt",
    "pth", "onnx", "safetensors", "docx", "pptx",
)  # fmt: skip
"""Those that no attribute is likely to be called: ``np.log`` is an expression."""

_PATH = re.compile(rf"[\w.\-/\\:~%*?+@=&#,()\[\] ]*\.({'|'.join(_EXTENSIONS)})", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*://\S*", re.IGNORECASE)
_PROSE = re.compile(r"[^\W\d]\w*(?: +[^\W\d]\w*){2,}")
_SIGNS = frozenset("@~`{}$=<>*|&^[]")
_SQL = frozenset({
    "select", "from", "join", "where", "group", "order", "by", "limit", "on", "having", "left",
    "right", "inner", "outer", "cross", "full", "union", "all", "distinct", "and", "or", "not",
    "in", "is", "as", "case", "when", "then", "else", "end", "asc", "desc", "over", "partition",
    "window", "qualify", "sample", "offset", "with", "describe", "summarize", "pivot",
    "unpivot", "insert", "update", "delete", "table", "into", "using", "values", "explain",
    "create", "show", "call", "merge", "truncate", "except", "intersect", "lateral", "natural",
    "like", "between", "exists", "set", "null", "rows", "range", "copy", "attach", "view",
    "temp",
})  # fmt: skip


def is_no_expression(text: str) -> bool:
    """Tell whether a string is surely a path, an address or prose."""
    stripped = text.strip()
    if _ADDRESS.fullmatch(stripped):
        return True
    if _PATH.fullmatch(stripped) and not _has_statement(stripped):
        return True
    return _is_prose(stripped)


FORMATS = frozenset({"format", "format_map"})
"""Methods of strings whose fields name what they are handed, never variables."""


def without_fields(text: str) -> str:
    """Return a format string without its fields: ``a > {q}`` as ``a >  ``."""
    try:
        return " ".join(literal for literal, *_ in string.Formatter().parse(text))
    except ValueError:
        return text


def _is_prose(text: str) -> bool:
    """Tell whether three plain words stand side by side, which no expression has."""
    if _SIGNS & set(text) or not _PROSE.search(text):
        return False
    return not _has_statement(text)


def _has_statement(text: str) -> bool:
    words = {word.lower() for word in re.findall(r"[^\W\d]\w*", text)}
    if len(text.split()) < 2:
        return False  # one word or path: ``data/order.csv``
    return bool(words & _SQL) or any(keyword.iskeyword(word) for word in words)
