"""The option families that are known: numpy, decimal, locale (others in files of their own)."""

from __future__ import annotations

import codecs
import locale
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from nbcache.deps.patching import Patches

Mark = Callable[..., None]


class _Unwatched:
    """A family whose reads cannot be seen: all of it always counts as read."""

    unread: frozenset[str] = frozenset()

    def watch_reads(self, patches: Patches, mark: Mark) -> bool:
        """Return False: the reads are not seen."""
        return False


class NumpyPrinting(_Unwatched):
    """``numpy.get_printoptions``."""

    name, title, module = "numpy_printing", "numpy print option", "numpy"
    _defaults: ClassVar[dict[str, Any]] = {
        "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8,
        "suppress": False, "linewidth": 75, "nanstr": "nan", "infstr": "inf", "sign": "-",
        "formatter": None, "legacy": False, "override_repr": None,
    }  # fmt: skip

    def watch_reads(self, patches: Patches, mark: Mark) -> bool:
        """Hook the functions through which every array's text goes, and the reading one.

        Options that scalars obey as well (``legacy`` and replaced functions) always count.
        """
        module = _array_printing()
        values = self.values()
        always = (values.get("legacy"), values.get("formatter"), values.get("override_repr"))
        if module is None or any(always):
            return False
        names = ("_array2string", "_void_scalar_to_string", "get_printoptions")
        if not all(hasattr(module, name) for name in names):
            return False
        places = [(module, name) for name in names] + [(sys.modules["numpy"], names[-1])]
        patches.watch(lambda args, kwargs: mark(), *places)
        return True

    def values(self) -> dict[str, Any]:
        """Return the print options."""
        return dict(sys.modules["numpy"].get_printoptions())

    def defaults(self) -> Mapping[str, Any]:
        """Return numpy's own print options, the same since 1.14."""
        return self._defaults

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set all options at once: leaving out the formatter would reset it."""
        sys.modules["numpy"].set_printoptions(**{**self.values(), **values})


def _array_printing() -> Any:
    modules = map(sys.modules.get, ("numpy._core.arrayprint", "numpy.core.arrayprint"))
    return next((module for module in modules if hasattr(module, "_array2string")), None)


class NumpyErrors(_Unwatched):
    """``numpy.geterr``, ``numpy.geterrcall`` and ``numpy.getbufsize``."""

    name, title, module = "numpy_errors", "numpy error state", "numpy"
    _defaults: ClassVar[dict[str, Any]] = {
        "divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn", "call": None,
        "bufsize": 8192,
    }  # fmt: skip

    def values(self) -> dict[str, Any]:
        """Return how floating-point errors are treated."""
        numpy: Any = sys.modules["numpy"]
        return {**numpy.geterr(), "call": numpy.geterrcall(), "bufsize": numpy.getbufsize()}

    def defaults(self) -> Mapping[str, Any]:
        """Return numpy's own treatment."""
        return self._defaults

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the treatment of the given errors."""
        numpy: Any = sys.modules["numpy"]
        rest = dict(values)
        if "call" in rest:
            numpy.seterrcall(rest.pop("call"))
        if "bufsize" in rest:
            numpy.setbufsize(rest.pop("bufsize"))
        numpy.seterr(**rest)


class Decimals(_Unwatched):
    """The current context of ``decimal``; its flags are repeated, never compared."""

    name, title, module = "decimal", "decimal context", "decimal"
    unread = frozenset({"flags"})
    _numbers = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    _defaults: ClassVar[dict[str, Any]] = {
        "prec": 28, "rounding": "ROUND_HALF_EVEN", "Emin": -999999, "Emax": 999999,
        "capitals": 1, "clamp": 0, "traps": ("DivisionByZero", "InvalidOperation", "Overflow"),
        "flags": (),
    }  # fmt: skip

    def values(self) -> dict[str, Any]:
        """Return the context's attributes; traps and flags as sorted names."""
        *numbers, flags, traps = sys.modules["decimal"].getcontext().__reduce__()[1]
        found = dict(zip(self._numbers, numbers, strict=True))
        for name, signals in (("traps", traps), ("flags", flags)):
            found[name] = tuple(sorted(signal.__name__ for signal in signals))
        return found

    def defaults(self) -> Mapping[str, Any]:
        """Return the attributes of ``decimal.DefaultContext`` as Python makes it."""
        return self._defaults

    def assign(self, values: Mapping[str, Any]) -> None:
        """Change the current context in place."""
        context = sys.modules["decimal"].getcontext()
        for name, value in values.items():
            if name in {"traps", "flags"}:
                signals = getattr(context, name)
                for signal in list(signals):
                    signals[signal] = signal.__name__ in value
            else:
                setattr(context, name, value)


class Locales(_Unwatched):
    """The process's locale by category; of the character type, only the encoding is compared.

    ``LC_ALL`` is there when all categories are the same, those that Python has no name for too.
    """

    name, title, module = "locale", "locale", "locale"
    unread = frozenset({"LC_CTYPE", "LC_ALL"})
    _categories = ("LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY")

    def values(self) -> dict[str, Any]:
        """Return category → name, and the encoding in which files are opened."""
        found = {name: locale.setlocale(getattr(locale, name)) for name in self._categories}
        every = locale.setlocale(locale.LC_ALL)
        found["LC_ALL"] = "" if ";" in every or "/" in every else every
        return found | {"encoding": codecs.lookup(locale.getpreferredencoding(False)).name}

    def defaults(self) -> Mapping[str, Any]:
        """Return the locale ``C``, in which Python starts in all but the character type."""
        every = {"LC_ALL": ""}
        return {**dict.fromkeys(self._categories, "C"), **every, "encoding": "utf-8"}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the given categories."""
        for name in ("LC_ALL", *self._categories):
            if values.get(name):
                locale.setlocale(getattr(locale, name), values[name])
