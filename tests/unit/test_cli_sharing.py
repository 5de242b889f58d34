"""`push`, `pull`, `sync`, `trust`, `verify`, `bundle` and `unbundle` between two users."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nbformat import v4, write

from nbcache.cli.main import main
from nbcache.entry import Body, Entry
from nbcache.store import local
from nbcache.store.opening import open_store

pytest.importorskip("cryptography", reason="cryptography signs what is sent")
pytest.importorskip("fsspec", reason="fsspec reaches the shared store")
KEY, VARIANT = "ab" * 16, "1" * 16
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as one of two users."""
    monkeypatch.chdir(tmp_path)

    def call(user: str, *argv: str) -> tuple[int, str]:
        monkeypatch.setenv("NBCACHE_DIR", str(tmp_path / user / "store"))
        monkeypatch.setenv("NBCACHE_KEY_DIR", str(tmp_path / user / "keys"))
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


@pytest.fixture
def notebook(tmp_path: Path, run: Run) -> Path:
    """Ada's executed notebook, with its entry in her store."""
    run("ada", "du")
    open_store().put(
        Entry(KEY, VARIANT, 1.0, None, 2.0, title="x = 1", parts={"source": "s"}), Body(b"values")
    )
    cell = v4.new_code_cell("x = 1", id="c", metadata={"nbcache": {"state": "hit", "key": KEY}})
    path = tmp_path / "paper.ipynb"
    write(v4.new_notebook(cells=[cell]), path)
    return path


def _trust(run: Run) -> None:
    key = run("ada", "trust", "show")[1].strip()
    assert run("bob", "trust", "add", "Ada", key)[0] == 0


def test_entries_travel_over_a_shared_folder(tmp_path: Path, notebook: Path, run: Run) -> None:
    """Ada sends; Bob fetches what he may trust, once; a dry run moves nothing."""
    url = f"file://{tmp_path}/team"
    assert json.loads(run("ada", "push", url, "--dry-run", "--json")[1])["sent"]
    assert "0 entries fetched" in run("bob", "pull", url)[1]
    assert "1 entry sent" in run("ada", "push", url)[1]
    assert "0 entries sent" in run("ada", "push", url)[1]
    code, told = run("bob", "pull", url)
    assert (code, "trust add" in told) == (1, True)
    _trust(run)
    assert "1 entry fetched" in run("bob", "sync", url)[1]
    assert [one["key"] for one in json.loads(run("bob", "ls", "--json")[1])] == [KEY]
    assert run("bob", "push", "/no/url")[0] == 2


def test_a_revoked_colleagues_results_are_no_more(tmp_path: Path, notebook: Path, run: Run) -> None:
    """What was pulled or unbundled is missing once its signer is revoked, and `why` says so."""
    url = f"file://{tmp_path}/team"
    run("ada", "push", url)
    run("ada", "bundle", "paper.ipynb", "-o", "one.zip")
    _trust(run)
    for fetching in (("pull", url), ("unbundle", "one.zip", "-o", "there")):
        assert run("bob", *fetching)[0] == 0
        assert run("bob", "status", "paper.ipynb", "--check")[0] != 4
        assert "name  Ada" in run("bob", "show", KEY)[1]
        assert "fetched ones included" in run("bob", "trust", "revoke", "Ada")[1]
        local._warned.clear()
        code, told = run("bob", "status", "paper.ipynb", "--check")
        assert (code, ".py:" in told) == (4, False)
        local._warned.clear()
        told = run("bob", "why", "paper.ipynb", "1")[1]
        assert "signed by Ada" in told
        assert "trust add" in told
        _trust(run)
        assert run("bob", "status", "paper.ipynb", "--check")[0] != 4
        run("bob", "clear", "--all")


def test_doctor_asks_the_shared_store(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers is told of with one's key; of one that does not, never the password."""
    monkeypatch.setenv("NBCACHE_STORE", "memory://team")
    told = run("ada", "doctor")[1]
    assert "memory://team answers" in told
    assert run("ada", "trust", "show")[1].strip() in told
    pytest.importorskip("redis")
    monkeypatch.setenv("NBCACHE_STORE", "redis://:hidden@127.0.0.1:1/0")
    found = json.loads(run("ada", "doctor", "--json")[1])
    assert {"shared store"} <= {
        one["subject"] for one in found["findings"] if one["state"] == "problem"
    }
    assert "hidden" not in json.dumps(found)
    assert "hidden" not in open_store("redis://:hidden@127.0.0.1:1/0").label


def test_trust_can_be_listed_and_revoked(notebook: Path, run: Run) -> None:
    """Whom one trusts is listed by name and ended by name; wrong words are usage errors."""
    assert "Nobody" in run("bob", "trust", "list")[1]
    _trust(run)
    assert [one["name"] for one in json.loads(run("bob", "trust", "list", "--json")[1])] == ["Ada"]
    assert run("bob", "trust", "revoke", "Ada")[0] == 0
    assert run("bob", "trust", "revoke", "Ada")[0] == 2
    assert run("bob", "trust", "add", "Ada", "no key")[0] == 2
    assert run("bob", "trust", "add")[0] == 2


def test_a_bundle_opens_warm_for_who_trusts(tmp_path: Path, notebook: Path, run: Run) -> None:
    """Notebook and entries come in one reproducible file; without trust nothing is unpacked."""
    assert run("ada", "bundle", "paper.ipynb", "-o", "one.zip")[0] == 0
    assert run("ada", "bundle", "paper.ipynb", "-o", "two.zip")[0] == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    code, told = run("bob", "unbundle", "one.zip", "-o", "there")
    assert (code, "--trust NAME" in told) == (1, True)
    assert not (tmp_path / "there").exists()
    assert run("bob", "unbundle", "one.zip", "-o", "there", "--trust", "Ada")[0] == 0
    assert (tmp_path / "there" / "paper.ipynb").read_bytes() == notebook.read_bytes()
    assert [one["key"] for one in json.loads(run("bob", "ls", "--json")[1])] == [KEY]
    assert run("bob", "unbundle", "one.zip", "-o", "again")[0] == 0
    assert run("bob", "unbundle", "one.zip", "-o", "other/mine.ipynb")[0] == 0
    assert (tmp_path / "other" / "mine.ipynb").read_bytes() == notebook.read_bytes()
    [old] = open_store().find(KEY)
    mine = replace(old, origin={}, stored_at=old.stored_at + 1.0)
    open_store().put(mine, Body(b"mine"))
    assert run("bob", "unbundle", "one.zip", "-o", "again")[0] == 0
    assert open_store().load(open_store().find(KEY)[0]).stream == b"mine"


def test_a_bundle_obeys_whose_entries_are_loaded(
    tmp_path: Path, notebook: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one's own, or anybody's: the user's setting; what cannot be loaded gains no trust."""
    assert run("ada", "bundle", "paper.ipynb", "-o", "one.zip")[0] == 0
    monkeypatch.setenv("NBCACHE_TRUST", "strict")
    code, told = run("bob", "unbundle", "one.zip", "--trust", "Ada")
    assert (code, "strict" in told) == (1, True)
    assert run("bob", "trust", "list", "--json")[1].strip() == "[]"
    monkeypatch.setenv("NBCACHE_TRUST", "off")
    assert run("bob", "unbundle", "one.zip", "-o", "there")[0] == 0
    monkeypatch.setattr("nbcache.store.envelope._memory_bytes", lambda: 100)
    code, told = run("carl", "unbundle", "one.zip", "-o", "elsewhere")
    assert (code, "not unpacked" in told) == (2, True)


def test_many_refusals_are_one_line(tmp_path: Path, notebook: Path, run: Run) -> None:
    """Entries that are refused for the same reason are told of once, and counted."""
    run("ada", "du")
    open_store().put(Entry(KEY, "2" * 16, 1.0, None, 2.0), Body(b"others"))
    assert run("ada", "push", f"file://{tmp_path}/team")[1] == "2 entries sent\n"
    told = run("bob", "pull", f"file://{tmp_path}/team")[1]
    assert told.count("refused: ") == 1
    assert "(and 1 more)" in told


def test_a_bundle_needs_recorded_results(tmp_path: Path, run: Run, notebook: Path) -> None:
    """A notebook that records nothing, and a file that is no bundle, are usage errors."""
    write(v4.new_notebook(cells=[v4.new_code_cell("x")]), tmp_path / "plain.ipynb")
    code, told = run("ada", "bundle", "plain.ipynb")
    assert (code, "--inplace" in told) == (2, True)
    (tmp_path / "no.zip").write_bytes(b"PK nothing")
    assert run("ada", "unbundle", "no.zip")[0] == 2


def test_verify_reads_every_byte(tmp_path: Path, notebook: Path, run: Run) -> None:
    """A damaged entry is found, and removed if that is asked for."""
    assert run("ada", "verify")[0] == 0
    (file,) = (tmp_path / "ada" / "store").rglob("output.nbc")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    code, told = run("ada", "verify", "--json")
    assert (code, len(json.loads(told)["problems"])) == (1, 1)
    assert run("ada", "verify", "--remove")[0] == 1
    assert run("ada", "verify")[0] == 0


def _bundle(made_from: Path, **changes: object) -> bytes:
    """Return a bundle like another one but for its description."""
    with zipfile.ZipFile(made_from) as file:
        parts = {one: file.read(one) for one in file.namelist()}
    about = {**json.loads(parts["bundle.json"]), **changes}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, data in {**parts, "bundle.json": json.dumps(about).encode()}.items():
            file.writestr(name, data)
    return made.getvalue()


def _encrypted(data: bytes) -> bytes:
    """Return an archive that says of its parts that they are encrypted."""
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data = re.sub(re.escape(sign) + rb"[\s\S]{%d}" % (place - 3),
                      lambda m: m[0][:-1] + bytes([m[0][-1] | 1]), data)  # fmt: skip
    return data


def test_a_damaged_or_hostile_bundle_is_refused_whole(
    tmp_path: Path, notebook: Path, run: Run
) -> None:
    """Names that lead out, wrong types, missing parts, flipped bytes: no trace of them stays."""
    assert run("ada", "bundle", "paper.ipynb", "-o", "one.zip")[0] == 0
    one = tmp_path / "one.zip"
    changes: list[dict[str, object]] = [
        {"entries": [5]}, {"entries": ["../x"]}, {"entries": [["a"]]}, {"entries": None},
        {"entries": [f"{'cd' * 16}.{VARIANT}"]}, {"made_by": 5}, {"made_by": "x"},
        {"notebook": "../a.ipynb"}, {"notebook": "a\nb.ipynb"}, {"notebook": "gone.ipynb"},
        {"notebook": 5}, {"version": 2},
    ]  # fmt: skip
    hostile = [_bundle(one, **change) for change in changes]
    hostile += [_encrypted(one.read_bytes()), b"", b"PK"]
    draws = random.Random(0)
    for _ in range(25):
        damaged = bytearray(one.read_bytes())
        damaged[draws.randrange(len(damaged))] ^= 1 << draws.randrange(8)
        hostile.append(bytes(damaged))
    for number, data in enumerate(hostile):
        (tmp_path / "bad.zip").write_bytes(data)
        code, told = run("bob", "unbundle", "bad.zip", "-o", "out", "--trust", "Ada")
        assert "Traceback" not in told
        if code == 0:  # a byte that says nothing, such as the moment of writing
            assert number >= len(changes) + 3
            assert (tmp_path / "out" / "paper.ipynb").read_bytes() == notebook.read_bytes()
            shutil.rmtree(tmp_path / "out")
            shutil.rmtree(tmp_path / "bob")
            continue
        assert not (tmp_path / "out").exists()
        assert run("bob", "trust", "list", "--json")[1].strip() == "[]"
        assert run("bob", "ls", "--json")[1].strip() == "[]"


def test_a_bundle_harms_no_file(tmp_path: Path, notebook: Path, run: Run) -> None:
    """It replaces neither its notebook nor what a link leads to, and is whole or not there."""
    before = notebook.read_bytes()
    assert run("ada", "bundle", "paper.ipynb", "-o", "paper.ipynb")[0] == 2
    assert notebook.read_bytes() == before
    assert run("ada", "bundle", "paper.ipynb", "-o", "one.zip")[0] == 0
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "paper.ipynb").symlink_to(tmp_path / "elsewhere")
    code, told = run("bob", "unbundle", "one.zip", "-o", "there", "--trust", "Ada")
    assert (code, "exists and differs" in told) == (2, True)
    assert not (tmp_path / "elsewhere").exists()
    assert run("bob", "trust", "list", "--json")[1].strip() == "[]"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert run("bob", "unbundle", "pipe")[0] == 2


def test_what_is_no_file_in_a_shared_folder_is_refused(
    tmp_path: Path, notebook: Path, run: Run
) -> None:
    """A pipe, a link to something endless and a file of a terabyte are told of and never read."""
    url = f"file://{tmp_path}/team"
    assert run("ada", "push", url)[0] == 0
    _trust(run)
    entry = next((tmp_path / "team").rglob("*.nbc"))
    harms: list[Callable[[], object]] = [
        lambda: os.truncate(entry, 1 << 40),
        lambda: (entry.unlink(), entry.symlink_to("/dev/zero")),
        lambda: (entry.unlink(), entry.mkdir()),
        lambda: (entry.rmdir(), os.mkfifo(entry)),
    ]
    for harm in harms:
        harm()
        code, told = run("bob", "pull", url)
        assert (code, "refused" in told) == (1, True)
