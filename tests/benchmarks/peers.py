"""The corpus through other caches: how many of its cases each gets right.

Every tool runs the same cells twice, in two new kernels with different hash seeds. A case is
*right* if all of its expressions (and in the group of outputs the cached cells' messages) are
those of a kernel without any cache and the cell was not run again; *refused* if the tool raised,
could not be asked, or ran the cell again; else *wrong*.

Cells are handed to each tool as its users would: ipycache gets the names that a cell binds;
`Memory` and cache-magic a function of what the cell reads that returns what it binds;
cloudpickle and dill write the bound names to a file after the cell, and read it in its place.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import json
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import Empty
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "kernel")]

from corpus.reading import GROUPS, Case, Cell, read_all  # noqa: E402
from corpus.running import Trace, normal, observe, prepare, run_passes  # noqa: E402
from IPython.core.inputtransformer2 import TransformerManager  # noqa: E402
from kernels import Kernel, Message, kernel  # noqa: E402

from nbcache.cell.source import read_source  # noqa: E402

Write = Callable[[str, Cell, Path, int], "str | None"]
RAN = "__import__('sys').modules['_corpus'].BASE['ran'] = True"

IPYCACHE = """
import sys, pickle, builtins, types, traitlets.config, IPython.utils.capture, IPython.utils.io
builtins.moves = types.SimpleNamespace(builtins=builtins)
sys.modules.update({'cPickle': pickle, 'IPython.utils.traitlets': traitlets})
sys.modules['IPython.config'] = sys.modules['IPython.config.configurable'] = traitlets.config
IPython.utils.io.capture_output = IPython.utils.capture.capture_output
IPython.utils.io.CapturedIO = IPython.utils.capture.CapturedIO
%load_ext ipycache
del builtins.moves, sys, pickle, builtins, types, traitlets, IPython
"""
"""ipycache was written for Python 2 and IPython 2: what it imports, where that is now."""

LOADING = {
    "ipycache": IPYCACHE,
    "cache-magic": "import cache_magic; get_ipython().starting_dir = {place!r}",
}
NAMES = ("nbcache", "dill", "cloudpickle", "joblib", "ipycache", "cache-magic")


def names_of(text: str) -> tuple[list[str], list[str]]:
    """Return the names that a cell reads before it binds them, and those that it binds."""
    code = TransformerManager().transform_cell(text)
    names = read_source(text, ast.parse(code).body).names
    hidden = {"get_ipython", "In", "Out", "_", "__", "___", *vars(builtins)}
    return sorted(names.reads - hidden), sorted(names.binds)


def by_ipycache(name: str, cell: Cell, place: Path, phase: int) -> str | None:
    _, binds = names_of(cell.text)
    return f"%%cache {place / name}.pkl {' '.join(binds)}\n{RAN}\n{cell.text}"


def as_function(cell: Cell) -> tuple[str, str, str]:
    """Return a function of what the cell reads, its arguments, and how to bind its result."""
    reads, binds = names_of(cell.text)
    body = "\n".join(f"    {line}" for line in f"{RAN}\n{cell.text}".splitlines())
    kept = f"{{k: v for k, v in locals().items() if k in {binds!r}}}"
    text = f"def _cell({', '.join(reads)}):\n{body}\n    return {kept}\n"
    return text, ",".join(reads), "globals().update(_made)"


def by_joblib(name: str, cell: Cell, place: Path, phase: int) -> str | None:
    text, names, bind = as_function(cell)
    memory = f"__import__('joblib').Memory({str(place)!r}, verbose=0)"
    return f"{text}_cell.__module__ = {name!r}\n_made = {memory}.cache(_cell)({names})\n{bind}"


def by_cache_magic(name: str, cell: Cell, place: Path, phase: int) -> str | None:
    text, names, bind = as_function(cell)
    label = name.replace("-", "_")
    return f"{text}%cache {label}=_cell({names})\n_made = {label}\n{bind}"


def by_pickle(module: str) -> Write:
    """Return how the names that a cell binds go through a file by a pickler."""

    def write(name: str, cell: Cell, place: Path, phase: int) -> str | None:
        _, binds = names_of(cell.text)
        path, tool = str(place / f"{name}.pkl"), f"__import__({module!r})"
        if phase:
            return f"globals().update({tool}.load(open({path!r}, 'rb')))"
        kept = f"{{k: globals()[k] for k in {binds!r} if k in globals()}}"
        return f"{cell.text}\n{tool}.dump({kept}, open({path!r}, 'wb'))"

    return write


TOOLS: dict[str, Write] = {
    "dill": by_pickle("dill"),
    "cloudpickle": by_pickle("cloudpickle"),
    "joblib": by_joblib,
    "ipycache": by_ipycache,
    "cache-magic": by_cache_magic,
}


_NOTES = re.compile(
    r"\[(Saved|Skipped) .*\]\n|Creating new value for .*\n|Loading cached value for .*\n"
)


def without_notes(messages: list[Message]) -> list[Message]:
    """Return messages without the lines that the tools print about themselves."""
    cleaned = []
    for kind, content in messages:
        if kind == "stream":
            text = _NOTES.sub("", content["text"])
            if text:
                cleaned.append((kind, {**content, "text": text}))
        else:
            cleaned.append((kind, content))
    return cleaned


def run_one(made: Kernel, case: Case, write: Write, place: Path, phase: int) -> Trace:
    """Run a case with a tool; the states tell whether it raised or ran the cell again."""
    made.run(f"__import__('sys').modules['_corpus'].reset({not case.is_unseeded})", silent=True)
    trace = Trace()
    for number, cell in enumerate(case.cells):
        text: str | None = cell.text
        if cell.options is not None:
            try:
                text = write(f"{case.name}-{number}", cell, place, phase)
            except SyntaxError:
                text = "raise SystemError('not a cell for this tool')"
        made.run("__import__('sys').modules['_corpus'].BASE['ran'] = False", silent=True)
        reply = made.run(str(text), cell_id=f"{case.name}-{number}")
        if cell.options is None:
            continue
        trace.messages.append(without_notes(normal(reply.messages)))
        ran = made.value("__import__('sys').modules['_corpus'].BASE['ran']") == "True"
        failed = reply.content["status"] == "error"
        trace.states.append("error" if failed else "ran" if ran and phase else "served")
    trace.probes = {k: v for k, v in observe(made, case).items() if not k.startswith("around:")}
    return trace


class Peer:
    """A tool in a kernel that is started again where a case kills or silences it."""

    def __init__(self, tool: str, place: Path) -> None:
        self.tool, self.write = tool, TOOLS[tool]
        self.kept, self.folder = place / tool / "kept", place / tool / "here"
        self.kept.mkdir(parents=True)
        self.folder.mkdir()

    def run(self, cases: Iterable[Case], phase: int) -> Iterator[tuple[str, Trace]]:
        """Yield what each case shows in new kernels of one hash seed."""
        left = deque(cases)
        while left:
            with kernel(load=False, folder=self.folder, PYTHONHASHSEED=str(phase + 1)) as made:
                prepare(made)
                loading = LOADING.get(self.tool, "").replace("{place!r}", repr(str(self.kept)))
                made.run(loading, store_history=False)
                while left:
                    case = left.popleft()
                    try:
                        yield case.name, run_one(made, case, self.write, self.kept, phase)
                    except Empty:
                        sys.stderr.write(f"{self.tool}: {case.name} ended the kernel\n")
                        yield case.name, Trace(states=["error"])
                        break


def run_tool(tool: str, cases: list[Case], place: Path) -> dict[str, Trace]:
    """Record every case in one kernel, and return what the next one shows."""
    peer = Peer(tool, place)
    first = dict(peer.run(cases, 0))
    shown = dict(peer.run([case for case in cases if first[case.name].states != ["error"]], 1))
    return first | shown


def judge(case: Case, plain: Trace, traced: Trace) -> str:
    """Return right, wrong or refused."""
    if set(traced.states) & {"error", "ran"}:
        return "refused"
    if any(plain.probes[probe] != traced.probes[probe] for probe in case.probes):
        return "wrong"
    if case.group == "outputs":
        cached = [n for n, cell in enumerate(case.cells) if cell.options is not None]
        if [plain.messages[n] for n in cached] != traced.messages:
            return "wrong"
    return "right"


def judge_nbcache(case: Case, plain: Trace, replayed: Trace) -> str:
    if set(replayed.states) != {"hit"}:
        return "refused"
    same = plain.probes == replayed.probes or "partial" in case.flags
    return "right" if same and plain.messages == replayed.messages else "wrong"


def versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Print the table; with ``--json FILE`` write every verdict there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--groups", nargs="*", default=list(GROUPS))
    args = parser.parse_args()
    cases = [c for c in read_all() if c.group in args.groups and not c.is_unseeded]
    cases = [case for case in cases if "state" not in case.flags]
    with TemporaryDirectory(prefix="peers-") as place, ThreadPoolExecutor(6) as pool:
        tools = versions(TOOLS)
        jobs = {tool: pool.submit(run_tool, tool, cases, Path(place)) for tool in tools}
        own = run_passes(cases, Path(place) / "nbcache")
        verdicts = {
            "nbcache": {c.name: judge_nbcache(c, own[c.name][0], own[c.name][2]) for c in cases}
        }
        for tool, job in jobs.items():
            traces = job.result()
            verdicts[tool] = {c.name: judge(c, own[c.name][0], traces[c.name]) for c in cases}
    show(cases, verdicts)
    if args.json:
        args.json.write_text(json.dumps({"versions": versions(NAMES), **verdicts}, indent=1))


def show(cases: list[Case], verdicts: dict[str, dict[str, str]]) -> None:
    """Print right / wrong / refused by tool and group, as Markdown."""
    groups = list(dict.fromkeys(case.group for case in cases))
    lines = ["| | " + " | ".join([*groups, "all"]) + " |", "|---" * (len(groups) + 2) + "|"]
    for tool, found in verdicts.items():
        row = []
        for group in [*groups, ""]:
            counts = Counter(found[c.name] for c in cases if group in ("", c.group))
            row.append(" / ".join(str(counts[v]) for v in ("right", "wrong", "refused")))
        lines.append(f"| {tool} | " + " | ".join(row) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
