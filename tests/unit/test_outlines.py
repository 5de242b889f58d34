"""Rules of outlines: which edits of a module touch which of its names."""

from __future__ import annotations

import pytest

from nbcache.deps.outlines import outline

MODULE = '''
"""What it does."""
import functools
import re
from abc import ABC, ABCMeta
from dataclasses import dataclass, field

LEVEL = 1
WORD = re.compile("a")
TABLE = {"a": LEVEL}


class Shape(ABC):
    sides = 0

    @property
    def area(self):
        return self.sides


@dataclass
class Point:
    x: int = LEVEL
    tags: list = field(default_factory=list)


@functools.lru_cache(maxsize=None)
def f(x=LEVEL):
    return x


if __name__ == "__main__":
    f(3)
'''

UNSEEN = {
    "a comment": ("LEVEL = 1", "LEVEL = 1  # of detail"),
    "layout": ("return x", "return (x)\n"),
    "what the module does": ("What it does", "What it did"),
    "a new function": ("LEVEL = 1", "LEVEL = 1\ndef g(): return 2"),
    "a new import": ("import re", "import re, json"),
    "another constant": ('{"a": LEVEL}', '{"b": LEVEL}'),
    "another class": ("sides = 0", "sides = 4"),
    "a class made by a known decorator": ("x: int", "y: int"),
    "what a script does": ("f(3)", "f(4)"),
}
SEEN = {
    "a call": ("LEVEL = 1", "LEVEL = 1\nprint(LEVEL)"),
    "an import of something else": ("import re", "import re, other"),
    "a decorator that may tell others": ("@dataclass", "@known"),
    "a base that may tell others": ("(ABC)", "(Base)"),
    "a base that learns of its subclasses": (
        "sides = 0",
        "sides = 0\n    def __init_subclass__(cls): pass",
    ),
    "a metaclass of its own": ("(ABC)", "(metaclass=Meta)"),
    "a class body that calls": ("sides = 0", "sides = count()"),
    "a default that calls": ("f(x=LEVEL)", "f(x=level())"),
    "a condition": ("LEVEL = 1", "if True: LEVEL = 1"),
    "an operator, which may be anybody's": ("LEVEL = 1", "LEVEL = 1\nMORE = LEVEL + 1"),
    "a name that is not there": ("LEVEL = 1", "LEVEL = 1\nMORE = MISSING"),
    "a name that is there too late": ("LEVEL = 1", "LEVEL = 1\nMORE = f"),
    "what a library does not have": ("import re", "import re\nfrom os import nothing_such"),
    "a call that fails": ('re.compile("a")', 're.compile("(")'),
    "a division by nothing": ("LEVEL = 1", "LEVEL = 1\nMORE = 1 / 0"),
    "a dataclass that fails": ("x: int = LEVEL", "x: int = LEVEL\n    y: int"),
    "an item set": ('TABLE = {"a": LEVEL}', 'TABLE = {"a": LEVEL}\nTABLE["b"] = 2'),
    "what asks for the future": ('"""What it does."""', "from __future__ import annotations"),
}


def digests(text: str) -> list[str]:
    made = outline(text.encode())
    assert made is not None
    return [made.digest(["f", "x"]), made.digest([])]


@pytest.mark.parametrize("edit", UNSEEN.values(), ids=UNSEEN)
def test_an_edit_elsewhere_touches_no_other_name(edit):
    """What only binds other names, or says nothing to Python, is no edit of a function."""
    assert digests(MODULE.replace(*edit)) == digests(MODULE)
    assert edit[0] in MODULE


@pytest.mark.parametrize("edit", SEEN.values(), ids=SEEN)
def test_what_an_import_may_do_counts_for_every_name(edit):
    """Statements that others may see having run count whatever is asked for."""
    assert edit[0] in MODULE
    before, after = digests(MODULE), digests(MODULE.replace(*edit))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_name_counts_with_all_that_binds_it():
    """Its own edit, a second definition, its order, and a definition where there was none."""
    once = outline(b"def f(): return len('a')\nV = 1\nV = 2\n")
    other = outline(b"def f(): return len('a')\nV = 2\nV = 1\ndef len(x): return 0\n")
    assert once is not None
    assert other is not None
    assert once.digest(["f"]) == other.digest(["f"])
    assert once.digest(["V"]) != other.digest(["V"])
    assert "len" in once.parts["f"].reads
    assert once.digest(["len"]) != other.digest(["len"])
    assert once.digest(None) != other.digest(None)


def test_the_order_of_what_counts_counts():
    """A name bound from another one, before or behind that one's second value."""
    first, second = outline(b"A = 1\nB = A\nA = 2\n"), outline(b"A = 1\nA = 2\nB = A\n")
    assert first is not None
    assert second is not None
    assert first.digest(["A", "B"]) != second.digest(["A", "B"])
    assert first.digest(["A"]) == second.digest(["A"])


def test_all_of_a_module_counts_without_its_comments():
    """Asked for everything, comments and layout still do not count; text that is no Python does."""
    texts = [b"V = 1  # one\n", b"V  =  1\n", b"V = 2\n"]
    first, second, third = (made.digest(None) for made in map(outline, texts) if made)
    assert first == second != third
    assert outline(b"V = = 1") is None
    assert outline("# coding: latin-1\nV = 'é'".encode("latin-1")) is not None
