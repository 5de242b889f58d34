"""PyTorch in real kernels: a training loop comes back after a restart, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernels import kernel

pytest.importorskip("torch", reason="torch is not installed: pip install torch")

BUILD = """%%cache
import torch
torch.manual_seed(0)
layers = torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(4, 1)
net = torch.nn.Sequential(*layers)
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
X = torch.randn(16, 2); y = X.sum(1, keepdim=True)
first = net[0].weight
"""
TRAIN = """%%cache
from torch.utils.data import DataLoader, TensorDataset
losses = []
for epoch in range(2):
    for a, b in DataLoader(TensorDataset(X, y), 4, shuffle=True):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(net(a), b)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
print(f"{losses[-1]:.6f}")
loss
"""
SETTINGS = "%%cache\ntorch.set_default_dtype(torch.float64)\nz = torch.zeros(1)"
CELLS = (BUILD, TRAIN, SETTINGS)
GO_ON = (
    "optimizer.step(); (first is net[0].weight, first.sum().item(), torch.rand(1).item(), z.dtype)"
)


def test_training_in_place_is_replayed(tmp_path: Path) -> None:
    """Parameters, optimizer state, the random stream and settings go on as after the run."""
    outcomes = []
    for seed in ("1", "2"):
        with kernel(tmp_path / "store", PYTHONHASHSEED=seed) as made:
            replies = [made.run(cell) for cell in CELLS]
            went_on = made.run(GO_ON).text
            states = [reply.state for reply in replies]
            outcomes.append((states, [reply.own for reply in replies], went_on))
    assert outcomes[0][0] == ["miss"] * 3
    assert outcomes[1][0] == ["hit"] * 3
    assert outcomes[1][1:] == outcomes[0][1:]
    assert outcomes[0][2].startswith("(True, ")
