"""Fetches the catalogue's notebooks: pinned sdists, verified, and only the needed files kept.

Run as ``python -m harness.fetch [--all]``; what is there already is not fetched again.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from harness.catalogue import FETCHED, Sdist, notebooks, read


class FetchError(RuntimeError):
    """An sdist could not be fetched, or is not the pinned one."""


def fetch(sdist: Sdist) -> Path:
    """Return the folder with the sdist's notebooks, fetching them when they are not there."""
    mark = FETCHED / f"{sdist.name}-{sdist.version}" / ".complete"
    wanted = f"{sdist.sha256} {sorted(sdist.notebooks)} {sorted(sdist.data)}"
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return settle(sdist)
    FETCHED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FETCHED) as folder:
        archive = download(sdist, Path(folder))
        verify(sdist, archive)
        fresh = Path(folder) / "extracted"
        extract(sdist, archive, fresh)
        (fresh / ".complete").write_text(wanted, encoding="utf-8")
        shutil.rmtree(mark.parent, ignore_errors=True)
        os.replace(fresh, mark.parent)
    return settle(sdist)


def settle(sdist: Sdist) -> Path:
    """Put the library's settings beside each notebook; return the folder with the notebooks."""
    for folder in {(sdist.place / file).parent for file in sdist.notebooks}:
        for name, text in sdist.settings:
            (folder / name).write_text(text, encoding="utf-8")
    return sdist.place


def download(sdist: Sdist, folder: Path) -> Path:
    """Fetch the sdist without building it, from the index that pip is set up with."""
    command = [tool("unearth"), "--no-binary", "-d", str(folder)]
    index = pip_index()
    command += ["--index-url", index] if index else []
    done = subprocess.run(
        [*command, f"{sdist.name}=={sdist.version}"], capture_output=True, text=True, check=False
    )
    archives = [path for path in folder.iterdir() if path.name.endswith(".tar.gz")]
    if done.returncode or len(archives) != 1:
        raise FetchError(
            f"{sdist.name} {sdist.version} could not be fetched: is a package index reachable? "
            f"unearth said: {done.stderr.strip()[-400:]}"
        )
    return archives[0]


def tool(name: str) -> str:
    """Return the path of a command installed beside this Python."""
    return str(Path(sysconfig.get_path("scripts")) / name)


def pip_index() -> str:
    """Return the index that pip is configured to use, or an empty text for the default."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()


def verify(sdist: Sdist, archive: Path) -> None:
    """Raise unless the archive has the pinned digest."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != sdist.sha256:
        raise FetchError(
            f"{archive.name} is not the pinned file: its sha256 is {found}, the catalogue says "
            f"{sdist.sha256}. Nothing of it was used."
        )


def extract(sdist: Sdist, archive: Path, target: Path) -> None:
    """Extract the wanted notebooks and data files, and nothing else."""
    left = set(sdist.notebooks)
    with tarfile.open(archive) as content:
        for member in content:
            inner = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            name = wanted_name(sdist, inner)
            if name is None or not member.isfile() or ".." in inner.parts:
                continue
            path = target / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            source = content.extractfile(member)
            assert source is not None
            path.write_bytes(source.read())
            left.discard(name)
    if left:
        raise FetchError(f"{archive.name} has no {', '.join(sorted(left))} in {sdist.folder}")


def wanted_name(sdist: Sdist, inner: PurePosixPath) -> str | None:
    """Return the file's name below the sdist's folder if it is wanted."""
    try:
        name = str(inner.relative_to(sdist.folder))
    except ValueError:
        return None
    is_data = any(fnmatch.fnmatch(name, pattern) for pattern in sdist.data)
    return name if name in sdist.notebooks or is_data else None


def main() -> None:
    """Fetch the quick notebooks' sdists, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="not only the quick selection")
    needed = {one.sdist.name for one in notebooks(quick=not parser.parse_args().all)}
    for sdist in read():
        if sdist.name in needed:
            print(f"{sdist.name} {sdist.version}: {fetch(sdist)}", flush=True)


if __name__ == "__main__":
    main()
