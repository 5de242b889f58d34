"""The global random streams themselves: their state as plain data, to and fro."""

from __future__ import annotations

import _random
import importlib
import random
import sys
from typing import Any, Protocol

import xxhash

from nbcache.deps.memory import Memory, Remembered
from nbcache.deps.wrapped import Place


class Stream(Protocol):
    """One global random stream of a library that may not be loaded."""

    name: str
    title: str
    module: str

    def is_loaded(self) -> bool:
        """Tell whether the stream exists in this process."""

    def state(self) -> Any:
        """Return the state as nested tuples of numbers, strings and bytes."""

    def restore(self, state: Any) -> None:
        """Put the stream into ``state``, importing its library if need be."""

    def seeders(self) -> tuple[Place, ...]:
        """Return where the functions live that put the stream into a state of their argument."""

    def entropy_seeders(self) -> tuple[Place, ...]:
        """Return where the functions live that always seed from the system's entropy."""

    def readers(self) -> tuple[Place, ...]:
        """Return where the functions live that tell the stream's state."""


class PythonStream:
    """The hidden instance behind the functions of ``random``."""

    name, title, module = "python", "the `random` stream", ""
    _restore = staticmethod(random.setstate)

    def __init__(self) -> None:
        self._instance: Any = getattr(random.getstate, "__self__", None)
        self._memory = Memory(random.Random, _random.Random)
        self._last = Remembered(random.getstate)

    def is_loaded(self) -> bool:
        """Return True: this module imports ``random``."""
        return True

    def state(self) -> Any:
        """Return ``random.getstate()``."""
        memory = self._memory.of(self._instance)
        mark = None if memory is None else (memory, vars(self._instance).get("gauss_next"))
        return self._last.state(mark)

    def restore(self, state: Any) -> None:
        """Set the state; lists, as they come back from JSON, are taken as well."""
        version, words, gauss = state
        self._restore((version, tuple(words), gauss))

    def seeders(self) -> tuple[Place, ...]:
        """Return ``random.seed`` and ``random.setstate``."""
        return (random, "seed"), (random, "setstate")

    def entropy_seeders(self) -> tuple[Place, ...]:
        """Return nothing: ``seed`` without an argument is told by its argument."""
        return ()

    def readers(self) -> tuple[Place, ...]:
        """Return ``random.getstate``."""
        return ((random, "getstate"),)


class NumpyStream:
    """numpy's legacy global ``RandomState``, whatever bit generator it holds."""

    name, title, module = "numpy", "numpy's random stream", "numpy.random"

    def is_loaded(self) -> bool:
        """Tell whether ``numpy.random`` was imported to its end."""
        return hasattr(sys.modules.get("numpy.random.mtrand"), "_rand")

    def __init__(self) -> None:
        self._memories: list[Memory] = []
        self._last = Remembered(self._read)

    def _generator(self) -> Any:
        return sys.modules["numpy.random.mtrand"]._rand

    def state(self) -> Any:
        """Return the state with arrays as ``("array", dtype, bytes)``."""
        generator = self._generator()
        bits = getattr(generator, "_bit_generator", None)
        if not self._memories:
            mtrand: Any = sys.modules["numpy.random.mtrand"]
            kinds = (mtrand.RandomState, getattr(mtrand, "_MT19937", type(None)))
            self._memories = [Memory(kind) for kind in kinds]
        marks = [
            memory.of(one) for memory, one in zip(self._memories, (generator, bits), strict=True)
        ]
        return self._last.state(None if None in marks else marks)

    def _read(self) -> Any:
        state = self._generator().get_state(legacy=False)
        if not state.get("has_gauss", 1):
            state["gauss"] = 0.0
        return _plain(state)

    def restore(self, state: Any) -> None:
        """Set the state; the bit generator in place must be of the recorded kind."""
        mtrand: Any = importlib.import_module("numpy.random.mtrand")
        mtrand._rand.set_state(_from_plain(state))

    def seeders(self) -> tuple[Place, ...]:
        """Return the functions of ``numpy.random`` and of its ``mtrand``."""
        modules = [sys.modules[name] for name in ("numpy.random", "numpy.random.mtrand")]
        names = ("seed", "set_state", "set_bit_generator")
        return tuple((module, name) for module in modules for name in names)

    def entropy_seeders(self) -> tuple[Place, ...]:
        """Return nothing: ``seed`` without an argument is told by its argument."""
        return ()

    def readers(self) -> tuple[Place, ...]:
        """Return ``get_state`` and ``get_bit_generator`` of both modules."""
        modules = [sys.modules[name] for name in ("numpy.random", "numpy.random.mtrand")]
        names = ("get_state", "get_bit_generator")
        return tuple((module, name) for module in modules for name in names)


class TorchStream:
    """torch's default generator on the CPU."""

    name, title, module = "torch", "torch's random stream", "torch"

    def is_loaded(self) -> bool:
        """Tell whether torch was imported to its end."""
        return hasattr(sys.modules.get("torch"), "default_generator")

    def state(self) -> Any:
        """Return the state's bytes."""
        tensor = sys.modules["torch"].default_generator.get_state()
        return bytes(tensor.numpy().tobytes())

    def restore(self, state: Any) -> None:
        """Set the state from its bytes."""
        torch: Any = importlib.import_module("torch")
        tensor = torch.frombuffer(bytearray(state), dtype=torch.uint8)
        torch.default_generator.set_state(tensor)

    def seeders(self) -> tuple[Place, ...]:
        """Return the seeding functions under both their names."""
        torch: Any = sys.modules["torch"]
        names = ("manual_seed", "set_rng_state")
        return tuple((place, name) for place in (torch, torch.random) for name in names)

    def entropy_seeders(self) -> tuple[Place, ...]:
        """Return ``torch.seed``."""
        torch: Any = sys.modules["torch"]
        return (torch, "seed"), (torch.random, "seed")

    def readers(self) -> tuple[Place, ...]:
        """Return the functions that tell the state, or the seed, under both their names."""
        torch: Any = sys.modules["torch"]
        names = ("get_rng_state", "initial_seed")
        return tuple((place, name) for place in (torch, torch.random) for name in names)


PYTHONS, NUMPYS = PythonStream(), NumpyStream()
STREAMS: tuple[Stream, ...] = (PYTHONS, NUMPYS, TorchStream())


_ATOMS = frozenset({int, float, str, bytes, bool})


def _plain(value: Any) -> Any:
    """Return nested dicts as sorted pairs and arrays as little-endian bytes."""
    if type(value) in _ATOMS:
        return value
    if isinstance(value, dict):
        return ("dict", tuple((key, _plain(value[key])) for key in sorted(value)))
    if hasattr(value, "tobytes") and value.ndim:
        if value.dtype.str[0] == ">":
            value = value.astype(value.dtype.newbyteorder("<"))
        return ("array", value.dtype.str, value.tobytes())
    return value.item() if hasattr(value, "item") else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and value and value[0] == "dict":
        return {key: _from_plain(item) for key, item in value[1]}
    if isinstance(value, (tuple, list)) and value and value[0] == "array":
        return importlib.import_module("numpy").frombuffer(value[2], dtype=value[1]).copy()
    return value


def state_digest(state: Any) -> str:
    """Return 32 hex digits that are the same for the same state in every process."""
    return str(xxhash.xxh3_128(repr(state).encode()).hexdigest())
