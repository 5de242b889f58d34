"""How a line of options is read."""

from __future__ import annotations

import pytest

from nbcache.errors import OptionError
from nbcache.options import OPTIONS, parse_options, read_options
from nbcache.policies import INPUTS, NO_CACHE, SOURCE

ACCEPTED = [
    ("", {}),
    ("   # only a comment", {}),
    ("ttl=60", {"ttl": "60"}),
    ("--ttl 60", {"ttl": "60"}),
    ("--ttl=60", {"ttl": "60"}),
    ("ttl = 60", {"ttl": "60"}),
    ('ttl="1 day" quiet', {"ttl": "1 day", "quiet": True}),
    ("ttl='2 hours 30 min'", {"ttl": "2 hours 30 min"}),
    ("--ttl '1 day'", {"ttl": "1 day"}),
    ("ttl=60 # don't ask", {"ttl": "60"}),
    ("version=a#1", {"version": "a#1"}),
    ('version="# 1"', {"version": "# 1"}),
    (r"version=C:\new", {"version": r"C:\new"}),
    ("version=", {"version": ""}),
    ("quiet", {"quiet": True}),
    ("--quiet", {"quiet": True}),
    ("--no-quiet", {"quiet": False}),
    ("quiet=false", {"quiet": False}),
    ("--quiet false --off", {"quiet": False, "off": True}),
    ("off", {"off": True}),
    ("on", {"off": False}),
    ("true", {"off": False}),
    ("false", {"off": True}),
    ("refresh", {"refresh": True}),
    ("refresh=false", {"refresh": False}),
    ("refresh=once", {"refresh": "once"}),
    ("--refresh once quiet", {"refresh": "once", "quiet": True}),
    ("--refresh quiet", {"refresh": True, "quiet": True}),
    ("--no-refresh", {"refresh": False}),
    ("--read-only", {"read_only": True}),
    ("read_only require", {"read_only": True, "require": True}),
    ("--min-time 0.5s", {"min_time": "0.5s"}),
    ("ignore=a", {"ignore": frozenset("a")}),
    ("ignore=a,b", {"ignore": frozenset("ab")}),
    ("ignore=a, b quiet", {"ignore": frozenset("ab"), "quiet": True}),
    ("ignore=a , b", {"ignore": frozenset("ab")}),
    ('drop="a b" keep="c, d"', {"drop": frozenset("ab"), "keep": frozenset("cd")}),
    ("keep=", {"keep": frozenset()}),
    ("policy=INPUTS", {"policy": INPUTS}),
    ("policy=\"INPUTS + SOURCE - 'debug'\"", {"policy": INPUTS + SOURCE - "debug"}),
    ("--policy 'inputs - [a, b]'", {"policy": INPUTS - ["a", "b"]}),
    ("policy=NO_CACHE", {"policy": NO_CACHE}),
    ("key=day", {"key": "day"}),
    ("key=\"f'{a}-{b}'\"", {"key": "f'{a}-{b}'"}),
    ("pin", {"pin": True}),
    ("--persist", {"persist": True}),
    ("persist=false", {"persist": False}),
    ("persist=none", {"persist": None}),
    ("memory", {"memory": True}),
    ("compression=zlib", {"compression": "zlib"}),
    ("compression=true", {"compression": "zlib"}),
    ("name=result group=etl store=/tmp/x", {"name": "result", "group": "etl", "store": "/tmp/x"}),
    ("isolation=SERIALIZABLE wait=10m", {"isolation": "serializable", "wait": "10m"}),
    ("isolation=read-committed", {"isolation": "read_committed"}),
]


@pytest.mark.parametrize(("line", "expected"), ACCEPTED)
def test_accepted(line: str, expected: dict[str, object]) -> None:
    """``key=value``, ``--key value``, flags, quotes, lists and comments are all understood."""
    assert parse_options(line) == expected


REJECTED = [
    ("tll=60", "`tll` is not an option. Did you mean `ttl`?"),
    ("--ingore a", "Did you mean `ignore`?"),
    ("quite", "Did you mean `quiet`?"),
    ("zzzz=1", "`zzzz` is not an option. Options: ttl, refresh"),
    ("ignore=a b", "a list needs commas"),
    ("ttl=1 day", "A value with spaces needs quotes"),
    ("ttl=60 ttl=90", "`ttl` is given twice"),
    ("quiet --quiet", "`quiet` is given twice"),
    ("ttl", "`ttl` needs a value, such as `ttl=60`"),
    ("--ttl", "`ttl` needs a value"),
    ("ttl=soon", "'soon' is not a duration"),
    ("min_time=-1", "'-1' is not a duration"),
    ("quiet=maybe", "`quiet=maybe` is not understood. Write true or false"),
    ("refresh=maybe", "Write true, false or once"),
    ("ignore=df.x", "`df.x` is not a name"),
    ("ignore", "there is no name"),
    ("version", "`version` needs a value"),
    ('ttl="1 day', "cannot be read"),
    ("--no-ttl", "is not an option"),
    ("policy=INPUT", "did you mean `INPUTS`"),
    ("policy=", "is missing at its end"),
    ("key", "`key` needs a value"),
    ("isolation=serialisable", "Did you mean `serializable`?"),
    ("compression=gzip", "Write none or zlib or lzma or bz2"),
    ("persist=maybe", "`persist=maybe` is not understood"),
    ("wait=soon", "'soon' is not a duration"),
    ("ttl=60 off=true on", "`on` is not an option"),
]


@pytest.mark.parametrize(("line", "message"), REJECTED)
def test_rejected(line: str, message: str) -> None:
    """What is not understood is an error that names the way out."""
    with pytest.raises(OptionError) as caught:
        parse_options(line)
    assert message in str(caught.value)


def test_data() -> None:
    """Options from metadata, pyproject or traitlets may have types of their own."""
    data = {"ttl": 60, "min-time": 0.5, "ignore": ["a", "b"], "quiet": True, "version": 3}
    assert read_options(data) == {
        "ttl": 60, "min_time": 0.5, "ignore": frozenset("ab"), "quiet": True, "version": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [{"nope": 1}, {"ttl": True}, {"ttl": []}, {"ignore": [1]}, {"ignore": None}, {"ignore": {}},
     {"quiet": None}, {"quiet": 2}, {"version": []}],
)  # fmt: skip
def test_bad_data(data: dict[str, object]) -> None:
    """Options that come as data are checked like those of a line."""
    with pytest.raises(OptionError):
        read_options(data)


def test_every_option_has_help() -> None:
    """The table explains each of its options."""
    assert all(option.help and option.name == name for name, option in OPTIONS.items())
