"""PyTorch: what must not come back silently changed, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from replaying import Notebook, record, replay

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")

from nbcache.errors import ValueProblem  # noqa: E402  (torch must be there first)
from nbcache.heap.walk import Walk  # noqa: E402


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back the real ``__main__`` after each test."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


ONES = "import torch\nx = torch.ones(3, requires_grad=True)\n"
REFUSED = [
    (ONES, "y = x * 2", "`y` (torch.Tensor) carries the graph"),
    (ONES + "y = (x * x).sum()", "y.backward()", "gradient graph"),
    (ONES, "d = {'k': [x * 2]}", "d['k'][0]"),
    ("import torch", "t = torch.ones(2, device='meta')", "can't be read"),
    (
        "import torch",
        "with torch.inference_mode(): t = torch.eye(2).to_sparse()",
        "does not know",
    ),
    ("import torch", "f = torch.jit.script(torch.nn.Linear(2, 2))", "`f"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("setup", "cell", "reason"), REFUSED)
def test_live_graphs_and_odd_tensors_are_refused(setup: str, cell: str, reason: str) -> None:
    """A graph that can still be used, or memory that can't be read, is refused by its path."""
    with pytest.raises(ValueProblem) as caught:
        record(setup, cell)
    assert reason in str(caught.value)


def test_a_used_graph_raises_torchs_own_error_again() -> None:
    """A loss whose gradients were computed refuses to do it twice, run or replayed."""
    cell = "loss = (x * x).mean(); loss.backward()"
    replayed = replay(ONES, cell, record(ONES, cell))
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        replayed.run("loss.backward()")


def test_reading_a_tensor_leaves_its_storage_resizable() -> None:
    """A walk takes nothing away from a tensor, and a restored one can be resized."""
    notebook = Notebook()
    notebook.run("import torch\nx = torch.zeros(4)")
    notebook.read("x.sum()")
    notebook.run("x.resize_(100)")
    replay("import torch", "x = torch.zeros(4)", record("import torch", "x = torch.zeros(4)")).run(
        "x.resize_(100)"
    )


TWINS = [
    ("torch.zeros(2)", "torch.zeros(2, dtype=torch.float64)"),
    ("torch.zeros(2, 3)", "torch.zeros(3, 2)"),
    ("torch.zeros(2, 3)", "torch.zeros(3, 2).t()"),
    ("torch.zeros(2)", "-torch.zeros(2)"),
    ("torch.zeros(2)", "torch.zeros(2, requires_grad=True)"),
    ("torch.zeros(2)", "torch.nn.Parameter(torch.zeros(2), requires_grad=False)"),
    ("(x := torch.zeros(2), x[:1])", "(torch.zeros(2), torch.zeros(1))"),
    ("(a := np.zeros(2), torch.from_numpy(a))", "(np.zeros(2), torch.from_numpy(np.zeros(2)))"),
    ("(t := torch.zeros(2), t.numpy())", "(torch.zeros(2), torch.zeros(2).numpy())"),
    ("torch.Generator().manual_seed(1)", "torch.Generator().manual_seed(2)"),
    ("torch.float32", "torch.float64"),
    ("torch.ones(1, requires_grad=True) * 2", "torch.ones(1, requires_grad=True) * 3"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_tensors_that_look_alike_have_other_fingerprints(one: str, other: str) -> None:
    """Dtype, shape, strides, sign, gradients, sharing and graphs all count; equals agree."""
    found = []
    for text in (one, other, one):
        notebook = Notebook()
        notebook.run(f"import torch, numpy as np\nvalue = {text}")
        found.append(Walk(notebook.user_ns).fingerprint("value", notebook.user_ns["value"]))
    assert found[0] == found[2]
    assert found[0] != found[1]


def test_settings_of_torch_are_repeated_and_compared() -> None:
    """A default dtype set by a run is a change of the torch settings, which a hit repeats."""
    script = (
        "import torch; from nbcache.deps.ambient import AmbientTracker as T\n"
        "t = T(); t.start(); torch.set_default_dtype(torch.float64); seen = t.finish()\n"
        "assert seen.effect['torch'] == {'dtype': 'float64'}, seen\n"
        "torch.set_default_dtype(torch.float32)\n"
        "t.apply(seen.effect); assert torch.get_default_dtype() is torch.float64\n"
        "u = T(); u.start(); torch.zeros(1); late = u.finish().late\n"
        "assert u.check(late) is None; torch.set_default_dtype(torch.float32)\n"
        "assert 'torch setting dtype' in u.check(late), u.check(late)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
