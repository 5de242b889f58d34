"""Parameters as papermill's."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat import v4, validate

from nbcache.cli.exits import CommandError
from nbcache.cli.parameters import inject, parse_parameters, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2.5", -2.5),
        ("1e3", 1000.0),
        ("True", True),
        ("False", False),
        ("None", None),
        ("true", "true"),
        ("", ""),
        ("a=b", "a=b"),
        ('it\'s "so"\n', 'it\'s "so"\n'),
    ],
)
def test_values_are_typed_as_papermill_types_them(text: str, value: object) -> None:
    """Words of Python and numbers become values, everything else stays text."""
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("pair", ["x", "=3", "1x=3", "a-b=3", "class=3"])
def test_a_pair_that_sets_no_name_is_a_usage_error(pair: str) -> None:
    """What cannot be assigned in Python is refused, with the pair in the message."""
    with pytest.raises(CommandError, match="-p " + pair) as caught:
        parse_parameters([pair])
    assert caught.value.code == 2


def test_the_last_of_two_values_counts() -> None:
    """A parameter given twice has its last value."""
    assert parse_parameters(["x=1", "x=2"]) == {"x": 2}


def _notebook() -> Any:
    first = v4.new_code_cell("import os")
    tagged = v4.new_code_cell("n = 1", metadata={"tags": ["parameters"]})
    return v4.new_notebook(cells=[first, tagged, v4.new_code_cell("n + 1")])


def test_parameters_follow_the_tagged_cell() -> None:
    """The injected cell comes after the cell tagged `parameters` and assigns the values."""
    nb = _notebook()
    inject(nb, {"n": 4, "s": "it's", "big": float("inf")})
    validate(nb)
    assert len(nb.cells) == 4
    namespace: dict[str, Any] = {}
    exec(nb.cells[2].source, namespace)
    assert (namespace["n"], namespace["s"], namespace["big"]) == (4, "it's", float("inf"))


def test_injecting_again_replaces() -> None:
    """An executed notebook can be run again with other parameters."""
    nb = _notebook()
    inject(nb, {"n": 4})
    inject(nb, {"n": 5})
    assert [cell.source for cell in nb.cells if "# Parameters" in cell.source] == [
        "# Parameters\nn = 5"
    ]


def test_without_a_tagged_cell_parameters_come_first() -> None:
    """A notebook without the tag still gets its parameters, before everything else."""
    nb = v4.new_notebook(cells=[v4.new_code_cell("n")])
    inject(nb, {"n": 4})
    assert nb.cells[0].source == "# Parameters\nn = 4"


def test_no_parameters_leave_the_notebook_alone() -> None:
    """Without -p no cell is added."""
    nb = _notebook()
    inject(nb, {})
    assert len(nb.cells) == 3


def test_old_notebooks_get_no_cell_ids() -> None:
    """A notebook of nbformat 4.4 stays one."""
    nb = v4.new_notebook(cells=[], nbformat_minor=4)
    inject(nb, {"n": 4})
    validate(nb)
    assert "id" not in nb.cells[0]
