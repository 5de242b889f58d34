"""Says which hard features a notebook has: what a cache that keeps only values would lose."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

HARD = ("in-place changes", "functions and classes", "random streams", "plots", "file reads")
RANDOM = frozenset({"random", "default_rng", "RandomState", "Generator", "random_state", "seed"})
PLOTS = frozenset({"plt", "pyplot", "sns", "seaborn", "plot", "scatter", "imshow", "toyplot"})
PLOTS |= {"bokeh", "hist", "Image", "SVG", "subplots", "corner", "figure", "HTML"}
READERS = frozenset({"open", "read_csv", "read_text", "read_bytes", "imread", "genfromtxt"})
READERS |= {"load", "loadtxt", "load_arff_files_standardized"}
LOADERS = ("load_", "fetch_")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def of_notebook(path: Path) -> tuple[str, ...]:
    """Return the hard features that the notebook's code shows, in a fixed order."""
    found: set[str] = set()
    nodes = [node for tree in trees(path) for node in ast.walk(tree)]
    modules = {alias.asname or alias.name for node in nodes for alias in imported(node)}
    for node in nodes:
        found.update(of_node(node))
        if is_change(node, modules):
            found.add("in-place changes")
    return tuple(feature for feature in HARD if feature in found)


def trees(path: Path) -> Iterator[ast.AST]:
    """Yield the code cells that can be parsed, magics turned into calls."""
    transform = TransformerManager().transform_cell
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        try:
            yield ast.parse(transform(cell.source))
        except SyntaxError:
            continue


def of_node(node: ast.AST) -> Iterator[str]:
    """Yield the features that one node shows."""
    if isinstance(node, DEFINITIONS):
        yield "functions and classes"
    words = {getattr(node, key, None) for key in ("id", "attr", "arg")}
    if words & RANDOM:
        yield "random streams"
    if words & PLOTS:
        yield "plots"
    if words & READERS or any(str(word).startswith(LOADERS) for word in words):
        yield "file reads"


def imported(node: ast.AST) -> list[ast.alias]:
    """Return what an import statement binds."""
    return node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []


def is_change(node: ast.AST, modules: set[str]) -> bool:
    """Say whether a node changes an object: an item or attribute set, or a bare method call."""
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        return not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.AugAssign):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    while isinstance(owner, (ast.Attribute, ast.Subscript)):
        owner = owner.value
    return isinstance(owner, ast.Name) and owner.id not in modules
