"""The algebra of policies, and the grammar that reads it from a line."""

from __future__ import annotations

import itertools

import pytest

from nbcache import policies
from nbcache.errors import OptionError
from nbcache.policies import (
    CELL_SOURCE,
    DEFAULT,
    ENV,
    FILES,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    PARAMETERS,
    PREFECT_DEFAULT,
    RNG,
    RUN_ID,
    SOURCE,
    TASK_SOURCE,
    CachePolicy,
    IsolationLevel,
    from_key_function,
    parse,
)

ATOMS = [INPUTS, CELL_SOURCE, SOURCE, FILES, RNG, ENV, RUN_ID, PARAMETERS, NO_CACHE]


def test_names() -> None:
    """Aliases are the same policies, and the two defaults are the sums that they are said to be."""
    assert TASK_SOURCE is CELL_SOURCE
    assert FLOW_PARAMETERS is PARAMETERS
    assert NONE is NO_CACHE
    assert DEFAULT == INPUTS + SOURCE + FILES + RNG + ENV
    assert PREFECT_DEFAULT == INPUTS + TASK_SOURCE + RUN_ID
    assert policies.__all__ == sorted(
        policies.__all__, key=lambda name: (name.upper() != name, name)
    )


def test_sums_flatten_and_merge() -> None:
    """Adding is associative, commutative and idempotent, and NO_CACHE is its identity."""
    for one, two, three in itertools.product(ATOMS, repeat=3):
        assert (one + two) + three == one + (two + three)
        assert one + two == two + one
    for one in ATOMS:
        assert one + one == one + NO_CACHE == NO_CACHE + one == one
    assert SOURCE + CELL_SOURCE == SOURCE


def test_inputs_merge_with_the_union_of_what_is_left_out() -> None:
    """Several INPUTS leave out what any of them leaves out, wherever the names were taken away."""
    both = (INPUTS - "a") + (INPUTS - ["b"])
    assert both == INPUTS - ["a", "b"] == INPUTS - "a" - "b"
    assert both.without == {"a", "b"}
    assert (INPUTS - "a") + SOURCE == (INPUTS + SOURCE) - "a"
    assert INPUTS - [] == INPUTS


def test_leaving_out_means_inputs_only() -> None:
    """A policy without inputs stays as it is when names are taken away."""
    assert SOURCE - "a" == SOURCE
    assert NO_CACHE - "a" == NO_CACHE
    assert (SOURCE - "a") + INPUTS == SOURCE + INPUTS


@pytest.mark.parametrize("wrong", [3, b"a", {"a": 1}, ["a", 1], None])
def test_only_names_are_left_out(wrong: object) -> None:
    """Anything but a name or names is a TypeError that shows the way."""
    with pytest.raises(TypeError, match="INPUTS - 'debug'"):
        INPUTS - wrong


def test_policies_add_to_policies_only() -> None:
    """A policy plus something else is a TypeError."""
    with pytest.raises(TypeError):
        INPUTS + "SOURCE"


def test_configure() -> None:
    """Store, level and lock manager are taken along by sums, from either side."""
    locks = object()
    left = INPUTS.configure(key_storage="/tmp/keys", isolation_level="serializable")
    right = SOURCE.configure(lock_manager=locks)
    for total in (left + right, right + left):
        assert total.key_storage == "/tmp/keys"
        assert total.isolation_level is IsolationLevel.SERIALIZABLE
        assert total.lock_manager is locks
    assert INPUTS.key_storage is None
    assert left.configure() == left


@pytest.mark.parametrize(
    ("name", "one", "two", "told"),
    [
        ("key_storage", "a", "b", "different key storages"),
        ("isolation_level", "SERIALIZABLE", "READ_COMMITTED", "different isolation levels"),
        ("lock_manager", object(), object(), "different lock managers"),
    ],
)
def test_conflicts(name: str, one: object, two: object, told: str) -> None:
    """Two different stores, levels or lock managers in one sum are a ValueError."""
    left, right = INPUTS.configure(**{name: one}), SOURCE.configure(**{name: two})
    with pytest.raises(ValueError, match=told):
        left + right
    assert getattr(left + SOURCE.configure(**{name: one}), name) == getattr(left, name)


def test_configure_refuses_nonsense() -> None:
    """An unknown level, or locks for a level without any, are a ValueError."""
    with pytest.raises(ValueError, match="no isolation level"):
        INPUTS.configure(isolation_level="dirty")
    with pytest.raises(ValueError, match="nothing to do under READ_COMMITTED"):
        INPUTS.configure(isolation_level="read_committed", lock_manager=object())


def test_explain_tells_what_counts_and_what_does_not() -> None:
    """In words: the parts, the names left out, and what may change without a new run."""
    text = (INPUTS + FILES - "debug").explain()
    assert "INPUTS: the values" in text
    assert "Left out of the inputs: debug." in text
    assert "may change without a new run" in text
    assert "CELL_SOURCE" in text.partition("without a new run")[2]
    assert "nothing is cached" in NO_CACHE.explain()
    assert "may change" not in DEFAULT.explain()
    assert "SERIALIZABLE" in INPUTS.configure(isolation_level="SERIALIZABLE").explain()


def test_repr_reads_as_it_is_written() -> None:
    """The text of a policy gives the policy again."""
    for policy in [*ATOMS, DEFAULT, PREFECT_DEFAULT, DEFAULT - ["a", "b"]]:
        assert parse(repr(policy)) == policy


def test_key_functions() -> None:
    """A key function is a policy that adds to others; the same one counts once."""

    def by_day(context: object, inputs: object) -> str:
        return "today"

    policy = from_key_function(by_day)
    assert not policy.is_off
    assert (policy + policy).functions == (by_day,)
    assert (policy + INPUTS).parts == INPUTS.parts
    assert "by_day" in repr(policy)
    with pytest.raises(TypeError, match="no function"):
        from_key_function("by_day")


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("INPUTS", INPUTS),
        ("inputs+source", INPUTS + SOURCE),
        ("INPUTS + SOURCE - 'debug'", INPUTS + SOURCE - "debug"),
        ('INPUTS - "debug" - x', INPUTS - ["debug", "x"]),
        ("INPUTS - ['a', b,]", INPUTS - ["a", "b"]),
        ("FILES + (INPUTS - 'a')", FILES + (INPUTS - "a")),
        ("policies.INPUTS", INPUTS),
        ("NO_CACHE + RNG", RNG),
        ("none", NO_CACHE),
        ("DEFAULT + RUN_ID", DEFAULT + RUN_ID),
    ],
)
def test_grammar(text: str, policy: CachePolicy) -> None:
    """A line's expression means what the same expression means in Python."""
    assert parse(text) == policy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("INPUT", "did you mean `INPUTS`"),
        ("SORCE + INPUTS", "did you mean `SOURCE`"),
        ("PREFECT_DEFALT", "did you mean `PREFECT_DEFAULT`"),
        ("", "is missing at its end"),
        ("INPUTS +", "is missing at its end"),
        ("INPUTS -", "a name to leave out is missing"),
        ("INPUTS - SOURCE", "is a policy, and only inputs"),
        ("INPUTS SOURCE", "is not expected there"),
        ("(INPUTS", "`)` is missing"),
        ("INPUTS - [a", "`]` is missing"),
        ("INPUTS; import os", "cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        ("from_key_function(f)", "is no policy"),
        ("'INPUTS'", "where the name of a policy is expected"),
        ("INPUTS - 'a b'", "is not the name of an input"),
    ],
)
def test_grammar_refuses(text: str, told: str) -> None:
    """What is no such expression is an error that names the nearest right one; nothing runs."""
    with pytest.raises(OptionError) as caught:
        parse(text)
    assert told in str(caught.value)
