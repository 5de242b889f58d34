"""Values that a cell can tell apart have fingerprints of their own."""

from __future__ import annotations

from typing import Any

import pytest
import twins

from nbcache.heap.walk import Walk

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PendingDeprecationWarning")


def namespace(*preludes: str) -> dict[str, Any]:
    """Return a namespace that holds what the expressions name."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for prelude in preludes:
        exec(compile(prelude, "twins", "exec", dont_inherit=True), names)
    return names


def confused(pairs: list[tuple[str, str]], names: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs that share a fingerprint, and those whose first has no lasting one."""

    def fingerprint(expression: str) -> bytes:
        return Walk(names).fingerprint("value", eval(expression, names))

    return [
        (one, other)
        for one, other in pairs
        if fingerprint(one) == fingerprint(other) or fingerprint(one) != fingerprint(one)
    ]


@pytest.mark.parametrize("family", twins.TWINS)
def test_twins_of_a_family_differ(family: str) -> None:
    """No two values of the table that differ in anything visible share a fingerprint."""
    assert confused(twins.TWINS[family], namespace(twins.PRELUDE)) == []


def test_twins_among_tensors_differ() -> None:
    """Tensors differ by type, layout, gradients, flags and every bit of their elements."""
    pytest.importorskip("torch")
    assert confused(twins.TORCH, namespace(twins.PRELUDE, twins.TORCH_PRELUDE)) == []
