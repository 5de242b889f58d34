"""What other programs do in a kernel's folder while a cell runs is not the cell's doing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, kernel

from nbcache.deps.fanotify import OwnTouches

BUSY = """%%cache
import time
time.sleep(1.5)
x = 1"""

DOINGS = {
    "appends": "echo more >> old.txt",
    "reads and appends": "cat old.txt; echo more >> old.txt",
    "empties": ": > old.txt",
    "replaces": "echo other > new.txt; mv new.txt old.txt",
    "makes": "echo new > log.txt; cat log.txt; echo more >> log.txt",
    "removes": "rm old.txt",
    "makes folders": "mkdir -p results/today; ls results; rmdir results/today",
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "old.txt").write_text("old\n")
    if OwnTouches([str(folder)]).names() is None:
        pytest.skip("this system does not tell which process touched a file")
    return folder


def run_beside(made: Kernel, folder: Path, doing: str) -> Any:
    """Run a cell while another program does something in its folder."""

    def act() -> None:
        time.sleep(0.5)
        subprocess.run(doing, shell=True, cwd=folder, stdout=subprocess.DEVNULL, check=True)

    acting = threading.Thread(target=act)
    acting.start()
    try:
        return made.run(BUSY)
    finally:
        acting.join()


@pytest.mark.parametrize("doing", DOINGS)
def test_what_others_do_is_no_part_of_the_run(tmp_path: Path, here: Path, doing: str) -> None:
    """A cell is kept whatever another program does to files beside it, with nothing of it."""
    with kernel(tmp_path / "store", folder=here) as made:
        first = run_beside(made, here, DOINGS[doing])
        assert first.state == "miss", first.event
        assert not first.event.get("notes")
        kept = sorted(here.iterdir())
        for path in kept:
            path.write_text("moved on") if path.is_file() else path.rmdir()
        again = made.run(BUSY)
        assert again.state == "hit", again.event


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a program that reads and writes files of a folder when it is asked to."""
    place = str(folder.parent / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    asking, _ = server.accept()
                    with asking:
                        order = json.loads(asking.recv(1000))
                        path = folder / order["name"]
                        if "text" in order:
                            path.write_text(order["text"])
                        asking.sendall(path.read_bytes())

        threading.Thread(target=serve, daemon=True).start()
        yield place
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


ASK = """import json, socket
def ask(**order):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect({place!r})
        asking.sendall(json.dumps(order).encode())
        return asking.recv(1000).decode()"""


def test_what_others_do_when_they_are_asked_counts(tmp_path: Path, here: Path) -> None:
    """A program that the cell asks through a socket reads and writes for the cell."""
    reads, writes = "%%cache\nt = ask(name='old.txt')\nt", "%%cache\nask(name='w.txt', text='w')"
    with serving(here) as place, kernel(tmp_path / "store", folder=here) as made:
        made.run(ASK.format(place=place))
        assert made.run(reads).state == "miss"
        assert made.run(reads).state == "hit"
        (here / "old.txt").write_text("other")
        again = made.run(reads)
        assert (again.state, again.text) == ("stale", "'other'")
        assert made.run(writes).state == "miss"
        assert made.run(writes).state == "hit"
        (here / "w.txt").unlink()
        assert made.run(writes).state == "stale"
        assert (here / "w.txt").read_text() == "w"


CHILD = """%%cache
import subprocess
t = subprocess.run({words!r}, shell=True, capture_output=True, text=True).stdout
t"""


def test_what_child_processes_do_counts(tmp_path: Path, here: Path) -> None:
    """A process that the cell starts, or that an earlier cell did, reads for the cell."""
    cell = CHILD.format(words="cat old.txt")
    talk = "%%cache\ntold = (print('go', file=p.stdin, flush=True), p.stdout.readline())[1]\ntold"
    start = """import subprocess
p = subprocess.Popen(["sh", "-c", "while read l; do cat old.txt; done"], text=True,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)"""
    with kernel(tmp_path / "store", folder=here) as made:
        assert made.run(cell).state == "miss"
        assert made.run(cell).state == "hit"
        (here / "old.txt").write_text("other\n")
        assert made.run(cell).text == "'other\\n'"
        made.run(start)
        assert made.run(talk).text == "'other\\n'"
        (here / "old.txt").write_text("third\n")
        assert made.run(talk).text == "'third\\n'"
        made.run("p.kill(); p.wait()")


def test_a_system_that_tells_of_no_process_clears_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system can't be asked, a folder is gone, or the queue ran over, all counts."""
    assert OwnTouches([str(tmp_path / "none")]).names() is None
    closed = OwnTouches([str(tmp_path)])
    closed.close()
    closed.close()
    assert closed.names() is None
    monkeypatch.setattr("nbcache.deps.fanotify._library", lambda: None)
    assert OwnTouches([str(tmp_path)]).names() is None


def test_own_touches_are_told_by_name(here: Path) -> None:
    """Names that this process opened, changed, moved, made or removed are told, no others."""
    touches = OwnTouches([str(here)])
    subprocess.run("echo a > theirs; cat old.txt", shell=True, cwd=here, check=True)
    assert touches.names() == set()
    os.close(os.open(here / "old.txt", os.O_RDONLY))
    (here / "made").mkdir()
    os.listdir(here / "made")
    (here / "old.txt").rename(here / "moved.txt")
    assert touches.names() - {"."} == {"old.txt", "made", "moved.txt"}
    os.listdir(here)
    assert touches.names() == {"old.txt", "made", "moved.txt", "."}
    touches.close()
    again = OwnTouches([str(here)])
    assert again.names() == set()
    again.close()
