"""Makes up cells over shared, nested, changing objects, and describes what they leave.

The description is a second opinion: it knows nothing of nbcache's own traversal.
"""

from __future__ import annotations

import collections
import functools
import random
import types
import zlib
from typing import Any

import numpy as np
from hypothesis import strategies as st

NAMES = tuple("abcdef")
SETUP = """
import random, collections, functools
import numpy as np
class P:
    made = []
    def __init__(self, v): self.v = v; self.log = []
    def note(self, x): self.log.append(x); return self
class S:
    __slots__ = ('v', 'w')
    def __init__(self, v): self.v = v
def counter(v):
    n = 0
    held = [v]
    def up():
        nonlocal n
        n += 1; held.append(n); return held
    def get(): return n, held
    return up, get
def put(x, y):
    if isinstance(x, (list, collections.deque)): x.append(y)
    elif isinstance(x, dict): x[len(x)] = y
    elif isinstance(x, set): x.add(len(x))
    elif isinstance(x, (P, S)): x.v = y
    elif isinstance(x, np.ndarray) and x.dtype == object: x[0] = y
    elif isinstance(x, np.ndarray) and x.size and x.flags.writeable: x.flat[0] += 1
    elif isinstance(x, bytearray): x.append(len(x))
    elif callable(x) and hasattr(x, '__dict__'): x.mark = y
    return x
def drop(x):
    if isinstance(x, (list, collections.deque)) and x: return x.pop()
    if isinstance(x, dict) and x: return x.pop(next(iter(x)))
    if isinstance(x, P): x.__dict__.pop('v', None)
    return x
def draw(x):
    return x.random() if isinstance(x, (random.Random, np.random.Generator)) else x
def call(x):
    return x() if isinstance(x, (type(put), type([].append))) and x not in (put, drop) else x
def part(x):
    return x[1:] if isinstance(x, (list, tuple, np.ndarray)) and len(x) > 1 else x
""" + "\n".join(f"{name} = [{number}]" for number, name in enumerate(NAMES))

CREATE = (
    "{x} = []",
    "{x} = [{y}, {z}, {y}]",
    "{x} = {{'k': {y}, 1: {z}}}",
    "{x} = ({y}, [{z}])",
    "{x} = P({y})",
    "{x} = S({y}); {x}.w = {z}",
    "{x} = np.arange(6.)",
    "{x} = np.arange(6).reshape(2, 3).T",
    "{x} = {{1, 'a', (2, 'b')}}",
    "{x} = bytearray(b'ab')",
    "{x} = collections.deque([{y}], 3)",
    "{x} = collections.defaultdict(list, k={y})",
    "{x} = collections.OrderedDict(a={y}, b={z}); {x}.move_to_end('a')",
    "{x} = random.Random(3)",
    "{x} = np.random.default_rng(4)",
    "{x} = {y}",
    "{x} = part({y})",
    "{x} = draw({y})",
    "{x} = drop({y})",
    "{x} = lambda: {y}",
    "{x} = lambda v={y}: (v, len(log))",
    "def {x}(v={y}, *, w=[{z}]):\n    w.append(1)\n    return v, w",
    "{x}, other = counter({y})",
    "class {X}(P):\n    tag = {y}\n    def note(self, x): return super().note([x])\n{x} = {X}({z})",
    "{x} = functools.partial(put, {y}, {z})",
    "{x} = np.array([{y}, None], dtype=object) if not isinstance({y}, np.ndarray) else {y}",
    "{x} = {y}.note if isinstance({y}, P) else {y}",
    "{x} = [q for q in ({y}, {z}) if q is not None]",
)
CHANGE = (
    "put({x}, {y})",
    "put({x}, [{y}, {x}])",
    "drop({x})",
    "call({x})",
    "draw({x})",
    "log.append({x})",
    "log[-1:] = [{x}, {y}]",
    "if isinstance({x}, list): {x}.reverse(); {x} += [{y}]",
    "if isinstance({x}, P): {x}.note({y}); P.made.append({x})",
    "if isinstance({x}, np.ndarray) and {x}.dtype != object and {x}.flags.writeable: {x} += 1",
    "if isinstance({x}, dict): {x}.update(z={y}); {x}.pop('k', None)",
    "for _n in range(2): put({x}, _n)",
    "P.extra = {x}",
)
FORGET = "del {x}"


@st.composite
def cells(draw: Any) -> list[str]:
    """Draw the texts of two to four cells; every name that they read is bound."""
    bound, story = {*NAMES}, []
    for _ in range(draw(st.integers(2, 4))):
        lines = []
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from("ccccmmmmmf"))
            if kind == "f" and len(bound) > 3:
                name = draw(st.sampled_from(sorted(bound)))
                bound.discard(name)
                lines.append(FORGET.format(x=name))
                continue
            here = st.sampled_from(sorted(bound))
            y, z = draw(here), draw(here)
            creates = kind == "c"
            x = draw(st.sampled_from(NAMES) if creates else here)
            text = draw(st.sampled_from(CREATE if creates else CHANGE))
            lines.append(text.format(x=x, y=y, z=z, X=x.upper()))
            bound.add(x)
        story.append("\n".join(lines))
    return story


def describe(namespace: dict[str, Any]) -> list[str]:
    """Return the graph below the notebook's names: each object once, then by its number."""
    seen: dict[int, int] = {}
    lines: list[str] = []
    queue: list[Any] = []

    def name(obj: Any) -> str:
        if obj is None or type(obj) in (int, float, str, bool, bytes):
            return repr(obj)
        if isinstance(obj, types.ModuleType):
            return obj.__name__
        if type(obj) is tuple:
            return f"({', '.join(map(name, obj))})"
        if id(obj) not in seen:
            seen[id(obj)] = len(seen)
            queue.append(obj)
        return f"#{seen[id(obj)]}"

    for variable in sorted(namespace):
        if not variable.startswith("__"):
            lines.append(f"{variable} = {name(namespace[variable])}")
    while queue:
        obj = queue.pop(0)
        lines.append(f"{name(obj)} {type(obj).__name__}: {contents(obj, name, namespace)}")
    return lines


def contents(obj: Any, name: Any, namespace: dict[str, Any]) -> str:
    """Return what an object holds, its children by number."""
    if isinstance(obj, dict):
        factory = getattr(obj, "default_factory", None)
        return f"{[(name(k), name(v)) for k, v in obj.items()]} {factory}"
    if isinstance(obj, (list, collections.deque)):
        return f"{list(map(name, obj))} {getattr(obj, 'maxlen', None)}"
    if isinstance(obj, set):
        return str(sorted(map(repr, obj)))
    if isinstance(obj, types.FunctionType):
        return of_function(obj, name, namespace)
    if isinstance(obj, type):
        own = {k: v for k, v in vars(obj).items() if k[:2] != "__" or k == "__init__"}
        own.pop("__slotnames__", None)
        plain = {
            k: name(v) for k, v in own.items() if not isinstance(v, types.MemberDescriptorType)
        }
        return f"{obj.__name__} {list(map(name, obj.__bases__))} {plain}"
    return of_library(obj, name)


def of_function(function: Any, name: Any, namespace: dict[str, Any]) -> str:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    shared = [f"cell {name(cell)}" for cell in function.__closure__ or ()]
    parts = [function.__defaults__, tuple((function.__kwdefaults__ or {}).items())]
    at_home = function.__globals__ is namespace
    return f"{[*map(name, [*parts, *cells, function.__dict__])]} {shared} {at_home}"


def of_library(obj: Any, name: Any) -> str:
    if isinstance(obj, np.ndarray):
        return of_array(obj, name)
    if isinstance(obj, random.Random):
        return str(zlib.crc32(repr(obj.getstate()).encode()))
    if isinstance(obj, np.random.Generator):
        return str(obj.bit_generator.state)
    if isinstance(obj, (types.MethodType, types.BuiltinMethodType)):
        return f"{obj.__name__} of {name(obj.__self__)}"
    if isinstance(obj, functools.partial):
        return f"{name(obj.func)} {name(obj.args)}"
    if isinstance(obj, bytearray):
        return repr(obj)
    slots = {k: name(getattr(obj, k)) for k in ("v", "w") if hasattr(obj, k)}
    own = [(k, name(v)) for k, v in getattr(obj, "__dict__", {}).items()]
    return f"{name(type(obj))} {slots} {own}"


def of_array(array: Any, name: Any) -> str:
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    at = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    items = list(map(name, array.ravel().tolist()))
    shared = name(owner) if owner is not array else "its own"
    return f"{array.shape} {array.strides} {array.dtype} {items} at {at} of {shared}"
