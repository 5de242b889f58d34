"""Whether a stored run may be used."""

from __future__ import annotations

import math

import pytest

from nbcache.entry import FORMAT, Entry
from nbcache.errors import OptionError
from nbcache.events import State
from nbcache.options import OPTIONS
from nbcache.policy import Policy, build_policy, decide, expires_at

NOW = 1_000_000.0


def entry(age: float = 10.0, ttl: float | None = None, format: int = FORMAT) -> Entry:
    return Entry("k" * 32, "v" * 16, NOW - age, ttl, 1.0, format=format)


DECISIONS = [
    (None, Policy(), State.MISS),
    (entry(), Policy(), State.HIT),
    (entry(age=1e9), Policy(), State.HIT),
    (entry(age=59), Policy(ttl=60), State.HIT),
    (entry(age=60), Policy(ttl=60), State.EXPIRED),
    (entry(age=61), Policy(ttl=60), State.EXPIRED),
    (entry(age=59, ttl=60), Policy(), State.HIT),
    (entry(age=60, ttl=60), Policy(), State.EXPIRED),
    (entry(age=61, ttl=60), Policy(ttl=600), State.EXPIRED),
    (entry(age=61, ttl=600), Policy(ttl=60), State.EXPIRED),
    (entry(age=0, ttl=0), Policy(), State.EXPIRED),
    (entry(age=0), Policy(ttl=0), State.EXPIRED),
    (entry(age=-1), Policy(ttl=0), State.EXPIRED),
    (entry(age=-59), Policy(), State.HIT),
    (entry(age=-59), Policy(ttl=1), State.HIT),
    (entry(age=-61), Policy(), State.EXPIRED),
    (entry(age=math.nan), Policy(), State.EXPIRED),
    (entry(ttl=math.nan), Policy(), State.EXPIRED),
    (entry(ttl=-1), Policy(), State.EXPIRED),
    (entry(format=FORMAT + 1), Policy(), State.MISS),
    (entry(), Policy(refresh=True), State.REFRESHED),
    (entry(), Policy(refresh="once"), State.REFRESHED),
    (entry(), Policy(refresh=False), State.HIT),
    (None, Policy(refresh=True), State.MISS),
    (entry(), Policy(off=True), State.OFF),
    (entry(), Policy(off=True, refresh=True), State.OFF),
    (entry(), Policy(require=True, read_only=True), State.HIT),
]


@pytest.mark.parametrize(("stored", "policy", "state"), DECISIONS)
def test_decide(stored: Entry | None, policy: Policy, state: State) -> None:
    """Only a hit is served, and every decision gives its reason."""
    decision = decide(stored, policy, NOW)
    assert decision.state is state
    assert decision.serve == (state is State.HIT)
    assert decision.reasons


def test_refresh_of_everything() -> None:
    """A global refresh runs the cell, unless the cell says ``refresh=false``."""
    assert decide(entry(), Policy(), NOW, refresh_all=True).state is State.REFRESHED
    assert decide(entry(), Policy(refresh=False), NOW, refresh_all=True).state is State.HIT
    assert decide(entry(age=9), Policy(refresh=False, ttl=5), NOW, refresh_all=True).state is (
        State.EXPIRED
    )


def test_moved_dependencies() -> None:
    """A dependency that moved makes the cell stale and is its reason."""
    for stored in (None, entry()):
        decision = decide(stored, Policy(), NOW, moved=["`df` changed"])
        assert (decision.state, decision.reasons) == (State.STALE, ("`df` changed",))
        assert not decision.serve


def test_reasons_tell_times() -> None:
    """A person reads how old the stored run is and how long it holds."""
    assert decide(entry(180, 240), Policy(), NOW).reasons == (
        "Stored 3 min ago, expires in 1 min.",
    )
    assert decide(entry(180), Policy(), NOW).reasons == ("Stored 3 min ago, never expires.",)
    told = "The entry expired 2 min ago: stored 3 min ago, usable for 1 min."
    assert decide(entry(180, 60), Policy(), NOW).reasons == (told,)


def test_expires_at() -> None:
    """The moment of expiry follows the shorter ttl."""
    assert expires_at(entry(10), Policy()) is None
    assert expires_at(entry(10, 60), Policy()) == NOW + 50
    assert expires_at(entry(10, 60), Policy(ttl=20)) == NOW + 10
    assert expires_at(entry(10, 60), Policy(ttl=600)) == NOW + 50


def test_build_policy() -> None:
    """Options lie over the base; durations become seconds."""
    base = Policy(ttl=5, quiet=True, explicit=False)
    policy = build_policy({"ttl": "1m", "ignore": "a,b", "min_time": "500ms"}, base=base, now=NOW)
    assert policy == Policy(
        ttl=60, ignore=frozenset("ab"), min_time=0.5, quiet=True, explicit=False
    )
    assert build_policy({"ttl": "never"}, base=base, now=NOW).ttl is None
    assert build_policy({"min_time": "never"}, now=NOW).min_time == 0
    assert build_policy({}, now=NOW) == Policy()


def test_build_policy_refuses_contradictions() -> None:
    """A name cannot be kept and dropped."""
    with pytest.raises(OptionError, match="`a` is in `keep` and in `drop`"):
        build_policy({"keep": "a", "drop": "a,b"}, now=NOW)


def test_every_option_is_a_field() -> None:
    """The table of options and the policy know the same names."""
    assert set(OPTIONS) | {"explicit", "verify"} == set(Policy.__dataclass_fields__)


def test_a_line_may_give_the_key_that_a_setting_took_away() -> None:
    """Under a setting of NO_CACHE a cell that names a policy or key is cached; ``off`` stays."""
    base = build_policy({"policy": "NO_CACHE"}, now=0.0)
    assert base.off
    assert build_policy({"ttl": 5}, base=base, now=0.0).off
    for options in ({"policy": "DEFAULT"}, {"key": 3}, {"name": "n"}):
        assert not build_policy(options, base=base, now=0.0).off
    assert build_policy({"policy": "DEFAULT", "off": True}, base=base, now=0.0).off
