"""What a run is part of: its id, and the parameters of the notebook or script."""

from __future__ import annotations

import ast
import os
import re
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RUN_ID_VARIABLE = "NBCACHE_RUN_ID"
PARAMETER_TAGS = frozenset({"parameters", "injected-parameters"})

_process_id = uuid.uuid4().hex
_PARAMETERS = re.compile(r"#+[^\S\n]*parameters[^\S\n]*$", re.IGNORECASE | re.MULTILINE)
_names: dict[str, None] = {}


def run_id(environ: Mapping[str, str] = os.environ) -> str:
    """Return the id of the run: as given by ``NBCACHE_RUN_ID``, else one of this process."""
    return environ.get(RUN_ID_VARIABLE) or _process_id


def note_parameters(text: str, nodes: Sequence[ast.AST], tags: Iterable[str] = ()) -> None:
    """Learn the names of the notebook's parameters from a cell of them.

    Such a cell has the tag ``parameters`` or ``injected-parameters``, or begins with the comment
    ``# Parameters``, which papermill and ``jupyter nbcache run -p`` write.
    """
    if PARAMETER_TAGS.isdisjoint(tags) and not _PARAMETERS.match(text.lstrip()):
        return
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                _names[target.id] = None


def parameters_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters by name: the notebook's, or the command line of a script."""
    found = {name: namespace[name] for name in sorted(_names) if name in namespace}
    if found or "get_ipython" in namespace:
        return found
    return {"sys.argv": list(sys.argv[1:])}
