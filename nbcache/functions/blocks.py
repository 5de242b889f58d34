"""``with block("features", ttl="1d") as step:`` a part of a script, function or cell.

Python always runs the body of a ``with``, so the body asks::

    with block("features", ttl="1d") as step:
        if step.miss:
            step.save(table=compute(raw))
    table = step.table

At the top level of a script or cell the variables that the body binds come back by themselves;
inside of a function, ``save`` names what is kept.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from types import TracebackType
from typing import Any

from nbcache.calls.engine import Call
from nbcache.calls.room import Room, current_room
from nbcache.errors import CacheError, CacheWarning, OptionError
from nbcache.events import SERVED, State
from nbcache.functions.block_text import read_body
from nbcache.options import read_options
from nbcache.policy import Policy

_NOT_FOR_BLOCKS = frozenset({"keep", "drop", "quiet", "group", "pin"})


class Step:
    """One pass through a block: whether to run, what to keep, and what was kept."""

    _nbcache_transient = True

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = State.OFF
        self._saved: dict[str, Any] = {}
        self._was_asked = False
        self._reasons: tuple[str, ...] = ()
        self._key = ""

    @property
    def miss(self) -> bool:
        """Whether the body must run: nothing that is stored can be used."""
        self._was_asked = True
        return self._state not in SERVED

    @property
    def hit(self) -> bool:
        """Whether a stored result is used."""
        return not self.miss

    @property
    def state(self) -> str:
        """The state in a word: ``hit``, ``miss``, ``expired`` and so on."""
        return self._state.value

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is so, in sentences."""
        return self._reasons

    @property
    def key(self) -> str:
        """The key; empty when there is none."""
        return self._key

    def save(self, **values: Any) -> None:
        """Keep values under names; they are attributes of this object from now on."""
        self._saved.update(values)

    def __getattr__(self, name: str) -> Any:
        """Return a value that was saved, in this pass or in the stored one."""
        saved = self.__dict__.get("_saved", {})
        if name in saved:
            return saved[name]
        raise AttributeError(
            f"the block {self.__dict__.get('_name')!r} saved no `{name}`;"
            f" call `step.save({name}=...)` inside of `if step.miss:`"
        )

    def __getitem__(self, name: str) -> Any:
        """Return a saved value by name."""
        return self._saved[name]

    def __repr__(self) -> str:
        kind = "Cached(type=COMPLETED)" if self._state in SERVED else f"Run({self.state})"
        return f"<{kind} block {self._name!r}>"


class block:
    """Cache a part of a script, function or cell under a name; options are those of ``@cache``.

    The block's text counts, and the values of the variables that it reads.

    Raises:
        OptionError: an option is wrong.
    """

    def __init__(self, name: str, **options: Any) -> None:
        if type(name) is not str or name == "":
            raise TypeError(f"A block needs a name, such as block('features'), not {name!r}.")
        for option in read_options(options).keys() & _NOT_FOR_BLOCKS:
            raise OptionError(f"`{option}` is an option of cells, and means nothing for a block.")
        self._name = name
        self._options = options
        self._steps: list[tuple[Step, Call | None]] = []

    def __enter__(self) -> Step:
        """Look the block up; ``step.miss`` tells whether its body is to run."""
        step, call = Step(self._name), None
        room = current_room()
        policy = room.policy(self._options)
        if not (room.settings.disable or policy.off):
            call = self._begin(step, sys._getframe(1), room, policy)
        self._steps.append((step, call))
        return step

    def _begin(self, step: Step, frame: Any, room: Room, policy: Policy) -> Call | None:
        try:
            body = read_body(frame, f"block {self._name}")
        except CacheError as problem:
            step._state, step._reasons = State.BYPASS, (str(problem),)
            return None
        call = Call(body.function, f"{frame.f_globals.get('__name__')}.{self._name}", policy, room)
        call.begin(body.inputs)
        step._state, step._reasons = call.state, call.reasons
        step._key = call.reading.key if call.reading else ""
        if call.is_served:
            step._saved = call.result
        return call

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Store what the body did; nothing if it raised."""
        step, call = self._steps.pop()
        if call is not None and not call.is_served:
            if kind is None:
                step_free = {
                    name: value for name, value in step._saved.items() if value is not step
                }
                call.finish(step_free)
                step._state, step._reasons = call.state, call.reasons
            else:
                call.fail()
        self._tell(step)

    def _tell(self, step: Step) -> None:
        """Warn about a body that ran although it need not, and about one that is not stored."""
        told = ""
        if step._state in SERVED and not step._was_asked:
            told = "its body ran although its result was stored: begin it with `if step.miss:`"
        elif step._state is State.BYPASS:
            reasons = "; ".join(step._reasons).replace("argument ", "")
            told = f"it ran and was not cached: {reasons}"
        if told:
            with suppress(CacheWarning):
                warnings.warn(f"block {self._name!r}: {told}", CacheWarning, stacklevel=3)
