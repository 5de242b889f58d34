"""``jupyter nbcache bundle`` and ``unbundle``: a notebook and its results in one file.

The file is a zip: the notebook, the entries that its last run used, signed by whoever made it,
and that person's public key. The same notebook and entries give the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from nbcache.badge import record_of
from nbcache.cli.exits import ERROR, OK, USAGE, CommandError
from nbcache.errors import ForeignEntry, StoreError, TooLarge
from nbcache.report import format_bytes
from nbcache.store.pages import is_name
from nbcache.tidying import tidy

_VERSION = 1
_MANIFEST = "bundle.json"
_ENTRIES = "entries/"
_BROKEN: tuple[type[Exception], ...] = (
    *(OSError, LookupError, ValueError, EOFError, RuntimeError, struct.error),
    *(zipfile.BadZipFile, zlib.error),
)
with contextlib.suppress(ImportError):  # of a Python that was built without it
    _BROKEN += (import_module("lzma").LZMAError,)
"""What reading an archive raises that is damaged, encrypted, or none."""

_MOMENT = (1980, 1, 1, 0, 0, 0)


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``bundle``."""
    parser.description = (
        "Put a notebook and the entries that it needs into one file, for a colleague or a paper.\n"
        "Run the notebook with `jupyter nbcache run NB --inplace` before, so that it records them."
    )
    parser.set_defaults(command=bundle)
    parser.add_argument("notebook", type=Path, metavar="NB", help="the executed notebook")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: NB.nbcache.zip")


def add_unbundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``unbundle``."""
    parser.description = (
        "Unpack a notebook and load its entries into the store, if you trust who made the file."
    )
    parser.set_defaults(command=unbundle)
    parser.add_argument("file", type=Path, metavar="FILE", help="what `bundle` made")
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="OUT",
        help="where the notebook goes: a folder, or a file .ipynb (default: here)")  # fmt: skip
    parser.add_argument("--trust", metavar="NAME",
        help="trust the file's maker from now on, under this name")  # fmt: skip


def bundle(args: argparse.Namespace) -> int:
    """Write the bundle."""
    from nbcache.cli.notebook_files import read_data
    from nbcache.store.envelope import enclose
    from nbcache.store.identity import Identity, key_text
    from nbcache.store.opening import open_store

    store, identity = open_store(args.store), Identity()
    names = _names_of(read_data(args.notebook), store)
    if not names:
        raise CommandError(
            f"{args.notebook} records no stored result. Run it first, "
            f"`jupyter nbcache run {args.notebook} --inplace`, or bundle what `run -o` wrote.",
            USAGE,
        )
    target = args.output or args.notebook.with_name(f"{args.notebook.stem}.nbcache.zip")
    is_itself = os.path.realpath(target) == os.path.realpath(args.notebook)
    if args.notebook.suffix != ".ipynb" or is_itself:
        raise CommandError(f"{target}: a bundle is another file than its .ipynb file.", USAGE)
    about = {
        "version": _VERSION,
        "notebook": args.notebook.name,
        "made_by": key_text(identity.public),
        "entries": names,
    }
    try:
        with _whole(target) as place, zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
            _add(file, _MANIFEST, json.dumps(about, indent=1).encode())
            _add(file, args.notebook.name, args.notebook.read_bytes())
            for name in names:
                _add(file, _ENTRIES + name, enclose(name, store.read_file(name), identity))
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}.", ERROR) from None
    size = target.stat().st_size
    told = {"file": str(target), "entries": len(names), "size_bytes": size}
    sentence = f"{target}: the notebook and {_count(names)}, {format_bytes(size)}"
    print(json.dumps(told) if args.json else sentence)
    return OK


@contextlib.contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give where to write, so that the target is whole, or what it was before."""
    place = target.resolve()
    if target.exists() and not target.is_file():
        yield place
        return
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        yield beside
        os.replace(beside, place)
    finally:
        beside.unlink(missing_ok=True)


def _names_of(data: Any, store: Any) -> list[str]:
    """Return the entries under the keys that the notebook records, and its whole run's."""
    cells = data.get("cells")
    told = [one.get("metadata") for one in cells or () if isinstance(one, dict)]
    keys = {record_of(one).get("key") for one in told if isinstance(one, dict)}
    texts = [key for key in keys if isinstance(key, str)]
    return sorted({entry.name for key in texts for entry in store.find(key)})


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    file.writestr(info, data)


def unbundle(args: argparse.Namespace) -> int:
    """Load the entries first, so that a bundle that is not trusted leaves nothing behind."""
    if not args.file.is_file():
        what = "is not a file" if args.file.exists() else "does not exist"
        raise CommandError(f"{args.file} {what}.", USAGE)
    with contextlib.ExitStack() as stack:
        with _reading(args.file):
            file = stack.enter_context(zipfile.ZipFile(args.file))
        about = _about(file, args.file)
        with _reading(args.file):
            notebook = file.read(about["notebook"])
        is_file = args.output.suffix == ".ipynb" and not args.output.is_dir()
        chosen = args.output if is_file else args.output / about["notebook"]
        target = _target(chosen, notebook)
        names = _load(file, about, args)
    _unpack(notebook, target)
    tidy(args.store)
    told = {"notebook": str(target), "entries": len(names), "made_by": about.get("made_by")}
    print(json.dumps(told) if args.json else f"{target}, and {_count(names)} in the store")
    return OK


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of an archive that cannot be read that it is no bundle."""
    try:
        yield
    except _BROKEN as error:
        raise CommandError(f"{path} is no bundle: {error}.", USAGE) from None


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} {'entry' if len(names) == 1 else 'entries'}"


def _about(file: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Return the bundle's own description, checked before anything else is read."""
    from nbcache.store.envelope import refuse_more_than_memory

    try:
        refuse_more_than_memory(str(path), sum(info.file_size for info in file.infolist()))
    except TooLarge as problem:
        raise CommandError(str(problem), USAGE) from None
    with _reading(path):
        about: Any = json.loads(file.read(_MANIFEST))
    if not isinstance(about, dict) or about.get("version") != _VERSION:
        raise CommandError(f"{path} was made by another version of nbcache, or is damaged.", USAGE)
    name, names = about.get("notebook"), about.get("entries")
    names = names if isinstance(names, list) else [None]
    if not isinstance(name, str) or not _is_plain(name):
        raise CommandError(f"{path} names {name!r}, which is no notebook to unpack here.", USAGE)
    are_texts = all(isinstance(one, str) for one in names)
    wanted = {name, *(_ENTRIES + one for one in names if is_name(one))} if are_texts else set()
    if not are_texts or len(wanted) <= len(set(names)) or not wanted.issubset(file.namelist()):
        raise CommandError(f"{path} is no bundle: parts of it are missing.", USAGE)
    return about


def _is_plain(name: str) -> bool:
    """Whether a text names a notebook in whatever folder it is unpacked."""
    is_alone = Path(name).name == name and "\\" not in name
    return is_alone and name.isprintable() and name.endswith(".ipynb")


def _load(file: zipfile.ZipFile, about: dict[str, Any], args: argparse.Namespace) -> Sequence[str]:
    """Load the entries, all of them or none; whom to trust from now on is kept then."""
    from nbcache.store.envelope import disclose
    from nbcache.store.identity import Identity, parse_key
    from nbcache.store.opening import open_store
    from nbcache.store.origins import find_posture
    from nbcache.store.signing import find_key_folder, load_key

    identity, store, key = Identity(), open_store(args.store), load_key(find_key_folder())
    posture, maker = find_posture(), parse_key(str(about.get("made_by")))
    known = identity.trusted()
    if args.trust:
        identity.trust(args.trust, maker)
    try:
        files = []
        for name in about["entries"]:
            with _reading(args.file):
                data = file.read(_ENTRIES + name)
            files.append((name, disclose(name, data, identity, key, posture)))
        _adopt(files, store, key)
    except BaseException as problem:
        identity.restore(known)
        if isinstance(problem, StoreError):
            raise CommandError(_explain(args.file, problem), ERROR) from None
        raise
    return [name for name, _ in files]


def _adopt(files: Sequence[tuple[str, bytes]], store: Any, key: bytes) -> None:
    """Store all entries, or none that was not there before; what is here and later stays."""
    from nbcache.store.header import read_manifest

    new: list[Any] = []
    try:
        for name, data in files:
            stored_at = read_manifest(data, len(data), key).entry.stored_at
            known = [entry for entry in store.find(name.partition(".")[0]) if entry.name == name]
            if any(entry.stored_at >= stored_at for entry in known):
                continue
            entry = store.adopt(name, data)
            new += [] if known else [entry]
    except BaseException:
        for entry in new:
            with contextlib.suppress(StoreError):
                store.remove(entry)
        raise


def _explain(path: Path, problem: StoreError) -> str:
    if isinstance(problem, ForeignEntry) and "trust add" in str(problem):
        hint = f"Or say `unbundle {path} --trust NAME` if you know who made this file."
        return f"{problem} {hint}"
    return f"Nothing of {path} was loaded. {problem}"


def _target(target: Path, notebook: bytes) -> Path:
    """Return where the notebook goes; what is there already, or a link, is left alone."""
    is_same = target.is_file() and not target.is_symlink() and target.read_bytes() == notebook
    if os.path.lexists(target) and not is_same:
        raise CommandError(f"{target} exists and differs: name another folder with -o.", USAGE)
    return target


def _unpack(notebook: bytes, target: Path) -> None:
    from nbcache.cli.notebook_files import write_bytes

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{target.parent} cannot be made: {error.strerror}.", USAGE) from None
    write_bytes(notebook, target)
