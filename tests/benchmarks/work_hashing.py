"""Fingerprints of what notebooks hold, beside what other caches compute of the same values.

A peer that is quicker must give a copy the same digest, and a twin with one other element another:
what does not did not read the value, and is named apart.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import importlib.util
import pickle
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
from board import PEERS, Act, Figure, Goal, Line, faster, line_of, under, within

from nbcache.heap.untouched import UNTOUCHED
from nbcache.heap.walk import Walk

JOBLIB, DASK = "joblib.hash", "dask"
READ, PICKLE = "np.sum", "pickle"

BUFFER = (within(READ, 1.15), faster(JOBLIB, 30), faster(PEERS, 1))
STRIDED = (faster(JOBLIB, 8), faster(PEERS, 1))
NUMERIC = (faster(JOBLIB, 30), faster(DASK, 1.5), faster(PEERS, 1))
STRINGS = (faster(JOBLIB, 20), faster(PEERS, 1))
OBJECTS = (faster(JOBLIB, 15), faster(PEERS, 1), within(PICKLE, 1))

Hasher = Callable[[Any], Any]


@dataclass
class Record:
    """What a notebook's dataclass looks like."""

    name: str
    value: float
    tags: list[int]


def fingerprint(value: Any) -> Walk:
    """Walk one value as an input of a cell."""
    return fingerprint_all({"value": value})


def fingerprint_all(values: dict[str, Any]) -> Walk:
    """Walk many values as the inputs of a cell."""
    walk = Walk(values)
    for name in values:
        walk.need(name)
    walk.run()
    return walk


def hashers() -> dict[str, Hasher]:
    """Return what other caches that are installed make of a value."""
    found: dict[str, Hasher] = {JOBLIB: joblib.hash}
    if importlib.util.find_spec("dask"):
        found[DASK] = importlib.import_module("dask.base").tokenize
    if importlib.util.find_spec("streamlit"):
        found["streamlit"] = _streamlit
    if importlib.util.find_spec("stablehash"):
        found["stablehash"] = lambda v: importlib.import_module("stablehash").stablehash(v).digest()
    return found


def _streamlit(value: Any) -> str:
    hashing = importlib.import_module("streamlit.runtime.caching.hashing")
    kinds = importlib.import_module("streamlit.runtime.caching.cache_type")
    state = hashlib.md5()
    hashing.update_hash(value, state, kinds.CacheType.DATA)
    return state.hexdigest()


def compared(
    value: Any, twin: Callable[[], Any], limits: Mapping[str, Act], goals: tuple[Goal, ...]
) -> Line:
    """Time the fingerprint of a value, and name apart the peers that take it for its twin."""
    known = hashers()
    peers = {name: partial(hasher, value) for name, hasher in known.items()}
    line = line_of(partial(fingerprint, value), peers=peers, limits=limits, goals=goals)
    quicker = [name for name, one in line.peers.items() if one.median < line.own.median]
    same, other = (copy.deepcopy(value), twin()) if quicker else (None, None)
    unsound = tuple(name for name in quicker if not _reads(known[name], value, same, other))
    sound = {name: one for name, one in line.peers.items() if name not in unsound}
    return dataclasses.replace(line, peers=sound, unsound=unsound)


def _reads(hasher: Hasher, value: Any, same: Any, other: Any) -> bool:
    """Tell whether a peer's digest is the value's: a copy's too, and no other value's."""
    found = hasher(value)
    return bool(found == hasher(same) and found != hasher(other))


def reading(*buffers: Any) -> dict[str, Act]:
    """Return a pass over memory, eight bytes at a time where it is given as bytes."""
    arrays = []
    for one in buffers:
        plain = isinstance(one, np.ndarray) and one.itemsize == 8
        memory = one if plain else np.frombuffer(one, np.uint8)
        arrays.append(memory if plain else memory[: len(memory) // 8 * 8].view(np.float64))
    return {READ: lambda: [np.sum(one) for one in arrays]}


def pickling(value: Any) -> dict[str, Act]:
    return {PICKLE: partial(pickle.dumps, value, protocol=5)}


def floats(quick: bool) -> Any:
    return np.random.default_rng(0).random(1 << 23 if quick else 1 << 27).reshape(1 << 11, -1)


def nudged(array: Any) -> Any:
    """Return a copy in the same layout with another element in its middle."""
    made = array.copy("K")
    made[tuple(size // 2 for size in made.shape)] += 1
    return made


def numbers(quick: bool) -> dict[str, Any]:
    draws, rows = np.random.default_rng(0), 2_000_000 if quick else 10_000_000
    columns = {name: draws.random(rows) for name in "ab"}
    return {**columns, "c": draws.integers(0, 100, rows), "d": np.arange(rows)}


def words(quick: bool) -> list[str]:
    count = 200_000 if quick else 2_000_000
    return [f"customer {place * 7919 % 1_000_003}" for place in range(count)]


def other_words(quick: bool) -> list[str]:
    found = words(quick)
    found[len(found) // 2 + 1] += "?"
    return found


def _array(array: Any, goals: tuple[Goal, ...]) -> Line:
    return compared(array, partial(nudged, array), reading(array), goals)


def contiguous(quick: bool) -> Line:
    return _array(floats(quick), BUFFER)


def fortran(quick: bool) -> Line:
    return _array(np.asfortranarray(floats(quick)), BUFFER)


def untouched(quick: bool) -> Line:
    """Tell what memory costs that nobody wrote to since it was met, where the kernel can tell."""
    value = floats(quick)

    def again() -> None:
        UNTOUCHED.is_on = True
        fingerprint(value)
        UNTOUCHED.is_on = False

    for _ in range(3):
        again()
    return line_of(again, limits=reading(value), goals=(), rounds=5)


def strided(quick: bool) -> Line:
    array = floats(quick)[:, ::2]
    return compared(array, lambda: nudged(floats(quick))[:, ::2], reading(array), STRIDED)


def strided_memory(quick: bool) -> Line:
    array = floats(quick)[:, ::2]
    tracemalloc.start()
    fingerprint(array)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return Line("", Figure((peak,)), goals=(under(20),), unit="MB")


def _columns(make: Callable[[dict[str, Any]], Any], quick: bool) -> Line:
    """Time a table of numbers by its library's constructor."""
    columns = numbers(quick)
    value, twin = make(columns), lambda: make({**columns, "a": nudged(columns["a"])})
    return compared(value, twin, reading(*columns.values()), NUMERIC)


def numeric_frame(quick: bool) -> Line:
    return _columns(importlib.import_module("pandas").DataFrame, quick)


def polars_numbers(quick: bool) -> Line:
    return _columns(importlib.import_module("polars").DataFrame, quick)


def arrow_table(quick: bool) -> Line:
    return _columns(importlib.import_module("pyarrow").table, quick)


def string_objects(quick: bool) -> Line:
    pandas = importlib.import_module("pandas")

    def make(texts: list[str]) -> Any:
        return pandas.DataFrame({"s": np.array(texts, dtype=object)}, dtype=object)

    value = make(words(quick))
    return compared(value, lambda: make(other_words(quick)), pickling(value), STRINGS)


def string_arrow(quick: bool) -> Line:
    pandas = importlib.import_module("pandas")

    def make(texts: list[str]) -> Any:
        return pandas.DataFrame({"s": pandas.array(texts, dtype="string[pyarrow]")})

    value = make(words(quick))
    chunks = value["s"].array._pa_array.chunks
    limits = reading(*(part for chunk in chunks for part in chunk.buffers() if part))
    return compared(value, lambda: make(other_words(quick)), limits, STRINGS)


def polars_strings(quick: bool) -> Line:
    polars = importlib.import_module("polars")
    value = polars.DataFrame({"s": words(quick)})
    twin = partial(polars.DataFrame, {"s": other_words(quick)})
    return compared(value, twin, pickling(value), STRINGS)


def sparse(quick: bool) -> Line:
    scipy = importlib.import_module("scipy.sparse")
    rows = 40_000 if quick else 200_000
    value = scipy.random(rows, 1000, density=0.05, format="csr", random_state=0)

    def twin() -> Any:
        made = copy.deepcopy(value)
        made.data[len(made.data) // 2] += 1
        return made

    return compared(value, twin, reading(value.data, value.indices.view(np.uint8)), NUMERIC)


def tensor(quick: bool) -> Line:
    torch = importlib.import_module("torch")
    value = torch.rand(1 << 24 if quick else 1 << 27)

    def twin() -> Any:
        made = value.clone()
        made[len(made) // 2] += 1
        return made

    return compared(value, twin, reading(value.numpy()), NUMERIC)


def _objects(value: Any, twin: Callable[[], Any]) -> Line:
    return compared(value, twin, pickling(value), OBJECTS)


def ints(quick: bool) -> Line:
    value = list(range(200_000 if quick else 1_000_000))
    middle = len(value) // 2
    return _objects(value, lambda: [*value[:middle], -1, *value[middle + 1 :]])


def mapping(quick: bool) -> Line:
    value = {f"key {place}": place for place in range(40_000 if quick else 200_000)}
    return _objects(value, lambda: {**value, "key 7": -1})


def instances(quick: bool) -> Line:
    count = 10_000 if quick else 100_000
    value = [Record(f"n{place}", place / 2, [place]) for place in range(count)]
    return _objects(value, lambda: [*value[:-2], Record("n", 1.0, []), value[-1]])


def forest(quick: bool) -> Line:
    ensemble = importlib.import_module("sklearn.ensemble")
    draws = np.random.default_rng(0)
    seen, wanted = draws.random((2_000, 8)), draws.random(2_000)

    model = ensemble.RandomForestRegressor(30 if quick else 200, max_depth=8, random_state=0)
    model.fit(seen, wanted)

    def twin() -> Any:
        made = copy.deepcopy(model)
        made.estimators_[-1].tree_.threshold[0] += 1
        return made

    return _objects(model, twin)


def graph(quick: bool) -> Line:
    networkx = importlib.import_module("networkx")
    edges = 20_000 if quick else 200_000
    make = partial(networkx.gnm_random_graph, edges // 4, edges)
    return _objects(make(seed=1), lambda: make(seed=2))


def small_variables(quick: bool) -> Line:
    """Two hundred values of every sort, each hashed on its own by the peers."""
    makers: list[Callable[[int], Any]] = [
        lambda i: i / 7,
        lambda i: f"name {i}",
        lambda i: [i] * 20,
        lambda i: {"a": i, "b": [i]},
        lambda i: np.arange(50) + i,
        lambda i: (i, None),
        lambda i: Record("r", i, [i]),
        lambda i: {i, i + 1},
    ]
    values = {f"v{i}": makers[i % len(makers)](i) for i in range(200)}

    def each(hasher: Hasher) -> list[Any]:
        return [hasher(value) for value in values.values()]

    peers = {name: partial(each, hasher) for name, hasher in hashers().items()}
    limits = {PICKLE: partial(each, partial(pickle.dumps, protocol=5))}
    own = partial(fingerprint_all, values)
    line = line_of(own, peers=peers, limits=limits, goals=(faster(PEERS, 1),), rounds=5)
    known = hashers()
    unsound = [name for name in line.peers if not _tells_apart(known[name], makers)]
    sound = {name: one for name, one in line.peers.items() if name not in unsound}
    return dataclasses.replace(line, peers=sound, unsound=tuple(unsound))


def _tells_apart(hasher: Hasher, makers: list[Callable[[int], Any]]) -> bool:
    return all(hasher(make(1)) != hasher(make(2)) for make in makers)


WORK: dict[str, Callable[[bool], Line]] = {
    "float64, contiguous": contiguous,
    "float64, Fortran": fortran,
    "float64, not written to": untouched,
    "float64, strided": strided,
    "float64, strided: memory": strided_memory,
    "frame of numbers": numeric_frame,
    "strings as objects": string_objects,
    "strings in arrow": string_arrow,
    "polars, numbers": polars_numbers,
    "polars, strings": polars_strings,
    "arrow table": arrow_table,
    "sparse matrix": sparse,
    "torch tensor": tensor,
    "list of ints": ints,
    "dict of strings": mapping,
    "dataclass instances": instances,
    "random forest": forest,
    "networkx graph": graph,
    "200 small variables": small_variables,
}
