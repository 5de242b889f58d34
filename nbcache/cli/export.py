"""``jupyter nbcache export``: a document whose outputs come from the cache."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from nbcache.badge import strip_nbcache
from nbcache.cell.pragma import hide_cache_line
from nbcache.cli import run as running
from nbcache.cli.exits import ERROR, OK, USAGE, CommandError

_OWN = {
    "html": "nbcache.export.pages.NbcacheHTMLExporter",
    "notebook": "nbcache.export.pages.NbcacheNotebookExporter",
}
_PRINTED = "nbcache.export.printed.BrowserPDFExporter"
_BROWSER = "install Chromium or Chrome, which nbcache prints with."
_WAYS_OUT = {
    "pdf": f"Install XeTeX and pandoc (Debian: texlive-xetex, pandoc), or {_BROWSER}",
    "webpdf": f"Run `pip install nbconvert[webpdf]`, `playwright install chromium`, or {_BROWSER}",
}
_ABOUT = """
Runs the notebook as `run` does (an unchanged one is given at once) and writes a document through
nbconvert. HTML pages show a static badge at each cell and say at their end which cells came from
the cache and when they ran; --strip leaves nothing of nbcache. --no-run takes the outputs that
the file holds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``export``: those of ``run``, a format and where to write."""
    running.add_arguments(parser)
    parser.description = "Export notebooks with outputs from the cache.\n" + _ABOUT
    add = parser.add_argument
    add("--to", default="html", metavar="FORMAT",
        help="html (default), notebook, markdown, pdf, … as nbconvert names them")  # fmt: skip
    add("--strip", action="store_true", help="leave nothing of nbcache in the document")
    add("--no-run", action="store_true", help="export the outputs that the file holds")
    parser.set_defaults(command=export)


def export(args: argparse.Namespace) -> int:
    """Export the notebooks in order; the first that fails ends the command."""
    exporter = _exporter(args)
    if args.inplace:
        raise CommandError("export writes a new file: use -o instead of --inplace.", USAGE)
    output = args.output
    for notebook in args.notebooks:
        with tempfile.TemporaryDirectory() as folder:
            executed = notebook
            if not args.no_run:
                executed = Path(folder, notebook.name)
                code = _run(notebook, executed, args)
                if code != OK:
                    return code
            target = _write(exporter, notebook, executed, output, args)
        told = {"type": "export", "notebook": str(notebook), "to": args.to, "output": str(target)}
        print(json.dumps(told) if args.json else f"wrote {target}")
    return OK


def _exporter(args: argparse.Namespace) -> Any:
    try:
        from nbconvert.exporters import get_exporter
        from nbconvert.exporters.base import ExporterDisabledError, ExporterNameError
    except ImportError:
        message = "export needs the package nbconvert: python -m pip install nbconvert"
        raise CommandError(message, USAGE) from None
    try:
        kind = get_exporter(_OWN.get(args.to) or _printer(args.to) or args.to)
    except (ExporterNameError, ExporterDisabledError) as problem:
        raise CommandError(f"--to {args.to}: {problem}", USAGE) from None
    return kind(strip=args.strip) if args.to in _OWN else kind()


def _printer(name: str) -> str:
    """Return the exporter that prints with a browser, if PDF is asked for and it is the way."""
    can_typeset = shutil.which("xelatex") and shutil.which("pandoc")
    return _PRINTED if name == "webpdf" or (name == "pdf" and not can_typeset) else ""


def _run(notebook: Path, executed: Path, args: argparse.Namespace) -> int:
    """Run one notebook into a file of its own; its progress goes to stderr."""
    asked = {"notebooks": [notebook], "output": str(executed), "is_aside": True}
    own = argparse.Namespace(**{**vars(args), **asked})
    with contextlib.redirect_stdout(sys.stderr if not args.json else io.StringIO()):
        return running.run(own)


def _write(
    exporter: Any, notebook: Path, executed: Path, output: str | None, args: argparse.Namespace
) -> Path:
    """Convert the executed notebook and write the document with the files that it needs."""
    from nbconvert.writers import FilesWriter

    from nbcache.cli.notebook_files import read_notebook

    nb = read_notebook(executed)
    if args.to not in _OWN:
        if args.strip:
            strip_nbcache(nb)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.source = "".join(hide_cache_line(cell.source.splitlines(keepends=True)))
    target = _target(notebook, output, exporter.file_extension, several=len(args.notebooks) > 1)
    resources = {
        "metadata": {"name": notebook.stem, "path": str(notebook.resolve().parent)},
        "output_files_dir": f"{target.stem}_files",
    }
    text, resources = _convert(exporter, nb, resources, args.to)
    writer = FilesWriter(build_directory=str(target.parent))
    resources["output_extension"] = target.suffix
    writer.write(text, resources, notebook_name=target.stem)
    return target


def _convert(exporter: Any, nb: Any, resources: Any, name: str) -> Any:
    """Return the document and its resources.

    Raises:
        CommandError: the exporter lacks a program, or failed.
    """
    try:
        return exporter.from_notebook_node(nb, resources)
    except Exception as error:  # whatever the exporter's programs lead to
        reason = str(error).strip().splitlines() or [type(error).__name__]
        way_out = _WAYS_OUT.get(name, "")
        message = f"--to {name}: nbconvert failed: {reason[0]} {way_out}".strip()
        raise CommandError(message, USAGE if way_out else ERROR) from None


def _target(notebook: Path, output: str | None, extension: str, *, several: bool) -> Path:
    if output is None:
        return notebook.with_name(
            f"{notebook.stem}{'.nbcache' * (extension == '.ipynb')}{extension}"
        )
    path = Path(output)
    if not path.parent.is_dir():
        raise CommandError(f"-o {path}: there is no folder {path.parent}.", USAGE)
    if several or output.endswith("/") or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return path / f"{notebook.stem}{extension}"
    return path
