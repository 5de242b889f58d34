"""Values to bytes and back, with references to live objects; the only unpickler of cells."""

from __future__ import annotations

import builtins
import io
import math
import pickle
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcache.entry import Body
from nbcache.errors import CacheError, NotStorable
from nbcache.heap import rebuild
from nbcache.heap.finishing import finishing
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.muted import muted
from nbcache.heap.parts import Finder, Parts
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.replay import deep, nan
from nbcache.replay.codes import CodeTable, codes_of
from nbcache.replay.explaining import explain
from nbcache.replay.foreign import Foreign
from nbcache.replay.holders import Holders
from nbcache.replay.library_objects import LIBRARIES, References, load_import
from nbcache.replay.own_dicts import owners_of_dicts
from nbcache.replay.packing import PACKED, Packer, Unpacker, keeping, pack_plain, plain_value

Codes = Callable[[], Sequence[types.CodeType]]
"""Returns the code objects of the cell as it stands now, when a stored function needs them."""

_NAMESPACE = "namespace"
_BUILTINS = "builtins"


class Dumper(pickle.Pickler):
    """Writes new values; what the walk has numbered is written as a reference."""

    def __init__(self, file: io.BytesIO, walk: Walk, codes: Sequence[types.CodeType] = ()) -> None:
        self.buffers: list[Any] = []
        super().__init__(file, protocol=5, buffer_callback=keeping(self.buffers))
        self.walk = walk
        self.namespace = walk.namespace
        self._find = walk.ordinals.find
        self._references: dict[int, Any] = {
            id(value): f"root {label}"
            for label, value in walk.values.items()
            if type(value) not in FLAT
        }
        self._references[id(walk.namespace)] = _NAMESPACE
        self._references[id(vars(builtins))] = _BUILTINS
        self._cell_codes = codes
        self._codes: CodeTable | None = None
        self._packer = Packer()
        self._kept = LIBRARIES.places
        self._reference = References().of
        self.holders = Holders()
        self._counted = self.holders.counted
        self._kinds: dict[type, Kind] = {}
        self._parts = walk.parts or Parts()
        self._variables = self._parts.variables
        self._nans: dict[int, str] | None = None
        self._dict_owners: dict[int, Any] | None = None
        self.changed: frozenset[int] = frozenset()
        self.blocks: set[int] = set()
        self.postponed: deep.Postponed | None = None

    def persistent_id(self, obj: Any) -> Any:
        """Return the reference to an earlier object, or None for a new one."""
        kind = type(obj)
        if kind in FLAT:
            if kind is float and math.isnan(obj):
                return self._not_a_number(obj)
            return pack_plain(self._variables[id(obj)], obj) if id(obj) in self._variables else None
        identity = id(obj)
        found: Any = self._find(identity)
        if found is not None:
            return found
        found = self._references.get(identity)
        if found is None:
            found = self._earlier_dict(obj) if kind is dict else None
            found = found or self._parts.find(obj, self.changed)
            if found is None and identity in self._kept:
                found = self._reference(obj)
            elif kind in self._counted:
                self._counted[kind][identity] += 1
            return self._packer.pack(obj) if found is None and kind in PACKED else found
        if type(found) is Foreign:
            known = self._reference(obj) if identity in self._kept else None
            return known or self._parts.find(obj, self.changed) or found.refuse(obj)
        return found

    def _earlier_dict(self, obj: dict[str, Any]) -> str | None:
        """Return the reference to the ``__dict__`` of an earlier instance."""
        if self._dict_owners is None:
            self._dict_owners = owners_of_dicts(self.walk, self.changed)
        owner = self._dict_owners.get(id(obj))
        if owner is None or dict_of(owner) is not obj:
            return None
        return f"dict {self._find(id(owner))}"

    def _not_a_number(self, obj: float) -> str:
        """Return the reference to a NaN, whose identity counts: ``nan in [nan]``."""
        if self._nans is None:
            self._nans = dict(nan.find_known(self.walk))
        found = self._nans.get(id(obj))
        if found is None:
            found = self._nans[id(obj)] = f"nan {len(self._nans)} {nan.bits(obj)}"
        return found

    def refuse_foreign(self, names: Mapping[int, str]) -> None:
        """Refuse values of variables that the cell was not seen to read."""
        for identity, name in names.items():
            self._references.setdefault(identity, Foreign(name))

    def refer_to_imports(self, references: Mapping[int, str]) -> None:
        """Refer to what the cell imports by name; earlier objects keep their place."""
        for identity, reference in references.items():
            self._references.setdefault(identity, reference)

    def is_earlier(self, obj: Any) -> bool:
        """Tell whether the stream refers to this object instead of holding it."""
        return self._find(id(obj)) is not None or id(obj) in self._references

    def earlier_array(self, owner: Any) -> tuple[Any, int] | None:
        """Return an earlier array over the same memory and the address of its first element."""
        found = self.walk.owners.get(id(owner))
        return None if found is None else (self.walk.objects[found[0]], found[1])

    def earlier_column(self, owner: Any) -> tuple[Any, int, int] | None:
        """Return an earlier, unchanged frame over the memory, a column of it and its address."""
        found = self.walk.columns.get(id(owner))
        if found is None or found[0] in self.changed:
            return None
        return self.walk.objects[found[0]], found[1], found[2]

    def reducer_override(self, obj: Any) -> Any:
        """Ask the kind of the object's type how it is built again."""
        if type(obj) is types.CodeType:
            self._codes = self._codes or CodeTable(self._cell_codes, self.walk, self.changed)
            place = self._codes.place_of(obj)
            if place is not None:
                self._references[id(place)] = place.text
                return rebuild.same, (place,)
        constant = find_constant(obj)
        if constant is not None and not isinstance(obj, (type, types.FunctionType)):
            return rebuild.get_constant, constant
        kind = type(obj)
        family = self._kinds.get(kind)
        if family is None:
            family = self._kinds[kind] = kind_of(kind)
        self.holders.note(kind, obj)
        reduction = family.reduce(obj, self)
        return reduction if self.postponed is None else self.postponed.leave_out(obj, reduction)

    def write(self, value: Any) -> None:
        """Write a whole value, with what was left out of it."""
        self.dump(value)
        if self.postponed is not None:
            self.postponed.write(self)


class Loader(pickle.Unpickler):
    """Reads values and puts the live objects where the stream refers to them."""

    def __init__(self, body: Body, walk: Walk, codes: Codes) -> None:
        self._file = io.BytesIO(body.stream)
        super().__init__(self._file, buffers=iter(body.buffers))
        self.walk = walk
        self.codes = codes
        self._compiled: Sequence[types.CodeType] | None = None
        self._nans: dict[str, float] = {}
        self._unpacker = Unpacker()
        self._load_part = Finder(walk).find
        self._load_library = References().load

    def read(self) -> dict[str, Any]:
        """Return the whole stream's values."""
        with muted(), finishing():
            values: dict[str, Any] = self.load()
            deep.read(self, self._file)
        return values

    def persistent_load(self, pid: Any) -> Any:
        """Return the live object of a reference."""
        if type(pid) is int:
            return self.walk.objects[pid]
        if type(pid) is tuple:
            if pid[0].startswith("root "):
                return plain_value(pid[1], self.walk.values.get(pid[0][5:]))
            return self._unpacker.unpack(*pid)
        if pid in (_NAMESPACE, _BUILTINS):
            return self.walk.namespace if pid == _NAMESPACE else vars(builtins)
        kind, _, rest = pid.partition(" ")
        return getattr(self, f"_load_{kind}")(rest)

    def _load_code(self, place: str) -> types.CodeType:
        if self._compiled is None:
            self._compiled = self.codes()
        return self._compiled[int(place)]

    def _load_inner(self, place: str) -> types.CodeType:
        ordinal, inner = map(int, place.split())
        return codes_of(self.walk.objects[ordinal])[inner]

    _load_import = staticmethod(load_import)

    def _load_dict(self, ordinal: str) -> Any:
        return dict_of(self.walk.objects[int(ordinal)])

    def _load_packed(self, place: str) -> Any:
        return self._unpacker.get(f"packed {place}")

    def _load_root(self, label: str) -> Any:
        return self.walk.values[label]

    def _load_nan(self, name: str) -> float:
        if name not in self._nans:
            self._nans[name] = nan.load(name, self.walk)
        return self._nans[name]


def dump(
    values: Mapping[str, Any],
    walk: Walk,
    codes: Sequence[types.CodeType] = (),
    foreign: Mapping[int, str] | None = None,
    imported: Mapping[int, str] | None = None,
) -> Body:
    """Return the values as one stream, sharing and all.

    Raises:
        NotStorable: some value can't be stored; the error names the path to it.
    """
    changed = frozenset(place for place, _ in values.get("patches", ()))

    def new_dumper(file: io.BytesIO) -> Dumper:
        dumper = Dumper(file, walk, codes)
        dumper.refer_to_imports(imported or {})
        dumper.refuse_foreign(foreign or {})
        dumper.changed = changed
        return dumper

    def attempt(value: Any) -> Exception | None:
        probe = new_dumper(io.BytesIO())
        try:
            probe.dump(value)
        except Exception as error:
            return error
        finally:
            probe.clear_memo()
        return None

    try:
        try:
            return _write(values, new_dumper, None)
        except RecursionError:
            return _write(values, new_dumper, deep.Postponed())
    except RecursionError:
        raise NotStorable("are nested too deeply", path="the values") from None
    except Exception as error:
        raise explain(values, attempt, error) from error


def _write(
    values: Mapping[str, Any],
    new_dumper: Callable[[io.BytesIO], Dumper],
    postponed: deep.Postponed | None,
) -> Body:
    file = io.BytesIO()
    dumper = new_dumper(file)
    dumper.postponed = postponed
    try:
        with muted():
            dumper.write(dict(values))
    finally:
        dumper.clear_memo()  # it holds what it wrote, and references are counted elsewhere
    if dumper.holders.look_again(values):
        return _write(values, new_dumper, postponed and deep.Postponed())
    return Body(file.getvalue(), dumper.buffers)


def load(body: Body, walk: Walk, codes: Codes = tuple) -> dict[str, Any]:
    """Return the values of a verified body.

    Raises:
        CacheError: the stream can't be read here, for example since a library has moved.
    """
    try:
        return Loader(body, walk, codes).read()
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(
            f"its values can't be restored: {type(error).__name__}: {error}"
        ) from error
