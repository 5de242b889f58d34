"""Giving an unchanged notebook's run at once, without a kernel, and keeping runs for that."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbcache.cli.outcomes import Outcome
from nbcache.events import SERVED, CellEvent
from nbcache.lineage import (
    NotRecalled,
    Recalled,
    Step,
    event_of,
    keep_lineage,
    lineage_key,
    notebook_identity,
    recall,
    surroundings_of,
)
from nbcache.store.usage import Use, note_use

_ANY_PYTHON = frozenset({"python", "python3", f"python3.{sys.version_info[1]}"})


class Instant:
    """Recalls and keeps whole runs in one store, under one set of options (JSON data)."""

    def __init__(self, location: str | None, options: Mapping[str, Any]) -> None:
        self._location = location
        self._options = dict(options)
        self._store: Any = None
        self._surroundings: dict[tuple[str, str], dict[str, Any]] = {}
        self.why = ""

    @property
    def store(self) -> Any:
        """The store, opened on first use."""
        if self._store is None:
            from nbcache.store.opening import open_store

            self._store = open_store(self._location)
        return self._store

    def key_of(self, source: Path, values: Mapping[str, Any], *, code_only: bool = False) -> str:
        """Return the name of the notebook's run as the file, options and machine are now.

        With ``code_only`` the text cells do not count.

        Raises:
            NotRecalled: the notebook asks for what only a run can give.
        """
        try:
            data = json.loads(source.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise NotRecalled(f"the notebook is none ({type(error).__name__})") from None
        return self._key(data, str(source.resolve().parent), values, code_only=code_only)

    def _key(self, data: Any, folder: str, values: Mapping[str, Any], *, code_only: bool) -> str:
        """Return the same of a notebook's JSON data."""
        try:
            identity = notebook_identity(data, code_only=code_only)
        except (KeyError, TypeError, AttributeError) as error:
            raise NotRecalled(f"the notebook is none ({type(error).__name__})") from None
        if data["nbformat"] != 4 or _asks_for_runs(data):
            raise NotRecalled("a cell asks to be run")
        name = self._options.get("kernel") or _kernel_name(data)
        if (folder, name) not in self._surroundings:  # as they are when a kernel starts
            found = surroundings_of(folder) | {"kernel": _kernel_of(name)}
            self._surroundings[folder, name] = found | {"project": _project_text(folder)}
        surroundings = self._surroundings[folder, name]
        asked = {"notebook": identity, "options": self._options, "parameters": values}
        return lineage_key(asked | ({"code only": True} if code_only else {}), surroundings)

    def recall(self, source: Path, values: Mapping[str, Any]) -> Recalled | None:
        """Return the run that would be served as a whole; None, and ``why``, if there is none."""
        from nbcache.deps.outside import Outside
        from nbcache.store.signing import find_key_folder

        try:
            own = (self.store.label, str(find_key_folder()))
            outside = Outside(str(source.resolve().parent), own)
            try:
                return recall(self.store, self.key_of(source, values), outside, time.time())
            except NotRecalled:
                return self._recall_grafted(source, values, outside)
        except NotRecalled as reason:
            self.why = str(reason)
        except Exception as error:  # a run is always right
            self.why = f"nbcache failed: {type(error).__name__}: {error}"
        return None

    def _recall_grafted(self, source: Path, values: Mapping[str, Any], outside: Any) -> Recalled:
        """Return the run of the same code, its outputs on the text cells as they are now."""
        from nbcache.cli.grafting import graft

        key = self.key_of(source, values, code_only=True)
        try:
            found = recall(self.store, key, outside, time.time())
        except NotRecalled:
            return self._recall_reworded(source, values, outside)
        return replace(found, body=graft(source, values, found.body))

    def _recall_reworded(self, source: Path, values: Mapping[str, Any], outside: Any) -> Recalled:
        """Return a run whose code is the same but for comments and formatting."""
        from nbcache.cli.grafting import graft
        from nbcache.cli.rewording import (
            is_same_code,
            last_body,
            refuse_shown_texts,
            with_stored_texts,
        )

        place, data = source.resolve(), json.loads(source.read_text(encoding="utf-8-sig"))
        known = with_stored_texts(data, last_body(self.store, str(place)))
        key = self._key(known, str(place.parent), values, code_only=True)
        found = recall(self.store, key, outside, time.time())
        refuse_shown_texts([entry for _, entry in found.steps])
        return replace(found, body=graft(source, values, found.body, is_same_code))

    def keep(self, job: Any, outcomes: Sequence[Outcome], body: bytes) -> bool:
        """Store a run of the whole notebook if it could be served next time; tell whether."""
        steps = [step for outcome in outcomes if (step := _step_of(outcome)) is not None]
        if len(steps) < len(outcomes) or self._is_changed(job):
            return False
        from nbcache.cli.rewording import last_key

        notebook = str(job.source.resolve())
        code = self.key_of(job.source, job.values, code_only=True)
        for key in (job.key, code, last_key(notebook)):
            keep_lineage(
                self.store, key, steps, body,
                notebook=notebook, now=time.time(), results=job.results,
            )  # fmt: skip
        return True

    def _is_changed(self, job: Any) -> bool:
        """Whether the notebook was edited while it ran."""
        try:
            return bool(self.key_of(job.source, job.values) != job.key)
        except NotRecalled:
            return True

    def note_use(self, source: Path, found: Recalled) -> None:
        """Count the cells of a recalled run as served."""
        saved = sum(entry.cost for _, entry in found.steps)
        use = Use(str(source.resolve()), time.time(), len(found.steps), 0, saved)
        note_use(self.store.label, use)

    def outcomes_of(self, found: Recalled) -> list[Outcome]:
        """Return what is told of the cells of a recalled run."""
        label = self.store.label
        return [
            Outcome(step.number, step.title, 0.0, event_of(step, entry, label))
            for step, entry in found.steps
        ]


def _step_of(outcome: Outcome) -> Step | None:
    event = outcome.event
    if event is None or not _would_be_served(event):
        return None
    return Step(outcome.number, outcome.title, event.key, event.variant, event.expires_at)


def _would_be_served(event: CellEvent) -> bool:
    from nbcache.badge import is_stored

    return bool(event.variant) and (event.state in SERVED or is_stored(event))


def _asks_for_runs(data: Mapping[str, Any]) -> bool:
    """Whether a cell's settings ask for more than the age of its result can tell."""
    from nbcache.badge import settings_of
    from nbcache.cell.pragma import find_pragmas

    orders = ("refresh", "pin", "off", "key", "persist", "name", "group", "store", "require")
    for cell in data["cells"]:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        asked = " ".join(pragma.text for pragma in find_pragmas(text))
        settings = settings_of(cell.get("metadata", {})) or {}
        if any(word in asked or word in settings for word in orders):
            return True
    return False


def _kernel_name(data: Mapping[str, Any]) -> str:
    return str(data.get("metadata", {}).get("kernelspec", {}).get("name") or "python3")


def _kernel_of(name: str) -> list[str]:
    """Return the place and text of a kernel's specification; it must be this very Python.

    Raises:
        NotRecalled: another Python would run the notebook.
    """
    from jupyter_core.paths import SYSTEM_JUPYTER_PATH, jupyter_path

    places = [*jupyter_path("kernels"), *(os.path.join(p, "kernels") for p in SYSTEM_JUPYTER_PATH)]
    for place in dict.fromkeys(places):
        path = os.path.join(place, name.lower(), "kernel.json")
        if os.path.isfile(path):
            text = Path(path).read_text(encoding="utf-8")
            command = json.loads(text)["argv"][0]
            if command in _ANY_PYTHON or os.path.abspath(command) == sys.executable:
                return [path, text]
            raise NotRecalled("the notebook's kernel is another Python")
    if name == "python3":
        return ["", ""]
    raise NotRecalled(f"there is no kernel {name}")


def _project_text(folder: str) -> str:
    """Return the text of the nearest pyproject.toml, which may hold settings."""
    for place in [Path(folder), *Path(folder).parents]:
        path = place / "pyproject.toml"
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return ""
