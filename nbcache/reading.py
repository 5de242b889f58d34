"""What a cell is before it runs: its source, the values that it can read, and its key."""

from __future__ import annotations

import ast
import builtins
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbcache.asked_files import asked_parts
from nbcache.cell.names import Names
from nbcache.cell.source import Source, read_source, title_of
from nbcache.composing import Subject, choose_parts
from nbcache.deps.consulted import interpreter_parts
from nbcache.earlier_calls import EarlierCalls
from nbcache.entry import Entry
from nbcache.errors import NotFingerprintable, NotReplayable
from nbcache.heap.kinds.functions import need_members
from nbcache.heap.scope import mentioned
from nbcache.heap.summaries import summarise
from nbcache.heap.walk import Walk, digest_variable, digests
from nbcache.key import compose_key, compose_parts
from nbcache.library_effects import effect_calls, refuse_library_changes
from nbcache.library_patches import LibraryPatches
from nbcache.line_places import code_places
from nbcache.looking import looking_glasses, named_by_values, need_history, probes
from nbcache.own_printers import need_printers
from nbcache.own_words import need_spared, spare
from nbcache.policy import Policy, whole
from nbcache.replay import shell_state
from nbcache.replay.imports import has_star_head, refuse_made_up, star_names
from nbcache.replay.needs import members_of, reached_modules, uses_of
from nbcache.selection import LeftOut
from nbcache.shell_texts import cell_with, shifted_texts
from nbcache.sql_tables import need_tables, reaches_duckdb
from nbcache.witnesses import refuse_witnesses, spelled_names, user_codes

SETUP_MAGICS = frozenset(
    {"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "precision", "xmode", "pprint"}
)
"""Magics that set the kernel up; a hit runs them again, in order."""

PLAIN_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun", "!", "!!", "sx", "system", "bash", "sh", "script"}
    | {"html", "HTML", "latex", "markdown", "svg", "SVG", "javascript", "js", "writefile", "file"}
    | {"pwd", "ls", "cd", "env", "set_env", "who", "who_ls", "whos", "pinfo", "pinfo2"}
    | {"cat", "head", "less", "lsmagic", "quickref", "psearch", "pdoc", "pdef", "psource", "ll"}
    | {"memit", "mprun", "lprun", "run", "python", "python3", "perl", "ruby", "pip", "conda"}
)
"""Magics whose whole effect is what nbcache records anyway."""

_FORMATTERS = re.compile(
    r"formatter|[Ii]nline|precision|pprint|get_ipython|max_width|max_seq_length|figure_formats?"
)
_NOT_NAMED = ("_i", "__warningregistry__")
"""What the names begin with that a cell can't mean by looking at all: they come and go."""

UNKNOWN = "unknown"
"""Stands for the digest of a value that has none; it never equals another."""


@dataclass(frozen=True, slots=True)
class Request:
    """One cell or statement as it is about to run: text, syntax tree and where it stands."""

    text: str
    nodes: Sequence[ast.stmt]
    cell_name: str = "<cell>"
    cell_id: str = ""
    execution_count: int = 0
    compile_flags: int = 0

    @property
    def title(self) -> str:
        """The first line that holds code, for people."""
        return title_of(self.text)


@dataclass(frozen=True, slots=True)
class Reading:
    """A cell read: its source, the walk over what it can read, the named parts and the key.

    ``left_out`` names the variables whose values do not count.
    """

    request: Request
    source: Source
    walk: Walk
    parts: dict[str, str]
    key: str
    setup: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    effect_calls: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    codes: tuple[types.CodeType, ...] = ()

    @property
    def places(self) -> str:
        """Where the code that it reaches stands; ``codes`` stand for a walk that was let go."""
        return code_places(self.request, self.codes or user_codes(self.walk))


class Reader:
    """Reads cells against one shell's namespace."""

    def __init__(self, shell: Any, notebook: str = "") -> None:
        self.notebook = notebook
        self.shell = shell
        self.patches = LibraryPatches()
        self.calls = EarlierCalls()

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's live namespace."""
        variables: dict[str, Any] = self.shell.user_ns
        return variables

    def foresee(self, request: Request, policy: Policy) -> Reading:
        """Read a cell that is not running, without its walk: that would keep objects alive.

        Raises as ``read`` does.
        """
        with shifted_texts(self.shell):
            reading = self.read(request, policy, ran=self.namespace.get("_ih", ()))
        return replace(reading, walk=Walk({}), codes=tuple(user_codes(reading.walk)))

    def read(self, request: Request, policy: Policy, ran: Sequence[str] | None = None) -> Reading:
        """Read one cell; ``ran`` are the texts that ran, by default all but the running one.

        Raises:
            NotFingerprintable: an input has no fingerprint.
            NotReplayable: the text does what a hit can't repeat.
        """
        source = read_source(request.text, request.nodes)
        request = replace(request, nodes=source.nodes)
        setup = self._setup_magics(source)
        refuse_library_changes(request.nodes, self.namespace)
        always = source.names.settled.values()
        settled = frozenset.intersection(*always) if always else frozenset()
        left_out = LeftOut(whole(policy), policy.ignore, self.namespace)
        walk = Walk(self.namespace, ignore=left_out, settled=settled)
        hidden = self._reach(walk, source, request.nodes, settled)
        refuse_witnesses(request.nodes, walk)
        earlier = self.namespace.get("_ih", ())[:-1] if ran is None else ran
        self.patches.need_all(walk, earlier)
        self.patches.need_used(walk, uses_of(request.nodes, walk, source.names))
        self.calls.need_all(walk, earlier, source.names.imports, request.nodes)
        need_printers(walk, getattr(self.shell, "display_formatter", None))
        parts = compose_parts(source.digest, digests(walk.roots), version=policy.version)
        refuse_made_up({*source.names.imports, *walk.imports})
        modules = reached_modules(walk, source.names) | {reason for _, reason in hidden}
        parts |= self._display_part(source, walk) | shell_state.loaded_part(self.shell, setup)
        parts |= interpreter_parts(f"{source.text} {spelled_names(walk)}", modules)
        about = self._about(source, walk)
        subject = self._subject(source, walk.values | left_out.values(), request)
        parts = choose_parts(policy, parts, subject)
        parts |= asked_parts(policy, walk.values)
        walk.values |= left_out.values()
        return Reading(
            request,
            source,
            walk,
            parts,
            compose_key(parts),
            setup,
            _notes(policy, hidden, source.names),
            effect_calls(request.nodes, self.namespace),
            tuple(sorted(left_out.labels)),
            about,
        )

    def _reach(
        self, walk: Walk, source: Source, nodes: Sequence[ast.stmt], settled: frozenset[str]
    ) -> list[tuple[str, str]]:
        """Walk all that a cell can read; return what could not be narrowed, and why."""
        spare(walk, source.names)
        hidden = self._ask(walk, source, nodes)
        walk.run()
        need_history(walk, source.text)
        walk.hidden.update(named_by_values(walk.values))
        if walk.hidden and not hidden:
            hidden = tuple(sorted(walk.hidden))
            self._ask_all(walk, settled)
            walk.run()
        need_spared(walk, source, is_hidden=bool(hidden))
        reasons = [("variable", reason) for reason in hidden]
        if reaches_duckdb(walk, source.names):
            reason = need_tables(walk, nodes)
            reasons += [("table", reason)] if reason and not hidden else []
            walk.run()
        return reasons

    def _subject(self, source: Source, inputs: Mapping[str, Any], request: Request) -> Subject:
        names = ",".join(sorted(source.names.binds | source.names.deletes))
        identity = f"binds {names}" if names else f"shows {request.title}"
        return Subject(identity, request.title, self.namespace, inputs, self.notebook)

    def _about(self, source: Source, walk: Walk) -> dict[str, Any]:
        """Return what a person is told of the cell's inputs, now or in another kernel."""
        cells = getattr(getattr(self.shell, "compile", None), "_filename_map", {})

        def cell_of(place: str) -> int:
            return int(cells.get(place) or cell_with(place, self.namespace.get("In", ())))

        inputs = {name: summarise(name, value, cell_of) for name, value in walk.values.items()}
        return {"lines": source.lines, "inputs": inputs, "digest": source.digest}

    def _display_part(self, source: Source, walk: Walk) -> dict[str, str]:
        is_named = walk.functions or _FORMATTERS.search(source.text)
        if not (is_named or shell_state.has_code_options(self.shell)):
            return {}
        options = shell_state.display_options(self.shell)
        if options and not names_formatters(source, walk):
            options = shell_state.options_of_code(options)
        return {"display options": shell_state.display_part(options)} if options else {}

    def _starred(self, nodes: Sequence[ast.stmt], reads: frozenset[str]) -> frozenset[str]:
        """Return names whose values don't count: the cell begins by importing them with ``*``.

        A name that is not bound will be so by the import, or the cell fails.
        """
        if not has_star_head(nodes):
            return frozenset()
        exports, values = star_names(nodes, head_only=True), self.namespace
        same = {name for name, value in exports.items() if values.get(name, self) is value}
        return frozenset(same | {name for name in reads if name not in values})

    def _ask(self, walk: Walk, source: Source, nodes: Sequence[ast.stmt] = ()) -> tuple[str, ...]:
        """Ask the walk for what the cell can read; return why reads could not be narrowed."""
        names, taken = source.names, members_of(nodes, source.names)
        for name in sorted(names.reads - self._starred(nodes, names.reads)):
            if name in self.namespace or not hasattr(builtins, name):
                need_members(walk, walk.scope, name, taken.get(name))
        for name in sorted(mentioned(walk, walk.scope, names.strings)):
            if not self._is_hidden(name):
                walk.need(name)
        glasses = looking_glasses(names.reads, self.namespace, self.shell)
        hidden = (*names.hidden, *glasses, *probes(nodes, self.namespace))
        if hidden:
            self._ask_all(walk, names.hidden_after if names.hidden else frozenset())
        return hidden

    def _ask_all(self, walk: Walk, bound: frozenset[str]) -> None:
        for name in sorted(self.namespace):
            if not self._is_hidden(name) and name not in bound:
                walk.need(name)

    def _is_hidden(self, name: str) -> bool:
        return name in self.shell.user_ns_hidden or name.startswith(_NOT_NAMED)

    def _setup_magics(self, source: Source) -> tuple[tuple[str, str], ...]:
        setup = []
        uses, known = source.names.magics, PLAIN_MAGICS | SETUP_MAGICS
        shell_state.refuse_own_magics(self.shell, (use for use in uses if use.name in known))
        for use in uses:
            if use.name in PLAIN_MAGICS:
                continue
            if use.name in SETUP_MAGICS and use.top_level and use.body is None:
                setup.append((use.name, use.line))
                continue
            sign = "%%" if use.body is not None else "%"
            raise NotReplayable(f"`{sign}{use.name}` may change the kernel in ways we don't know")
        return tuple(setup)

    def moved(self, entry: Entry, reading: Reading) -> list[str]:
        """Say which variables, whose values a run left as they were, differ now; also lines."""
        moved = []
        places = entry.late.get("lines", {}).get("places")
        if places is not None and places != reading.places:
            moved.append("lines or comments moved, which its run showed")
        for name, recorded in entry.late.get("names", {}).items():
            if recorded == UNKNOWN or self.fingerprint(name) != recorded:
                moved.append(f"`{name}` changed")
        return moved

    def fingerprint(self, name: str) -> str:
        """Return the digest of one variable's value now."""
        try:
            return digest_variable(self.namespace, name)
        except NotFingerprintable:
            return UNKNOWN


def names_formatters(source: Source, walk: Walk) -> bool:
    """Tell whether a cell may look at how results are shown, besides showing some."""
    words = (word for code in user_codes(walk) for word in code.co_names)
    return any(map(_FORMATTERS.search, (source.text, *words)))


def _notes(policy: Policy, hidden: list[tuple[str, str]], names: Names) -> tuple[str, ...]:
    """Return the remarks on what the key is made of, and on names that the cell does not bind."""
    unbound = sorted((policy.keep or frozenset()) - names.binds) if not names.hidden else []
    told = tuple(f"`keep={name}`: the cell binds no `{name}`" for name in unbound)
    if policy.name:
        return (f"no key is computed: served as `{policy.name}` whatever changes", *told)
    return (*told, *(f"depends on every {what}: it {reason}" for what, reason in hidden))
