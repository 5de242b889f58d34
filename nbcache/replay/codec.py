"""Values to bytes and back, with references to live objects; the only unpickler of cells."""

from __future__ import annotations

import builtins
import io
import pickle
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcache.entry import Body
from nbcache.errors import CacheError, NotStorable
from nbcache.heap.finishing import finishing
from nbcache.heap.kinds.attributes import dict_of
from nbcache.heap.muted import muted
from nbcache.heap.parts import Finder
from nbcache.heap.registry import kind_of
from nbcache.heap.walk import Walk
from nbcache.replay import deep, nan
from nbcache.replay.codes import codes_of
from nbcache.replay.dumper import BUILTINS, NAMESPACE, Dumper
from nbcache.replay.explaining import explain
from nbcache.replay.library_objects import load_import
from nbcache.replay.made import Made, References, Referred
from nbcache.replay.packing import Unpacker, plain_value
from nbcache.uncollected import uncollected

Codes = Callable[[], Sequence[types.CodeType]]
"""Returns the code objects of the cell as it stands now, when a stored function needs them."""


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
        self._libraries = Referred(self._copy)
        self._load_library = self._libraries.load

    def read(self) -> dict[str, Any]:
        """Return the whole stream's values; what was read is held no longer."""
        try:
            with uncollected(), muted(), finishing():
                values: dict[str, Any] = self.load()
                deep.read(self, self._file)
            if "made" in values:
                values["made"] = self._libraries.to_keep()
            return values
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Forget everything: parts refer back here, and would be held until a collection."""
        vars(self).clear()

    def _load_made(self, copies: str) -> None:
        self._libraries.bring(copies)

    def _copy(self, stream: bytes) -> Any:
        copier = type(self)(Body(stream), self.walk, self.codes)
        try:
            return copier.load()
        finally:
            copier.let_go()

    def persistent_load(self, pid: Any) -> Any:
        """Return the live object of a reference."""
        if type(pid) is int:
            return self.walk.objects[pid]
        if type(pid) is tuple:
            if pid[0].startswith("root "):
                return plain_value(pid[1], self.walk.values.get(pid[0][5:]))
            return self._unpacker.unpack(*pid)
        if pid in (NAMESPACE, BUILTINS):
            return self.walk.namespace if pid == NAMESPACE else vars(builtins)
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


class PlainLoader(pickle.Unpickler):
    """Reads values of which none is or holds anything but plain values: it runs no code.

    ``inputs`` are the plain ones among the cell's inputs, to which the stream may refer.
    """

    def __init__(self, body: Body, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._file = io.BytesIO(body.stream)
        super().__init__(self._file, buffers=iter(body.buffers))
        self._unpacker = Unpacker()

    def read(self) -> dict[str, Any] | None:
        """Return the values of the stream; None if any is not plain."""
        try:
            with uncollected():
                values: dict[str, Any] = self.load()
        except Exception:
            return None
        return values if self._file.tell() == len(self._file.getbuffer()) else None

    def persistent_load(self, pid: Any) -> Any:
        """Return a packed container, or an input's plain value; nothing else is referred to."""
        if type(pid) is tuple and pid[0].startswith("packed "):
            return self._unpacker.unpack(*pid)
        if type(pid) is tuple and pid[0].startswith("root "):
            return plain_value(pid[1], self._inputs[pid[0][5:]])
        raise pickle.UnpicklingError("refers to live objects")

    def find_class(self, module: str, name: str) -> Any:
        """Find no class and no function."""
        raise pickle.UnpicklingError("is not plain")


def load_plain(body: Body, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the values of a verified body without any code run; None if they are not plain."""
    return PlainLoader(body, inputs).read()


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
        probe.root = values
        try:
            probe.dump(value)
        except Exception as error:
            return error
        finally:
            probe.clear_memo()
        return None

    looked: set[int] = set()
    try:
        try:
            return _write(values, new_dumper, None, looked)
        except RecursionError:
            return _write(values, new_dumper, deep.Postponed(), looked)
    except RecursionError:
        raise NotStorable("are nested too deeply", path="the values") from None
    except Exception as error:
        raise explain(values, attempt, error) from error


def _write(
    values: Mapping[str, Any],
    new_dumper: Callable[[io.BytesIO], Dumper],
    postponed: deep.Postponed | None,
    looked: set[int],
) -> Body:
    file = io.BytesIO()
    dumper = new_dumper(file)
    dumper.postponed = postponed
    try:
        with muted():
            dumper.write(dict(values))
        is_shared = dumper.refers_to_parts()
    finally:
        dumper.clear_memo()  # it holds what it wrote, and references are counted elsewhere
    if is_shared or dumper.holders.look_again(values, looked):
        return _write(values, new_dumper, postponed and deep.Postponed(), looked)
    made = "" if "made" in values else _copies(dumper, new_dumper)
    if made:
        values = {"made": Made(f"made {made}"), **values}
        return _write(values, new_dumper, postponed and deep.Postponed(), looked)
    return Body(file.getvalue(), dumper.buffers)


def _copies(written: Dumper, new_dumper: Callable[[io.BytesIO], Dumper]) -> str:
    """Return copies of what a stream refers to, and a library made for the run."""

    def copy(obj: Any) -> bytes:
        file = io.BytesIO()
        dumper = new_dumper(file)
        dumper.libraries = References(but=obj)
        dumper.dump(obj)
        return b"" if dumper.buffers else file.getvalue()

    return written.libraries.copies(copy)


def load(body: Body, walk: Walk, codes: Codes = tuple) -> dict[str, Any]:
    """Return the values of a verified body.

    Raises:
        CacheError: the stream can't be read here, for example since a library has moved.
    """
    try:
        values = Loader(body, walk, codes).read()
        for ordinal, state in values.get("patches", ()):
            live = walk.objects[ordinal]
            kind_of(type(live)).settle(live, state, walk)
        return values
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(
            f"its values can't be restored: {type(error).__name__}: {error}"
        ) from error
