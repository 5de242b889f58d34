"""The house rules hold: lint, format, types, floors, sizes and what a wheel carries."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
MODULES = sorted((ROOT / "nbcache").rglob("*.py"))
MOST_LINES = 300
MOST_PUBLIC_NAMES = 15
SHOWN_CHARACTERS = 6000

TOOLS = {
    "lint": ("ruff", "check", "--no-cache", "--output-format=concise", "."),
    "format": ("ruff", "format", "--check", "--no-cache", "--output-format=concise", "."),
    "types": ("mypy",),
    "floors": ("lint-imports", "--no-cache"),
}


@pytest.mark.parametrize("rule", TOOLS)
def test_tool_finds_nothing(rule: str) -> None:
    """Lint, format, strict types and the contracts between the floors hold everywhere."""
    name, *arguments = TOOLS[rule]
    command = [str(SCRIPTS / name), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = f"{done.stdout}{done.stderr}"[-SHOWN_CHARACTERS:]
    assert done.returncode == 0, f"{' '.join(TOOLS[rule])}\n{said}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_one_idea(path: Path) -> None:
    """A module has at most 300 lines, and a docstring whose first line says what it is."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    if text.strip():
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring
        assert docstring.splitlines()[0].endswith((".", ":"))


def test_public_names_are_few() -> None:
    """What users import stands in the package itself, and is fewer than 15 names."""
    import nbcache

    assert len(nbcache.__all__) < MOST_PUBLIC_NAMES
    assert all(getattr(nbcache, name) is not None for name in nbcache.__all__)


def test_import_loads_nothing_heavy() -> None:
    """Importing nbcache loads no joblib, ipywidgets, nbformat, numpy or pandas."""
    heavy = {"joblib", "ipywidgets", "nbformat", "nbclient", "numpy", "pandas"}
    code = f"import sys, nbcache; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wheel_carries_every_module(tmp_path: Path) -> None:
    """A wheel holds all modules, the shared data, the licence and the command's entry point."""
    command = [str(SCRIPTS / "hatchling"), "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        commands = content.read(entry_points).decode()
    assert {str(path.relative_to(ROOT)) for path in MODULES} <= names
    assert any(name.endswith("/data/etc/jupyter/nbcache/README.md") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "jupyter-nbcache = nbcache.cli.main:main" in commands
    assert not any(name.startswith(("tests", "notebooks")) for name in names)
