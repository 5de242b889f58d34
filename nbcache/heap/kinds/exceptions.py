"""Exceptions: arguments, attributes, cause and context."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from nbcache.errors import NotStorable
from nbcache.heap import rebuild
from nbcache.heap.kinds.attributes import HEAP_TYPE, encode_attributes, own_state
from nbcache.heap.kinds.code import code_token
from nbcache.heap.registry import Kind, register
from nbcache.heap.tokens import flat, joined, text

if TYPE_CHECKING:
    from nbcache.heap.registry import Dump
    from nbcache.heap.walk import Walk

LINKS = ("__cause__", "__context__", "__suppress_context__")


class ExceptionKind(Kind):
    """Exceptions of any class."""

    def encode(self, obj: Any, walk: Walk) -> bytes:
        """Encode class, arguments, C members, attributes, links, and where it was raised."""
        parts = [walk.ref(type(obj)), walk.ref(obj.args), encode_attributes(obj, walk)]
        parts += [walk.ref(getattr(obj, name)) for name in LINKS]
        for name, value in members_of(obj).items():
            parts += [text(name), walk.ref(value)]
        parts += _lines(obj.__traceback__)
        return joined(b"ex", parts)

    def reduce(self, obj: Any, dump: Dump) -> Any:
        """Build it with the C class's own constructor, then set everything else."""
        args = (type(obj), builtin_base(type(obj)), obj.args)
        return rebuild.make_exception, args, self.state(obj), None, None, rebuild.fill_exception

    def state(self, obj: Any) -> Any:
        """Return arguments, members, attributes and links."""
        if obj.__traceback__ is not None:
            raise NotStorable(
                "holds a traceback, and so the frames that it passed through;"
                " keep its text, or `error.with_traceback(None)`"
            )
        links = {name: getattr(obj, name) for name in LINKS}
        return obj.args, members_of(obj), own_state(obj), links

    def patch(self, live: Any, state: Any) -> None:
        """Set everything."""
        rebuild.fill_exception(live, state)


def builtin_base(kind: type) -> type:
    """Return the nearest class of C code above an exception's class."""
    return next(base for base in kind.__mro__ if not base.__flags__ & HEAP_TYPE)


def members_of(obj: BaseException) -> dict[str, Any]:
    """Return what the C class keeps outside of ``args`` and ``__dict__``."""
    found: dict[str, Any] = {}
    for base in type(obj).__mro__:
        if base.__flags__ & HEAP_TYPE or base in (BaseException, Exception, object):
            continue
        for name, member in base.__dict__.items():
            if type(member) is types.MemberDescriptorType and name not in found:
                found[name] = getattr(obj, name, None)
    return found


def _lines(traceback: types.TracebackType | None) -> list[bytes]:
    lines = []
    while traceback is not None:
        lines.append(code_token(traceback.tb_frame.f_code) + flat(traceback.tb_lineno))
        traceback = traceback.tb_next
    return lines


register(ExceptionKind(), bases=(BaseException,))
