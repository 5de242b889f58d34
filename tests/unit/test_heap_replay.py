"""A replayed cell leaves the namespace as running it would, aliases and all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from heap_cases import CASES
from replaying import plain, record, replay

HERE = Path(__file__).resolve()

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of newer libraries


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back the real ``__main__`` after each test."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.mark.parametrize(("name", "setup", "cell", "checks"), CASES, ids=[c[0] for c in CASES])
def test_replay_equals_run(name: str, setup: str, cell: str, checks: list[str]) -> None:
    """After a replay every expression has the value that it has after a run."""
    expected = plain(setup, cell)
    replayed = replay(setup, cell, record(setup, cell))
    assert replayed.user_ns.keys() == expected.user_ns.keys()
    assert replayed.values(checks) == expected.values(checks)


def replay_all(source: Path) -> dict[str, str]:
    """Replay every recorded case of a file; return what went wrong by name."""
    wrong = {}
    recorded = pickle.loads(source.read_bytes())
    for name, setup, cell, checks in CASES:
        try:
            found = replay(setup, cell, recorded[name]).values(checks)
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"
            continue
        expected = plain(setup, cell).values(checks)
        if found != expected:
            wrong[name] = f"{found} instead of {expected}"
    return wrong


def test_replay_in_another_process_with_another_hash_seed(tmp_path: Path) -> None:
    """Keys, ordinals and values hold in a process that hashes strings in another way."""
    recorded = {name: record(setup, cell) for name, setup, cell, _ in CASES}
    target = tmp_path / "recorded.pickle"
    target.write_bytes(pickle.dumps(recorded))
    script = (
        "import sys, pathlib; from test_heap_replay import replay_all;"
        f"wrong = replay_all(pathlib.Path({str(target)!r}));"
        "sys.exit(repr(wrong) if wrong else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONHASHSEED": "4242"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
