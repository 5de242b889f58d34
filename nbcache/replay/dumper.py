"""Values to bytes: what is new is written whole, what was there before as a reference."""

from __future__ import annotations

import builtins
import io
import math
import pickle
import types
from collections.abc import Mapping, Sequence
from typing import Any

from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.kinds.constants import find_constant
from nbcache.heap.parts import Parts
from nbcache.heap.registry import Kind, kind_of
from nbcache.heap.tokens import FLAT
from nbcache.heap.walk import Walk
from nbcache.replay import deep, nan
from nbcache.replay.codes import CodeTable
from nbcache.replay.foreign import Foreign
from nbcache.replay.holders import Holders
from nbcache.replay.library_objects import LIBRARIES
from nbcache.replay.library_parts import take_shared
from nbcache.replay.made import References
from nbcache.replay.own_dicts import may_share_dict, owners_of_dicts, refuse_shared_dict
from nbcache.replay.packing import PACKED, Packer, keeping, pack_plain

NAMESPACE = "namespace"
BUILTINS = "builtins"


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
        self._references[id(walk.namespace)] = NAMESPACE
        self._references[id(vars(builtins))] = BUILTINS
        self._cell_codes = codes
        self._codes: CodeTable | None = None
        self._packer = Packer()
        self._kept = LIBRARIES.places
        self.libraries = References()
        self.holders = Holders()
        self._counted = self.holders.counted
        self._kinds: dict[type, Kind] = {}
        self._sharing: set[type] = set()
        self._parts = walk.parts or Parts()
        self._variables = self._parts.variables
        self._nans: dict[int, str] | None = None
        self._dict_owners: dict[int, Any] | None = None
        self.changed: frozenset[int] = frozenset()
        self.blocks: set[int] = set()
        self.within: set[int] = set()
        self.lent: list[Any] = []
        self.root: Any = None
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
                found = self.libraries.of(obj)
            elif kind in self._counted:
                self._counted[kind][identity] += 1
            return self._packer.pack(obj) if found is None and kind in PACKED else found
        if type(found) is Foreign:
            known = self.libraries.of(obj) if identity in self._kept else None
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
            if may_share_dict(kind, family):
                self._sharing.add(kind)
        if kind in self._sharing:
            refuse_shared_dict(obj)
        self.holders.note(kind, obj)
        reduction = family.reduce(obj, self)
        return reduction if self.postponed is None else self.postponed.leave_out(obj, reduction)

    def refers_to_parts(self) -> bool:
        """Tell whether what was written is part of what it refers to: the next try refers to it.

        Raises:
            NotStorable: no reference leads to such a part.
        """
        owners = self.libraries.referred
        written = {*self.memo.copy(), *self._packer.identities} if owners else ()
        return bool(owners) and take_shared(owners, written)

    def write(self, value: Any) -> None:
        """Write a whole value, with what was left out of it."""
        made = value.get("made")
        if made is not None:
            self._references[id(made)] = made.reference
        self.root = value if self.root is None else self.root
        self.dump(value)
        if self.postponed is not None:
            self.postponed.write(self)
