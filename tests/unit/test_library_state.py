"""What functions of libraries may set: found by name, compared before and after."""

from __future__ import annotations

import ast
import sys
import types
from typing import Any

import pytest

from nbcache.errors import NotReplayable
from nbcache.library_setters import setters_reached
from nbcache.library_settings import LibrarySettings
from nbcache.library_state import SetState

SOURCE = """
import contextvars, threading
_config, _deep = {"mode": 1, "flag": False}, {"a": [1, 2]}
_local, _var, _flag, names, table = threading.local(), contextvars.ContextVar("v"), 0, [], {}
class Options:
    __slots__ = ("width",)
    def __init__(self): self.width = 80
    def set_width(self, width): self.width = width
options = Options()
set_shared = options.set_width
def _mine():
    if not hasattr(_local, "config"): _local.config = dict(_config)
    return _local.config
def set_flag(flag): _mine()["flag"] = flag
def get_flag(): return _mine()["flag"]
def set_deep(value): _deep["a"].append(value)
def set_var(value): _var.set(value)
def set_global(value):
    global _flag
    _flag = value
def set_of(thing, value): thing.append(value)
def get(): return len(names)
_cache, _late, _plain = {}, None, 0
def frob(value): _config["mode"] = value
def meld(key): table.update({key: 1})
def indeed(key): meld(key)
def bump(value):
    global _plain
    _plain = value
_block, _use_cache = 1, True
def sized(value):
    global _block
    _block = value
def kept(value):
    global _use_cache
    _use_cache = value
def looked(value):
    global _late
    _cache[value] = 1
    _late = object()
    return value
def merged(one, other):
    one["k"] = table.get("k", other)
    return one
class Base:
    mode = 1
    @classmethod
    def flip(cls, mode): cls.mode = mode
    @classmethod
    def set_mode(cls, mode): cls.mode = mode
    @staticmethod
    def set_other(mode): Base.mode = mode
class set_all:
    def __init__(self, value): _config["flag"] = value
"""


@pytest.fixture
def lib(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = types.ModuleType("setlib")
    module.__file__, module.__spec__ = pytest.__file__, pytest.__spec__
    monkeypatch.setitem(sys.modules, "setlib", module)
    exec(compile(SOURCE, pytest.__file__, "exec"), vars(module))
    return module


def _change(lib: Any, text: str, **variables: Any) -> bool:
    """Tell whether a cell is refused for what it leaves set."""
    scope: dict[str, Any] = {"__name__": "__main__", "lib": lib} | variables
    nodes = ast.parse(text).body
    exec("def go(value): lib.set_flag(value)\ndef put(value): lib.table['k'] = value", scope)
    settings = LibrarySettings(lambda: setters_reached(nodes, scope))
    exec(text, scope)
    settings.compare()
    try:
        settings.refuse()
    except NotReplayable:
        return True
    return False


SETS = [
    "lib.set_flag(True)",
    "lib.set_deep(3)",
    "lib.set_var(3)",
    "lib.set_global(3)",
    "lib.Base.set_mode(2)",
    "lib.Base.set_other(2)",
    "lib.set_all(True)",
    "lib.options.set_width(3)",
    "lib.set_shared(4)",
    "lib.options.width = 3",
    "lib.names.append(3)",
    "lib.table['k'] = 1",
    "del lib._config['flag']",
    "go(True)",
    "put(1)",
    "getattr(lib, 'set_flag')(True)",
    "name = 'set_flag'; getattr(lib, 'set_' + 'flag'); lib.set_flag(1)",
    "held = lib.table; held['k'] = 1",
    "for one in [lib.set_flag]: one(True)",
    "(lambda: lib.set_flag(True))()",
    "setattr(lib.options, 'width', 5)",
    "lib.frob(3)",
    "x = lib.frob(3)",
    "x = [lib.meld(one) for one in 'ab']",
    "list(map(lib.indeed, 'ab'))",
    "sorted([1], key=lambda one: lib.bump(2) or 0)",
    "lib.Base.flip(2)",
    "x = lib.sized(2)",
    "x = lib.kept(False)",
]
KEEPS = [
    "lib.set_flag(False)",
    "lib.set_flag(True); lib.set_flag(False)",
    "lib.set_of(own, 3)",
    "lib.get_flag(), lib.get()",
    "go(False)",
    "lib.options.set_width(80)",
    "lib.names.append(3); lib.names.pop()",
    "x = lib.looked(2)",
    "x = lib.merged({}, 1)",
    "lib.frob(1)",
]


@pytest.mark.parametrize("text", SETS)
def test_what_is_left_set_is_seen(lib: Any, text: str) -> None:
    """By whatever names the code comes to it."""
    assert _change(lib, text)


@pytest.mark.parametrize("text", KEEPS)
def test_what_is_as_before_is_no_change(lib: Any, text: str) -> None:
    """Nor is what the library makes when it is first asked, as a copy of what stood there."""
    assert not _change(lib, text, own=[])


def _digest(lib: Any, text: str = "lib.set_flag(1); lib.set_deep(1)") -> bytes:
    return SetState(setters_reached(ast.parse(text).body, {"lib": lib})).digest()


def test_digests_tell_what_stands_set(lib: Any) -> None:
    """The same settings have the same digest, whatever was asked for or set in between."""
    first = _digest(lib)
    lib.get_flag()
    assert _digest(lib) == first
    lib.set_flag(True)
    assert _digest(lib) != first
    lib.set_flag(False)
    assert _digest(lib) == first
    lib.set_deep(3)
    assert _digest(lib) != first


def test_a_function_that_sets_things_it_is_given_can_set_nothing_else(lib: Any) -> None:
    """It reaches no variable of its library."""
    found = {one.label: one for one in setters_reached(ast.parse("lib.set_of(lib.set_var)").body,
                                                       {"lib": lib})}  # fmt: skip
    assert not SetState([found["lib.set_of"]]).is_settable
    assert SetState([found["lib.set_var"]]).is_settable
