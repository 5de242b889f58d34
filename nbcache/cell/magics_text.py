"""The magics and shell commands of a cell, as IPython's transformer leaves them.

IPython turns ``%timeit f(x)`` into ``get_ipython().run_line_magic('timeit', 'f(x)')``; this
module reads such calls back, and the Python that some of them carry as text.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass

MAGIC_CALLS = frozenset({"run_line_magic", "run_cell_magic", "magic", "system", "getoutput"})
"""Methods of the shell that IPython's transformer writes calls of."""

INLINE_MAGICS = frozenset({"time", "capture"})
"""Magics whose body runs in the notebook's own namespace, where its bindings stay."""

PYTHON_MAGICS = INLINE_MAGICS | {
    "heat", "lprun", "memit", "mprun", "prun", "pyinstrument", "scalene", "snakeviz", "timeit",
}  # fmt: skip
"""Cell magics whose body is Python that sees the notebook's names."""

NAMESPACE_MAGICS = frozenset({
    "edit", "load", "loadpy", "macro", "pylab", "recall", "rep", "rerun", "reset",
    "reset_selective", "run", "store", "who", "who_ls", "whos", "xdel",
})  # fmt: skip
"""Line magics that may read or bind any name of the notebook."""

SHELL_LINES = frozenset({"!", "!!", "sx", "system"})
"""Magics whose text is the shell's, with ``{x}`` and ``$x`` put in."""

FOREIGN_BODIES = frozenset({
    "HTML", "SVG", "bash", "file", "html", "javascript", "js", "latex", "markdown", "perl", "pypy",
    "python", "python2", "python3", "ruby", "script", "sh", "svg", "writefile",
})  # fmt: skip
"""Cell magics whose body is no Python of the notebook; nothing is put into it."""

_DOLLAR = re.compile(r"\$([^\W\d][\w.\[\]]*)")
IDENTIFIER = re.compile(r"[^\W\d]\w*")
LONGEST_STRING = 10_000
"""A longer text is data, not an expression: its words are not taken for names."""

_ESCAPED = re.compile(r"^(\s*)(?:([\w., ]+?)\s*=\s*)?(%(?!%)|!!?)(.*)$")


@dataclass(frozen=True, slots=True)
class MagicUse:
    """One magic or shell command: its name (``!`` and ``!!`` for the shell), line and body.

    ``top_level`` is False for a use inside a function, which runs only when that does.
    """

    name: str
    line: str
    body: str | None = None
    top_level: bool = True


def identifiers(text: str) -> frozenset[str]:
    """Return the words of a text that could be names; none of a very long text."""
    if len(text) >= LONGEST_STRING:
        return frozenset()
    return frozenset(w for w in IDENTIFIER.findall(text) if not keyword.iskeyword(w))


def all_identifiers(text: str) -> frozenset[str]:
    """Return the words of a text that could be names, however long it is."""
    return frozenset(w for w in IDENTIFIER.findall(text) if not keyword.iskeyword(w))


def is_shell(node: ast.AST) -> bool:
    """Whether the expression is ``get_ipython()``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "get_ipython"
        and not node.args
    )


def magic_use(node: ast.AST, *, top_level: bool) -> MagicUse | None:
    """Return the magic that a call runs, or None if it runs none with a constant text."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    method = node.func.attr
    if method not in MAGIC_CALLS or not is_shell(node.func.value):
        return None
    texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if len(texts) != len(node.args) or not texts:
        return None
    if method in ("system", "getoutput"):
        return MagicUse("!" if method == "system" else "!!", texts[0], None, top_level)
    if method == "magic":
        name, _, line = texts[0].partition(" ")
        return MagicUse(name.lstrip("%"), line, None, top_level)
    return MagicUse(*_padded(texts), top_level)


def _padded(texts: list[str]) -> tuple[str, str, str | None]:
    """Return name, line and body of a magic's arguments."""
    line = texts[1] if len(texts) > 1 else ""
    return texts[0], line, texts[2] if len(texts) > 2 else None


def parse_python(text: str) -> list[ast.stmt] | None:
    """Parse Python that may hold simple IPython syntax; None if it cannot be read."""
    for candidate in (text, _without_escapes(text)):
        try:
            return ast.parse(candidate).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _without_escapes(text: str) -> str:
    """Write lines of ``%magic`` and ``!command`` as the calls that they stand for."""
    return "\n".join(_plain_line(line) for line in text.split("\n"))


def _plain_line(line: str) -> str:
    match = _ESCAPED.match(line)
    if match is None:
        return line
    indent, target, escape, rest = match.groups()
    if escape == "%":
        name, _, arguments = rest.strip().partition(" ")
        call = f"get_ipython().run_line_magic({name!r}, {arguments!r})"
    elif target or escape == "!!":
        call = f"get_ipython().getoutput({rest!r})"
    else:
        call = f"get_ipython().system({rest!r})"
    return f"{indent}{target} = {call}" if target else indent + call


def python_text(use: MagicUse) -> str | None:
    """Return the Python that a magic carries, or None if its text is something else."""
    if use.body is not None:
        return use.body if use.name in PYTHON_MAGICS else None
    if use.name == "time":
        return re.sub(r"^\s*--no-raise-error\b", "", use.line)
    return None


def interpolated(use: MagicUse) -> str:
    """Return what of a magic's text may name variables: of the shell's, what stands in signs."""
    if use.name in SHELL_LINES:
        return _in_signs(f"{use.line}\n{use.body or ''}")
    body = "" if use.name in FOREIGN_BODIES else use.body or ""
    return f"{use.line}\n{body}"


def _in_signs(text: str) -> str:
    """Return what stands in braces or behind a dollar sign: IPython puts their values there."""
    start, end = text.find("{"), text.rfind("}")
    braces = text[start : end + 1] if start >= 0 else ""
    return " ".join([braces, *_DOLLAR.findall(text)])


def captured_name(use: MagicUse) -> str | None:
    """Return the name that ``%%capture name`` binds."""
    if use.name != "capture" or use.body is None:
        return None
    words = [word for word in use.line.split() if not word.startswith("-")]
    return words[0] if words and words[0].isidentifier() else None
