"""Which strings may name variables."""

from __future__ import annotations

import pytest

from nbcache.cell.strings import is_no_expression

NONE = [
    "data/prices.csv", "prices.parquet", "../out/prices 2024.xlsx", "C:\\data\\prices.csv",
    "data/*.csv", "https://example.org/prices", "s3://bucket/prices/part", "Mean price per region",
    "Prices loaded, now cleaning them", "Lines kept so far: %d", "plots/mean price.png",
]  # fmt: skip
MAYBE = [
    "prices", "a > @x", "a*b", "a/b", "y ~ x + z", "prices o", "select * from prices",
    "from prices", "FROM prices", "describe prices", "a and b", "not a", "x if y else z",
    "{prices} rows found here", "a.b", "prices.mean", "insert into t values x.csv",
    "select a from b.csv", "$prices of the day", "np.log", "frame.data", "orders o where",
    "summarize prices", "lambda x: x.csv", "a in b", "f(x)", "a, b, c", "x*", "+ k",
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_paths_addresses_and_prose_name_nothing(text: str) -> None:
    """A path with an extension, an address and three plain words in a row are no expression."""
    assert is_no_expression(text)


@pytest.mark.parametrize("text", MAYBE)
def test_whatever_may_be_an_expression_names_variables(text: str) -> None:
    """Expressions, formulas, SQL, templates and pieces of them may name variables."""
    assert not is_no_expression(text)
