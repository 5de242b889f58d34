"""Describes values of libraries whose visible state is not their attributes."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import numpy as np


def describe(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe ``value`` if it belongs to a library known here, else return None."""
    if isinstance(value, np.ndarray):
        return an_array(walker, value, path, depth)
    if isinstance(value, np.generic):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, np.dtype):
        return {"dtype": repr(value)}
    if isinstance(value, np.ufunc):
        return {"ufunc": value.__name__}
    library = type(value).__module__.partition(".")[0]
    by_library = {
        "pandas": of_pandas,
        "polars": of_polars,
        "pyarrow": of_pyarrow,
        "matplotlib": of_matplotlib,
    }
    if library in by_library:
        return by_library[library](walker, value, path, depth)
    return a_widget(walker, value, path, depth)


def byte_bounds(array: Any) -> tuple[int, int]:
    """Return the addresses where an array's memory starts and ends."""
    from numpy.lib import array_utils

    low, high = array_utils.byte_bounds(array)
    return int(low), int(high)


def array_digest(walker: Any, array: Any, path: str, depth: int) -> Any:
    """Return a digest of the elements, or their descriptions when they are objects."""
    if array.dtype.hasobject:
        return walker.value(array.ravel().tolist(), f"{path}.elements", depth)
    raw = np.ascontiguousarray(array).view(np.ndarray)
    return hashlib.sha256(raw.tobytes()).hexdigest()[:24]


def an_array(walker: Any, array: Any, path: str, depth: int) -> dict[str, Any]:
    """Describe an array: elements, dtype, shape, order, flags; note where its memory lies."""
    flags = array.flags
    described = {
        "type": f"{type(array).__module__}.{type(array).__qualname__}",
        "dtype": repr(array.dtype),
        "shape": list(array.shape),
        "order": f"C={flags.c_contiguous} F={flags.f_contiguous}",
        "writeable": bool(flags.writeable),
        "elements": array_digest(walker, array, path, depth),
    }
    if array.size:
        walker.arrays.append((path, array, described))
    if getattr(array, "__dict__", None):
        described["attributes"] = walker.attributes(vars(array), path, depth)
    return described


def of_pandas(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe frames, series and indexes by value; block layout does not matter."""
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        return {
            "frame": list(value.shape),
            "type": type(value).__qualname__,
            "columns": walker.value(value.columns, f"{path}.columns", depth),
            "index": walker.value(value.index, f"{path}.index", depth),
            "data": [
                one_column(walker, value.iloc[:, i].array, f"{path}.data[{i}]", depth)
                for i in range(value.shape[1])
            ],
            "attrs": walker.value(value.attrs, f"{path}.attrs", depth),
            "flags": repr(value.flags),
        }
    if isinstance(value, pandas.Series):
        return {
            "series": one_column(walker, value.array, f"{path}.data", depth),
            "type": type(value).__qualname__,
            "name": walker.value(value.name, f"{path}.name", depth),
            "index": walker.value(value.index, f"{path}.index", depth),
            "attrs": walker.value(value.attrs, f"{path}.attrs", depth),
        }
    if isinstance(value, pandas.Index):
        return {
            "labels": one_column(walker, np.asarray(value), f"{path}.data", depth),
            "type": type(value).__qualname__,
            "dtype": repr(value.dtype),
            "names": repr(list(value.names)),
            "freq": repr(getattr(value, "freq", None)),
        }
    return None


def one_column(walker: Any, column: Any, path: str, depth: int) -> dict[str, Any]:
    """Describe the elements of one column and their dtype."""
    elements = np.asarray(column)
    return {
        "dtype": repr(column.dtype),
        "elements": array_digest(walker, elements, path, depth),
    }


def of_polars(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe a polars frame or series by schema and values."""
    kind = type(value).__qualname__
    if kind == "DataFrame":
        data = {"schema": repr(value.schema), "data": value.to_dict(as_series=False)}
    elif kind == "Series":
        data = {"schema": f"{value.name} {value.dtype!r}", "data": value.to_list()}
    else:
        return None
    return {"type": f"polars.{kind}", "value": walker.value(data, f"{path}.value", depth)}


def of_pyarrow(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe an arrow table or array by schema and values; chunking does not matter."""
    kind = type(value).__qualname__
    if hasattr(value, "schema") and hasattr(value, "to_pydict"):
        data = {"schema": str(value.schema), "data": value.to_pydict()}
    elif hasattr(value, "to_pylist"):
        data = {"schema": str(value.type), "data": value.to_pylist()}
    else:
        return None
    return {"type": f"pyarrow.{kind}", "value": walker.value(data, f"{path}.value", depth)}


def of_matplotlib(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe figures and axes by what they show; other artists by type and label."""
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(value, Figure):
        axes = walker.items(value.axes, f"{path}.axes", depth)
        size = [float(side) for side in value.get_size_inches()]
        return {"figure": axes, "size": size, "dpi": value.dpi, "title": value.get_suptitle()}
    if isinstance(value, Axes):
        return axes_content(value)
    if isinstance(value, Artist):
        return {"artist": type(value).__qualname__, "label": repr(value.get_label())}
    if type(value).__qualname__ == "CallbackRegistry":
        # Its own __getstate__ counts up, so that merely copying one changes it.
        return {"callbacks": {str(name): len(ones) for name, ones in value.callbacks.items()}}
    return None


def axes_content(axes: Any) -> dict[str, Any]:
    """Return the titles, limits and drawn data of one pair of axes."""

    def short(data: Any) -> str:
        return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()[:16]

    return {
        "axes": [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()],
        "limits": repr([*axes.get_xlim(), *axes.get_ylim()]),
        "lines": [
            [short(line.get_xydata()), repr(line.get_color()), line.get_linestyle()]
            for line in axes.lines
        ],
        "images": [short(np.ma.getdata(image.get_array())) for image in axes.images],
        "collections": [
            [type(one).__qualname__, short(np.ma.getdata(one.get_offsets()))]
            for one in axes.collections
        ],
        "patches": [short(patch.get_path().vertices) for patch in axes.patches],
        "texts": [text.get_text() for text in axes.texts],
        "figure": None if axes.figure is None else axes.figure.axes.index(axes),
    }


def a_widget(walker: Any, value: Any, path: str, depth: int) -> Any:
    """Describe a widget by the state that a front end would see."""
    widgets = sys.modules.get("ipywidgets")
    if widgets is None or not isinstance(value, widgets.Widget):
        return None
    state = {key: repr(one) for key, one in sorted(value.get_state().items())}
    return {"widget": type(value).__qualname__, "state": walker.value(state, path, depth)}
