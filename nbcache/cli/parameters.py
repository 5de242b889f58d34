"""Parameters of a notebook, in papermill's way: values by name, set after a tagged cell."""

from __future__ import annotations

import ast
import json
import keyword
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from nbcache.cli.exits import USAGE, CommandError

Value = Any
"""What JSON can say: text, a number, True, False, None, a list or a mapping of these."""

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
OUTPUTS_TAG = "outputs"
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


def read_parameters(path: str) -> dict[str, Value]:
    """Return the values of a JSON or YAML file: a mapping of names.

    Raises:
        CommandError: the file is none, or YAML's package is missing.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        values = json.loads(text) if path.endswith(".json") else _read_yaml(text, path)
    except OSError as error:
        raise CommandError(f"-f {path}: {error.strerror}.", USAGE) from None
    except ValueError as error:
        raise CommandError(f"-f {path} is not understood: {error}", USAGE) from None
    if not isinstance(values, dict):
        raise CommandError(f"-f {path}: write a mapping, one `name: value` a line.", USAGE)
    for name in values:
        if not str(name).isidentifier() or keyword.iskeyword(name):
            raise CommandError(f"-f {path}: `{name}` is not a name of Python.", USAGE)
    return values


def _read_yaml(text: str, path: str) -> Any:
    try:
        import yaml
    except ImportError:
        message = f"-f {path}: YAML needs the package pyyaml; JSON (a name in .json) does not."
        raise CommandError(message, USAGE) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def tagged_names(nb: Any, tag: str) -> list[str]:
    """Return the names that the cells with a tag bind at their top level; ``nb`` is JSON data."""
    found: dict[str, None] = {}
    for cell in nb.get("cells", ()):
        if tag not in cell.get("metadata", {}).get("tags", ()):
            continue
        source = cell.get("source", "")
        with suppress(SyntaxError, ValueError):
            tree = ast.parse(source if isinstance(source, str) else "".join(source))
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found[node.id] = None
    return list(found)


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
