"""Runs a group of cases: plain, recorded, and replayed in a new process with another hash seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kernels import Kernel, Message, Reply, kernel

from corpus.reading import Case, read_group

INSIDE = (Path(__file__).parent / "inside.py").read_text()
_FILE = re.compile(r"/tmp/ipykernel_\d+/\d+\.py")
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


@dataclass(slots=True)
class Trace:
    """What one pass of one case showed: states, messages by cell, probes and surroundings."""

    states: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    messages: list[list[Message]] = field(default_factory=list)
    probes: dict[str, str] = field(default_factory=dict)


def literal(text: str) -> Any:
    """Return a literal's value; ``ast`` of CPython 3.11 fails when threads make trees at once."""
    return eval(text, {"__builtins__": {"set": set, "frozenset": frozenset}})


def normal(messages: Iterable[Message]) -> list[Message]:
    """Return messages with neighbours of one stream joined, and without memory addresses."""
    found: list[Message] = []
    for kind, content in messages:
        if found and kind == "stream" == found[-1][0] and found[-1][1]["name"] == content["name"]:
            found[-1] = kind, {**content, "text": found[-1][1]["text"] + content["text"]}
        else:
            found.append((kind, content))
    return literal(without_addresses(repr(found)))


def without_addresses(text: str) -> str:
    """Return a text with memory addresses, random ids and names of cells' files made alike."""
    ids: dict[str, str] = {}
    text = _FILE.sub("<cell>", _ADDRESS.sub("0x", text))
    return _ID.sub(lambda found: ids.setdefault(found[0], f"id {len(ids)}"), text)


def prepare(made: Kernel) -> None:
    """Put the code that describes a kernel into it, outside of the notebook's namespace."""
    code = (
        "import sys, types\n_m = sys.modules['_corpus'] = types.ModuleType('_corpus')\n"
        f"_m.get_ipython = get_ipython\nexec({INSIDE!r}, vars(_m))\ndel sys, types, _m"
    )
    reply = made.run(code, store_history=False)
    assert reply.content["status"] == "ok", reply.text


def observe(made: Kernel, case: Case) -> dict[str, str]:
    """Evaluate a case's probes, and describe what is around it."""
    expressions = {f"{n}": f"repr(({probe}))" for n, probe in enumerate(case.probes)}
    around = "__import__('sys').modules['_corpus'].describe()"
    message = made.client.execute(
        "", silent=True, user_expressions={**expressions, "around": around}
    )
    found = made.collect(message).content["user_expressions"]

    def value(name: str) -> str:
        item = found[name]
        if item["status"] != "ok":
            return f"{item['ename']}: {item['evalue']}"
        return without_addresses(str(literal(item["data"]["text/plain"])))

    seen = {probe: value(str(n)) for n, probe in enumerate(case.probes)}
    told = literal(without_addresses(found["around"]["data"]["text/plain"]))
    return {**seen, **{f"around: {name}": text for name, text in told.items()}}


def run_case(made: Kernel, case: Case, *, asks: bool) -> Trace:
    """Run one case in a kernel that was prepared."""
    made.run(f"__import__('sys').modules['_corpus'].reset({not case.is_unseeded})", silent=True)
    trace = Trace()
    for number, cell in enumerate(case.cells):
        reply: Reply = made.run(cell.asked if asks else cell.plain, cell_id=f"{case.name}-{number}")
        trace.messages.append(normal(reply.own))
        if cell.options is not None:
            trace.states.append(reply.state)
            trace.reasons.append("; ".join(reply.event.get("reasons", [])))
    trace.probes = observe(made, case)
    return trace


def run_pass(
    cases: Sequence[Case], folder: Path, store: Path | None, seed: str
) -> dict[str, Trace]:
    """Run cases one after the other in one new kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    with kernel(store, load=False, folder=folder, PYTHONHASHSEED=seed) as made:
        prepare(made)
        if store is not None:
            made.run("%load_ext nbcache", store_history=False)
        return {case.name: run_case(made, case, asks=store is not None) for case in cases}


def run_passes(cases: Sequence[Case], place: Path) -> dict[str, tuple[Trace, Trace, Trace]]:
    """Return plain run, recorded run and replay of each case."""
    store = place / "store"
    first = run_pass(cases, place / "plain" / "here", None, "3")
    recorded = run_pass(cases, place / "cached" / "here", store, "1")
    replayed = run_pass(cases, place / "cached" / "here", store, "2")
    return {
        case.name: (first[case.name], recorded[case.name], replayed[case.name]) for case in cases
    }


BUNDLES = (
    ("values", "identity", "mutation", "random"),
    ("code", "binding", "ambient", "outputs", "refusals"),
)
"""Groups that share their three kernels."""


def traces_of(group: str) -> dict[str, tuple[Trace, Trace, Trace]]:
    """Return the traces of a group's cases."""
    (bundle,) = (groups for groups in BUNDLES if group in groups)
    return run_bundle(bundle)


@cache
def run_bundle(groups: tuple[str, ...]) -> dict[str, tuple[Trace, Trace, Trace]]:
    """Run the cases of some groups once for all of their tests."""
    cases = [case for group in groups for case in read_group(group)]
    cases.sort(key=lambda case: not case.is_unseeded)
    with TemporaryDirectory(prefix="corpus-") as place:
        return run_passes(cases, Path(place))
