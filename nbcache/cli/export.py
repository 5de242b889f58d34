"""``jupyter nbcache export``: a document whose outputs come from the cache."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from nbcache.badge import strip_nbcache
from nbcache.cell.pragma import hide_cache_line
from nbcache.cli import run as running
from nbcache.cli.exits import OK, USAGE, CommandError

_OWN = {
    "html": "nbcache.export.pages.NbcacheHTMLExporter",
    "notebook": "nbcache.export.pages.NbcacheNotebookExporter",
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
        if not args.json:
            print(f"wrote {target}")
    return OK


def _exporter(args: argparse.Namespace) -> Any:
    try:
        from nbconvert.exporters import get_exporter
        from nbconvert.exporters.base import ExporterDisabledError, ExporterNameError
    except ImportError:
        message = "export needs the package nbconvert: python -m pip install nbconvert"
        raise CommandError(message, USAGE) from None
    try:
        kind = get_exporter(_OWN.get(args.to, args.to))
    except (ExporterNameError, ExporterDisabledError) as problem:
        raise CommandError(f"--to {args.to}: {problem}", USAGE) from None
    return kind(strip=args.strip) if args.to in _OWN else kind()


def _run(notebook: Path, executed: Path, args: argparse.Namespace) -> int:
    """Run one notebook into a file of its own; its progress goes to stderr."""
    own = argparse.Namespace(**{**vars(args), "notebooks": [notebook], "output": str(executed)})
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
    text, resources = exporter.from_notebook_node(nb, resources)
    writer = FilesWriter(build_directory=str(target.parent))
    resources["output_extension"] = target.suffix
    writer.write(text, resources, notebook_name=target.stem)
    return target


def _target(notebook: Path, output: str | None, extension: str, *, several: bool) -> Path:
    if output is None:
        return notebook.with_name(
            f"{notebook.stem}{'.nbcache' * (extension == '.ipynb')}{extension}"
        )
    path = Path(output)
    if several or output.endswith("/") or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return path / f"{notebook.stem}{extension}"
    return path
