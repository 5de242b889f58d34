"""The policy algebra beside Prefect's own, where both define it; and where ours differs."""

from __future__ import annotations

import itertools

import pytest

from nbcache import policies

pytest.importorskip("prefect", reason="prefect is not installed")
theirs = pytest.importorskip("prefect.cache_policies")

PAIRS = {
    "INPUTS": "INPUTS",
    "TASK_SOURCE": "CELL_SOURCE",
    "RUN_ID": "RUN_ID",
    "FLOW_PARAMETERS": "PARAMETERS",
    "NO_CACHE": "",
}
NAMES = {"Inputs": "INPUTS", "TaskSource": "CELL_SOURCE", "RunId": "RUN_ID"}
NAMES |= {"FlowParameters": "PARAMETERS"}


def parts_of(policy):
    members = getattr(policy, "policies", [policy])
    return {NAMES[type(one).__name__] for one in members if type(one).__name__ in NAMES}


def left_out_of(policy):
    members = getattr(policy, "policies", [policy])
    return {name for one in members for name in getattr(one, "exclude", ())}


@pytest.mark.parametrize("names", [*itertools.product(PAIRS, repeat=2)], ids="+".join)
def test_sums_have_the_same_parts(names):
    """Each sum of two names consists of the same parts in both, NO_CACHE being the identity."""
    left, right = (getattr(theirs, name) for name in names)
    own = getattr(policies, names[0]) + getattr(policies, names[1])
    assert parts_of(left + right) == own.parts


def test_leaving_out_merges_alike():
    """Several inputs merge into one that leaves out what any of them does."""
    one = (theirs.INPUTS - "a") + (theirs.INPUTS - "b") + theirs.TASK_SOURCE
    own = (policies.INPUTS - "a") + (policies.INPUTS - "b") + policies.TASK_SOURCE
    assert left_out_of(one) == own.without == {"a", "b"}
    assert parts_of(one) == own.parts
    assert theirs.TASK_SOURCE - "a" == theirs.TASK_SOURCE
    assert policies.TASK_SOURCE - "a" == policies.TASK_SOURCE


def test_their_default_is_ours_by_another_name():
    """``PREFECT_DEFAULT`` has the parts of Prefect's DEFAULT."""
    assert parts_of(theirs.DEFAULT) == policies.PREFECT_DEFAULT.parts


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("key_storage", "/tmp/a", "/tmp/b"),
        ("isolation_level", "SERIALIZABLE", "READ_COMMITTED"),
        ("lock_manager", object(), object()),
    ],
)
def test_conflicts_are_the_same_errors(name, one, two):
    """Sums of policies that are configured differently are a ValueError in both."""
    for module in (theirs, policies):
        left = module.INPUTS.configure(**{name: one})
        right = module.TASK_SOURCE.configure(**{name: two})
        with pytest.raises(ValueError, match="different"):
            left + right


def test_documented_differences():
    """Lists of names, DEFAULT without the run, and types that differ: ours does, theirs not."""
    assert (policies.INPUTS - ["a", "b"]).without == {"a", "b"}
    with pytest.raises(TypeError):
        theirs.INPUTS - ["a", "b"]
    assert "RUN_ID" in parts_of(theirs.DEFAULT)
    assert "RUN_ID" not in policies.DEFAULT.parts


def key_of_theirs(value):
    return theirs.INPUTS.compute_key(None, {"x": value}, {})


TWINS = [((1, 2), [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]


@pytest.mark.parametrize("twins", TWINS, ids=["tuple and list", "order of a dict"])
def test_twins_that_prefect_takes_for_one(twins):
    """A tuple and a list, two orders of a dict: one key there, two keys here."""
    xxhash = pytest.importorskip("xxhash")
    assert xxhash is not None
    from nbcache.composing import digest_of

    one, two = twins
    assert key_of_theirs(one) == key_of_theirs(two)
    assert digest_of("x", one) != digest_of("x", two)
