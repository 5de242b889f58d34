"""Why a cell ran again, in a person's words and at the finest grain known."""

from __future__ import annotations

import enum
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nbcache.heap.summaries import summarise
from nbcache.moved import describe, moved_inputs, moved_parts


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Settings:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        raise AssertionError("no code of the notebook runs")


def plus_one(x: int) -> int:
    return x + 1


def plus_two(x: int) -> int:
    return x + 2


class Base:
    pass


def scaled(k: Any, n: int = 3) -> Any:
    """Return a function with a closure and a default."""

    def times(x: int, n: int = n) -> Any:
        return x, n, k

    return times


def rated(rate: Any, go: Any = None) -> Any:
    """Return a class of the notebook with an attribute."""
    return type("Model", (), {"__module__": "__main__", "rate": rate, "go": go})


def grown(rate: Any) -> Any:
    """Return a class of the notebook whose base has an attribute or a method."""
    parent = type("Parent", (), {"__module__": "__main__", "rate": rate})
    return type("Model", (parent,), {"__module__": "__main__"})


def told(old: Any, new: Any, name: str = "x") -> list[str]:
    """Return what is said of a change, through JSON as in a stored entry."""
    one, other = (json.loads(json.dumps(summarise(name, value))) for value in (old, new))
    return list(describe(name, one, other))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (0.5, 0.7, "`x` changed (0.5 → 0.7)"),
        ("a", "b", "`x` changed ('a' → 'b')"),
        (1, "1", "`x` changed (1 → '1')"),
        (1, [1], "`x` changed (1 → [1])"),
        ({3, 1}, {2, 1}, "`x` changed ({1, 3} → {1, 2})"),
        ([0] * 20, [0] * 21, "`x` changed (20 items → 21 items)"),
        ([0] * 20, [1] * 20, "`x` changed (other values, 20 items as before)"),
        (
            None,
            pd.DataFrame({"a": [1]}),
            "`x` changed (NoneType None → pandas.DataFrame of 1 row, 1 column)",
        ),
        ({"lr": 0.1, "n": 3}, {"lr": 0.2, "n": 3}, "`x['lr']` changed (0.1 → 0.2)"),
        ({"lr": 0.1}, {"lr": 0.1, "n": 3}, "`x['n']` is new"),
        (Settings(mode=1), Settings(mode=2), "`x.mode` changed (1 → 2)"),
        (Colour.RED, Colour.BLUE, "`x` changed (Colour.RED → Colour.BLUE)"),
        (np.float64(0.5), np.float64(0.7), "`x` changed (0.5 → 0.7)"),
        (
            np.zeros((2, 3)),
            np.zeros((4, 3)),
            "`x` changed (shape (2, 3), float64 → shape (4, 3), float64)",
        ),
        (
            pd.DataFrame({"a": [1]}),
            pd.DataFrame({"a": [1.5]}),
            "column 'a' of `x` changed (int64 → float64)",
        ),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1], "b": [2]}), "`x` has a new column 'b'"),
        (
            pd.DataFrame({"a": [1]}),
            pd.DataFrame({"a": [2]}),
            "`x` changed (other values, 1 row, 1 column as before)",
        ),
        (
            pl.DataFrame({"a": [1]}),
            pl.DataFrame({"a": ["s"]}),
            "column 'a' of `x` changed (Int64 → String)",
        ),
        (
            pa.table({"a": [1]}),
            pa.table({"a": [1, 2]}),
            "`x` changed (1 row, 1 column → 2 rows, 1 column)",
        ),
        (plus_one, plus_two, "function `x` was edited"),
        (scaled(1), scaled(2), "`k` in the closure of `times` changed (1 → 2)"),
        (scaled(1, 3), scaled(1, 4), "the default of `n` in `times` changed (3 → 4)"),
        (scaled(plus_one), scaled(plus_two), "`k` in the closure of `times` changed"),
        (rated(0.1), rated(0.2), "attribute `Model.rate` changed (0.1 → 0.2)"),
        (rated(0.1)(), rated(0.2)(), "attribute `Model.rate` changed (0.1 → 0.2)"),
        (rated(0, plus_one), rated(0, plus_two), "class `x` was edited"),
        (rated([1], Base), rated([1, 2], Base), "attribute `Model.rate` changed ([1] → [1, 2])"),
        (grown(1), grown(2), "attribute `Parent.rate` changed (1 → 2)"),
        (grown(plus_one), grown(plus_two), "method `Parent.rate` was edited"),
        (object(), object(), "`x` changed"),
    ],
)
def test_a_change_is_told_at_the_finest_grain(old: Any, new: Any, sentence: str) -> None:
    """Small values are shown, containers by their parts or size, functions as edited."""
    assert told(old, new) == [sentence]


@pytest.mark.parametrize("name", ["password", "API_KEY", "db_token", "client_secret"])
def test_secrets_are_never_kept(name: str) -> None:
    """What is named like a secret is told by its type alone, in containers as well."""
    assert summarise(name, "hunter2") == {"kind": "str"}
    assert "hunter2" not in json.dumps(summarise("config", {name: "hunter2", "n": 1}))
    assert "hunter2" not in json.dumps(summarise("config", Settings(**{name: "hunter2"})))


def test_many_differences_are_counted() -> None:
    """The first three places are told, the others counted."""
    old, new = ({f"k{n}": n + shift for n in range(6)} for shift in (0, 1))
    said = told(old, new)
    assert len(said) == 4
    assert said[-1] == "`x` changed in 3 more places"


def test_parts_are_told_in_order_and_once() -> None:
    """The edited line, inputs that came or went, and versions are told by their names."""
    old = {"source": "a", "python": "3.11", "input x": "1", "input y": "absent", "input z": "1"}
    new = {"source": "b", "python": "3.12", "input x": "2", "input y": "1", "input w": "1"}
    about = {"lines": [[1, "aa"], [2, "bb"]], "inputs": {"x": {"kind": "int", "text": "1"}}}
    later = {"lines": [[1, "aa"], [4, "cc"]], "inputs": {"x": {"kind": "int", "text": "2"}}}
    assert moved_parts(old, new, about, later) == [
        "the cell's code changed: line 4",
        "Python 3.11 → 3.12",
        "`x` changed (1 → 2)",
        "`y` is defined now",
        "`w` is a new input",
        "`z` is no input any more",
    ]
    assert moved_inputs(old, new) is None
    assert moved_inputs({"input x": "1"}, {"input x": "2"}) == {"x"}
