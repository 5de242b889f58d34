"""The global random streams: drawn from, seeded, and put where the run left them.

A stream that a run draws from is a dependency by its state before the run, unless the first
touch was a seeding, which makes the earlier state irrelevant. A stream that nobody ever seeded
in this process cannot repeat: a draw from it is allowed, marked, and never compared, but the
entry then only serves a process in which the stream is unseeded as well.

That nobody seeded is known as follows: seeding functions carry a hook during every cell,
cached or not, and so do their aliases in the notebook's namespace and in local modules.
Streams that existed before the tracker count as seeded if a word of an earlier cell, or of a
local module, can seed.
A text that reaches for a stream's hidden instance makes every stream that moves count as
seeded. Generator objects are values, not ours.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from nbcache.deps.local import local_texts
from nbcache.deps.patching import Patches
from nbcache.deps.places import caller
from nbcache.deps.protocol import Observed
from nbcache.deps.streams import PYTHONS, STREAMS, Stream, state_digest
from nbcache.deps.watching import Watcher

_HIDDEN_INSTANCE = re.compile(
    r"\b(?:_inst|_rand|mtrand|default_generator|get_bit_generator|__setstate__)\b"
)
INSTANCES = frozenset({"_inst", "_rand", "mtrand", "default_generator"})
POSITIONS = INSTANCES | {"get_state", "getstate", "initial_seed", "graphsafe_get_state"}
"""The instances behind the streams, and methods that tell where they stand; the functions of the
modules are watched besides."""
_SEEDING = re.compile(
    r"seed|set_?state|state\b|_inst\b|_rand\b|bit_?generator|default_generator|mtrand|determinis"
    r"|\b(?:exec|eval|getattr|attrgetter|methodcaller|runpy)\b"
    r"|%run\b|run_line_magic\('run'|run_cell|\b(?:vars|__dict__)\b",
    re.IGNORECASE,
)
"""Words without which no code seeds a global stream, unless a library does so unasked."""
UNSEEDED = "unseeded"
_WORD = re.compile(r"\w+")


@lru_cache(maxsize=512)
def may_seed_unseen(text: str) -> bool:
    """Tell whether ``text`` reaches for the instance behind a stream's functions."""
    return bool(_HIDDEN_INSTANCE.search(text))


def is_harmless(text: str) -> bool:
    """Tell whether a cell or module of this ``text`` can't have seeded a stream."""
    return not _SEEDING.search(text)


@dataclass(slots=True)
class _Touch:
    """What happened to one stream in one run."""

    before: Any = None
    first: str | None = None
    seeded_last: bool | None = None
    by_imports: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Run:
    seeded: frozenset[str]
    may_read: bool = False
    touches: dict[str, _Touch] = field(default_factory=dict)


class RandomTracker(Watcher[_Run]):
    """Follows ``random``, numpy's legacy stream and torch's default generator.

    ``history`` holds the texts of the cells that ran before this tracker was made, None if
    that is unknown. If any of them, or of the local modules, holds a word of seeding, the
    streams that exist already count as seeded.
    """

    name = "randomness"

    def __init__(
        self,
        history: Iterable[str] | None = None,
        texts: Callable[[], Iterable[str]] = local_texts,
    ) -> None:
        super().__init__()
        ran = None if history is None else [*history, *texts()]
        is_early = ran is not None and all(map(is_harmless, ran))
        loaded = () if is_early else [one.name for one in STREAMS if one.is_loaded()]
        self._seeded: set[str] = set(loaded)
        self._texts = texts
        self._is_suspicious = False
        self._may_read = False

    def before_uncached(self, source_text: str = "") -> None:
        """Bracket a cell that is not cached, to learn whether it seeds."""
        self.note_source(source_text)
        self.start()

    def after_uncached(self) -> None:
        """Close the bracket that ``before_uncached`` opened."""
        self.finish()

    def note_source(self, text: str) -> None:
        """Learn from the text of a cell whether a seeding may pass unseen from now on."""
        self._is_suspicious = self._is_suspicious or may_seed_unseen(text)

    def watch_reads(self, text: str) -> None:
        """Learn from the text that the next run reaches whether it may ask a hidden instance."""
        words = POSITIONS.intersection(_WORD.findall(text)) - INSTANCES
        self._may_read = bool(words) and may_seed_unseen(text)

    def _begin(self, patches: Patches) -> _Run:
        run = _Run(frozenset(self._seeded), self._may_read)
        self._may_read = False
        for stream in STREAMS:
            run.touches[stream.name] = _Touch()
            if stream.is_loaded():
                self._hook(run, stream, patches)
            elif stream.module:
                patches.on_arrival(stream.module, partial(self._arrived, run, stream, patches))
        return run

    def _arrived(self, run: _Run, stream: Stream, patches: Patches, _: object) -> None:
        self._hook(run, stream, patches)

    def _hook(self, run: _Run, stream: Stream, patches: Patches) -> None:
        touch = run.touches[stream.name]
        touch.before = stream.state()

        def on_seeding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if touch.first is None:
                touch.first = "seeded" if stream.state() == touch.before else "drawn"
            given = [*args, *kwargs.values()]
            touch.seeded_last = bool(given) and given[0] is not None

        def on_entropy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            on_seeding((None,), {})

        def on_bits(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if args and caller(sys._getframe(1)) == "import":
                touch.by_imports.append(args[0])

        def on_reading(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if touch.first is None and caller(sys._getframe(1)) == "user":
                touch.first = "read"

        patches.watch(on_reading, *stream.readers())
        if stream is PYTHONS:
            patches.watch(on_bits, (random, "getrandbits"))
        patches.watch(on_seeding, *stream.seeders())
        patches.watch(on_entropy, *stream.entropy_seeders())

    def _end(self, run: _Run) -> Observed:
        late: dict[str, Any] = {}
        effect: dict[str, Any] = {}
        notes: list[str] = []
        for stream in STREAMS:
            touch = run.touches[stream.name]
            after = stream.state() if stream.is_loaded() and touch.before is not None else None
            is_same = after is touch.before or after == touch.before
            is_untouched = touch.first is None and is_same
            if after is None or (is_untouched and not run.may_read):
                continue
            late.update(self._needs(run, stream, touch))
            if is_untouched:
                continue
            if touch.seeded_last is not None:
                self._note_lineage(stream.name, touch.seeded_last)
            is_unseeded = late.get(stream.name) == UNSEEDED or touch.seeded_last is False
            if is_unseeded and not (touch.by_imports and _drew_only(touch, after)):
                notes.append(f"drew from {stream.title} without a seed")
            effect[stream.name] = {"state": after, "seeded": self._is_seeded(stream.name)}
        impure = bool(notes)
        return Observed(late or None, effect or None, tuple(notes), impure=impure)

    def _needs(self, run: _Run, stream: Stream, touch: _Touch) -> dict[str, str]:
        """Return what the stream must be before the run, empty if the run seeds it first."""
        if touch.first == "seeded":
            return {}
        if stream.name in run.seeded or self._may_be_seeded():
            self._seeded.add(stream.name)
            return {stream.name: state_digest(touch.before)}
        return {stream.name: UNSEEDED}

    def _is_seeded(self, name: str) -> bool:
        return name in self._seeded

    def _may_be_seeded(self) -> bool:
        if not self._is_suspicious:
            self._is_suspicious = any(map(may_seed_unseen, self._texts()))
        return self._is_suspicious

    def _note_lineage(self, name: str, is_seeded: bool) -> None:
        if is_seeded:
            self._seeded.add(name)
        else:
            self._seeded.discard(name)

    def _check(self, late: Mapping[str, Any]) -> str | None:
        for stream in STREAMS:
            wanted = late.get(stream.name)
            if wanted is None:
                continue
            if wanted == UNSEEDED:
                if self._is_seeded(stream.name) or self._may_be_seeded():
                    return f"{stream.title} may have been seeded; it was not when this was stored"
            elif not stream.is_loaded() or state_digest(stream.state()) != wanted:
                return f"{stream.title} was at another position"
        return None

    def _apply(self, effect: Any) -> None:
        for stream in STREAMS:
            if stream.name in effect:
                stream.restore(effect[stream.name]["state"])
                self._note_lineage(stream.name, effect[stream.name]["seeded"])
                self._note_restored(stream)

    def _note_restored(self, stream: Stream) -> None:
        """Count a restored stream as touched in the runs under way around this one."""
        for run in self._active:
            touch = run.touches[stream.name]
            if touch.first is None and touch.before is not None:
                touch.first = "drawn"


def _drew_only(touch: _Touch, after: Any) -> bool:
    """Tell whether libraries drew all that was drawn of ``random``, while they were imported."""
    stream = random.Random()
    stream.setstate(touch.before)
    for bits in touch.by_imports:
        stream.getrandbits(bits)
    return bool(stream.getstate() == after)
