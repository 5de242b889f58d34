"""Nothing of the user's code runs because of nbcache, but the documented reduce protocol."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

SET_UP = '''
log = []
def trapped(name):
    def method(self, *args, **words):
        log.append(name)
        base = getattr(object, name, None)
        return base(self, *args, **words) if base is not None else 1
    return method
NAMES = """__eq__ __ne__ __hash__ __repr__ __str__ __bool__ __len__ __iter__ __contains__ __lt__
    __getattribute__ __getattr__ __setattr__ __delattr__ __format__ __dir__ __sizeof__ __call__
    __getitem__ __setitem__ __index__ __fspath__ __copy__ __deepcopy__ __array__ __enter__
    _repr_html_ _ipython_display_ __instancecheck__ __subclasscheck__ __init__ __set_name__
    keys items __next__ __length_hint__ __array_interface__ __torch_function__""".split()
body = {name: trapped(name) for name in NAMES}
body["__class__"] = property(lambda self: log.append("__class__") or Trap)
body["secret"] = property(lambda self: log.append("secret"))
Trap = type("Trap", (), dict(body))
Slots = type("Slots", (), dict(body, __slots__=("a", "b")))
List = type("List", (list,), {n: f for n, f in body.items() if hasattr(list, n)})
def put(obj, **values):
    for name, value in values.items():
        object.__setattr__(obj, name, value)
    return obj
inner = [1]
read = put(Trap.__new__(Trap), a=inner, b={"k": (1, inner)})
slotted = put(Slots.__new__(Slots), a=inner)
listed = List.__new__(List); list.extend(listed, [1, read])
unread = put(Trap.__new__(Trap), a=2)
holder = {"x": [read, slotted, listed], "y": unread}
'''
CELL = """%%cache
def touch():
    inner.append(2)
    object.__setattr__(read, "c", inner)
    list.append(listed, 3)
    return put(Trap.__new__(Trap), a=read, b=holder)
made = touch()
more = [put(Slots.__new__(Slots), b=made), put(Trap.__new__(Trap), q=1)]
log2 = len(log)
"""
CHECKS = (
    "log",
    "[type(x) is Trap for x in (read, made, more[1])]",
    "object.__getattribute__(made, 'a') is read",
    "object.__getattribute__(read, 'c') is inner",
    "(inner, list.__len__(listed))",
)


def test_a_class_full_of_traps_notices_nothing(tmp_path: Path) -> None:
    """Fingerprints, recordings, patches and restores run none of a class's own methods."""
    found = []
    for seed in ("1", "2"):
        with kernel(tmp_path / "store", PYTHONHASHSEED=seed) as made:
            made.run(SET_UP)
            before = made.value("log")
            reply = made.run(CELL)
            assert made.value("log") == before
            again = [made.value(check) for check in CHECKS]
            found.append((reply.state, again))
    assert [state for state, _ in found] == ["miss", "hit"]
    assert found[0][1] == found[1][1]
    assert found[0][1][0] == "[]"
