"""Parameters of a notebook, in papermill's way: values by name, set after a tagged cell."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.cli.exits import USAGE, CommandError

Value = str | int | float | bool | None

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
_WORDS: Mapping[str, Value] = {"True": True, "False": False, "None": None}


def parse_parameters(pairs: Sequence[str]) -> dict[str, Value]:
    """Return the values of ``name=value`` pairs, typed as papermill types them."""
    found: dict[str, Value] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise CommandError(f"-p {pair}: write it as name=value.", USAGE)
        if not name.isidentifier() or keyword.iskeyword(name):
            raise CommandError(f"-p {pair}: `{name}` is not a name of Python.", USAGE)
        found[name] = parse_value(text)
    return found


def parse_value(text: str) -> Value:
    """Return True, False, None, an int or a float if the text is one, else the text."""
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def inject(nb: Any, values: Mapping[str, Value]) -> None:
    """Set parameters in a cell of their own after the one tagged ``parameters``, in place.

    Without a tagged cell they come first. A cell that an earlier run injected is replaced.
    """
    if not values:
        return
    from nbformat import v4

    source = "# Parameters\n" + "\n".join(f"{name} = {_code(v)}" for name, v in values.items())
    cell = v4.new_code_cell(source, metadata={"tags": [INJECTED_TAG]})
    cell["id"] = INJECTED_TAG
    if (nb.nbformat, nb.nbformat_minor) < (4, 5):
        del cell["id"]
    nb.cells = [other for other in nb.cells if not _has_tag(other, INJECTED_TAG)]
    tagged = [index for index, other in enumerate(nb.cells) if _has_tag(other, PARAMETERS_TAG)]
    nb.cells.insert(tagged[0] + 1 if tagged else 0, cell)


def _has_tag(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", ())


def _code(value: Value) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
