"""Reading notebooks so that nothing random gets in, and writing them so that nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbcache.badge import strip_displays
from nbcache.cli.exits import ERROR, USAGE, CommandError
from nbcache.cli.light import import_nbformat

SKIP_TAG = "skip-execution"


def read_notebook(path: Path) -> Any:
    """Return the notebook as nbformat 4 with every cell named, or raise ``CommandError``."""
    data = read_data(path)
    try:
        return _settled(data)
    except Exception as error:  # nbformat raises whatever a strange file leads it to
        reason = str(error).strip().splitlines() or [type(error).__name__]
        if isinstance(error, KeyError):
            reason = [f"there is no {error}"]
        raise CommandError(f"{path} is not a valid notebook: {reason[0]}", USAGE) from None


def read_data(path: Path) -> Any:
    """Return the JSON data of a file, or raise ``CommandError``."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CommandError(f"{path} does not exist.", USAGE) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.", USAGE) from None
    except (ValueError, RecursionError):
        raise CommandError(f"{path} is not a notebook: it is not JSON.", USAGE) from None
    if not isinstance(data, dict) or "nbformat" not in data:
        raise CommandError(f"{path} is not a valid notebook: it does not say `nbformat`.", USAGE)
    return data


def _settled(data: Any) -> Any:
    """Return file content as a valid notebook in which nothing is random."""
    nbformat = import_nbformat()
    from nbformat.reader import reads

    if data["nbformat"] == 4:
        kernelspec = data.setdefault("metadata", {}).get("kernelspec", {})
        if "name" not in kernelspec or "display_name" not in kernelspec:
            data["metadata"].pop("kernelspec", None)  # useless, and invalid
        for cell in data["cells"]:
            _complete(cell)
    nb = reads(json.dumps(data))
    if nb.nbformat != 4:
        nb = nbformat.convert(nb, 4)
        for cell in nb.cells:
            cell.pop("id", None)  # drawn at random by the conversion
    _name_cells(nb)
    with suppress(nbformat.ValidationError):
        nbformat.validate(nb)  # by the schema that outputs are checked by: it is made once
        return nb
    try:
        nbformat.validate(nb, relax_add_props=True)
    except nbformat.ValidationError:
        _drop_broken_outputs(nb)
        nbformat.validate(nb, relax_add_props=True)
    return nb


def _drop_broken_outputs(nb: Any) -> None:
    """Take invalid outputs away: a run replaces them, so they are no reason to refuse it."""
    from nbformat import ValidationError, validate

    def is_valid(output: Any) -> bool:
        try:
            validate(output, ref="output", version=4, version_minor=nb.nbformat_minor)
        except ValidationError:
            return False
        return True

    for cell in nb.cells:
        if cell.cell_type == "code":
            cell["outputs"] = [output for output in cell.outputs if is_valid(output)]


def _complete(cell: dict[str, Any]) -> None:
    """Fill in what other tools left out of a cell."""
    cell.setdefault("metadata", {})
    if cell.get("cell_type") == "code":
        cell.setdefault("outputs", [])
        cell.setdefault("execution_count", None)


def _name_cells(nb: Any) -> None:
    """Give every cell an id of its own, or none where the format knows none."""
    seen = {""}
    for index, cell in enumerate(nb.cells):
        if (nb.nbformat, nb.nbformat_minor) < (4, 5):
            cell.pop("id", None)
        elif cell.get("id", "") in seen:
            cell["id"] = _id_of(cell, index)
        seen.add(cell.get("id", ""))


def _id_of(cell: Any, index: int) -> str:
    """Name a cell that has no id by its place and source: nbformat would draw one."""
    import hashlib

    return hashlib.sha256(f"{index}\n{cell.get('source', '')}".encode()).hexdigest()[:8]


def runnable_cells(nb: Any) -> Iterator[tuple[int, Any]]:
    """Yield the index and the cell of every cell that a run executes."""
    for index, cell in enumerate(nb.cells):
        skipped = SKIP_TAG in cell.metadata.get("tags", ())
        if cell.cell_type == "code" and cell.source.strip() and not skipped:
            yield index, cell


def title_of(source: str) -> str:
    """Return the first line that holds code, for people."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith(("#", "%%cache"))]
    return (code or lines or [""])[0][:72]


def tidy_outputs(nb: Any) -> None:
    """Join the pieces of streams as front ends do, and drop our own displays, in place.

    A stream arrives in pieces as the scheduler likes: joined, two runs give the same bytes.
    """
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        strip_displays(cell)
        joined: list[Any] = []
        for output in cell.outputs:
            last = joined[-1] if joined else None
            if last is not None and _same_stream(last, output):
                last["text"] += output["text"]
            else:
                joined.append(output)
        cell["outputs"] = joined


def _same_stream(one: Any, other: Any) -> bool:
    are_streams = one["output_type"] == other["output_type"] == "stream"
    return are_streams and bool(one["name"] == other["name"])


def check_writable(target: Path) -> None:
    """Raise ``CommandError`` unless ``target`` can be written, before anything is run for it."""
    folder = target.resolve().parent
    if target.is_dir():
        raise CommandError(
            f"{target} is a folder. Name a file, as in {target / 'OUT.ipynb'}.", USAGE
        )
    if not folder.is_dir():
        raise CommandError(f"{target} cannot be written: there is no folder {folder}.", USAGE)
    try:
        descriptor, name = _make_beside(folder)
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}.", USAGE) from None
    os.close(descriptor)
    os.unlink(name)


def bytes_of(nb: Any) -> bytes:
    """Return the notebook as a file holds it, outputs tidied."""
    from nbformat import v4

    tidy_outputs(nb)
    text: str = v4.writes(nb)
    return (text if text.endswith("\n") else text + "\n").encode()


def write_notebook(nb: Any, target: Path) -> None:
    """Write the notebook under its name at once; if that fails, keep it elsewhere and say where."""
    write_bytes(bytes_of(nb), target)


def write_bytes(data: bytes, target: Path) -> None:
    """Write a notebook's bytes at once; if that fails, keep them elsewhere and say where.

    A file that holds them already only gets the time of now, as whoever compares times expects.
    """
    try:
        if _holds(target, data):
            os.utime(target)
            return
        _replace(target.resolve(), data)
    except OSError as error:
        place = _rescue(data, target)
        raise CommandError(
            f"{target} cannot be written: {error.strerror}. {place}", ERROR
        ) from None


def _holds(target: Path, data: bytes) -> bool:
    try:
        return target.stat().st_size == len(data) and target.read_bytes() == data
    except OSError:
        return False


def _replace(target: Path, data: bytes) -> None:
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    descriptor, name = _make_beside(target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _make_beside(folder: Path) -> tuple[int, str]:
    """Return a new file of ours alone, open for writing: ``tempfile`` takes long to import."""
    name = os.path.join(folder, f".nbcache-{os.urandom(8).hex()}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(name, flags, 0o600), name


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _rescue(data: bytes, target: Path) -> str:
    import tempfile

    try:
        folder = tempfile.mkdtemp(prefix="nbcache-")
        place = os.path.join(folder, target.name)
        with open(place, "wb") as file:
            file.write(data)
    except OSError:
        return "The executed notebook could not be kept anywhere else either."
    return f"The executed notebook is in {place}."
