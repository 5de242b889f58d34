"""Words of calls that set something in a library for good, as its names tell them."""

from __future__ import annotations

import ast
import os
import re

from nbcache.deps.process_state import PLACES

SETS = re.compile(
    r"_?(un)?(register|configure?|install|patch|init|enable|disable|use|reset|add)(_|$)"
    r"|_?(un)?set\w*|basicConfig|(start|signal|update|append|extend|insert|clear)$"
)
"""Names of what sets something."""

_OF_MOCKS = frozenset({"object", "dict", "multiple"})
"""Functions of ``unittest.mock.patch``."""

LASTING = re.compile(
    rf"({'|'.join(name for owner, name in PLACES if owner is os)}|setLoggerClass|addfont"
    r"|setLogRecordFactory|install_opener|set_display|enable|set_default_printstyle|switch_backend"
    r"|captureWarnings|use|ion|ioff)$|(un)?register(_|$)"
)
"""Functions of the packages that trackers record, whose settings they do not."""

_ACTS = re.compile(
    r"(prefer|require|activate|apply|extension|setup|switch|load|download|connect|login|seed|start)"
    r"|(?!get|is_|has_|list|show|describe)\w*(config|backend|context|mode|style|theme|option|default)"
)
"""Names of what does something for good even if it gives a result."""


def may_set(name: str) -> bool:
    """Tell whether something of this name may set something."""
    return name in _OF_MOCKS or bool(LASTING.match(name) or SETS.match(name))


def sets_by_name(statement: ast.stmt) -> bool:
    """Tell whether a statement assigns into something, or names what sets or does something."""
    for part in ast.walk(statement):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            return True
        name = part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "")
        if may_set(name) or _ACTS.match(name):
            return True
    return False
