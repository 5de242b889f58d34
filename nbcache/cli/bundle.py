"""``jupyter nbcache bundle`` and ``unbundle``: a notebook and its results in one file.

The file is a zip: the notebook, the entries that its last run used, signed by whoever made it,
and that person's public key. The same notebook and entries give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbcache.badge import record_of
from nbcache.cli.exits import ERROR, OK, USAGE, CommandError
from nbcache.errors import ForeignEntry, StoreError, TooLarge
from nbcache.report import format_bytes
from nbcache.tidying import tidy

_VERSION = 1
_MANIFEST = "bundle.json"
_ENTRIES = "entries/"
_BROKEN = (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)
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
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="FOLDER",
        help="where the notebook goes (default: here)")  # fmt: skip
    parser.add_argument("--trust", metavar="NAME",
        help="trust the file's maker from now on, under this name")  # fmt: skip


def bundle(args: argparse.Namespace) -> int:
    """Write the bundle."""
    from nbcache.cli.notebook_files import read_data
    from nbcache.store.envelope import enclose
    from nbcache.store.identity import Identity, key_text
    from nbcache.store.opening import open_store

    store, identity = open_store(args.store), Identity()
    names = _names_of(args.notebook, read_data(args.notebook), store)
    if not names:
        raise CommandError(
            f"{args.notebook} records no stored result. Run it first, "
            f"`jupyter nbcache run {args.notebook} --inplace`, or bundle what `run -o` wrote.",
            USAGE,
        )
    target = args.output or args.notebook.with_name(f"{args.notebook.stem}.nbcache.zip")
    about = {
        "version": _VERSION,
        "notebook": args.notebook.name,
        "made_by": key_text(identity.public),
        "entries": names,
    }
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
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


def _names_of(path: Path, data: Any, store: Any) -> list[str]:
    """Return the entries under the keys that the notebook records, and its whole run's."""
    keys = {record_of(cell.get("metadata", {})).get("key") for cell in data.get("cells", ())}
    wanted = {entry.name for key in keys if isinstance(key, str) for entry in store.find(key)}
    return sorted(wanted)


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _MOMENT)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    file.writestr(info, data)


def unbundle(args: argparse.Namespace) -> int:
    """Load the entries first, so that a bundle that is not trusted leaves nothing behind."""
    try:
        with zipfile.ZipFile(args.file) as file:
            about = _about(file, args.file)
            names = _load(file, about, args)
            notebook = _unpack(file, about, args.output)
    except FileNotFoundError:
        raise CommandError(f"{args.file} does not exist.", USAGE) from None
    except _BROKEN as error:
        raise CommandError(f"{args.file} is no bundle: {error}.", USAGE) from None
    tidy(args.store)
    told = {"notebook": str(notebook), "entries": len(names), "made_by": about["made_by"]}
    print(json.dumps(told) if args.json else f"{notebook}, and {_count(names)} in the store")
    return OK


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} {'entry' if len(names) == 1 else 'entries'}"


def _about(file: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Return the bundle's own description, checked before anything else is read."""
    from nbcache.store.envelope import refuse_more_than_memory

    try:
        refuse_more_than_memory(str(path), sum(info.file_size for info in file.infolist()))
        about: dict[str, Any] = json.loads(file.read(_MANIFEST))
        is_known = about["version"] == _VERSION and isinstance(about["entries"], list)
        name = str(about["notebook"])
    except TooLarge as problem:
        raise CommandError(str(problem), USAGE) from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{path} is no bundle of nbcache.", USAGE) from None
    if not is_known:
        raise CommandError(f"{path} was made by another version of nbcache.", USAGE)
    if Path(name).name != name or "\\" in name or not name.endswith(".ipynb"):
        raise CommandError(f"{path} names {name!r}, which is no notebook to unpack here.", USAGE)
    return about


def _load(file: zipfile.ZipFile, about: dict[str, Any], args: argparse.Namespace) -> Sequence[str]:
    """Load the entries, all of them or none; whom to trust from now on is kept then."""
    from nbcache.store.envelope import disclose
    from nbcache.store.identity import Identity, parse_key
    from nbcache.store.opening import open_store
    from nbcache.store.origins import find_posture
    from nbcache.store.signing import find_key_folder, load_key

    identity, store, key = Identity(), open_store(args.store), load_key(find_key_folder())
    posture, maker = find_posture(), parse_key(about["made_by"])
    known = identity.trusted()
    if args.trust:
        identity.trust(args.trust, maker)
    try:
        files = [
            (name, disclose(name, file.read(_ENTRIES + name), identity, key, posture))
            for name in about["entries"]
        ]
    except StoreError as problem:
        identity.restore(known)
        raise CommandError(_explain(args.file, problem), ERROR) from None
    for name, data in files:
        store.adopt(name, data)
    return [name for name, _ in files]


def _explain(path: Path, problem: StoreError) -> str:
    if isinstance(problem, ForeignEntry) and "trust add" in str(problem):
        hint = f"Or say `unbundle {path} --trust NAME` if you know who made this file."
        return f"{problem} {hint}"
    return f"Nothing of {path} was loaded. {problem}"


def _unpack(file: zipfile.ZipFile, about: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / str(about["notebook"])
    if target.exists() and target.read_bytes() != file.read(about["notebook"]):
        raise CommandError(f"{target} exists and differs: name another folder with -o.", USAGE)
    target.write_bytes(file.read(about["notebook"]))
    return target
